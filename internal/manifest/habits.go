package manifest

import "maps"

// Words that people bring along from other tools, and what to do here instead. Each level of the manifest has its own
// words; what is merely misspelled is not among them, that is what suggest is for.

const (
	noPorts     = "a daemon has no ports: it calls out, and is not called; remove it"
	noReplicas  = "a daemon runs exactly once per stack; deploy the stack under another name for another one"
	noTriggers  = "a daemon runs all the time and nothing triggers it; remove it"
	noBuild     = "images are not built here; build it first and name it with image"
	noOrder     = "daemons start side by side; let a daemon wait or retry, and see startFailuresAllowed"
	noRestart   = "a daemon is always restarted when it exits; remove it"
	useMounts   = "use runtime: { mounts: [{ source: /host, target: /daemon }] } for a host path, or link a resource of the type storage"
	useEnv      = "use environment: { NAME: value }"
	useCommand  = "use command, which replaces the image's entrypoint and its arguments"
	useHealth   = "use healthCheck: { command: […] }"
	useGrace    = "use stopGracePeriodSeconds"
	useAmounts  = "use cpu and memory: an amount, or { min, desired }"
	noLabels    = "labels are set by alien, so that it finds its own again; remove it"
	noNetworks  = "networks are not managed here; see runtime: { networkMode: host }"
	noSecrets   = "give the daemon a secret with environment: { NAME: { fromFile: … } } or { fromEnv: … }"
	noTimeout   = "a daemon has no time limit; for stopping use stopGracePeriodSeconds, for starting --timeout"
	noWorkspace = "a manifest is one file; repeat with anchors (&name) and <<: *name"
)

// everywhere are the words that mean the same at the top and in a daemon.
func everywhere() map[string]string {
	return map[string]string{
		"ports": noPorts, "expose": noPorts, "port": noPorts, "publicEndpoints": noPorts, "ingress": noPorts, "url": noPorts,
		"domain": noPorts, "routes": noPorts, "service": noPorts,
		"replicas": noReplicas, "scale": noReplicas, "scaling": noReplicas, "autoscaling": noReplicas, "instances": noReplicas,
		"minReplicas": noReplicas, "maxReplicas": noReplicas, "deploy": noReplicas,
		"triggers": noTriggers, "trigger": noTriggers, "schedule": noTriggers, "cron": noTriggers, "events": noTriggers,
		"timeout": noTimeout, "timeoutSeconds": noTimeout,
		"volumes": useMounts, "networks": noNetworks, "secrets": noSecrets, "configs": noSecrets,
		"extends": noWorkspace, "include": noWorkspace,
		"labels": noLabels, "annotations": noLabels,
		"profiles": "there are no profiles; name the daemons on the command line: alien daemon up NAME",
	}
}

// stackHabits are the words at the top of the manifest.
func stackHabits() map[string]string {
	habits := everywhere()
	maps.Copy(habits, map[string]string{
		"services":           "use daemons",
		"version":            "the manifest needs no version; remove it",
		"id":                 "use name",
		"stack":              "use name",
		"project":            "use name",
		"supportedPlatforms": "use platforms",
		"namespace":          "use kubernetes: { namespace: … }",
		"context":            "use kubernetes: { context: … }",
		"apiVersion":         "this is not a Kubernetes object; a manifest starts with a name and daemons",
		"kind":               "this is not a Kubernetes object; a manifest starts with a name and daemons",
		"metadata":           "this is not a Kubernetes object; a manifest starts with a name and daemons",
		"spec":               "this is not a Kubernetes object; a manifest starts with a name and daemons",
		"inputs":             "write ${NAME} where a value differs, and set the environment variable",
		"variables":          "write ${NAME} where a value differs, and set the environment variable",
		"volumes":            "use resources: { NAME: { type: storage } }, and link it",
		"defaults":           "mark a daemon with an anchor (&name) and repeat it with <<: *name",
	})
	for _, word := range []string{
		"image", "code", "command", "environment", "links", "permissions", "cpu", "memory", "healthCheck", "runtime", "build",
		"restart", "env", "depends_on", "dependsOn", "entrypoint", "healthcheck",
	} {
		habits[word] = "it belongs to a daemon: daemons: { NAME: { … } }"
	}
	return habits
}

