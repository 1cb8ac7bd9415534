package conformance

import (
	"bufio"
	"cmp"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/deploy"
)

// commands: a daemon that takes commands is registered, answers them, keeps its token while nothing changes, gets another one
// when that is revoked, and has none left when it is gone.
func commands(p *project) {
	p.serve()
	p.manifest("daemons: { greeter: { image: IMAGE, command: [/daemon, commands], commandsEnabled: true } }\n")
	p.up(0, "--wait-for", "commands")
	first := p.only("greeter")
	p.manager("commands", "invoke", "--deployment", p.stack, "--command", "greet", "--params", `{"name":"Ada"}`).exits(0).says(`{"name":"Hello, Ada"}`)
	p.manager("commands", "invoke", "--deployment", p.stack, "--target", "greeter", "--command", "fail").exits(1).says("as it was asked to [ALWAYS_FAILS]")
	p.manager("commands", "invoke", "--deployment", p.stack, "--command", "nothing").exits(1).says("UNKNOWN_COMMAND")
	if s := p.daemonStatus(0, "greeter"); s.Commands == nil || s.Commands.LastPolledAt.IsZero() {
		p.Errorf("status does not tell when it asked for commands: %+v", s)
	}

	if shown := p.alien("daemon", "status", "-o", "json").exits(0); strings.Contains(shown.stdout+shown.stderr, api.PrefixReceiver) {
		p.Errorf("status shows the token:\n%s", shown.stdout)
	}
	if on, ok := p.on.(confiding); ok {
		on.confides(p.T, api.PrefixReceiver)
	}

	token := p.receiverToken()
	if c := outcome(p.T, p.up(0), "greeter"); c.Action != deploy.Unchanged || p.only("greeter") != first || p.receiverToken() != token {
		p.Errorf("an unchanged up did %s, and the token was %s and is %s", c.Action, token, p.receiverToken())
	}
	p.manager("tokens", "revoke", token).exits(0)
	if c := outcome(p.T, p.up(0, "--wait-for", "commands"), "greeter"); c.Action != deploy.Update || p.receiverToken() == token {
		p.Errorf("after its token was revoked it was %s", c.Action)
	}
	p.manager("commands", "invoke", "--deployment", p.stack, "--command", "greet", "--params", `{"name":"Bob"}`).exits(0).says("Hello, Bob")

	p.alien("daemon", "down").exits(0)
	if t := p.receiverTokens(); len(t) > 0 {
		p.Errorf("down left the tokens %v", t)
	}
}

// remoteManager: a manager that nothing on this machine tells of is named by its address, which is not the loopback's, and its key.
func remoteManager(p *project) {
	var serving struct{ BaseURL, AdminKey string }
	report := p.serve("XDG_STATE_HOME=" + p.T.TempDir())
	if err := json.Unmarshal([]byte(report), &serving); err != nil {
		p.Fatal(err)
	}
	p.manifest("daemons: { greeter: { image: IMAGE, command: [/daemon, commands], commandsEnabled: true } }\n")
	p.extra = append(p.extra, "ALIEN_MANAGER_URL="+serving.BaseURL, "ALIEN_API_KEY="+serving.AdminKey)
	p.up(0, "--wait-for", "commands")
	p.manager("commands", "invoke", "--deployment", p.stack, "--command", "greet", "--params", `{"name":"Ada"}`).exits(0).says("Hello, Ada")
	p.alien("daemon", "down").exits(0)
	if t := p.receiverTokens(); len(t) > 0 {
		p.Errorf("down left the tokens %v", t)
	}
}

// serve starts a manager for the project, at every address of this machine that has no port in use, and ends it with the test.
// Its base URL is not the loopback's. It gives the manager's report.
func (p *project) serve(env ...string) string {
	p.Helper()
	args := []string{"serve", "-o", "json"}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		p.Fatal(err)
	}
	slices.SortStableFunc(addresses, func(a, b net.Addr) int { return cmp.Compare(loops(a), loops(b)) }) // the first is the base URL
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			args = append(args, "--listen", n.IP.String()+":0")
		}
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(p.command().Env, env...)
	log, err := os.Create(filepath.Join(p.dir, "serve.log"))
	if err != nil {
		p.Fatal(err)
	}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = log.Close()
	})
	var report strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); { // its report comes when it serves
		report.WriteString(lines.Text() + "\n")
		if lines.Text() == "}" {
			return report.String()
		}
	}
	text, _ := os.ReadFile(log.Name())
	p.Fatalf("the manager does not serve:\n%s", text)
	return ""
}

// loops is 1 for an address of the loopback.
func loops(a net.Addr) int {
	if n, ok := a.(*net.IPNet); ok && n.IP.IsLoopback() {
		return 1
	}
	return 0
}

// manager runs a command that knows no target, only the manager.
func (p *project) manager(args ...string) result {
	p.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = p.dir, p.command().Env
	return p.finish(cmd)
}

func (p *project) receiverTokens() (ids []string) {
	p.Helper()
	for _, t := range decode[output.Tokens](p.manager("tokens", "list", "--deployment", p.stack, "-o", "json").exits(0)).Tokens {
		if t.TokenKind == "receiver" {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// receiverToken is the id of the only token of the deployment's daemons.
func (p *project) receiverToken() string {
	p.Helper()
	ids := p.receiverTokens()
	if len(ids) != 1 {
		p.Fatalf("want one token, have %v", ids)
	}
	return ids[0]
}
