package supervisor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

func TestSupervisorKilled(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spec("api", "tick", "10ms")
	s.Health = &supervisor.Health{Command: []string{"/daemon", "health", "/tmp"}, Interval: 50 * time.Millisecond, Timeout: 5 * time.Second, Threshold: 3}
	id := h.up(s)
	h.said(id, "tick 2")
	before := h.status(id)
	h.killSupervisor()
	if got := h.processes(); len(got) != 1 || got[0] != before.PID {
		t.Fatalf("after the supervisor's death %v runs, want %d", got, before.PID)
	}
	h.open()
	after := h.status(id)
	if after.PID != before.PID || after.Observation.Restarts != 0 || after.Observation.State != fact.Running ||
		!after.Observation.StartedAt.Equal(before.Observation.StartedAt) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	h.await(id, "health", func(s supervisor.Status) bool { return s.Observation.Health == fact.Healthy })
	h.wholeTicks(id)
	if err := syscall.Kill(after.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	again := h.await(id, "the next run", func(s supervisor.Status) bool {
		return s.Observation.State == fact.Running && s.PID != before.PID && s.PID != 0
	})
	if e := again.Observation.LastExit; e.Code != -1 || again.Observation.Restarts != 1 {
		t.Errorf("after the end of an adopted one: %+v, %+v", again, e)
	}
}

// wholeTicks asserts that a ticking daemon's lines are there in their order. What the killed supervisor had read and not
// written yet may be missing.
func (h *house) wholeTicks(id string) {
	h.Helper()
	last, missing := 0, 0
	for line := range strings.Lines(h.logged(id)) {
		if text, ok := strings.CutPrefix(line, "stdout: tick "); ok {
			tick := atoi(strings.TrimSpace(text))
			if tick <= last {
				h.Fatalf("tick %d comes after %d", tick, last)
			}
			missing += tick - last - 1
			last = tick
		}
	}
	if last < 2 || missing > 5 {
		h.Errorf("of %d ticks %d are missing", last, missing)
	}
}

// TestDiedUnseen: a daemon that ends while there is no supervisor is started again, once.
func TestDiedUnseen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.up(h.spec("api", "run"))
	other := h.up(h.spec("other", "run"))
	before := h.status(id)
	h.killSupervisor()
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(soon(t), t, "its death", func() bool { return len(h.processes()) == 1 })
	h.open()
	after := h.awaitState(id, fact.Running)
	if after.Observation.Restarts != 1 || after.Observation.LastExit.Code != -1 {
		t.Errorf("after: %+v", after.Observation)
	}
	if got := h.status(other); got.Observation.Restarts != 0 {
		t.Errorf("the other one: %+v", got)
	}
	if got := h.processes(); len(got) != 2 {
		t.Errorf("%v run, want two", got)
	}
}

// TestStopIsNotForgotten: neither what was stopped nor what was being stopped comes back.
func TestStopIsNotForgotten(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	stopped := h.up(h.spec("stopped", "run"))
	if err := h.Stop(soon(t), stopped, supervisor.StopOptions{ByHand: true}); err != nil {
		t.Fatal(err)
	}
	s := h.spec("slow", "ignore-term")
	s.Grace = time.Second
	slow := h.up(s)
	h.said(slow, "running")
	go func() { _ = h.Stop(soon(t), slow, supervisor.StopOptions{}) }() // its supervisor dies
	h.said(slow, "ignoring")
	h.killSupervisor()
	h.open()
	h.awaitState(slow, fact.Stopped)
	if got := h.status(stopped); got.Wanted || got.Observation.State != fact.Stopped || !got.Observation.ByHand {
		t.Errorf("stopped before: %+v", got)
	}
	if left := h.processes(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestReboot: after the machine was started again a process with the same id and start is another one.
func TestReboot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spec("api", "run")
	id := h.up(s)
	pid := h.status(id).PID
	h.killSupervisor()
	state := filepath.Join(h.dir, "instances", id, "state.json")
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, state, strings.TrimSpace(string(boot)), "00000000-0000-0000-0000-000000000000")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil { // a reboot does that
		t.Fatal(err)
	}
	h.open()
	got := h.awaitState(id, fact.Running)
	if got.PID == pid || got.Observation.LastExit.Code != -1 {
		t.Errorf("after the reboot: %+v", got)
	}
}

