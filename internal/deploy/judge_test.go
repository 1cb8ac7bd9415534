package deploy

import (
	"testing"
	"time"
)

// epoch is when the runs of these tests begin; seconds are counted from it.
var epoch = time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

// look is an observation of instance "new", by default running since second 0.
type look struct {
	at       float64
	state    State
	health   Health
	started  float64
	restarts int
	exit     *Exit
	instance string
	byHand   bool
	probe    *Probe
	problem  *Problem
}

func (l look) observation() Observation {
	o := Observation{
		Daemon: "api", Instance: "new", State: l.state, Health: l.health, StartedAt: at(l.started), Restarts: l.restarts,
		LastExit: l.exit, ByHand: l.byHand, Probe: l.probe, Problem: l.problem,
	}
	if l.instance != "" {
		o.Instance = l.instance
	}
	if l.state == Created {
		o.StartedAt = time.Time{}
	}
	return o
}

func died(code int, second float64) *Exit { return &Exit{Code: code, At: at(second)} }

func TestJudge(t *testing.T) {
	fresh := rules{settle: 500 * time.Millisecond, allowed: 2, deadline: at(60), timeout: time.Minute, replaced: map[string]bool{"old": true}}
	with := func(change func(*rules)) rules { r := fresh; change(&r); return r }
	wasThere := with(func(r *rules) { r.origin, r.replaced = found, nil })
	checked := with(func(r *rules) { r.checked = true })
	again := with(func(r *rules) {
		r.origin, r.replaced = revived, nil
		r.before = look{state: Running, restarts: 9}.observation()
	})
	const pending, ready = "pending", "ready"
	tests := []struct {
		name  string
		rules rules
		looks []look
		ask   float64 // when the judge is asked
		want  string  // pending, ready, or a reason
		until float64 // with pending
	}{
		{"nothing seen", fresh, nil, 1, pending, 60},
		{"created only", fresh, []look{{state: Created}}, 1, pending, 60},
		{"settling", fresh, []look{{state: Running, at: 0.1}}, 0.2, pending, 0.6},
		{"settled", fresh, []look{{state: Running, at: 0.1}}, 0.6, ready, 0},
		{"the settle time is ours: an old start time proves nothing", fresh, []look{{state: Running, at: 5, started: -100}}, 5.4, pending, 5.5},
		{"looks that change nothing do not restart the settle time", fresh, []look{{state: Running, at: 0.1}, {state: Running, at: 0.5}}, 0.6, ready, 0},
		{"a restart does", fresh, []look{{state: Running}, {state: Running, at: 0.4, started: 0.4, restarts: 1}}, 0.6, pending, 0.9},
		{"a restart counted before the new run shows does too", fresh, []look{{state: Running}, {state: Running, at: 0.4, restarts: 1}}, 0.6, pending, 0.9},
		{"running again without a count does too", fresh, []look{{state: Running}, {state: Running, at: 0.4, started: 0.4}}, 0.6, pending, 0.9},
		{"another instance does too", fresh, []look{{state: Running}, {state: Running, at: 0.4, instance: "newer"}}, 0.6, pending, 0.9},
		{"the replaced instance says nothing", fresh, []look{{state: Running, instance: "old"}, {state: Stopped, byHand: true, instance: "old"}}, 1, pending, 60},
		{"its end, heard late, says nothing either", fresh, []look{{state: Running, at: 0}, {state: Gone, instance: "old"}}, 1, ready, 0},

		{"health is waited for", checked, []look{{state: Running, health: Starting}}, 9, pending, 60},
		{"a check that does not show yet is waited for", checked, []look{{state: Running}}, 9, pending, 60},
		{"healthy, not settled", checked, []look{{state: Running, health: Healthy, at: 1}}, 1.2, pending, 1.5},
		{"healthy and settled", checked, []look{{state: Running, health: Healthy}}, 0.5, ready, 0},
		{"the image's own check counts", fresh, []look{{state: Running, health: Starting}}, 9, pending, 60},
		{"unhealthy", checked, []look{{state: Running, health: Unhealthy, probe: &Probe{Code: 1}}}, 1, "UNHEALTHY", 0},

		{"two exits are tolerated", fresh, []look{{state: Running}, {state: BackOff}, {state: Running, started: 1, at: 1, restarts: 1},
			{state: BackOff, started: 1, restarts: 1}, {state: Running, started: 2, at: 2, restarts: 2}}, 2.5, ready, 0},
		{"waiting in back-off", fresh, []look{{state: BackOff, restarts: 1, exit: died(1, 0)}}, 30, pending, 60},
		{"the third exit is not", fresh, []look{{state: BackOff, exit: died(1, 0)}, {state: BackOff, started: 1, restarts: 1, exit: died(1, 1)},
			{state: BackOff, started: 2, restarts: 2, exit: died(1, 2)}}, 2, "CRASH_LOOP", 0},
		{"a runtime that counts a restart when it begins to wait is not counted twice", fresh,
			[]look{{state: BackOff, restarts: 1}, {state: Running, started: 1, at: 1, restarts: 1}, {state: BackOff, started: 1, restarts: 2}}, 2, pending, 60},
		{"exits that were not seen count", fresh, []look{{state: Running, started: 3, restarts: 3, exit: died(1, 2)}}, 3.9, "CRASH_LOOP", 0},
		{"a runtime that never shows the end", fresh, []look{{state: Running}, {state: Running, started: 1}, {state: Running, started: 2}, {state: Running, started: 3}}, 3.9, "CRASH_LOOP", 0},
		{"news that a fresh look has overtaken", fresh, []look{{state: Running, started: 5, restarts: 1, at: 5}, {state: BackOff, started: 1, at: 5.1}}, 5.5, ready, 0},
		{"no budget", with(func(r *rules) { r.allowed = 0 }), []look{{state: BackOff, exit: died(2, 0)}}, 0.1, "CRASH_LOOP", 0},
		{"exit 0", with(func(r *rules) { r.allowed = 0 }), []look{{state: BackOff, exit: died(0, 0)}}, 0.1, "EXITED_ZERO", 0},
		{"a signal is not exit 0", with(func(r *rules) { r.allowed = 0 }), []look{{state: BackOff, exit: &Exit{Signal: "SIGSEGV"}}}, 0.1, "CRASH_LOOP", 0},
		{"out of memory", with(func(r *rules) { r.allowed = 0 }), []look{{state: BackOff, exit: &Exit{Code: 137, OOM: true}}}, 0.1, "OOM_KILLED", 0},
		{"the exit is remembered when the next run shows", fresh, []look{{state: BackOff, exit: died(0, 0)}, {state: Running, started: 3, restarts: 3}}, 3, "EXITED_ZERO", 0},

		{"an exit that the runtime has forgotten does not hide a known one", fresh,
			[]look{{state: BackOff, exit: died(0, 0)}, {state: Running, started: 3, restarts: 3, exit: died(-1, 0)}}, 3, "EXITED_ZERO", 0},
		{"an exit that nobody knows", fresh, []look{{state: Running, started: 3, restarts: 3, exit: died(-1, 2)}}, 3, "CRASH_LOOP", 0},

		{"the runtime gave up", fresh, []look{{state: Stopped, exit: died(1, 0)}}, 0.1, "CRASH_LOOP", 0},
		{"stopped by hand", fresh, []look{{state: Stopped, byHand: true, exit: died(0, 0)}}, 0.1, "STOPPED_BY_HAND", 0},
		{"paused", fresh, []look{{state: Paused}}, 0.1, "STOPPED_BY_HAND", 0},
		{"removed", fresh, []look{{state: Running}, {state: Gone}}, 0.1, "STOPPED_BY_HAND", 0},
		{"cannot start", fresh, []look{{state: Created, problem: &Problem{Reason: CommandNotFound}}}, 0.1, "COMMAND_NOT_FOUND", 0},

		{"too slow", checked, []look{{state: Running, health: Starting}}, 60, "START_TIMEOUT", 0},
		{"ready at the last moment", fresh, []look{{state: Running}}, 60, ready, 0},

		{"found running for long", wasThere, []look{{state: Running, started: -60}}, 0, ready, 0},
		{"found just started", wasThere, []look{{state: Running, started: -0.1}}, 0, pending, 0.5},
		{"found between two crashes", wasThere, []look{{state: Running, started: -2, restarts: 57}}, 0, pending, 0.5},
		{"found recovered from crashes", wasThere, []look{{state: Running, started: -20, restarts: 57}}, 0, ready, 0},
		{"found unhealthy", wasThere, []look{{state: Running, started: -60, health: Unhealthy}}, 0, "UNHEALTHY", 0},
		{"found in a crash loop", wasThere, []look{{state: BackOff, started: -1, restarts: 57, exit: died(1, -0.5)}}, 0, "CRASH_LOOP", 0},
		{"found after its first crash in a long time", wasThere, []look{{state: BackOff, started: -999, restarts: 57, exit: died(1, -0.5)}}, 0, pending, 60},

		{"revived: the end of the run before is ours", again, []look{{state: Running}, {state: Stopped, byHand: true, restarts: 9}}, 1, pending, 60},
		{"revived: restarts from before do not count", again, []look{{state: Running, started: 1, at: 1, restarts: 9}}, 1.5, ready, 0},
		{"revived: stopped by hand afterwards", again, []look{{state: Running, started: 1}, {state: Stopped, started: 1, byHand: true}}, 1.5, "STOPPED_BY_HAND", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j := &judge{rules: test.rules}
			for _, l := range test.looks {
				j.observe(l.observation(), at(l.at))
			}
			d := j.decide(at(test.ask))
			got := pending
			switch {
			case d.ready:
				got = ready
			case d.verdict != nil:
				got = string(d.verdict.Reason)
			}
			if got != test.want {
				t.Fatalf("judged %s, want %s", got, test.want)
			}
			if got == pending && !d.until.Equal(at(test.until)) {
				t.Errorf("asks again at %v, want second %v", d.until.Sub(epoch), test.until)
			}
		})
	}
}

