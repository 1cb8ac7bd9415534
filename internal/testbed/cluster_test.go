package testbed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// deploy makes a Deployment of one pod in a namespace and waits until it is available.
func deploy(t *testing.T, client *KubernetesClient, namespace, image string, args ...string) {
	t.Helper()
	labels, one := map[string]string{"app": "daemon"}, int32(1)
	yes, no := true, false
	user := int64(1000)
	d := apps.Deployment{ObjectMeta: meta.ObjectMeta{Name: "daemon"}, Spec: apps.DeploymentSpec{
		Replicas: &one, Selector: &meta.LabelSelector{MatchLabels: labels},
		Template: core.PodTemplateSpec{ObjectMeta: meta.ObjectMeta{Labels: labels}, Spec: core.PodSpec{
			SecurityContext: &core.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &user,
				SeccompProfile: &core.SeccompProfile{Type: core.SeccompProfileTypeRuntimeDefault}},
			Containers: []core.Container{{Name: "daemon", Image: image, Args: args, ImagePullPolicy: core.PullIfNotPresent, SecurityContext: &core.SecurityContext{
				AllowPrivilegeEscalation: &no, Capabilities: &core.Capabilities{Drop: []core.Capability{"ALL"}}}}},
		}},
	}}
	if err := client.Create(t.Context(), "/apis/apps/v1/namespaces/"+namespace+"/deployments", d); err != nil {
		t.Fatal(err)
	}
	Eventually(t, time.Minute, func(ctx context.Context) error {
		var now apps.Deployment
		err := client.Get(ctx, "/apis/apps/v1/namespaces/"+namespace+"/deployments/daemon", &now)
		if err == nil && now.Status.AvailableReplicas != 1 {
			err = fmt.Errorf("not available: %+v", now.Status.Conditions)
		}
		return err
	})
}

func podOf(t *testing.T, client *KubernetesClient, namespace string) core.Pod {
	t.Helper()
	var pods core.PodList
	if err := client.Get(t.Context(), "/api/v1/namespaces/"+namespace+"/pods", &pods); err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) != 1 {
		t.Fatalf("%d pods in %s, want 1", len(pods.Items), namespace)
	}
	return pods.Items[0]
}

func TestClusterRunsADaemon(t *testing.T) {
	c := Cluster(t)
	client := c.Client(t)
	namespace := c.Namespace(t, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
	deploy(t, client, namespace, c.DaemonImage(t), "print", "hello from the pod")
	pod := podOf(t, client, namespace)
	Eventually(t, 10*time.Second, func(ctx context.Context) error {
		log, err := client.Text(ctx, "/api/v1/namespaces/"+namespace+"/pods/"+pod.Name+"/log")
		if err == nil && log != "hello from the pod\nrunning\n" {
			err = fmt.Errorf("the log says %q", log)
		}
		return err
	})
}

func TestClusterPullsFromARegistry(t *testing.T) {
	c := Cluster(t)
	c.mustBeOurs(t, "only our own node reaches a registry on 127.0.0.1")
	registry := Registry(t)
	deploy(t, c.Client(t), c.Namespace(t, nil), registry.Push(t, "team/daemon:1"))
	if len(registry.Requests()) == 0 {
		t.Error("the image was not pulled")
	}
}

func TestClusterImportsImages(t *testing.T) {
	c := Cluster(t)
	c.Import(t, Archive(t, DockerArchive))
	client := c.Client(t)
	namespace := c.Namespace(t, nil)
	deploy(t, client, namespace, "alien-test-archive:latest")
	for _, v := range []Variant{WrongArch, Healthcheck, NonRoot, NoCommand, NotExecutable, BadFormat, NoEntrypoint} {
		if ref := c.DaemonImage(t, v); !strings.HasPrefix(ref, "alien.test/daemon:") {
			t.Errorf("variant %s is called %s", v, ref)
		}
	}
}

func TestClusterRestrictsAUser(t *testing.T) {
	c := Cluster(t)
	namespace := c.Namespace(t, nil)
	pods := "/api/v1/namespaces/" + namespace + "/pods"
	restricted := c.RestrictedClient(t)
	if err := restricted.Get(t.Context(), pods, nil); !kerrors.IsForbidden(err) {
		t.Fatalf("without a role: %v, want forbidden", err)
	}
	roles := "/apis/rbac.authorization.k8s.io/v1/namespaces/" + namespace
	role := rbac.Role{ObjectMeta: meta.ObjectMeta{Name: "look"},
		Rules: []rbac.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}}}}
	binding := rbac.RoleBinding{ObjectMeta: meta.ObjectMeta{Name: "look"}, RoleRef: rbac.RoleRef{Kind: "Role", Name: "look", APIGroup: rbac.GroupName},
		Subjects: []rbac.Subject{{Kind: rbac.UserKind, Name: RestrictedUser, APIGroup: rbac.GroupName}}}
	if err := errors.Join(c.Client(t).Create(t.Context(), roles+"/roles", role), c.Client(t).Create(t.Context(), roles+"/rolebindings", binding)); err != nil {
		t.Fatal(err)
	}
	Eventually(t, 10*time.Second, func(ctx context.Context) error { return restricted.Get(ctx, pods, nil) })
	if err := restricted.Create(t.Context(), pods, core.Pod{}); !kerrors.IsForbidden(err) {
		t.Errorf("beyond the role: %v, want forbidden", err)
	}
}

