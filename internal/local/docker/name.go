package docker

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/workload"
)

// inTheMaking bounds the wait for a container that an earlier run, killed since, had asked the engine for.
const inTheMaking = 20 * time.Second

// nameHolder gives the id of the container that has the name already, where that is what an error says.
func nameHolder(err error) string {
	if err == nil {
		return ""
	}
	if found := regexp.MustCompile(`is already in use by container "?([0-9a-f]+)`).FindStringSubmatch(err.Error()); found != nil {
		return found[1]
	}
	return ""
}

// clear deals with a name that is taken: by a container of ours that was never started (the answer to our call was cut
// off, or who made it was killed) or is going already, which goes, or by somebody else's, which stays.
func (s *session) clear(ctx context.Context, w workload.Workload, name, holder string) error {
	in, err := s.api.ContainerInspect(ctx, holder)
	if errdefs.IsNotFound(err) {
		// The engine gives a name away before it lists the container: it is still making it, or has just removed it.
		if err = s.made(ctx, holder); err != nil {
			return err
		}
		in, err = s.api.ContainerInspect(ctx, holder)
	}
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	labels := in.Config.Labels
	ours := labels[labelStack] == w.Stack && labels[labelDaemon] == w.Daemon
	if ours && (in.State.Status == container.StateCreated || in.State.Status == container.StateRemoving) {
		return s.remove(ctx, in.ID)
	}
	who := container.Summary{ID: in.ID, Image: in.Config.Image, Labels: labels}
	return &deploy.Problem{Reason: deploy.NameTaken, Message: fmt.Sprintf("the name %s is taken by %s", name, whose(who))}
}

// made waits until the engine has told that a container was made or removed. That this may have happened already does
// no harm: the engine tells the past first. Where it never tells, because the making failed, the wait ends by itself.
func (s *session) made(ctx context.Context, id string) error {
	waiting, cancel := context.WithTimeout(ctx, inTheMaking)
	defer cancel()
	about := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)), filters.Arg("container", id),
		filters.Arg("event", string(events.ActionCreate)), filters.Arg("event", string(events.ActionDestroy)))
	messages, errs := s.api.Events(waiting, events.ListOptions{Since: "1", Filters: about})
	select {
	case <-messages:
		return nil
	case err := <-errs:
		if waiting.Err() != nil {
			return ctx.Err()
		}
		return engine.Problem(fmt.Errorf("cannot read the engine's events: %w", err))
	}
}
