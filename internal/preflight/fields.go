package preflight

import (
	"slices"
	"strconv"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// Fields is the support table: every field of the friendly manifest, what it means, and where it is honoured.
func Fields() []Field {
	return slices.Concat(stackFields(), daemonFields(), environmentFields(), limitFields(), startFields(), healthFields(),
		runtimeFields(), mountFields(), clusterFields(), resourceFields())
}

func stackFields() []Field {
	pinned := locally(noted("not used here"), yes())
	return []Field{
		{Path: "name", Type: "name", Support: everywhere(),
			Description: "The stack's name; everything we create is called after it and found again by it."},
		{Path: "platforms", Type: "list of local, kubernetes", Default: "[local, kubernetes]", Support: everywhere(),
			Description: "The platforms this manifest is for; any other one is refused."},
		{Path: "kubernetes", Type: "object", Support: pinned,
			Description: "What concerns clusters: which one this manifest insists on, so that nobody deploys it to another one unknowingly, and its service accounts."},
		{Path: "kubernetes.context", Type: "string", Support: pinned,
			Description: "The kubeconfig context to use; a --context that differs is an error."},
		{Path: "kubernetes.namespace", Type: "name", Support: pinned,
			Description: "The namespace to use; a --namespace that differs is an error."},
		{Path: "kubernetes.serviceAccounts", Type: "object of service accounts", Support: pinned,
			Description: "What the service accounts of permission profiles are to have, by profile."},
		{Path: "kubernetes.serviceAccounts.*", Type: "object", Support: pinned,
			Description: "The service account <stack>-<profile>, made where a daemon has the profile in permissions."},
		{Path: "kubernetes.serviceAccounts.*.annotations", Type: "object of strings", Support: pinned,
			Description: "Its annotations, such as those that bind it to an identity of a cloud; a changed one replaces the daemon."},
		{Path: "kubernetes.serviceAccounts.*.annotations.*", Type: "string", Support: pinned,
			Description: "One annotation."},
		{Path: "daemons", Type: "object of daemons", Support: everywhere(),
			Description: "The always-on processes of the stack, by name."},
		{Path: "resources", Type: "object of resources", Support: everywhere(),
			Description: "What the daemons link to, by id."},
	}
}

func daemonFields() []Field {
	return []Field{
		{Path: "daemons.*", Type: "object", Support: everywhere(),
			Description: "One always-on process: no ports, no ingress, no triggers, exactly one of it."},
		{Path: "daemons.*.image", Type: "image", Support: on(yes(), yes(), noted("from a registry only; archives are refused")),
			Description: "What to run: name:tag or name@digest, or docker-archive:PATH, oci:PATH or oci-archive:PATH relative to the manifest.",
			ownCheck:    true},
		{Path: "daemons.*.code", Type: "object", Support: everywhere(),
			Description: "The long form of image: {type: image, image: …}; {type: source} is refused, because this tool builds nothing."},
		{Path: "daemons.*.code.type", Type: "image or source", Support: everywhere(), ownCheck: true,
			Description: "The kind of code; only image can be deployed."},
		{Path: "daemons.*.code.image", Type: "image", Support: everywhere(), Description: "The same as image."},
		{Path: "daemons.*.code.src", Type: "path", Support: unbuilt(), ownCheck: true,
			Description: "The directory of a daemon that has to be built first."},
		{Path: "daemons.*.code.toolchain", Type: "object", Support: unbuilt(), ownCheck: true,
			Description: "How the directory would be built."},
		{Path: "daemons.*.pullPolicy", Type: "missing, always or never", Default: "missing", Support: everywhere(),
			Description: "When the image is fetched: only if it is not there, on every up, or never."},
		{Path: "daemons.*.command", Type: "list of strings", Support: everywhere(),
			Description: "What to run in place of the image's entrypoint and command, word by word; no shell is involved."},
		{Path: "daemons.*.links", Type: "list of resource ids", Support: everywhere(),
			Description: "The resources the daemon uses; each hands it ALIEN_<ID>_BINDING, which says how to reach it."},
		{Path: "daemons.*.permissions", Type: "name",
			Support:     locally(noted("grants nothing: there are no service accounts"), noted("the service account <stack>-<profile>")),
			Description: "The permission profile the daemon runs under."},
		{Path: "daemons.*.commandsEnabled", Type: "boolean", Default: "false", Support: everywhere(), ownCheck: true,
			Description: "Whether the daemon takes commands, by polling a manager over outbound HTTP; see docs/commands.md."},
	}
}

func unbuilt() []Support {
	cell := no("this tool builds no images", "build and tag the image, then give image: NAME:TAG")
	return on(cell, cell, cell)
}

func environmentFields() []Field {
	return []Field{
		{Path: "daemons.*.environment", Type: "object of values", Support: everywhere(),
			Description: "The daemon's own variables, by name; ALIEN_… names are set by the deployment."},
		{Path: "daemons.*.environment.*", Type: "string, fromEnv, fromFile or secretRef", Support: everywhere(),
			Description: "One variable: text, with ${NAME} taken from the environment of up, or a secret from elsewhere."},
		{Path: "daemons.*.environment.*.fromEnv", Type: "string", Support: everywhere(),
			Description: "A secret, read from this environment variable where up runs; never shown."},
		{Path: "daemons.*.environment.*.fromFile", Type: "path", Support: everywhere(),
			Description: "A secret, read from this file, relative to the manifest; never shown."},
		{Path: "daemons.*.environment.*.secretRef", Type: "object", ownCheck: true, Support: secretRefSupport(),
			Description: "A secret that already is in a Kubernetes Secret."},
		{Path: "daemons.*.environment.*.secretRef.name", Type: "string", ownCheck: true, Support: secretRefSupport(),
			Description: "The Secret's name, in the namespace of the stack."},
		{Path: "daemons.*.environment.*.secretRef.key", Type: "string", ownCheck: true, Support: secretRefSupport(),
			Description: "The key inside the Secret."},
	}
}

func secretRefSupport() []Support {
	return locally(no("there is no cluster to read it from", "use fromEnv or fromFile, which work on every target"), yes())
}

func limitFields() []Field {
	const process = "needs control groups that the user may set; refused at start where the machine has none"
	limits := on(yes(), noted(process), yes())
	amounts := on(noted("desired is the limit; nothing uses min here"), noted("desired is the limit, and "+process), yes())
	requests := locally(noted("not used here: one machine schedules nothing"), yes())
	return []Field{
		{Path: "daemons.*.cpu", Type: "quantity, or min and desired", Support: amounts,
			Description: "Cores: \"0.5\" or 500m. A single amount is a request, the same as min, which only Kubernetes uses; desired is the limit, on every target."},
		{Path: "daemons.*.cpu.min", Type: "quantity", Support: requests, Description: "The cores the cluster sets aside."},
		{Path: "daemons.*.cpu.desired", Type: "quantity", Support: limits, Description: "The cores the daemon may use at most; 10m is the least."},
		{Path: "daemons.*.memory", Type: "quantity, or min and desired", Support: amounts,
			Description: "Bytes: 128Mi or 1Gi. A single amount is a request, the same as min, which only Kubernetes uses; desired is the limit, on every target."},
		{Path: "daemons.*.memory.min", Type: "quantity", Support: requests, Description: "The memory the cluster sets aside."},
		{Path: "daemons.*.memory.desired", Type: "quantity", Support: limits,
			Description: "The memory at which the daemon is killed; 6Mi is the least."},
	}
}

func startFields() []Field {
	return []Field{
		{Path: "daemons.*.stopGracePeriodSeconds", Type: "integer, 1 to 86400", Default: "30", Support: everywhere(),
			Description: "How long the daemon may take to end after SIGTERM before it is killed."},
		{Path: "daemons.*.minReadySeconds", Type: "number, 0 to 3600", Default: "0.5", Support: everywhere(),
			Description: "How long a new daemon must run without a restart to count as ready; fractions are allowed."},
		{Path: "daemons.*.startFailuresAllowed", Type: "integer, 0 to 1000", Default: "2", Support: everywhere(),
			Description: "How often the daemon may exit while it starts before up gives it up; some wait for a database that way."},
	}
}

func healthFields() []Field {
	return []Field{
		{Path: "daemons.*.healthCheck", Type: "object", Support: on(yes(), yes(), noted("a readiness probe; the image's own HEALTHCHECK does not count, unlike elsewhere")),
			Description: "A command run inside the daemon; while it fails the daemon is not ready, and it is not restarted for it."},
		{Path: "daemons.*.healthCheck.command", Type: "list of strings", Support: everywhere(),
			Description: "What to run; exit 0 is healthy."},
		{Path: "daemons.*.healthCheck.intervalSeconds", Type: "integer, 1 to 86400", Default: "5", Support: everywhere(),
			Description: "The time from one check to the next."},
		{Path: "daemons.*.healthCheck.timeoutSeconds", Type: "integer, 1 to 3600", Default: "2", Support: everywhere(),
			Description: "How long one check may take before it counts as failed."},
		{Path: "daemons.*.healthCheck.failureThreshold", Type: "integer, 1 to 1000", Default: "3", Support: everywhere(),
			Description: "How many checks must fail in a row before the daemon counts as unhealthy."},
		{Path: "daemons.*.healthCheck.startPeriodSeconds", Type: "integer, 0 to 86400", Default: "0", Support: everywhere(),
			Description: "How long after its start failures do not count yet."},
	}
}

func runtimeFields() []Field {
	off := []string{"false"}
	return []Field{
		{Path: "daemons.*.runtime", Type: "object", Support: everywhere(), Description: "Options that concern the machine under the daemon."},
		{Path: "daemons.*.runtime.user", Type: "uid or uid:gid", Support: on(yes(), noted("other users than one's own need root or subordinate ids"), yes()),
			Description: "The user to run as, in numbers; without it the image's."},
		{Path: "daemons.*.runtime.privileged", Type: "boolean", Default: "false",
			value: func(d manifest.Daemon) string { return flag(d.Runtime.Privileged) },
			Support: on(yes(), only(off, "this runtime never gives a process more rights than it has", "remove it, or use --runtime docker"),
				noted("needs a namespace that admits privileged pods")),
			Description: "Gives the daemon every right on the machine, devices included."},
		{Path: "daemons.*.runtime.pidNamespace", Type: "host or private", Default: "private",
			Support:     on(yes(), yes(), noted("host needs a namespace that admits it")),
			Description: "Whose processes the daemon sees: the machine's, or only its own."},
		{Path: "daemons.*.runtime.networkMode", Type: "host or appnet", Default: "appnet",
			value: networkMode,
			Support: on(yes(), only([]string{"host"}, "a process has the machine's network and no other", "remove it, or use --runtime docker"),
				noted("host needs a namespace that admits it")),
			Description: "Which network the daemon uses: the machine's, or one of its own."},
		{Path: "daemons.*.runtime.init", Type: "boolean", Default: "false",
			value: func(d manifest.Daemon) string { return flag(d.Runtime.Init) },
			Support: on(yes(), yes(),
				only(off, "a cluster puts no init process in front of a container", "start one in the image, such as tini, and name it in command")),
			Description: "Puts an init process in front, which reaps zombies; a missing command then looks as if it started."},
	}
}

// networkMode leaves a word that is none to the check of the words.
func networkMode(d manifest.Daemon) string {
	if m := d.Runtime.NetworkMode; slices.Contains(networkModes(), m) {
		return m
	}
	return ""
}

func flag(b bool) string { return strconv.FormatBool(b) }

// mountOptionsPath is the row of a mount's options.
const mountOptionsPath = "daemons.*.runtime.mounts[*].options"

func mountFields() []Field {
	mounts := on(noted("of the engine's machine"), yes(), noted("of whichever node runs the daemon; needs a namespace that admits host paths"))
	return []Field{
		{Path: "daemons.*.runtime.mounts", Type: "list of mounts", Support: mounts,
			Description: "Paths of the machine made visible inside the daemon."},
		{Path: "daemons.*.runtime.mounts[*].source", Type: "absolute path", Support: mounts,
			Description: "The path on the machine; it must exist."},
		{Path: "daemons.*.runtime.mounts[*].target", Type: "absolute path", Support: everywhere(),
			Description: "Where the daemon sees it; not below /var/lib/alien, where linked resources are."},
		{Path: mountOptionsPath, Type: "comma-separated words", Default: "rw", ownCheck: true,
			Support: on(yes(), only([]string{"ro", "rw", "rprivate", "rslave"}, "what a daemon mounts there cannot be seen by the machine", "use rslave, or --runtime docker"),
				yes()),
			Description: "ro or rw, and one of rprivate, rslave and rshared."},
	}
}

func resourceFields() []Field {
	return []Field{
		{Path: "resources.*", Type: "object", Support: everywhere(),
			Description: "Something a daemon links to; we hand over how to reach it and do not run it."},
		{Path: "resources.*.type", Type: "storage, kv, queue, vault, postgres …", Support: everywhere(),
			Description: "What the resource is; it decides which bindings fit."},
		{Path: "resources.*.local", Type: "binding", Support: locally(noted("storage, kv, queue and vault have a place of their own without it"), noted("not used here")),
			Description: "How to reach the resource on local: service, and the fields of that service."},
		{Path: "resources.*.kubernetes", Type: "binding", Support: locally(noted("not used here"), noted("a vault is kept in the cluster's Secrets without it")),
			Description: "How to reach the resource from the cluster: service, and the fields of that service."},
		{Path: "resources.*.*.service", Type: "string", Support: everywhere(),
			Description: "Which product it is, such as redis for a kv; it decides the binding's other fields."},
	}
}
