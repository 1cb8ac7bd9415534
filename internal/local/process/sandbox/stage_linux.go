package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// stageName is what this program is called when it is run as a stage.
const stageName = "alien-sandbox"

// request is what a stage is told.
type request struct {
	Spec    Spec
	UserNS  bool // we are in a user namespace of our own
	Account account
}

// refusal is what a stage answers; nothing where it became the daemon.
type refusal struct {
	Reason  fact.Reason
	Message string
	Cause   string
}

// Stage does the work of a stage where this process was started as one. Its answer is then the process's exit code.
// Package stage calls it.
func Stage() (code int, stage bool) {
	if os.Args[0] != stageName {
		return 0, false
	}
	runtime.LockOSThread() // a user and rights are a thread's own
	unix.CloseOnExec(3)
	unix.CloseOnExec(beganFD)
	parent := os.NewFile(3, "parent")
	var r request
	// A parent that is gone never recorded us: the request is what says that it did.
	if err := json.NewDecoder(parent).Decode(&r); err != nil {
		return 1, true
	}
	code, err := r.perform(parent)
	if err != nil {
		_ = unix.Ftruncate(beganFD, 0)                    // where the last of the calls failed
		_ = json.NewEncoder(parent).Encode(r.refuse(err)) // there is nobody else to tell
		return 127, true
	}
	return code, true
}

// perform builds the root file system and becomes the daemon, or its init. It comes back where that failed, and when the
// init has done its work.
func (r request) perform(parent *os.File) (int, error) {
	unix.Umask(0)
	if err := r.build(); err != nil {
		return 0, err
	}
	unix.Umask(0o022)
	p, err := r.program()
	if err != nil {
		return 0, err
	}
	if r.Spec.Init {
		return r.initProcess(p, parent)
	}
	s, errno := run(p.calls)
	runtime.KeepAlive(p)
	return 0, &failure{step: s, err: errno}
}

// program makes the process that runs it the daemon.
func (r request) program() (*program, error) {
	p := &program{}
	p.become(r.Account, r.UserNS, lastCapability())
	p.add(stepBegin, unix.SYS_FTRUNCATE, beganFD, 1)
	return p, p.execute(r.Spec.dir(), r.Spec.Args, r.Spec.Env)
}

// dir is the working directory.
func (s Spec) dir() string {
	if s.WorkDir == "" {
		return "/"
	}
	return s.WorkDir
}

// build makes the root file system and enters it.
func (r request) build() error {
	// Nothing that is mounted from here on is seen by the machine.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("cannot part from the machine's mounts: %w", err)
	}
	trees, err := r.gather()
	if err != nil {
		return err
	}
	nodes, err := devices()
	if err != nil {
		return err
	}
	root, err := r.mountRoot()
	if err != nil {
		return err
	}
	if err := enter(root); err != nil {
		return err
	}
	return r.furnish(trees, nodes)
}

// furnish puts everything in its place in the new root.
func (r request) furnish(trees, nodes []tree) error {
	if err := makeDev(nodes); err != nil {
		return err
	}
	for _, t := range trees {
		if err := t.attach(); err != nil {
			return err
		}
	}
	for _, b := range r.Spec.Binds {
		if err := b.propagate(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(r.Spec.dir(), 0o755); err != nil {
		return fmt.Errorf("cannot make the working directory: %w", err)
	}
	if r.UserNS {
		return nil
	}
	return shieldProc()
}

// propagation gives the mount flag for whether mounts that are made later, on either side, are seen by the other one.
func (b Bind) propagation() (uintptr, error) {
	flag, known := map[string]uintptr{
		"": unix.MS_PRIVATE | unix.MS_REC, "private": unix.MS_PRIVATE, "rprivate": unix.MS_PRIVATE | unix.MS_REC,
		"slave": unix.MS_SLAVE, "rslave": unix.MS_SLAVE | unix.MS_REC,
	}[b.Propagation]
	if !known {
		return 0, &fact.Problem{Reason: fact.ConfigRefused,
			Message: fmt.Sprintf("the mount of %s has the propagation %q, which this runtime does not have", b.Source, b.Propagation)}
	}
	return flag, nil
}

func (b Bind) propagate() error {
	flag, err := b.propagation()
	if err != nil {
		return err
	}
	if err := unix.Mount("", b.Target, "", flag, ""); err != nil {
		return fmt.Errorf("cannot set the propagation of %s: %w", b.Target, err)
	}
	return nil
}

// refuse says to the parent why there is no daemon.
func (r request) refuse(err error) refusal {
	p := problem(r.Spec, err)
	answer := refusal{Reason: p.Reason, Message: p.Message}
	if p.Err != nil {
		answer.Cause = p.Err.Error()
	}
	return answer
}

// initProcess starts the daemon as a child and reaps all that ends, until the daemon does. It passes no signals on: they
// are sent to the whole tree.
func (r request) initProcess(p *program, parent *os.File) (int, error) {
	daemon, err := spawn(nil, p)
	if err != nil {
		return 0, err
	}
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	for fd := range 3 { // the daemon's output ends when the daemon's own do
		if err := unix.Dup3(int(null.Fd()), fd, 0); err != nil {
			return 0, err
		}
	}
	if err := errors.Join(null.Close(), parent.Close(), unix.Close(beganFD)); err != nil {
		return 0, err
	}
	return reap(daemon)
}

// reap waits for all children, and gives the exit code of one of them when that ends.
func reap(daemon int) (int, error) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if pid == daemon && (status.Exited() || status.Signaled()) {
			return exitCode(status), nil
		}
	}
}

// exitCode is a status the way shells write it.
func exitCode(s unix.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
