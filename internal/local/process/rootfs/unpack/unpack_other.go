//go:build !linux

package unpack

import (
	"context"
	"errors"
	"io"
	"os"
)

// Layer works on Linux only.
func Layer(context.Context, *os.Root, io.Reader, *Budget) error { return errors.ErrUnsupported }
