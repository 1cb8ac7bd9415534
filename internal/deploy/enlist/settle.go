package enlist

import (
	"context"
	"slices"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Settle revokes the tokens that up made and that no daemon has any more, and takes daemons that are gone from the register. It
// needs not be done where nothing has changed and each daemon has but one.
func (e *Enlistment) Settle(ctx context.Context, p deploy.Platform, plan deploy.Plan, now func() time.Time) error {
	if e.deployment == "" || !e.concerned(plan) && len(surplus(e.tokens, nil)) == 0 {
		return nil
	}
	if err := e.Ask(ctx); err != nil {
		return err
	}
	if e.known.DeploymentID == "" {
		return nil
	}
	observed, err := p.Observe(ctx, plan.Stack, nil)
	if err != nil {
		return err
	}
	for _, id := range surplus(e.tokens, observed.Daemons) {
		if err := e.api.Revoke(ctx, id); err != nil {
			return err
		}
	}
	if left := e.left(observed.Daemons); len(left) < len(e.known.Daemons) {
		return e.put(ctx, left, now)
	}
	return nil
}

// Withdraw registers what the plan of a down left of the daemons that were registered, which revokes the tokens of the others.
func (e *Enlistment) Withdraw(ctx context.Context, plan deploy.Plan, now func() time.Time) error {
	known, err := e.api.Deployment(ctx, e.deployment, time.Time{}, 0)
	if Unknown(err) {
		return nil
	}
	if err != nil {
		return err
	}
	gone := func(d api.Daemon) bool {
		return slices.ContainsFunc(plan.Changes, func(c deploy.Change) bool { return c.Daemon == d.ID && c.Action == deploy.Delete })
	}
	var left []string
	for _, d := range known.Daemons {
		if !gone(d) {
			left = append(left, d.ID)
		}
	}
	if len(left) == len(known.Daemons) {
		return nil
	}
	return e.put(ctx, left, now)
}

// concerned says whether a plan may have left tokens behind: it made some, or it ended daemons that may have had one.
func (e *Enlistment) concerned(plan deploy.Plan) bool {
	return slices.ContainsFunc(plan.Changes, func(c deploy.Change) bool {
		lost := func(x deploy.Cause) bool { return x.Path == "environment."+workload.TokenVariable }
		return c.Action == deploy.Delete || slices.Contains(e.takers, c.Daemon) && (c.Action != deploy.Unchanged || c.Resume) ||
			slices.ContainsFunc(c.Causes, lost)
	})
}

// left are the registered daemons that take commands or that still exist with a token.
func (e *Enlistment) left(daemons []deploy.Daemon) []string {
	left := slices.Clone(e.takers)
	for _, d := range e.known.Daemons {
		has := func(o deploy.Daemon) bool {
			return o.Daemon == d.ID && (o.Unfinished || workload.TokenOf(o.Fields) != "")
		}
		if !slices.Contains(left, d.ID) && slices.ContainsFunc(daemons, has) {
			left = append(left, d.ID)
		}
	}
	return left
}

// surplus are the tokens that up made and that no daemon has: those of each daemon but the one it was made with. A daemon with
// an update that was not confirmed may still go back to another one. Without daemons it only tells whether there may be any.
func surplus(tokens []api.Token, daemons []deploy.Daemon) []string {
	var out []string
	seen := map[string]bool{}
	for _, t := range tokens {
		if t.Kind != api.Receiver || t.Name != mintedByUp {
			continue
		}
		i := slices.IndexFunc(daemons, func(d deploy.Daemon) bool { return d.Daemon == t.TargetResourceID })
		switch {
		case daemons == nil && !seen[t.TargetResourceID]:
			seen[t.TargetResourceID] = true
		case i >= 0 && (daemons[i].Unfinished || tokenID(daemons[i]) == t.ID):
		default:
			out = append(out, t.ID)
		}
	}
	return out
}