func rewrite(t *testing.T, path, old, new string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(b), old) {
		t.Fatalf("%s: %v, no %q in %s", path, err, old, b)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(b), old, new)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTornFiles: what cannot be read is told, nothing is started beside it, and a removal ends what runs of it.
func TestTornFiles(t *testing.T) {
	for _, file := range []string{"state.json", "spec.json"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			whole := h.up(h.spec("whole", "run"))
			torn := h.up(h.spec("torn", "run"))
			h.killSupervisor()
			path := filepath.Join(h.dir, "instances", torn, file)
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, b[:len(b)/2], 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			h.open()
			got := h.status(torn)
			if p := got.Observation.Problem; p == nil || !strings.Contains(p.Message, "damaged") || !strings.Contains(p.Message, torn) {
				t.Errorf("torn: %+v", got)
			}
			if err := h.Start(soon(t), torn); err == nil {
				t.Error("it was started")
			}
			if got := h.status(whole); got.Observation.State != fact.Running || got.Observation.Restarts != 0 {
				t.Errorf("the other one: %+v", got)
			}
			if len(h.processes()) != 2 {
				t.Errorf("%v run, want both", h.processes())
			}
			if err := h.Remove(soon(t), torn, supervisor.StopOptions{}); err != nil {
				t.Fatal(err)
			}
			if len(h.processes()) != 1 {
				t.Errorf("%v run, want one", h.processes())
			}
		})
	}
}

// TestHalfMadeAndHalfRemoved: what a kill left of a creation or a removal is cleared away.
func TestHalfMadeAndHalfRemoved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.up(h.spec("api", "run"))
	h.killSupervisor()
	half := filepath.Join(h.dir, "instances", supervisor.NewID())
	if err := os.MkdirAll(filepath.Join(half, "upper", "closed"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(half, "upper", "closed"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(h.dir, "instances", id, "spec.json")); err != nil {
		t.Fatal(err)
	}
	h.open()
	if all, err := h.List(soon(t), ""); err != nil || len(all) != 0 {
		t.Errorf("instances: %+v, %v", all, err)
	}
	if left := h.processes(); len(left) != 0 {
		t.Errorf("processes: %v", left)
	}
}

// TestUnusableDirectory: a state directory that cannot be written is an error that says so.
func TestUnusableDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := supervisor.EnsureRunning(soon(t), filepath.Join(dir, "state"))
	var p *fact.Problem
	if !errors.As(err, &p) || !strings.Contains(p.Message, dir) {
		t.Errorf("got %v", err)
	}
	if os.Geteuid() == 0 {
		return
	}
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err = supervisor.EnsureRunning(soon(t), filepath.Join(closed, "state"))
	if !errors.As(err, &p) || !strings.Contains(p.Hint, "XDG_STATE_HOME") {
		t.Errorf("got %v", err)
	}
}

// TestManyAtOnce: commands at the same time start one supervisor.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.up(h.spec("api", "run"))
	for range 5 {
		h.killSupervisor()
		errs := make(chan error, 8)
		for range cap(errs) {
			go func() {
				_, err := supervisor.EnsureRunning(soon(t), h.dir)
				errs <- err
			}()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		one := h.supervisorPID()
		again := find(func(args []string) bool { return args[0] == "alien-supervisor" && len(args) > 1 && args[1] == h.dir })
		if one == 0 || one != again {
			t.Errorf("supervisors %d and %d", one, again)
		}
	}
	if len(h.processes()) != 1 {
		t.Errorf("%v run, want one", h.processes())
	}
}

// TestKilledAtAnyMoment kills the supervisor again and again while instances are created, replaced, restarted and
// removed. A daemon that finds another one of its kind running exits with 77. At the end every daemon runs once.
func TestKilledAtAnyMoment(t *testing.T) {
	moments := 50
	if testing.Short() {
		moments = 10
	}
	t.Parallel()
	h := newHouse(t)
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	daemons := []string{"a", "b", "c"}
	made := func(daemon string) supervisor.Spec {
		s := h.spec(daemon, "single", "/shared/"+daemon)
		s.Sandbox.Binds = []sandbox.Bind{{Source: shared, Target: "/shared"}}
		s.Grace = 5 * time.Second
		return s
	}
	for n := range moments {
		delay := time.Duration(rand.IntN(120)) * time.Millisecond
		ctx, cancel := context.WithTimeout(soon(t), 15*time.Second)
		work := make(chan struct{}, len(daemons))
		for _, daemon := range daemons {
			go func() {
				defer func() { work <- struct{}{} }()
				h.replace(ctx, made(daemon)) // cut off by the kill, or not
			}()
		}
		<-time.After(delay)
		if pid := h.supervisorPID(); pid != 0 {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				t.Fatal(err)
			}
		}
		for range daemons {
			<-work
		}
		cancel()
		h.open()
		h.noneTwice(n)
	}
	for _, daemon := range daemons {
		h.replace(soon(t), made(daemon))
	}
	h.eachOnce(daemons)
}

