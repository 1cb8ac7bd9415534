package image

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

// randomImage is an image of two layers that nothing else shares.
func randomImage(t *testing.T, arch string) v1.Image {
	t.Helper()
	content, err := random.Image(200_000, 2)
	must(t, err)
	layers, err := content.Layers()
	must(t, err)
	img, err := mutate.AppendLayers(empty.Image, layers...)
	must(t, err)
	file, err := img.ConfigFile()
	must(t, err)
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config.User = "linux", arch, "1000"
	img, err = mutate.ConfigFile(img, file)
	must(t, err)
	return img
}

// push puts an image into a registry, under a name that the test takes off the engine again.
func push(t *testing.T, api client.APIClient, r *testbed.RegistryServer, repository string, img v1.Image) string {
	t.Helper()
	ref := r.Host + "/" + repository
	tag, err := name.NewTag(ref)
	must(t, err)
	must(t, remote.Write(tag, img))
	r.Forget()
	forget(t, api, ref)
	return ref
}

// forget takes images off the engine after the test.
func forget(t *testing.T, api client.APIClient, refs ...string) {
	t.Cleanup(func() {
		for _, ref := range refs {
			_, _ = api.ImageRemove(context.Background(), ref, image.RemoveOptions{Force: true})
		}
	})
}

func idOf(t *testing.T, img v1.Image) string {
	t.Helper()
	id, err := img.ConfigName()
	must(t, err)
	return id.String()
}

func digestOfImage(t *testing.T, img v1.Image) string {
	t.Helper()
	digest, err := img.Digest()
	must(t, err)
	return digest.String()
}

// newStore is a Store that neither waits between tries nor knows the logins of whoever runs the test.
func newStore(t *testing.T, api client.APIClient) *Store {
	t.Helper()
	return storeWith(api, t.TempDir())
}

func storeWith(api client.APIClient, configDir string) *Store {
	s := NewStore(api, WithEnv(func(name string) (string, bool) {
		return map[string]string{"DOCKER_CONFIG": configDir}[name], name == "DOCKER_CONFIG"
	}))
	s.pause = func(int) time.Duration { return time.Millisecond }
	return s
}

func want(ref string, policy manifest.PullPolicy) workload.Workload {
	return workload.Workload{Stack: "s", Daemon: "d", Image: ref, PullPolicy: policy}
}

// heard collects progress.
type heard struct {
	mu  sync.Mutex
	all []deploy.Progress
}

func (h *heard) hear(p deploy.Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, p)
}

func (h *heard) details() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for _, p := range h.all {
		b.WriteString(p.Detail + "\n")
	}
	return b.String()
}

func (h *heard) last() deploy.Progress {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) == 0 {
		return deploy.Progress{}
	}
	return h.all[len(h.all)-1]
}

// verdict checks that err is a problem with that reason, and gives its text.
func verdict(t *testing.T, err error, reason deploy.Reason) string {
	t.Helper()
	var p *deploy.Problem
	if !errors.As(err, &p) || p.Reason != reason {
		t.Fatalf("got %v; want a problem %s", err, reason)
	}
	return p.Error() + "; " + p.Hint
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// foreign is an architecture that this machine does not run.
func foreign() string {
	if runtime.GOARCH == "s390x" {
		return "amd64"
	}
	return "s390x"
}
