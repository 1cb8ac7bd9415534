package k8s

import (
	"context"
	"iter"
	"reflect"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// Watch implements deploy.Platform. A cluster makes the first health check at once, so there is nothing to probe.
func (p *platform) Watch(ctx context.Context, stack string, opts deploy.WatchOptions) iter.Seq2[deploy.Observation, error] {
	return func(yield func(deploy.Observation, error) bool) {
		m, release := p.mirrorOf(stack)
		defer release()
		err := m.sync(ctx)
		last := map[string]deploy.Observation{}
		for first := true; err == nil; first = false {
			news := m.next()
			var again time.Time
			var all map[string]view
			if all, err = m.views(); err != nil {
				break
			}
			for _, daemon := range sortedKeys(all) {
				before, known := last[daemon]
				l := all[daemon].observe(time.Now())
				if !l.again.IsZero() && (again.IsZero() || l.again.Before(again)) {
					again = l.again
				}
				if l.State == deploy.Gone {
					l.Instance = before.Instance
					if !known {
						continue
					}
				}
				if known && reflect.DeepEqual(before, l.Observation) {
					continue
				}
				last[daemon] = l.Observation
				if l.State == deploy.Running { // what ran before is no reason to hold a stream for each
					p.guard(ctx, m, all[daemon].current(), l.Observation, !first)
				}
				if !yield(l.Observation, nil) {
					return
				}
			}
			if first && opts.OnSync != nil {
				opts.OnSync()
			}
			err = m.pause(ctx, news, again)
		}
		if ctx.Err() == nil {
			yield(deploy.Observation{}, p.problem(err))
		}
	}
}

// pause returns at the next news, or at a time.
func (m *mirror) pause(ctx context.Context, news <-chan struct{}, at time.Time) error {
	var tick <-chan time.Time
	if !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		tick = timer.C
	}
	select {
	case <-news:
	case <-tick:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}
