// Package progress shows how a change goes on: in place on a terminal, as one line per change elsewhere, or not at all.
package progress

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
)

// Model is what is known of a change so far. Events make it; frames and lines are drawn from it.
type Model struct {
	rows    []row
	planned bool
}

// row is one daemon.
type row struct {
	daemon   string
	phase    phase
	label    string // what it does, in words
	bytes    *deploy.Progress
	restarts int
	from, to time.Time // to is zero while it goes on
}

// phase decides the mark and the colour of a row.
type phase int

const (
	busy phase = iota
	good
	bad
)

// Apply takes an event in. It returns the line to print about it where every change is a line, "" where nothing new is to be said.
func (m *Model) Apply(e deploy.Event) string {
	if e.Kind == deploy.KindPlan && e.Plan != nil {
		return m.plan(e)
	}
	if isNote(e) {
		return note(e)
	}
	if m.planned && e.Kind == deploy.KindReady && !m.has(e.Daemon) {
		return "" // unchanged, and ready as it was before
	}
	r := m.row(e)
	before, restarts := r.label, r.restarts
	if !r.update(e) {
		return ""
	}
	if r.label == before && r.restarts == restarts {
		return ""
	}
	if !r.to.IsZero() {
		return fmt.Sprintf("%s: %s (%s)", r.daemon, r.words(), ui.Duration(r.elapsed(r.to)))
	}
	return r.daemon + ": " + r.words()
}

// plan gives every daemon that is going to change its row at once, so that the block does not grow while it is watched.
func (m *Model) plan(e deploy.Event) string {
	m.planned = true
	for _, c := range e.Plan.Changes {
		if c.Action != deploy.Unchanged || c.Resume {
			m.row(deploy.Event{Time: e.Time, Daemon: c.Daemon}).label = "waiting"
		}
	}
	return "plan: " + e.Plan.Summary()
}

// isNote says whether an event is a message of its own, and not where a daemon has got to.
func isNote(e deploy.Event) bool {
	switch e.Kind {
	case deploy.KindProgress, deploy.KindState, deploy.KindStarted, deploy.KindReady, deploy.KindFailed, deploy.KindUndoing,
		deploy.KindUndone, deploy.KindRemoving, deploy.KindRemoved, deploy.KindInterrupt:
		return e.Daemon == ""
	}
	return true
}

// note is a message in one line; what was kept is named by the result.
func note(e deploy.Event) string {
	if e.Message == "" || e.Kind == deploy.KindKeptData {
		return ""
	}
	s := ui.Plain(e.Message)
	if e.Daemon != "" {
		s = e.Daemon + ": " + s
	}
	if e.Kind == deploy.KindWarning {
		s = "warning: " + s
	}
	return s
}

func (m *Model) has(daemon string) bool {
	return slices.ContainsFunc(m.rows, func(r row) bool { return r.daemon == daemon })
}

// row finds the row of an event's daemon, or makes it in its place by name.
func (m *Model) row(e deploy.Event) *row {
	i, found := slices.BinarySearchFunc(m.rows, e.Daemon, func(r row, name string) int { return strings.Compare(r.daemon, name) })
	if !found {
		m.rows = slices.Insert(m.rows, i, row{daemon: e.Daemon, from: e.Time})
	}
	return &m.rows[i]
}

// update takes an event into a row. It says false for an event that changes nothing.
func (r *row) update(e deploy.Event) bool {
	switch e.Kind {
	case deploy.KindProgress:
		return r.progress(e)
	case deploy.KindState:
		return r.state(e.Observation)
	case deploy.KindReady:
		r.end(good, "ready", e.Time)
	case deploy.KindStarted:
		r.end(good, "started", e.Time)
	case deploy.KindRemoved:
		r.end(good, "removed", e.Time)
	case deploy.KindFailed:
		r.end(bad, failed(e), e.Time)
	case deploy.KindUndone:
		r.end(bad, "rolled back", e.Time)
	case deploy.KindInterrupt:
		r.end(bad, "interrupted", e.Time)
	case deploy.KindUndoing:
		r.goOn("rolling back")
	case deploy.KindRemoving:
		r.goOn("stopping")
	}
	return true
}

func failed(e deploy.Event) string {
	if e.Verdict == nil {
		return "failed"
	}
	return "failed " + string(e.Verdict.Reason)
}

func (r *row) end(p phase, label string, at time.Time) {
	r.phase, r.label, r.bytes, r.to = p, label, nil, at
}

func (r *row) goOn(label string) {
	r.phase, r.label, r.bytes, r.restarts, r.to = busy, label, nil, 0, time.Time{}
}

func (r *row) progress(e deploy.Event) bool {
	p := e.Progress
	if p == nil || !r.to.IsZero() {
		return false
	}
	r.label, r.bytes = string(p.Phase), nil
	if p.Current > 0 {
		r.bytes = p
	}
	return true
}

// state shows what the runtime reports, until the row has ended: what a ready daemon does later is for status to tell.
func (r *row) state(o *deploy.Observation) bool {
	if o == nil || !r.to.IsZero() {
		return false
	}
	r.bytes, r.restarts = nil, o.Restarts
	switch {
	case o.State == deploy.BackOff && o.LastExit != nil:
		r.label = "restarting after " + ui.Exit(o.LastExit)
	case o.State == deploy.Running && o.Health != deploy.NoCheck:
		r.label = "running, " + healthWords(o.Health)
	default:
		r.label = string(o.State)
	}
	return true
}

func healthWords(h deploy.Health) string {
	if h == deploy.Starting {
		return "not healthy yet"
	}
	return string(h)
}

// words is the row's state with what belongs to it.
func (r *row) words() string {
	s := r.label
	switch {
	case r.bytes != nil && r.bytes.Total > 0:
		s += fmt.Sprintf(" %s of %s", ui.Bytes(r.bytes.Current), ui.Bytes(r.bytes.Total))
	case r.bytes != nil:
		s += " " + ui.Bytes(r.bytes.Current)
	}
	if r.restarts > 0 {
		s += ", " + ui.Count(r.restarts, "restart")
	}
	return s
}

// elapsed is how long the row has gone on, or took.
func (r *row) elapsed(now time.Time) time.Duration {
	if !r.to.IsZero() {
		now = r.to
	}
	return now.Sub(r.from)
}

// named is how many daemons a heartbeat names.
const named = 5

// Waiting names what is not finished yet, for a heartbeat; "" when nothing is.
func (m *Model) Waiting(now time.Time) string {
	var parts []string
	for i := range m.rows {
		if r := &m.rows[i]; r.to.IsZero() {
			parts = append(parts, fmt.Sprintf("%s (%s, %s)", r.daemon, r.words(), ui.Duration(r.elapsed(now))))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	if more := len(parts) - named; more > 0 {
		parts = append(parts[:named], fmt.Sprintf("and %d more", more))
	}
	return "waiting for " + strings.Join(parts, ", ")
}
