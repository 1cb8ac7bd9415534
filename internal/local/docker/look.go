package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/alienplatform/alien-go/internal/local/docker/engine"
)

// list gives the containers that carry the labels, stopped ones too.
func (p *platform) list(ctx context.Context, labels ...string) ([]container.Summary, error) {
	found, err := p.api.ContainerList(ctx, container.ListOptions{All: true, Filters: labelled(labels...)})
	if err != nil {
		return nil, engine.Problem(fmt.Errorf("cannot list containers: %w", err))
	}
	return slices.DeleteFunc(found, func(c container.Summary) bool {
		return c.State == container.StateRemoving || c.Labels[labelDaemon] == ""
	}), nil
}

// inspections holds what was inspected of containers, by id. One that vanished meanwhile is absent.
type inspections map[string]container.InspectResponse

// inspect looks closely at containers, several at once.
func (p *platform) inspect(ctx context.Context, ids []string) (inspections, error) {
	answers := make([]container.InspectResponse, len(ids))
	errs := make([]error, len(ids))
	each(len(ids), func(i int) {
		if answers[i], errs[i] = p.api.ContainerInspect(ctx, ids[i]); errdefs.IsNotFound(errs[i]) {
			errs[i] = nil
		}
	})
	if err := errors.Join(errs...); err != nil {
		return nil, engine.Problem(fmt.Errorf("cannot inspect containers: %w", err))
	}
	found := inspections{}
	for i, id := range ids {
		if answers[i].ContainerJSONBase != nil {
			found[id] = answers[i]
		}
	}
	return found, nil
}

// families sorts containers by daemon, each into its family. What was inspected tells more of a member than its line in
// the list does.
func families(stack string, list []container.Summary, seen inspections) map[string]family {
	members := map[string][]member{}
	for _, c := range list {
		daemon := c.Labels[labelDaemon]
		members[daemon] = append(members[daemon], newMember(c, seen))
	}
	out := make(map[string]family, len(members))
	for daemon, m := range members {
		out[daemon] = newFamily(daemon, stack+"-"+daemon, m)
	}
	return out
}

func newMember(c container.Summary, seen inspections) member {
	m := member{id: c.ID, name: nameOf(c), created: c.Created, started: c.State != container.StateCreated}
	m.running = c.State == container.StateRunning || c.State == container.StateRestarting || c.State == container.StatePaused
	if in, ok := seen[c.ID]; ok {
		m.started = m.started || in.State.Error != "" || in.State.Running
		m.running = in.State.Running
		m.noPolicy = in.HostConfig.RestartPolicy.IsNone()
	}
	return m
}

// nameOf is a container's own name: the one without a link's path in it.
func nameOf(c container.Summary) string {
	for _, n := range c.Names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n
		}
	}
	return ""
}

// doubtful are the containers whose part a list alone does not tell: never started under the final name, where only the
// recorded error tells a failed start from none, and those that a change had put aside.
func doubtful(stack string, list []container.Summary) []string {
	var ids []string
	for _, c := range list {
		own, name := stack+"-"+c.Labels[labelDaemon], nameOf(c)
		if name == own && c.State == container.StateCreated || name == own+previousSuffix || name == own+retiredSuffix {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// look lists a stack's containers, or those of one of its daemons, and sorts them into families.
func (p *platform) look(ctx context.Context, stack, daemon string) (map[string]family, error) {
	labels := []string{labelStack, stack}
	if daemon != "" {
		labels = append(labels, labelDaemon, daemon)
	}
	list, err := p.list(ctx, labels...)
	if err != nil {
		return nil, err
	}
	seen, err := p.inspect(ctx, doubtful(stack, list))
	if err != nil {
		return nil, err
	}
	return families(stack, list, seen), nil
}
