package image

import (
	"context"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
)

// push puts an image into a registry, under a name that the test takes off the engine again.
func push(t *testing.T, api client.APIClient, r *testbed.RegistryServer, repository string, img v1.Image) string {
	t.Helper()
	ref := storetest.Push(t, r, repository, img)
	forget(t, api, ref)
	return ref
}

// forget takes images off the engine after the test.
func forget(t testing.TB, api client.APIClient, refs ...string) {
	t.Cleanup(func() {
		for _, ref := range refs {
			_, _ = api.ImageRemove(context.Background(), ref, image.RemoveOptions{Force: true})
		}
	})
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

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
