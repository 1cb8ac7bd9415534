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

// checkCommandsEnabled: a daemon that takes commands polls a manager, and this version has none to poll.
func checkCommandsEnabled(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		if d.CommandsEnabled {
			r.fail(CommandsManagerRequired, path+".commandsEnabled", "commands come from a manager, which this version does not have yet",
				"set commandsEnabled: false; the daemon then runs without polling for commands")
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
