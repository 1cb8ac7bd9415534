// Package manifest turns the bytes of a manifest into a Stack.
//
// It knows both forms, the friendly YAML and the compiled stack JSON, and gives one model for both. It reads
// files and environment variables that the manifest names, and talks to nothing else.
package manifest

import "time"

// Platform is where a stack can be asked to run. Only local and kubernetes are deployable.
type Platform string

// The platforms the manifest may name. Those that are not deployable are recognised so that preflight can refuse them.
const (
	Local      Platform = "local"
	Kubernetes Platform = "kubernetes"
	AWS        Platform = "aws"
	GCP        Platform = "gcp"
	Azure      Platform = "azure"
	Machines   Platform = "machines"
	Test       Platform = "test"
)

// Runtime is what runs a daemon of the local platform.
type Runtime string

// The runtimes of the local platform; a Target of another platform has none.
const (
	Docker  Runtime = "docker"
	Process Runtime = "process"
)

// Target is a platform, and on the local one its runtime: all that pure code needs to know of where a stack goes.
type Target struct {
	Platform Platform `json:"platform"`
	Runtime  Runtime  `json:"runtime,omitempty"`
}

// String gives "local/docker", "local/process" or the platform's name.
func (t Target) String() string {
	if t.Runtime == "" {
		return string(t.Platform)
	}
	return string(t.Platform) + "/" + string(t.Runtime)
}

// Form is which of the two manifest forms a stack was read from.
type Form string

// The two forms.
const (
	Friendly Form = "friendly"
	Compiled Form = "compiled"
)

// Stack is a manifest, whole: parsed, interpolated, secrets read, defaults filled in.
type Stack struct {
	Name       string
	Form       Form
	Platforms  []Platform // as declared; empty means local and kubernetes
	Kubernetes KubernetesPin
	// ServiceAccounts are what is stated of the permission profiles' service accounts on a cluster, by profile.
	ServiceAccounts map[string]ServiceAccount

	Deployment Deployment
	Manager    Manager      `json:",omitzero"`
	Daemons    []Daemon     // in the order of the file
	Resources  []Resource   // in the order of the file
	Undeployed []Undeployed // worker, container …: known, and not run by this tool

	// Dir is the directory that relative paths of the manifest (mounts excepted) start from.
	Dir string
	// File is the manifest's path as the user gave it, "-" for standard input.
	File string

	index map[string]Location
}

// KubernetesPin is the cluster the manifest insists on; empty fields insist on nothing.
type KubernetesPin struct{ Context, Namespace string }

// Manager is what is known, without contacting it, of the manager that the daemons' commands come from. No manifest says it:
// who deploys one does. The zero value is that there is none.
type Manager struct {
	Known    bool
	HasKey   bool // that deployments are registered with
	Loopback bool // only its own machine reaches it
}

// Deployment is the identity a daemon is told; both fields default to the stack's name.
type Deployment struct{ ID, Name string }

// Daemon is one always-on process.
type Daemon struct {
	Name string
	// Image is a registry reference or docker-archive:PATH, oci:PATH, oci-archive:PATH; empty when Source is set.
	Image string
	// Source is the directory of a daemon that is to be built first; preflight refuses it.
	Source string
	// PullPolicy is missing (default), always or never.
	PullPolicy PullPolicy

	Command         []string // replaces the image's entrypoint and command; nil keeps them
	Environment     []Env    // the user's own variables, in the order of the file
	Links           []Link
	Permissions     string // profile name
	CommandsEnabled bool
	CPU, Memory     Quantity

	StopGrace            time.Duration // default 30 s
	Settle               time.Duration // minReadySeconds; default 500 ms
	StartFailuresAllowed int           // default 2
	HealthCheck          *HealthCheck
	Runtime              RuntimeOptions
	Cluster              ClusterOptions

	// PublicEndpoints counts the endpoints a compiled manifest declares; preflight refuses any.
	PublicEndpoints int
	// HTTPHealthCheck says that a compiled manifest carries an HTTP health check, which nothing here performs.
	HTTPHealthCheck bool
	// DependsOn are the entry-level dependencies of a compiled manifest; they take part in the cycle check only.
	DependsOn []Link
}

// PullPolicy says when an image is fetched from its registry.
type PullPolicy string

// The pull policies.
const (
	PullMissing PullPolicy = "missing"
	PullAlways  PullPolicy = "always"
	PullNever   PullPolicy = "never"
)

// Env is one environment variable of the user.
type Env struct {
	Name  string
	Value Value
}

// Link names a resource whose binding the daemon gets. Type is what a compiled manifest says it is, else empty.
type Link struct{ ID, Type string }

// Quantity is a cpu or memory amount in Kubernetes syntax. Request and Limit are empty where the manifest states none.
type Quantity struct{ Request, Limit string }

// HealthCheck is a command run inside the daemon; exit 0 is healthy.
type HealthCheck struct {
	Command          []string
	Interval         time.Duration // default 5 s
	Timeout          time.Duration // default 2 s
	FailureThreshold int           // default 3
	StartPeriod      time.Duration // default 0
}

// RuntimeOptions are host-level options.
type RuntimeOptions struct {
	User         string // uid or uid:gid; empty keeps the image's
	Privileged   bool
	PidNamespace string // "host" or "private" (default, also when empty)
	NetworkMode  string // "host" or "appnet" (default, also when empty)
	Init         bool
	Mounts       []Mount
}

// Mount is a host path made visible inside the daemon.
type Mount struct {
	Source, Target string
	Options        string // comma-separated, as given: ro, rw …
}

// Resource is something a daemon links to.
type Resource struct {
	ID   string
	Type string // storage, kv, queue, vault, postgres …
	// Bindings are those the manifest or --values gives, by platform. A platform without one may have a default
	// (a local place) or none; workload decides.
	Bindings map[Platform]Binding
	// DependsOn are the entry-level dependencies of a compiled manifest.
	DependsOn []Link
}

// Undeployed is an entry of a compute type that other tools run.
type Undeployed struct{ ID, Type string }

// Daemon gives the daemon of that name.
func (s *Stack) Daemon(name string) (*Daemon, bool) {
	for i := range s.Daemons {
		if s.Daemons[i].Name == name {
			return &s.Daemons[i], true
		}
	}
	return nil, false
}

// Resource gives the resource of that id.
func (s *Stack) Resource(id string) (*Resource, bool) {
	for i := range s.Resources {
		if s.Resources[i].ID == id {
			return &s.Resources[i], true
		}
	}
	return nil, false
}
