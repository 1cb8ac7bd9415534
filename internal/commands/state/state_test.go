package state_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/state"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// reference is the same life told another way: as the list of what has happened, from which every answer is worked out anew.
type reference struct {
	upload   bool
	deadline int // seconds, 0 for none
	history  []event
}

type event struct {
	kind   string // uploaded, leased, released, answered, expired
	holder string
	at     int
	until  int
	end    wire.State
}

func (r *reference) last(kinds ...string) (event, bool) {
	for _, e := range slices.Backward(r.history) {
		if slices.Contains(kinds, e.kind) {
			return e, true
		}
	}
	return event{}, false
}

func (r *reference) count(kind string) (n int) {
	for _, e := range r.history {
		if e.kind == kind {
			n++
		}
	}
	return n
}

func (r *reference) state() wire.State {
	if e, ok := r.last("answered", "expired"); ok {
		if e.kind == "expired" {
			return wire.Expired
		}
		return e.end
	}
	if e, ok := r.last("leased", "returned"); ok {
		if e.kind == "leased" {
			return wire.Dispatched
		}
		return wire.Pending
	}
	if r.upload && r.count("uploaded") == 0 {
		return wire.PendingUpload
	}
	return wire.Pending
}

// attempt is the number of times that it was given out, and one more where it was given back.
func (r *reference) attempt() int64 {
	n := r.count("leased")
	if e, ok := r.last("leased", "returned"); !ok || e.kind == "returned" {
		n++
	}
	return int64(n)
}

func (r *reference) holder(at int) string {
	e, ok := r.last("leased", "returned", "answered", "let go")
	if ok && e.kind == "leased" && at < e.until {
		return e.holder
	}
	return ""
}

func (r *reference) add(e event) { r.history = append(r.history, e) }

func (r *reference) overdue(at int) bool {
	return r.deadline != 0 && at >= r.deadline && !r.state().Terminal()
}

// step does one thing to both and compares what they say.
func step(t *testing.T, l *state.Life, r *reference, random *rand.Rand, at int) {
	now := time.Unix(int64(at), 0)
	holder := []string{"a", "b", "c"}[random.IntN(3)]
	switch random.IntN(5) {
	case 0:
		got := l.Expire(now)
		if want := r.overdue(at); got != want {
			t.Fatalf("Expire: %t, want %t after %+v", got, want, r)
		} else if want {
			r.add(event{kind: "expired", at: at})
		}
	case 1:
		got, want := l.Uploaded(), r.state() == wire.PendingUpload
		if (got == nil) != want {
			t.Fatalf("Uploaded: %v, want %t after %+v", got, want, r)
		} else if want {
			r.add(event{kind: "uploaded", at: at})
		}
	case 2:
		until := at + random.IntN(4)
		got := l.Lease(holder, now, time.Unix(int64(until), 0))
		if r.overdue(at) {
			r.add(event{kind: "expired", at: at})
		}
		want := r.holder(at) == "" && (r.state() == wire.Pending || r.state() == wire.Dispatched)
		if got != want {
			t.Fatalf("Lease: %t, want %t after %+v", got, want, r)
		} else if want {
			r.add(event{kind: "leased", holder: holder, at: at, until: until})
		}
	case 3:
		err, want := l.Release(holder, now), r.holder(at) == holder
		if (err == nil) != want || err != nil && !errors.Is(err, state.ErrNoLease) {
			t.Fatalf("Release: %v, want %t after %+v", err, want, r)
		} else if want && r.state().Terminal() {
			r.add(event{kind: "let go", at: at})
		} else if want {
			r.add(event{kind: "returned", at: at})
		}
	case 4:
		end := []wire.State{wire.Succeeded, wire.Failed}[random.IntN(2)]
		got, err := l.Respond(end)
		want := r.state() == wire.Dispatched
		if got != want || (err != nil) != (!want && !r.state().Terminal()) {
			t.Fatalf("Respond: %t, %v, want %t after %+v", got, err, want, r)
		} else if want {
			r.add(event{kind: "answered", end: end, at: at})
		}
	}
}

// TestLifeIsTheReferences does the same random things to a life and to the reference.
func TestLifeIsTheReferences(t *testing.T) {
	seen := map[wire.State]int{}
	for seed := range uint64(20_000) {
		random := rand.New(rand.NewPCG(seed, 5))
		r := &reference{upload: random.IntN(4) == 0}
		var deadline time.Time
		if random.IntN(2) == 0 {
			r.deadline = 1 + random.IntN(20)
			deadline = time.Unix(int64(r.deadline), 0)
		}
		l := state.New(r.upload, deadline)
		at := 0
		for range 30 {
			at += random.IntN(3) - random.IntN(2) // clocks go back, too
			before := l
			step(t, &l, r, random, at)
			if l.State != r.state() || l.Attempt != r.attempt() {
				t.Fatalf("seed %d: %s attempt %d, want %s attempt %d after %+v", seed, l.State, l.Attempt, r.state(), r.attempt(), r)
			}
			if before.State.Terminal() && l.State != before.State || l.Attempt < before.Attempt {
				t.Fatalf("seed %d: %+v became %+v", seed, before, l)
			}
		}
		seen[l.State]++
	}
	for _, s := range []wire.State{wire.Pending, wire.Dispatched, wire.Succeeded, wire.Failed, wire.Expired} {
		if seen[s] < 100 {
			t.Errorf("%s was reached %d times only", s, seen[s])
		}
	}
}
