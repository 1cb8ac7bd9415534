package deploy

import (
	"errors"
	"time"
)

// ErrNothingKept is what Session.Undo answers when there is nothing to go back to.
var ErrNothingKept = errors.New("no previous instance is kept")

// Progressing says of a verdict that time ran out while nothing had failed yet.
func (v *Verdict) Progressing() bool {
	return v.Reason == StopTimeout || v.Reason == StartTimeout && v.Failures == 0
}

// Verdict is the end of a daemon's start-up that did not succeed: the cause with its evidence.
type Verdict struct {
	Daemon   string    `json:"daemon"`
	Reason   Reason    `json:"reason"`
	Message  string    `json:"message"`
	Exit     *Exit     `json:"exit,omitempty"`
	Restarts int       `json:"restarts"`
	Failures int       `json:"failures"` // starts and probes that failed; a START_TIMEOUT with none was still making progress
	Probe    *Probe    `json:"probe,omitempty"`
	Logs     []string  `json:"logs,omitempty"` // last lines of the instance that died
	Hint     string    `json:"hint,omitempty"`
	At       time.Time `json:"at"`
}
