package cli

import (
	"context"
	"fmt"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s"
	"github.com/alienplatform/alien-go/internal/local"
	"github.com/alienplatform/alien-go/internal/local/docker"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/local/login"
	"github.com/alienplatform/alien-go/internal/local/owner"
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
		return openCluster(d, c)
	}
	return nil, unavailable(fmt.Sprintf("this tool does not deploy to %s", t.Platform), "pass -p local")
}

// openCluster is the platform of a cluster. A lock that a process of this machine held is known to be abandoned as soon as
// that process has ended.
func openCluster(d *deps, c *common) (deploy.Platform, error) {
	me := owner.Current()
	return k8s.Open(k8s.Options{
		Context: c.context, Namespace: c.name, LookupEnv: d.env, Version: buildInfo().version,
		CreateNamespace: c.createNamespace, ForceConflicts: c.forceConflicts,
		Login: login.New(engine.ConfigDir(d.env)).Authenticator,
		Self:  k8s.Holder{Host: me.Host, User: me.User, Boot: me.Boot, Space: me.Space, PID: me.PID, Start: me.Start},
		Dead: func(h k8s.Holder) bool {
			return owner.Owner{Boot: h.Boot, Space: h.Space, PID: h.PID, Start: h.Start}.Dead(me)
		},
	})
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

// processOwner names a process so that others can tell for sure whether it is still there.
type processOwner = owner.Owner

func thisProcess() processOwner { return owner.Current() }
