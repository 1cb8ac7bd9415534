//go:build unix

package process

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flock locks a file, or gives errHeld.
func flock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errHeld
	}
	return err
}
