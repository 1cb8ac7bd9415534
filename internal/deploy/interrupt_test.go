package deploy

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

// interruptAt runs an up that is interrupted when a call comes.
func (b *bench) interruptAt(call string, ws []workload.Workload, opts UpOptions) (Report, time.Duration, error) {
	ctx, cancel := context.WithCancelCause(b.t.Context())
	defer cancel(nil)
	var when time.Time
	b.hook = func(c string) error {
		if c == call && when.IsZero() {
			when = time.Now()
			cancel(Interrupt{syscall.SIGTERM})
		}
		return nil
	}
	r, err := Up(ctx, b, "edge", ws, opts, b.sink)
	b.hook = nil
	return r, time.Since(when), err
}

func TestUpInterrupted(t *testing.T) {
	tests := []struct {
		name, call string
		before, to string
		outcome    string
		runs       string
	}{
		{"before the old one is touched", "prepare a", "good:1", "good:2", "a interrupted", "a good:1 running"},
		{"while it is replaced, and it becomes ready soon", "stopped a", "good:1", "good:2", "a ready", "a good:2 running"},
		{"while it is started, and it becomes ready soon", "start(keep=true) a", "good:1", "good:2", "a ready", "a good:2 running"},
		{"while it is started, and it does not become ready", "start(keep=true) a", "good:1", "slow:2", "a interrupted", "a good:1 running"},
		{"while the old one takes its stop grace", "start(keep=true) a", "stubborn:1", "good:2", "a interrupted", "a stubborn:1 running"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stackOf("a "+test.before), func(b *bench) {
				r, took, err := b.interruptAt(test.call, stackOf("a "+test.to), UpOptions{})
				var i Interrupt
				if !errors.As(err, &i) || i.Signal != syscall.SIGTERM {
					t.Errorf("error %v, want the interrupt", err)
				}
				if took > 5*time.Second {
					t.Errorf("took %v after the interrupt", took)
				}
				b.want("outcomes", outcomes(r), test.outcome)
				b.want("what runs", b.images(), test.runs)
			})
		})
	}
}

// What an interrupt leaves time for is not more than what is promised.
func TestInterruptTakesFiveSeconds(t *testing.T) {
	if all := finishGrace + undoGrace + closeGrace; all > 5*time.Second {
		t.Errorf("%v in all, want five seconds", all)
	}
}

// A new daemon that an interrupt finds on its way is left to the next up: there is nothing to go back to.
func TestInterruptedCreate(t *testing.T) {
	bubble(t, nil, func(b *bench) {
		r, _, err := b.interruptAt("stopped a", stackOf("a slow:1"), UpOptions{})
		if !errors.As(err, new(Interrupt)) {
			t.Errorf("error %v, want the interrupt", err)
		}
		b.want("outcomes", outcomes(r), "a interrupted")
		b.want("what runs", b.images(), "a slow:1 running")
		b.want("the next up", b.mustUp(stackOf("a good:1"), UpOptions{}), "a ready")
	})
}

// A daemon whose turn has not come is not begun; what was asked for first is finished.
func TestInterruptBeginsNothingNew(t *testing.T) {
	bubble(t, stackOf("a good:1", "b good:1"), func(b *bench) {
		ctx, cancel := context.WithCancelCause(b.t.Context())
		defer cancel(nil)
		b.hook = func(call string) error {
			switch call {
			case "prepare b":
				<-time.After(time.Second) // a is being replaced by then
			case "stopped a":
				cancel(Interrupt{syscall.SIGINT})
			}
			return nil
		}
		r, err := Up(ctx, b, "edge", stackOf("a good:2", "b good:2"), UpOptions{}, b.sink)
		if !errors.As(err, new(Interrupt)) {
			t.Errorf("error %v, want the interrupt", err)
		}
		b.want("outcomes", outcomes(r), "a ready", "b interrupted")
		b.want("what runs", b.images(), "a good:2 running", "b good:1 running")
		b.want("told of b", b.told("b"), "interrupted")
	})
}

// Without the lock nothing is changed any more: the fake would say so.
func TestLostLock(t *testing.T) {
	for _, call := range []string{"prepare a", "start(keep=true) a", "stopped a"} {
		t.Run(call, func(t *testing.T) {
			bubble(t, stackOf("a good:1"), func(b *bench) {
				b.hook = func(c string) error {
					if c == call {
						b.lose()
					}
					return nil
				}
				r, err := b.up(stackOf("a good:2"), UpOptions{})
				var p *Problem
				if !errors.As(err, &p) || p.Reason != LockLost {
					t.Errorf("error %v, want LOCK_LOST", err)
				}
				b.want("outcomes", outcomes(r), "a interrupted")
				if n := len(b.called("undo")) + len(b.called("commit")); n > 0 {
					t.Errorf("changed without the lock: %v", b.called(""))
				}
				b.hook = nil
				b.want("the next up", b.mustUp(stackOf("a good:2"), UpOptions{}), "a ready")
			})
		})
	}
}

func TestLinger(t *testing.T) {
	cause := Interrupt{syscall.SIGINT}
	tests := []struct {
		name  string
		cause error
		when  time.Duration // of the end, before linger if negative
		want  time.Duration // when the lingering context ends
	}{
		{"ended before", cause, -1, 2 * time.Second},
		{"ends later", cause, time.Second, 3 * time.Second},
		{"lock lost before", errLockLost, -1, 0},
		{"lock lost later", errLockLost, time.Second, time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, nil, func(b *bench) {
				ctx, cancel := context.WithCancelCause(b.t.Context())
				defer cancel(nil)
				began := time.Now()
				if test.when < 0 {
					cancel(test.cause)
				}
				work, done := linger(ctx, 2*time.Second)
				defer done()
				if test.when >= 0 {
					<-time.After(test.when)
					cancel(test.cause)
				}
				<-work.Done()
				if got := time.Since(began); got != test.want || !errors.Is(context.Cause(work), test.cause) {
					t.Errorf("ended after %v for %v, want %v", got, context.Cause(work), test.want)
				}
			})
		})
	}
}

