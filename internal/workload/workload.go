// Package workload renders the daemons of a stack for one target: image, command, complete environment, mounts,
// limits, and the fingerprint that tells whether what runs is what the manifest says. It is pure.
package workload

import (
	"time"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// Workload is one daemon rendered for one target. It says everything a platform needs to run it.
type Workload struct {
	Stack  string
	Daemon string

	Image      string // registry reference, or docker-archive:PATH, oci:PATH, oci-archive:PATH with an absolute path
	PullPolicy manifest.PullPolicy
	Command    []string       // replaces entrypoint and command; nil keeps the image's
	Env        []manifest.Env // the final environment, each name once, in the order it is to be set

	Binds   []Bind
	Volumes []Volume

	User          string
	Privileged    bool
	HostPID       bool
	HostNetwork   bool
	Init          bool
	CPULimit      int64 // thousandths of a core; 0 is none
	CPURequest    int64 // thousandths of a core; 0 is none
	MemoryLimit   int64 // bytes; 0 is none
	MemoryRequest int64 // bytes; 0 is none
	StopGrace     time.Duration

	Health               *manifest.HealthCheck
	Settle               time.Duration
	StartFailuresAllowed int

	Cluster Cluster // for a Kubernetes cluster

	Commands Commands // how it takes commands, where it does
}

// Bind is a host path mounted into the daemon.
type Bind struct {
	Source, Target string
	ReadOnly       bool
	Options        []string // what else the manifest asked for, in its order
}

// Volume is a place of a local resource, kept when its daemons go.
type Volume struct {
	Resource string // id of the resource
	Name     string // the platform's name for it: <stack>-<resource>
	Target   string // where the daemon sees it
}

// Name is what the platform's object is called: <stack>-<daemon>.
func (w Workload) Name() string { return w.Stack + "-" + w.Daemon }

// Field is one comparable fact of a workload. Value is what people see; of a secret it is a keyed hash.
type Field struct {
	Path   string `json:"path"` // as in the manifest: image, environment.LOG_LEVEL, memory.desired
	Value  string `json:"value"`
	Secret bool   `json:"secret,omitempty"`
}

// Fingerprint is what is recorded of a workload on the platform's object, to be compared later.
type Fingerprint struct {
	Hash   string  `json:"hash"`
	Fields []Field `json:"fields"` // sorted by path; fields at their default are absent
}
