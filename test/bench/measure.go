package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/client"
)

// step is one thing that is measured.
type step string

// The steps of a round, in their order.
const (
	up        step = "up"
	unchanged step = "unchanged up"
	status    step = "status"
	update    step = "update"
	down      step = "down"
)

var steps = []step{up, unchanged, status, update, down}

// peer is one way to do the work. What it cannot do is not measured.
type peer interface {
	name() string
	// do does a step on the n daemons of a project; gone is what nobody measures: it removes the rest of a failure.
	do(ctx context.Context, s step, project string, n int) (sample, error)
	gone(project string)
	// label is the one by which the peer marks the daemon's name on its containers, and scope that of the project.
	label() string
	scope(project string) string
}

// sample is one measurement.
type sample struct {
	took   time.Duration
	maxRSS int64         // bytes; 0 where no process of its own did the work
	gap    time.Duration // of an update: median over the daemons from the end of the old to the start of the new
}

// key says what was measured.
type key struct {
	peer string
	size int
	step step
}

// result holds all samples.
type result struct {
	samples map[key][]sample
	rounds  int
	Version time.Duration // median of `alien version`
	Machine []string
}

type bench struct {
	api    *client.Client
	peers  []peer
	rounds int
}

// measure lets the peers take turns, each round beginning with another one.
func (b bench) measure(ctx context.Context, sizes []int) (result, error) {
	r := result{samples: map[key][]sample{}, rounds: b.rounds}
	for round := range b.rounds {
		for _, n := range sizes {
			for i := range b.peers {
				p := b.peers[(round+i)%len(b.peers)]
				if err := b.once(ctx, p, n, r.samples); err != nil {
					return r, fmt.Errorf("%s with %d daemons: %w", p.name(), n, err)
				}
			}
		}
	}
	return r, nil
}

func (b bench) once(ctx context.Context, p peer, n int, into map[key][]sample) error {
	project := fmt.Sprintf("bench-%s-%d-%d", p.name(), n, os.Getpid())
	defer p.gone(project)
	for _, s := range steps {
		got, err := b.step(ctx, p, s, project, n)
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		if got.took == 0 {
			continue
		}
		k := key{p.name(), n, s}
		into[k] = append(into[k], got)
		fmt.Fprintf(os.Stderr, "%-8s %3d %-13s %8.3f s\n", p.name(), n, s, got.took.Seconds())
	}
	return nil
}

func (b bench) step(ctx context.Context, p peer, s step, project string, n int) (sample, error) {
	if s != update {
		return p.do(ctx, s, project, n)
	}
	seen := watchGaps(ctx, b.api, p, project, n)
	got, err := p.do(ctx, s, project, n)
	gaps := seen()
	if err == nil && len(gaps) != n {
		err = fmt.Errorf("saw %d of %d daemons replaced", len(gaps), n)
	}
	got.gap = median(gaps)
	return got, err
}

// program is a peer that is a program of its own.
type program struct{ path, dir string }

// run runs the program and measures it. What it says is shown when it fails.
func (p program) run(ctx context.Context, args ...string) (sample, error) {
	cmd := exec.CommandContext(ctx, p.path, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	begin := time.Now()
	err := cmd.Run()
	took := time.Since(begin)
	if err != nil {
		return sample{}, fmt.Errorf("%s %s: %w\n%s", p.path, strings.Join(args, " "), err, said.String())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return sample{took: took}, nil
	}
	return sample{took: took, maxRSS: usage.Maxrss * 1024}, nil
}

// versions measures the start of the program.
func versions(ctx context.Context, path string, n int) (time.Duration, error) {
	var took []time.Duration
	for range n {
		s, err := program{path: path}.run(ctx, "version")
		if err != nil {
			return 0, err
		}
		took = append(took, s.took)
	}
	return median(took), nil
}

// median is the middle of the values, the lower one of two.
func median[T interface{ ~int64 }](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// of picks one number of the samples of a key and gives its median.
func (r result) of(k key, pick func(sample) int64) int64 {
	var values []int64
	for _, s := range r.samples[k] {
		values = append(values, pick(s))
	}
	return median(values)
}

func (r result) took(k key) time.Duration {
	return time.Duration(r.of(k, func(s sample) int64 { return int64(s.took) }))
}

func (r result) gap(k key) time.Duration {
	return time.Duration(r.of(k, func(s sample) int64 { return int64(s.gap) }))
}
