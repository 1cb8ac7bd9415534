package main

import (
	"context"
	"fmt"
	"os"

	"github.com/docker/docker/client"

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

// gap is what is measured during an update: the time from the end of the old process to the start of the new one, median
// over the daemons.
const gap = "gap"

// version is `alien version`, the start of the program.
const version = "version"

// peer is one way to do the work. What it cannot do is not measured.
type peer interface {
	name() string
	// do does a step on the n daemons of a project; gone is what nobody measures: it removes the rest of a failure.
	do(ctx context.Context, step, project string, n int) (measure.Usage, error)
	gone(project string)
	// label is the one by which the peer marks the daemon's name on its containers, and scope that of the project.
	label() string
	scope(project string) string
}

type bench struct {
	api     *client.Client
	peers   []peer
	samples measure.Samples
}

// measure lets the peers take turns, each round beginning with another one.
func (b *bench) measure(ctx context.Context, o *measure.Options) error {
	for round := range o.Rounds {
		for _, n := range o.Sizes {
			for i := range b.peers {
				p := b.peers[(round+i)%len(b.peers)]
				if err := b.once(ctx, p, n); err != nil {
					return fmt.Errorf("%s with %d daemons: %w", p.name(), n, err)
				}
			}
		}
		if err := b.version(ctx, o.Alien); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) once(ctx context.Context, p peer, n int) error {
	project := fmt.Sprintf("bench-%s-%d-%d", p.name(), n, os.Getpid())
	defer p.gone(project)
	for _, s := range steps {
		if err := b.step(ctx, p, s, project, n); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func (b *bench) step(ctx context.Context, p peer, step, project string, n int) error {
	finish := func() error { return nil }
	if step == update {
		finish = b.watchGap(ctx, p, project, n)
	}
	used, err := p.do(ctx, step, project, n)
	if err != nil || used.Took == 0 {
		return err
	}
	b.samples.Add(measure.Sample{Key: measure.Key{Who: p.name(), Size: n, What: step}, Took: used.Took, Peak: used.Peak})
	return finish()
}

// version measures the start of the program, which is short and so is done often.
func (b *bench) version(ctx context.Context, path string) error {
	for range 10 {
		used, err := measure.Program{Path: path}.Run(ctx, "version")
		if err != nil {
			return err
		}
		b.samples.Add(measure.Sample{Key: measure.Key{Who: "alien", What: version}, Took: used.Took})
	}
	return nil
}
