package docker

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/local/docker/engine"
)

// family is what we know of a daemon's containers; of one that does not exist its name alone.
func (s *session) family(daemon string) family {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.families[daemon]; ok {
		return f
	}
	return family{daemon: daemon, name: s.stack + "-" + daemon}
}

// settle remembers what a change has made of a family.
func (s *session) settle(f family) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.families[f.daemon] = f
}

// doubt remembers that we do not know a family any more.
func (s *session) doubt(daemon string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts[daemon] = true
}

// sure is family, looked at again where there is doubt.
func (s *session) sure(ctx context.Context, daemon string) (family, error) {
	s.mu.Lock()
	doubt := s.doubts[daemon]
	s.mu.Unlock()
	if !doubt {
		return s.family(daemon), nil
	}
	all, err := s.look(ctx, s.stack, daemon)
	if err != nil {
		return family{}, err
	}
	s.mu.Lock()
	if f, ok := all[daemon]; ok {
		s.families[daemon] = f
	} else {
		delete(s.families, daemon)
	}
	delete(s.doubts, daemon)
	s.mu.Unlock()
	return s.family(daemon), nil
}

// puttingBack says whether there is, or was before an undo that was broken off, a container to put back.
func (s *session) puttingBack(f family) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undoing[f.daemon] = s.undoing[f.daemon] || f.kept()
	return s.undoing[f.daemon]
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

// unused are the containers that were prepared and never started.
func (s *session) unused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, daemon := range slices.Sorted(maps.Keys(s.fresh)) {
		if n := s.fresh[daemon]; !n.tried {
			ids = append(ids, n.id)
		}
	}
	return ids
}

func (s *session) forget(daemon string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.fresh, daemon)
}

// How long an engine that is gone is waited for, and how often it is asked. There is no event for its return.
const (
	awayAtMost = time.Minute
	askAgain   = 200 * time.Millisecond
)

// steady makes a change that may be made twice, again where the engine went away in the middle of it and came back.
func (p *platform) steady(ctx context.Context, change func() error) error {
	err := change()
	for tries := 0; unreachable(err) && ctx.Err() == nil && tries < 3; tries++ {
		if p.await(ctx) != nil {
			return err
		}
		err = change()
	}
	return engine.Problem(err)
}

// await waits until the engine answers.
func (p *platform) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, awayAtMost)
	defer cancel()
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		_, err := p.api.Ping(ctx)
		if err == nil || !client.IsErrConnectionFailed(err) && ctx.Err() == nil && !unreachable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}
