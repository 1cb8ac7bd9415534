package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

// alien is what we measure.
type alien struct {
	measure.Program
	dir, image string
}

func (alien) name() string                { return "alien" }
func (alien) label() string               { return "dev.alien.daemons.daemon" }
func (alien) scope(project string) string { return "dev.alien.daemons.stack=" + project }

func (a alien) do(ctx context.Context, step, project string, n int) (measure.Usage, error) {
	file := filepath.Join(a.dir, project+".yaml")
	if err := write(file, "name: "+project+"\ndaemons:\n", a.image, step, n); err != nil {
		return measure.Usage{}, err
	}
	verb := map[string]string{up: "up", unchanged: "up", update: "up", status: "status", down: "down"}[step]
	return a.Run(ctx, "daemon", verb, "-p", "local", "--runtime", "docker", "-f", file)
}

func (a alien) gone(project string) {
	_, _ = a.Run(context.Background(), "daemon", "down", "-p", "local", "--runtime", "docker", "--stack", project)
}

// compose is the peer that people know.
type compose struct {
	measure.Program
	dir, image string
}

func (compose) name() string                { return "compose" }
func (compose) label() string               { return "com.docker.compose.service" }
func (compose) scope(project string) string { return "com.docker.compose.project=" + project }

func (c compose) do(ctx context.Context, step, project string, n int) (measure.Usage, error) {
	file := filepath.Join(c.dir, project+".yaml")
	if err := write(file, "name: "+project+"\nservices:\n", c.image, step, n); err != nil {
		return measure.Usage{}, err
	}
	verb := map[string][]string{
		up: {"up", "-d", "--wait"}, unchanged: {"up", "-d", "--wait"}, update: {"up", "-d", "--wait"},
		status: {"ps"}, down: {"down"},
	}[step]
	return c.Run(ctx, append([]string{"-f", file}, verb...)...)
}

func (c compose) gone(project string) {
	_, _ = c.Run(context.Background(), "-p", project, "down")
}

// write writes a file that both of them understand: names, an image, a command and one variable, which an update
// changes.
func write(file, head, image, step string, n int) error {
	version := 1
	if step == update || step == down {
		version = 2
	}
	var text strings.Builder
	text.WriteString(head)
	for i := range n {
		fmt.Fprintf(&text, "  d%02d:\n    image: %s\n    command: [/daemon, run]\n    environment: {VERSION: \"%d\"}\n", i, image, version)
		if strings.Contains(head, "services") {
			// As the image has an entrypoint, which compose keeps and alien's command replaces.
			fmt.Fprint(&text, "    entrypoint: []\n    restart: unless-stopped\n")
		}
	}
	return os.WriteFile(file, []byte(text.String()), 0o600)
}

// parallel is how many calls the floor makes at once: more do not help an engine.
const parallel = 4

const (
	floorProject = "dev.alien.bench.project"
	floorDaemon  = "dev.alien.bench.daemon"
)

// floor is the bare API.
type floor struct {
	api   *client.Client
	image string
}

func (floor) name() string                { return "floor" }
func (floor) label() string               { return floorDaemon }
func (floor) scope(project string) string { return floorProject + "=" + project }

func (f floor) do(ctx context.Context, step, project string, n int) (measure.Usage, error) {
	work, ok := map[string]func(ctx context.Context, name string) error{
		up:     func(ctx context.Context, name string) error { return f.start(ctx, project, name, name) },
		update: func(ctx context.Context, name string) error { return f.replace(ctx, project, name) },
		down:   func(ctx context.Context, name string) error { return f.stop(ctx, project+"-"+name+"-new") },
		status: nil,
	}[step]
	if !ok {
		return measure.Usage{}, nil
	}
	begin := time.Now()
	if work == nil {
		_, err := f.list(ctx, project)
		return measure.Usage{Took: time.Since(begin)}, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range n {
		g.Go(func() error { return work(ctx, fmt.Sprintf("d%02d", i)) })
	}
	err := g.Wait()
	return measure.Usage{Took: time.Since(begin)}, err
}

func (f floor) create(ctx context.Context, project, daemon, name string) (string, error) {
	c, err := f.api.ContainerCreate(ctx, &container.Config{
		Image: f.image, Entrypoint: []string{"/daemon", "run"},
		Labels: map[string]string{floorProject: project, floorDaemon: daemon},
	}, &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "unless-stopped"}}, nil, nil, project+"-"+name)
	return c.ID, err
}

func (f floor) start(ctx context.Context, project, daemon, name string) error {
	id, err := f.create(ctx, project, daemon, name)
	if err != nil {
		return err
	}
	return f.api.ContainerStart(ctx, id, container.StartOptions{})
}

// replace has the new container made before the old one stops.
func (f floor) replace(ctx context.Context, project, daemon string) error {
	id, err := f.create(ctx, project, daemon, daemon+"-new")
	if err != nil {
		return err
	}
	if err := f.api.ContainerStop(ctx, project+"-"+daemon, container.StopOptions{}); err != nil {
		return err
	}
	if err := f.api.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return err
	}
	return f.api.ContainerRemove(ctx, project+"-"+daemon, container.RemoveOptions{})
}

func (f floor) stop(ctx context.Context, name string) error {
	if err := f.api.ContainerStop(ctx, name, container.StopOptions{}); err != nil {
		return err
	}
	return f.api.ContainerRemove(ctx, name, container.RemoveOptions{})
}

func (f floor) list(ctx context.Context, project string) ([]container.Summary, error) {
	return f.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", f.scope(project)))})
}

func (f floor) gone(project string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	left, _ := f.list(ctx, project)
	for _, c := range left {
		_ = f.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true})
	}
}
