package cli

import (
	"context"
	"fmt"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local"
	"github.com/alienplatform/alien-go/internal/local/docker"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// openPlatform constructs the client of a target. It is the only place that knows the implementations, and it is called
// after preflight has passed.
func openPlatform(ctx context.Context, d *deps, c *common, t manifest.Target) (deploy.Platform, error) {
	switch {
	case t.Platform == manifest.Local && t.Runtime == manifest.Docker:
		return docker.Open(ctx, docker.Options{Context: c.dockerContext, LookupEnv: d.env})
	case t.Platform == manifest.Local:
		return nil, noProcessRuntime(c)
	case t.Platform == manifest.Kubernetes:
		return nil, unavailable("this version cannot deploy to Kubernetes yet", "pass -p local to run on Docker")
	}
	return nil, unavailable(fmt.Sprintf("this tool does not deploy to %s", t.Platform), "pass -p local")
}

func noProcessRuntime(c *common) error {
	const hint = "start a Docker engine, or point DOCKER_HOST or --docker-context to one"
	if c.runtime == "auto" {
		return unavailable("no Docker engine is set up here (no DOCKER_HOST, no Docker context, no socket), and this version "+
			"cannot run daemons with the process runtime yet", hint)
	}
	return unavailable("this version cannot run daemons with the process runtime yet", hint+"; then pass --runtime docker")
}

// autoRuntime is what runs local daemons when nobody said so; it looks, and talks to nothing.
func autoRuntime(d *deps, c *common) manifest.Runtime {
	if c.dockerContext != "" {
		return manifest.Docker
	}
	return local.Runtime(d.env)
}

func unavailable(message, hint string) error {
	return &deploy.Problem{Reason: deploy.Unavailable, Message: message, Hint: hint}
}
