package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/owner"
)

const (
	locksDir    = "locks"
	lockRecheck = 50 * time.Millisecond // the system tells nobody when a file's lock becomes free
)

// errHeld says that somebody else has a lock.
var errHeld = errors.New("the lock is held")

// lock is a stack's lock: a file that is locked while its owner lives, with the owner's name in it. It is removed when it
// is released, so a file that is there and not locked is of a run that was killed.
type lock struct {
	file *os.File
	lost chan struct{} // never closed: the system gives a file's lock to nobody else
}

// ticket is what the file says.
type ticket struct {
	Owner owner.Owner       `json:"owner"`
	Told  deploy.LockHolder `json:"holder"`
}

// takeLock takes a stack's lock, and waits for it as long as it may.
func takeLock(ctx context.Context, dir, stack string, opts deploy.BeginOptions) (*lock, error) {
	path := filepath.Join(dir, locksDir, stack)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, lockProblem(stack, err)
	}
	deadline := time.Now().Add(opts.LockTimeout)
	again := time.NewTicker(lockRecheck)
	defer again.Stop()
	told := ticket{}
	for {
		l, err := tryLock(path, opts)
		if !errors.Is(err, errHeld) {
			return l, lockProblem(stack, err)
		}
		if t, known := readTicket(path); known && t != told {
			told = t
			if opts.OnWait != nil && time.Now().Before(deadline) {
				opts.OnWait(t.Told)
			}
		}
		if !time.Now().Before(deadline) {
			return nil, held(stack, told)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-again.C:
		}
	}
}

// tryLock takes the lock, or gives errHeld. The file that was locked has to be the one that is there now: its owner before
// may just have removed it.
func tryLock(path string, opts deploy.BeginOptions) (*lock, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := flock(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		mine, errMine := f.Stat()
		there, errThere := os.Stat(path)
		if errMine == nil && errThere == nil && os.SameFile(mine, there) {
			l := &lock{file: f, lost: make(chan struct{})}
			return l, l.sign(opts)
		}
		if err := errors.Join(errMine, f.Close()); err != nil {
			return nil, err
		}
		if errThere != nil && !errors.Is(errThere, fs.ErrNotExist) {
			return nil, errThere
		}
	}
}

// sign says whose lock was taken over, if it was a dead one's, and writes our own name into it.
func (l *lock) sign(opts deploy.BeginOptions) error {
	if before, known := decodeTicket(l.file); known && opts.OnTakeover != nil {
		opts.OnTakeover(before.Told, fmt.Sprintf("its process %d has ended", before.Told.PID))
	}
	me := owner.Current()
	text, err := json.Marshal(ticket{me, deploy.LockHolder{Host: me.Host, User: me.User, PID: me.PID, Command: opts.Command, Since: time.Now()}})
	if err == nil {
		err = l.file.Truncate(0)
	}
	if err == nil {
		_, err = l.file.WriteAt(text, 0)
	}
	if err != nil {
		return errors.Join(err, l.release())
	}
	return nil
}

// release lets go of the lock.
func (l *lock) release() error {
	err := os.Remove(l.file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.file.Close())
}

// deserted says that a stack's lock is of a process that has ended, and is there at all.
func deserted(dir, stack string) (dead, there bool) {
	path := filepath.Join(dir, locksDir, stack)
	if _, err := os.Stat(path); err != nil {
		return false, false
	}
	t, known := readTicket(path)
	return known && t.Owner.Dead(owner.Current()), true
}

func readTicket(path string) (ticket, bool) {
	f, err := os.Open(path)
	if err != nil {
		return ticket{}, false
	}
	defer f.Close()
	return decodeTicket(f)
}

// decodeTicket reads who has a lock; not known while that is just being written.
func decodeTicket(f io.Reader) (ticket, bool) {
	var t ticket
	err := json.NewDecoder(io.LimitReader(f, 1<<16)).Decode(&t)
	return t, err == nil && t.Told.PID != 0
}

// held is the error of having waited in vain.
func held(stack string, t ticket) error {
	who := "another process"
	if t.Told.PID != 0 {
		who = t.Owner.String() + " since " + t.Told.Since.Local().Format(time.TimeOnly)
		if t.Told.Command != "" {
			who = "`alien daemon " + t.Told.Command + "` of " + who
		}
	}
	return &deploy.Problem{
		Reason:  deploy.LockHeld,
		Message: fmt.Sprintf("stack %s is being changed by %s", stack, who),
		Hint:    "wait until it is done, or let --lock-timeout wait for it",
	}
}

func lockProblem(stack string, err error) error {
	if err == nil {
		return nil
	}
	p := &deploy.Problem{Reason: deploy.OperationFailed, Message: "cannot take the lock of stack " + stack, Err: err}
	if errors.Is(err, fs.ErrPermission) {
		p.Hint = "make the directory writable for this user, or set XDG_STATE_HOME to one that is"
	}
	return p
}