func TestBudget(t *testing.T) {
	bubble(t, nil, func(b *bench) {
		budget := newBudget(10 * time.Second)
		ctx, stop := budget.spend(b.t.Context())
		<-time.After(3 * time.Second)
		budget.follow(Progress{Phase: Stopping})
		<-time.After(time.Hour)
		budget.follow(Progress{Phase: Launching})
		<-time.After(2 * time.Second)
		stop()
		if left := budget.remaining(); left != 5*time.Second {
			t.Errorf("%v left, want 5s", left)
		}
		if !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Errorf("ended for %v", context.Cause(ctx))
		}
		began := time.Now()
		ctx, stop = budget.spend(b.t.Context())
		defer stop()
		<-ctx.Done()
		if !Ended(context.Cause(ctx)) || !errors.Is(context.Cause(ctx), errTimeout) || time.Since(began) != 5*time.Second {
			t.Errorf("ended for %v after %v", context.Cause(ctx), time.Since(began))
		}
	})
}

// That the old instance runs again matters more than the time that it takes: an engine that is slow is waited for.
func TestInterruptWaitsForASlowUndo(t *testing.T) {
	bubble(t, stackOf("a good:1"), func(b *bench) {
		b.slowUndo = 8 * time.Second
		r, took, err := b.interruptAt("stopped a", stackOf("a slow:2"), UpOptions{})
		if !errors.As(err, new(Interrupt)) || took > 12*time.Second {
			t.Errorf("error %v after %v, want the interrupt", err, took)
		}
		b.want("outcomes", outcomes(r), "a interrupted")
		b.want("what runs", b.images(), "a good:1 running")
	})
}

// An interrupt that comes while a failed update is being undone makes that hurry.
func TestInterruptedRollback(t *testing.T) {
	bubble(t, stackOf("a good:1"), func(b *bench) {
		ctx, cancel := context.WithCancelCause(b.t.Context())
		defer cancel(nil)
		var when time.Time
		b.hook = func(call string) error {
			if call == "undo a" && when.IsZero() {
				when = time.Now()
				time.AfterFunc(time.Second, func() { cancel(Interrupt{syscall.SIGINT}) })
			}
			return nil
		}
		_, err := Up(ctx, b, "edge", stackOf("a stubborn-sick:2"), UpOptions{}, b.sink)
		if took := time.Since(when); !errors.As(err, new(Interrupt)) || took > 6*time.Second {
			t.Errorf("error %v after %v, want the interrupt", err, took)
		}
		b.want("what runs", b.images(), "a good:1 running")
	})
}

// What runs is put back also where it is not worth going back to, or must not be: to run something is better than nothing.
func TestInterruptLeavesNothingStopped(t *testing.T) {
	for name, opts := range map[string]UpOptions{"sick:1": {}, "stubborn:1": {NoRollback: true}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, stackOf("a "+name), func(b *bench) {
				b.hook = nil
				ctx, cancel := context.WithCancelCause(b.t.Context())
				defer cancel(nil)
				b.hook = func(call string) error {
					if call == "stopped a" {
						cancel(Interrupt{syscall.SIGINT})
						<-time.After(2 * time.Second)
					}
					return nil
				}
				_, _ = Up(ctx, b, "edge", stackOf("a good:2"), opts, b.sink)
				b.want("what runs", b.images(), "a "+name+" running")
			})
		})
	}
}

// What an interrupted up has put back is young, and still the one to go back to for an up that follows at once.
func TestUpRightAfterAnInterruptedOne(t *testing.T) {
	bubble(t, stackOf("a good:1"), func(b *bench) {
		_, _, err := b.interruptAt("stopped a", stackOf("a slow:2"), UpOptions{})
		if !errors.As(err, new(Interrupt)) {
			t.Fatalf("error %v, want the interrupt", err)
		}
		b.want("the next up", b.mustUp(stackOf("a crash:3"), UpOptions{}), "a rolled-back CRASH_LOOP")
		b.want("what runs", b.images(), "a good:1 running")
	})
}

// What is too young is not waited for where it does badly already.
func TestUpDoesNotWaitForWhatIsNotWorthIt(t *testing.T) {
	bubble(t, nil, func(b *bench) {
		first, next := stackOf("a slow:1"), stackOf("a good:2")
		first[0].Settle = time.Hour
		b.mustUp(first, UpOptions{NoWait: true})
		<-time.After(time.Second)
		b.mu.Lock()
		b.daemons["a"].current.Health = Unhealthy
		b.mu.Unlock()
		began := time.Now()
		b.want("the next up", b.mustUp(next, UpOptions{}), "a ready")
		if took := time.Since(began); took > time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

// The new instance that an engine starts although the call was broken off is ended by us, and not by a person.
func TestTimeoutInsideStart(t *testing.T) {
	bubble(t, stackOf("a good:1"), func(b *bench) {
		b.slowLast = time.Minute
		r, err := b.up(stackOf("a good:2"), UpOptions{Timeout: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		b.want("outcomes", outcomes(r), "a rolled-back START_TIMEOUT")
		b.want("what runs", b.images(), "a good:1 running")
		for _, e := range b.events {
			if e.Kind == KindState && e.Observation.Instance != "a#1" {
				t.Errorf("the rollback was judged by %+v", *e.Observation)
			}
		}
	})
}
