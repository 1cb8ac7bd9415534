package cli

import (
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// Reference is what the reference pages are made of.
type Reference struct {
	Root      *cobra.Command
	Codes     []manifest.CodeInfo // of this room alone
	ExitCodes []ExitCode
}

// ExitCode is a line of the published table of exit codes.
type ExitCode struct {
	Codes   []int
	Meaning string
}

// NewReference gives the command tree, not to be run, and the tables that go with it.
func NewReference() Reference {
	streams := Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}
	d := &deps{streams: streams, env: os.LookupEnv, environ: os.Environ, now: time.Now, open: openPlatform}
	return Reference{Root: newRootCmd(d, &common{}), Codes: ownCodes(), ExitCodes: []ExitCode{
		{[]int{exitOK}, "done; for `status`: every daemon is ready"},
		{[]int{exitFailed}, "an operation failed"},
		{[]int{exitUsage}, "wrong usage"},
		{[]int{exitRefused}, "preflight refused the manifest"},
		{[]int{exitNotReady}, "a daemon failed to become, or is not, ready, also when its update was rolled back"},
		{[]int{exitTimeout}, "timed out while still making progress"},
		{[]int{exitChanges}, "`diff --exit-code`: there are changes"},
		{[]int{exitInterrupted, exitTerminated}, "interrupted, terminated"},
	}}
}
