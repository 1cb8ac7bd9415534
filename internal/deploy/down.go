package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// DownOptions says what to take down, and how.
type DownOptions struct {
	Only       []string // empty is the whole stack
	DeleteData bool
	Timeout    time.Duration // per daemon; 0 waits as long as stop graces take
	Begin      BeginOptions
}

// Down stops and removes a stack, or the daemons named, and waits until they are gone. Data is kept and told, or
// deleted. A stack of which nothing exists is down already.
func Down(ctx context.Context, p Platform, stack string, opts DownOptions, sink func(Event)) (Report, error) {
	events := newBus(sink)
	defer events.close()
	plan, o, err := previewDown(ctx, p, stack, opts)
	if err != nil {
		return Report{}, because(ctx, err)
	}
	r := newRun(p, stack, events, opts.Timeout)
	nothing := func() (Report, error) {
		events.emit(Event{Kind: KindPlan, Plan: &plan})
		return reportOf(plan, nil), nil
	}
	opts.Begin.Command = "down"
	switch {
	case plan.Empty() && !o.Unclean:
		return nothing()
	case plan.Empty():
		opts.Begin.LockTimeout = 0 // nothing is worth waiting for
	}
	report, err := r.locked(ctx, opts.Begin, func(ctx context.Context) (Report, error) {
		plan, o, err := previewDown(ctx, p, stack, opts)
		if err != nil {
			return Report{}, because(ctx, err)
		}
		events.emit(Event{Kind: KindPlan, Plan: &plan})
		steps := r.steps(plan, o, nil)
		r.each(ctx, steps, func(s *step, ctx context.Context) { s.remove(ctx, opts.Timeout) })
		dataErr := r.data(ctx, plan, steps)
		report, err := r.conclude(ctx, plan, steps)
		if err == nil {
			err = dataErr
		}
		return report, err
	})
	if plan.Empty() && lockHeld(err) {
		return nothing() // whoever has the lock has cleared up
	}
	return report, err
}

func previewDown(ctx context.Context, p Platform, stack string, opts DownOptions) (Plan, Observed, error) {
	o, err := p.Observe(ctx, stack, nil)
	if err != nil {
		return Plan{}, Observed{}, err
	}
	plan, err := MakeDownPlan(stack, o, opts.Only, opts.DeleteData)
	return plan, o, err
}

// data deletes the places that the plan deletes, and names those that it keeps. Nothing is deleted while a daemon that
// may use it could not be removed.
func (r *run) data(ctx context.Context, plan Plan, steps []*step) error {
	for _, d := range plan.KeptData {
		r.events.emit(Event{Kind: KindKeptData, Message: "kept the data of resource " + d.Resource + ": " + d.Name})
	}
	if slices.ContainsFunc(steps, func(s *step) bool { return s.report.Outcome != OutcomeRemoved }) && len(plan.DeletedData) > 0 {
		r.events.emit(Event{Kind: KindWarning, Message: "no data was deleted, because not every daemon could be removed"})
		return nil
	}
	for _, d := range plan.DeletedData {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.session.RemoveData(ctx, d.Name); err != nil {
			return fmt.Errorf("cannot delete the data of resource %s (%s): %w", d.Resource, d.Name, because(ctx, err))
		}
		r.events.emit(Event{Kind: KindDataGone, Message: "deleted the data of resource " + d.Resource + ": " + d.Name})
	}
	return nil
}

// remove stops a daemon and removes all of it. timeout 0 waits as long as its stop grace takes.
func (s *step) remove(ctx context.Context, timeout time.Duration) {
	if s.take(ctx) != nil {
		s.interrupted("not removed")
		return
	}
	defer s.turn.end()
	s.turn.idles() // soon, but for the stop grace
	work, cancel := linger(ctx, finishGrace+undoGrace)
	defer cancel()
	if timeout > 0 {
		work, cancel = context.WithTimeoutCause(work, timeout, errTimeout)
		defer cancel()
	}
	s.emit(KindRemoving, "")
	err := because(work, s.session.Remove(work, s.change.Daemon))
	switch {
	case err == nil:
		s.report.Outcome = OutcomeRemoved
		s.emit(KindRemoved, "")
	case errors.Is(err, errTimeout):
		s.fail(ctx, newVerdict(s.change.Daemon, StopTimeout, fmt.Sprintf("it did not end within %s", timeout), ""))
	case work.Err() != nil:
		s.interrupted("its removal was broken off")
	default:
		s.fail(ctx, verdictOf(s.change.Daemon, err))
	}
}
