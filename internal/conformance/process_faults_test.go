//go:build linux

package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

// inFront is the process runtime with a state directory of its own, and all calls to its supervisor going through a proxy.
type inFront struct {
	processRuntime
	proxy *supervisorProxy
}

func (f inFront) env() []string {
	return []string{"XDG_STATE_HOME=" + f.proxy.front, "XDG_CACHE_HOME=" + f.cache}
}

// supervisorProxy stands in a directory that looks like the supervisor's, and counts what commands ask.
type supervisorProxy struct {
	front, real string // state homes' directories
	mu          sync.Mutex
	quiet       *sync.Cond // no call is under way
	underway    int        // calls that were not answered yet
	n           int
	at          func(supervisorCall) (goOn bool)
}

// supervisorCall is a call on its way, or its answer.
type supervisorCall struct {
	n        int
	op       string
	answered bool
	pid      int // of the supervisor
}

// newInFront shares the cache and the images of a runtime.
func newInFront(t *testing.T, of processRuntime) inFront {
	t.Helper()
	home, err := os.MkdirTemp("", "ap-")
	if err != nil {
		t.Fatal(err)
	}
	f := inFront{processRuntime: of, proxy: &supervisorProxy{front: filepath.Join(home, "front")}}
	f.home = home
	f.proxy.real = f.dir()
	f.proxy.quiet = sync.NewCond(&f.proxy.mu)
	front := filepath.Join(f.proxy.front, "alien", "process")
	for _, name := range []string{"instances", "locks", "data"} {
		for _, err := range []error{os.MkdirAll(filepath.Join(f.dir(), name), 0o700), os.MkdirAll(front, 0o700),
			os.Symlink(filepath.Join(f.dir(), name), filepath.Join(front, name))} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	l, err := net.Listen("unix", filepath.Join(front, "supervisor.sock"))
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	ctx := context.WithoutCancel(t.Context())
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { f.proxy.serve(ctx, conn) })
		}
	})
	t.Cleanup(func() { // after the stack's own
		_ = l.Close()
		served.Wait()
		if !t.Failed() {
			_ = sandbox.Remove(home)
		}
	})
	return f
}

// hook sets what is called before each call is handed on, and when it was answered; it says whether that is done. The count
// begins anew.
func (p *supervisorProxy) hook(at func(supervisorCall) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n, p.at = 0, at
}

func (p *supervisorProxy) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// serve hands one connection on: greeting, request, answer, and what follows that.
func (p *supervisorProxy) serve(ctx context.Context, client net.Conn) {
	defer client.Close()
	if _, err := supervisor.EnsureRunning(ctx, p.real); err != nil {
		return
	}
	behind, err := net.Dial("unix", filepath.Join(p.real, "supervisor.sock"))
	if err != nil {
		return
	}
	defer behind.Close()
	fromClient, fromBehind := bufio.NewReader(client), bufio.NewReader(behind)
	var hello struct{ PID int }
	greeting, err := fromBehind.ReadBytes('\n')
	if err != nil || json.Unmarshal(greeting, &hello) != nil {
		return
	}
	if _, err := client.Write(greeting); err != nil {
		return
	}
	request, err := fromClient.ReadBytes('\n')
	if err != nil { // it only wanted to know whether somebody is there
		return
	}
	call := supervisorCall{pid: hello.PID}
	_ = json.Unmarshal(request, &struct{ Op *string }{&call.op})
	goOn := p.comes(&call)
	answered := sync.OnceFunc(p.answered)
	defer answered()
	if !goOn(false) {
		return
	}
	if _, err := behind.Write(request); err != nil {
		return
	}
	answer, err := fromBehind.ReadBytes('\n')
	if err != nil {
		return
	}
	answered()
	if !goOn(true) {
		return
	}
	if _, err := client.Write(answer); err != nil {
		return
	}
	go func() { _, _ = io.Copy(io.Discard, fromClient); _ = behind.Close() }() // a watch ends with its client
	_, _ = io.Copy(client, fromBehind)
}

// comes counts a call, and says how to ask whether it is to go on.
func (p *supervisorProxy) comes(call *supervisorCall) (goOn func(answered bool) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	p.underway++
	call.n = p.n
	at := p.at
	return func(answered bool) bool {
		call.answered = answered
		return at == nil || at(*call)
	}
}

func (p *supervisorProxy) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underway--
	p.quiet.Broadcast()
}

// settle waits until no call is under way: a proxy delays what a dead client asked for, as a socket hardly does.
func (p *supervisorProxy) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.underway > 0 {
		p.quiet.Wait()
	}
}

// TestProcessKilledDuringCreate and its siblings kill up, or the supervisor, with SIGKILL just before and just after calls
// that up makes to the supervisor; the next up must end as an undisturbed one does.
func TestProcessKilledDuringCreate(t *testing.T) {
	eachSupervisorCall(t, "", threeDaemons("1"), killUp)
}

