package receiver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/outbound"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// stopGrace is how long a poll may take once the receiver is to stop, from when it began. A manager that has not answered by
// then holds it, because it has no commands; and it gives none to a connection that is closed.
const stopGrace = time.Second

// loop is one Run under way.
type loop struct {
	*Receiver
	ctx  context.Context // of handlers; it outlives the one that Run was given
	next time.Duration   // the pause after a poll that brings nothing
	// eager says that the manager holds requests: the next one follows as soon as there is room for a command.
	eager bool

	mu      sync.Mutex
	running map[string]bool // by command id
	tasks   sync.WaitGroup
	freed   chan struct{} // told that a command has ended
}

// poll asks for commands until ctx ends, or until that is of no use any more.
func (l *loop) poll(ctx context.Context) error {
	for ctx.Err() == nil {
		pause, err := l.once(ctx)
		if err != nil {
			return err
		}
		l.wait(ctx, pause)
	}
	return nil
}

// once polls, if there is room, starts what it gets, and says how long to pause.
func (l *loop) once(ctx context.Context) (time.Duration, error) {
	free := l.free()
	if free <= 0 {
		l.next = l.manager.interval
		return l.next, nil
	}
	request, stop := lingering(ctx)
	got, err := l.manager.lease(request, free)
	stop()
	l.eager = err == nil && got.held
	for _, lease := range got.leases {
		resolve(&lease.Envelope, got.base)
		l.start(lease)
	}
	var passing retryable
	if err != nil && !errors.As(err, &passing) {
		return 0, err
	}
	pause := l.backOff(len(got.leases) > 0 || l.eager)
	if err != nil && ctx.Err() == nil {
		l.log.Warn("Cannot get commands, trying again", "error", err, "pause", pause)
	}
	return pause, nil
}

// lingering is a context that ends with ctx, but not within stopGrace from now.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	began := time.Now()
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace-time.Since(began), cancel) })
	return out, func() { stop(); cancel() }
}

// backOff is the pause after a poll. It doubles with each one that brings nothing, up to the longest.
func (l *loop) backOff(success bool) time.Duration {
	if success {
		l.next = l.manager.interval
		return l.next
	}
	pause := l.next
	l.next = min(2*l.next, l.manager.maxInterval)
	return pause
}

// wait lets the pause pass, more or less; a manager that holds requests is asked as soon as there is room.
func (l *loop) wait(ctx context.Context, pause time.Duration) {
	if !l.eager {
		outbound.Sleep(ctx, jittered(pause, l.manager.jitter, l.random()))
		return
	}
	for ctx.Err() == nil && l.free() <= 0 {
		select {
		case <-l.freed:
		case <-ctx.Done():
		}
	}
}

// jittered moves a pause by up to its jitter's share; u is from [0, 1).
func jittered(pause time.Duration, jitter, u float64) time.Duration {
	return time.Duration(float64(pause) * (1 + (2*u-1)*jitter))
}

// free is how many more commands may run.
func (l *loop) free() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.manager.maxLeases - int64(len(l.running))
}

// start begins a command; one that runs already, because its lease ended meanwhile, is given back.
func (l *loop) start(lease wire.Lease) {
	l.mu.Lock()
	twice := l.running[lease.CommandID]
	l.running[lease.CommandID] = true
	l.mu.Unlock()
	l.tasks.Go(func() {
		if twice {
			l.giveBack(l.ctx, lease)
			return
		}
		defer l.ended(lease.CommandID)
		l.work(l.ctx, lease)
	})
}

func (l *loop) ended(command string) {
	l.mu.Lock()
	delete(l.running, command)
	l.mu.Unlock()
	select {
	case l.freed <- struct{}{}:
	default: // told already
	}
}

// drain waits for the commands that run, and ends by giveUp those that take longer than the drain timeout.
func (l *loop) drain(giveUp func()) {
	timer := time.AfterFunc(l.manager.drain, giveUp)
	defer timer.Stop()
	l.tasks.Wait()
}
