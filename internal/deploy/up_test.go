package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

func TestUpOutcomes(t *testing.T) {
	tests := []struct {
		name     string
		before   []workload.Workload
		stack    []workload.Workload
		opts     UpOptions
		outcomes []string
		calls    []string // of the session, and those for evidence
		runs     []string
		told     []string // of daemon a
	}{
		{
			name: "create", stack: stackOf("a good:1", "b good:1"),
			outcomes: []string{"a ready", "b ready"},
			calls:    []string{"begin", "prepare a", "stopped a", "start(keep=false) a", "prepare b", "stopped b", "start(keep=false) b", "close"},
			runs:     []string{"a good:1 running", "b good:1 running"},
			told:     []string{"ready"},
		},
		{
			name: "update", before: stackOf("a good:1", "b good:1"), stack: stackOf("a good:2", "b good:1"),
			outcomes: []string{"a ready", "b ready"},
			calls:    []string{"begin", "prepare a", "start(keep=true) a", "stopped a", "commit a", "close"},
			runs:     []string{"a good:2 running", "b good:1 running"},
			told:     []string{"ready"},
		},
		{
			name: "update that crashes", before: stackOf("a good:1"), stack: stackOf("a crash:2"),
			outcomes: []string{"a rolled-back CRASH_LOOP"},
			calls:    []string{"begin", "prepare a", "start(keep=true) a", "stopped a", "logs a a#2", "undo a", "close"},
			runs:     []string{"a good:1 running"},
			told:     []string{"failed", "rolling-back", "rolled-back"},
		},
		{
			name: "update that crashes, kept", before: stackOf("a good:1"), stack: stackOf("a crash:2"), opts: UpOptions{NoRollback: true},
			outcomes: []string{"a failed CRASH_LOOP"},
			calls:    []string{"begin", "prepare a", "start(keep=true) a", "stopped a", "logs a a#2", "close"},
			runs:     []string{"a crash:2 back-off unfinished"},
			told:     []string{"failed"},
		},
		{
			name: "update that cannot start", before: stackOf("a good:1"), stack: stackOf("a badcommand:2"),
			outcomes: []string{"a rolled-back COMMAND_NOT_FOUND"},
			calls:    []string{"begin", "prepare a", "start(keep=true) a", "stopped a", "undo a", "close"},
			runs:     []string{"a good:1 running"},
			told:     []string{"failed", "rolling-back", "rolled-back"},
		},
		{
			name: "update whose image is missing does not touch the old one", before: stackOf("a good:1"), stack: stackOf("a missing:2"),
			outcomes: []string{"a failed IMAGE_NOT_FOUND"},
			calls:    []string{"begin", "prepare a", "close"},
			runs:     []string{"a good:1 running"},
			told:     []string{"failed"},
		},
		{
			name: "create that crashes stays", stack: stackOf("a crash:1"),
			outcomes: []string{"a failed CRASH_LOOP"},
			calls:    []string{"begin", "prepare a", "start(keep=false) a", "stopped a", "logs a a#1", "close"},
			runs:     []string{"a crash:1 back-off"},
			told:     []string{"failed"},
		},
		{
			name: "crash twice, then run", stack: stackOf("a crash2:1"),
			outcomes: []string{"a ready"}, runs: []string{"a crash2:1 running"}, told: []string{"ready"},
		},
		{
			name: "every way to fail", stack: stackOf("a zero:1", "b oom:1", "c sick:1", "d badcommand:1"),
			outcomes: []string{"a failed EXITED_ZERO", "b failed OOM_KILLED", "c failed UNHEALTHY", "d failed COMMAND_NOT_FOUND"},
			runs:     []string{"a zero:1 back-off", "b oom:1 back-off", "c sick:1 running", "d badcommand:1 created"}, told: []string{"failed"},
		},
		{
			name: "too slow", stack: stackOf("a slow:1"), opts: UpOptions{Timeout: 10 * time.Second},
			outcomes: []string{"a timed-out START_TIMEOUT"}, runs: []string{"a slow:1 running"}, told: []string{"failed"},
		},
		{
			name: "too slow an update", before: stackOf("a good:1"), stack: stackOf("a slow:2"), opts: UpOptions{Timeout: 10 * time.Second},
			outcomes: []string{"a rolled-back START_TIMEOUT"}, runs: []string{"a good:1 running"}, told: []string{"failed", "rolling-back", "rolled-back"},
		},
		{
			name: "the stop grace of the old one is not counted", before: stackOf("a stubborn:1"), stack: stackOf("a good:2"), opts: UpOptions{Timeout: 10 * time.Second},
			outcomes: []string{"a ready"}, runs: []string{"a good:2 running"}, told: []string{"ready"},
		},
		{
			name: "not waited for", stack: stackOf("a slow:1"), opts: UpOptions{NoWait: true},
			outcomes: []string{"a started"}, runs: []string{"a slow:1 running"}, told: []string{"started"},
		},
		{
			name: "an update that is not waited for stays unconfirmed", before: stackOf("a good:1"), stack: stackOf("a good:2"), opts: UpOptions{NoWait: true},
			outcomes: []string{"a started"}, runs: []string{"a good:2 running unfinished"}, told: []string{"started", "unfinished"},
		},
		{
			name: "prune", before: stackOf("a good:1", "b good:1"), stack: stackOf("b good:1"),
			outcomes: []string{"a removed", "b ready"}, calls: []string{"begin", "remove a", "close"},
			runs: []string{"b good:1 running"}, told: []string{"removing", "removed"},
		},
		{
			name: "no prune", before: stackOf("a good:1", "b good:1"), stack: stackOf("b good:1"), opts: UpOptions{PlanOptions: PlanOptions{NoPrune: true}},
			outcomes: []string{"b ready"}, calls: nil, runs: []string{"a good:1 running", "b good:1 running"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, test.before, func(b *bench) {
				b.want("outcomes", b.mustUp(test.stack, test.opts), test.outcomes...)
				if test.calls != nil {
					got := slices.DeleteFunc(b.called(""), func(c string) bool { return c == "observe" })
					slices.Sort(got)
					slices.Sort(test.calls)
					b.want("calls", got, test.calls...)
				}
				b.want("what runs", b.images(), test.runs...)
				b.want("events of a", b.told("a"), test.told...)
			})
		})
	}
}