// What is not looked at again, or cannot be taken back, needs more than the definition of ready.
func TestProvenAndTrusted(t *testing.T) {
	tests := []struct {
		look            look
		now             float64
		proven, trusted bool
	}{
		{look{state: Running}, 0.4, false, false},
		{look{state: Running}, 0.5, true, true},
		{look{state: Running, restarts: 3}, 0.5, true, false},
		{look{state: Running, restarts: 3}, 10, true, true},
		{look{state: Running, health: Healthy}, 1, true, true},
		{look{state: Running, health: Starting}, 99, false, false},
		{look{state: Running, problem: &Problem{Reason: ExecFormat}}, 99, false, false},
		{look{state: BackOff}, 99, false, false},
		{look{state: Created}, 99, false, false},
	}
	for _, test := range tests {
		o := test.look.observation()
		p, q := Proven(o, at(test.now), 500*time.Millisecond), trusted(o, at(test.now), 500*time.Millisecond)
		if p != test.proven || q != test.trusted {
			t.Errorf("%+v at %v: proven %v, trusted %v; want %v, %v", test.look, test.now, p, q, test.proven, test.trusted)
		}
	}
}

// A verdict is the same sentence on every platform, and says what a person needs next.
func TestVerdictWords(t *testing.T) {
	probe := &Probe{Code: 1, Output: "refused", At: at(3)}
	tests := []struct {
		name  string
		rules rules
		looks []look
		want  string
		fails int
	}{
		{"crash", rules{allowed: 1}, []look{{state: BackOff, exit: died(1, 0)}, {state: BackOff, started: 1, exit: died(7, 1)}},
			"it ended 2 times while it started; the last run ended with exit code 7", 2},
		{"signal", rules{}, []look{{state: BackOff, exit: &Exit{Code: 139, Signal: "SIGSEGV"}}},
			"it ended once while it started; the last run was ended by SIGSEGV", 1},
		{"zero", rules{}, []look{{state: BackOff, exit: died(0, 0)}},
			"it ended by itself, without an error (exit code 0); it ended once while it started", 1},
		{"memory", rules{}, []look{{state: BackOff, exit: &Exit{OOM: true}}},
			"it was killed because it needed more memory than it may use; it ended once while it started", 1},
		{"unhealthy", rules{}, []look{{state: Running, health: Unhealthy, probe: probe}},
			"it runs, but its health check fails (the last one ended with exit code 1)", 1},
		{"slow check", rules{deadline: at(5), timeout: 5 * time.Second}, []look{{state: Running, health: Starting}},
			"it was not ready within 5s: still waiting for its health check to pass; last seen running, health starting", 0},
		{"failing check", rules{deadline: at(5), timeout: 5 * time.Second}, []look{{state: Running, health: Starting, probe: probe}},
			"it was not ready within 5s: still waiting for its health check to pass; last seen running, health starting (the last one ended with exit code 1)", 1},
		{"back-off", rules{allowed: 2, deadline: at(5), timeout: 5 * time.Second}, []look{{state: BackOff, exit: died(4, 1)}},
			"it was not ready within 5s: still waiting for it to be started again; last seen back-off, the last run ended with exit code 4", 1},
		{"never seen", rules{deadline: at(5), timeout: 5 * time.Second}, nil,
			"it was not ready within 5s: still waiting for it to be started; nothing was seen of it", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j := &judge{rules: test.rules}
			for _, l := range test.looks {
				j.observe(l.observation(), at(l.at))
			}
			v := j.decide(at(10)).verdict
			if v == nil || v.Message != test.want || v.Failures != test.fails || v.Hint == "" {
				t.Errorf("verdict %+v\nwant %q, %d failures, and a hint", v, test.want, test.fails)
			}
		})
	}
}

// Where the platform tells which instance it starts, what is heard of another one, a kept one too, says nothing.
func TestJudgeOnlyTheNewInstance(t *testing.T) {
	now := time.Now()
	j := &judge{rules: rules{only: "new"}}
	if j.observe(Observation{Instance: "kept", State: Stopped, LastExit: &Exit{At: now}}, now) {
		t.Error("a look at the kept instance counts")
	}
	if !j.observe(Observation{Instance: "new", State: Running, StartedAt: now}, now) || !j.decide(now).ready {
		t.Error("a look at the new one does not count")
	}
}

func TestProbeText(t *testing.T) {
	for code, want := range map[int]string{
		1:   " (the last one ended with exit code 1)",
		-1:  " (the last one did not end in time)",
		126: " (the command of the last one could not be run)",
		127: " (the command of the last one could not be run)",
	} {
		if got := probeText(&Probe{Code: code}); got != want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
}
