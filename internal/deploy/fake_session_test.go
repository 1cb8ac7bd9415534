package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

func (f *fake) Begin(ctx context.Context, _ string, opts BeginOptions) (Session, error) {
	if err := f.call("begin"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if f.locked {
		return nil, &Problem{Reason: LockHeld, Message: "held"}
	}
	f.locked, f.lost, f.lostAt = true, make(chan struct{}), time.Time{}
	f.unclean, f.command = false, opts.Command
	if f.key == nil {
		f.key = opts.Key
	}
	for _, d := range f.daemons {
		f.heal(d)
	}
	return &fakeSession{fake: f}, nil
}

// heal puts right what a run left that died in the middle of a Start or an Undo.
func (f *fake) heal(d *fakeDaemon) {
	d.prepared = nil
	if d.current == nil {
		d.current, d.kept = d.kept, nil
	}
	if d.current != nil && d.current.byUs {
		f.launch(d.current)
	}
}

type fakeSession struct{ *fake }

// change does one step of a session, under the mutex, if the hook and the context let it.
func (s *fakeSession) change(ctx context.Context, name, daemon string, work func(*fakeDaemon) error) error {
	if err := s.call("%s %s", name, daemon); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lostAt.IsZero() && time.Now().After(s.lostAt) { // a call of the same moment cannot know yet
		s.broken = append(s.broken, name+" "+daemon+" after the lock was lost")
	}
	if !s.locked {
		s.broken = append(s.broken, name+" "+daemon+" without the lock")
	}
	return work(s.daemon(daemon))
}

func (s *fakeSession) Prepare(ctx context.Context, w workload.Workload, fp workload.Fingerprint, report func(Progress)) error {
	s.mu.Lock()
	s.active++
	s.peak = max(s.peak, s.active)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.active--; s.mu.Unlock() }()
	report(Progress{Phase: Pulling, Current: 1, Total: 2})
	select {
	case <-time.After(s.slowPrep):
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.change(ctx, "prepare", w.Daemon, func(d *fakeDaemon) error {
		if strings.HasPrefix(w.Image, "missing") {
			return &Problem{Reason: ImageNotFound, Message: "no image " + w.Image}
		}
		s.nextID++
		id := fmt.Sprintf("%s#%d", w.Daemon, s.nextID)
		d.prepared = &instance{w: w, fp: fp, key: s.key, Observation: Observation{Daemon: w.Daemon, Instance: id, State: Created}}
		if strings.HasPrefix(w.Image, "stubborn") { // and "stubborn-sick"
			d.prepared.grace = w.StopGrace
		}
		return nil
	})
}

func (s *fakeSession) Start(ctx context.Context, daemon string, keep bool, report func(Progress)) error {
	return s.change(ctx, fmt.Sprintf("start(keep=%v)", keep), daemon, func(d *fakeDaemon) error {
		report(Progress{Phase: Stopping})
		s.end(ctx, d.current, true)
		s.mu.Unlock()
		err := s.call("stopped %s", daemon)
		s.mu.Lock()
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if keep && d.kept == nil {
			d.kept = d.current
		}
		if d.kept != nil {
			d.kept.byUs = true
		}
		d.current, d.prepared = d.prepared, nil
		report(Progress{Phase: Launching, Instance: d.current.Instance})
		if strings.HasPrefix(d.current.w.Image, "badcommand") {
			return &Problem{Reason: CommandNotFound, Message: "no such command"}
		}
		s.launch(d.current)
		return s.linger(ctx, s.slowLast)
	})
}

// linger lets time pass, unless ctx ends before. f.mu is held, and let go of meanwhile.
func (f *fake) linger(ctx context.Context, d time.Duration) error {
	f.mu.Unlock()
	defer f.mu.Lock()
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *fakeSession) Commit(ctx context.Context, daemon string) error {
	return s.change(ctx, "commit", daemon, func(d *fakeDaemon) error { d.kept = nil; return nil })
}

func (s *fakeSession) Undo(ctx context.Context, daemon string) error {
	return s.change(ctx, "undo", daemon, func(d *fakeDaemon) error {
		d.prepared = nil
		if d.kept == nil && (d.current == nil || !d.current.byUs) {
			return ErrNothingKept
		}
		if err := s.linger(ctx, s.slowUndo); err != nil {
			return err
		}
		if d.kept != nil {
			ending := ctx
			if _, hurry := ctx.Deadline(); hurry {
				now, cancel := context.WithCancel(ctx)
				cancel()
				ending = now
			}
			s.end(ending, d.current, false)
			if err := ctx.Err(); err != nil {
				return err
			}
			d.current, d.kept = d.kept, nil
		}
		s.launch(d.current)
		return nil
	})
}

func (s *fakeSession) Remove(ctx context.Context, daemon string) error {
	return s.change(ctx, "remove", daemon, func(d *fakeDaemon) error {
		if d.current != nil {
			s.mu.Unlock()
			select {
			case <-time.After(d.current.grace):
			case <-ctx.Done():
			}
			s.mu.Lock()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d.current.grace = 0
		}
		s.end(context.Background(), d.current, false)
		if d.current != nil {
			s.send(Observation{Daemon: daemon, Instance: d.current.Instance, State: Gone})
		}
		delete(s.daemons, daemon)
		return nil
	})
}

func (s *fakeSession) Restart(ctx context.Context, daemon string, _ func(Progress)) error {
	return s.change(ctx, "restart", daemon, func(d *fakeDaemon) error {
		s.end(ctx, d.current, true)
		s.mu.Unlock()
		<-time.After(time.Millisecond)
		s.mu.Lock()
		s.launch(d.current)
		return nil
	})
}

func (s *fakeSession) RemoveData(ctx context.Context, name string) error {
	return s.change(ctx, "data", name, func(*fakeDaemon) error {
		delete(s.daemons, name) // change made an empty one
		s.data = slices.DeleteFunc(s.data, func(d Data) bool { return d.Name == name })
		return nil
	})
}

// lose takes the lock away, and gives the run a moment to notice.
func (f *fake) lose() {
	f.mu.Lock()
	f.lostAt = time.Now()
	close(f.lost)
	f.mu.Unlock()
	<-time.After(time.Millisecond)
}

func (s *fakeSession) Lost() <-chan struct{} { return s.lost }

func (s *fakeSession) Close(context.Context) error {
	err := s.call("close")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locked = false
	for _, d := range s.daemons {
		d.prepared = nil
	}
	return err
}
