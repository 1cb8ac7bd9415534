package conformance

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	corev1 "k8s.io/api/core/v1"

	"github.com/alienplatform/alien-go/internal/k8s"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// TestKubernetesInside: in a pod, alien is the pod's service account and works in the pod's namespace, with the documented
// Role and without a kubeconfig.
func TestKubernetesInside(t *testing.T) {
	t.Parallel()
	on := newKubernetes(t)
	on.make(t, kube.ServiceAccounts, "deployer", object{})
	on.grant(t, k8s.Role(on.api.Namespace), object{"kind": "ServiceAccount", "name": "deployer", "namespace": on.api.Namespace})
	on.make(t, kube.Kind{Version: "v1", Resource: "configmaps", Name: "ConfigMap"}, "stack", object{"data": object{
		"alien.yaml": "name: inside\nplatforms: [kubernetes]\ndaemons:\n  api: { image: \"" + on.image(t, testbed.Plain) + "\", command: [/daemon, run], environment: { TOKEN: { fromEnv: TOKEN } } }\n"}})
	image := on.imageOfAlien(t)
	for i, c := range []struct {
		args []any
		says string
	}{
		{[]any{"daemon", "up"}, "(context in-cluster, "},
		{[]any{"daemon", "status"}, "api"},
		{[]any{"daemon", "down"}, "1 removed"},
	} {
		said := on.runInside(t, fmt.Sprint("alien-", i), image, append([]any{"/alien"}, append(c.args, "-f", "/stack/alien.yaml")...))
		if !bytes.Contains([]byte(said), []byte(c.says)) {
			t.Errorf("%v does not say %q:\n%s", c.args, c.says, said)
		}
	}
	if left := on.leftovers(t, "inside"); len(left) != 0 {
		t.Errorf("down left %v", left)
	}
}

// imageOfAlien gives the node an image of the alien under test.
func (k kubernetes) imageOfAlien(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		err := w.WriteHeader(&tar.Header{Name: "alien", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write(program)
		}
		if err == nil {
			err = w.Close()
		}
		return io.NopCloser(&b), err
	})
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(testbed.Build(t, testbed.Plain), layer)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewTag("alien.test/" + k.api.Namespace + ":1")
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "alien.tar")
	if err := tarball.WriteToFile(archive, ref, img); err != nil {
		t.Fatal(err)
	}
	k.cluster.Import(t, archive)
	return ref.String()
}

// runInside runs a command in a pod to its end, which must be a good one, and gives what it said. The test cluster has no
// network of services, so the pod has the node's, where the API server listens.
func (k kubernetes) runInside(t *testing.T, pod, image string, command []any) string {
	t.Helper()
	server, err := url.Parse(k.api.Server)
	if err != nil {
		t.Fatal(err)
	}
	env := []any{
		object{"name": "KUBERNETES_SERVICE_HOST", "value": server.Hostname()}, object{"name": "KUBERNETES_SERVICE_PORT", "value": server.Port()},
		object{"name": "TOKEN", "value": "hush"},
	}
	k.make(t, kube.Pods, pod, object{"spec": object{
		"serviceAccountName": "deployer", "restartPolicy": "Never", "hostNetwork": true,
		"volumes": []any{object{"name": "stack", "configMap": object{"name": "stack"}}},
		"containers": []any{object{"name": "alien", "image": image, "imagePullPolicy": "Never", "command": command, "env": env,
			"volumeMounts": []any{object{"name": "stack", "mountPath": "/stack"}}}},
	}})
	var now corev1.Pod
	testbed.Eventually(t, 3*time.Minute, func(ctx context.Context) error {
		err := k.api.Get(ctx, kube.Pods, pod, &now)
		if err == nil && now.Status.Phase != corev1.PodSucceeded && now.Status.Phase != corev1.PodFailed {
			err = fmt.Errorf("%s is %s: %+v", pod, now.Status.Phase, now.Status.ContainerStatuses)
		}
		return err
	})
	said := k.log(t, pod)
	if now.Status.Phase != corev1.PodSucceeded {
		t.Fatalf("%v failed:\n%s", command, said)
	}
	return said
}

func (k kubernetes) log(t *testing.T, pod string) string {
	t.Helper()
	text, err := k.api.Log(t.Context(), pod, url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	all, err := io.ReadAll(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// TestKubernetesWithoutEvents: events are evidence only; without the right to see them a daemon becomes ready all the same.
func TestKubernetesWithoutEvents(t *testing.T) {
	t.Parallel()
	on := behindCluster(t)
	p := newProject(t, on)
	p.manifest(oneRunning)
	on.proxy.Fail(testbed.ClusterFault{Status: http.StatusForbidden, Match: func(c testbed.ClusterCall) bool {
		return filepath.Base(c.Path) == "events"
	}})
	p.up(0)
}
