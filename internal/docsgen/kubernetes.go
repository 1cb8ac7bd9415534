package main

import "github.com/alienplatform/alien-go/internal/k8s"

// kubernetesPage says what a cluster has to allow.
func kubernetesPage() string {
	return `# Kubernetes

## What alien needs to be allowed

This Role, in the namespace of the stacks, bound to who runs alien, is enough for every command. It is all that the
conformance tests have.

` + "```yaml\n" + k8s.Role("NAMESPACE") + "```" + `

Before it changes anything, a command asks the cluster whether it may do all that it needs; what is missing is listed as a
Role like this one. The last rules are not needed, only useful. Without events a verdict does not have the output of a health
check that failed, nor why a volume could not be mounted. Without autoscalers nobody is told of one that would run a daemon
twice.

Beyond this Role go

- ` + "`--create-namespace`" + `, which creates a namespace (create namespaces; a ClusterRole),
- a daemon with a linked vault, which reads and writes Secrets of its own: the service account of its permission profile
  needs a Role for that, which alien does not grant.

## Who alien is to the cluster

The cluster, the namespace and the credentials come from the kubeconfig, as with kubectl: KUBECONFIG or ~/.kube/config, its
current context or ` + "`--context`" + `, exec credential plugins included. In a pod without a kubeconfig it is the pod's service
account, and the pod's namespace.

## Images

Nodes pull images, not alien. What a registry has alien asks from where it runs, as far as it gets through: with pull policy
always, to see that a tag has moved; and before an update, to see that the new image exists before the old pod is ended. It
logs in with the pull secrets of the daemon or its service account where it may read them, and else as docker would. A
registry that does not answer or refuses us says nothing about the nodes: an update then goes on, says so, and is rolled
back if the nodes cannot pull the image either.
`
}
