//go:build !linux

package supervisor

import (
	"context"
	"os"

	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
)

// Stage says whether this process was started as a supervisor; here it never is.
func Stage() (code int, stage bool) { return 0, false }

func needsLinux() error { return sandbox.Check() }

func dialSocket(context.Context, string) (*os.File, error) { return nil, needsLinux() }

func launch(context.Context, string) error { return needsLinux() }