func TestProcessKilledDuringReplace(t *testing.T) {
	eachSupervisorCall(t, threeDaemons("1"), threeDaemons("2"), killUp)
}

func TestProcessSupervisorKilledDuringReplace(t *testing.T) {
	eachSupervisorCall(t, threeDaemons("1"), threeDaemons("2"), killSupervisor)
}

// victim is what is killed.
type victim string

const (
	killUp         victim = "up"
	killSupervisor victim = "supervisor"
)

// eachSupervisorCall sees how many calls an undisturbed up of second makes, after one of first (if any), and then disturbs
// another such up at one moment after another.
func eachSupervisorCall(t *testing.T, first, second string, who victim) {
	base := newProcess(t)
	calls := supervisorCalls(t, base, first, second)
	every := 1
	if n := 2 * calls; !*everyMoment && n > *someMoments {
		every = n / *someMoments
	}
	var killed atomic.Int32
	t.Run("moments", func(t *testing.T) {
		for i := 0; i < 2*calls; i += every {
			when, call := []string{"before", "after"}[i/every%2], i/2+1
			t.Run(fmt.Sprintf("%s call %d", when, call), func(t *testing.T) {
				t.Parallel()
				if disturb(t, base, first, second, who, when == "after", call) {
					killed.Add(1)
				}
			})
		}
	})
	// Calls made at the same time come in another order each time: the last moments may not come.
	t.Logf("the %s was killed at %d moments, of %d calls", who, killed.Load(), calls)
	if n := int(killed.Load()); n*10 < 9*min(*someMoments, 2*calls) {
		t.Errorf("the %s was killed at %d moments only, of %d calls", who, n, calls)
	}
}

func supervisorCalls(t *testing.T, base processRuntime, first, second string) int {
	p, proxy := prepared(t, base, first)
	p.manifest(second)
	p.up(0)
	return proxy.calls()
}

// prepared is a project behind a proxy, with the first manifest up.
func prepared(t *testing.T, base processRuntime, first string) (*project, *supervisorProxy) {
	on := newInFront(t, base)
	p := newProject(t, on)
	if first != "" {
		p.manifest(first)
		p.up(0)
	}
	on.proxy.hook(nil)
	return p, on.proxy
}

// disturb kills somebody at one moment of one up, and checks what the next makes of it. It tells whether the moment came.
func disturb(t *testing.T, base processRuntime, first, second string, who victim, answered bool, call int) bool {
	p, proxy := prepared(t, base, first)
	p.manifest(second)
	up := p.command("daemon", "up")
	var said bytes.Buffer
	up.Stdout, up.Stderr = &said, &said
	started := make(chan struct{})
	var came atomic.Bool
	proxy.hook(func(c supervisorCall) bool {
		if c.n != call || c.answered != answered {
			return true
		}
		<-started
		came.Store(true)
		if who == killSupervisor {
			_ = syscall.Kill(c.pid, syscall.SIGKILL)
			return true
		}
		_ = up.Process.Kill()
		return false
	})
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	err := up.Wait()
	proxy.hook(nil)
	proxy.settle()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != -1 && (who == killUp || exit.ExitCode() != 1 && exit.ExitCode() != 4) {
		t.Fatalf("up ended by itself with exit code %d\n%s", exit.ExitCode(), said.String())
	}
	p.converges()
	if left := p.on.leftovers(t, p.stack); len(left) != 4 {
		t.Errorf("there are %v, want three instances and the data", left)
	}
	return came.Load()
}

// TestProcessClearsUp: what a killed run has left goes with the next up or down, also where no daemon changes.
func TestProcessClearsUp(t *testing.T) {
	base := newProcess(t)
	for _, last := range []string{"up", "down"} {
		t.Run(last, func(t *testing.T) {
			t.Parallel()
			first, want := "", 0
			if last == "up" {
				first, want = oneRunning, 1
			}
			p, proxy := prepared(t, base, first)
			p.manifest(strings.Replace(oneRunning, `"1"`, `"2"`, 1))
			up := p.command("daemon", "up")
			started := make(chan struct{})
			proxy.hook(func(c supervisorCall) bool {
				if c.op != "create" || !c.answered {
					return true
				}
				<-started
				_ = up.Process.Kill()
				return false
			})
			if err := up.Start(); err != nil {
				t.Fatal(err)
			}
			close(started)
			_ = up.Wait()
			proxy.hook(nil)
			if code := up.ProcessState.ExitCode(); code != -1 {
				t.Fatalf("up ended by itself with exit code %d", code)
			}
			p.manifest(oneRunning)
			if left := p.on.leftovers(t, p.stack); len(left) != want+2 {
				t.Errorf("the killed up left %v, want a lock and a prepared instance", left)
			}
			p.alien("daemon", last).exits(0)
			if left := p.on.leftovers(t, p.stack); len(left) != want {
				t.Errorf("%s left %v", last, left)
			}
		})
	}
}
