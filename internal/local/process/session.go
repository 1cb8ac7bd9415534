package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
	"github.com/alienplatform/alien-go/internal/workload"
)

// cleanUp is the time for taking down what was begun where the caller's context has ended.
const cleanUp = 5 * time.Second

// session is a change in progress, under the lock.
type session struct {
	*platform
	stack string
	opts  deploy.BeginOptions
	lock  *lock

	mu      sync.Mutex
	fresh   map[string]*fresh
	undoing map[string]bool // daemons that have had something to put back
}

// fresh is an instance that was prepared.
type fresh struct {
	id    string
	tried bool // to start it
}

// Begin implements deploy.Platform.
func (p *platform) Begin(ctx context.Context, stack string, opts deploy.BeginOptions) (deploy.Session, error) {
	if err := checkName(stack); err != nil {
		return nil, err
	}
	go func() { _, _ = p.supervisor(ctx) }() // comes up meanwhile; who needs it then hears what kept it from it
	if err := sandbox.Check(); err != nil {
		return nil, err
	}
	l, err := takeLock(ctx, p.dir, stack, opts)
	if err != nil {
		return nil, err
	}
	s := &session{platform: p, stack: stack, opts: opts, lock: l, fresh: map[string]*fresh{}, undoing: map[string]bool{}}
	if err := s.heal(ctx); err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer cancel()
		return nil, errors.Join(err, s.Close(clean))
	}
	return s, nil
}

// heal puts right what an interrupted run left half-done. What cannot be put right is not in the way of the change that
// follows: a daemon that does not start again is a stopped one, and the plan deals with it.
func (s *session) heal(ctx context.Context) error {
	all, err := s.look(ctx, s.stack)
	if err != nil {
		return err
	}
	daemons := slices.Sorted(maps.Keys(all))
	failed := make([]error, len(daemons))
	var wait sync.WaitGroup
	for i, d := range daemons {
		wait.Go(func() { failed[i] = s.take(ctx, all[d].healing()) })
	}
	wait.Wait()
	if err := errors.Join(failed...); ctx.Err() != nil || lost(err) {
		return err
	}
	return nil
}

// family is what there is of a daemon now.
func (s *session) family(ctx context.Context, daemon string) (family, error) {
	all, err := s.look(ctx, s.stack)
	if f, ok := all[daemon]; ok {
		return f, err
	}
	return family{daemon: daemon}, err
}

// Prepare implements deploy.Session.
func (s *session) Prepare(ctx context.Context, w workload.Workload, fp workload.Fingerprint, report func(deploy.Progress)) error {
	img, err := s.images.Ensure(ctx, w, report)
	if err != nil {
		return err
	}
	report(deploy.Progress{Phase: deploy.Preparing})
	spec, err := newSpec(s.dir, w, fp, img, s.opts)
	if err != nil {
		return err
	}
	return s.steady(ctx, func(c *supervisor.Client) error {
		spec.ID = supervisor.NewID() // one that was lost may have been made; it is the next Begin's to clean up
		err := c.Create(ctx, spec, roleNext)
		if err == nil {
			s.remember(w.Daemon, &fresh{id: spec.ID})
		}
		return err
	})
}

// Start implements deploy.Session.
func (s *session) Start(ctx context.Context, daemon string, keep bool, report func(deploy.Progress)) error {
	n := s.prepared(daemon)
	if n == nil {
		return fmt.Errorf("cannot start %s: it was not prepared", daemon)
	}
	f, err := s.family(ctx, daemon)
	if err != nil {
		return err
	}
	if f.current != nil {
		report(deploy.Progress{Phase: deploy.Stopping})
	}
	n.tried = true
	return s.take(ctx, f.replacement(n.id, keep), func(next step) {
		if next.op == opStart {
			report(deploy.Progress{Phase: deploy.Launching, Instance: n.id})
		}
	})
}

// Commit implements deploy.Session.
func (s *session) Commit(ctx context.Context, daemon string) error {
	f, err := s.family(ctx, daemon)
	if err != nil {
		return err
	}
	return s.take(ctx, f.confirming())
}

// Undo implements deploy.Session.
func (s *session) Undo(ctx context.Context, daemon string) error {
	if n := s.prepared(daemon); n != nil && !n.tried {
		s.forget(daemon)
		return s.take(ctx, []step{{op: opRemove, id: n.id}})
	}
	f, err := s.family(ctx, daemon)
	if err != nil {
		return err
	}
	if !s.puttingBack(f) {
		return deploy.ErrNothingKept
	}
	return s.take(ctx, f.undoing())
}

// puttingBack says whether there is, or was before an undo that was broken off, an instance to put back.
func (s *session) puttingBack(f family) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undoing[f.daemon] = s.undoing[f.daemon] || f.kept()
	return s.undoing[f.daemon]
}

// Remove implements deploy.Session.
func (s *session) Remove(ctx context.Context, daemon string) error {
	f, err := s.family(ctx, daemon)
	if err != nil {
		return err
	}
	return s.take(ctx, f.ending())
}

// Restart implements deploy.Session. The supervisor does it as one: what was stopped is started, whatever becomes of us.
func (s *session) Restart(ctx context.Context, daemon string, report func(deploy.Progress)) error {
	f, err := s.family(ctx, daemon)
	if err != nil {
		return err
	}
	if f.current == nil {
		return &deploy.Problem{Reason: deploy.NotFound, Message: fmt.Sprintf("there is no daemon %s in stack %s", daemon, s.stack)}
	}
	report(deploy.Progress{Phase: deploy.Stopping})
	err = s.steady(ctx, func(c *supervisor.Client) error { return c.Restart(ctx, f.current.id) })
	if err == nil {
		report(deploy.Progress{Phase: deploy.Launching})
	}
	return err
}

// RemoveData implements deploy.Session.
func (s *session) RemoveData(_ context.Context, name string) error {
	resource, ours := strings.CutPrefix(name, s.stack+"-")
	if !ours || checkName(resource) != nil {
		return &deploy.Problem{Reason: deploy.NameTaken, Message: fmt.Sprintf("the data place %s is not of stack %s", name, s.stack)}
	}
	if err := sandbox.Remove(dataPath(s.dir, s.stack, resource)); err != nil {
		return fmt.Errorf("cannot remove the data of %s: %w", resource, err)
	}
	_ = os.Remove(filepath.Join(s.dir, dataDir, s.stack)) // unless there is more in it
	return nil
}

// Lost implements deploy.Session.
func (s *session) Lost() <-chan struct{} { return s.lock.lost }

// Close implements deploy.Session.
func (s *session) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, daemon := range slices.Sorted(maps.Keys(s.fresh)) {
		if n := s.fresh[daemon]; !n.tried {
			errs = append(errs, s.take(ctx, []step{{op: opRemove, id: n.id}}))
		}
	}
	return errors.Join(append(errs, s.lock.release())...)
}

// remember, prepared and forget keep what was prepared.
func (s *session) remember(daemon string, n *fresh) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh[daemon] = n
}

func (s *session) prepared(daemon string) *fresh {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fresh[daemon]
}

func (s *session) forget(daemon string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.fresh, daemon)
}
