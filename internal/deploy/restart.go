package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Restarted is what a restart does with a daemon: the same instance, unchanged, is ended and started again.
const Restarted Action = "restart"

// RestartOptions says how to restart.
type RestartOptions struct {
	Timeout time.Duration // per daemon, the stop grace not counted; 0 is five minutes
	NoWait  bool
	Begin   BeginOptions
}

// Restart ends the daemons named, or all of the stack, and starts them again, and waits until they are ready. Nothing is
// undone where one does not become so: it is what ran before.
func Restart(ctx context.Context, p Platform, stack string, daemons []string, opts RestartOptions, sink func(Event)) (Report, error) {
	events := newBus(sink)
	defer events.close()
	if _, _, err := previewRestart(ctx, p, stack, daemons); err != nil {
		return Report{}, because(ctx, err) // a mistyped name needs no lock
	}
	r := newRun(p, stack, events, opts.Timeout)
	r.noWait = opts.NoWait
	opts.Begin.Command = "restart"
	return r.locked(ctx, opts.Begin, func(ctx context.Context) (Report, error) {
		plan, o, err := previewRestart(ctx, p, stack, daemons)
		if err != nil {
			return Report{}, because(ctx, err)
		}
		events.emit(Event{Kind: KindPlan, Plan: &plan})
		steps := r.steps(plan, o, nil)
		r.each(ctx, steps, (*step).restart)
		return r.conclude(ctx, plan, steps)
	})
}

func previewRestart(ctx context.Context, p Platform, stack string, daemons []string) (Plan, Observed, error) {
	o, err := p.Observe(ctx, stack, nil)
	if err != nil {
		return Plan{}, Observed{}, err
	}
	plan := Plan{Stack: stack, Changes: []Change{}}
	for _, d := range o.Daemons {
		if len(daemons) == 0 || slices.Contains(daemons, d.Daemon) {
			plan.Changes = append(plan.Changes, Change{Daemon: d.Daemon, Action: Restarted})
		}
	}
	sortChanges(plan.Changes)
	if len(o.Daemons) == 0 {
		return plan, o, &Problem{Reason: NotFound, Message: fmt.Sprintf("nothing runs of the stack %q on %s", stack, p.Place())}
	}
	return plan, o, CheckExisting(daemons, o, stack)
}

// restart ends one daemon and starts it again.
func (s *step) restart(ctx context.Context) {
	if s.take(ctx) != nil {
		s.interrupted("not begun")
		return
	}
	defer s.turn.end()
	if err := s.watched(ctx); err != nil {
		s.unprepared(ctx, err)
		return
	}
	work, cancel := linger(ctx, finishGrace)
	defer cancel()
	spent, stop := s.budget.spend(work)
	err := because(spent, s.session.Restart(spent, s.change.Daemon, s.progress))
	stop()
	s.turn.end()
	var v *Verdict
	if err == nil && s.noWait {
		s.started()
		return
	}
	if err == nil {
		v, err = s.await(work, s.sameAgain())
	}
	if v != nil || err != nil {
		s.unrestarted(ctx, work, v, err)
		return
	}
	s.ready(work)
}

// watched makes sure that nothing of what follows is missed.
func (s *step) watched(ctx context.Context) error {
	if s.watch == nil {
		return nil
	}
	spent, stop := s.budget.spend(ctx)
	defer stop()
	return because(spent, s.watch.sync(spent))
}

// sameAgain are the rules for an instance that was started again.
func (s *step) sameAgain() rules {
	return rules{
		origin: revived, before: s.old.Observation, settle: s.old.Settle, allowed: startFailuresAllowed,
		deadline: time.Now().Add(s.budget.remaining()), timeout: s.timeout,
	}
}

func (s *step) unrestarted(ctx, work context.Context, v *Verdict, err error) {
	switch {
	case v == nil && work.Err() != nil:
		s.interrupted("started again, and not seen ready")
		return
	case v == nil && errors.Is(err, errTimeout):
		v = s.tooSlow()
	case v == nil:
		v = verdictOf(s.change.Daemon, err)
	}
	s.fail(ctx, v)
}
