package testbed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// ImagesVariable names where images go for a cluster that is not ours: a registry and a prefix that the cluster can
// pull from and the tests, with the Docker configuration's logins, may push to.
const ImagesVariable = "ALIEN_TEST_IMAGES"

// Part is a process of the cluster.
type Part string

// The parts that tests stop.
const (
	APIServer         Part = "kube-apiserver"
	Kubelet           Part = "kubelet"
	Scheduler         Part = "kube-scheduler"
	ControllerManager Part = "kube-controller-manager"
)

// DaemonImage gives the reference of the plain image, or the given variant, which the cluster's node has (or can pull,
// if the cluster is not ours). Pods must not use imagePullPolicy Always. The tag is made of the content.
func (c *KubernetesCluster) DaemonImage(t testing.TB, v ...Variant) string {
	t.Helper()
	img := Build(t, append(v, Plain)[0])
	id, err := img.ConfigName()
	if err != nil {
		t.Fatalf("cannot name the test daemon's image: %v", err)
	}
	tag := "daemon:" + id.Hex[:12]
	if c.state == "" {
		return c.push(t, tag, img)
	}
	var archive bytes.Buffer
	ref, err := name.NewTag("alien.test/" + tag)
	if err == nil {
		err = tarball.Write(ref, img, &archive)
	}
	if err != nil {
		t.Fatalf("cannot write an archive of %s: %v", tag, err)
	}
	c.order(t, "/images", &archive)
	return ref.String()
}

// Import gives the cluster's node the images of an archive: docker save's or OCI.
func (c *KubernetesCluster) Import(t testing.TB, path string) {
	t.Helper()
	c.mustBeOurs(t, "only our own cluster's node can be given an archive")
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c.order(t, "/images", file)
}

func (c *KubernetesCluster) push(t testing.TB, tag string, img remote.Taggable) string {
	t.Helper()
	prefix := os.Getenv(ImagesVariable)
	if prefix == "" {
		missing(t, "KUBECONFIG names a cluster that is not ours: "+ImagesVariable+" must say where to push its images")
	}
	ref, err := name.NewTag(prefix + "/" + tag)
	if err == nil {
		err = remote.Push(ref, img, remote.WithContext(t.Context()), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	}
	if err != nil {
		t.Fatalf("cannot push %s/%s: %v", prefix, tag, err)
	}
	return ref.String()
}

// Stop stops a part of the cluster, for every test that uses it; it is started again after the test at the latest.
func (c *KubernetesCluster) Stop(t testing.TB, part Part) {
	t.Helper()
	c.mustBeOurs(t, "only our own cluster's parts can be stopped")
	t.Cleanup(func() { c.Start(t, part) })
	c.order(t, "/stop?part="+string(part), nil)
}

// Start starts a stopped part. The API server is ready when it returns.
func (c *KubernetesCluster) Start(t testing.TB, part Part) {
	t.Helper()
	c.order(t, "/start?part="+string(part), nil)
}

// mustBeOurs skips a test, in CI too, that somebody else's cluster cannot serve.
func (c *KubernetesCluster) mustBeOurs(t testing.TB, why string) {
	t.Helper()
	if c.state == "" {
		t.Skip(why)
	}
}

// order tells the program of test/cluster what to do, and waits until it is done.
func (c *KubernetesCluster) order(t testing.TB, order string, body io.Reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // cleanups give orders too
	defer cancel()
	if err := c.tell(ctx, order, body); err != nil {
		t.Fatalf("the test cluster: %v", err)
	}
}

func (c *KubernetesCluster) tell(ctx context.Context, order string, body io.Reader) error {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(c.state, "control.sock"))
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://cluster"+order, body)
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", order, said)
	}
	return err
}
