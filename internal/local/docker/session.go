package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/docker/docker/api/types/container"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/workload"
)

// session is a change in progress, under the lock.
type session struct {
	*platform
	stack string
	opts  deploy.BeginOptions
	lock  *lock

	mu       sync.Mutex
	families map[string]family // as we left them: only we change them
	fresh    map[string]*fresh
	doubts   map[string]bool // daemons whose family must be looked at again: a change of it did not come to its end
	undoing  map[string]bool // daemons that have had something to put back
}

// fresh is a container that was prepared.
type fresh struct {
	id, name string
	tried    bool // to start it
}

// Begin implements deploy.Platform.
func (p *platform) Begin(ctx context.Context, stack string, opts deploy.BeginOptions) (deploy.Session, error) {
	go func() { _, _ = p.knownTraits(ctx) }() // asked for while we take the lock; where that fails Prepare asks again
	var l *lock
	err := p.steady(ctx, func() (err error) { l, err = p.acquire(ctx, stack, opts); return err })
	if err != nil {
		return nil, err
	}
	s := &session{platform: p, stack: stack, opts: opts, lock: l, fresh: map[string]*fresh{}, doubts: map[string]bool{}, undoing: map[string]bool{}}
	if err := p.steady(ctx, func() error { return s.heal(ctx) }); err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer cancel()
		return nil, errors.Join(err, s.Close(clean))
	}
	return s, nil
}

// heal puts right what an interrupted run left half-done. What cannot be put right is not in the way of the change that
// follows: a daemon that does not start again is a stopped one, and the plan deals with it.
func (s *session) heal(ctx context.Context) error {
	all, err := s.look(ctx, s.stack, "")
	if err != nil {
		return err
	}
	daemons := slices.Sorted(maps.Keys(all))
	failed := make([]error, len(daemons))
	healed := false
	for _, d := range daemons {
		healed = healed || len(all[d].healing()) > 0
	}
	each(len(daemons), func(i int) { failed[i] = s.take(ctx, all[daemons[i]].name, all[daemons[i]].healing()) })
	if err := errors.Join(failed...); ctx.Err() != nil || unreachable(err) {
		return err
	}
	if healed {
		if all, err = s.look(ctx, s.stack, ""); err != nil {
			return err
		}
	}
	s.families = all
	return nil
}

// Prepare implements deploy.Session.
func (s *session) Prepare(ctx context.Context, w workload.Workload, fp workload.Fingerprint, report func(deploy.Progress)) error {
	img, err := s.images.Ensure(ctx, w, report)
	if err != nil {
		return err
	}
	report(deploy.Progress{Phase: deploy.Preparing})
	return s.steady(ctx, func() error {
		t, err := s.knownTraits(ctx)
		if err != nil {
			return err
		}
		host, err := hostConfig(w, t)
		if err != nil {
			return err
		}
		if err := s.createVolumes(ctx, w); err != nil {
			return err
		}
		n, err := s.create(ctx, w, containerConfig(w, img, t, containerLabels(w, fp, img, s.opts)), host)
		if err != nil {
			return failure(opCreate, w.Name(), err)
		}
		s.remember(w.Daemon, n)
		return s.openVolumes(ctx, w, n.id, img)
	})
}

// create makes the container: under the daemon's own name where no other one has it, else beside the current one.
func (s *session) create(ctx context.Context, w workload.Workload, config *container.Config, host *container.HostConfig) (*fresh, error) {
	n := &fresh{name: w.Name()}
	if f := s.family(w.Daemon); f.current != nil {
		n.name += nextSuffix
	}
	made, err := s.api.ContainerCreate(ctx, config, host, nil, nil, n.name)
	if holder := nameHolder(err); holder != "" {
		if err = s.clear(ctx, w, n.name, holder); err == nil {
			made, err = s.api.ContainerCreate(ctx, config, host, nil, nil, n.name)
		}
	}
	n.id = made.ID
	return n, err
}

// Start implements deploy.Session.
func (s *session) Start(ctx context.Context, daemon string, keep bool, report func(deploy.Progress)) error {
	n := s.prepared(daemon)
	if n == nil {
		return fmt.Errorf("cannot start %s: it was not prepared", daemon)
	}
	f := s.family(daemon)
	n.tried = true
	err := s.change(ctx, daemon, func(f family) []step { return f.replacement(n.id, n.name, keep) }, telling(n.id, report))
	if err == nil {
		s.settle(f.replaced(n.id, keep))
	}
	return err
}

// telling reports that a container is stopped and another, or the same, started; instance is empty where it is no new one.
func telling(instance string, report func(deploy.Progress)) func(step) {
	return func(next step) {
		switch next.op {
		case opStop:
			report(deploy.Progress{Phase: deploy.Stopping})
		case opStart:
			report(deploy.Progress{Phase: deploy.Launching, Instance: instance})
		}
	}
}

// change carries out steps that are decided from the daemon's family, and decides again where the engine was away
// meanwhile: some of them may have been taken.
func (s *session) change(ctx context.Context, daemon string, decide func(family) []step, before ...func(step)) error {
	return s.steady(ctx, func() error {
		f, err := s.sure(ctx, daemon)
		if err != nil {
			return err
		}
		if err = s.take(ctx, f.name, decide(f), before...); err != nil {
			s.doubt(daemon)
		}
		return err
	})
}

// Commit implements deploy.Session.
func (s *session) Commit(ctx context.Context, daemon string) error {
	err := s.change(ctx, daemon, family.confirming)
	if err == nil {
		f := s.family(daemon)
		f.previous = nil
		s.settle(f)
	}
	return err
}

// Undo implements deploy.Session.
func (s *session) Undo(ctx context.Context, daemon string) error {
	if n := s.prepared(daemon); n != nil && !n.tried {
		s.forget(daemon)
		return s.remove(ctx, n.id)
	}
	s.doubt(daemon) // only a close look tells how far the replacement got
	again := false
	err := s.change(ctx, daemon, func(f family) []step {
		if again = s.puttingBack(f); !again {
			return nil
		}
		return f.undoing()
	})
	s.doubt(daemon)
	if err == nil && !again {
		return deploy.ErrNothingKept
	}
	return err
}

// Remove implements deploy.Session.
func (s *session) Remove(ctx context.Context, daemon string) error {
	if s.prepared(daemon) != nil {
		s.doubt(daemon)
	}
	err := s.change(ctx, daemon, family.ending)
	s.doubt(daemon)
	return err
}

// Restart implements deploy.Session.
func (s *session) Restart(ctx context.Context, daemon string, report func(deploy.Progress)) error {
	if s.family(daemon).current == nil {
		return &deploy.Problem{Reason: deploy.NotFound, Message: fmt.Sprintf("there is no daemon %s in stack %s", daemon, s.stack)}
	}
	return s.change(ctx, daemon, family.again, telling("", report))
}

// RemoveData implements deploy.Session.
func (s *session) RemoveData(ctx context.Context, name string) error {
	return s.removeVolume(ctx, name)
}

// Lost implements deploy.Session.
func (s *session) Lost() <-chan struct{} { return s.lock.lost }

// Close implements deploy.Session.
func (s *session) Close(ctx context.Context) error {
	select {
	case <-s.lock.lost: // what we prepared is the next holder's to clean up
		return s.lock.release(ctx)
	default:
	}
	unused := s.unused()
	errs := make([]error, len(unused))
	each(len(unused), func(i int) { errs[i] = s.remove(ctx, unused[i]) })
	return errors.Join(append(errs, s.lock.release(ctx))...)
}
