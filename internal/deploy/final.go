package deploy

import (
	"context"
	"slices"
)

// check holds what a step ended with against the last look at the target, and puts it right where the two differ.
func (s *step) check(ctx context.Context, final Observed) {
	i := slices.IndexFunc(final.Daemons, func(d Daemon) bool { return d.Daemon == s.change.Daemon })
	if i < 0 {
		s.report.Final = Observation{Daemon: s.change.Daemon, State: Gone}
	} else {
		s.report.Final = final.Daemons[i].Observation
	}
	switch s.report.Outcome {
	case OutcomeRemoved:
		if s.report.Final.State != Gone {
			s.overrule(ctx, newVerdict(s.change.Daemon, OperationFailed, "it was removed, and exists again", ""))
		}
	case OutcomeReady:
		if v := s.relapse(); v != nil {
			s.overrule(ctx, v)
		}
	}
}

// relapse gives a verdict on a daemon that was ready, where the last look shows that it is not any more.
func (s *step) relapse() *Verdict {
	o, before := s.report.Final, s.last
	if before.Instance == "" {
		before = s.old.Observation
	}
	j := &judge{rules: rules{origin: found}}
	j.begin(before)
	j.follow(before, s.report.Final.StartedAt)
	if o.State == Gone {
		return newVerdict(s.change.Daemon, StoppedHand, "it was ready, and was then removed", "")
	}
	j.observe(o, o.StartedAt)
	if v := j.failure(); v != nil {
		v.Daemon = s.change.Daemon
		v.Message = "it was ready, and is not any more: " + v.Message
		return v
	}
	return nil
}

// overrule replaces what a step ended with.
func (s *step) overrule(ctx context.Context, v *Verdict) {
	s.report.Outcome = OutcomeFailed
	s.last = s.report.Final
	s.fail(ctx, v)
}
