package testbed

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// RestrictedUser is who Restricted's kubeconfig is for: the subject for a RoleBinding.
const RestrictedUser = "restricted"

// KubernetesCluster is a cluster that tests may use.
type KubernetesCluster struct {
	Kubeconfig string // a file with one context, for somebody who may do everything
	Context    string // that context's name
	Restricted string // a kubeconfig for RestrictedUser, who may do nothing until a test binds a role; same context name

	state string // the state directory where it is the cluster of test/cluster, else empty
}

// Cluster gives the cluster that KUBECONFIG names, and without that the one that `make cluster` has started. Where none
// answers the test is skipped, and fails when CI is set.
func Cluster(t testing.TB) *KubernetesCluster {
	t.Helper()
	c := ownCluster()
	if os.Getenv("KUBECONFIG") != "" {
		c = namedCluster(t, c)
	}
	if c == nil {
		missing(t, "no Kubernetes cluster: run `make cluster`, or set KUBECONFIG")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Client(t).Get(ctx, "/version", nil); err != nil {
		missing(t, "no Kubernetes cluster answers (run `make cluster`, or set KUBECONFIG): "+err.Error())
	}
	return c
}

// ownCluster finds the cluster of test/cluster by its state directory, as that program does.
func ownCluster() *KubernetesCluster {
	state := filepath.Join(os.TempDir(), "alien-test-cluster")
	if home := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(home) {
		state = filepath.Join(home, "alien-test-cluster")
	}
	c := &KubernetesCluster{
		Kubeconfig: filepath.Join(state, "kubeconfig", "admin"), Context: "alien-test",
		Restricted: filepath.Join(state, "kubeconfig", "restricted"), state: state,
	}
	if _, err := os.Stat(c.Kubeconfig); err != nil {
		return nil
	}
	return c
}

// namedCluster gives the cluster that KUBECONFIG names. That may well be our own.
func namedCluster(t testing.TB, own *KubernetesCluster) *KubernetesCluster {
	t.Helper()
	named, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		t.Fatalf("cannot read KUBECONFIG: %v", err)
	}
	if own != nil {
		ours, err := clientcmd.LoadFromFile(own.Kubeconfig)
		if err == nil && serverOf(ours) == serverOf(named) {
			return own
		}
	}
	if err := api.MinifyConfig(named); err != nil {
		t.Fatalf("cannot use KUBECONFIG's current context: %v", err)
	}
	if err := api.FlattenConfig(named); err != nil {
		t.Fatalf("cannot read what KUBECONFIG refers to: %v", err)
	}
	c := &KubernetesCluster{Context: named.CurrentContext, Kubeconfig: writeKubeconfig(t, *named)}
	for _, user := range named.AuthInfos {
		user.Impersonate = RestrictedUser
	}
	c.Restricted = writeKubeconfig(t, *named)
	return c
}

func serverOf(c *api.Config) string {
	if current := c.Contexts[c.CurrentContext]; current != nil && c.Clusters[current.Cluster] != nil {
		return c.Clusters[current.Cluster].Server
	}
	return ""
}

func writeKubeconfig(t testing.TB, c api.Config) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(c, path); err != nil {
		t.Fatalf("cannot write a kubeconfig: %v", err)
	}
	return path
}

// Namespace makes a namespace that nothing else uses, with the given labels, and waits until pods can be made in it.
// It is deleted after the test, which does not wait for that.
func (c *KubernetesCluster) Namespace(t testing.TB, labels map[string]string) string {
	t.Helper()
	client := c.Client(t)
	words := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(t.Name()), "-")
	name := strings.Trim(words[:min(len(words), 40)], "-") + "-" + strings.ToLower(rand.Text()[:8])
	err := client.Create(t.Context(), "/api/v1/namespaces", core.Namespace{ObjectMeta: meta.ObjectMeta{Name: name, Labels: labels}})
	if err != nil {
		t.Fatalf("cannot make namespace %s: %v", name, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := client.Delete(ctx, "/api/v1/namespaces/"+name); err != nil {
			t.Errorf("cannot delete namespace %s: %v", name, err)
		}
	})
	Eventually(t, 30*time.Second, func(ctx context.Context) error {
		return client.Get(ctx, "/api/v1/namespaces/"+name+"/serviceaccounts/default", nil)
	})
	return name
}

// Eventually calls f until it gives no error; after the given time the test fails with the last one.
func Eventually(t testing.TB, within time.Duration, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for last := error(nil); ; {
		err := f(ctx)
		if err == nil {
			return
		}
		if ctx.Err() == nil || last == nil {
			last = err // what f says once the time is over tells nothing
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %v", within, last)
		}
	}
}
