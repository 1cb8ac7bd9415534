// Package floor does what the benchmarks measure on a Docker engine with as little as it takes: calls of its API, and nothing
// beside them.
package floor

import (
	"context"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

// The labels of containers. That of the daemon has its name.
const (
	project = "dev.alien.bench.project"
	Daemon  = "dev.alien.bench.daemon"
)

// parallel is how many calls are made at once: more do not help an engine.
const parallel = 4

// Engine is a Docker engine, and the image that its containers are made of.
type Engine struct {
	API   *client.Client
	Image string
}

// Scope is the label of a project's containers, NAME=value.
func Scope(name string) string { return project + "=" + name }

// Do does a step, "up", "update", "status" or "down", on the n daemons of a project, and gives the time that it took. Of any
// other step there is nothing to measure.
func (e Engine) Do(ctx context.Context, step, name string, n int) (measure.Usage, error) {
	work, known := map[string]func(context.Context, string, int) error{
		"up": e.up, "update": e.update, "down": e.down,
		"status": func(ctx context.Context, name string, _ int) error { _, err := e.list(ctx, name); return err },
	}[step]
	if !known {
		return measure.Usage{}, nil
	}
	begin := time.Now()
	err := work(ctx, name, n)
	return measure.Usage{Took: time.Since(begin)}, err
}

// Gone removes what a failure left of a project.
func (e Engine) Gone(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	left, _ := e.list(ctx, name)
	for _, c := range left {
		_ = e.API.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true})
	}
}

func (e Engine) up(ctx context.Context, name string, n int) error {
	return each(ctx, n, func(ctx context.Context, i int) error {
		id, err := e.create(ctx, name, daemon(i), daemon(i))
		if err != nil {
			return err
		}
		return e.API.ContainerStart(ctx, id, container.StartOptions{})
	})
}

// update has each new container made before the old one stops.
func (e Engine) update(ctx context.Context, name string, n int) error {
	return each(ctx, n, func(ctx context.Context, i int) error {
		id, err := e.create(ctx, name, daemon(i), daemon(i)+"-new")
		if err != nil {
			return err
		}
		old := name + "-" + daemon(i)
		if err := e.API.ContainerStop(ctx, old, container.StopOptions{}); err != nil {
			return err
		}
		if err := e.API.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
			return err
		}
		return e.API.ContainerRemove(ctx, old, container.RemoveOptions{})
	})
}

func (e Engine) down(ctx context.Context, name string, _ int) error {
	all, err := e.list(ctx, name)
	if err != nil {
		return err
	}
	return each(ctx, len(all), func(ctx context.Context, i int) error {
		if err := e.API.ContainerStop(ctx, all[i].ID, container.StopOptions{}); err != nil {
			return err
		}
		return e.API.ContainerRemove(ctx, all[i].ID, container.RemoveOptions{})
	})
}

// each does something for every number below n, a few at once.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

func daemon(i int) string { return fmt.Sprintf("d%02d", i) }

func (e Engine) create(ctx context.Context, name, daemon, instance string) (string, error) {
	c, err := e.API.ContainerCreate(ctx, &container.Config{
		Image: e.Image, Entrypoint: []string{"/daemon", "run"},
		Labels: map[string]string{project: name, Daemon: daemon},
	}, &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "unless-stopped"}}, nil, nil, name+"-"+instance)
	return c.ID, err
}

func (e Engine) list(ctx context.Context, name string) ([]container.Summary, error) {
	return e.API.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", Scope(name)))})
}