// What a second up finds as it should be is not touched, and costs one look.
func TestUpUnchanged(t *testing.T) {
	stack := stackOf("a good:1", "b good:1")
	bubble(t, stack, func(b *bench) {
		began := time.Now()
		b.want("outcomes", b.mustUp(stack, UpOptions{}), "a ready", "b ready")
		b.want("calls", b.called(""), "observe")
		if d := time.Since(began); d != 0 {
			t.Errorf("made to wait for %v", d)
		}
		if b.events[0].Kind != KindPlan || !b.events[0].Plan.Empty() {
			t.Errorf("the first event is %+v, want the empty plan", b.events[0])
		}
	})
}

// What is as it should be and not ready is waited for and judged, still without a change.
func TestUpUnchangedNotReady(t *testing.T) {
	tests := []struct{ image, want string }{
		{"good:1", "a ready"}, {"sick:1", "a failed UNHEALTHY"}, {"slow:1", "a timed-out START_TIMEOUT"},
	}
	for _, test := range tests {
		t.Run(test.image, func(t *testing.T) {
			bubble(t, nil, func(b *bench) {
				stack := stackOf("a " + test.image)
				b.mustUp(stack, UpOptions{NoWait: true})
				b.forget()
				b.want("outcomes", b.mustUp(stack, UpOptions{Timeout: 10 * time.Second}), test.want)
				b.want("changes", append(b.called("begin"), b.called("start")...))
			})
		})
	}
}

// A failed workload never becomes what is gone back to.
func TestUpKeepsTheLastReady(t *testing.T) {
	bubble(t, stackOf("a good:1"), func(b *bench) {
		b.want("first", b.mustUp(stackOf("a crash:2"), UpOptions{NoRollback: true}), "a failed CRASH_LOOP")
		b.want("second", b.mustUp(stackOf("a zero:3"), UpOptions{NoRollback: true}), "a failed EXITED_ZERO")
		b.want("third", b.mustUp(stackOf("a sick:4"), UpOptions{}), "a rolled-back UNHEALTHY")
		b.want("what runs", b.images(), "a good:1 running")
	})
}

