package conformance

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"

	"github.com/alienplatform/alien-go/internal/k8s"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// TestKubernetes runs the suite as a user who has the documented Role, and nothing else.
func TestKubernetes(t *testing.T) {
	on := newKubernetes(t)
	conform(t, on.as(t, k8s.Role(on.api.Namespace)))
}

// kubernetes is the Kubernetes platform in a namespace of its own. The cluster's node must be this machine: that is where
// processes are killed and where registries listen.
type kubernetes struct {
	cluster *testbed.KubernetesCluster
	api     *kube.Client
	user    string // the kubeconfig that commands get; the cluster's own by default
}

type object = map[string]any

func newKubernetes(t *testing.T, labels ...string) kubernetes {
	t.Helper()
	c := testbed.Cluster(t)
	namespaceLabels := map[string]string{}
	for i := 0; i+1 < len(labels); i += 2 {
		namespaceLabels[labels[i]] = labels[i+1]
	}
	name := c.Namespace(t, namespaceLabels)
	return kubernetes{cluster: c, api: connect(t, c.Kubeconfig, name)}
}

// as has commands run as a user who may do nothing but what a Role allows.
func (k kubernetes) as(t *testing.T, role string) kubernetes {
	t.Helper()
	k.grant(t, role, object{"kind": "User", "name": testbed.RestrictedUser, "apiGroup": "rbac.authorization.k8s.io"})
	k.user = k.cluster.Restricted
	return k
}

// grant makes a Role, given as YAML, and binds it to somebody.
func (k kubernetes) grant(t *testing.T, role string, subject object) {
	t.Helper()
	const group = "rbac.authorization.k8s.io"
	roles := kube.Kind{Group: group, Version: "v1", Resource: "roles", Name: "Role"}
	bindings := kube.Kind{Group: group, Version: "v1", Resource: "rolebindings", Name: "RoleBinding"}
	var rules object
	if err := yaml.Unmarshal([]byte(role), &rules); err != nil {
		t.Fatal(err)
	}
	err := k.api.Create(t.Context(), roles, "test", rules, nil)
	if err == nil {
		err = k.api.Create(t.Context(), bindings, "test", object{"apiVersion": bindings.APIVersion(), "kind": bindings.Name,
			"metadata": object{"name": "alien"}, "roleRef": object{"apiGroup": group, "kind": "Role", "name": "alien"},
			"subjects": []any{subject}}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// connect gives the tests' own client.
func connect(t *testing.T, kubeconfig, namespace string) *kube.Client {
	t.Helper()
	api, err := kube.Connect(kube.Options{Namespace: namespace, LookupEnv: func(name string) (string, bool) {
		return kubeconfig, name == "KUBECONFIG"
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api
}

func (k kubernetes) flags() []string {
	return []string{"--platform", "kubernetes", "--namespace", k.api.Namespace}
}
func (k kubernetes) env() []string {
	return []string{"KUBECONFIG=" + cmp.Or(k.user, k.cluster.Kubeconfig)}
}

func (k kubernetes) ignoresImageHealth() string {
	return "a kubelet never looks at an image's HEALTHCHECK"
}

func (k kubernetes) forgetsExits() string {
	return "a kubelet that collects garbage while it starts a container takes the one before for superfluous"
}

func (k kubernetes) pullsElsewhere() string {
	return "only the nodes know which registries they reach; the old pod gives way before they try"
}

func (k kubernetes) deploymentType() string { return "kubernetes" }

// variables are where the API server is, which every pod is told.
func (k kubernetes) variables() []string {
	names := []string{"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "KUBERNETES_SERVICE_PORT_HTTPS", "KUBERNETES_PORT"}
	for _, suffix := range []string{"", "_PROTO", "_PORT", "_ADDR"} {
		names = append(names, "KUBERNETES_PORT_443_TCP"+suffix)
	}
	return names
}

func (k kubernetes) stack(t *testing.T) string {
	t.Helper()
	return "s" + strings.ToLower(rand.Text()[:10]) // the namespace is removed with all that is in it
}

func (k kubernetes) image(t *testing.T, v testbed.Variant) string {
	t.Helper()
	return k.cluster.DaemonImage(t, v)
}

func (k kubernetes) pods(t *testing.T, labels string) []corev1.Pod {
	t.Helper()
	var list corev1.PodList
	if err := k.api.List(t.Context(), kube.Pods, kube.Selector{Labels: labels}, &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func ours(stack, daemon string) string {
	return "daemons.alien.dev/stack=" + stack + ",daemons.alien.dev/daemon=" + daemon
}

// instances names a pod by its template: what is put back after a failed update is the same again, though its pod is
// another one.
func (k kubernetes) instances(t *testing.T, stack, daemon string) []instance {
	t.Helper()
	var found []instance
	for _, p := range k.pods(t, ours(stack, daemon)) {
		s := p.Status.ContainerStatuses
		found = append(found, instance{id: p.Labels["pod-template-hash"], running: len(s) == 1 && s[0].State.Running != nil && p.DeletionTimestamp == nil})
	}
	return found
}

// crash kills the processes of the daemon's container, which are found on this machine by their control group.
func (k kubernetes) crash(t *testing.T, stack, daemon string) {
	t.Helper()
	killed := 0
	for _, p := range k.pods(t, ours(stack, daemon)) {
		_, id, _ := strings.Cut(p.Status.ContainerStatuses[0].ContainerID, "://")
		groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range groups {
			text, err := os.ReadFile(path)
			if err != nil || id == "" || !strings.Contains(string(text), id) {
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
				killed++
			}
		}
	}
	if killed == 0 {
		t.Fatalf("no process of %s is on this machine", daemon)
	}
}

// stopByHand is `kubectl scale --replicas 0`.
func (k kubernetes) stopByHand(t *testing.T, stack, daemon string) {
	t.Helper()
	name := stack + "-" + daemon
	err := k.api.Apply(t.Context(), kube.Deployments, name, object{"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": object{"name": name}, "spec": object{"replicas": 0}}, kube.ApplyOptions{Manager: "kubectl", Force: true}, &appsv1.Deployment{})
	if err != nil {
		t.Fatal(err)
	}
}

func (k kubernetes) foreign(t *testing.T, name string) func() {
	t.Helper()
	labels := object{"app": name}
	var made appsv1.Deployment
	err := k.api.Create(t.Context(), kube.Deployments, "somebody", object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": name},
		"spec": object{"selector": object{"matchLabels": labels}, "template": object{"metadata": object{"labels": labels},
			"spec": object{"containers": []any{object{"name": "c", "image": k.image(t, testbed.Plain)}}}}}}, &made)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		var now appsv1.Deployment
		err := k.api.Get(t.Context(), kube.Deployments, name, &now)
		if err != nil || now.UID != made.UID || now.Generation != made.Generation || len(now.Labels) != 0 {
			t.Errorf("the foreign Deployment was touched: %v, %+v", err, now.ObjectMeta)
		}
	}
}

func (k kubernetes) leftovers(t *testing.T, stack string) []string {
	t.Helper()
	var left []string
	for _, kind := range []kube.Kind{kube.Deployments, kube.ReplicaSets, kube.Pods, kube.Secrets, kube.ServiceAccounts, kube.Leases} {
		all, err := k.api.ListMetadata(t.Context(), kind, kube.Selector{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		for _, o := range all {
			if o.Labels["daemons.alien.dev/stack"] == stack || strings.HasPrefix(o.Name, stack) {
				left = append(left, fmt.Sprintf("%s %s", kind.Name, o.Name))
			}
		}
	}
	slices.Sort(left)
	return left
}
