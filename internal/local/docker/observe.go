package docker

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Observe implements deploy.Platform.
func (p *platform) Observe(ctx context.Context, stack string, ws []workload.Workload) (o deploy.Observed, err error) {
	err = p.steady(ctx, func() error { o, err = p.observeOnce(ctx, stack, ws); return err })
	return o, err
}

func (p *platform) observeOnce(ctx context.Context, stack string, ws []workload.Workload) (deploy.Observed, error) {
	var o deploy.Observed
	var named []container.Summary
	var volumes []*volume.Volume
	var untidy bool
	calls := []func() error{
		func() (err error) { o.Daemons, untidy, err = p.daemons(ctx, stack); return err },
		func() (err error) { volumes, err = p.volumes(ctx, stack); return err },
	}
	if len(ws) > 0 {
		calls = append(calls,
			func() (err error) { o.Images, o.Unresolved, err = p.images.Resolve(ctx, ws); return err },
			func() (err error) { named, err = p.named(ctx, ws); return err })
	}
	if err := both(calls...); err != nil {
		return deploy.Observed{}, err
	}
	o.Data = data(volumes)
	over, locked := deserted(volumes)
	o.Unclean = over && (locked || untidy)
	o.Taken = taken(ws, named)
	for _, d := range o.Daemons {
		if o.Key == nil {
			o.Key = d.Key
		}
	}
	return o, nil
}

// daemons reports every daemon of a stack: one list, one close look at each current container, and where some of them
// were restarted one question about how their last runs had ended. It also tells whether there is something to heal.
func (p *platform) daemons(ctx context.Context, stack string) (out []deploy.Daemon, untidy bool, err error) {
	list, err := p.list(ctx, labelStack, stack)
	if err != nil {
		return nil, false, err
	}
	ids := doubtful(stack, list)
	for _, f := range families(stack, list, nil) {
		if f.current != nil && !slices.Contains(ids, f.current.id) {
			ids = append(ids, f.current.id)
		}
	}
	seen, err := p.inspect(ctx, ids)
	if err != nil {
		return nil, false, err
	}
	p.checkStarting(ctx, seen)
	ended, err := p.endings(ctx, stack, seen)
	if err != nil {
		return nil, false, err
	}
	byID := map[string]container.Summary{}
	for _, c := range list {
		byID[c.ID] = c
	}
	all := families(stack, list, seen)
	for _, daemon := range slices.Sorted(maps.Keys(all)) {
		f := all[daemon]
		untidy = untidy || f.aside() || len(f.leftovers) > 0
		if f.current == nil {
			continue
		}
		if in, ok := seen[f.current.id]; ok {
			out = append(out, p.daemon(f, byID[f.current.id], in, ended[f.current.id]))
		}
	}
	return out, untidy, nil
}

// daemon puts together what is known of one daemon.
func (p *platform) daemon(f family, c container.Summary, in container.InspectResponse, ended *deploy.Exit) deploy.Daemon {
	d := recorded(c.Labels)
	d.Observation = p.observation(f.daemon, in, ended)
	d.ImageID = c.ImageID
	d.Unfinished = f.previous != nil
	d.Renamed = f.renamed()
	for _, m := range f.duplicates {
		d.Duplicates = append(d.Duplicates, m.name)
	}
	return d
}

