package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// behind is docker with every call of alien going through a proxy.
type behind struct {
	docker
	proxy *testbed.EngineProxy
}

func (b behind) env() []string { return []string{"DOCKER_HOST=" + b.proxy.Host} }

func behindProxy(t *testing.T) behind { return behind{newDocker(t), testbed.NewEngineProxy(t)} }

// TestDockerUnchangedUpChangesNothing: a second up makes no call that could change anything on the engine.
func TestDockerUnchangedUpChangesNothing(t *testing.T) {
	on := behindProxy(t)
	p := newProject(t, on)
	p.manifest(threeDaemons("1"))
	p.up(0)
	on.proxy.Reset()
	p.up(0)
	p.status(0)
	p.alien("daemon", "diff").exits(0)
	p.up(0, "--dry-run", "--force-recreate")
	changes := slices.DeleteFunc(on.proxy.Mutations(), func(c testbed.Call) bool {
		return strings.Contains(c.Path, "/exec") // a health check; it is a POST, and changes nothing
	})
	if m := changes; len(m) != 0 {
		t.Errorf("unchanged up, status, diff and a dry run made %d mutating calls: %v", len(m), m)
	}
	if len(on.proxy.Calls()) == 0 {
		t.Error("no call was seen at all: the proxy is not in between")
	}
}

// threeDaemons is a stack with a health check, a place of its own and a file lock that shows any overlap.
func threeDaemons(level string) string {
	return strings.ReplaceAll(`
daemons:
  api:
    image: IMAGE
    command: [/daemon, single, /shared/api.lock]
    environment: { LEVEL: "VALUE" }
    runtime: { mounts: [{ source: DIR, target: /shared }] }
  checked:
    image: IMAGE
    command: [/daemon, slow-start, 50ms, /tmp/ready]
    environment: { LEVEL: "VALUE" }
    healthCheck: { command: [/daemon, health, /tmp/ready] }
  stored:
    image: IMAGE
    command: [/daemon, single, /var/lib/alien/files/lock]
    environment: { LEVEL: "VALUE" }
    links: [files]
resources:
  files: { type: storage }
`, "VALUE", level)
}

// TestDockerKilledDuringCreate and its sibling kill up with SIGKILL just before and just after calls it makes to the
// engine; the next up must end as an undisturbed one does.
func TestDockerKilledDuringCreate(t *testing.T) {
	killAtCalls(t, func(t *testing.T) killable { return behindProxy(t) }, *someMoments, "", threeDaemons("1"))
}

func TestDockerKilledDuringReplace(t *testing.T) {
	killAtCalls(t, func(t *testing.T) killable { return behindProxy(t) }, *someMoments, threeDaemons("1"), threeDaemons("2"))
}

func (b behind) calls() int { return len(b.proxy.Calls()) }
func (b behind) reset()     { b.proxy.Reset() }

func (b behind) at(when string, f func(n int)) {
	if when == "before" {
		b.proxy.Before(func(n int, _ testbed.Call) { f(n) })
	} else {
		b.proxy.After(func(n int, _ testbed.Call) { f(n) })
	}
}

// settled asserts that nothing but the daemons of threeDaemons is there.
func (b behind) settled(p *project) {
	p.Helper()
	left := b.leftovers(p.T, p.stack)
	slices.Sort(left)
	want := []string{"container /" + p.stack + "-api", "container /" + p.stack + "-checked", "container /" + p.stack + "-stored", "volume " + p.stack + "-files"}
	if !slices.Equal(left, want) {
		p.Errorf("there are %v, want %v", left, want)
	}
}

// converges runs up and checks that all is as after an undisturbed one: each daemon once, nothing restarted, and nothing to
// do for a further up.
func (p *project) converges() {
	p.Helper()
	p.up(0)
	status := p.status(0)
	for _, d := range status.Daemons {
		p.only(d.Daemon)
		if all := p.on.instances(p.T, p.stack, d.Daemon); len(all) != 1 {
			p.Errorf("%s has %+v, want one instance", d.Daemon, all)
		}
		if d.Restarts != 0 || d.UpToDate != "yes" || d.Unfinished || d.Renamed != "" || len(d.Duplicates) != 0 {
			p.Errorf("status: %+v, want it up to date and never restarted", d)
		}
	}
	for _, d := range p.up(0).Daemons {
		if d.Action != deploy.Unchanged {
			p.Errorf("a further up would %s %s", d.Action, d.Daemon)
		}
	}
}

