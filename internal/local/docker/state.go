package docker

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// observation is what one look at a container tells. ended is how its last run had ended, where the engine's events told.
func (p *platform) observation(daemon string, in container.InspectResponse, ended *deploy.Exit) deploy.Observation {
	o := observe(daemon, in, ended)
	if _, ok := p.passed.Load(run{in.ID, o.StartedAt}); ok && o.Health == deploy.Starting {
		o.Health = deploy.Healthy // we have seen its check pass; the engine has not made its own yet
	}
	return o
}

// observe is observation without what we know ourselves.
func observe(daemon string, in container.InspectResponse, ended *deploy.Exit) deploy.Observation {
	s := in.State
	o := deploy.Observation{
		Daemon:    daemon,
		Instance:  in.ID,
		State:     stateOf(in),
		StartedAt: moment(s.StartedAt),
		Restarts:  in.RestartCount,
	}
	o.LastExit = lastExit(s, ended)
	if o.State == deploy.Running {
		o.Health, o.Probe = healthOf(s.Health)
	}
	if o.State == deploy.BackOff {
		o.NextStart = moment(s.FinishedAt).Add(delay(in.RestartCount, moment(s.FinishedAt).Sub(o.StartedAt)))
	}
	if s.Error != "" && o.State != deploy.Running {
		o.Problem = refusal(errors.New(s.Error))
	}
	// An exit is followed by a restart unless a person asked for it: nothing else ends a container of ours for good.
	o.ByHand = o.State == deploy.Stopped && !in.HostConfig.RestartPolicy.IsNone() && s.Error == ""
	return o
}

// stateOf translates the engine's states. It calls a container running while that waits to be started again.
func stateOf(in container.InspectResponse) deploy.State {
	switch {
	case in.State.Restarting:
		return deploy.BackOff
	case in.State.Paused:
		return deploy.Paused
	case in.State.Running:
		return deploy.Running
	case in.State.Status == container.StateCreated:
		return deploy.Created
	case in.State.Status == container.StateRemoving:
		return deploy.Gone
	}
	return deploy.Stopped
}

// lastExit is how the last run ended: the container's own word while it is not running, else what the events told. A
// code that nobody remembers any more is -1.
func lastExit(s *container.State, ended *deploy.Exit) *deploy.Exit {
	at := moment(s.FinishedAt)
	switch {
	case at.IsZero():
		return nil
	case !s.Running || s.Restarting:
		oom := s.OOMKilled || ended != nil && ended.OOM && near(ended.At, at)
		return newExit(s.ExitCode, oom, at)
	case ended != nil && near(ended.At, at):
		return &deploy.Exit{Code: ended.Code, Signal: ended.Signal, OOM: ended.OOM, At: at}
	}
	return &deploy.Exit{Code: -1, At: at}
}

// near says that an event and a container's record speak of the same exit: the record is written a little before.
func near(a, b time.Time) bool { return a.Sub(b).Abs() < 2*time.Second }

// newExit reads a signal out of an exit code, the way shells write it.
func newExit(code int, oom bool, at time.Time) *deploy.Exit {
	e := &deploy.Exit{Code: code, OOM: oom, At: at}
	if code > 128 {
		e.Signal = signalName(code - 128)
	}
	return e
}

// signalName names the signals that end processes on Linux, where containers run; empty for a number that is none.
func signalName(n int) string {
	names := map[int]string{1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL",
		10: "USR1", 11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "STKFLT", 24: "XCPU", 25: "XFSZ",
		26: "VTALRM", 27: "PROF", 29: "IO", 30: "PWR", 31: "SYS"}
	if names[n] == "" {
		return ""
	}
	return "SIG" + names[n]
}

// probeOf translates one check of the engine's. It says -1 of one that timed out and of one it could not run; only the
// words tell them apart.
func probeOf(r *container.HealthcheckResult) *deploy.Probe {
	p := &deploy.Probe{Code: r.ExitCode, Output: r.Output, At: r.End}
	if p.Code < 0 && !containsAny(p.Output, "exceeded timeout") {
		p.Code = probeUnrunnable
	}
	return p
}

// healthOf translates the engine's health record.
func healthOf(h *container.Health) (deploy.Health, *deploy.Probe) {
	if h == nil || h.Status == container.NoHealthcheck || h.Status == "" {
		return deploy.NoCheck, nil
	}
	var last *deploy.Probe
	if n := len(h.Log); n > 0 {
		last = probeOf(h.Log[n-1])
	}
	switch h.Status {
	case container.Healthy:
		return deploy.Healthy, last
	case container.Unhealthy:
		return deploy.Unhealthy, last
	}
	return deploy.Starting, last
}

// delay is how long the engine waits before it starts a container for the n-th time: 100 ms, doubled each time up to a
// minute, and from the beginning again after a run of ten seconds.
func delay(n int, ran time.Duration) time.Duration {
	if ran >= 10*time.Second {
		n = 1
	}
	return min(100*time.Millisecond<<min(max(n-1, 0), 10), time.Minute)
}

// moment reads the engine's times; what never was is zero.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

// eventFilter selects the events that can change what is observed of a stack.
func eventFilter(stack string) filters.Args {
	args := labelled(labelStack, stack)
	args.Add("type", string(events.ContainerEventType))
	for _, a := range []events.Action{events.ActionStart, events.ActionDie, events.ActionOOM, events.ActionStop, events.ActionPause,
		events.ActionUnPause, events.ActionRename, events.ActionDestroy, events.ActionUpdate, events.ActionHealthStatus} {
		args.Add("event", string(a))
	}
	return args
}

// killedCode is the exit code of what SIGKILL ended.
const killedCode = 137

// endings remembers by container how its last run ended.
type endings map[string]*ending

type ending struct {
	oom  bool // seen since the last start
	exit *deploy.Exit
}

// note takes in an event.
func (e endings) note(m events.Message) {
	of := e[m.Actor.ID]
	if of == nil {
		of = &ending{}
		e[m.Actor.ID] = of
	}
	switch m.Action {
	case events.ActionStart:
		of.oom = false
	case events.ActionOOM:
		of.oom = true
		if of.exit != nil && of.exit.Code == killedCode && near(of.exit.At, time.Unix(0, m.TimeNano)) {
			exit := *of.exit // told already; an engine under load says why after it has said that
			exit.OOM = true
			of.exit = &exit
		}
	case events.ActionDie:
		code, _ := strconv.Atoi(m.Actor.Attributes["exitCode"])
		// The kernel also reports a child that it killed while the daemon itself lived on.
		of.exit = newExit(code, of.oom && code == killedCode, time.Unix(0, m.TimeNano))
	case events.ActionDestroy:
		delete(e, m.Actor.ID)
	}
}

// exits gives the exits alone.
func (e endings) exits() map[string]*deploy.Exit {
	out := map[string]*deploy.Exit{}
	for id, of := range e {
		out[id] = of.exit
	}
	return out
}

// until is a time as the events API wants it.
func until(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// ended says that a stream came to its end, and did not break.
func ended(err error) bool { return cmp.Or(err, io.EOF) == io.EOF }
