package supervisor

import (
	"context"
	"errors"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
)

// tell makes the instance's status known.
func (i *instance) tell() {
	s := Status{
		ID: i.spec.ID, Stack: i.spec.Stack, Daemon: i.spec.Daemon, Record: i.spec.Record, Image: i.spec.Sandbox.Root,
		Role: i.state.Role, Wanted: i.state.Wanted, Observation: i.observe(),
	}
	if i.broken != nil {
		s.Role = "" // it has none any more: it can only be removed
	}
	if i.running != nil {
		s.PID = i.running.Process().PID
	}
	i.hub.tell(s)
}

// observe is the instance in the words that every platform shares.
func (i *instance) observe() fact.Observation {
	o := fact.Observation{
		Daemon: i.spec.Daemon, Instance: i.spec.ID, State: i.stage(), StartedAt: i.state.Started, Restarts: i.state.Restarts,
		LastExit: i.state.Exit, ByHand: i.state.ByHand && !i.state.Wanted, Problem: i.state.Trouble.told(),
	}
	if i.broken != nil {
		o.Problem = troubleOf(i.broken).told()
	}
	switch o.State {
	case fact.Running:
		o.Problem = nil
		if i.checks != nil {
			o.Health, o.Probe = i.checks.health, i.last
		}
	case fact.BackOff:
		o.NextStart = i.state.Next
	}
	return o
}

// stage is where the instance is in its life.
func (i *instance) stage() fact.State {
	switch {
	case i.gone:
		return fact.Gone
	case i.running != nil:
		return fact.Running
	case i.state.Wanted && i.broken == nil:
		return fact.BackOff
	case i.state.Started.IsZero():
		return fact.Created
	}
	return fact.Stopped
}

// probing is an instance's health checking.
type probing struct {
	checks   *checks // nil where there is none, or nothing runs
	check    *time.Timer
	last     *fact.Probe
	outcomes chan outcome // holds one: there is one check at a time
	asked    bool         // one is on its way
}

// outcome is how a check of a run ended.
type outcome struct {
	of    *sandbox.Running
	probe fact.Probe
	void  bool // it says nothing
}

func (i *instance) beginChecks() {
	if i.spec.Health == nil {
		return
	}
	i.checks, i.last = newChecks(*i.spec.Health, i.state.Started), nil
	i.check.Reset(quickest / 2)
}

func (i *instance) endChecks() {
	i.checks, i.last = nil, nil
	i.check.Stop()
}

// probe begins a check.
func (i *instance) probe(ctx context.Context) {
	if i.checks == nil || i.running == nil || i.asked {
		return
	}
	i.asked = true
	running, h := i.running, i.checks.spec
	go func() {
		o := outcome{of: running, void: true}
		select {
		case i.slots <- struct{}{}:
			o.probe, o.void = runCheck(ctx, running, h)
			<-i.slots
		case <-ctx.Done():
		}
		i.outcomes <- o
	}()
}

// runCheck runs a check once. One that cannot be run has failed, unless there is nothing any more to run it in.
func runCheck(ctx context.Context, running *sandbox.Running, h Health) (fact.Probe, bool) {
	got, err := running.Exec(ctx, h.Command, h.Timeout)
	p := fact.Probe{Code: got.Code, Output: got.Output, At: time.Now()}
	if err != nil {
		p.Code, p.Output = refusedCode(err), err.Error()
	}
	return p, errors.Is(err, sandbox.ErrGone) || ctx.Err() != nil
}

// refusedCode is the exit code of a check that could not be run, as shells give it: so nobody takes it for one that did
// not end in time.
func refusedCode(err error) int {
	var p *fact.Problem
	if errors.As(err, &p) && p.Reason == fact.CommandNotFound {
		return 127
	}
	return 126
}

// probed takes in a check's outcome.
func (i *instance) probed(o outcome) {
	i.asked = false
	if i.checks == nil || o.of != i.running {
		if i.checks != nil { // of a run before this one
			i.check.Reset(quickest / 2)
		}
		return
	}
	if !o.void {
		i.checks.took(o.probe.Code == 0, o.probe.At)
		i.last = &o.probe
	}
	i.check.Reset(i.checks.wait(time.Now()))
}
