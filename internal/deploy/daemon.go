package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

// startFailuresAllowed is the budget of a daemon whose manifest is not at hand.
const startFailuresAllowed = 2

// step is what a run does with one daemon. One goroutine at a time works on it.
type step struct {
	*run
	change   Change
	work     workload.Workload // zero where the manifest does not have the daemon
	old      Daemon            // what existed when the run began; zero unless exists
	exists   bool
	wasReady bool // the old one was ready, beyond doubt
	keep     bool // it was ready, as far as one look tells: worth going back to
	budget   *budget
	turn     *turn       // the last one it had
	launched bool        // Start came to its end
	made     string      // the new instance, where the platform has told it
	last     Observation // the last look that counted
	report   DaemonReport
}

// blind is the error of a wait that could not look any more. It says nothing about the daemon.
type blind struct{ error }

// Unwrap gives the cause, which may be a *Problem.
func (b blind) Unwrap() error { return b.error }

// waits says whether the step may have to wait for readiness.
func (s *step) waits() bool {
	switch {
	case s.noWait || s.change.Blocked != "" || s.change.Action == Delete:
		return false
	case s.change.Action == Unchanged:
		return !s.wasReady
	}
	return true
}

func (s *step) act(ctx context.Context) {
	switch {
	case s.change.Blocked != "":
		s.unprepared(ctx, s.change.problem)
	case s.change.Action == Delete:
		s.remove(ctx, 0)
	case s.change.Action == Unchanged:
		s.confirm(ctx)
	default:
		s.replace(ctx)
	}
}

// replace makes a daemon, or puts a new one in place of the old one. It waits for its turn twice, so that the others are
// prepared before and not while this one is away.
func (s *step) replace(ctx context.Context) {
	err := s.take(ctx)
	if err == nil {
		err = s.prepare(ctx)
		s.turn.end()
	}
	if err != nil {
		s.unprepared(ctx, err)
		return
	}
	if s.take(ctx) != nil {
		s.interrupted("not begun")
		return
	}
	defer s.turn.end()
	if err := s.weigh(ctx); err != nil {
		s.unprepared(ctx, err)
		return
	}
	// From here on an interrupt leaves a little time: the old one may be gone already.
	work, cancel := linger(ctx, finishGrace)
	defer cancel()
	err = s.start(work)
	s.turn.end()
	if err != nil {
		s.unready(ctx, work, nil, err)
		return
	}
	s.launched = true
	if s.noWait {
		s.started()
		return
	}
	v, err := s.await(work, s.newRules())
	if v != nil || err != nil {
		s.unready(ctx, work, v, err)
		return
	}
	s.ready(work)
}

// prepare does what can be done while the old one runs, and makes sure that nothing of what follows is missed.
func (s *step) prepare(ctx context.Context) error {
	spent, stop := s.budget.spend(ctx)
	work, err := s.issue(spent, s.work)
	if err == nil {
		err = s.session.Prepare(spent, work, work.Fingerprint(s.key), s.progress)
	}
	err = because(spent, err)
	stop()
	if err == nil {
		err = s.watched(ctx)
	}
	if err == nil {
		err = context.Cause(ctx) // no replacement begins after an interrupt
	}
	return err
}

// weigh decides, just before the old instance is ended, whether it is worth going back to. One that does well so far but
// was started a moment ago, by an up that was interrupted and put it back for example, is given the rest of its settle time.
func (s *step) weigh(ctx context.Context) error {
	if !s.exists {
		return nil
	}
	if o, ok := s.fresh(ctx, s.old.Observation); ok {
		s.old.Observation = o
	}
	if rest := min(s.unsettled(), s.budget.remaining()); rest > 0 {
		s.turn.idles()
		if err := pause(ctx, rest); err != nil {
			return err
		}
		s.turn.works()
		s.old.Observation = s.again(ctx)
	}
	s.judgeOld()
	return nil
}

// unsettled is how much longer the old instance has to run before one look tells that it is ready. It is not more than
// zero where time alone would not tell that.
func (s *step) unsettled() time.Duration {
	o := s.old.Observation
	if o.State != Running || o.Problem != nil || o.Health == Unhealthy || o.StartedAt.IsZero() {
		return 0
	}
	return min(s.old.Settle, s.old.Settle-time.Since(o.StartedAt)) // clocks may differ
}

// judgeOld says how the old instance did, as far as the last look at it tells.
func (s *step) judgeOld() {
	s.wasReady = s.exists && trusted(s.old.Observation, time.Now(), s.old.Settle)
	s.keep = s.exists && Proven(s.old.Observation, time.Now(), s.old.Settle)
}

// again looks at the old instance once more, wherever the platform stands with its stream.
func (s *step) again(ctx context.Context) Observation {
	if o, ok := s.fresh(ctx, s.old.Observation); ok {
		return o
	}
	now, err := s.platform.Observe(ctx, s.stack, nil)
	if i := slices.IndexFunc(now.Daemons, func(d Daemon) bool { return d.Daemon == s.change.Daemon }); err == nil && i >= 0 {
		return now.Daemons[i].Observation
	}
	unseen := s.old.Observation
	unseen.State = Gone // what cannot be looked at any more is not taken for ready
	return unseen
}

