package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// small makes the supervisor collect its heap at every fifth that it grows: it has all the time in the world.
const small = "GOGC=20"

// stageName is what this program is called when it is run as the supervisor.
const stageName = "alien-supervisor"

func needsLinux() error { return nil }

// launch starts a supervisor in a session of its own, and waits until it serves. One that finds another one there ends
// without a word.
func launch(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, instancesDir), 0o700); err != nil {
		return stateProblem(dir, err)
	}
	log, err := openLog(dir)
	if err != nil {
		return stateProblem(dir, err)
	}
	defer log.Close()
	ready, said, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        []string{stageName, dir},
		Env:         []string{small}, // nothing of ours is to reach the supervisor, nor what it starts
		Dir:         "/",
		Stderr:      log,
		ExtraFiles:  []*os.File{said},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := errors.Join(cmd.Start(), said.Close()); err != nil {
		return fmt.Errorf("cannot start the process supervisor: %w", err)
	}
	go func() { _ = cmd.Wait() }() // it may end before us, and is to leave no zombie
	stop := context.AfterFunc(ctx, func() { _ = ready.Close() })
	defer stop()
	return readiness(ready)
}

// readiness reads what a supervisor says of its own start.
func readiness(ready io.Reader) error {
	var answer response
	if err := json.NewDecoder(ready).Decode(&answer); err != nil {
		return fmt.Errorf("the process supervisor ended at once: %w", err)
	}
	if answer.Problem != nil {
		return answer.Problem.problem()
	}
	return nil
}

// logLimit bounds the supervisor's own log. It says little.
const logLimit = 1 << 20

func openLog(dir string) (*os.File, error) {
	path := filepath.Join(dir, logName)
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		flags |= os.O_TRUNC
	}
	return os.OpenFile(path, flags, 0o600)
}

// stateProblem says why the state directory cannot be used.
func stateProblem(dir string, err error) error {
	p := &fact.Problem{Reason: fact.OperationFailed, Message: "cannot keep the state of daemons in " + dir, Err: err}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		p.Hint = "make room on that disk; what runs goes on"
	case errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission):
		p.Hint = "make the directory writable for this user, or set XDG_STATE_HOME to one that is"
	}
	return p
}
