package supervisor_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	_ "github.com/alienplatform/alien-go/internal/local/process/stage"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// asUser tells a test binary that it was run again as an ordinary user, and where the test daemon is.
const asUser = "SUPERVISOR_TEST_DAEMON"

// TestAsOrdinaryUser runs all other tests again as a user who is not root.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Getenv(asUser) != "" || os.Geteuid() != 0 {
		t.Skip("not root: the other tests are run as an ordinary user already")
	}
	dir, err := os.MkdirTemp("", "alien-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	place := filepath.Join(dir, "daemon")
	binary, err := os.ReadFile(testbed.DaemonBinary(t))
	if err == nil {
		err = os.WriteFile(place, binary, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.timeout=5m")
	if testing.Short() {
		cmd.Args = append(cmd.Args, "-test.short")
	}
	cmd.Dir = dir
	cmd.Env = []string{asUser + "=" + place, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	said, err := cmd.CombinedOutput()
	t.Logf("%s", said)
	if err != nil {
		t.Error("the tests fail as an ordinary user")
	}
}

// house is a directory with a supervisor of its own, under test.
type house struct {
	*testing.T
	*supervisor.Client
	dir, root string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, dir: filepath.Join(t.TempDir(), "state"), root: image(t)}
	h.open()
	t.Cleanup(h.close)
	return h
}

// open starts the supervisor where it does not run.
func (h *house) open() {
	h.Helper()
	c, err := supervisor.EnsureRunning(soon(h.T), h.dir)
	if err != nil {
		h.Fatal(err, h.complaints())
	}
	h.Client = c
}

// close removes everything, and waits until the supervisor has ended by itself.
func (h *house) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	all, err := h.List(ctx, "")
	if err != nil {
		h.Error(err, h.complaints())
	}
	kill := time.Duration(0)
	for _, s := range all {
		if err := h.Remove(ctx, s.ID, supervisor.StopOptions{Grace: &kill}); err != nil {
			h.Error(err)
		}
	}
	if empty, err := supervisor.Empty(h.dir); err != nil || !empty {
		h.Errorf("after everything was removed: empty is %v, %v", empty, err)
	}
	if pid := h.supervisorPID(); pid != 0 {
		waitFor(ctx, h.T, "the supervisor to end", func() bool { return syscall.Kill(pid, 0) != nil })
	}
	if left := h.processes(); len(left) > 0 {
		h.Errorf("processes are left: %v", left)
	}
	if h.Failed() {
		h.Log(h.complaints())
	}
}

func (h *house) complaints() string {
	b, _ := os.ReadFile(filepath.Join(h.dir, "supervisor.log"))
	return "\nthe supervisor's log:\n" + string(b)
}

// supervisorPID finds the supervisor's process; 0 where there is none.
func (h *house) supervisorPID() int {
	return find(func(args []string) bool { return args[0] == "alien-supervisor" && len(args) > 1 && args[1] == h.dir })
}

// killSupervisor ends the supervisor as nothing announces it.
func (h *house) killSupervisor() {
	h.Helper()
	pid := h.supervisorPID()
	if pid == 0 {
		h.Fatal("no supervisor runs", h.complaints())
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		h.Fatal(err)
	}
	awaitEnd(h.T, fd)
}

// awaitEnd waits until a process has ended with all its threads, and so has let go of its files and locks. One that /proc
// shows as a zombie may have threads that have not.
func awaitEnd(t *testing.T, pidfd int) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(time.Minute.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || n != 1:
			t.Fatalf("a process does not die: %v", err)
		default:
			return
		}
	}
}

// processes lists the daemons of this house that run, by what tells their root file system.
func (h *house) processes() []int {
	var out []int
	for _, pid := range pids() {
		mounts, err := os.ReadFile(filepath.Join("/proc", pid, "mountinfo"))
		if err == nil && strings.Contains(string(mounts), "upperdir="+h.dir+"/") {
			out = append(out, atoi(pid))
		}
	}
	return out
}

// spec is an instance that runs the test daemon.
func (h *house) spec(daemon string, args ...string) supervisor.Spec {
	return supervisor.Spec{
		ID: supervisor.NewID(), Stack: "stack", Daemon: daemon, Grace: 10 * time.Second,
		Sandbox: sandbox.Spec{Name: "stack-" + daemon, Root: h.root, Args: append([]string{"/daemon"}, args...), Env: []string{"PATH=/"}},
	}
}

// up creates and starts an instance.
func (h *house) up(s supervisor.Spec) string {
	h.Helper()
	if err := h.Create(soon(h.T), s, "current"); err != nil {
		h.Fatal(err)
	}
	if err := h.Start(soon(h.T), s.ID); err != nil {
		h.Fatal(err)
	}
	return s.ID
}

// status is an instance as it is now.
func (h *house) status(id string) supervisor.Status {
	h.Helper()
	all, err := h.List(soon(h.T), "")
	if err != nil {
		h.Fatal(err, h.complaints())
	}
	for _, s := range all {
		if s.ID == id {
			return s
		}
	}
	return supervisor.Status{Observation: fact.Observation{State: fact.Gone}}
}

// await watches until an instance is as wanted.
func (h *house) await(id, what string, as func(supervisor.Status) bool) supervisor.Status {
	h.Helper()
	var last supervisor.Status
	for e, err := range h.Watch(soon(h.T), "") {
		if err != nil {
			h.Fatal(err, h.complaints())
		}
		if e.Status.ID != id {
			continue
		}
		if last = e.Status; as(last) {
			return last
		}
	}
	h.Fatalf("waiting for %s, saw last %+v%s", what, last, h.complaints())
	return last
}

func (h *house) awaitState(id string, s fact.State) supervisor.Status {
	h.Helper()
	return h.await(id, string(s), func(st supervisor.Status) bool { return st.Observation.State == s })
}

// logged gives an instance's log as "stream: text" lines.
func (h *house) logged(id string) string {
	h.Helper()
	var out strings.Builder
	for l, err := range supervisor.Logs(soon(h.T), h.dir, fact.LogQuery{Instance: id, Tail: -1}) {
		if err != nil {
			h.Fatal(err)
		}
		out.WriteString(l.Stream + ": " + l.Text + "\n")
	}
	return out.String()
}

// said waits until an instance has written text.
func (h *house) said(id, text string) {
	h.Helper()
	var all strings.Builder
	for l, err := range supervisor.Logs(soon(h.T), h.dir, fact.LogQuery{Instance: id, Tail: -1, Follow: true}) {
		if err != nil {
			h.Fatal(err)
		}
		if all.WriteString(l.Text + "\n"); strings.Contains(l.Text, text) {
			return
		}
	}
	h.Fatalf("%q was not said, only:\n%s", text, all.String())
}

// image unpacks the root file system that tests share.
func image(t *testing.T) string {
	t.Helper()
	binary := os.Getenv(asUser)
	if binary == "" {
		binary = testbed.DaemonBinary(t)
	}
	root := t.TempDir()
	content, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "daemon"), content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "tmp"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "tmp"), os.ModeSticky|0o777); err != nil {
		t.Fatal(err)
	}
	return root
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
