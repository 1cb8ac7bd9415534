package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/owner"
)

// Running is a process in its sandbox.
type Running struct {
	spec    Spec
	process Process
	account account
	userns  bool
	pidfd   *os.File
	child   *exec.Cmd // nil where it was adopted
	group   *group    // nil without limits
}

// Adopt takes over a process that an earlier process of ours started. It answers ErrGone where that has ended, or was not to
// become the daemon any more.
func Adopt(spec Spec, p Process) (*Running, error) {
	fd, err := openPidfd(p.PID)
	if errors.Is(err, unix.ESRCH) || err == nil && !same(p) { // compared after it was opened: it cannot change any more
		if fd != nil {
			err = fd.Close()
		}
		return nil, errors.Join(ErrGone, err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot adopt %s (pid %d): %w", spec.Name, p.PID, err)
	}
	if awaitFate(spec.Dir); !Began(spec.Dir) {
		if err := endStage(fd); err != nil {
			return nil, fmt.Errorf("cannot end a start of %s that came to nothing (pid %d): %w", spec.Name, p.PID, err)
		}
		return nil, ErrGone
	}
	a, err := lookUp(spec.Root, spec.User)
	if err != nil {
		return nil, errors.Join(err, fd.Close())
	}
	return &Running{spec: spec, process: p, account: a, userns: !privileged(), pidfd: fd, group: oldGroup(spec)}, nil
}

// endStage ends a process, and waits until it is gone.
func endStage(pidfd *os.File) error {
	r := &Running{pidfd: pidfd}
	ctx, cancel := context.WithTimeout(context.Background(), fateAtMost)
	defer cancel()
	return errors.Join(r.Kill(), r.ended(ctx), pidfd.Close())
}

// same says whether the process that has the id now is the one that is meant.
func same(p Process) bool {
	now, err := owner.Of(p.PID)
	return err == nil && now.Boot == p.Boot && now.Space == p.Space && now.Start == p.Start
}

// openPidfd opens a process so that Go's poller can wait for its end.
func openPidfd(pid int) (*os.File, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// Process identifies the process.
func (r *Running) Process() Process { return r.process }

// Wait waits until the process has ended and nothing that it started is left. The end of one that was adopted is not
// known: its code is -1. Only one Wait may come to its end.
func (r *Running) Wait(ctx context.Context) (fact.Exit, error) {
	if err := r.ended(ctx); err != nil {
		return fact.Exit{}, err
	}
	e := fact.Exit{Code: -1, At: time.Now()}
	if r.child != nil {
		_ = r.child.Wait() // that it ended badly is in its state
		status := unix.WaitStatus(r.child.ProcessState.Sys().(syscall.WaitStatus))
		e.Code = exitCode(status)
		if status.Signaled() {
			e.Signal = unix.SignalName(status.Signal())
		}
	}
	e.OOM = r.group.oomKilled()
	if r.spec.HostPID { // nothing else ends what it started
		if err := End(r.spec); err != nil {
			return e, err
		}
	}
	return e, errors.Join(r.pidfd.Close(), r.group.remove())
}

// ended waits for the process's end. A pidfd can be read from then on.
func (r *Running) ended(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.pidfd.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := r.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	err = raw.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n == 1 && err == nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Terminate asks the process and all that it started to end.
//
// A process that does nothing about SIGTERM, or not yet, ends from it, except for the first one of a process namespace:
// that the kernel spares. Where it is alone it gets what the signal means.
func (r *Running) Terminate() error {
	tree := r.tree()
	if !r.spec.HostPID && len(tree) == 1 && endsFromTerm(r.process.PID) {
		return r.Kill()
	}
	return signalAll(tree, unix.SIGTERM)
}

// endsFromTerm says whether a process neither handles, ignores nor holds back SIGTERM.
func endsFromTerm(pid int) bool {
	text, err := readSmall(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		if name != "SigCgt" && name != "SigIgn" && name != "SigBlk" {
			continue
		}
		mask, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil || mask&(1<<(unix.SIGTERM-1)) != 0 {
			return false
		}
	}
	return true
}

// Kill ends the process and all that it started.
func (r *Running) Kill() error {
	if r.spec.HostPID {
		return End(r.spec)
	}
	// With the first process of a process namespace the kernel ends all others.
	raw, err := r.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), unix.SIGKILL, nil, 0) })
	if errors.Is(sent, unix.ESRCH) {
		sent = nil
	}
	return errors.Join(err, sent)
}

// tree are the processes in the mount namespace: the process and what it started, however often that forked.
func (r *Running) tree() []int {
	mine, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", r.process.PID))
	if err != nil {
		return nil
	}
	return matching(func(pid int) bool {
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
		return err == nil && theirs == mine
	})
}

// End kills everything that runs in an instance's root file system, and waits until it is gone. It needs nobody's word
// for what was started: the mounts that processes see tell.
func End(spec Spec) error {
	within := func(pid int) bool { return pid != os.Getpid() && rootOf(pid, filepath.Base(spec.Dir)) }
	for tries := 0; ; tries++ {
		left := matching(within)
		if len(left) == 0 {
			return nil
		}
		if tries == 10 {
			return fmt.Errorf("cannot end %s: processes %v do not die", spec.Name, left)
		}
		if err := signalAll(left, unix.SIGKILL); err != nil {
			return err
		}
		for _, pid := range left {
			outlive(pid, time.Second)
		}
	}
}

// rootOf says whether a process's root file system is that of an instance.
func rootOf(pid int, instance string) bool {
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) > 4 && f[4] == "/" {
			return strings.Contains(line, "/"+instance+"/"+upperDir) || strings.Contains(line, "/"+instance+"/"+copyDir)
		}
	}
	return false
}

// outlive waits for another process's end, for a while.
func outlive(pid int, atMost time.Duration) {
	fd, err := openPidfd(pid)
	if err != nil {
		return
	}
	r := &Running{pidfd: fd}
	ctx, cancel := context.WithTimeout(context.Background(), atMost)
	defer cancel()
	_ = r.ended(ctx) // who calls looks again
	_ = fd.Close()
}

// matching gives the processes of the machine that a test holds for.
func matching(test func(pid int) bool) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && test(pid) {
			out = append(out, pid)
		}
	}
	return out
}

// signalAll sends a signal to processes; those that are gone do not count.
func signalAll(pids []int, s unix.Signal) error {
	var errs []error
	for _, pid := range pids {
		if err := unix.Kill(pid, s); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("cannot signal process %d: %w", pid, err))
		}
	}
	return errors.Join(errs...)
}
