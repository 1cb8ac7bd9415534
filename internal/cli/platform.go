package cli

import (
	"context"
	"fmt"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local"
	"github.com/alienplatform/alien-go/internal/local/docker"
	"github.com/alienplatform/alien-go/internal/local/process"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// openPlatform constructs the client of a target. It is the only place that knows the implementations, and it is called
// after preflight has passed.
func openPlatform(ctx context.Context, d *deps, c *common, t manifest.Target) (deploy.Platform, error) {
	switch {
	case t.Platform == manifest.Local && t.Runtime == manifest.Docker:
		return docker.Open(ctx, docker.Options{Context: c.dockerContext, LookupEnv: d.env})
	case t.Platform == manifest.Local:
		return process.Open(process.Options{LookupEnv: d.env})
	case t.Platform == manifest.Kubernetes:
		return nil, unavailable("this version cannot deploy to Kubernetes yet", "pass -p local to run on Docker")
	}
	return nil, unavailable(fmt.Sprintf("this tool does not deploy to %s", t.Platform), "pass -p local")
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

// embedded is the process runtime, as far as it is more than a platform.
type embedded struct{ process.Options }

func (d *deps) embedded() embedded { return embedded{process.Options{LookupEnv: d.env}} }

func (e embedded) empty() bool                           { return process.Empty(e.Options) }
func (e embedded) dir() (string, error)                  { return process.Dir(e.Options) }
func (e embedded) holds(stack string) (bool, error)      { return process.Holds(e.Options, stack) }
func (e embedded) gc(ctx context.Context) (int64, error) { return process.GC(ctx, e.Options) }
func (e embedded) resume(ctx context.Context) error      { return process.Resume(ctx, e.Options) }
func (e embedded) unit(program, by string) (string, error) {
	return process.Unit(e.Options, program, by)
}
