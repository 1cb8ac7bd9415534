// Package k8s runs stacks on a Kubernetes cluster.
//
// One Deployment per daemon, applied by server-side apply and found again by its labels alone. What we applied is read
// back from the cluster's own record of who owns which field (managed.go), so nothing of ours is kept anywhere else.
// Waiting watches: one list and one watch per kind for the whole stack (mirror.go), from which each daemon's state is
// told by pure functions (state.go, causes.go).
package k8s
