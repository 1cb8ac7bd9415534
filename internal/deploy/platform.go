// Package deploy holds the one engine that makes a platform look like a manifest, and the small interface through
// which it knows a platform.
//
// observed + workloads → Plan (pure) → Apply (acts through a Session, decides through pure judges) → Report.
package deploy

import (
	"context"
	"iter"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

// Platform is a runtime that can run a stack: Docker, the embedded process runtime, Kubernetes.
//
// Errors that have a cause users know are *Problem values; anything else is taken for an operation that failed.
type Platform interface {
	// Place names where exactly changes go, for the first line of output: "docker (unix:///var/run/docker.sock)".
	Place() string

	// Observe reports all that exists of a stack, in one look for the whole stack. workloads are the ones about to be
	// compared with it, so that the platform can also tell what their images resolve to now and which of their names
	// are taken; it may be nil. Observe changes nothing.
	Observe(ctx context.Context, stack string, workloads []workload.Workload) (Observed, error)

	// Stacks lists every stack of ours on the target.
	Stacks(ctx context.Context) ([]StackSummary, error)

	// Begin takes the stack's lock, puts right what an interrupted run left half-done, and prepares what the stack shares.
	// What a person did it leaves alone: that is for the plan to tell and to put right. The session must be closed. While
	// the lock is held by somebody else it waits up to opts.LockTimeout.
	Begin(ctx context.Context, stack string, opts BeginOptions) (Session, error)

	// Watch streams the state of the stack's current instances: first one Observation for each that exists, then one for
	// every change, until ctx ends or the connection is lost for good (the last pair then carries the error). With
	// opts.Probe it also runs health checks itself wherever the runtime would be slow to run the first one.
	Watch(ctx context.Context, stack string, opts WatchOptions) iter.Seq2[Observation, error]

	// Logs streams log lines of one daemon, oldest first, until they end or, with q.Follow, until ctx ends. Following
	// lives across restarts and replacements of the daemon.
	Logs(ctx context.Context, stack, daemon string, q LogQuery) iter.Seq2[LogLine, error]

	// Close lets go of connections.
	Close() error
}

// Looker is a platform whose stream of state changes may lag behind what it knows itself: a Docker engine under load
// tells of an exit half a second late. The engine then takes a fresh look before it believes that a daemon is ready.
type Looker interface {
	// Look gives the instance that was observed before, as it is now.
	Look(ctx context.Context, before Observation) (Observation, error)
}

// Explainer is a platform that can tell from a daemon's last log lines that it could not be started at all: what the
// runtime itself writes there, where it tells so nowhere else.
type Explainer interface {
	// Explain gives the cause, nil where the lines tell none.
	Explain(lines []string) *Problem
}

// Host is a platform whose daemons have a network of their own, and see the machine that they run on from there.
type Host interface {
	// HostAddress is that machine's IP address on the daemons' network, "" where it has none.
	HostAddress(ctx context.Context) (string, error)
}

// Session is a change in progress, under the lock. Its methods are safe to call for different daemons at once. For one
// daemon they come in the order Prepare, Start, then Commit or Undo.
//
// A method whose ctx ends returns soon with the ctx's error and leaves a state that the next Begin can put right.
type Session interface {
	// Prepare does everything that can be done while the old instance still runs: image present, new instance made but
	// not started where the platform can.
	Prepare(ctx context.Context, w workload.Workload, fp workload.Fingerprint, report func(Progress)) error

	// Start ends the current instance, if there is one, within its own stop grace, and starts the prepared one. The two
	// never run together. Start returns when the new instance has been started, not when it is ready. It reports Stopping
	// before it ends the current one and Launching afterwards: the time between does not count against --timeout.
	//
	// What becomes of the current instance:
	//   - an instance is already kept (Observed.Daemon.Unfinished): the current one never proved ready. It is removed,
	//     whatever keep says, and the one kept before stays the rollback target;
	//   - keep is true: the current one was ready. It is kept, not running, and becomes the rollback target;
	//   - keep is false: it is removed.
	// After a Start that failed or whose ctx ended, however far it got, Undo is called where something is or was to be
	// kept, or where an interrupt broke it off, and nothing else; without Undo the new instance stays for people to look
	// at.
	Start(ctx context.Context, daemon string, keep bool, report func(Progress)) error

	// Commit drops the kept instance, if there is one: the current one has proved ready. It also comes without Start, or
	// before it, where an earlier run left an update unfinished that has proved ready since.
	Commit(ctx context.Context, daemon string) error

	// Undo ends and removes the new instance, puts the kept one back in its place and starts it, also where Start stopped
	// half way, and what Start had put aside even if it was not to be kept. It returns ErrNothingKept, and leaves the new
	// one alone, where there is nothing to put back. The new one has its stop grace. But a deadline on ctx says that
	// somebody wants to be gone: then it is killed at once, the kept one is started before anything is tidied up, and what
	// is left to tidy up when the deadline comes is the next Begin's. Undo also comes without Start, where an earlier run
	// left an update unfinished, and again where ctx broke it off. Before Start it only discards what Prepare made.
	Undo(ctx context.Context, daemon string) error

	// Remove stops a daemon within its own stop grace and removes every instance of it. What is not there is not an error.
	Remove(ctx context.Context, daemon string) error

	// Restart stops the current instance within its stop grace and starts it again, unchanged. It reports like Start.
	Restart(ctx context.Context, daemon string, report func(Progress)) error

	// RemoveData deletes a data place of Observed.Data.
	RemoveData(ctx context.Context, name string) error

	// Lost is closed when the lock was lost to somebody else; nothing may be changed after that.
	Lost() <-chan struct{}

	// Close cleans up what was prepared and not started, and releases the lock. Its ctx bounds it.
	Close(ctx context.Context) error
}

// BeginOptions are the circumstances of a change.
type BeginOptions struct {
	LockTimeout time.Duration // 0 does not wait
	Source      string        // where the manifest came from: recorded on what is made
	Version     string        // of this tool
	Command     string        // up, down, restart: LockHolder tells it to those who wait
	Key         []byte        // the stack's hash key, recorded on what is made
	// NoWait says that nobody will wait for readiness: where starting is only asked for, Start waits until it has happened.
	NoWait bool
	// OnWait is told who holds the lock, once per holder, and OnTakeover whose lock was taken over and why.
	OnWait     func(LockHolder)
	OnTakeover func(LockHolder, string)
}

// LockHolder says who changes a stack right now.
type LockHolder struct {
	Host    string    `json:"host"`
	User    string    `json:"user,omitempty"`
	PID     int       `json:"pid"`
	Command string    `json:"command,omitempty"` // up, down, restart
	Since   time.Time `json:"since"`
}

// WatchOptions says how to watch.
type WatchOptions struct {
	Probe bool // run start-up health checks where the runtime cannot do so quickly
	// OnSync, where set, is called once: when the first look has been yielded and no change from then on is missed. The
	// engine starts nothing before that.
	OnSync func()
}

// Observed is what a platform reports of one stack.
type Observed struct {
	Daemons []Daemon // sorted by name
	Data    []Data   // places of local resources, sorted by name
	// Images tells, by image reference of the given workloads, the identity (a digest) it resolves to on the target at
	// this moment. A reference that would have to be fetched first is absent.
	Images map[string]string
	// Taken tells, by daemon, what else already has the name its object would get.
	Taken map[string]string
	// Barred tells, by daemon, what keeps the platform from having it at all, or from keeping it single.
	Barred map[string]*Problem
	// Unresolved tells, by image reference, why it cannot be told what it stands for now, where that should have been
	// found out: with pull policy always, and of local archives.
	Unresolved map[string]*Problem
	// Key is the stack's hash key; nil when the stack has none yet.
	Key []byte
	// Unclean says that a run that was broken off, and not one under way, has left something that Begin clears.
	Unclean bool
}

// Daemon is what exists of one daemon.
type Daemon struct {
	Observation
	Hash    string           // spec hash recorded on it
	Fields  []workload.Field // what the hash was made of
	Key     []byte           // the key it was made with
	Image   string           // image reference as the manifest gave it
	ImageID string           // identity of what runs; compare with Observed.Images
	Digest  string           // repository digest or image id, for people
	Source  string           // where it was applied from
	Version string           // tool version that applied it
	Settle  time.Duration
	// Unfinished says that an update of it has not been confirmed: a kept previous instance still exists.
	Unfinished bool
	// Renamed is the name it was given by hand, where it has not its own.
	Renamed string
	// Duplicates are further instances that should not exist.
	Duplicates []string
	// Drift is how it was changed on the platform since it was applied, where the platform can tell.
	Drift []Cause
}

// Data is a place that holds a resource's data.
type Data struct {
	Name     string `json:"name"`
	Resource string `json:"resource"`
}

// StackSummary is a line of `alien daemon ls`.
type StackSummary struct {
	Name    string `json:"name"`
	Daemons int    `json:"daemons"`
	Ready   int    `json:"ready"` // running, and healthy where that is known
	Source  string `json:"source,omitempty"`
	// Runtime is set in a list of several runtimes' stacks, of those that are not the target's.
	Runtime string `json:"runtime,omitempty"`
}

// Progress is news from inside Prepare and Start.
type Progress struct {
	Phase          Phase
	Current, Total int64 // bytes, in Pulling and Loading; Total 0 while unknown
	Detail         string
	Instance       string `json:"-"` // with Launching: the instance that is started, where it is known
}

// Phase of making an instance run.
type Phase string

// The phases.
const (
	Pulling   Phase = "pulling"
	Loading   Phase = "loading"
	Preparing Phase = "preparing"
	Stopping  Phase = "stopping" // the old instance
	Launching Phase = "starting"
)
