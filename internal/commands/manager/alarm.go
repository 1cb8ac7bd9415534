package manager

import (
	"context"
	"sync"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/store"
)

// look is the longest that the manager sleeps: nothing tells it on every system that the clock was moved, or that a finished
// command has been kept long enough.
const look = 30 * time.Second

// alarm wakes Run when a deadline comes or a lease runs out.
type alarm struct {
	now   func() time.Time
	mu    sync.Mutex
	armed time.Time
	poked chan struct{}
}

// at makes sure that Run wakes at a time; at once, where it should have woken already and the clock was moved meanwhile.
func (a *alarm) at(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.IsZero() {
		return
	}
	if missed := a.armed.Before(a.now()); !missed && !t.Before(a.armed) {
		return
	} else if !missed {
		a.armed = t
	}
	select {
	case a.poked <- struct{}{}:
	default:
	}
}

func (a *alarm) set(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.armed = t
}

// left is how long Run may sleep.
func (a *alarm) left() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.armed.Sub(a.now())
}

// keepEvery is how often it is written when daemons asked for commands.
const keepEvery = time.Minute

// Run does what time brings, until the context ends: deadlines, leases that run out, finished commands that were kept long
// enough.
func (m *Manager) Run(ctx context.Context) {
	since := m.Now().Add(-look)
	kept := since
	defer m.keepPolls(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		now := m.settle(ctx)
		m.alarm.set(now.Add(look)) // whatever comes while this works pokes
		m.expire(ctx, now)
		m.wakeLapsed(ctx, since, now)
		m.prune(ctx, now)
		if now.Sub(kept).Abs() >= keepEvery { // either way: the clock may be moved
			m.keepPolls(ctx)
			kept = now
		}
		since = now
		m.sleep(ctx, now)
	}
}

// sleep waits for the next time that something is due, or that at has made sooner.
func (m *Manager) sleep(ctx context.Context, now time.Time) {
	next, err := m.Store.Next(ctx, now)
	m.tell(ctx, "cannot see what is due next", err)
	m.alarm.at(next)
	for {
		timer := time.NewTimer(m.alarm.left())
		select {
		case <-timer.C:
			return
		case <-m.alarm.poked:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// expire ends the commands whose deadline has come.
func (m *Manager) expire(ctx context.Context, now time.Time) {
	const batch = 500
	for {
		ids, err := m.Store.Overdue(ctx, now, batch)
		m.tell(ctx, "cannot see which deadlines have come", err)
		for _, id := range ids {
			if _, err := m.expireOne(ctx, id, now); err != nil {
				m.tell(ctx, "cannot expire a command", err)
				return // the next round tries again
			}
		}
		if len(ids) < batch {
			return
		}
	}
}

// expireOne ends a command if its deadline has come and nothing else has ended it.
func (m *Manager) expireOne(ctx context.Context, id string, now time.Time) (store.Command, error) {
	expired := false
	c, err := m.Store.Change(ctx, id, func(c *store.Command) error {
		if expired = c.Expire(now); expired {
			c.Finished = now
		}
		return nil
	})
	if err == nil && expired {
		m.over(c)
	}
	return c, err
}

// over tells those who wait for a command, and the metrics, that it has ended.
func (m *Manager) over(c store.Command) {
	m.metrics.finished(c.State)
	m.waits.wakeAll(overKey(c.ID))
}

// wakeLapsed lets receivers look again where a lease has run out.
func (m *Manager) wakeLapsed(ctx context.Context, since, now time.Time) {
	targets, err := m.Store.Lapsed(ctx, since, now)
	m.tell(ctx, "cannot see which leases have run out", err)
	for _, t := range targets {
		m.waits.wakeAll(queueKey(t[0], t[1]))
	}
}

// prune removes what was kept long enough.
func (m *Manager) prune(ctx context.Context, now time.Time) {
	const batch = 500
	for {
		n, blobs, err := m.Store.Prune(ctx, now.Add(-m.Limits.Retention), now.Add(-keyLife), batch)
		m.tell(ctx, "cannot remove finished commands", err)
		m.removeBlobs(ctx, blobs)
		if n < batch || ctx.Err() != nil {
			return
		}
	}
}

func (m *Manager) removeBlobs(ctx context.Context, ids []string) {
	for _, id := range ids {
		m.tell(ctx, "cannot remove a large body", m.Blobs.Remove(id))
	}
}

// clock notices when the machine's clock is moved: then the monotonic one has gone on by another amount.
type clock struct {
	now     func() time.Time
	elapsed func() time.Duration // by a clock that is never moved
	mu      sync.Mutex
	last    time.Time
	at      time.Duration
}

// moved gives the time, and by how much the clock was moved since the last call.
func (c *clock) moved() (now time.Time, by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, at := c.now(), c.elapsed()
	if !c.last.IsZero() {
		by = now.Round(0).Sub(c.last.Round(0)) - (at - c.at)
	}
	c.last, c.at = now, at
	return now, by
}

// settle gives the time. Where the clock was moved, leases move with it: they last as long as was promised, not until a time
// that has become another.
func (m *Manager) settle(ctx context.Context) time.Time {
	now, by := m.clock.moved()
	if by > time.Second || by < -time.Second {
		m.Log.Warn("the clock was moved", "by", by.String())
		m.tell(ctx, "cannot move the leases with the clock", m.Store.Shift(ctx, by))
	}
	return now
}