// endings asks the engine how the last runs ended of containers that it has started again since: a container itself
// says 0 then. The engine only remembers a few hundred events, so the answer may be missing.
func (p *platform) endings(ctx context.Context, stack string, seen inspections) (map[string]*deploy.Exit, error) {
	restarted := slices.ContainsFunc(slices.Collect(maps.Values(seen)), func(in container.InspectResponse) bool {
		return in.State.Running && !in.State.Restarting && !moment(in.State.FinishedAt).IsZero()
	})
	if !restarted {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages, errs := p.api.Events(ctx, events.ListOptions{Since: "1", Until: until(time.Now()), Filters: eventFilter(stack)})
	book := endings{}
	for {
		select {
		case m := <-messages:
			book.note(m)
		case err := <-errs:
			if ended(err) {
				return book.exits(), nil
			}
			return nil, engine.Problem(fmt.Errorf("cannot read the engine's events: %w", err))
		}
	}
}

// named finds the containers that have the names our containers would get, whoever made them.
func (p *platform) named(ctx context.Context, ws []workload.Workload) ([]container.Summary, error) {
	args := filters.NewArgs()
	for _, w := range ws {
		args.Add("name", "^/?"+regexp.QuoteMeta(w.Name())+"$")
	}
	found, err := p.api.ContainerList(ctx, container.ListOptions{All: true, Filters: args})
	if err != nil {
		return nil, engine.Problem(fmt.Errorf("cannot list containers: %w", err))
	}
	return found, nil
}

// taken tells which daemons' names others have.
func taken(ws []workload.Workload, named []container.Summary) map[string]string {
	others := map[string]string{}
	for _, c := range named {
		others[nameOf(c)] = whose(c)
	}
	out := map[string]string{}
	for _, w := range ws {
		if other := others[w.Name()]; other != "" && other != ours(w.Stack, w.Daemon) {
			out[w.Daemon] = other
		}
	}
	return out
}

// whose describes whose container it is, for people.
func whose(c container.Summary) string {
	if stack := c.Labels[labelStack]; stack != "" {
		return ours(stack, c.Labels[labelDaemon])
	}
	return fmt.Sprintf("container %s of image %s", id12(c.ID), c.Image)
}

func ours(stack, daemon string) string { return fmt.Sprintf("daemon %s of stack %s", daemon, stack) }

// volumes lists what a stack has of them: the data of its resources, and the tickets of its lock.
func (p *platform) volumes(ctx context.Context, stack string) ([]*volume.Volume, error) {
	answer, err := p.api.VolumeList(ctx, volume.ListOptions{Filters: labelled(labelStack, stack)})
	if err != nil {
		return nil, engine.Problem(fmt.Errorf("cannot list volumes: %w", err))
	}
	return answer.Volumes, nil
}

// data are the places of a stack's resources among its volumes.
func data(volumes []*volume.Volume) (out []deploy.Data) {
	for _, v := range volumes {
		if resource := v.Labels[labelResource]; resource != "" {
			out = append(out, deploy.Data{Name: v.Name, Resource: resource})
		}
	}
	slices.SortFunc(out, func(a, b deploy.Data) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Stacks implements deploy.Platform.
func (p *platform) Stacks(ctx context.Context) ([]deploy.StackSummary, error) {
	list, err := p.list(ctx, labelStack, "")
	if err != nil {
		return nil, err
	}
	byStack := map[string][]container.Summary{}
	for _, c := range list {
		byStack[c.Labels[labelStack]] = append(byStack[c.Labels[labelStack]], c)
	}
	var out []deploy.StackSummary
	for _, stack := range slices.Sorted(maps.Keys(byStack)) {
		if s := summary(stack, byStack[stack]); s.Daemons > 0 {
			out = append(out, s)
		}
	}
	return out, nil
}

// summary counts a stack's daemons from the list alone; its status column tells the health.
func summary(stack string, list []container.Summary) deploy.StackSummary {
	s := deploy.StackSummary{Name: stack}
	byID := map[string]container.Summary{}
	for _, c := range list {
		byID[c.ID] = c
	}
	all := families(stack, list, nil)
	for _, daemon := range slices.Sorted(maps.Keys(all)) {
		if all[daemon].current == nil {
			continue
		}
		c := byID[all[daemon].current.id]
		s.Daemons++
		sick := strings.Contains(c.Status, "(unhealthy)") || strings.Contains(c.Status, "(health: starting)")
		if c.State == container.StateRunning && !sick {
			s.Ready++
		}
		if s.Source == "" {
			s.Source = c.Labels[labelSource]
		}
	}
	return s
}