// daemonHabits are the words in a daemon.
func daemonHabits() map[string]string {
	habits := everywhere()
	maps.Copy(habits, map[string]string{
		"build": noBuild, "dockerfile": noBuild, "source": noBuild, "toolchain": noBuild,
		"restart": noRestart, "restartPolicy": noRestart, "restart_policy": noRestart,
		"depends_on": noOrder, "dependsOn": noOrder, "dependencies": noOrder, "needs": noOrder,
		"env": useEnv, "envFrom": useEnv, "variables": useEnv,
		"env_file":   "use environment, with { fromEnv: NAME } for what comes from outside",
		"envFile":    "use environment, with { fromEnv: NAME } for what comes from outside",
		"entrypoint": useCommand, "args": useCommand, "cmd": useCommand,
		"healthcheck": useHealth, "livenessProbe": useHealth, "readinessProbe": useHealth, "startupProbe": useHealth, "health": useHealth,
		"stop_grace_period": useGrace, "terminationGracePeriodSeconds": useGrace, "stopGracePeriod": useGrace,
		"pull_policy": "use pullPolicy", "imagePullPolicy": "use pullPolicy",
		"resources": useAmounts, "limits": useAmounts, "requests": useAmounts, "mem_limit": useAmounts, "cpus": useAmounts,
		"container_name": "the container is called after the stack and the daemon; remove it",
		"name":           "the daemon's name is its key; remove it",
		"type":           "everything under daemons is a daemon; remove it",
		"user":           "it stands under runtime: runtime: { user: \"1000:1000\" }",
		"privileged":     "it stands under runtime: runtime: { privileged: true }",
		"init":           "it stands under runtime: runtime: { init: true }",
		"mounts":         "it stands under runtime: runtime: { mounts: [{ source: /host, target: /daemon }] }",
		"volumeMounts":   useMounts,
		"network_mode":   "it stands under runtime: runtime: { networkMode: host }",
		"networkMode":    "it stands under runtime: runtime: { networkMode: host }",
		"hostNetwork":    "it stands under runtime: runtime: { networkMode: host }",
		"pid":            "it stands under runtime: runtime: { pidNamespace: host }",
		"pidNamespace":   "it stands under runtime: runtime: { pidNamespace: host }",
		"hostPID":        "it stands under runtime: runtime: { pidNamespace: host }",
		"logging":        "log rotation is set by alien; remove it",
		"stop_signal":    "daemons are stopped with SIGTERM; remove it",
	})
	return habits
}

func codeHabits() map[string]string {
	return map[string]string{"source": "use src", "path": "use src", "name": "use image", "tag": "write it behind the image's name: image: name:tag"}
}

func quantityHabits() map[string]string {
	return map[string]string{
		"request": "use min", "requests": "use min", "limit": "use desired", "limits": "use desired", "max": "use desired",
	}
}

func healthHabits() map[string]string {
	const noHTTP = "health is a command run in the daemon; give one that asks: command: [\"/app\", \"health\"]"
	return map[string]string{
		"test": "use command, without CMD or CMD-SHELL in front", "exec": "use command",
		"httpGet": noHTTP, "path": noHTTP, "port": noHTTP, "method": noHTTP, "url": noHTTP, "tcpSocket": noHTTP, "grpc": noHTTP,
		"interval": "use intervalSeconds", "periodSeconds": "use intervalSeconds", "timeout": "use timeoutSeconds",
		"retries": "use failureThreshold", "start_period": "use startPeriodSeconds",
		"initialDelaySeconds": "use startPeriodSeconds", "successThreshold": "one success is enough; remove it",
		"start_interval": "while a daemon starts it is checked more often by itself; remove it",
		"disable":        "leave healthCheck out",
	}
}

func runtimeHabits() map[string]string {
	return map[string]string{
		"pid": "use pidNamespace", "network": "use networkMode", "volumes": "use mounts",
		"cap_add": "single capabilities cannot be given; privileged gives them all", "capabilities": "single capabilities cannot be given; privileged gives them all",
	}
}

func mountHabits() map[string]string {
	const useOptions = "use options: ro"
	return map[string]string{
		"readOnly": useOptions, "read_only": useOptions, "ro": useOptions, "mode": "use options", "type": "a mount is always a host path; remove it",
		"mountPath": "use target", "destination": "use target", "path": "use source and target", "hostPath": "use source",
		"name": "a mount has no name; for a volume that alien creates link a resource of the type storage",
	}
}

func resourceHabits() map[string]string {
	const useBinding = "what a resource is reached by stands under its platform: local: { service: … } or kubernetes: { service: … }"
	const noCloud = "only local and kubernetes are deployed to; remove it"
	return map[string]string{
		"binding": useBinding, "bindings": useBinding, "service": useBinding, "connectionUrl": useBinding, "url": useBinding, "config": useBinding,
		"aws": noCloud, "gcp": noCloud, "azure": noCloud, "machines": noCloud,
		"lifecycle": "a resource lives as long as its stack; remove it", "size": "a local place grows as needed; remove it",
		"name": "the resource's name is its key; remove it", "id": "the resource's name is its key; remove it",
		"image": "this is a daemon's; describe it under daemons",
	}
}

// shapes says how to write what is an object, for those who wrote something else.
func shapes() map[string]string {
	return map[string]string{
		"code":        "write { type: image, image: name:tag }, or image: name:tag in its place",
		"environment": environmentHint,
		"healthCheck": "write { command: [/program, health] }",
		"kubernetes":  "write { name: value } pairs",
		"local":       "write { service: …, … }",
		"resources":   "write the resource's name as a key: NAME: { type: … }",
		"runtime":     `write { user: "1000:1000" } or another of its options`,
		"secretRef":   "write { name: SECRET, key: KEY }",
	}
}
