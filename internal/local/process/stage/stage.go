// Package stage makes this program be what the process runtime started it as: the supervisor, or a sandbox that becomes a
// daemon. Those are begun anew for every start of a daemon, so they do their work in an init of this package, which comes
// before those of all that only commands need, and the program ends with it. Whoever imports it for its effect can be run
// again in that way. It may therefore depend on little: a test holds that.
package stage

import (
	"os"

	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

func init() {
	for _, begin := range []func() (int, bool){sandbox.Stage, supervisor.Stage} {
		if code, begun := begin(); begun {
			os.Exit(code)
		}
	}
}
