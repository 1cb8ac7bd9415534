package enlist

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/outbound"
)

// Silence is the error of a time that passed without daemons asking for commands.
type Silence struct{ Daemons []string }

// Error names the daemons.
func (s *Silence) Error() string {
	return "timed out waiting for " + strings.Join(s.Daemons, ", ") + " to ask for commands"
}

// UntilPolled waits until each daemon that takes commands has asked for some: one that was started by this run, since then. Only
// those named are waited for, or all. When the time is over the error is a *Silence.
func (e *Enlistment) UntilPolled(ctx context.Context, only []string, timeout time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		asked := time.Now()
		known, err := e.api.Deployment(limited, e.deployment, e.since(), outbound.HeldFor)
		missing := e.silent(known, only)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(limited.Err(), context.DeadlineExceeded):
			return &Silence{Daemons: missing}
		case err != nil:
			return err
		case len(missing) == 0:
			return nil
		}
		if time.Since(asked) < time.Second { // the answer was not held
			outbound.Sleep(limited, time.Second)
		}
	}
}

// since is when the last of the started daemons was started, by the manager's clock.
func (e *Enlistment) since() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	latest := e.registered
	for _, at := range e.launched {
		if at.After(latest) {
			latest = at
		}
	}
	return e.answered.Add(latest.Sub(e.registered))
}

// silent are the daemons that have not asked for commands: since they were started, or at all where they run since before.
func (e *Enlistment) silent(now api.Deployment, only []string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, d := range now.Daemons {
		if !e.takes(d.ID, only) {
			continue
		}
		at, launched := e.launched[d.ID]
		asked := d.LastPolledAt.Time
		if asked.IsZero() || launched && asked.Before(e.answered.Add(at.Sub(e.registered))) {
			out = append(out, d.ID)
		}
	}
	return out
}
