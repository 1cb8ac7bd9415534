package image

import (
	"cmp"
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/client"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// TestStore: an engine keeps images as every place does.
func TestStore(t *testing.T) { storetest.Run(t, engineStores) }

func engineStores(t testing.TB) storetest.Place {
	api := testbed.Engine(t)
	var made []string
	return storetest.Place{
		Image: func(t testing.TB, arch string) v1.Image {
			img := testbed.RandomImage(t, arch)
			made = append(made, testbed.IDOf(t, img))
			return img
		},
		Open: func(t testing.TB, config string) storetest.Store {
			return opened(storeWith(api, cmp.Or(config, t.TempDir())))
		},
		Tidy: func(t testing.TB, refs ...string) { forget(t, api, refs...) },
		Holds: func(t testing.TB, ids ...string) {
			for _, id := range made {
				if _, err := api.ImageInspect(t.Context(), id); (err == nil) != slices.Contains(ids, id) {
					t.Errorf("of %v the engine should have %v; asked for %s it says %v", made, ids, id, err)
				}
			}
		},
		Manifests: 2, // HEAD and then GET
	}
}

func opened(s *Store) storetest.Store {
	return storetest.Store{
		Ensure: func(ctx context.Context, w workload.Workload, report func(deploy.Progress)) (storetest.Image, error) {
			img, err := s.Ensure(ctx, w, report)
			if err != nil {
				return storetest.Image{}, err
			}
			return storetest.Image{ID: img.ID, Digest: img.Digest, User: img.Config.User}, nil
		},
		Resolve: s.Resolve,
		Hurry:   func(patience time.Duration) { s.patience = patience },
	}
}

// TestNeverOfAnotherPlatform: what the engine has already is looked at like what is pulled.
func TestNeverOfAnotherPlatform(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	ref := push(t, api, r, "platform/plain:1", testbed.RandomImage(t, testbed.ForeignArch()))
	for _, policy := range []manifest.PullPolicy{manifest.PullMissing, manifest.PullNever} {
		_, err := newStore(t, api).Ensure(t.Context(), storetest.Want(ref, policy), nil)
		if text := storetest.Verdict(t, err, deploy.ImagePlatform); !strings.Contains(text, "linux/"+testbed.ForeignArch()) || !strings.Contains(text, "linux/"+runtime.GOARCH) {
			t.Errorf("%q does not name both platforms", text)
		}
	}
}

func TestEnsureTellsALostEngine(t *testing.T) {
	gone, err := client.NewClientWithOpts(client.WithHost("unix://" + filepath.Join(t.TempDir(), "gone.sock")))
	must(t, err)
	_, err = newStore(t, gone).Ensure(t.Context(), storetest.Want("app:1", ""), nil)
	storetest.Verdict(t, err, deploy.EngineUnreachable)
	_, _, err = newStore(t, gone).Resolve(t.Context(), []workload.Workload{storetest.Want("app:1", "")})
	storetest.Verdict(t, err, deploy.EngineUnreachable)
}
