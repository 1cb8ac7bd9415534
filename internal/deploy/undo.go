package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// kept says whether a previous instance is kept that was ready.
func (s *step) kept() bool { return s.keep || s.exists && s.old.Unfinished }

// unprepared ends a step that never got to touch the old instance.
func (s *step) unprepared(ctx context.Context, err error) {
	switch {
	case errors.Is(err, errTimeout):
		s.fail(ctx, s.tooSlow())
	case ctx.Err() != nil:
		s.interrupted("not begun")
	default:
		s.fail(ctx, verdictOf(s.change.Daemon, err))
	}
	if s.report.Verdict != nil && s.exists {
		s.note("what ran before was not touched")
	}
}

// unready ends a step whose new instance was, perhaps, started, and is not ready: v says why, or err does.
func (s *step) unready(ctx, work context.Context, v *Verdict, err error) {
	switch {
	case v == nil && errors.Is(err, errTimeout):
		v = s.tooSlow()
	case v == nil && work.Err() != nil:
		s.breakOff(ctx)
		return
	case v == nil:
		v = verdictOf(s.change.Daemon, err)
	}
	left := s.leftBecause(ctx, err)
	if left != "" {
		v.Message += "; it is left as it is" + left
	}
	s.fail(ctx, v)
	if left == "" {
		s.rollBack(ctx)
	}
}

// leftBecause says why a new instance that failed is not undone; it is empty where it has to be.
func (s *step) leftBecause(ctx context.Context, err error) string {
	switch {
	case errors.As(err, new(blind)):
		return ", because it could not be watched any more; the next up goes on from here"
	case lockLost(ctx):
		return ", because the lock was lost"
	case !s.kept():
		return ", so that it can be looked into: nothing that was ready is there to go back to"
	case s.noRollback:
		return ", as --no-rollback asks; the previous instance is kept"
	}
	return ""
}

// rollBack puts the kept instance back, and waits until it is ready again.
func (s *step) rollBack(ctx context.Context) {
	restored, err := s.undo(ctx)
	if err == nil && s.watch != nil {
		work, cancel := linger(ctx, undoGrace)
		defer cancel()
		var v *Verdict
		v, err = s.await(work, restored)
		switch {
		case v != nil:
			err = errors.New(v.Message)
		case work.Err() != nil:
			err = nil // it runs, and nobody waits any longer
		}
	}
	switch {
	case errors.Is(err, ErrNothingKept):
		s.note("it is left as it is: there is no previous instance to go back to")
	case err != nil:
		s.report.Outcome = OutcomeFailed
		s.note(fmt.Sprintf("the previous instance is not ready again: %v", err))
		s.emit(KindWarning, fmt.Sprintf("the previous instance is not ready again: %v", err))
	default:
		s.report.Outcome = OutcomeRolledBack
		s.emit(KindUndone, "the previous instance runs again")
	}
}

// undo puts the kept instance back. It answers with the rules to judge that one by.
func (s *step) undo(ctx context.Context) (rules, error) {
	if lockLost(ctx) {
		return rules{}, errLockLost
	}
	s.emit(KindUndoing, "putting the previous instance back")
	restored := rules{
		origin: revived, settle: s.old.Settle, allowed: startFailuresAllowed, timeout: s.timeout,
		replaced: map[string]bool{},
	}
	if s.made != "" {
		restored.replaced[s.made] = true
	}
	if s.old.Unfinished && !s.wasReady { // the kept one is from before; what was there at first failed as well
		restored.replaced[s.old.Instance] = true
	} else {
		restored.before = s.old.Observation
	}
	if s.last.Instance != "" && s.last.Instance != restored.before.Instance {
		restored.replaced[s.last.Instance] = true
	}
	err := s.putBack(ctx)
	restored.deadline = time.Now().Add(s.timeout)
	return restored, err
}

// putBack has the platform undo. An interrupt breaks that off where it takes its time, and has it done again in a hurry.
func (s *step) putBack(ctx context.Context) error {
	if ctx.Err() == nil {
		err := s.session.Undo(ctx, s.change.Daemon)
		if err == nil || ctx.Err() == nil {
			return err
		}
	}
	if lockLost(ctx) {
		return errLockLost
	}
	hurry, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), undoLimit, context.Cause(ctx))
	defer cancel()
	return because(hurry, s.session.Undo(hurry, s.change.Daemon))
}

// breakOff ends a step that an interrupt came upon after the old instance may have been stopped: there must be no
// outage, so what ran before runs again, also where it is not worth going back to if the new one has not got as far as
// being started. Without the lock nothing may be touched.
func (s *step) breakOff(ctx context.Context) {
	const further = "started, and not seen ready; the next up goes on from here"
	if lockLost(ctx) {
		s.interrupted("left as it is, because the lock was lost")
		return
	}
	if !s.exists || s.launched && (!s.kept() || s.noRollback) {
		s.interrupted(further)
		return
	}
	switch _, err := s.undo(ctx); {
	case errors.Is(err, ErrNothingKept):
		s.interrupted(further)
	case err != nil:
		s.interrupted(fmt.Sprintf("the previous instance could not be put back, the next up goes on from here: %v", err))
	default:
		s.emit(KindUndone, "the previous instance runs again")
		s.interrupted("undone")
	}
}

func (s *step) interrupted(message string) {
	s.report.Outcome = OutcomeInterrupted
	s.emit(KindInterrupt, message)
}

// fail records a verdict with its evidence, while that still exists, and tells it.
func (s *step) fail(ctx context.Context, v *Verdict) {
	s.report.Outcome = OutcomeFailed
	if v.Progressing() {
		s.report.Outcome = OutcomeTimedOut
	}
	v.At = time.Now()
	work, cancel := linger(ctx, undoGrace)
	defer cancel()
	addEvidence(work, s.platform, s.stack, s.last.Instance, v)
	s.report.Verdict = v
	told := *v
	s.events.emit(Event{Daemon: s.change.Daemon, Kind: KindFailed, Message: v.Message, Verdict: &told})
}

// note adds to the verdict what became of the instance.
func (s *step) note(text string) { s.report.Verdict.Message += "; " + text }

// tooSlow is the verdict where the budget ended before there was anything to judge.
func (s *step) tooSlow() *Verdict {
	doing := "for its preparation to begin"
	switch p := s.budget.lastPhase(); p.Phase {
	case Pulling, Loading:
		doing = fmt.Sprintf("for its image (%s, %d of %d bytes)", p.Phase, p.Current, p.Total)
	case Preparing:
		doing = "for it to be prepared"
	case Stopping, Launching:
		doing = "for the runtime to start it"
	}
	return newVerdict(s.change.Daemon, StartTimeout, fmt.Sprintf("it was not ready within %s: still waiting %s", s.timeout, doing), "")
}
