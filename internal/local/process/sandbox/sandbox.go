// Package sandbox runs one process in namespaces and a root file system of its own, with the network of the machine.
//
// Start runs this very program again, in the new namespaces, as a stage that builds the root file system and then becomes
// the daemon; every program that uses Start imports package stage, which calls Stage before main begins. The stage does nothing before its
// parent has recorded it: a parent that dies in between leaves nothing behind. A running process can be adopted by any
// later process of the same user, looked into by Exec, and is ended with all that it started.
//
// Where the caller is not root, a user namespace maps the one user that the daemon runs as to the caller.
package sandbox

import (
	"errors"
	"time"

	"github.com/alienplatform/alien-go/internal/local/owner"
)

// Spec is what to run. It is kept as JSON by who starts the process again.
type Spec struct {
	Name string `json:"name"` // <stack>-<daemon>, for messages
	Root string `json:"root"` // unpacked image; shared, never written to
	// Dir exists, is private to this instance and keeps what it writes to its root file system, over restarts too.
	Dir string `json:"dir"`

	Args    []string `json:"args"`              // entrypoint and command; never empty
	Env     []string `json:"env,omitempty"`     // NAME=value, all of it; nothing is inherited
	WorkDir string   `json:"workDir,omitempty"` // made where the image has none; empty is /
	User    string   `json:"user,omitempty"`    // name or uid[:group or gid], as images write it; empty is root
	Binds   []Bind   `json:"binds,omitempty"`

	HostPID bool `json:"hostPID,omitempty"` // sees the machine's processes
	Init    bool `json:"init,omitempty"`    // an init process in front reaps zombies
	Copy    bool `json:"copy,omitempty"`    // a private copy of Root even where the kernel could layer over it

	CPULimit    int64 `json:"cpuLimit,omitempty"`    // thousandths of a core; 0 is none
	MemoryLimit int64 `json:"memoryLimit,omitempty"` // bytes; 0 is none
}

// Bind is a path of the machine seen by the daemon.
type Bind struct {
	Source      string `json:"source"` // must exist, unless Own
	Target      string `json:"target"`
	ReadOnly    bool   `json:"readOnly,omitempty"`
	Propagation string `json:"propagation,omitempty"` // private or slave, with r before it recursive; empty is rprivate
	// Own says that Source is a directory of ours for the daemon's data: it is made where it is missing, and given to the
	// daemon's user.
	Own bool `json:"own,omitempty"`
}

// Process identifies a started process for as long as the machine runs: process ids alone are used again.
type Process struct {
	owner.Owner
	At time.Time // when it was started
}

// Outcome is what became of a command that Exec ran.
type Outcome struct {
	Code   int    // exit code; 128 and the signal's number where a signal ended it; -1 where the time was over
	Output string // the first bytes of both streams
}

// ErrGone says of a process that it has ended, at a time and in a way that nobody knows.
var ErrGone = errors.New("the process has ended")

// outputLimit bounds what is kept of a command's output.
const outputLimit = 4096
