package deploy

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// What an interrupt leaves time for, five seconds in all on a target that answers: a replacement in flight may still
// become ready; then it is undone; then the last look is taken and the lock let go.
const (
	finishGrace = 1500 * time.Millisecond
	undoGrace   = 2500 * time.Millisecond
	closeGrace  = time.Second
)

// undoLimit is how long undoing may take after an interrupt on a target that is slow to answer: to go before what ran
// runs again would be an outage, and a second signal ends the waiting.
const undoLimit = 30 * time.Second

// closeTimeout bounds the last look and the closing of the session where nothing hurries.
const closeTimeout = 30 * time.Second

// Interrupt is the cause that a context is cancelled with when a signal asked for the end. Up, Down and Restart answer
// with it, beside a complete report.
type Interrupt struct{ Signal os.Signal }

// Error names the signal.
func (i Interrupt) Error() string { return "stopped by signal: " + i.Signal.String() }

// errLockLost ends a change at once: somebody else may be changing the stack already.
var errLockLost = &Problem{Reason: LockLost, Message: "the lock of the stack was lost to somebody else while it was being changed"}

// errTimeout is the cause that a daemon's budget ends a context with.
var errTimeout = errors.New("--timeout is over")

// Ended says whether err is what this package ends a context with. A call that is cut off by that answers with it, and not with
// context.Canceled; it says nothing of the target.
func Ended(err error) bool {
	return errors.Is(err, errTimeout) || errors.Is(err, errLockLost) || errors.As(err, new(Interrupt))
}

// linger gives a context that outlives ctx by d, so that what is in flight can be brought to a good end. With the lock
// nothing may be changed any more, so then it ends at once.
func linger(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if lockLost(ctx) {
		return ctx, func() {}
	}
	free := context.WithoutCancel(ctx)
	if ctx.Err() != nil {
		return context.WithTimeoutCause(free, d, context.Cause(ctx)) // platforms see how long they have
	}
	out, cancel := context.WithCancelCause(free)
	var mu sync.Mutex
	var timer *time.Timer
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if lockLost(ctx) {
			cancel(context.Cause(ctx))
			return
		}
		timer = time.AfterFunc(d, func() { cancel(context.Cause(ctx)) })
	})
	return out, func() {
		stop()
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
		cancel(context.Canceled)
	}
}

func lockLost(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errLockLost) }

// blamer is a session that knows more about a lost lock than that somebody else may have it.
type blamer interface {
	// WhyLost gives the cause, nil where it is somebody else.
	WhyLost() *Problem
}

// unrenewed is errLockLost where nobody is known to have taken the lock.
type unrenewed struct{ why error }

func (u unrenewed) Error() string        { return "its lock could not be renewed: " + u.why.Error() }
func (u unrenewed) Unwrap() error        { return u.why }
func (u unrenewed) Is(target error) bool { return target == error(errLockLost) }

func whyLost(s Session) error {
	b, ok := s.(blamer)
	if !ok {
		return errLockLost
	}
	if p := b.WhyLost(); p != nil {
		return unrenewed{p}
	}
	return errLockLost
}

// underLock gives a context that ends when the session's lock is lost.
func underLock(ctx context.Context, s Session) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(ctx)
	lost := s.Lost()
	go func() {
		select {
		case <-lost:
			cancel(whyLost(s))
		case <-out.Done():
		}
	}()
	return out, func() { cancel(context.Canceled) }
}

// because prefers the reason why everything ended to the error that this led to. Only of time that ran out it is the
// other way round where the target gave no answer: that is why.
func because(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	cause := context.Cause(ctx)
	var p *Problem
	if errors.Is(cause, errTimeout) && errors.As(err, &p) && p.Reason == EngineUnreachable {
		return err
	}
	return cause
}

// budget is the --timeout of one daemon. It stands still while the old instance takes its stop grace.
type budget struct {
	mu     sync.Mutex
	total  time.Duration
	left   time.Duration
	since  time.Time // zero while it stands still
	timer  *time.Timer
	expire func()
	phase  Progress // the last one heard of
}

func newBudget(total time.Duration) *budget {
	return &budget{total: total, left: total, expire: func() {}}
}

// spend gives a context that ends with errTimeout when the budget is used up, and a function that ends the spending.
func (b *budget) spend(ctx context.Context) (context.Context, func()) {
	out, cancel := context.WithCancelCause(ctx)
	b.mu.Lock()
	b.expire = func() { cancel(errTimeout) }
	b.mu.Unlock()
	b.resume()
	return out, func() {
		b.halt()
		cancel(context.Canceled)
	}
}

func (b *budget) resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		b.since = time.Now()
		b.timer = time.AfterFunc(b.left, b.expire)
	}
}

func (b *budget) halt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.since.IsZero() {
		b.timer.Stop()
		b.left = max(0, b.left-time.Since(b.since))
		b.since = time.Time{}
	}
}

// follow lets the budget stand still while an old instance is being stopped.
func (b *budget) follow(p Progress) {
	b.mu.Lock()
	b.phase = p
	b.mu.Unlock()
	switch p.Phase {
	case Stopping:
		b.halt()
	case Launching:
		b.resume()
	}
}

// lastPhase is what the time was last spent on.
func (b *budget) lastPhase() Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.phase
}

// remaining is what a wait that begins now may take.
func (b *budget) remaining() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left
}
