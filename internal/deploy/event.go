package deploy

import "time"

// Event is one piece of news while a plan is applied. Reporters render it; nothing is decided from it.
type Event struct {
	Time   time.Time `json:"time"`
	Daemon string    `json:"daemon,omitempty"` // empty: about the whole stack
	Kind   EventKind `json:"kind"`

	Message     string       `json:"message,omitempty"`  // for people
	Progress    *Progress    `json:"progress,omitempty"` // with KindProgress
	Observation *Observation `json:"-"`                  // with KindState
	Verdict     *Verdict     `json:"verdict,omitempty"`  // with KindFailed
	Plan        *Plan        `json:"plan,omitempty"`     // with KindPlan
}

// EventKind says what an Event is about.
type EventKind string

// The kinds of event.
const (
	KindPlan       EventKind = "plan" // what is going to be done, before anything is; also when that is nothing
	KindLockWait   EventKind = "lock-wait"
	KindTakeover   EventKind = "lock-takeover"
	KindProgress   EventKind = "progress"
	KindState      EventKind = "state"
	KindStarted    EventKind = "started" // and not waited for
	KindReady      EventKind = "ready"
	KindFailed     EventKind = "failed"
	KindUndoing    EventKind = "rolling-back"
	KindUndone     EventKind = "rolled-back"
	KindRemoving   EventKind = "removing"
	KindRemoved    EventKind = "removed"
	KindInterrupt  EventKind = "interrupted"
	KindKeptData   EventKind = "kept-data"
	KindDataGone   EventKind = "data-removed"
	KindWarning    EventKind = "warning"
	KindUnfinished EventKind = "unfinished" // an update was left half-done and is taken up again
)

// Outcome is how one daemon ended.
type Outcome string

// The outcomes.
const (
	OutcomeReady       Outcome = "ready"
	OutcomeStarted     Outcome = "started"     // not waited for
	OutcomeFailed      Outcome = "failed"      // the new instance stays, not ready
	OutcomeRolledBack  Outcome = "rolled-back" // the previous instance runs again
	OutcomeTimedOut    Outcome = "timed-out"   // not ready in time, no start or probe had failed
	OutcomeInterrupted Outcome = "interrupted" // not begun, or undone
	OutcomeRemoved     Outcome = "removed"
)

// DaemonReport is what Apply says of one daemon at the end.
type DaemonReport struct {
	Daemon  string        `json:"daemon"`
	Action  Action        `json:"action"`
	Outcome Outcome       `json:"outcome"`
	Verdict *Verdict      `json:"verdict,omitempty"`
	Took    time.Duration `json:"-"`
	Final   Observation   `json:"-"` // from the last look at the target
}

// Report is the end of an Apply.
type Report struct {
	Plan    Plan           `json:"plan"`
	Daemons []DaemonReport `json:"daemons"` // sorted by name
	Data    []Data         `json:"-"`       // kept
}