// TestDockerClearsUp: what a killed run has left goes with the next up or down, also where no daemon changes.
func TestDockerClearsUp(t *testing.T) {
	for _, last := range []string{"up", "down"} {
		t.Run(last, func(t *testing.T) {
			t.Parallel()
			on := behindProxy(t)
			p := newProject(t, on)
			if last == "up" {
				p.manifest(oneRunning)
				p.up(0)
			}
			p.manifest(strings.Replace(oneRunning, `"1"`, `"2"`, 1))
			isCreate := func(c testbed.Call) bool { return strings.HasSuffix(c.Path, "/containers/create") }
			p.killedAfter(on.proxy, isCreate)
			p.manifest(oneRunning)
			want := map[string]int{"up": 1, "down": 0}[last]
			if left := p.on.leftovers(t, p.stack); len(left) != want+2 {
				t.Errorf("the killed up left %v, want a ticket and a prepared container", left)
			}
			p.alien("daemon", "diff").exits(0)
			p.alien("daemon", last).exits(0)
			if left := p.on.leftovers(t, p.stack); len(left) != want {
				t.Errorf("%s left %v", last, left)
			}
		})
	}
}

// killedAfter runs an up and kills it when the engine has answered a call.
func (p *project) killedAfter(proxy *testbed.EngineProxy, which func(testbed.Call) bool) {
	p.Helper()
	up := p.command("daemon", "up")
	started := make(chan struct{})
	proxy.After(func(_ int, c testbed.Call) {
		if which(c) {
			<-started
			_ = up.Process.Kill()
		}
	})
	if err := up.Start(); err != nil {
		p.Fatal(err)
	}
	close(started)
	_ = up.Wait()
	proxy.Reset()
	if code := up.ProcessState.ExitCode(); code != -1 {
		p.Fatalf("up ended by itself with exit code %d", code)
	}
}

// TestDockerEngineRestartDuringUp: the engine goes away in the middle of an update and comes back. That up may fail or
// succeed, but it ends, and the next one converges.
func TestDockerEngineRestartDuringUp(t *testing.T) {
	own := testbed.OwnEngine(t)
	on := docker{own.API}
	p := newProject(t, on)
	hostNet := strings.NewReplacer("image: IMAGE", "image: IMAGE\n    runtime: { networkMode: host }")
	p.manifest(hostNet.Replace(oneOwn("1", "run")))
	p.up(0)
	p.manifest(hostNet.Replace(oneOwn("2", "slow-start, 1s, /tmp/ready")))
	up := p.command("daemon", "up", "--progress", "plain")
	stderr, err := up.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	said := readUntil(stderr, "running")
	own.Restart(t)
	said += readUntil(stderr, "")
	_ = up.Wait()
	if code := up.ProcessState.ExitCode(); code != 0 && code != 1 && code != 4 {
		t.Errorf("up while the engine restarted: exit code %d\n%s", code, said)
	}
	p.up(0)
	p.only("api")
	if all := on.instances(t, p.stack, "api"); len(all) != 1 {
		t.Errorf("after the engine's restart there are %+v, want one instance", all)
	}
}

// TestDockerEngineRestartAfterFailedUpdate: a kept previous container must not come back beside the new one.
func TestDockerEngineRestartAfterFailedUpdate(t *testing.T) {
	own := testbed.OwnEngine(t)
	on := docker{own.API}
	p := newProject(t, on)
	hostNet := strings.NewReplacer("image: IMAGE", "image: IMAGE\n    runtime: { networkMode: host }")
	p.manifest(hostNet.Replace(oneOwn("1", "run")))
	p.up(0)
	p.manifest(hostNet.Replace(oneOwn("2", `exit, "1", after, 10m`)))
	p.up(0, "--no-wait")
	for _, restart := range []func(testing.TB){own.Restart, func(t testing.TB) { own.Kill(t); own.Start(t) }} {
		restart(t)
		if ids := running(on.instances(t, p.stack, "api")); len(ids) > 1 {
			t.Errorf("after the engine's restart %v run", ids)
		}
	}
	p.up(0)
	p.only("api")
}

// oneOwn is a stack of one daemon for an engine without a network.
func oneOwn(level, command string) string {
	return fmt.Sprintf(`
daemons:
  api:
    image: IMAGE
    command: [/daemon, %s]
    environment: { LEVEL: %q }
`, command, level)
}
