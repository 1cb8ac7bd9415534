package docker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
)

// Watch implements deploy.Platform.
func (p *platform) Watch(ctx context.Context, stack string, opts deploy.WatchOptions) iter.Seq2[deploy.Observation, error] {
	return func(yield func(deploy.Observation, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		w := &watcher{
			platform: p, stack: stack, opts: opts, last: map[string]deploy.Observation{},
			yield: func(o deploy.Observation) bool { return yield(o, nil) },
		}
		for {
			err := w.follow(ctx)
			switch {
			case ctx.Err() != nil, errors.Is(err, errEnough):
				return
			case !unreachable(err) && !ended(err):
			case p.await(ctx) == nil:
				continue // the engine was away, and everything may have changed
			}
			if ctx.Err() == nil {
				yield(deploy.Observation{}, engine.Problem(err))
			}
			return
		}
	}
}

// errEnough says that nobody wants further observations.
var errEnough = errors.New("enough")

// watcher follows the containers of a stack. Everything but the calls to the engine happens in one goroutine.
type watcher struct {
	*platform
	stack string
	opts  deploy.WatchOptions
	yield func(deploy.Observation) bool
	last  map[string]deploy.Observation // by daemon, as yielded

	// What follows belongs to one connection to the engine.
	list   map[string]container.Summary // by id, with names as events tell them
	seen   inspections
	ends   endings
	busy   map[string]string // containers that are being inspected, and whose they are
	dirty  map[string]bool   // of those, the ones that have changed since
	looked chan closeLook

	probes  chan probed
	probing map[run]bool
	failed  map[run]*deploy.Probe // last failed health check of ours
}

// closeLook is an inspected container; without an answer it is gone.
type closeLook struct {
	id  string
	in  *container.InspectResponse
	err error
}

// follow watches until the connection breaks. The engine's events are asked for since the beginning: then those that
// come while we take the first look are not lost, and those it still remembers tell how earlier runs ended.
func (w *watcher) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.ends, w.busy, w.dirty, w.looked = endings{}, map[string]string{}, map[string]bool{}, make(chan closeLook)
	w.probing, w.failed, w.probes = map[run]bool{}, map[run]*deploy.Probe{}, make(chan probed)
	messages, errs := w.api.Events(ctx, events.ListOptions{Since: "1", Filters: eventFilter(w.stack)})
	if err := w.firstLook(ctx); err != nil {
		return err
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err = <-errs:
			if ended(err) {
				err = fmt.Errorf("the engine ended its events: %w", err)
			}
		case m := <-messages:
			err = w.event(ctx, m)
		case l := <-w.looked:
			err = w.lookedAt(ctx, l)
		case r := <-w.probes:
			err = w.probed(ctx, r)
		}
		if err != nil {
			return err
		}
	}
}

// firstLook lists and inspects everything, and yields what there is.
func (w *watcher) firstLook(ctx context.Context) error {
	list, err := w.platform.list(ctx, labelStack, w.stack)
	if err != nil {
		return err
	}
	var ids []string
	w.list = map[string]container.Summary{}
	for _, c := range list {
		w.list[c.ID] = c
		ids = append(ids, c.ID)
	}
	seen, err := w.inspect(ctx, ids)
	if err != nil {
		return err
	}
	w.seen = seen
	daemons := slices.Collect(maps.Keys(w.last)) // after a broken connection some may have gone
	for _, c := range list {
		daemons = append(daemons, c.Labels[labelDaemon])
	}
	slices.Sort(daemons)
	for _, daemon := range slices.Compact(daemons) {
		if err := w.tell(ctx, daemon); err != nil {
			return err
		}
	}
	if w.opts.OnSync != nil {
		w.opts.OnSync()
		w.opts.OnSync = nil
	}
	return nil
}

