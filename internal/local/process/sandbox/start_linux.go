package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/owner"
)

// Start starts a process with its output going to two files. record is called when the process exists and has not begun
// yet: it begins only once record has answered nil. A process that does not become what spec says is a *fact.Problem.
func Start(spec Spec, out, errs *os.File, record func(Process) error) (*Running, error) {
	r, err := prepare(spec)
	if err != nil {
		return nil, problem(spec, err)
	}
	group, err := newGroup(spec)
	if err != nil {
		return nil, problem(spec, err)
	}
	running, parent, err := launch(r, out, errs)
	if err != nil {
		return nil, errors.Join(problem(spec, err), group.remove())
	}
	defer parent.Close()
	running.group = group
	err = errors.Join(group.add(running.process.PID), record(running.process))
	if err == nil {
		err = await(parent, r)
	}
	if err != nil {
		return nil, problem(spec, errors.Join(err, running.abandon()))
	}
	return running, nil
}

// prepare checks what can be checked before there is a process, and makes what the daemon's data needs.
func prepare(spec Spec) (request, error) {
	if len(spec.Args) == 0 {
		return request{}, &fact.Problem{Reason: fact.CommandNotFound,
			Message: fmt.Sprintf("cannot start %s: neither the manifest nor the image says what to run", spec.Name)}
	}
	a, err := lookUp(spec.Root, spec.User)
	if err != nil {
		return request{}, err
	}
	r := request{Spec: spec, UserNS: !privileged(), Account: a}
	for _, b := range spec.Binds {
		if _, err := b.propagation(); err != nil {
			return request{}, err
		}
		if b.Own {
			err = r.own(b.Source)
		} else {
			err = missing(b)
		}
		if err != nil {
			return request{}, err
		}
	}
	return r, nil
}

// own makes a data directory that is not there yet, and gives it to the daemon's user.
func (r request) own(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make the data directory: %w", err)
	}
	if r.UserNS {
		return nil // the one user there is in the sandbox is the caller
	}
	return os.Chown(dir, r.Account.UID, r.Account.GID)
}

// privileged says whether we can make namespaces without a user namespace of our own.
func privileged() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return os.Geteuid() == 0 && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// launch starts the stage, which waits for its request.
func launch(r request, out, errs *os.File) (*Running, *os.File, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	parent, child := os.NewFile(uintptr(ends[0]), "stage"), os.NewFile(uintptr(ends[1]), "parent")
	defer child.Close()
	began, err := beginning(r.Spec.Dir)
	if err != nil {
		return nil, nil, errors.Join(err, parent.Close())
	}
	defer began.Close()
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe", // also after this program's file was replaced
		Args:        []string{stageName},
		Env:         []string{},
		Dir:         "/",
		Stdout:      out,
		Stderr:      errs,
		ExtraFiles:  []*os.File{child, began},
		SysProcAttr: r.attributes(),
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EACCES) {
			err = noNamespaces(err)
		}
		return nil, nil, errors.Join(err, parent.Close())
	}
	running := &Running{spec: r.Spec, child: cmd, account: r.Account, userns: r.UserNS, process: Process{At: time.Now()}}
	if running.process.Owner, err = owner.Of(cmd.Process.Pid); err == nil {
		running.pidfd, err = openPidfd(cmd.Process.Pid)
	}
	if err != nil {
		return nil, nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait(), parent.Close())
	}
	return running, parent, nil
}

// attributes say in which namespaces the stage starts, and as whom.
func (r request) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS}
	if !r.Spec.HostPID {
		a.Cloneflags |= unix.CLONE_NEWPID
	}
	if r.UserNS {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: r.Account.UID, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: r.Account.GID, HostID: os.Getegid(), Size: 1}}
		// The stage is not root in there unless the daemon is: what it needs to mount is to survive its exec.
		a.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_CHOWN}
	}
	return a
}

// await lets the stage begin, and waits until it is the daemon: its end of the socket closes then.
func await(parent *os.File, r request) error {
	if err := json.NewEncoder(parent).Encode(r); err != nil {
		return fmt.Errorf("cannot tell the sandbox what to do: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(parent, 1<<16))
	if err != nil {
		return fmt.Errorf("cannot read the sandbox's answer: %w", err)
	}
	if len(answer) == 0 {
		return nil
	}
	var said refusal
	if err := json.Unmarshal(answer, &said); err != nil {
		return fmt.Errorf("cannot read the sandbox's answer: %w", err)
	}
	p := &fact.Problem{Reason: said.Reason, Message: said.Message}
	if said.Cause != "" {
		p.Err = errors.New(said.Cause)
		if r.UserNS && said.Reason == fact.ConfigRefused {
			p.Hint = "user namespaces may be restricted on this machine: see alien explain TARGET_UNAVAILABLE"
		}
	}
	return p
}

// abandon ends a stage that is not to become a daemon.
func (r *Running) abandon() error {
	_ = r.child.Process.Kill() // it may have ended by itself
	_ = r.child.Wait()
	return errors.Join(r.pidfd.Close(), r.group.remove())
}

// Check says whether sandboxes can be made here at all. It starts a program that is not there: that this is all the kernel
// has to say means that there were namespaces to look for it in.
func Check() error {
	r := request{UserNS: !privileged()}
	cmd := &exec.Cmd{Path: "/proc/self/exe/none", Args: []string{stageName}, Env: []string{}, Dir: "/", SysProcAttr: r.attributes()}
	err := cmd.Start()
	if errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return noNamespaces(err)
}
