package sandbox

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// Exec runs a command beside the process, in its namespaces and as its user, and gives its outcome. A command that takes
// longer than its time-out is killed. An error says that the command could not be run, or that ctx ended.
func (r *Running) Exec(ctx context.Context, args []string, timeout time.Duration) (Outcome, error) {
	if len(args) == 0 {
		return Outcome{}, errNoCommand
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	output, said, err := os.Pipe()
	if err != nil {
		return Outcome{}, err
	}
	defer output.Close()
	pid, err := r.enter(args, said)
	if err := errors.Join(err, said.Close()); err != nil {
		return Outcome{}, refusedCommand(r.spec, args, err)
	}
	command, err := openPidfd(pid)
	if err != nil {
		return Outcome{}, err
	}
	defer command.Close()
	return r.outcome(ctx, pid, &Running{pidfd: command}, output)
}

// outcome waits for a command and collects what it says. What it left running in the background is not waited for.
func (r *Running) outcome(ctx context.Context, pid int, command *Running, output *os.File) (Outcome, error) {
	text := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(output, outputLimit))
		text <- string(b)
		_, _ = io.Copy(io.Discard, output) // it must not wait for somebody who reads
	}()
	late := command.ended(ctx)
	_ = unix.Kill(-pid, unix.SIGKILL) // its process group: it leads its own session
	status, err := wait(pid)
	_ = output.SetReadDeadline(time.Now().Add(lateOutput))
	o := Outcome{Code: exitCode(status), Output: <-text}
	if late != nil {
		o.Code = -1
	}
	if late != nil && !errors.Is(late, context.DeadlineExceeded) {
		return o, late
	}
	return o, err
}

// lateOutput is how long output is read of a command that has ended: a process of its that left its group may hold the
// pipe open.
const lateOutput = 100 * time.Millisecond

// enter starts a command in the namespaces.
func (r *Running) enter(args []string, said *os.File) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	pidfd, err := unix.PidfdOpen(r.process.PID, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(pidfd)
	if !same(r.process) {
		return 0, ErrGone
	}
	space := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS)
	if r.userns {
		space |= unix.CLONE_NEWUSER
	}
	if !r.spec.HostPID {
		space |= unix.CLONE_NEWPID
	}
	join, p := &program{}, &program{}
	join.add(stepJoin, unix.SYS_SETNS, uintptr(pidfd), space)
	p.add(stepFork, unix.SYS_SETSID)
	for to, from := range []*os.File{null, said, said} {
		p.add(stepStreams, unix.SYS_DUP3, from.Fd(), uintptr(to), 0)
	}
	p.become(r.account, r.userns, lastCapability())
	if err := p.execute(r.spec.dir(), args, r.spec.Env); err != nil {
		return 0, err
	}
	return spawn(join, p)
}

// refusedCommand says why a command could not be run, as of the daemon's own.
func refusedCommand(s Spec, args []string, err error) error {
	var failed *failure
	if errors.As(err, &failed) && failed.step == stepExec {
		s.Args = args
		return commandProblem(s, failed.err)
	}
	if errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	var known *fact.Problem
	if errors.As(err, &known) || errors.Is(err, ErrGone) {
		return err
	}
	return &fact.Problem{Reason: fact.OperationFailed, Message: "cannot run a command in " + s.Name, Err: err}
}