// event takes in one of the engine's events.
func (w *watcher) event(ctx context.Context, m events.Message) error {
	w.ends.note(m)
	id, daemon := m.Actor.ID, m.Actor.Attributes[labelDaemon]
	if daemon == "" {
		return nil
	}
	if m.Action == events.ActionDestroy {
		delete(w.list, id)
		delete(w.seen, id)
		if w.unsure(daemon, id) {
			return nil
		}
		return w.tell(ctx, daemon)
	}
	w.refresh(ctx, id, daemon)
	return nil
}

// unsure says that another container of the daemon is just being inspected. What there is without that one may never
// have been: of a container that is being started the engine tells nothing until it runs.
func (w *watcher) unsure(daemon, id string) bool {
	for other, whose := range w.busy {
		if whose == daemon && other != id {
			return true
		}
	}
	return false
}

// refresh inspects a container. Only one such call is under way for each: the engine makes a call wait while it starts
// the container, which must not hold up the others.
func (w *watcher) refresh(ctx context.Context, id, daemon string) {
	if _, busy := w.busy[id]; busy {
		w.dirty[id] = true
		return
	}
	w.busy[id] = daemon
	looked := w.looked
	go func() {
		l := closeLook{id: id}
		in, err := w.api.ContainerInspect(ctx, id)
		if err == nil {
			l.in = &in
			w.explain(ctx, &in)
		} else if !errdefs.IsNotFound(err) {
			l.err = err
		}
		select {
		case looked <- l:
		case <-ctx.Done():
		}
	}()
}

// lookedAt takes in an inspected container.
func (w *watcher) lookedAt(ctx context.Context, l closeLook) error {
	daemon := w.busy[l.id]
	delete(w.busy, l.id)
	if l.err != nil {
		return l.err
	}
	if w.dirty[l.id] {
		delete(w.dirty, l.id)
		w.refresh(ctx, l.id, daemon)
	}
	if l.in != nil { // else an event about its end has come, or comes
		w.seen[l.id] = *l.in
		w.list[l.id] = summaryOf(*l.in)
	}
	if w.unsure(daemon, l.id) {
		return nil
	}
	return w.tell(ctx, daemon)
}

// summaryOf is the line that a container would have in a list.
func summaryOf(in container.InspectResponse) container.Summary {
	return container.Summary{
		ID: in.ID, Names: []string{in.Name}, State: in.State.Status, Labels: in.Config.Labels,
		Created: moment(in.Created).Unix(), ImageID: in.Image,
	}
}

// tell yields a daemon's observation where it is news.
func (w *watcher) tell(ctx context.Context, daemon string) error {
	o, exists := w.now(ctx, daemon)
	last, known := w.last[daemon]
	if !exists {
		if !known || last.State == deploy.Gone {
			return nil
		}
		o = deploy.Observation{Daemon: daemon, Instance: last.Instance, State: deploy.Gone, LastExit: last.LastExit}
	}
	if known && reflect.DeepEqual(last, o) {
		return nil
	}
	w.last[daemon] = o
	if !w.yield(o) {
		return errEnough
	}
	return nil
}

// now is the observation of a daemon's current container, if it has one. A health check that the engine has not made
// yet is made by us.
func (w *watcher) now(ctx context.Context, daemon string) (deploy.Observation, bool) {
	var of []container.Summary
	for _, c := range w.list {
		if c.Labels[labelDaemon] == daemon {
			of = append(of, c)
		}
	}
	f := families(w.stack, of, w.seen)[daemon]
	if f.current == nil {
		return deploy.Observation{}, false
	}
	in, ok := w.seen[f.current.id]
	if !ok {
		return deploy.Observation{}, false
	}
	var exit *deploy.Exit
	if e := w.ends[in.ID]; e != nil {
		exit = e.exit
	}
	o := w.observation(daemon, in, exit)
	if o.State == deploy.Running && o.Health == deploy.Starting {
		if own := w.failed[run{o.Instance, o.StartedAt}]; own != nil && (o.Probe == nil || own.At.After(o.Probe.At)) {
			o.Probe = own
		}
		if w.opts.Probe {
			w.startProbing(ctx, run{o.Instance, o.StartedAt}, in.Config)
		}
	}
	return o, true
}
