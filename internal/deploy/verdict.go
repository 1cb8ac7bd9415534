package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The evidence of a verdict: how many log lines, and how long it may take to get them.
const (
	evidenceLines   = 20
	evidenceTimeout = 2 * time.Second
)

// failure gives the verdict where what was observed is one already, else nil. What can never work comes first, then
// what the runtime gave up, then the budget.
func (j *judge) failure() *Verdict {
	o := j.last
	switch {
	case !j.seen:
		return nil
	case o.Problem != nil:
		return j.verdict(o.Problem.Reason, o.Problem.Error(), o.Problem.Hint)
	case o.State == Gone:
		return j.verdict(StoppedHand, "it was removed while its start was waited for", "")
	case o.State == Paused:
		return j.verdict(StoppedHand, "it was paused by hand while its start was waited for", "")
	case o.State == Stopped && o.ByHand:
		return j.verdict(StoppedHand, "it was stopped by hand while its start was waited for", "")
	case o.State == Stopped, j.failures() > j.allowed:
		return j.crashed()
	case o.State == Running && o.Health == Unhealthy:
		return j.verdict(UnhealthyNow, "it runs, but its health check fails"+probeText(o.Probe), "")
	}
	return nil
}

// crashed tells the ways apart in which a process ends.
func (j *judge) crashed() *Verdict {
	times := fmt.Sprintf("it ended %d times", j.failures())
	if j.failures() == 1 {
		times = "it ended once"
	}
	if j.origin != found {
		times += " while it started"
	}
	switch e := j.exit; {
	case e == nil || unknown(e):
		return j.verdict(CrashLoop, times, "")
	case e.OOM:
		return j.verdict(OOMKilled, "it was killed because it needed more memory than it may use; "+times, "")
	case e.Code == 0 && e.Signal == "":
		return j.verdict(ExitedZero, "it ended by itself, without an error (exit code 0); "+times, "")
	default:
		return j.verdict(CrashLoop, times+"; the last run "+exitText(*e), "")
	}
}

// timedOut says what was still missing, and what was last seen.
func (j *judge) timedOut() *Verdict {
	message := fmt.Sprintf("it was not ready within %s: still waiting %s; %s", j.timeout, j.missing(), j.lastSeen())
	return j.verdict(StartTimeout, message, "")
}

// missing is what readiness still lacks.
func (j *judge) missing() string {
	switch {
	case !j.seen || j.last.State == Created:
		return "for it to be started"
	case j.last.State == BackOff:
		return "for it to be started again"
	case !j.healthy():
		return "for its health check to pass"
	}
	return fmt.Sprintf("for it to run %s without a restart", j.settle)
}

func (j *judge) lastSeen() string {
	if !j.seen {
		return "nothing was seen of it"
	}
	text := "last seen " + string(j.last.State)
	if j.last.Health != NoCheck {
		text += ", health " + string(j.last.Health)
	}
	if j.last.Probe != nil && j.last.Probe.Code != 0 {
		text += probeText(j.last.Probe)
	}
	if j.exit != nil {
		text += ", the last run " + exitText(*j.exit)
	}
	return text
}

func (j *judge) verdict(reason Reason, message, hint string) *Verdict {
	v := newVerdict(j.last.Daemon, reason, message, hint)
	v.Exit, v.Restarts, v.Probe, v.Failures = j.exit, j.last.Restarts, j.last.Probe, j.failures()+j.probes
	return v
}

// newVerdict fills in the remedy that the reason is explained with, where the case has none of its own.
func newVerdict(daemon string, reason Reason, message, hint string) *Verdict {
	if hint == "" {
		hint = fix(reason)
	}
	return &Verdict{Daemon: daemon, Reason: reason, Message: message, Hint: hint}
}

// verdictOf turns what an operation of the platform answered into a verdict.
func verdictOf(daemon string, err error) *Verdict {
	var p *Problem
	if errors.As(err, &p) {
		return newVerdict(daemon, p.Reason, p.Error(), p.Hint)
	}
	return newVerdict(daemon, OperationFailed, err.Error(), "")
}

// understood is an exit as it is to be understood in the light of the one before: where the kernel has killed a process for
// its memory, its next kill is for the same cause, also if the runtime has not noticed or not yet told.
func understood(e, before *Exit) *Exit {
	if before == nil || !before.OOM || e.Signal != before.Signal || e.OOM {
		return e
	}
	out := *e
	out.OOM = true
	return &out
}

// unknown says that the runtime has forgotten how a run ended.
func unknown(e *Exit) bool { return e.Code < 0 && e.Signal == "" && !e.OOM }

func exitText(e Exit) string {
	switch {
	case unknown(&e):
		return "ended, it is not known how"
	case e.OOM:
		return "was killed for its memory use"
	case e.Signal != "":
		return "was ended by " + e.Signal
	}
	return fmt.Sprintf("ended with exit code %d", e.Code)
}

func probeText(p *Probe) string {
	switch {
	case p == nil:
		return ""
	case p.Unrunnable():
		return " (the command of the last one could not be run)"
	case p.Code < 0:
		return " (the last one did not end in time)"
	}
	return fmt.Sprintf(" (the last one ended with exit code %d)", p.Code)
}

// addEvidence adds the last log lines of the instance that failed. It is called before anything is undone, and its
// failure is no failure: a verdict without logs is better than none.
func addEvidence(ctx context.Context, p Platform, stack, instance string, v *Verdict) {
	if instance == "" {
		return // nothing ever ran
	}
	ctx, cancel := context.WithTimeout(ctx, evidenceTimeout)
	defer cancel()
	for line, err := range p.Logs(ctx, stack, v.Daemon, LogQuery{Tail: evidenceLines, Instance: instance}) {
		if err != nil {
			break
		}
		if line.Stream != "marker" {
			v.Logs = append(v.Logs, line.Text)
		}
	}
	v.Logs = v.Logs[max(0, len(v.Logs)-evidenceLines):]
	explainer, ok := p.(Explainer)
	if !ok || v.Reason != CrashLoop {
		return
	}
	if cause := explainer.Explain(v.Logs); cause != nil {
		better := verdictOf(v.Daemon, cause)
		v.Reason, v.Message, v.Hint = better.Reason, better.Message, better.Hint
	}
}
