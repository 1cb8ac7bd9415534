package rootfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// mode of a lock.
type lockMode int

const (
	shared lockMode = iota
	exclusive
)

// lockEvery is how often a lock that others hold is tried: the system tells nobody when it becomes free.
const lockEvery = 25 * time.Millisecond

// errHeld says that others hold a lock.
var errHeld = errors.New("it is locked")

// lock is a lock on a file between processes, which ends with the process at the latest.
type lock struct{ file *os.File }

// acquire waits for a lock.
func acquire(ctx context.Context, path string, mode lockMode) (*lock, error) {
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		l, err := try(path, mode)
		if !errors.Is(err, errHeld) {
			return l, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try takes a lock, or gives errHeld. A lock's file goes away with what it guards, so the one that was locked has to be
// the one that is there now.
func try(path string, mode lockMode) (*lock, error) {
	for {
		file, err := openLock(path)
		if err != nil {
			return nil, err
		}
		if err := flock(file, mode); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		mine, err := file.Stat()
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		there, err := os.Stat(path)
		if err == nil && os.SameFile(mine, there) {
			return &lock{file}, nil
		}
		_ = file.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// openLock also opens what cannot be written to: reading is enough to lock it.
func openLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil && (unwritable(err) || full(err)) {
		if readable, readErr := os.Open(path); readErr == nil {
			return readable, nil
		}
	}
	return file, err
}

func (l *lock) release() error { return l.file.Close() }

// discard releases an exclusive lock together with its file.
func (l *lock) discard() error { return errors.Join(os.Remove(l.file.Name()), l.file.Close()) }
