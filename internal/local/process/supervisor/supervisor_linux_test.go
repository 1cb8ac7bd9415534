package supervisor_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

func TestLifeOfAnInstance(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spec("api", "run")
	s.Record = []byte(`{"hash":"abc"}`)
	if err := h.Create(soon(t), s, "next"); err != nil {
		t.Fatal(err)
	}
	if got := h.status(s.ID); got.Observation.State != fact.Created || got.Role != "next" || got.Wanted || string(got.Record) != `{"hash":"abc"}` {
		t.Errorf("created: %+v", got)
	}
	if err := h.Assign(soon(t), s.ID, "current"); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(soon(t), s.ID); err != nil {
		t.Fatal(err)
	}
	got := h.status(s.ID)
	if got.Observation.State != fact.Running || got.Role != "current" || !got.Wanted || got.PID == 0 || got.Observation.StartedAt.IsZero() {
		t.Errorf("started: %+v", got)
	}
	h.said(s.ID, "running")
	if err := h.Stop(soon(t), s.ID, supervisor.StopOptions{ByHand: true}); err != nil {
		t.Fatal(err)
	}
	got = h.status(s.ID)
	if got.Observation.State != fact.Stopped || !got.Observation.ByHand || got.Wanted || got.Observation.LastExit.Code != 0 {
		t.Errorf("stopped: %+v", got)
	}
	if want := "stdout: running\nstdout: stopping: terminated\nmarker: exited with code 0\n"; h.logged(s.ID) != want {
		t.Errorf("log:\n%s", h.logged(s.ID))
	}
	if err := h.Start(soon(t), s.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(soon(t), s.ID, supervisor.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := h.status(s.ID); got.Observation.State != fact.Gone {
		t.Errorf("removed: %+v", got)
	}
	if err := h.Remove(soon(t), s.ID, supervisor.StopOptions{}); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
}

func TestCrashes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.up(h.spec("api", "crash-until", "3", "/tmp/count"))
	got := h.await(id, "the fourth run", func(s supervisor.Status) bool {
		return s.Observation.State == fact.Running && s.Observation.Restarts == 3
	})
	if e := got.Observation.LastExit; e == nil || e.Code != 1 {
		t.Errorf("last exit: %+v", e)
	}
	h.said(id, "running")
	if got := h.logged(id); strings.Count(got, "marker: exited with code 1\n") != 3 || strings.Count(got, "marker: started again\n") != 3 {
		t.Errorf("log:\n%s", got)
	}
	first := h.status(id)
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	back := h.awaitState(id, fact.BackOff)
	if e := back.Observation.LastExit; e.Signal != "SIGKILL" || e.Code != 137 || e.OOM || back.Observation.NextStart.Before(e.At) {
		t.Errorf("back-off: %+v, %+v", back, e)
	}
	again := h.awaitState(id, fact.Running)
	if !again.Observation.StartedAt.After(first.Observation.StartedAt) || again.Observation.Restarts != 4 {
		t.Errorf("again: %+v", again)
	}
}

func TestStartThatFails(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spec("api", "run")
	s.Sandbox.Args = []string{"/nothing"}
	if err := h.Create(soon(t), s, ""); err != nil {
		t.Fatal(err)
	}
	err := h.Start(soon(t), s.ID)
	var p *fact.Problem
	if !errors.As(err, &p) || p.Reason != fact.CommandNotFound {
		t.Errorf("start: %v", err)
	}
	got := h.status(s.ID)
	if got.Wanted || got.Observation.State != fact.Created || got.Observation.Problem == nil || got.Observation.Problem.Reason != fact.CommandNotFound {
		t.Errorf("afterwards: %+v", got)
	}
	h.up(h.spec("api", "run")) // nothing is in its way
}

func TestStopGrace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spec("api", "ignore-term")
	s.Grace = 300 * time.Millisecond
	id := h.up(s)
	h.said(id, "running")
	began := time.Now()
	if err := h.Stop(soon(t), id, supervisor.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < s.Grace {
		t.Errorf("killed after %s, before its grace", took)
	}
	if e := h.status(id).Observation.LastExit; e.Signal != "SIGKILL" {
		t.Errorf("it ended as %+v", e)
	}
	if left := h.processes(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestStopAtOnce: a daemon that cannot have made arrangements for SIGTERM yet ends from it nevertheless.
func TestStopAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spec("api", "run")
	s.Grace = time.Minute
	if err := h.Create(soon(t), s, ""); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if err := h.Start(soon(t), s.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.Stop(soon(t), s.ID, supervisor.StopOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestShortenedGrace: a second stop with a shorter grace makes the first one end sooner.
func TestShortenedGrace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spec("api", "ignore-term")
	s.Grace = time.Hour
	id := h.up(s)
	h.said(id, "running")
	first := make(chan error, 1)
	go func() { first <- h.Stop(soon(t), id, supervisor.StopOptions{}) }()
	h.said(id, "ignoring: terminated")
	none := time.Duration(0)
	if err := h.Stop(soon(t), id, supervisor.StopOptions{Grace: &none}); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// TestOneOfADaemon: two instances of one daemon never run at once.
func TestOneOfADaemon(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.up(h.spec("api", "run"))
	second := h.spec("api", "run")
	if err := h.Create(soon(t), second, "next"); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(soon(t), second.ID); err == nil {
		t.Error("a second one was started beside the first")
	}
	if err := h.Stop(soon(t), first, supervisor.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(soon(t), second.ID); err != nil {
		t.Errorf("after the first had stopped: %v", err)
	}
	if err := h.Start(soon(t), first); err == nil {
		t.Error("the first was started beside the second")
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.up(h.spec("api", "run"))
	before := h.status(id)
	if err := h.Restart(soon(t), id); err != nil {
		t.Fatal(err)
	}
	after := h.status(id)
	if after.PID == before.PID || after.Observation.State != fact.Running || after.Observation.Restarts != 0 || !after.Wanted {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spec("api", "slow-start", "400ms", "/tmp/ready")
	s.Health = &supervisor.Health{Command: []string{"/daemon", "health", "/tmp/ready"}, Interval: time.Hour, Timeout: 5 * time.Second, Threshold: 3}
	id := h.up(s)
	bad := h.await(id, "a failed check", func(s supervisor.Status) bool { return s.Observation.Probe != nil })
	if o := bad.Observation; o.Health != fact.Starting || o.Probe.Code != 1 || !strings.Contains(o.Probe.Output, "not ready") {
		t.Errorf("while it starts: %+v", o)
	}
	h.await(id, "health", func(s supervisor.Status) bool { return s.Observation.Health == fact.Healthy })

	s = h.spec("sick", "unhealthy-after", "100ms", "/tmp/ready")
	s.Health = &supervisor.Health{Command: []string{"/daemon", "health", "/tmp/ready"}, Interval: 50 * time.Millisecond, Timeout: 5 * time.Second, Threshold: 2}
	id = h.up(s)
	sick := h.await(id, "sickness", func(s supervisor.Status) bool { return s.Observation.Health == fact.Unhealthy })
	if sick.Observation.State != fact.Running || sick.Observation.Restarts != 0 {
		t.Errorf("sick: %+v", sick)
	}
}

// TestHealthThatCannotBeChecked: a command that cannot be run is told from one that does not end in time.
func TestHealthThatCannotBeChecked(t *testing.T) {
	t.Parallel()
	for command, c := range map[string]struct {
		args []string
		code int
	}{
		"missing":        {[]string{"/no/such/check"}, 127},
		"not executable": {[]string{"/tmp"}, 126},
		"too slow":       {[]string{"/daemon", "run"}, -1},
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			s := h.spec("api", "run")
			s.Health = &supervisor.Health{Command: c.args, Interval: time.Hour, Timeout: 200 * time.Millisecond, Threshold: 3}
			got := h.await(h.up(s), "a failed check", func(s supervisor.Status) bool { return s.Observation.Probe != nil }).Observation.Probe
			if got.Code != c.code {
				t.Errorf("code %d, want %d: %s", got.Code, c.code, got.Output)
			}
		})
	}
}

// TestEndsByItself: with nothing to keep there is no supervisor, and the next call starts one.
func TestEndsByItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	pid := h.supervisorPID()
	waitFor(soon(t), t, "the end of the supervisor", func() bool { return syscall.Kill(pid, 0) != nil })
	if _, err := h.List(soon(t), ""); err != nil {
		t.Error(err)
	}
	if again := h.supervisorPID(); again == 0 || again == pid {
		t.Errorf("supervisor %d after %d", again, pid)
	}
}

func TestFilesAreOurs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.up(h.spec("api", "run"))
	for name, want := range map[string]os.FileMode{
		"": os.ModeDir | 0o700, "supervisor.sock": os.ModeSocket | 0o600, "instances": os.ModeDir | 0o700, "instances/" + id: os.ModeDir | 0o700,
		"instances/" + id + "/spec.json": 0o600, "instances/" + id + "/state.json": 0o600, "instances/" + id + "/log": 0o600,
	} {
		info, err := os.Lstat(filepath.Join(h.dir, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%q: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

// TestTooManyFiles: a supervisor that cannot open one more file says so once, waits, and then serves the client.
func TestTooManyFiles(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.up(h.spec("api", "run"))
	pid := h.supervisorPID()
	var before unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	none := before
	none.Cur = 3
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &none, nil); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := h.List(soon(t), "")
		answer <- err
	}()
	waitFor(soon(t), t, "the complaint", func() bool { return strings.Contains(h.complaints(), "too many open files") })
	<-time.After(3 * time.Second / 10) // in which one that did not wait would say it many times
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Error(err)
	}
	if n := strings.Count(h.complaints(), "cannot accept"); n != 1 {
		t.Errorf("it said %d times that it cannot accept:%s", n, h.complaints())
	}
	if got := h.status(id); got.Observation.State != fact.Running || got.Observation.Restarts != 0 {
		t.Errorf("the daemon: %+v", got)
	}
}
