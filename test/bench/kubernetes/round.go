package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

// The steps of a round, in their order.
const (
	up        = "up"
	unchanged = "unchanged up"
	status    = "status"
	update    = "update"
	down      = "down"
)

var steps = []string{up, unchanged, status, update, down}

// hasty is alien without a settle time. Only the steps that have one are measured of it.
const hasty = "hasty-alien"

// many is the size from which on one round in two is left out: it takes minutes.
const many = 50

// peer is one way to do the work in a namespace.
type peer interface {
	name() string
	do(ctx context.Context, step, namespace string, n int) (measure.Usage, error)
}

type bench struct {
	cluster *cluster
	peers   []peer
	samples measure.Samples
}

// measure lets the peers take turns, each round beginning with another one. Of rounds with many daemons there are fewer.
func (b *bench) measure(ctx context.Context, o *measure.Options) error {
	for round := range o.Rounds {
		for _, n := range o.Sizes {
			if n >= many && round%2 == 1 {
				continue
			}
			for i := range b.peers {
				p := b.peers[(round+i)%len(b.peers)]
				if err := b.once(ctx, p, n, round); err != nil {
					return fmt.Errorf("%s with %d daemons: %w", p.name(), n, err)
				}
			}
		}
	}
	return nil
}

func (b *bench) once(ctx context.Context, p peer, n, round int) error {
	namespace := fmt.Sprintf("bench-%s-%d-%d-%d", p.name(), n, os.Getpid(), round)
	remove, err := b.cluster.namespace(ctx, namespace)
	if err != nil {
		return err
	}
	defer remove()
	for _, s := range steps {
		if p.name() == hasty && s != up && s != update {
			continue
		}
		// A kubelet works in step with the second: what always begins at the same moment of one is favoured or not.
		if err := pause(ctx, rand.N(time.Second)); err != nil {
			return err
		}
		used, err := p.do(ctx, s, namespace, n)
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		b.samples.Add(measure.Sample{Key: measure.Key{Who: p.name(), Size: n, What: s}, Took: used.Took, Peak: used.Peak})
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