// TestClusterServerRestart runs while no other test of this package does; those of other packages wait for the server.
func TestClusterServerRestart(t *testing.T) {
	c := Cluster(t)
	client := c.Client(t)
	namespace := c.Namespace(t, nil)
	deploy(t, client, namespace, c.DaemonImage(t))
	before := podOf(t, client, namespace)
	c.Stop(t, APIServer)
	if err := client.Get(t.Context(), "/version", nil); err == nil {
		t.Error("a stopped API server answers")
	}
	c.Start(t, APIServer)
	after := podOf(t, client, namespace)
	if before.UID != after.UID || after.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Errorf("the pod did not outlive the API server's restart: %+v", after.Status)
	}
}

func TestClusterKubeletStop(t *testing.T) {
	c := Cluster(t)
	client := c.Client(t)
	namespace := c.Namespace(t, nil)
	deploy(t, client, namespace, c.DaemonImage(t))
	pod := "/api/v1/namespaces/" + namespace + "/pods/" + podOf(t, client, namespace).Name
	c.Stop(t, Kubelet)
	if err := client.Delete(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	var now core.Pod
	if err := client.Get(t.Context(), pod, &now); err != nil || now.DeletionTimestamp == nil {
		t.Errorf("without a kubelet a pod is to be terminating, not gone: %v", err)
	}
	c.Start(t, Kubelet)
	Eventually(t, time.Minute, func(ctx context.Context) error {
		if err := client.Get(ctx, pod, nil); !kerrors.IsNotFound(err) {
			return fmt.Errorf("the pod is not gone: %w", err)
		}
		return nil
	})
}

func TestClusterProxyCutsWatches(t *testing.T) {
	c := Cluster(t)
	p := NewClusterProxy(t, c, c.Kubeconfig)
	client := NewKubernetesClient(t, p.Kubeconfig)
	namespace := c.Namespace(t, nil)
	stream, err := client.Stream(t.Context(), "/api/v1/namespaces/"+namespace+"/configmaps?watch=true")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	var event struct {
		Type   string
		Object core.ConfigMap
	}
	made := core.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: "made-here"}}
	if err := client.Create(t.Context(), "/api/v1/namespaces/"+namespace+"/configmaps", made); err != nil {
		t.Fatal(err)
	}
	for event.Object.Name != made.Name {
		if !lines.Scan() {
			t.Fatalf("the watch ended before its time: %v", lines.Err())
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.CutWatches(); n != 1 {
		t.Errorf("cut %d watches, want 1", n)
	}
	for lines.Scan() {
		t.Errorf("a cut watch says %s", lines.Text())
	}
}

func TestClusterProxyFaults(t *testing.T) {
	c := Cluster(t)
	p := NewClusterProxy(t, c, c.Kubeconfig)
	client := NewKubernetesClient(t, p.Kubeconfig)
	const path = "/api/v1/namespaces/default"
	for _, fault := range []struct {
		status int
		is     func(error) bool
	}{
		{http.StatusTooManyRequests, kerrors.IsTooManyRequests}, {http.StatusInternalServerError, kerrors.IsInternalError},
		{http.StatusGone, kerrors.IsResourceExpired}, {http.StatusUnauthorized, kerrors.IsUnauthorized},
	} {
		p.FailNext(2, ClusterFault{Status: fault.status, RetryAfter: 1})
		for i := range 2 {
			if err := client.Get(t.Context(), path, nil); !fault.is(err) {
				t.Errorf("request %d with status %d gives %v", i+1, fault.status, err)
			}
		}
		if err := client.Get(t.Context(), path, nil); err != nil {
			t.Errorf("after the burst of %d: %v", fault.status, err)
		}
	}
	p.Fail(ClusterFault{Status: http.StatusForbidden, Match: ClusterCall.Mutates})
	if err := client.Get(t.Context(), path, nil); err != nil {
		t.Errorf("a fault hits what it does not match: %v", err)
	}
}

func TestClusterProxyCutsWatchesAgainAndAgain(t *testing.T) {
	c := Cluster(t)
	p := NewClusterProxy(t, c, c.Kubeconfig)
	client := NewKubernetesClient(t, p.Kubeconfig)
	p.CutWatchesEvery(t, 20*time.Millisecond)
	for range 3 {
		// The server itself ends no watch for minutes.
		if _, err := client.Text(t.Context(), "/api/v1/namespaces/default/pods?watch=true&timeoutSeconds=300"); t.Context().Err() != nil {
			t.Fatalf("a watch was not cut: %v", err)
		}
	}
	if n := len(p.Calls()); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
}

func TestClusterProxyDelays(t *testing.T) {
	c := Cluster(t)
	p := NewClusterProxy(t, c, c.Kubeconfig)
	client := NewKubernetesClient(t, p.Kubeconfig)
	p.Fail(ClusterFault{Delay: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := client.Get(ctx, "/version", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a delayed request gives %v", err)
	}
	p.Heal()
	if err := client.Get(t.Context(), "/version", nil); err != nil {
		t.Errorf("after the delay: %v", err)
	}
}

func TestClusterProxyRefuses(t *testing.T) {
	c := Cluster(t)
	p := NewClusterProxy(t, c, c.Kubeconfig)
	client := NewKubernetesClient(t, p.Kubeconfig)
	p.Refuse()
	if err := client.Get(t.Context(), "/version", nil); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("while refusing: %v", err)
	}
	if err := p.Accept(); err != nil {
		t.Fatal(err)
	}
	if err := client.Get(t.Context(), "/version", nil); err != nil {
		t.Errorf("after refusing: %v", err)
	}
}

func TestClusterProxyRecords(t *testing.T) {
	c := Cluster(t)
	p := NewClusterProxy(t, c, c.Restricted)
	client := NewKubernetesClient(t, p.Kubeconfig)
	secrets := "/api/v1/namespaces/default/secrets"
	var answered []ClusterCall
	p.After(func(_ int, call ClusterCall) { answered = append(answered, call) })
	for _, path := range []string{secrets, secrets + "?dryRun=All"} {
		if err := client.Create(t.Context(), path, core.Secret{}); !kerrors.IsForbidden(err) {
			t.Fatalf("the restricted user through the proxy: %v, want forbidden", err)
		}
	}
	write := ClusterCall{Method: http.MethodPost, Path: secrets}
	if m := p.Mutations(); len(m) != 1 || m[0] != write {
		t.Errorf("mutations are %v, want %v", m, write)
	}
	if len(answered) != 2 || len(p.Calls()) != 2 {
		t.Errorf("%d calls and %d answers recorded, want 2 of each", len(p.Calls()), len(answered))
	}
}
