package cli

import (
	"cmp"
	"fmt"
	"net"
	"net/url"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
)

// bridge is how the containers of a Docker engine see the engine's machine.
type bridge struct {
	gateway string // the machine's address on their network, "" where it has none
	here    bool   // the machine is this one
}

// reach gives the manager's address as a daemon sees it, or why the daemon cannot reach it. It is pure.
func (m *manager) reach(t manifest.Target, hostNetwork bool, b bridge) (string, error) {
	switch {
	case t.Platform == manifest.Kubernetes:
		return cmp.Or(m.outward(), m.base), nil // preflight has refused the loopback
	case t.Runtime == manifest.Process:
		return m.base, nil
	case hostNetwork && b.here, hostNetwork && !loopback(hostOf(m.base)):
		return m.base, nil
	}
	return m.reachFromBridge(b)
}

// reachFromBridge is for a container with a network of its own. A listener on the loopback of the machine answers none of
// them, not even under the name host.docker.internal.
func (m *manager) reachFromBridge(b bridge) (string, error) {
	for _, address := range append([]string{m.base}, m.listeners...) {
		host := hostOf(address)
		switch {
		case !b.here && !loopback(host) && !unspecified(host), b.here && host == b.gateway:
			return address, nil
		case b.here && unspecified(host) && b.gateway != "":
			return at(address, b.gateway), nil
		}
	}
	if host := hostOf(m.base); !loopback(host) && !unspecified(host) {
		return m.base, nil
	}
	switch {
	case !b.here:
		return "", unreachable("the Docker engine is on another machine, and the manager listens on this one's loopback only",
			"run alien serve where the engine reaches it, and name it with --manager URL")
	case b.gateway == "":
		return "", unreachable("the Docker engine has no bridge network, so containers cannot reach this machine",
			"set runtime.networkMode: host for the daemon, or use a manager elsewhere with --manager URL")
	}
	return "", unreachable(fmt.Sprintf("containers cannot reach the manager: it listens on the loopback only, and they see this machine as %s", b.gateway),
		fmt.Sprintf("start the manager with a further listener: alien serve --listen %s --listen %s", hostPort(m.base), net.JoinHostPort(b.gateway, portOf(m.base))))
}

func unreachable(message, hint string) *failure {
	return &failure{exit: exitRefused, code: preflight.CommandsManagerUnreachable, message: message, hint: hint}
}

// at is an address with another host.
func at(address, host string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Host = net.JoinHostPort(host, portOf(address))
	return u.String()
}

func hostPort(address string) string { return net.JoinHostPort(hostOf(address), portOf(address)) }

func portOf(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return ""
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
