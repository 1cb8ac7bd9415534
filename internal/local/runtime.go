// Package local is the local platform: daemons on this machine, or on a Docker engine that this machine is set up to use.
package local

import (
	"os"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// Runtime decides what runs daemons when nobody said so: Docker where anything points to an engine, else the process
// runtime. It looks and talks to nobody: an engine that is meant and does not answer is an error later, not a reason to
// run the daemons elsewhere.
func Runtime(lookupEnv func(string) (string, bool)) manifest.Runtime {
	return runtime(lookupEnv, client.DefaultDockerHost)
}

func runtime(lookupEnv func(string) (string, bool), defaultHost string) manifest.Runtime {
	if meant(lookupEnv) || exists(defaultHost) {
		return manifest.Docker
	}
	return manifest.Process
}

// meant says whether the environment or the Docker configuration names an engine. A configuration that cannot be read
// counts: whoever has one means Docker.
func meant(lookupEnv func(string) (string, bool)) bool {
	if host, _ := lookupEnv(client.EnvOverrideHost); host != "" {
		return true
	}
	if name, _ := lookupEnv("DOCKER_CONTEXT"); name != "" {
		return name != "default"
	}
	file, err := config.Load(engine.ConfigDir(lookupEnv))
	return err != nil || file.CurrentContext != "" && file.CurrentContext != "default"
}

// exists looks for the socket, or on Windows the pipe, of an address.
func exists(host string) bool {
	_, path, _ := strings.Cut(host, "://")
	_, err := os.Stat(path)
	return err == nil
}
