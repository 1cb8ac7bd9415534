//go:build linux

package conformance

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
	"github.com/alienplatform/alien-go/internal/testbed"
)

func TestProcess(t *testing.T) { conform(t, newProcess(t)) }

// TestProcessAsOrdinaryUser passes the same suite without any rights, and a few of the moments of each kill test.
func TestProcessAsOrdinaryUser(t *testing.T) {
	dir, err := os.MkdirTemp("", "alien-daemons-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	testbed.Ordinary(t, []string{binaryVariable + "=" + binary, testbed.BuildDaemons(t, dir), "CI=" + os.Getenv("CI")},
		"-test.run=^TestProcess($|Killed|SupervisorKilled)", "-moments=12", "-test.parallel=4", "-test.timeout=10m")
}

// processRuntime is the local platform on the embedded process runtime, with one supervisor for all stacks of the suite.
type processRuntime struct {
	home   string // has the state, and the cache unless another one is shared
	cache  string
	images *images
}

// images are archives, each written once.
type images struct {
	mu   sync.Mutex
	dir  string
	have map[testbed.Variant]string
}

func newProcess(t *testing.T) processRuntime {
	t.Helper()
	if err := sandbox.Check(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	home, err := os.MkdirTemp("", "alien-process-")
	if err != nil {
		t.Fatal(err)
	}
	p := processRuntime{home: home, cache: filepath.Join(home, "cache"), images: &images{dir: t.TempDir(), have: map[testbed.Variant]string{}}}
	t.Cleanup(func() {
		if !t.Failed() {
			_ = sandbox.Remove(home)
		}
	})
	return p
}

func (p processRuntime) flags() []string {
	return []string{"--platform", "local", "--runtime", "process"}
}

func (p processRuntime) env() []string {
	return []string{"XDG_STATE_HOME=" + filepath.Join(p.home, "state"), "XDG_CACHE_HOME=" + p.cache}
}

func (p processRuntime) dir() string { return filepath.Join(p.home, "state", "alien", "process") }

// supervisor is what stands behind the platform; in a test's cleanup its context has ended already.
func (p processRuntime) supervisor(t *testing.T) (context.Context, *supervisor.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	t.Cleanup(cancel)
	c, err := supervisor.EnsureRunning(ctx, p.dir())
	if err != nil {
		t.Fatal(err)
	}
	return ctx, c
}

func (p processRuntime) list(t *testing.T, stack string) []supervisor.Status {
	t.Helper()
	ctx, c := p.supervisor(t)
	all, err := c.List(ctx, stack)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (p processRuntime) stack(t *testing.T) string {
	t.Helper()
	name := "test-" + supervisor.NewID()[:10]
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		c, err := supervisor.EnsureRunning(ctx, p.dir())
		if err != nil {
			t.Error(err)
			return
		}
		all, err := c.List(ctx, name)
		for _, s := range all {
			if err == nil {
				err = c.Remove(ctx, s.ID, supervisor.StopOptions{Grace: new(time.Duration)})
			}
		}
		if err != nil {
			t.Errorf("cannot clean up after stack %s: %v", name, err)
		}
	})
	return name
}

func (p processRuntime) image(t *testing.T, v testbed.Variant) string {
	t.Helper()
	p.images.mu.Lock()
	defer p.images.mu.Unlock()
	if p.images.have[v] == "" {
		path := filepath.Join(p.images.dir, strings.ReplaceAll(string(v), "+", "-"))
		if err := testbed.WriteArchive(testbed.DockerArchive, path, testbed.Build(t, v)); err != nil {
			t.Fatal(err)
		}
		p.images.have[v] = path
	}
	return "docker-archive:" + p.images.have[v]
}

func (p processRuntime) instances(t *testing.T, stack, daemon string) []instance {
	t.Helper()
	var found []instance
	for _, s := range p.list(t, stack) {
		if s.Daemon == daemon {
			found = append(found, instance{id: s.ID, running: s.PID != 0})
		}
	}
	return found
}

func (p processRuntime) crash(t *testing.T, stack, daemon string) {
	t.Helper()
	for _, s := range p.list(t, stack) {
		if s.Daemon == daemon && s.PID != 0 {
			if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (p processRuntime) stopByHand(t *testing.T, stack, daemon string) {
	t.Helper()
	ctx, c := p.supervisor(t)
	for _, s := range p.list(t, stack) {
		if s.Daemon == daemon && s.PID != 0 {
			if err := c.Stop(ctx, s.ID, supervisor.StopOptions{ByHand: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (p processRuntime) foreign(t *testing.T, _ string) func() {
	t.Skip("instances have no names that anything else could have")
	return nil
}

// limits: control groups are root's, unless a newer system hands some to its users.
func (p processRuntime) limits() bool { return os.Geteuid() == 0 }

func (p processRuntime) leftovers(t *testing.T, stack string) []string {
	t.Helper()
	var left []string
	for _, s := range p.list(t, stack) {
		left = append(left, "instance "+s.ID+" of "+s.Daemon)
	}
	for _, pattern := range []string{"data/" + stack + "/*", "locks/" + stack} {
		found, err := filepath.Glob(filepath.Join(p.dir(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	return left
}
