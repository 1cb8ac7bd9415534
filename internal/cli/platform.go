package cli

import (
	"context"
	"fmt"

	"github.com/alienplatform/alien-go/internal/deploy"
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
		return nil, unavailable("this version cannot run daemons with the process runtime yet",
			"start a Docker engine, or set DOCKER_HOST, and pass --runtime docker")
	case t.Platform == manifest.Kubernetes:
		return nil, unavailable("this version cannot deploy to Kubernetes yet", "pass -p local to run on Docker")
	}
	return nil, unavailable(fmt.Sprintf("this tool does not deploy to %s", t.Platform), "pass -p local")
}

func unavailable(message, hint string) error {
	return &deploy.Problem{Reason: deploy.Unavailable, Message: message, Hint: hint}
}
