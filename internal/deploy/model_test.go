package deploy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

// After any history of failures the next undisturbed up makes the target look like the manifest, with nothing twice and
// nothing left over; the one after that changes nothing. Failures are single calls that fail, everything failing from
// some call on (what a killed run looks like to the target), an interrupt, and a lost lock.
func TestUpConvergesFromAnywhere(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			bubble(t, randomStack(random, "good", "stubborn"), func(b *bench) {
				for range 1 + random.IntN(3) {
					b.disturbedUp(random)
				}
				target := randomStack(random, "good")
				want := expected(b.images(), target)
				b.want("converging up", b.mustUp(target, UpOptions{PlanOptions: PlanOptions{Adopt: true}}), want...)
				b.want("what runs", b.images(), running(target)...)
				b.checkNothingLeft()
				b.forget()
				b.mustUp(target, UpOptions{})
				b.want("a second up", slices.DeleteFunc(b.called(""), func(c string) bool { return c == "observe" }))
			})
		})
	}
}

// An up that goes wrong never leaves a daemon down that could run: what was ready before, or the new one, does.
func TestUpLeavesNoOutage(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			stack := stackOf("a good:1", "b stubborn:1", "c good:1")
			bubble(t, stack, func(b *bench) {
				next := stackOf("a "+randomImage(random), "b "+randomImage(random), "c "+randomImage(random))
				ctx, cancel := context.WithCancelCause(b.t.Context())
				defer cancel(nil)
				var n atomic.Int64
				at := random.Int64N(20)
				b.hook = func(string) error {
					if n.Add(1) == at {
						cancel(Interrupt{syscall.SIGINT})
					}
					return nil
				}
				if _, err := Up(ctx, b, "edge", next, UpOptions{Timeout: 20 * time.Second}, b.sink); err != nil && !errors.As(err, new(Interrupt)) {
					t.Fatal(err)
				}
				for _, line := range b.images() {
					if !strings.HasSuffix(line, " running") || strings.Contains(line, "crash:") {
						t.Errorf("after an interrupt at call %d of an up to %v: %s", at, imagesOf(next), line)
					}
				}
			})
		})
	}
}

func imagesOf(ws []workload.Workload) (out []string) {
	for _, w := range ws {
		out = append(out, w.Daemon+" "+w.Image)
	}
	return out
}

func randomImage(random *rand.Rand) string {
	kinds := []string{"good", "stubborn", "crash", "crash2", "zero", "sick", "slow", "badcommand", "missing"}
	return fmt.Sprintf("%s:%d", kinds[random.IntN(len(kinds))], 1+random.IntN(3))
}

// randomStack has some of four daemons; of all kinds, or of the kinds given.
func randomStack(random *rand.Rand, kinds ...string) []workload.Workload {
	var pairs []string
	for _, name := range []string{"a", "b", "c", "d"} {
		image := randomImage(random)
		if len(kinds) > 0 {
			image = fmt.Sprintf("%s:%d", kinds[random.IntN(len(kinds))], 1+random.IntN(3))
		}
		if name == "a" || random.IntN(3) > 0 { // a is always there, so that the stack is never another one
			pairs = append(pairs, name+" "+image)
		}
	}
	return stackOf(pairs...)
}

// disturbedUp runs an up in which something goes wrong at a random call.
func (b *bench) disturbedUp(random *rand.Rand) {
	ctx, cancel := context.WithCancelCause(b.t.Context())
	defer cancel(nil)
	n, at, how := 0, 1+random.IntN(25), random.IntN(4)
	b.hook = func(call string) error {
		b.mu.Lock()
		n++
		now, after, locked := n == at, n >= at, b.locked
		b.mu.Unlock()
		switch {
		case how == 0 && now, how == 1 && after && call != "close":
			return errors.New("the engine says no")
		case how == 2 && now:
			cancel(Interrupt{syscall.SIGINT})
		case how == 3 && now && locked:
			b.lose()
		}
		return nil
	}
	opts := UpOptions{Timeout: 20 * time.Second, NoWait: random.IntN(4) == 0, NoRollback: random.IntN(4) == 0}
	ws := randomStack(random)
	r, err := Up(ctx, b, "edge", ws, opts, b.sink)
	b.hook = nil
	if err == nil {
		for _, d := range r.Daemons {
			if d.Outcome == "" {
				b.t.Errorf("%s ended without an outcome", d.Daemon)
			}
		}
	}
	<-time.After(time.Duration(random.IntN(30)) * time.Second)
}

// expected are the outcomes of an up that makes all of the stack run: what does not belong to it is removed.
func expected(before []string, target []workload.Workload) []string {
	names := map[string]string{}
	for _, line := range before {
		name, _, _ := strings.Cut(line, " ")
		names[name] = name + " removed"
	}
	for _, w := range target {
		names[w.Daemon] = w.Daemon + " ready"
	}
	var out []string
	for _, s := range names {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func running(target []workload.Workload) []string {
	var out []string
	for _, w := range target {
		out = append(out, w.Daemon+" "+w.Image+" running")
	}
	return out
}

func (b *bench) checkNothingLeft() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, d := range b.daemons {
		if d.kept != nil || d.prepared != nil {
			b.t.Errorf("%s has something left over: %+v", name, d)
		}
	}
	if b.locked {
		b.t.Error("the lock is still held")
	}
}
