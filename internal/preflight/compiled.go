package preflight

import (
	"fmt"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// checkEndpoints: a daemon has no ports.
func checkEndpoints(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		if d.PublicEndpoints > 0 {
			r.fail(PublicEndpoints, path+".publicEndpoints", "a daemon has no public endpoints",
				"use a Container, or a Worker, for what answers requests from outside, and deploy it with Alien's own tools")
		}
	})
}

// checkHTTPHealth says that nothing here performs a compiled manifest's HTTP health check.
func checkHTTPHealth(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		if d.HTTPHealthCheck {
			r.warn(HTTPHealthCheck, path+".healthCheck", "the HTTP health check is not checked: it belongs to a public endpoint's load balancer",
				"give the image a HEALTHCHECK, which the local platform performs; elsewhere the daemon counts as ready once it stays up")
		}
	})
}

// checkCommandsEnabled: a daemon that takes commands polls a manager.
func checkCommandsEnabled(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		switch {
		case !d.CommandsEnabled || r.stack.Manager.Known && r.stack.Manager.HasKey:
		case r.stack.Manager.Known:
			r.fail(CommandsManagerRequired, path+".commandsEnabled", "no API key is known for the manager that commands come from",
				"set ALIEN_API_KEY, or name a file that holds the key with --api-key-file")
		default:
			r.fail(CommandsManagerRequired, path+".commandsEnabled", "commands come from a manager; none is named, and none runs on this machine",
				"start one with alien serve, or name one with --manager URL and ALIEN_API_KEY")
		}
	})
}

// checkManagerReachable: this machine's loopback is not that of a pod.
func checkManagerReachable(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		if d.CommandsEnabled && r.stack.Manager.Loopback && r.target.Platform == manifest.Kubernetes {
			r.failPlatform(CommandsManagerUnreachable, path+".commandsEnabled", "pods of a cluster cannot reach a manager that listens on this machine's loopback only",
				"give alien serve an address that the cluster reaches: --listen, and --base-url where it is another one for others")
		}
	})
}

// checkUndeployed names the entries that stay where they are.
func checkUndeployed(r *report) {
	for _, u := range r.stack.Undeployed {
		r.warn(NotDeployed, resourcePath(u.ID), fmt.Sprintf("%s is a %s, and this tool deploys daemons only", u.ID, u.Type),
			"deploy it with Alien's own tools; the daemons of this manifest are deployed without it")
	}
}
