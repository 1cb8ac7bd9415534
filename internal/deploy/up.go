package deploy

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

// keySize is the length of a stack's hash key.
const keySize = 32

// UpOptions says how to make a stack so.
type UpOptions struct {
	PlanOptions
	Timeout    time.Duration // per daemon, the stop grace of an old instance not counted; 0 is five minutes
	NoWait     bool
	NoRollback bool
	Begin      BeginOptions // Key is filled in
	// Issue completes a workload with what is made for it alone, just before its daemon is made or replaced; nil is nothing.
	Issue func(context.Context, workload.Workload) (workload.Workload, error)
}

// Preview tells what Up would do now, and what it decided that from. It changes nothing.
func Preview(ctx context.Context, p Platform, stack string, ws []workload.Workload, opts PlanOptions) (Plan, Observed, error) {
	o, err := p.Observe(ctx, stack, ws)
	if err != nil {
		return Plan{}, Observed{}, because(ctx, err)
	}
	plan, err := MakePlan(stack, ws, o, opts)
	return plan, o, err
}

// Up makes the target look like the workloads, and waits until every daemon is ready or will not be. What it does is
// told to sink, in order and one at a time, the plan (KindPlan) first.
//
// The error says that the whole could not be carried through: no look, no plan, no lock, an Interrupt, a lost lock. What
// became of each daemon is in the report, also beside an error, and rests on a last look at the target.
func Up(ctx context.Context, p Platform, stack string, ws []workload.Workload, opts UpOptions, sink func(Event)) (Report, error) {
	events := newBus(sink)
	defer events.close()
	plan, o, err := Preview(ctx, p, stack, ws, opts.PlanOptions)
	if err != nil {
		return Report{}, err
	}
	r := newRun(p, stack, events, opts.Timeout)
	r.noWait, r.noRollback = opts.NoWait, opts.NoRollback
	if opts.Issue != nil {
		r.issue = opts.Issue
	}
	changes := r.changes(plan, o)
	if !changes && !o.Unclean {
		return r.look(ctx, plan, o, ws)
	}
	r.key = o.Key
	if r.key == nil {
		r.key = make([]byte, keySize)
		rand.Read(r.key) // never fails
	}
	opts.Begin.Key, opts.Begin.Command, opts.Begin.NoWait = r.key, "up", opts.NoWait
	if !changes {
		opts.Begin.LockTimeout = 0 // nothing is worth waiting for
	}
	report, err := r.locked(ctx, opts.Begin, func(ctx context.Context) (Report, error) {
		// Under the lock once more: what was seen before may have been another one's work in progress.
		plan, o, err := Preview(ctx, p, stack, ws, opts.PlanOptions)
		if err != nil {
			return Report{}, because(ctx, err)
		}
		if o.Key != nil {
			r.key = o.Key
		}
		return r.apply(ctx, plan, r.steps(plan, o, ws))
	})
	if !changes && lockHeld(err) {
		return r.look(ctx, plan, o, ws) // whoever has the lock has cleared up
	}
	return report, err
}

// lockHeld says that an error is about somebody else's lock.
func lockHeld(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Reason == LockHeld
}

// changes says whether a plan changes anything. One that only confirms earlier updates does not where nobody waits for
// that, unless one has proved ready already.
func (r *run) changes(plan Plan, o Observed) bool {
	if plan.Empty() || !r.noWait {
		return !plan.Empty()
	}
	return slices.ContainsFunc(r.steps(plan, o, nil), func(s *step) bool {
		return s.change.Action != Unchanged || s.change.Resume && s.wasReady
	})
}

// look is the Up of a stack that is as it should be: nothing is written, and only what is not ready yet is waited for.
func (r *run) look(ctx context.Context, plan Plan, o Observed, ws []workload.Workload) (Report, error) {
	r.events.emit(Event{Kind: KindPlan, Plan: &plan})
	steps := r.steps(plan, o, ws)
	r.each(ctx, steps, (*step).act)
	if r.watch != nil {
		return r.conclude(ctx, plan, steps)
	}
	for _, s := range steps {
		s.report.Final = s.old.Observation // that was the last look already
	}
	return reportOf(plan, steps), context.Cause(ctx)
}

// apply carries a plan out, under the lock.
func (r *run) apply(ctx context.Context, plan Plan, steps []*step) (Report, error) {
	r.events.emit(Event{Kind: KindPlan, Plan: &plan})
	r.each(ctx, steps, (*step).act)
	if slices.ContainsFunc(plan.Changes, func(c Change) bool { return c.Action == Delete }) {
		for _, d := range plan.KeptData {
			r.events.emit(Event{Kind: KindKeptData, Message: "kept the data of resource " + d.Resource + ": " + d.Name})
		}
	}
	return r.conclude(ctx, plan, steps)
}
