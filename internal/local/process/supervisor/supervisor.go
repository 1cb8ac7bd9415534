// Package supervisor keeps daemons running: one process per user, detached from every terminal, that starts instances in
// their sandboxes, starts them again when they exit, checks their health and writes their logs.
//
// Commands talk to it as Clients over a socket in its directory. EnsureRunning starts it where it does not run; it ends by
// itself when there is nothing left to keep. It may be killed at any moment: the daemons go on, and the next supervisor
// adopts them. What it must know for that is in its directory, one directory for each instance:
//
//	instances/ID/spec.json   what to run; it never changes
//	instances/ID/daemon.json whose it is, should the spec be damaged
//	instances/ID/state.json  whether it is wanted, the process that runs, how often it exited
//	instances/ID/began       empty until the process that was started last has become the daemon
//	instances/ID/log         what it said, with the older log.1 and log.2
//
// A process is recorded in state.json before it begins to run. So what is not recorded does not run, and what is recorded
// either runs, as the system tells, or has ended.
package supervisor

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
)

// Spec is an instance of a daemon, as its platform makes it. It does not change any more.
type Spec struct {
	ID     string `json:"id"` // from NewID
	Stack  string `json:"stack"`
	Daemon string `json:"daemon"`
	// Sandbox says how it runs. Dir is the supervisor's to fill in.
	Sandbox sandbox.Spec  `json:"sandbox"`
	Grace   time.Duration `json:"grace"` // between SIGTERM and SIGKILL
	Health  *Health       `json:"health,omitempty"`
	// Record is what the platform wants to know of it again: spec hash, image digest and so on.
	Record json.RawMessage `json:"record,omitempty"`
}

// Health is how an instance's health is checked.
type Health struct {
	Command     []string      `json:"command"`
	Interval    time.Duration `json:"interval"`
	Timeout     time.Duration `json:"timeout"`
	StartPeriod time.Duration `json:"startPeriod,omitempty"` // failures in it do not count
	Threshold   int           `json:"threshold"`             // failures in a row that make it unhealthy
}

// Status is an instance as it is now.
type Status struct {
	ID     string          `json:"id"`
	Stack  string          `json:"stack"`
	Daemon string          `json:"daemon"`
	Role   string          `json:"role,omitempty"` // as Assign gave it; empty of one whose record is damaged
	Record json.RawMessage `json:"record,omitempty"`
	Image  string          `json:"image,omitempty"` // the unpacked image it runs from
	Wanted bool            `json:"wanted"`          // it is started again when it exits
	PID    int             `json:"pid,omitempty"`   // of its first process, while it runs
	// Observation is the same in the words that every platform shares; Instance is the ID. It is Gone when it was removed.
	Observation fact.Observation `json:"observation"`
}

// Event is what Watch tells. After the state of every instance as it was when the watch began, one event says Synced and
// nothing else.
type Event struct {
	Synced bool   `json:"synced,omitempty"`
	Status Status `json:"status"`
}

// NewID makes the id of a new instance.
func NewID() string { return strings.ToLower(rand.Text()[:16]) }

// validID says whether text can be an id: it becomes the name of a directory.
func validID(text string) error {
	ok := text != "" && len(text) <= 64 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
	if !ok {
		return fmt.Errorf("%q is no id of an instance", text)
	}
	return nil
}

// Dir is where a user's supervisor keeps everything, unless the caller says otherwise.
func Dir(lookupEnv func(string) (string, bool)) (string, error) {
	if state, _ := lookupEnv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "alien", "process"), nil
	}
	home, _ := lookupEnv("HOME")
	if !filepath.IsAbs(home) {
		return "", &fact.Problem{
			Reason:  fact.Unavailable,
			Message: "the process runtime does not know where to keep its state",
			Hint:    "set HOME or XDG_STATE_HOME to a directory",
		}
	}
	return filepath.Join(home, ".local", "state", "alien", "process"), nil
}
