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

// bare is the bare API.
type bare struct{ floor.Engine }

func (bare) name() string                { return "floor" }
func (bare) label() string               { return floor.Daemon }
func (bare) scope(project string) string { return floor.Scope(project) }
func (b bare) gone(project string)       { b.Gone(project) }

func (b bare) do(ctx context.Context, step, project string, n int) (measure.Usage, error) {
	return b.Do(ctx, step, project, n)
}
