package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// record is what a forked process tells of itself: its process id where it forked again, else which step failed and why.
type record struct {
	PID, Step, Errno int32
}

// spawn runs a program in a forked copy of this process and gives the process's id. Where there is something to join,
// namespaces, that is done first, in a process of its own: a new process namespace begins with the children of who joins.
//
// Go can neither fork nor join a user namespace: that takes a process with one thread. So the copy makes system calls that
// were prepared before, and nothing else.
func spawn(join, p *program) (int, error) {
	report, said, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer report.Close()
	if err := p.unblock(); err != nil {
		return 0, err
	}
	pid, err := forkBoth(join, p, said)
	if err := errors.Join(err, said.Close()); err != nil {
		return 0, err
	}
	records, err := readRecords(report)
	if err != nil {
		return 0, err
	}
	if join != nil {
		middle := pid
		if _, err := wait(middle); err != nil {
			return 0, err
		}
		pid = 0
	}
	for _, r := range records {
		if r.PID != 0 {
			pid = int(r.PID)
			continue
		}
		err = &failure{step: step(r.Step), err: unix.Errno(r.Errno)}
	}
	if pid == 0 && err == nil {
		err = errors.New("the process was killed before it could begin")
	}
	if err != nil && pid != 0 {
		_, waited := wait(pid)
		return 0, errors.Join(err, waited)
	}
	return pid, err
}

// unblock lets signals through again where they were held back for the fork. It comes before the program's first exec.
func (p *program) unblock() error {
	mask := new(unix.Sigset_t)
	p.keep = append(p.keep, mask)
	unblock := call{trap: unix.SYS_RT_SIGPROCMASK, args: [5]uintptr{unix.SIG_SETMASK, uintptr(unsafe.Pointer(mask)), 0, sigsetSize}}
	for i, c := range p.calls {
		if c.step == stepExec {
			p.calls = append(p.calls[:i:i], append([]call{unblock}, p.calls[i:]...)...)
			return nil
		}
	}
	return errors.New("the program runs no command")
}

// sigsetSize is how many bytes of a signal set the kernel wants.
const sigsetSize = 8

// forkBoth forks with all signals held back, so that none runs a handler of Go's in the copy.
func forkBoth(join, p *program, said *os.File) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[0]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		return 0, err
	}
	var first []call
	if join != nil {
		first = join.calls
	}
	told := new(record)
	fd := said.Fd()
	syscall.ForkLock.Lock()
	pid, errno := fork(first, p.calls, fd, told)
	syscall.ForkLock.Unlock()
	err := unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	runtime.KeepAlive(join)
	runtime.KeepAlive(p)
	runtime.KeepAlive(said)
	if errno != 0 {
		return 0, errors.Join(fmt.Errorf("cannot fork: %w", errno), err)
	}
	return int(pid), err
}

// fork returns in the parent only. The same restrictions hold for it as for run.
//
//go:nosplit
//go:noinline
//go:norace
//go:nocheckptr
func fork(first, rest []call, report uintptr, told *record) (uintptr, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if pid != 0 || errno != 0 {
		return pid, errno
	}
	var s step
	if len(first) > 0 {
		if s, errno = run(first); errno == 0 {
			s = stepFork
			pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_PARENT, 0, 0, 0, 0, 0)
			if pid != 0 && errno == 0 {
				told.PID = int32(pid)
				_, _, _ = syscall.RawSyscall6(unix.SYS_WRITE, report, uintptr(unsafe.Pointer(told)), unsafe.Sizeof(*told), 0, 0, 0)
				for {
					_, _, _ = syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 0, 0, 0, 0, 0, 0)
				}
			}
		}
	}
	if errno == 0 {
		s, errno = run(rest)
	}
	told.Step, told.Errno = int32(s), int32(errno)
	_, _, _ = syscall.RawSyscall6(unix.SYS_WRITE, report, uintptr(unsafe.Pointer(told)), unsafe.Sizeof(*told), 0, 0, 0)
	for {
		_, _, _ = syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 127, 0, 0, 0, 0, 0)
	}
}

// readRecords reads until every copy has closed the pipe, which becoming another program does.
func readRecords(from io.Reader) ([]record, error) {
	var out []record
	for {
		var r record
		switch err := binary.Read(from, binary.NativeEndian, &r); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		}
		out = append(out, r)
	}
}

// wait reaps a child.
func wait(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return status, err
		}
	}
}