// replace removes what there is of a daemon and starts another instance, as far as it gets.
func (h *house) replace(ctx context.Context, s supervisor.Spec) {
	all, err := h.List(ctx, s.Stack)
	if err != nil {
		return
	}
	for _, old := range all {
		if old.Daemon == s.Daemon && h.Remove(ctx, old.ID, supervisor.StopOptions{}) != nil {
			return
		}
	}
	if h.Create(ctx, s, "current") == nil && h.Start(ctx, s.ID) == nil {
		_ = h.Restart(ctx, s.ID)
	}
}

// noneTwice asserts that no daemon found another one of its kind.
func (h *house) noneTwice(moment int) {
	h.Helper()
	all, err := h.List(soon(h.T), "")
	if err != nil {
		h.Fatal(err, h.complaints())
	}
	for _, s := range all {
		if strings.Contains(h.logged(s.ID), "overlap") {
			h.Fatalf("moment %d: two of %s ran at once:\n%s", moment, s.Daemon, h.logged(s.ID))
		}
	}
}

func (h *house) eachOnce(daemons []string) {
	h.Helper()
	all, err := h.List(soon(h.T), "")
	if err != nil {
		h.Fatal(err)
	}
	if len(all) != len(daemons) || len(h.processes()) != len(daemons) {
		h.Errorf("at the end there are %d instances and %d processes of %d daemons", len(all), len(h.processes()), len(daemons))
	}
	for _, s := range all {
		if s.Observation.State != fact.Running {
			h.Errorf("%s: %+v", s.Daemon, s.Observation)
		}
	}
}

// TestStartDiesWithSupervisor kills the supervisor as soon as it has recorded a start: a daemon's first one, and one after
// a crash. A start that dies with it is made again, and is neither an exit nor one more restart.
func TestStartDiesWithSupervisor(t *testing.T) {
	moments := 12 // of each
	if testing.Short() {
		moments = 5
	}
	t.Parallel()
	h := newHouse(t)
	for n := range moments {
		s := h.spec(fmt.Sprint("d", n), "run")
		if err := h.Create(soon(t), s, "current"); err != nil {
			t.Fatal(err)
		}
		go func() { _ = h.Start(soon(t), s.ID) }() // its supervisor dies, or not
		h.killAtStart(s.ID, 0)
		first := h.awaitState(s.ID, fact.Running)
		if o := first.Observation; o.Restarts != 0 || o.LastExit != nil {
			t.Fatalf("moment %d: a first start died with the supervisor: %+v\n%s", n, o, h.logged(s.ID))
		}
		if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		h.killAtStart(s.ID, first.PID)
		h.await(s.ID, "its second run", func(s supervisor.Status) bool { return s.PID != 0 && s.PID != first.PID })
		if o := h.status(s.ID).Observation; o.Restarts != 1 || strings.Count(h.logged(s.ID), "marker: exited") != 1 {
			t.Fatalf("moment %d: a second start died with the supervisor: %+v\n%s", n, o, h.logged(s.ID))
		}
		if err := h.Remove(soon(t), s.ID, supervisor.StopOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// killAtStart kills the supervisor when it has recorded another process of an instance than the one before, and has another
// supervisor take over.
func (h *house) killAtStart(id string, before int) {
	h.Helper()
	supervisor, state := h.supervisorPID(), filepath.Join(h.dir, "instances", id, "state.json")
	for ctx := soon(h.T); ; { // as fast as can be: what is to be hit is over in a moment
		var recorded struct{ Process *struct{ PID int } }
		if b, err := os.ReadFile(state); err != nil || json.Unmarshal(b, &recorded) != nil || ctx.Err() != nil {
			h.Fatalf("no start was recorded: %v, %s", err, b)
		}
		if p := recorded.Process; p != nil && p.PID != before {
			break
		}
	}
	if err := syscall.Kill(supervisor, syscall.SIGKILL); err != nil {
		h.Fatal(err)
	}
	h.open()
}
