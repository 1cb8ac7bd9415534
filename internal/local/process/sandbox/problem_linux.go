package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// failure is a prepared system call that failed.
type failure struct {
	step step
	err  unix.Errno
}

// Error says what was being done.
func (f *failure) Error() string {
	what := map[step]string{
		stepJoin: "join the daemon's namespaces", stepFork: "fork", stepCapabilities: "give up rights", stepUser: "change the user",
		stepBegin:     "record that it begins",
		stepDirectory: "enter the working directory", stepStreams: "connect the output", stepExec: "run the command",
	}[f.step]
	return fmt.Sprintf("cannot %s: %v", what, f.err)
}

// Unwrap gives what the kernel said.
func (f *failure) Unwrap() error { return f.err }

// problem makes of any error of a start one that people know.
func problem(s Spec, err error) *fact.Problem {
	var known *fact.Problem
	if errors.As(err, &known) {
		return known
	}
	var failed *failure
	if errors.As(err, &failed) && failed.step == stepExec {
		return commandProblem(s, failed.err)
	}
	reason := fact.ConfigRefused
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EROFS) || errors.Is(err, unix.EIO) {
		reason = fact.OperationFailed
	}
	if errors.Is(err, unix.ENOSYS) {
		return &fact.Problem{Reason: fact.Unavailable, Message: "the kernel is too old for the process runtime: it needs Linux 5.12", Err: err}
	}
	return &fact.Problem{Reason: reason, Message: fmt.Sprintf("cannot start %s", s.Name), Err: err}
}

// commandProblem tells why the command cannot be run.
func commandProblem(s Spec, err unix.Errno) *fact.Problem {
	reason := fact.ConfigRefused
	switch err {
	case unix.ENOENT, unix.ENOTDIR:
		reason = fact.CommandNotFound
	case unix.EACCES, unix.EPERM, unix.EISDIR:
		reason = fact.CommandNotExecutable
	case unix.ENOEXEC, unix.ELIBBAD:
		reason = fact.ExecFormat
	}
	p := fact.Refused(reason, s.Args[0])
	if reason == fact.ConfigRefused {
		p.Err = err
	}
	return p
}

// noNamespaces says what keeps us from making namespaces, and how to allow it.
func noNamespaces(err error) *fact.Problem {
	p := &fact.Problem{
		Reason:  fact.Unavailable,
		Message: "this machine does not let this user make namespaces, and the process runtime is made of them",
		Hint:    "run as root, or allow user namespaces; in a container, give it the right to make them, or use --runtime docker",
		Err:     err,
	}
	for _, setting := range []struct{ file, blocks, hint string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "run: sysctl -w kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/user/max_user_namespaces", "0", "run: sysctl -w user.max_user_namespaces=15000"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
			"run: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give this program an AppArmor profile that allows userns"},
	} {
		if value, err := readSmall(setting.file); err == nil && value == setting.blocks && os.Geteuid() != 0 {
			p.Hint = setting.hint + " (as root)"
			break
		}
	}
	return p
}

// missing says that a mount's source is not there.
func missing(b Bind) error {
	_, err := os.Stat(b.Source)
	if err == nil {
		return nil
	}
	p := fact.Refused(fact.MountSourceMissing, b.Source)
	if !errors.Is(err, fs.ErrNotExist) {
		p.Message = fmt.Sprintf("the mounted path %s cannot be reached", b.Source)
		p.Err = err
	}
	return p
}
