package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A stage has a file of the instance's directory open and locked. It says that it becomes the daemon by giving the file a
// size, which takes no room on a disk that is full. When it has become it, or has ended, the file is closed and no longer
// locked. So whoever comes after the process that started it can wait for its fate, and learn it.
const (
	beganName = "began"
	beganFD   = 4 // in the stage
)

// beginning gives the file to a stage that is to be started.
func beginning(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, beganName), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX); err != nil { // at most somebody looks at it for a moment
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Began says of the process that Start recorded last in an instance's directory whether it came as far as to be the daemon.
// That of a caller who died meanwhile may not have.
func Began(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, beganName))
	return err != nil || info.Size() > 0 // without the file nothing says that it did not
}

// fateAtMost is how long a stage is waited for whose starter has died. It needs milliseconds, unless it copies an image.
const fateAtMost = time.Second

// awaitFate waits until a stage that somebody else started has become the daemon or ended, or for as long as that may take.
func awaitFate(dir string) {
	f, err := os.Open(filepath.Join(dir, beganName))
	if err != nil {
		return
	}
	unlocked := make(chan struct{})
	go func() { // where nobody waits any more it ends with the stage
		defer close(unlocked)
		defer f.Close()
		_ = flock(f, unix.LOCK_SH) // the file tells in any case
	}()
	late := time.NewTimer(fateAtMost)
	defer late.Stop()
	select {
	case <-unlocked:
	case <-late.C:
	}
}
