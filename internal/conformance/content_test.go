package conformance

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// environment: every value arrives byte for byte, and nothing arrives that was not specified.
func environment(p *project) {
	values := map[string]string{
		"DOLLAR": "$", "DOLLARS": "$$", "PAREN": "$(HOME)", "BRACE_TEXT": "$$(X) $", "QUOTES": `a "b" 'c'`, "NEWLINES": "one\ntwo\n",
		"EMPTY": "", "SPACES": "  x  ", "UNICODE": "grün → \u2028", "BACKSLASH": `\n\t\\`, "FROM_ENV": "s$ecret${X}$(Y)", "FROM_FILE": "line $1\nline ${2}\n",
	}
	p.extra = []string{"FROM_ENV=" + values["FROM_ENV"]}
	p.file("secret.txt", values["FROM_FILE"])
	env := map[string]any{}
	for name, value := range values {
		env[name] = strings.ReplaceAll(value, "${", "$${") // the only escape of the manifest
	}
	env["FROM_ENV"] = map[string]string{"fromEnv": "FROM_ENV"}
	env["FROM_FILE"] = map[string]string{"fromFile": "secret.txt"}
	text, err := json.Marshal(map[string]any{"api": map[string]any{
		"image": p.expand("IMAGE"), "command": []string{"/daemon", "env"}, "environment": env, "links": []string{"files"}}})
	if err != nil {
		p.Fatal(err)
	}
	p.manifest("daemons: " + string(text) + "\nresources: { files: { type: storage, kubernetes: { service: s3, bucketName: files } } }\n")
	p.up(0)

	got := p.printedEnvironment()
	values["ALIEN_DEPLOYMENT_TYPE"] = "local"
	values["ALIEN_FILES_BINDING"] = `{"service":"local-storage","storagePath":"file:///var/lib/alien/files/"}`
	own := []string{"PATH", "HOSTNAME", "HOME"} // the runtime's
	if on, ok := p.on.(away); ok {
		values["ALIEN_DEPLOYMENT_TYPE"], own = on.deploymentType(), append(own, on.variables()...)
		values["ALIEN_FILES_BINDING"] = `{"service":"s3","bucketName":"files"}`
	}
	values["ALIEN_DEPLOYMENT_ID"], values["ALIEN_DEPLOYMENT_NAME"] = p.stack, p.stack
	for name, want := range values {
		if have, ok := got[name]; !ok || have != want {
			p.Errorf("%s arrived as %q (set: %t), want %q", name, have, ok, want)
		}
		delete(got, name)
	}
	for _, name := range own {
		delete(got, name)
	}
	if len(got) != 0 {
		p.Errorf("variables that nobody specified: %v", slices.Sorted(maps.Keys(got)))
	}
}

// printedEnvironment reads what the test daemon's mode env printed.
func (p *project) printedEnvironment() map[string]string {
	p.Helper()
	first, _, _ := strings.Cut(p.alien("daemon", "logs", "api", "-o", "json").exits(0).stdout, "\n")
	var line struct{ Text string }
	var list []string
	if err := json.Unmarshal([]byte(first), &line); err != nil {
		p.Fatalf("not a log line: %v: %s", err, first)
	}
	if err := json.Unmarshal([]byte(line.Text), &list); err != nil {
		p.Fatalf("not a printed environment: %v: %s", err, line.Text)
	}
	env := map[string]string{}
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	return env
}

