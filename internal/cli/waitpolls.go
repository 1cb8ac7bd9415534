package cli

import (
	"context"
	"errors"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/outbound"
)

// untilPolled waits until each daemon that takes commands has asked for some: one that was started by this run, since then.
func (e *enlistment) untilPolled(ctx context.Context, only []string, timeout time.Duration) error {
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
			return &failure{exit: exitTimeout, code: codeTimeout, message: "timed out waiting for " + nameList(missing) + " to ask for commands",
				hint: "does the daemon run a receiver? alien daemon logs shows what it does"}
		case err != nil:
			return managerFailure(err)
		case len(missing) == 0:
			return nil
		}
		if time.Since(asked) < time.Second { // the answer was not held
			outbound.Sleep(limited, time.Second)
		}
	}
}

// since is when the last of the started daemons was started, by the manager's clock.
func (e *enlistment) since() time.Time {
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
func (e *enlistment) silent(now api.Deployment, only []string) []string {
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
