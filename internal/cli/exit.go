package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// The exit codes, a published table that scripts rely on.
const (
	exitOK          = 0
	exitFailed      = 1   // an operation failed
	exitUsage       = 2   // wrong usage
	exitRefused     = 3   // preflight refused the manifest
	exitNotReady    = 4   // a daemon failed to become, or is not, ready
	exitTimeout     = 5   // timed out while still making progress
	exitChanges     = 6   // diff --exit-code: there are changes
	exitInterrupted = 130 // SIGINT
	exitTerminated  = 143 // SIGTERM
	exitPipe        = 141 // SIGPIPE, as the shell shows it: whoever read the result has gone
)

// Interrupted is the cause with which main cancels the context on the first signal.
func Interrupted(signal os.Signal) error { return deploy.Interrupt{Signal: signal} }

// SignalCode is 128 and the signal's number, as shells have it.
func SignalCode(signal os.Signal) int {
	if signal == syscall.SIGTERM {
		return exitTerminated
	}
	return exitInterrupted
}

// unread says that an error only means that nobody reads standard output any more.
func unread(err error) bool {
	var write *fs.PathError
	return errors.As(err, &write) && write.Path == os.Stdout.Name() && errors.Is(write.Err, syscall.EPIPE)
}

// interruption gives the signal that ended ctx, if one did.
func interruption(ctx context.Context) (os.Signal, bool) {
	var i deploy.Interrupt
	ok := errors.As(context.Cause(ctx), &i)
	return i.Signal, ok
}
