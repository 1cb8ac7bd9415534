// Package fact holds the words in which platforms tell of daemons: how an instance is doing, and why something could not be
// done. It depends on nothing, so that also the small processes of the process runtime can speak them without loading the
// deploy engine; everybody else knows them as deploy's own.
package fact

import "time"

// State is where an instance is in its life.
type State string

// The states. Only Running can be ready.
const (
	Created State = "created" // never started
	Running State = "running"
	BackOff State = "back-off" // exited; the runtime will start it again
	Stopped State = "stopped"  // exited; the runtime will not start it again
	Paused  State = "paused"
	Gone    State = "gone" // no instance, and the runtime makes none; Instance is the one that was there
)

// Health is the outcome of health checks; NoCheck where there is none.
type Health string

// The health outcomes.
const (
	NoCheck   Health = ""
	Starting  Health = "starting"
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
)

// Observation is one look at one daemon's current instance.
type Observation struct {
	Daemon    string
	Instance  string // platform id of the instance: container id, pod uid, pid and start time
	State     State
	Health    Health
	StartedAt time.Time // of the current or last run, by the runtime's clock
	Restarts  int       // by the runtime, since the instance was made
	LastExit  *Exit     // of the last run that ended, nil if none did
	NextStart time.Time // estimate while in BackOff, else zero
	ByHand    bool      // Stopped because a person asked the runtime to
	Probe     *Probe    // last health check, where the runtime tells
	// Problem is set where the runtime already knows that this instance cannot start (no such command, no such image).
	Problem *Problem
	Node    string // machine it runs on, where there are several
}

// Exit is how a run ended.
type Exit struct {
	Code   int       `json:"code"`             // -1 where the runtime does not remember it any more
	Signal string    `json:"signal,omitempty"` // SIGKILL …, where a signal ended it
	OOM    bool      `json:"oom,omitempty"`
	At     time.Time `json:"at"`
}

// Probe is one health check's outcome.
type Probe struct {
	Code   int       `json:"code"` // exit code; -1 when it timed out, 126 or 127 when its command could not be run
	Output string    `json:"output,omitempty"`
	At     time.Time `json:"at"`
}

// Unrunnable says that the check's command could not be run; shells say so of their commands with the same codes.
func (p Probe) Unrunnable() bool { return p.Code == 126 || p.Code == 127 }

// LogQuery selects log lines.
type LogQuery struct {
	Follow bool
	Tail   int       // last lines; negative is all
	Since  time.Time // zero is from the beginning
	Until  time.Time // zero is no end
	// Instance limits to one instance; empty is the current one, and with Follow its successors.
	Instance string
}

// LogLine is a line of a daemon's output, or a marker of ours about its life.
type LogLine struct {
	Daemon string
	Time   time.Time
	Stream string // stdout, stderr; "marker" for restarts and replacements
	Text   string // without the newline
}
