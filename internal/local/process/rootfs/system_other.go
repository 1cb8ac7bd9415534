//go:build !linux

package rootfs

import (
	"errors"
	"io/fs"
	"os"
)

// The process runtime needs Linux, and Open says so; none of this is ever reached elsewhere.

var errQuota = errors.New("disk quota exceeded")

func ours(fs.FileInfo) bool { return false }

func flock(*os.File, lockMode) error { return errors.ErrUnsupported }

func settle(string) error { return errors.ErrUnsupported }

func usage(string) int64 { return 0 }