// pause lets time pass, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// start replaces the old instance. One that is kept since an earlier update stays kept until the update has proved
// ready; where it has, unnoticed, that is made up for first, or what ran well would be thrown away.
func (s *step) start(ctx context.Context) error {
	spent, stop := s.budget.spend(ctx)
	defer stop()
	if s.old.Unfinished && s.wasReady {
		if err := s.session.Commit(spent, s.change.Daemon); err != nil {
			return because(spent, err)
		}
	}
	return because(spent, s.session.Start(spent, s.change.Daemon, s.keep, s.progress))
}

// started ends a step that nobody waits for. An update stays unconfirmed: the next up confirms it, or undoes it.
func (s *step) started() {
	s.report.Outcome = OutcomeStarted
	s.emit(KindStarted, "started, not waited for")
	if s.change.Resume || s.change.Action == Update && s.kept() {
		s.emit(KindUnfinished, "the previous instance is kept until an up sees this one ready")
	}
}

// confirm looks after a daemon that runs what it should: is it ready, and was its last update ever confirmed?
func (s *step) confirm(ctx context.Context) {
	if s.noWait && !s.wasReady {
		s.started()
		return
	}
	if s.change.Resume {
		s.emit(KindUnfinished, "its last update was not confirmed; this is taken up again")
	}
	var v *Verdict
	var err error
	if !s.wasReady {
		rules := s.newRules()
		rules.origin, rules.replaced = found, nil
		v, err = s.await(ctx, rules)
	}
	switch {
	case v == nil && err == nil:
		s.ready(ctx)
	case v == nil && ctx.Err() != nil:
		s.interrupted("not waited for any longer")
	case s.change.Resume:
		s.unready(ctx, ctx, v, err)
	case v == nil:
		s.fail(ctx, verdictOf(s.change.Daemon, err))
	default:
		s.fail(ctx, v)
	}
}

// newRules are the rules for a new instance.
func (s *step) newRules() rules {
	left := s.budget.remaining()
	return rules{
		settle: s.work.Settle, allowed: s.work.StartFailuresAllowed, checked: s.work.Health != nil,
		deadline: time.Now().Add(left), timeout: s.timeout, only: s.made,
		replaced: map[string]bool{s.old.Instance: s.exists && s.old.Instance != ""},
	}
}

// await waits until the daemon is ready by the rules, or will not be.
func (s *step) await(ctx context.Context, rules rules) (*Verdict, error) {
	if s.watch == nil {
		return nil, blind{errors.New("cannot wait for " + s.change.Daemon + ": its stack is not watched")}
	}
	fresh := func(ctx context.Context) (Observation, bool) { return s.fresh(ctx, s.last) }
	v, err := s.watch.wait(ctx, s.change.Daemon, &judge{rules: rules}, s.look, fresh)
	switch {
	case err != nil && ctx.Err() == nil:
		return nil, blind{err}
	case v != nil:
		v.Daemon = s.change.Daemon
	}
	return v, err
}

// look tells a look that counts, where it differs from the last one.
func (s *step) look(o Observation) {
	same := s.last.Instance == o.Instance && s.last.State == o.State && s.last.Health == o.Health &&
		s.last.Restarts == o.Restarts && s.last.StartedAt.Equal(o.StartedAt)
	s.last = o
	if !same {
		s.events.emit(Event{Daemon: s.change.Daemon, Kind: KindState, Observation: &o})
	}
}

// fresh takes a look past the stream at an instance seen before, where the platform can do so.
func (s *step) fresh(ctx context.Context, before Observation) (Observation, bool) {
	looker, ok := s.platform.(Looker)
	if !ok || before.Instance == "" {
		return Observation{}, false
	}
	o, err := looker.Look(ctx, before)
	return o, err == nil // the stream says what is wrong, if something is
}

func (s *step) progress(p Progress) {
	s.budget.follow(p)
	s.turn.follow(p)
	if p.Instance != "" {
		s.made = p.Instance
	}
	s.events.emit(Event{Daemon: s.change.Daemon, Kind: KindProgress, Progress: &p})
}

func (s *step) emit(kind EventKind, message string) {
	s.events.emit(Event{Daemon: s.change.Daemon, Kind: kind, Message: message})
}

// ready ends a step well. That the kept instance could not be dropped spoils nothing: the next up does it.
func (s *step) ready(ctx context.Context) {
	s.report.Outcome = OutcomeReady
	if s.session != nil && (s.change.Action == Update || s.change.Resume) {
		err := context.Cause(ctx)
		if err == nil {
			err = s.session.Commit(ctx, s.change.Daemon)
		}
		if err != nil {
			s.emit(KindWarning, fmt.Sprintf("cannot drop the previous instance, the next up will: %v", because(ctx, err)))
		}
	}
	s.emit(KindReady, "ready")
}
