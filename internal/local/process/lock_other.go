//go:build !unix

package process

import (
	"errors"
	"os"
)

// flock is never called: nothing gets as far as here on a system without this runtime.
func flock(*os.File) error { return errors.ErrUnsupported }
