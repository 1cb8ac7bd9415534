package conformance

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// ignoresTerm: what ignores SIGTERM is killed after its own grace, and not before.
func ignoresTerm(p *project) {
	p.manifest(`
daemons:
  api: { image: IMAGE, command: [/daemon, ignore-term], stopGracePeriodSeconds: 1 }
`)
	p.up(0)
	began := time.Now()
	p.alien("daemon", "down").exits(0)
	if took := time.Since(began); took < time.Second {
		p.Errorf("killed after %s, before its grace of 1s was over", took)
	}
	if left := p.on.leftovers(p.T, p.stack); len(left) != 0 {
		p.Errorf("down left %v", left)
	}
}

// stopGrace: a daemon that needs longer than Docker's usual ten seconds to stop is given the time, and one that ends at
// once is not waited for.
func stopGrace(p *project) {
	text := `
daemons:
  api:
    image: IMAGE
    command: [/daemon, stop-touch, TAKES, /shared/VERSION]
    runtime: { mounts: [{ source: DIR, target: /shared }] }
    environment: { V: "VERSION" }
`
	p.manifest(strings.NewReplacer("VERSION", "one", "TAKES", "11s").Replace(text))
	p.up(0)
	p.manifest(strings.NewReplacer("VERSION", "two", "TAKES", "10ms").Replace(text))
	p.up(0, "--timeout", "8s") // the grace of the old one does not count
	p.alien("daemon", "down").exits(0)
	for _, version := range []string{"one", "two"} {
		if _, err := os.Stat(filepath.Join(p.dir, version)); err != nil {
			p.Errorf("%s was killed before it had stopped: %v", version, err)
		}
	}
}

const neverReady = `
daemons:
  api:
    image: IMAGE
    command: [/daemon, slow-start, 10m, /tmp/ready]
    healthCheck: { command: [/daemon, health, /tmp/ready], intervalSeconds: 60, startPeriodSeconds: 600 }
`

// interrupt: a signal during a replacement that is not ready yet undoes it; there is no outage. An up that follows at
// once has what was put back to go back to, young as it is.
func interrupt(p *project) {
	p.manifest(oneRunning)
	p.up(0)
	before := p.only("api")
	p.manifest(neverReady)
	p.interrupted("running")
	if p.only("api") != before {
		p.Error("after the interrupt another instance than the old one runs")
	}
	p.manifest(failing)
	if got := outcome(p.T, p.up(4), "api"); got.Outcome != deploy.OutcomeRolledBack {
		p.Errorf("a failed update right after the interrupt: %+v %+v, want it rolled back", got, got.Verdict)
	}
	p.backToOne()
}

// interruptStop: a signal while the old instance takes its stop grace has it run again, long before the grace is over.
func interruptStop(p *project) {
	p.manifest(`
daemons:
  api: { image: IMAGE, command: [/daemon, ignore-term], stopGracePeriodSeconds: 120 }
`)
	p.up(0)
	before := p.only("api")
	p.manifest(oneRunning)
	p.interrupted("stopping")
	if p.only("api") != before {
		p.Error("after the interrupt another instance than the old one runs")
	}
}

// interrupted runs an up, sends it an interrupt when it has said a text, and sees that it then ends soon, with its code.
func (p *project) interrupted(when string) {
	p.Helper()
	up := p.command("daemon", "up", "--progress", "plain")
	var stdout bytes.Buffer
	var said strings.Builder
	up.Stdout = &stdout
	stderr, err := up.StderrPipe()
	if err != nil {
		p.Fatal(err)
	}
	if err := up.Start(); err != nil {
		p.Fatal(err)
	}
	said.WriteString(readUntil(stderr, when))
	began := time.Now()
	if err := up.Process.Signal(os.Interrupt); err != nil {
		p.Fatal(err)
	}
	said.WriteString(readUntil(stderr, ""))
	_ = up.Wait()
	took := time.Since(began)
	if code := up.ProcessState.ExitCode(); code != 130 || took > interruptLimit {
		p.Errorf("interrupted up: exit code %d after %s, want 130 within 5s\n%s%s", code, took, said.String(), stdout.String())
	}
}

// interruptLimit catches an interrupt that waits for a stop grace or for readiness, which take minutes here. That the bounds
// add up to the five seconds that are promised is held where time is virtual, in deploy's own tests: here it is that of a
// machine that runs all of this suite at once.
const interruptLimit = time.Minute

// fourAtOnce: runs at the same time take turns, and the result is that of one.
func fourAtOnce(p *project) {
	p.manifest(`
daemons:
  api:
    image: IMAGE
    command: [/daemon, single, /shared/lock]
    environment: { LEVEL: "1" }
    runtime: { mounts: [{ source: DIR, target: /shared }] }
`)
	var wait sync.WaitGroup
	results := make([]result, 4)
	for i := range results {
		wait.Go(func() {
			cmd := p.command("daemon", "up", "-o", "json", "--lock-timeout", "2m")
			cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+filepath.Join(p.dir, "state", string(rune('a'+i%2))))
			cmd.Env = append(cmd.Env, p.on.env()...) // a platform that lives there has only the one
			results[i] = p.finish(cmd)
		})
	}
	wait.Wait()
	for _, r := range results {
		r.exits(0)
	}
	p.only("api")
	if d := p.daemonStatus(0, "api"); d.Restarts != 0 || d.State != deploy.Running {
		p.Errorf("after four ups at once: %+v, want it running without a restart", d)
	}
	if left := p.on.instances(p.T, p.stack, "api"); len(left) != 1 {
		p.Errorf("four ups left %+v, want one instance", left)
	}
}

// readUntil reads lines until one contains text (to the end when text is empty), and gives what it read.
func readUntil(r io.Reader, text string) string {
	var said strings.Builder
	one := make([]byte, 1)
	for {
		if _, err := r.Read(one); err != nil {
			return said.String()
		}
		said.WriteByte(one[0])
		if text != "" && one[0] == '\n' && strings.Contains(said.String(), text) {
			return said.String()
		}
	}
}

// othersDuringUp: a restart and a down that come during an up wait for their turn, and none spoils the others.
func othersDuringUp(p *project) {
	p.manifest(`
daemons:
  api:
    image: IMAGE
    command: [/daemon, single, /shared/lock]
    runtime: { mounts: [{ source: DIR, target: /shared }] }
`)
	for range 2 {
		var wait sync.WaitGroup
		results := make([]result, 3)
		for i, command := range [][]string{{"up"}, {"restart", "api"}, {"up", "--force-recreate"}} {
			wait.Go(func() {
				args := append([]string{"daemon"}, append(command, "--lock-timeout", "2m")...)
				results[i] = p.alien(args...)
			})
		}
		wait.Wait()
		results[0].exits(0)
		results[2].exits(0)
		if results[1].code != 0 { // it came before there was anything
			results[1].exits(1).says("NOT_FOUND")
		}
		p.only("api")
	}
	var wait sync.WaitGroup
	var up, down result
	wait.Go(func() { up = p.alien("daemon", "up", "--force-recreate", "--lock-timeout", "2m") })
	wait.Go(func() { down = p.alien("daemon", "down", "--lock-timeout", "2m") })
	wait.Wait()
	up.exits(0)
	down.exits(0)
	p.up(0)
	p.only("api")
	p.alien("daemon", "down").exits(0)
	if left := p.on.leftovers(p.T, p.stack); len(left) != 0 {
		p.Errorf("they left %v", left)
	}
}
