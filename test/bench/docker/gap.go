package main

import (
	"context"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

// watchGap watches an update from now on. What it returns waits for the end of it and takes the gap.
func (b *bench) watchGap(ctx context.Context, p peer, project string, n int) func() error {
	seen := watchGaps(ctx, b.api, p, project, n)
	return func() error {
		found := seen()
		if len(found) != n {
			return fmt.Errorf("saw %d of %d daemons replaced", len(found), n)
		}
		b.samples.Add(measure.Sample{Key: measure.Key{Who: p.name(), Size: n, What: gap}, Took: measure.Median(found)})
		return nil
	}
}

// watchGaps watches the containers of a project. What it returns waits until the engine has told of n replaced daemons,
// or not for a while, and gives how long each was away by the engine's own clock.
func watchGaps(ctx context.Context, api *client.Client, p peer, project string, n int) func() []time.Duration {
	ctx, cancel := context.WithCancel(ctx)
	messages, failed := api.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", "container"), filters.Arg("event", "die"), filters.Arg("event", "start"),
		filters.Arg("label", p.scope(project)),
	)})
	done := make(chan []time.Duration, 1)
	go func() {
		var seen []events.Message
		for {
			select {
			case m := <-messages:
				seen = append(seen, m)
			case <-failed: // or ctx has ended
				done <- gaps(seen, p.label())
				return
			}
			if found := gaps(seen, p.label()); len(found) == n {
				done <- found
				return
			}
		}
	}()
	return func() []time.Duration {
		late := time.AfterFunc(2*time.Second, cancel)
		defer late.Stop()
		defer cancel()
		return <-done
	}
}

// gaps gives, for each daemon, the time from the end of one container to the start of another one.
func gaps(seen []events.Message, label string) []time.Duration {
	died := map[string]events.Message{}
	var found []time.Duration
	for _, m := range seen {
		daemon := m.Actor.Attributes[label]
		old, gone := died[daemon]
		switch {
		case m.Action == events.ActionDie:
			died[daemon] = m
		case gone && old.Actor.ID != m.Actor.ID:
			found = append(found, time.Duration(m.TimeNano-old.TimeNano))
			delete(died, daemon)
		}
	}
	return found
}
