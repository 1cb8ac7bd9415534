package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/local/owner"
)

// How long a lock lives. A holder that can be looked for is not judged by time.
const (
	ticketLife  = time.Minute
	ticketRenew = ticketLife / 3
	lockRecheck = time.Second            // for what brings no event: dead holders, expired tickets, a missed event
	cleanUp     = 5 * time.Second        // for taking our tickets down where the caller's context has ended
	yieldTime   = 250 * time.Millisecond // the least that the first of several contenders waits for the others to yield
)

// lock is a stack's lock, kept on the engine itself, so that it holds between machines that share one.
//
// The engine has no compare-and-swap, but it has volumes with unique names: creating one and then listing is enough.
// Everyone who wants the lock puts up a ticket (an empty volume with labels) and then looks at all tickets of the
// stack. Who is alone has the lock. Two cannot both be alone: the later list call comes after both tickets were put up.
// Of those who are not alone, the one with the lowest number leaves its ticket up and waits, the others take theirs down
// and come back when a ticket has gone. Tickets of dead processes are taken down by whoever can tell that they are dead,
// by their unique name, so that nobody ever takes down the wrong one; tickets that cannot be looked into count for a
// minute by the engine's clock, and holders renew theirs by putting up another before they take down the first.
type lock struct {
	api     client.APIClient
	stack   string
	command string
	number  string // of this contender, the same on all its tickets
	me      owner.Owner
	since   time.Time

	mu     sync.Mutex
	up     string    // the ticket that counts
	upAt   time.Time // by our clock
	stray  []string  // tickets that may be up as well: the engine's answer was lost
	lost   chan struct{}
	ended  chan struct{} // closed when renewing has ended
	cancel context.CancelFunc
}

// acquire takes the stack's lock.
func (p *platform) acquire(ctx context.Context, stack string, opts deploy.BeginOptions) (*lock, error) {
	l := &lock{
		api: p.api, stack: stack, command: opts.Command, number: rand.Text(), me: owner.Current(), since: time.Now(),
		lost: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := l.contend(ctx, opts); err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer cancel()
		return nil, errors.Join(engine.Problem(err), l.takeDown(clean))
	}
	renewing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	go l.keep(renewing)
	return l, nil
}

// contend returns when the lock is ours.
func (l *lock) contend(ctx context.Context, opts deploy.BeginOptions) error {
	if err := l.putUp(ctx); err != nil {
		return err
	}
	w := newWaiter(l, opts)
	defer w.stop()
	for {
		others, err := l.living(ctx, opts.OnTakeover)
		if err != nil {
			return err
		}
		switch {
		case len(others) == 0 && l.up != "":
			return nil
		case len(others) == 0:
			err = l.putUp(ctx)
		case l.up != "" && others[0].number < l.number:
			err = errors.Join(w.tell(others), l.takeDown(ctx))
		default:
			err = w.wait(ctx, others)
		}
		if err != nil {
			return err
		}
	}
}

// putUp puts up a ticket.
func (l *lock) putUp(ctx context.Context) error {
	name := "alien-lock-" + l.stack + "-" + rand.Text()
	l.stray = append(l.stray, name)
	if _, err := l.api.VolumeCreate(ctx, volume.CreateOptions{Name: name, Labels: l.labels()}); err != nil {
		return fmt.Errorf("cannot take the lock of stack %s: %w", l.stack, err)
	}
	l.stray = l.stray[:len(l.stray)-1]
	l.up, l.upAt = name, time.Now()
	return nil
}

// takeDown takes down all tickets of ours.
func (l *lock) takeDown(ctx context.Context) error {
	names := l.stray
	if l.up != "" {
		names = append(names, l.up)
	}
	var errs []error
	for _, name := range names {
		if err := l.api.VolumeRemove(ctx, name, false); err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, engine.Problem(fmt.Errorf("cannot release the lock of stack %s: %w", l.stack, err)))
		}
	}
	l.up, l.stray = "", nil
	return errors.Join(errs...)
}

// errLost says that our ticket was taken down by somebody else.
var errLost = errors.New("the lock was lost")

// renew puts up a fresh ticket and takes the one before it down. Where that has gone already it had expired, and
// somebody else may have the lock.
func (l *lock) renew(ctx context.Context) error {
	before := l.up
	if err := l.putUp(ctx); err != nil {
		return err
	}
	switch err := l.api.VolumeRemove(ctx, before, false); {
	case errdefs.IsNotFound(err):
		return errors.Join(errLost, l.takeDown(ctx))
	case err != nil:
		l.stray = append(l.stray, before)
	}
	return nil
}

// keep renews the lock until it is released or lost.
func (l *lock) keep(ctx context.Context) {
	defer close(l.ended)
	again := time.NewTicker(ticketRenew)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		l.mu.Lock()
		err := l.renew(ctx)
		l.mu.Unlock()
		if errors.Is(err, errLost) {
			close(l.lost)
			return
		}
	}
}

// release lets go of the lock.
func (l *lock) release(ctx context.Context) error {
	l.cancel()
	<-l.ended
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.takeDown(ctx)
}

// waiter waits for a lock that others have, and tells whom it waits for.
type waiter struct {
	*lock
	opts     deploy.BeginOptions
	deadline time.Time
	told     map[string]bool
	gone     <-chan events.Message // nil until we wait for the first time
	cancel   context.CancelFunc
}

func newWaiter(l *lock, opts deploy.BeginOptions) *waiter {
	return &waiter{lock: l, opts: opts, deadline: l.since.Add(opts.LockTimeout), told: map[string]bool{}, cancel: func() {}}
}

func (w *waiter) stop() { w.cancel() }

// tell says once who holds the lock, and refuses to wait any longer when the time is over.
func (w *waiter) tell(others []ticket) error {
	holder := oldest(others)
	if !time.Now().Before(w.deadline) {
		return w.held(holder)
	}
	if w.opts.OnWait != nil && !w.told[holder.number] {
		w.told[holder.number] = true
		w.opts.OnWait(holder.LockHolder)
	}
	return nil
}

// held is the error of having waited in vain.
func (w *waiter) held(holder ticket) error {
	command := "something"
	if holder.Command != "" {
		command = "`alien daemon " + holder.Command + "`"
	}
	return &deploy.Problem{
		Reason:  deploy.LockHeld,
		Message: fmt.Sprintf("stack %s is being changed by %s of %s since %s", w.stack, command, holder.owner, holder.Since.Local().Format(time.TimeOnly)),
		Hint:    "wait until it is done, or let --lock-timeout wait for it",
	}
}

// wait returns when it is worth to look again.
func (w *waiter) wait(ctx context.Context, others []ticket) error {
	first := w.up != ""
	if limit := w.since.Add(yieldTime); first && w.deadline.Before(limit) {
		w.deadline = limit // others that came with us must have the time to yield, or nobody would get the lock
	}
	if err := w.tell(others); err != nil {
		return err
	}
	if first && time.Since(w.upAt) > ticketRenew {
		if err := w.renew(ctx); err != nil && !errors.Is(err, errLost) {
			return err
		}
	}
	if w.gone == nil {
		return w.listen(ctx)
	}
	again := time.NewTimer(min(lockRecheck, max(time.Until(w.deadline), time.Millisecond)))
	defer again.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.gone:
	case <-again.C:
	}
	return nil
}

// listen asks the engine to tell when tickets go. The caller looks once more before it waits.
func (w *waiter) listen(ctx context.Context) error {
	ctx, w.cancel = context.WithCancel(ctx)
	w.gone, _ = w.api.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", string(events.VolumeEventType)), filters.Arg("event", string(events.ActionDestroy)))})
	return nil
}
