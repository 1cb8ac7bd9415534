package deploy

import (
	"context"
	"errors"
	"sync"
	"time"
)

// watcher hands the one stream of a stack's state changes out to those who wait for its daemons.
type watcher struct {
	feeds  map[string]*feed
	synced chan struct{} // closed when nothing is missed any more
	done   chan struct{} // closed when the stream has ended; err is set before
	err    error
}

// feed holds what was seen of one daemon and not yet looked at. It has no bound: a look is small, and the stream must
// not be held up by a daemon that nobody waits for yet.
type feed struct {
	mu    sync.Mutex
	queue []sighting
	news  chan struct{} // one token when the queue is not empty
}

// sighting is an observation and when, by our clock, it was made.
type sighting struct {
	Observation
	at time.Time
}

// watchStack starts to watch the named daemons of a stack, until ctx ends.
func watchStack(ctx context.Context, p Platform, stack string, names []string) *watcher {
	w := &watcher{feeds: map[string]*feed{}, synced: make(chan struct{}), done: make(chan struct{})}
	for _, name := range names {
		w.feeds[name] = &feed{news: make(chan struct{}, 1)}
	}
	go w.run(ctx, p, stack)
	return w
}

func (w *watcher) run(ctx context.Context, p Platform, stack string) {
	defer close(w.done)
	w.err = errors.New("cannot watch stack " + stack + ": the stream of its state changes ended")
	opts := WatchOptions{Probe: true, OnSync: sync.OnceFunc(func() { close(w.synced) })}
	for o, err := range p.Watch(ctx, stack, opts) {
		if err != nil {
			w.err = err
			return
		}
		if f, ok := w.feeds[o.Daemon]; ok {
			f.put(sighting{o, time.Now()})
		}
	}
}

// sync waits until nothing is missed any more.
func (w *watcher) sync(ctx context.Context) error {
	select {
	case <-w.synced:
		return nil
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *feed) put(s sighting) {
	f.mu.Lock()
	f.queue = append(f.queue, s)
	f.mu.Unlock()
	select {
	case f.news <- struct{}{}:
	default:
	}
}

func (f *feed) take() []sighting {
	f.mu.Lock()
	defer f.mu.Unlock()
	queue := f.queue
	f.queue = nil
	return queue
}

// wait feeds a judge until it decides. It answers nil, nil when the daemon is ready; an error means that nothing can be
// said any more: ctx ended, or the stream did. news is told every look that counts; fresh may give one past the stream.
func (w *watcher) wait(ctx context.Context, daemon string, j *judge, news func(Observation), fresh func(context.Context) (Observation, bool)) (*Verdict, error) {
	f := w.feeds[daemon]
	for {
		if v := j.hear(f.take(), news); v != nil {
			return v, nil
		}
		d := j.decide(time.Now())
		if d.ready {
			if o, ok := fresh(ctx); ok {
				if v := j.hear([]sighting{{o, time.Now()}}, news); v != nil {
					return v, nil
				}
				d = j.decide(time.Now())
			}
		}
		if d.ready || d.verdict != nil {
			return d.verdict, nil
		}
		if err := w.pause(ctx, f, d.until); err != nil {
			return nil, err
		}
	}
}

// hear takes in looks, and stops at one that is a verdict, before a later one makes it look better.
func (j *judge) hear(looks []sighting, news func(Observation)) *Verdict {
	for _, s := range looks {
		if !j.observe(s.Observation, s.at) {
			continue
		}
		news(s.Observation)
		if v := j.failure(); v != nil {
			return v
		}
	}
	return nil
}

// pause returns at the next news of a daemon, or at the time given if that is not zero.
func (w *watcher) pause(ctx context.Context, f *feed, until time.Time) error {
	var tick <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		tick = timer.C
	}
	select {
	case <-f.news:
	case <-tick:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.done:
		select {
		case <-f.news: // what came before the end counts
		default:
			return w.err
		}
	}
	return nil
}
