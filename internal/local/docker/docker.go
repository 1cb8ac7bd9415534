// Package docker runs stacks on a Docker engine.
//
// One container per daemon, found again by its labels alone. What the engine cannot do for us is small: the order of
// steps in which a container is replaced (family.go), putting right what a killed run left behind (the same file), a
// lock that two machines sharing an engine agree on (lock.go), and the first health check, which the engine would run
// too late (probe.go).
package docker

import (
	"cmp"
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/local/docker/image"
)

// Options say which engine is meant.
type Options struct {
	Host      string // as DOCKER_HOST; empty leaves it to the environment
	Context   string // a stored context of the Docker command line
	LookupEnv func(string) (string, bool)
}

// Open connects to the engine.
func Open(ctx context.Context, o Options) (deploy.Platform, error) {
	api, place, err := engine.Connect(ctx, engine.Options{Host: o.Host, Context: o.Context, LookupEnv: o.LookupEnv})
	if err != nil {
		return nil, err
	}
	if err := engine.Negotiate(ctx, api); err != nil {
		return nil, err
	}
	return New(api, place, image.WithEnv(o.LookupEnv)), nil
}

// New is the platform of an engine that is connected already. place names it for people; the options are its images'.
func New(api client.APIClient, place string, opts ...image.Option) deploy.Platform {
	return &platform{api: api, place: place, images: image.NewStore(api, opts...), slots: make(chan struct{}, probesAtOnce)}
}

// platform is a Docker engine as deploy knows it.
type platform struct {
	api    client.APIClient
	place  string
	images *image.Store
	slots  chan struct{} // holds one entry per health check that runs now
	passed sync.Map      // run → struct{}: runs whose health check has passed, seen by us before by the engine

	asking sync.Mutex
	traits *traits // nil until they are known
}

// run is one life of a container, between a start and an exit.
type run struct {
	id      string
	started time.Time
}

// traits are what we must know of an engine to make a container that it can start.
type traits struct {
	logDriver string // where its log can be rotated, else empty
	gateway   bool   // the host has an address on the containers' network
	address   string // that address
	quick     bool   // health is checked more often while a container starts
}

// knownTraits are the engine's, asked for once.
func (p *platform) knownTraits(ctx context.Context) (traits, error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	if p.traits != nil {
		return *p.traits, nil
	}
	t, err := p.readTraits(ctx)
	if err == nil {
		p.traits = &t
	}
	return t, err
}

func (p *platform) readTraits(ctx context.Context) (traits, error) {
	var info system.Info
	var networks []network.Summary
	err := both(
		func() (err error) { info, err = p.api.Info(ctx); return err },
		func() (err error) { networks, err = p.api.NetworkList(ctx, network.ListOptions{}); return err },
	)
	if err != nil {
		return traits{}, engine.Problem(err)
	}
	t := traits{quick: versions.GreaterThanOrEqualTo(p.api.ClientVersion(), "1.44")}
	if info.LoggingDriver == "json-file" || info.LoggingDriver == "local" {
		t.logDriver = info.LoggingDriver
	}
	for _, n := range networks {
		if n.Name == network.NetworkBridge {
			t.gateway = true
			for _, c := range n.IPAM.Config {
				t.address = cmp.Or(t.address, c.Gateway, firstOf(c.Subnet))
			}
		}
	}
	return t, nil
}

// firstOf is the first address of a subnet: the gateway's, where an engine does not say which that is.
func firstOf(subnet string) string {
	p, err := netip.ParsePrefix(subnet)
	if err != nil {
		return ""
	}
	return p.Masked().Addr().Next().String()
}

// HostAddress implements deploy.Host.
func (p *platform) HostAddress(ctx context.Context) (string, error) {
	t, err := p.knownTraits(ctx)
	return t.address, err
}

// Place implements deploy.Platform.
func (p *platform) Place() string { return p.place }

// Close implements deploy.Platform.
func (p *platform) Close() error { return p.api.Close() }