// secrets: no command shows one, in any output format, also not in a failure, a diff or a document.
func secrets(p *project) {
	const old, young, file = "first-Hush-91827", "second-Hush-55443", "file-Hush-77112"
	text := `
daemons:
  api:
    image: IMAGE
    command: COMMAND
    environment: { TOKEN: { fromEnv: TOKEN }, CERT: { fromFile: cert.pem } }
    links: [cache]
resources:
  cache: { type: kv, local: { service: redis, connectionUrl: { fromEnv: TOKEN } }, kubernetes: { service: redis, connectionUrl: { fromEnv: TOKEN } } }
`
	p.file("cert.pem", file)
	p.extra = []string{"TOKEN=" + old}
	p.manifest(strings.Replace(text, "COMMAND", "[/daemon, run]", 1))
	var seen strings.Builder
	look := func(r result) result { seen.WriteString(r.stdout + r.stderr); return r }
	look(p.alien("daemon", "up", "-o", "json").exits(0))

	p.extra = []string{"TOKEN=" + young}
	look(p.alien("daemon", "diff", "--exit-code").exits(6)).says("environment.TOKEN", "environment.ALIEN_CACHE_BINDING")
	for _, args := range [][]string{{"diff"}, {"status"}, {"preflight"}, {"up", "--dry-run"}, {"ls"}} {
		for _, format := range []string{"text", "json", "yaml"} {
			look(p.alien(append(append([]string{"daemon"}, args...), "-o", format)...).exits(0))
		}
	}
	p.manifest(strings.Replace(text, "COMMAND", `[/daemon, exit, "1"]`, 1))
	look(p.alien("daemon", "up").exits(4))
	look(p.alien("daemon", "up", "-o", "yaml").exits(4))
	p.manifest(strings.Replace(text, "COMMAND", "7", 1))
	look(p.alien("daemon", "up").exits(3))
	look(p.alien("daemon", "down").exits(0))

	for _, secret := range []string{old, young, file} {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret))} {
			if strings.Contains(seen.String(), form) {
				p.Errorf("some output shows the secret %q as %q", secret, form)
			}
		}
	}
}

// logs: they are read and followed across a crash and across a replacement.
func logs(p *project) {
	text := `
daemons:
  api: { image: IMAGE, command: [/daemon, print, LINE] }
  other: { image: IMAGE, command: [/daemon, print, elsewhere] }
`
	p.manifest(strings.Replace(text, "LINE", "generation-1", 1))
	p.up(0)

	follow := p.command("daemon", "logs", "-f", "api")
	out, err := follow.StdoutPipe()
	if err != nil {
		p.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = follow.Process.Kill(); _, _ = io.Copy(io.Discard, out); _ = follow.Wait() })
	lines := bufio.NewScanner(out)
	p.expect(lines, "generation-1", "running")
	p.on.crash(p.T, p.stack, "api")
	p.expect(lines, "generation-1", "running")
	p.manifest(strings.Replace(text, "LINE", "generation-2", 1))
	p.up(0)
	p.expect(lines, "generation-2", "running")

	all := p.alien("daemon", "logs").exits(0).says("generation-2", "elsewhere")
	for line := range strings.Lines(all.stdout) {
		if !strings.HasPrefix(line, "api") && !strings.HasPrefix(line, "other") {
			p.Errorf("a line of several daemons' logs has no prefix: %q", line)
		}
	}
	tail := p.alien("daemon", "logs", "api", "--tail", "1").exits(0)
	if got := strings.Count(tail.stdout, "\n"); got != 1 || !strings.Contains(tail.stdout, "running") {
		p.Errorf("logs --tail 1 gives %q", tail.stdout)
	}
	p.alien("daemon", "logs", "nobody").exits(2).says("DAEMON_UNKNOWN")
}

// expect reads lines until each of the texts has been seen, in this order.
func (p *project) expect(lines *bufio.Scanner, texts ...string) {
	p.Helper()
	for _, text := range texts {
		found := false
		for !found && lines.Scan() {
			found = strings.Contains(lines.Text(), text)
		}
		if !found {
			p.Fatalf("the output ended before %q: %v", text, lines.Err())
		}
	}
}

func statusCodes(p *project) {
	p.manifest(oneRunning)
	if d := p.daemonStatus(4, "api"); d.State != deploy.Gone || d.UpToDate != "no" {
		p.Errorf("status before up: %+v", d)
	}
	p.up(0)
	p.status(0)
	p.alien("daemon", "status").exits(0).says("api", "ready")
	p.manifest(failing)
	p.up(4, "--no-rollback")
	if d := p.daemonStatus(4, "api"); d.Ready || d.LastExit == nil || d.LastExit.Code != 3 {
		p.Errorf("status of a crash loop: %+v", d)
	}
	p.file("alien.yaml", "name: "+p.stack+"\ndaemons: { api: { imagee: x } }\n")
	if d := p.daemonStatus(4, "api"); d.UpToDate != "unknown" {
		p.Errorf("status beside a broken manifest: up to date %s, want unknown", d.UpToDate)
	}
	p.alien("daemon", "status", "--stack", p.stack+"-none").exits(1).says("NOT_FOUND")
	p.alien("daemon", "down").exits(0)
}
