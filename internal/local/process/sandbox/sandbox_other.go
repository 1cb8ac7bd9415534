//go:build !linux

package sandbox

import (
	"context"
	"os"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// Running is a process in its sandbox; there is none on this system.
type Running struct{}

func needsLinux() error {
	return &fact.Problem{
		Reason:  fact.Unavailable,
		Message: "the process runtime needs Linux: it is made of its namespaces",
		Hint:    "use --runtime docker here",
	}
}

// Stage says whether this process was started as a sandbox's stage; here it never is.
func Stage() (code int, stage bool) { return 0, false }

// Check says that this system has no sandboxes.
func Check() error { return needsLinux() }

// Start says that this system has no sandboxes.
func Start(Spec, *os.File, *os.File, func(Process) error) (*Running, error) { return nil, needsLinux() }

// Adopt says that this system has no sandboxes.
func Adopt(Spec, Process) (*Running, error) { return nil, needsLinux() }

// End says that this system has no sandboxes.
func End(Spec) error { return needsLinux() }

// Remove says that this system has no sandboxes.
func Remove(string) error { return needsLinux() }

// Process identifies the process.
func (*Running) Process() Process { return Process{} }

// Wait says that this system has no sandboxes.
func (*Running) Wait(context.Context) (fact.Exit, error) { return fact.Exit{}, needsLinux() }

// Terminate says that this system has no sandboxes.
func (*Running) Terminate() error { return needsLinux() }

// Kill says that this system has no sandboxes.
func (*Running) Kill() error { return needsLinux() }

// Exec says that this system has no sandboxes.
func (*Running) Exec(context.Context, []string, time.Duration) (Outcome, error) {
	return Outcome{}, needsLinux()
}