// An update that nobody confirmed is taken up again: confirmed, undone, or made up for before the next one.
func TestUpTakesUpUnfinished(t *testing.T) {
	begin := func(b *bench, image string) {
		b.mustUp(stackOf("a "+image), UpOptions{NoWait: true})
		b.forget()
		b.events = nil
	}
	t.Run("ready", func(t *testing.T) {
		bubble(t, stackOf("a good:1"), func(b *bench) {
			begin(b, "good:2")
			b.want("outcomes", b.mustUp(stackOf("a good:2"), UpOptions{}), "a ready")
			b.want("calls", b.called("commit"), "commit a")
			b.want("what runs", b.images(), "a good:2 running")
			b.want("told", b.told("a"), "unfinished", "ready")
		})
	})
	t.Run("not ready", func(t *testing.T) {
		bubble(t, stackOf("a good:1"), func(b *bench) {
			begin(b, "sick:2")
			b.want("outcomes", b.mustUp(stackOf("a sick:2"), UpOptions{}), "a rolled-back UNHEALTHY")
			b.want("what runs", b.images(), "a good:1 running")
		})
	})
	t.Run("ready, and another update fails", func(t *testing.T) {
		bubble(t, stackOf("a good:1"), func(b *bench) {
			begin(b, "good:2")
			<-time.After(time.Minute)
			b.want("outcomes", b.mustUp(stackOf("a crash:3"), UpOptions{}), "a rolled-back CRASH_LOOP")
			b.want("what runs", b.images(), "a good:2 running")
		})
	})
	t.Run("still not waited for", func(t *testing.T) {
		bubble(t, stackOf("a good:1"), func(b *bench) {
			begin(b, "slow:2")
			b.want("outcomes", b.mustUp(stackOf("a slow:2"), UpOptions{NoWait: true}), "a started")
			b.want("changes", b.called("begin"))
		})
	})
}

func TestUpBlocked(t *testing.T) {
	bubble(t, nil, func(b *bench) {
		b.taken["a"] = "a container of somebody else"
		b.want("outcomes", b.mustUp(stackOf("a good:1", "b good:1"), UpOptions{}), "a failed NAME_TAKEN", "b ready")
		b.want("calls", b.called("prepare"), "prepare b")
	})
}

func TestUpInParallel(t *testing.T) {
	bubble(t, nil, func(b *bench) {
		b.slowPrep = 500 * time.Millisecond
		var names []string
		for i := range 20 {
			names = append(names, fmt.Sprintf("d%02d good:1", i))
		}
		began := time.Now()
		b.mustUp(stackOf(names...), UpOptions{})
		if b.peak != parallel {
			t.Errorf("%d daemons prepared at once, want %d", b.peak, parallel)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v, want five rounds of half a second and one settle time", took)
		}
	})
}

// Images that take long to come do not hold up those that are there.
func TestUpSlowPullsHoldNobodyUp(t *testing.T) {
	bubble(t, nil, func(b *bench) {
		b.slowPrep = time.Minute
		var names []string
		for i := range 20 {
			names = append(names, fmt.Sprintf("d%02d good:1", i))
		}
		began := time.Now()
		b.mustUp(stackOf(names...), UpOptions{})
		if took := time.Since(began); took > 66*time.Second {
			t.Errorf("took %v, want a minute and a second for each four daemons", took)
		}
	})
}

// What an update can do before is done before: nobody is away while others are prepared.
func TestUpPreparesBeforeItStops(t *testing.T) {
	var old, next []string
	for i := range 20 {
		old, next = append(old, fmt.Sprintf("d%02d good:1", i)), append(next, fmt.Sprintf("d%02d good:2", i))
	}
	bubble(t, stackOf(old...), func(b *bench) {
		b.slowPrep = 500 * time.Millisecond
		b.mustUp(stackOf(next...), UpOptions{})
		calls := b.called("")
		first := slices.IndexFunc(calls, func(c string) bool { return strings.HasPrefix(c, "start(") })
		prepared := slices.DeleteFunc(calls[:first], func(c string) bool { return !strings.HasPrefix(c, "prepare ") })
		if n := len(prepared); n < 20-parallel {
			t.Errorf("%d daemons were prepared before the first was ended, want all that the others left room for", n)
		}
	})
}

// One daemon that takes its stop grace does not hold up the others.
func TestUpSlowStopsHoldNobodyUp(t *testing.T) {
	var old, next []string
	for i := range 20 {
		old, next = append(old, fmt.Sprintf("d%02d stubborn:1", i)), append(next, fmt.Sprintf("d%02d good:2", i))
	}
	bubble(t, stackOf(old...), func(b *bench) {
		began := time.Now()
		b.mustUp(stackOf(next...), UpOptions{})
		if took := time.Since(began); took > 35*time.Second {
			t.Errorf("took %v, which is more than one stop grace", took)
		}
	})
}

// The plan is told before anything is done, also to a sink that takes its time.
func TestUpTellsThePlanFirst(t *testing.T) {
	bubble(t, nil, func(b *bench) {
		_, err := Up(b.t.Context(), b, "edge", stackOf("a good:1"), UpOptions{}, func(e Event) {
			<-time.After(time.Second)
			b.sink(e)
		})
		if err != nil || b.events[0].Kind != KindPlan || b.events[0].Plan.Changes[0].Action != Create {
			t.Errorf("%v; the first event is %+v, want the plan", err, b.events[0])
		}
	})
}

