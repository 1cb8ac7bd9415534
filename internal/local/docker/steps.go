package docker

import (
	"context"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// take makes the calls of a list one after the other, and tells about each before it is made. who names the daemon's
// container in errors.
func (p *platform) take(ctx context.Context, who string, steps []step, before ...func(step)) error {
	for _, s := range steps {
		for _, tell := range before {
			tell(s)
		}
		if err := p.call(ctx, s); err != nil {
			return failure(s.op, who, err)
		}
	}
	return nil
}

// call makes one call. All of them may be made twice.
func (p *platform) call(ctx context.Context, s step) error {
	switch s.op {
	case opRename:
		return p.rename(ctx, s)
	case opAside:
		err := p.rename(ctx, s)
		if err != nil && containsAny(err.Error(), "sandbox") {
			if err = p.stop(ctx, s.id, container.StopOptions{}); err == nil {
				err = p.rename(ctx, s)
			}
		}
		return err
	case opHold:
		err := p.policy(ctx, s.id, container.RestartPolicyDisabled)
		if err != nil && containsAny(strings.ToLower(err.Error()), "cannot update") {
			if err = p.stop(ctx, s.id, container.StopOptions{}); err == nil {
				err = p.policy(ctx, s.id, container.RestartPolicyDisabled)
			}
		}
		return err
	case opRelease:
		return p.policy(ctx, s.id, container.RestartPolicyUnlessStopped)
	case opStop:
		return p.stop(ctx, s.id, container.StopOptions{})
	case opEnd:
		return p.stop(ctx, s.id, hurried(ctx))
	case opStart:
		return p.api.ContainerStart(ctx, s.id, container.StartOptions{})
	case opRemove:
		return p.remove(ctx, s.id)
	}
	return fmt.Errorf("there is no step %q", s.op)
}

// rename is done as well where the container has the name.
func (p *platform) rename(ctx context.Context, s step) error {
	err := p.api.ContainerRename(ctx, s.id, s.name)
	if err != nil && containsAny(err.Error(), "Renaming a container with the same name") {
		return nil
	}
	return err
}

func (p *platform) policy(ctx context.Context, id string, name container.RestartPolicyMode) error {
	_, err := p.api.ContainerUpdate(ctx, id, container.UpdateConfig{RestartPolicy: container.RestartPolicy{Name: name}})
	return err
}

// hurried cuts a container's stop grace where its context has a deadline.
func hurried(ctx context.Context) container.StopOptions {
	if _, hurry := ctx.Deadline(); !hurry {
		return container.StopOptions{}
	}
	return container.StopOptions{Timeout: new(int)}
}

// stop ends a container within its own stop grace. One that is gone, or does not run, is stopped.
func (p *platform) stop(ctx context.Context, id string, opts container.StopOptions) error {
	if err := p.api.ContainerStop(ctx, id, opts); !errdefs.IsNotFound(err) {
		return err
	}
	return nil
}

// remove takes a container away with the volumes that have no name. One that is gone already is no error.
func (p *platform) remove(ctx context.Context, id string) error {
	away := container.RemoveOptions{Force: true, RemoveVolumes: true}
	err := p.api.ContainerRemove(ctx, id, away)
	if err != nil && containsAny(err.Error(), "is not running") {
		// It ended by itself between the engine's look and its kill, as crash loops do. Stopped, it does not start again.
		if err = p.stop(ctx, id, container.StopOptions{Timeout: new(int)}); err == nil {
			err = p.api.ContainerRemove(ctx, id, away)
		}
	}
	switch {
	case errdefs.IsNotFound(err):
		return nil
	case err != nil && containsAny(err.Error(), "is already in progress"):
		gone, failed := p.api.ContainerWait(ctx, id, container.WaitConditionRemoved)
		select {
		case <-gone:
			return nil
		case err = <-failed:
			if errdefs.IsNotFound(err) {
				return nil
			}
		}
	}
	return err
}
