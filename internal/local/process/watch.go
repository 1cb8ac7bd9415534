package process

import (
	"context"
	"errors"
	"iter"
	"maps"
	"reflect"
	"slices"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

// errEnough ends a stream that nobody wants to go on.
var errEnough = errors.New("enough")

// Watch implements deploy.Platform. The supervisor makes quick health checks itself while a daemon starts.
func (p *platform) Watch(ctx context.Context, stack string, opts deploy.WatchOptions) iter.Seq2[deploy.Observation, error] {
	return func(yield func(deploy.Observation, error) bool) {
		w := &watcher{last: map[string]deploy.Observation{}, yield: func(o deploy.Observation) bool { return yield(o, nil) }}
		err := p.watch(ctx, stack, func(e supervisor.Event) error { return w.event(e, &opts) }, w.begin)
		if err != nil && !errors.Is(err, errEnough) && ctx.Err() == nil {
			yield(deploy.Observation{}, err)
		}
	}
}

// watch hands over a stack's events until ctx ends or one is answered with an error. Where the supervisor is lost, the next
// one is asked, and begins from the beginning; one that is lost before it has told how things are is a failure.
func (p *platform) watch(ctx context.Context, stack string, event func(supervisor.Event) error, begin func()) error {
	if err := checkName(stack); err != nil {
		return err
	}
	for {
		c, err := p.supervisor(ctx)
		if err != nil {
			return err
		}
		begin()
		synced := false
		err = nil
		for e, failed := range c.Watch(ctx, stack) {
			if err = failed; err == nil {
				err = event(e)
			}
			if err != nil {
				break
			}
			synced = synced || e.Synced
		}
		if ctx.Err() != nil || err != nil && (!lost(err) || !synced) {
			return err
		}
	}
}

// watcher makes of what happens to instances what happens to daemons.
type watcher struct {
	yield  func(deploy.Observation) bool
	last   map[string]deploy.Observation // by daemon, as yielded
	known  map[string]supervisor.Status  // by id
	synced bool                          // known is whole
}

func (w *watcher) begin() { w.known, w.synced = map[string]supervisor.Status{}, false }

func (w *watcher) event(e supervisor.Event, opts *deploy.WatchOptions) error {
	if e.Synced {
		w.synced = true
		if err := w.tellAll(); err != nil {
			return err
		}
		if opts.OnSync != nil {
			opts.OnSync()
			opts.OnSync = nil
		}
		return nil
	}
	if e.Status.Observation.State == deploy.Gone {
		delete(w.known, e.Status.ID)
	} else {
		w.known[e.Status.ID] = e.Status
	}
	if !w.synced { // of a daemon's instances only some are known
		return nil
	}
	return w.tell(e.Status.Daemon)
}

// tellAll yields what there is, and what is there no more.
func (w *watcher) tellAll() error {
	daemons := slices.Collect(maps.Keys(w.last))
	for _, s := range w.known {
		daemons = append(daemons, s.Daemon)
	}
	slices.Sort(daemons)
	for _, daemon := range slices.Compact(daemons) {
		if err := w.tell(daemon); err != nil {
			return err
		}
	}
	return nil
}

// current is the status of a daemon's current instance, if it has one.
func (w *watcher) current(daemon string) (supervisor.Status, bool) {
	var of []supervisor.Status
	for _, s := range w.known {
		if s.Daemon == daemon {
			of = append(of, s)
		}
	}
	if f := families(of)[daemon]; f.current != nil {
		return w.known[f.current.id], true
	}
	return supervisor.Status{}, false
}

// tell yields a daemon's observation where it is news.
func (w *watcher) tell(daemon string) error {
	last, told := w.last[daemon]
	s, exists := w.current(daemon)
	o := s.Observation
	if !exists {
		if !told || last.State == deploy.Gone {
			return nil
		}
		o = deploy.Observation{Daemon: daemon, Instance: last.Instance, State: deploy.Gone, LastExit: last.LastExit}
	}
	if told && reflect.DeepEqual(last, o) {
		return nil
	}
	w.last[daemon] = o
	if !w.yield(o) {
		return errEnough
	}
	return nil
}
