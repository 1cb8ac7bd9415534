package deploy

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Where the stream lags behind, a fresh look keeps a dead daemon from being called ready.
func TestWaitTakesAFreshLook(t *testing.T) {
	tests := []struct {
		name  string
		looks []look // one for each time that it is asked; then none can be had
		want  Reason // empty is ready
		after time.Duration
	}{
		{"as it was", []look{{state: Running}}, "", 500 * time.Millisecond},
		{"none to be had", nil, "", 500 * time.Millisecond},
		{"dead for good", []look{{state: Stopped, exit: died(1, 0)}}, CrashLoop, 500 * time.Millisecond},
		{"running again, and settled later", []look{{state: Running, started: 0.4, restarts: 1}}, "", time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &feed{news: make(chan struct{}, 1)}
				w := &watcher{feeds: map[string]*feed{"api": f}, done: make(chan struct{})}
				f.put(sighting{look{state: Running}.observation(), time.Now()})
				began, looks := time.Now(), test.looks
				fresh := func(context.Context) (Observation, bool) {
					if len(looks) == 0 {
						return Observation{}, false
					}
					o := looks[0].observation()
					looks = looks[1:]
					return o, true
				}
				j := &judge{rules: rules{settle: 500 * time.Millisecond, allowed: 2}}
				v, err := w.wait(t.Context(), "api", j, func(Observation) {}, fresh)
				if err != nil {
					t.Fatal(err)
				}
				if v == nil && test.want != "" || v != nil && v.Reason != test.want {
					t.Errorf("verdict %+v, want %q", v, test.want)
				}
				if took := time.Since(began); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
			})
		})
	}
}

// What was seen before the stream broke counts; then the break is the answer.
func TestWaitToTheEndOfTheStream(t *testing.T) {
	broken := errors.New("broken")
	w := &watcher{feeds: map[string]*feed{"api": {news: make(chan struct{}, 1)}}, done: make(chan struct{}), err: broken}
	close(w.done)
	w.feeds["api"].put(sighting{look{state: BackOff}.observation(), epoch})
	var seen []State
	never := func(context.Context) (Observation, bool) { return Observation{}, false }
	v, err := w.wait(t.Context(), "api", &judge{rules: rules{allowed: 2}}, func(o Observation) { seen = append(seen, o.State) }, never)
	if v != nil || !errors.Is(err, broken) || !slices.Equal(seen, []State{BackOff}) {
		t.Errorf("verdict %v, error %v, seen %v", v, err, seen)
	}
}

// lagging is a platform whose stream does not tell yet that what was started last has died.
type lagging struct{ *fake }

func (l lagging) Look(_ context.Context, before Observation) (Observation, error) {
	if before.Instance == "a#2" {
		before.State, before.LastExit = Stopped, &Exit{Code: 5, At: time.Now()}
	}
	return before, nil
}

// An update that the runtime already knows to be dead is not confirmed: what it could be undone to would be lost.
func TestUpDoesNotConfirmTheDead(t *testing.T) {
	bubble(t, stackOf("a good:1"), func(b *bench) {
		r, err := Up(b.t.Context(), lagging{b.fake}, "edge", stackOf("a good:2"), UpOptions{}, b.sink)
		if err != nil {
			t.Fatal(err)
		}
		b.want("outcomes", outcomes(r), "a rolled-back CRASH_LOOP")
		b.want("commits", b.called("commit"))
		b.want("what runs", b.images(), "a good:1 running")
	})
}
