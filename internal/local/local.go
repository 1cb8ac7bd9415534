// Package local is the local platform: it decides which runtime runs a stack on this machine, and opens it.
package local

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// Auto leaves the choice of the runtime to what is on the machine.
const Auto = "auto"

// Options say which runtime is meant.
type Options struct {
	Runtime       string                      // auto, docker or process; empty is auto
	DockerHost    string                      // as DOCKER_HOST; empty leaves it to the environment
	DockerContext string                      // a stored context of the Docker command line
	LookupEnv     func(string) (string, bool) // nil is the process's own environment
	Socket        string                      // where an engine would listen; empty is the usual place
}

// Choice is the runtime that is to be used, and why, for people.
type Choice struct {
	Runtime manifest.Runtime
	Because string
}

// Choose decides without talking to anything. A sign of Docker means Docker, and that it does not answer is then an
// error: running a stack a second time under another runtime because an engine is down would be worse.
func Choose(o Options) (Choice, error) {
	switch o.Runtime {
	case string(manifest.Docker), string(manifest.Process):
		return Choice{manifest.Runtime(o.Runtime), "asked for"}, nil
	case Auto, "":
	default:
		return Choice{}, fmt.Errorf("there is no runtime %q; there are auto, docker and process", o.Runtime)
	}
	if sign := o.docker(); sign != "" {
		return Choice{manifest.Docker, sign}, nil
	}
	return Choice{manifest.Process, "there is no sign of Docker: no DOCKER_HOST, no context, no socket"}, nil
}

// docker names the first sign that a Docker engine is meant to be used.
func (o Options) docker() string {
	switch {
	case o.DockerHost != "":
		return "a Docker host is given"
	case o.DockerContext != "":
		return "the Docker context " + o.DockerContext + " is given"
	case o.env(client.EnvOverrideHost) != "":
		return "DOCKER_HOST is set"
	case o.env("DOCKER_CONTEXT") != "":
		return "DOCKER_CONTEXT is set"
	}
	// A configuration that cannot be read is a sign too: the connection will tell what is wrong with it.
	file, err := config.Load(engine.ConfigDir(o.LookupEnv))
	if err != nil {
		return "there is a Docker configuration"
	}
	if name := file.CurrentContext; name != "" && name != "default" {
		return "the current Docker context is " + name
	}
	if _, err := os.Stat(o.socket()); err == nil {
		return "there is " + o.socket()
	}
	return ""
}

func (o Options) env(name string) string {
	lookup := o.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, _ := lookup(name)
	return value
}

func (o Options) socket() string {
	if o.Socket != "" {
		return o.Socket
	}
	_, path, _ := strings.Cut(client.DefaultDockerHost, "://")
	return path
}

// Open opens the runtime that was chosen.
func Open(ctx context.Context, o Options, c Choice) (deploy.Platform, error) {
	if c.Runtime == manifest.Docker {
		return docker.Open(ctx, docker.Options{Host: o.DockerHost, Context: o.DockerContext, LookupEnv: o.LookupEnv})
	}
	return nil, &deploy.Problem{
		Reason:  deploy.Unavailable,
		Message: fmt.Sprintf("this build of alien has no %s runtime (chosen because: %s)", c.Runtime, c.Because),
		Hint:    "start Docker, or name an engine with DOCKER_HOST or --docker-context",
	}
}
