package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alienplatform/alien-go/test/bench/floor"
	"github.com/alienplatform/alien-go/test/bench/measure"
)

// The peers; the first two are at once the names of alien's runtimes.
const (
	process     = "process"
	docker      = "docker"
	withCompose = "compose"
	bareEngine  = "floor"
)

// peer is one way to run daemons.
type peer interface {
	name() string
	// do does a step on the n daemons of a project.
	do(ctx context.Context, step, project string, n int) (measure.Usage, error)
	// gone removes what a failure left.
	gone(project string)
}

// alien is alien on one of its local runtimes.
type alien struct {
	measure.Program
	dir, runtime, image string
}

func (a alien) name() string { return a.runtime }

func (a alien) do(ctx context.Context, step, project string, n int) (measure.Usage, error) {
	// Without a settle time: it is the same everywhere, and would hide what is measured.
	file, err := write(a.dir, "name: "+project+"\ndaemons:\n", "    image: "+a.image+"\n    command: [/daemon, run]\n    minReadySeconds: 0\n", n)
	if err != nil {
		return measure.Usage{}, err
	}
	verb := map[string]string{up: "up", unchanged: "up", status: "status", down: "down"}[step]
	return a.Run(ctx, "daemon", verb, "-p", "local", "--runtime", a.runtime, "-f", file)
}

func (a alien) gone(project string) {
	_, _ = a.Run(context.Background(), "daemon", "down", "-p", "local", "--runtime", a.runtime, "--stack", project)
}

// compose is the peer that people know.
type compose struct {
	measure.Program
	dir, image string
}

func (compose) name() string { return withCompose }

func (c compose) do(ctx context.Context, step, project string, n int) (measure.Usage, error) {
	file, err := write(c.dir, "name: "+project+"\nservices:\n",
		"    image: "+c.image+"\n    entrypoint: []\n    command: [/daemon, run]\n    restart: unless-stopped\n", n)
	if err != nil {
		return measure.Usage{}, err
	}
	verb := map[string][]string{up: {"up", "-d", "--wait"}, unchanged: {"up", "-d", "--wait"}, status: {"ps"}, down: {"down"}}[step]
	return c.Run(ctx, append([]string{"-f", file}, verb...)...)
}

func (c compose) gone(project string) {
	_, _ = c.Run(context.Background(), "-p", project, "down")
}

// bare is a Docker engine's bare API.
type bare struct{ floor.Engine }

func (bare) name() string          { return bareEngine }
func (b bare) gone(project string) { b.Gone(project) }

func (b bare) do(ctx context.Context, step, project string, n int) (measure.Usage, error) {
	return b.Do(ctx, step, project, n)
}

// write writes the file of a project: n times the same daemon.
func write(dir, head, daemon string, n int) (string, error) {
	var text strings.Builder
	text.WriteString(head)
	for i := range n {
		fmt.Fprintf(&text, "  d%02d:\n%s", i, daemon)
	}
	file := filepath.Join(dir, "manifest.yaml")
	return file, os.WriteFile(file, []byte(text.String()), 0o600)
}