func TestUpEvidenceBeforeUndo(t *testing.T) {
	bubble(t, stackOf("a good:1"), func(b *bench) {
		r, err := b.up(stackOf("a crash:2"), UpOptions{})
		if err != nil {
			t.Fatal(err)
		}
		v := r.Daemons[0].Verdict
		if !slices.Equal(v.Logs, []string{"last words of a#2"}) || v.Exit == nil || v.Exit.Code != 7 || v.Failures != 3 || v.At.IsZero() || v.Hint == "" {
			t.Errorf("verdict %+v", v)
		}
		calls := b.called("")
		if slices.Index(calls, "logs a a#2") > slices.Index(calls, "undo a") {
			t.Errorf("the evidence was destroyed first: %v", calls)
		}
	})
}

// What counts is the last look: a daemon that was ready and then died is not ready.
func TestUpLastLook(t *testing.T) {
	bubble(t, nil, func(b *bench) {
		b.hook = func(call string) error {
			if call == "start(keep=false) b" { // long after a became ready
				<-time.After(20 * time.Second)
				b.mu.Lock()
				a := b.daemons["a"].current
				b.end(context.Background(), a, false)
				a.ByHand, a.LastExit = false, &Exit{Code: 9, At: time.Now()}
				b.mu.Unlock()
			}
			return nil
		}
		b.want("outcomes", b.mustUp(stackOf("a good:1", "b good:1"), UpOptions{}), "a failed CRASH_LOOP", "b ready")
	})
}

func TestUpWatchLost(t *testing.T) {
	bubble(t, stackOf("a good:1"), func(b *bench) {
		b.hook = func(call string) error {
			if strings.HasPrefix(call, "start") {
				b.mu.Lock()
				b.blind = true
				b.mu.Unlock()
			}
			return nil
		}
		b.want("outcomes", b.mustUp(stackOf("a slow:2"), UpOptions{}), "a failed ENGINE_UNREACHABLE")
		b.want("what runs", b.images(), "a slow:2 running unfinished")
	})
}

// A time-out says what was still waited for.
func TestUpTooSlowAPull(t *testing.T) {
	bubble(t, stackOf("a good:1"), func(b *bench) {
		b.slowPrep = time.Hour
		r, err := b.up(stackOf("a good:2"), UpOptions{Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		b.want("outcomes", outcomes(r), "a timed-out START_TIMEOUT")
		want := "it was not ready within 10s: still waiting for its image (pulling, 1 of 2 bytes); what ran before was not touched"
		if v := r.Daemons[0].Verdict; v.Message != want || !v.Progressing() || v.Reason.Operational() {
			t.Errorf("verdict %q\nwant    %q", v.Message, want)
		}
		b.want("what runs", b.images(), "a good:1 running")
	})
}

// A restored instance that does not come back is not called rolled back.
func TestUpCannotRollBack(t *testing.T) {
	tests := map[string]struct{ call, want string }{
		"undo fails":               {"undo a", "; the previous instance is not ready again: no space left"},
		"nothing is kept any more": {"", "; it is left as it is: there is no previous instance to go back to"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, stackOf("a good:1"), func(b *bench) {
				b.hook = func(call string) error {
					switch {
					case call == test.call:
						return errors.New("no space left")
					case call == "undo a":
						b.daemons["a"].kept = nil // somebody removed it
					}
					return nil
				}
				r, err := b.up(stackOf("a crash:2"), UpOptions{})
				if err != nil {
					t.Fatal(err)
				}
				b.want("outcomes", outcomes(r), "a failed CRASH_LOOP")
				if m := r.Daemons[0].Verdict.Message; !strings.HasSuffix(m, test.want) {
					t.Errorf("message %q, want it to end in %q", m, test.want)
				}
			})
		})
	}
}

func TestUpErrors(t *testing.T) {
	for _, call := range []string{"observe", "begin"} {
		t.Run(call, func(t *testing.T) {
			bubble(t, nil, func(b *bench) {
				boom := errors.New("boom")
				b.hook = func(c string) error {
					if c == call {
						return boom
					}
					return nil
				}
				if _, err := b.up(stackOf("a good:1"), UpOptions{}); !errors.Is(err, boom) {
					t.Errorf("error %v, want boom", err)
				}
			})
		})
	}
}
