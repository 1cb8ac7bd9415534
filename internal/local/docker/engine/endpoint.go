package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	dockercontext "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/cli/opts"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// defaultContext is the context that stands for the environment and the default socket.
const defaultContext = "default"

const inspectContext = "look at it with docker context inspect "

// target is the engine that is meant and how it was found.
type target struct {
	context  string // name of the stored context, empty where none was used
	endpoint docker.Endpoint
	headers  map[string]string // sent with every request, as the Docker configuration wants
}

// place names the target for people.
func (t target) place() string {
	address := hidePassword(t.endpoint.Host)
	if t.context != "" {
		return fmt.Sprintf("docker context %s (%s)", t.context, address)
	}
	return fmt.Sprintf("docker (%s)", address)
}

// refuse says that the target's address or certificates cannot be used. Errors of URL parsers quote the whole address,
// password and all.
func (t target) refuse(err error) error {
	text := strings.ReplaceAll(err.Error(), t.endpoint.Host, hidePassword(t.endpoint.Host))
	return &deploy.Problem{Reason: deploy.Unavailable, Message: "cannot use " + t.place(), Hint: "correct its address or its certificates", Err: errors.New(text)}
}

// resolve finds the engine that is meant, in the order of the docker command. A rootless engine's socket is not
// guessed: docker does not do so either, its set-up stores a context.
func resolve(o Options) (target, error) {
	if o.Host != "" && o.Context != "" {
		return target{}, unavailable(nil, "give only one of them",
			"both a Docker host (%s) and a Docker context (%s) are given", hidePassword(o.Host), o.Context)
	}
	dir := ConfigDir(o.LookupEnv)
	file, err := config.Load(dir)
	// An explicit address needs nothing of the configuration; without one, it may name the engine that is meant.
	if err != nil && o.Host == "" && o.env(client.EnvOverrideHost) == "" {
		return target{}, unavailable(err, "correct config.json in "+dir, "cannot read the Docker configuration")
	}
	t := target{context: contextName(o, file.CurrentContext), headers: file.HTTPHeaders}
	if t.context == "" {
		t.endpoint, err = addressed(o, dir)
	} else {
		t.endpoint, err = stored(filepath.Join(dir, "contexts"), t.context)
	}
	return t, err
}

// contextName is the stored context to use, empty for the environment's own address.
func contextName(o Options, current string) string {
	var name string
	switch {
	case o.Context != "":
		name = o.Context
	case o.Host != "" || o.env(client.EnvOverrideHost) != "":
	case o.env("DOCKER_CONTEXT") != "":
		name = o.env("DOCKER_CONTEXT")
	default:
		name = current
	}
	if name == defaultContext {
		return ""
	}
	return name
}

// stored reads a context from Docker's store.
func stored(dir, name string) (docker.Endpoint, error) {
	s := store.New(dir, store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	meta, err := s.GetMetadata(name)
	if errors.Is(err, fs.ErrNotExist) {
		return docker.Endpoint{}, unavailable(nil, "`docker context ls` lists those there are; DOCKER_CONTEXT, --docker-context and `docker context use` choose",
			"there is no Docker context %q", name)
	}
	if err != nil {
		return docker.Endpoint{}, unavailable(err, inspectContext+name, "cannot read the Docker context %q", name)
	}
	endpoint, err := docker.EndpointFromContext(meta)
	if err != nil {
		return docker.Endpoint{}, unavailable(err, inspectContext+name, "the Docker context %q names no Docker engine", name)
	}
	ep, err := docker.WithTLSData(s, name, endpoint)
	if err != nil {
		return docker.Endpoint{}, unavailable(err, inspectContext+name, "cannot read the certificates of the Docker context %q", name)
	}
	if ep.Host == "" {
		ep.Host = client.DefaultDockerHost
	}
	return ep, nil
}

// addressed is the endpoint that the host option or the environment names, else the default socket.
func addressed(o Options, configDir string) (docker.Endpoint, error) {
	host := o.Host
	if host == "" {
		host = o.env(client.EnvOverrideHost)
	}
	verify := o.env(client.EnvTLSVerify) != ""
	useTLS := verify || o.env("DOCKER_TLS") != ""
	address, err := opts.ParseHost(useTLS, host)
	if err != nil {
		return docker.Endpoint{}, unavailable(nil, "write unix:///path, tcp://host:port or ssh://user@host",
			"%q is no address of a Docker engine", hidePassword(host))
	}
	ep := docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: address}}
	if useTLS {
		ep.SkipTLSVerify = !verify
		ep.TLSData, err = certificates(o.env(client.EnvOverrideCertPath), configDir)
	}
	if err != nil {
		return docker.Endpoint{}, unavailable(err, "put ca.pem, cert.pem and key.pem into DOCKER_CERT_PATH",
			"cannot read the certificates for the Docker engine at %s", hidePassword(address))
	}
	return ep, nil
}

// certificates reads what exists of ca.pem, cert.pem and key.pem. The authority's must exist where a directory was named:
// without it the system's authorities would silently be trusted instead.
func certificates(dir, fallback string) (*dockercontext.TLSData, error) {
	named := dir != ""
	if !named {
		dir = fallback
	}
	path := func(name string, required bool) string {
		p := filepath.Join(dir, name)
		if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) && !required {
			return ""
		}
		return p
	}
	return dockercontext.TLSDataFromFiles(path("ca.pem", named), path("cert.pem", false), path("key.pem", false))
}

// hidePassword hides the password of an address that carries one.
func hidePassword(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		scheme, rest = "", address
	} else {
		scheme += "://"
	}
	at := strings.LastIndex(rest, "@")
	if at < 0 {
		return address
	}
	user, _, hasPassword := strings.Cut(rest[:at], ":")
	if !hasPassword {
		return address
	}
	return scheme + user + ":***" + rest[at:]
}

// unavailable says that no engine can be found from what is configured.
func unavailable(err error, hint, format string, args ...any) error {
	return &deploy.Problem{Reason: deploy.Unavailable, Message: fmt.Sprintf(format, args...), Hint: hint, Err: err}
}
