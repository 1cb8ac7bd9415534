package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Observe implements deploy.Platform. No name is ever taken: instances are found by their stack and daemon alone.
func (p *platform) Observe(ctx context.Context, stack string, ws []workload.Workload) (deploy.Observed, error) {
	var o deploy.Observed
	if err := checkName(stack); err != nil {
		return o, err
	}
	all, err := p.list(ctx, stack)
	if err != nil {
		return o, err
	}
	if o.Data, err = p.data(stack); err != nil {
		return o, err
	}
	if len(ws) > 0 {
		if o.Images, o.Unresolved, err = p.images.Resolve(ctx, ws); err != nil {
			return o, err
		}
	}
	known, sorted := byID(all), families(all)
	broken := false
	for _, daemon := range slices.Sorted(maps.Keys(sorted)) {
		f := sorted[daemon]
		broken = broken || len(f.healing()) > 0
		if f.current == nil {
			continue
		}
		d := daemonOf(f, known[f.current.id])
		if o.Key == nil {
			o.Key = d.Key
		}
		o.Daemons = append(o.Daemons, d)
	}
	dead, locked := deserted(p.dir, stack)
	o.Unclean = dead || broken && !locked
	return o, nil
}

func byID(all []supervisor.Status) map[string]supervisor.Status {
	out := make(map[string]supervisor.Status, len(all))
	for _, s := range all {
		out[s.ID] = s
	}
	return out
}

// daemonOf puts together what is known of one daemon.
func daemonOf(f family, s supervisor.Status) deploy.Daemon {
	r := recorded(s)
	d := deploy.Daemon{
		Observation: s.Observation, Hash: r.Hash, Fields: r.Fields, Key: r.Key, Image: r.Image, ImageID: r.ImageID, Digest: r.Digest,
		Source: r.Source, Version: r.Version, Settle: r.Settle, Unfinished: f.previous != nil,
	}
	if len(d.Key) == 0 {
		d.Key = nil
	}
	return d
}

// data lists the places of a stack's resources.
func (p *platform) data(stack string) ([]deploy.Data, error) {
	entries, err := os.ReadDir(filepath.Join(p.dir, dataDir, stack))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot list the data of stack %s: %w", stack, err)
	}
	var out []deploy.Data
	for _, e := range entries {
		out = append(out, deploy.Data{Name: stack + "-" + e.Name(), Resource: e.Name()})
	}
	return out, nil
}

// Look implements deploy.Looker.
func (p *platform) Look(ctx context.Context, before deploy.Observation) (deploy.Observation, error) {
	all, err := p.list(ctx, "")
	if err != nil {
		return deploy.Observation{}, err
	}
	if s, ok := byID(all)[before.Instance]; ok {
		return s.Observation, nil
	}
	return deploy.Observation{Daemon: before.Daemon, Instance: before.Instance, State: deploy.Gone, LastExit: before.LastExit}, nil
}

// Stacks implements deploy.Platform.
func (p *platform) Stacks(ctx context.Context) ([]deploy.StackSummary, error) {
	all, err := p.list(ctx, "")
	if err != nil {
		return nil, err
	}
	byStack := map[string][]supervisor.Status{}
	for _, s := range all {
		byStack[s.Stack] = append(byStack[s.Stack], s)
	}
	var out []deploy.StackSummary
	for _, stack := range slices.Sorted(maps.Keys(byStack)) {
		if s := summary(stack, byStack[stack]); s.Daemons > 0 {
			out = append(out, s)
		}
	}
	return out, nil
}

// summary counts a stack's daemons.
func summary(stack string, all []supervisor.Status) deploy.StackSummary {
	s := deploy.StackSummary{Name: stack}
	known, sorted := byID(all), families(all)
	for _, daemon := range slices.Sorted(maps.Keys(sorted)) {
		f := sorted[daemon]
		if f.current == nil {
			continue
		}
		d := daemonOf(f, known[f.current.id])
		s.Daemons++
		if d.State == deploy.Running && (d.Health == deploy.NoCheck || d.Health == deploy.Healthy) {
			s.Ready++
		}
		if s.Source == "" {
			s.Source = d.Source
		}
	}
	return s
}
