// Package engine finds the Docker engine that the user means, the way the docker command does, connects to it, and
// tells what is wrong when it does not answer.
package engine

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/docker/cli/cli/config"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// MinAPIVersion is the oldest engine API that is spoken here: Docker 20.10's.
const MinAPIVersion = "1.41"

// idleConnections is how many connections are kept for the next request. Go's default of two makes parallel applies dial
// anew most of the time, which is a TLS handshake or a whole ssh process each where the engine is remote.
const idleConnections = 16

// Options say which engine is meant. At most one of Host and Context is set; with neither, the environment and the
// Docker configuration decide.
type Options struct {
	Host      string                      // unix://, tcp://, ssh://, npipe://
	Context   string                      // name of a stored Docker context
	LookupEnv func(string) (string, bool) // nil is the process's own environment
}

// env gives a variable's value, empty when it is unset.
func (o Options) env(name string) string {
	lookup := o.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, _ := lookup(name)
	return value
}

// Connect gives a client of the engine, and the name of the place for people. It sends nothing: the first request does,
// and negotiates the API version. An engine that cannot be found from what is configured is a *deploy.Problem.
func Connect(_ context.Context, o Options) (*client.Client, string, error) {
	if err := checkVersion(o.env(client.EnvOverrideAPIVersion), "DOCKER_API_VERSION asks for"); err != nil {
		return nil, "", err
	}
	t, err := resolve(o)
	if err != nil {
		return nil, "", err
	}
	opts, err := t.endpoint.ClientOpts()
	if err != nil {
		return nil, "", t.refuse(err)
	}
	opts = append(opts,
		client.WithVersion(o.env(client.EnvOverrideAPIVersion)),
		client.WithUserAgent("alien"),
		client.WithHTTPHeaders(t.headers),
		keepConnections)
	c, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, "", t.refuse(err)
	}
	return c, t.place(), nil
}

// keepConnections raises the number of idle connections.
func keepConnections(c *client.Client) error {
	if transport, ok := c.HTTPClient().Transport.(*http.Transport); ok {
		transport.MaxIdleConns = idleConnections
		transport.MaxIdleConnsPerHost = idleConnections
	}
	return nil
}

// Negotiate agrees with the engine on an API version, which otherwise happens inside the first request, and refuses an
// engine that is too old. It is the first thing to do on a connection: its error is a *deploy.Problem that tells why
// there is no connection.
func Negotiate(ctx context.Context, c client.APIClient) error {
	ping, err := c.Ping(ctx)
	if err != nil {
		return problem(err, c.DaemonHost())
	}
	c.NegotiateAPIVersionPing(ping)
	return checkVersion(c.ClientVersion(), fmt.Sprintf("the Docker engine at %s only has", hidePassword(c.DaemonHost())))
}

// checkVersion refuses an API version that is too old; an empty one is any.
func checkVersion(version, who string) error {
	if version == "" || versions.GreaterThanOrEqualTo(version, MinAPIVersion) {
		return nil
	}
	return &deploy.Problem{
		Reason:  deploy.Unavailable,
		Message: fmt.Sprintf("%s API %s, and at least %s is needed", who, version, MinAPIVersion),
		Hint:    "use Docker 20.10 or later",
	}
}

// ConfigDir is where the Docker command keeps its configuration.
func ConfigDir(lookupEnv func(string) (string, bool)) string {
	if dir := (Options{LookupEnv: lookupEnv}).env(config.EnvOverrideConfigDir); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return config.Dir()
	}
	return home + string(os.PathSeparator) + ".docker"
}
