package image

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// faultyRegistry is a real registry that misbehaves as a test wants.
type faultyRegistry struct {
	host     string
	requests atomic.Int64 // for manifests
	fault    atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func newRegistry(t *testing.T) *faultyRegistry {
	t.Helper()
	r := &faultyRegistry{}
	real := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.URL.Path, "/manifests/") {
			r.requests.Add(1)
		}
		if fault := r.fault.Load(); fault != nil && (*fault)(w, q) {
			return
		}
		real.ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

// misbehave answers requests with f, as long as it says that it did.
func (r *faultyRegistry) misbehave(f func(http.ResponseWriter, *http.Request) bool) {
	r.requests.Store(0)
	r.fault.Store(&f)
}

// push puts an image of random content there and gives its reference.
func (r *faultyRegistry) push(t *testing.T, repository, arch string) string {
	t.Helper()
	ref := r.host + "/" + repository
	tag, err := name.NewTag(ref)
	if err == nil {
		err = remote.Write(tag, randomImage(t, arch))
	}
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// randomImage is an image of two layers that nothing else shares.
func randomImage(t *testing.T, arch string) v1.Image {
	t.Helper()
	layers, err := random.Image(20_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	all, err := layers.Layers()
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, all...)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", arch
	file.Config.Entrypoint = []string{"/daemon"}
	file.Config.User = "1000"
	img, err = mutate.ConfigFile(img, file)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
