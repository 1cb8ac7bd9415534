package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

// The steps of a round, in their order.
const (
	up        = "up"
	unchanged = "unchanged up"
	status    = "status"
	down      = "down"
)

var steps = []string{up, unchanged, status, down}

// What is measured of the supervisor: its memory as the peak of one sample, its processor time as the time of the other.
const (
	resident = "resident"
	idle     = "idle"
)

const (
	kept     = 100              // daemons that the supervisor is measured with
	quiet    = 5 * time.Second  // after which what the start took has been given back
	idleTime = 10 * time.Second // for which nothing happens
)

type bench struct {
	dir      string
	process  alien
	peers    []peer
	daemons  int // for the supervisor
	samples  measure.Samples
	versions []string
}

// measure lets the peers take turns, each round beginning with another one. The process runtime starts from nothing: its
// supervisor has ended.
func (b *bench) measure(ctx context.Context, o *measure.Options) error {
	if err := b.warm(ctx); err != nil {
		return err
	}
	for round := range o.Rounds {
		for _, n := range o.Sizes {
			for i := range b.peers {
				p := b.peers[(round+i)%len(b.peers)]
				if err := b.once(ctx, p, n); err != nil {
					return fmt.Errorf("%s with %d daemons: %w", p.name(), n, err)
				}
			}
		}
	}
	return nil
}

// warm has the image unpacked, as it is loaded into the engine.
func (b *bench) warm(ctx context.Context) error {
	for _, step := range []string{up, down} {
		if _, err := b.process.do(ctx, step, "bench-warm", 1); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) once(ctx context.Context, p peer, n int) error {
	project := fmt.Sprintf("bench-%s-%d-%d", p.name(), n, os.Getpid())
	defer p.gone(project)
	if err := b.supervisorEnds(ctx); err != nil {
		return err
	}
	for _, s := range steps {
		used, err := p.do(ctx, s, project, n)
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		if used.Took == 0 { // there is no such step here
			continue
		}
		b.samples.Add(measure.Sample{Key: measure.Key{Who: p.name(), Size: n, What: s}, Took: used.Took, Peak: used.Peak})
	}
	return nil
}

// supervisor measures the supervisor of many daemons at which nothing happens.
func (b *bench) supervisor(ctx context.Context) error {
	project := fmt.Sprintf("bench-kept-%d", os.Getpid())
	defer b.process.gone(project)
	if _, err := b.process.do(ctx, up, project, b.daemons); err != nil {
		return err
	}
	pid, err := b.supervisorPID()
	if err == nil && pid == 0 {
		err = errors.New("there is no supervisor")
	}
	if err != nil {
		return err
	}
	if err := pause(ctx, quiet); err != nil {
		return err
	}
	before, err := processorTime(pid)
	if err != nil {
		return err
	}
	if err := pause(ctx, idleTime); err != nil {
		return err
	}
	after, err := processorTime(pid)
	if err != nil {
		return err
	}
	memory, err := residentMemory(pid)
	b.samples.Add(measure.Sample{Key: measure.Key{Who: process, Size: b.daemons, What: idle}, Took: after - before})
	b.samples.Add(measure.Sample{Key: measure.Key{Who: process, Size: b.daemons, What: resident}, Peak: memory})
	return err
}

// supervisorPID finds the supervisor of this benchmark; 0 where there is none.
func (b *bench) supervisorPID() (int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // of one that has just ended there is none
		if strings.HasPrefix(string(args), "alien-supervisor\x00"+b.dir+"/") {
			return strconv.Atoi(filepath.Base(dir))
		}
	}
	return 0, err
}

// supervisorEnds waits until it has ended by itself.
func (b *bench) supervisorEnds(ctx context.Context) error {
	for {
		pid, err := b.supervisorPID()
		if err != nil || pid == 0 {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// processorTime is what a process has used so far, in user and kernel mode.
func processorTime(pid int) (time.Duration, error) {
	var sum time.Duration
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			return 0, err
		}
		var ns int64
		if _, err := fmt.Sscan(string(text), &ns); err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, err
}

// residentMemory is what a process has resident, in bytes.
func residentMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int64
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); err == nil {
			return kilobytes * 1024, nil
		}
	}
	return 0, fmt.Errorf("/proc/%d/status does not tell its memory", pid)
}
