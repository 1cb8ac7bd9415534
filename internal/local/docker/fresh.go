package docker

import (
	"cmp"
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
)

// Look implements deploy.Looker. The engine answers only when it is done with an exit that it is just taking in.
func (p *platform) Look(ctx context.Context, before deploy.Observation) (deploy.Observation, error) {
	in, err := p.api.ContainerInspect(ctx, before.Instance)
	switch {
	case errdefs.IsNotFound(err):
		return deploy.Observation{Daemon: before.Daemon, Instance: before.Instance, State: deploy.Gone}, nil
	case err != nil:
		return deploy.Observation{}, engine.Problem(fmt.Errorf("cannot inspect the container of %s: %w", before.Daemon, err))
	}
	ended, err := p.endings(ctx, in.Config.Labels[labelStack], inspections{in.ID: in})
	if err != nil {
		return deploy.Observation{}, err
	}
	return p.observation(before.Daemon, in, ended[in.ID]), nil
}

// checkStarting runs the health check once of those containers that the engine has not checked yet, so that one look
// tells whether they are healthy: the engine's first check comes a whole interval after the start, and until then it
// would call a daemon "starting" that up has just called ready.
func (p *platform) checkStarting(ctx context.Context, seen inspections) {
	var starting []container.InspectResponse
	for _, in := range seen {
		if _, passed := p.passed.Load(runOf(in)); !passed && unchecked(in) {
			starting = append(starting, in)
		}
	}
	each(len(starting), func(i int) {
		in := starting[i]
		timeout := cmp.Or(in.Config.Healthcheck.Timeout, probeTimeout)
		checked, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if probe, err := p.probe(checked, in.ID, probeCommand(in.Config), timeout); err == nil && probe.Code == 0 {
			p.passed.Store(runOf(in), struct{}{})
		}
	})
}

// unchecked says that a container runs whose health the engine has not looked at since its start.
func unchecked(in container.InspectResponse) bool {
	h := in.State.Health
	return in.State.Running && !in.State.Paused && h != nil && h.Status == container.Starting && len(h.Log) == 0 && probeCommand(in.Config) != nil
}

// runOf names the present run of a container.
func runOf(in container.InspectResponse) run { return run{in.ID, moment(in.State.StartedAt)} }
