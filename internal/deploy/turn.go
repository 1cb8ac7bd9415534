package deploy

import (
	"context"
	"sync"
	"time"
)

// slotPatience is for how long what costs the engine nothing may hold up others.
const slotPatience = time.Second

// turn is the right of a step to load the engine, of which there are parallel. It is given back early where the step
// waits long for what costs the engine nothing: an image on its way, a process that takes its stop grace. But not while
// a daemon is prepared or launched, however long the engine takes for that: to have it launch more of them at once would
// only lengthen how long each is away.
type turn struct {
	mu   sync.Mutex
	over func()
	idle *time.Timer
}

// take waits for the step's turn.
func (s *step) take(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case s.slots <- struct{}{}:
		s.turn = &turn{over: sync.OnceFunc(func() { <-s.slots })}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// idles says that the engine has nothing to do for the step from now on.
func (t *turn) idles() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop()
	t.idle = time.AfterFunc(slotPatience, t.over)
}

// works says that it has.
func (t *turn) works() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop()
}

func (t *turn) stop() {
	if t.idle != nil {
		t.idle.Stop()
	}
}

// follow hears from what is done how much of it is the engine's work.
func (t *turn) follow(p Progress) {
	switch p.Phase {
	case Pulling, Loading, Stopping:
		t.idles()
	default:
		t.works()
	}
}

// end gives the turn back. To do so twice is harmless.
func (t *turn) end() {
	t.works()
	t.over()
}
