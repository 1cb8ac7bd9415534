package rootfs

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/oci"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// TestStore: a cache keeps images as every place does.
func TestStore(t *testing.T) { storetest.Run(t, cacheStores) }

func cacheStores(t testing.TB) storetest.Place {
	dir := filepath.Join(t.TempDir(), "cache")
	open := func(t testing.TB, config string) *Store { return storeIn(t, dir, cmp.Or(config, t.TempDir())) }
	return storetest.Place{
		Image:     simple,
		Open:      func(t testing.TB, config string) storetest.Store { return opened(open(t, config)) },
		Tidy:      func(testing.TB, ...string) {}, // the cache goes with the test
		Holds:     func(t testing.TB, ids ...string) { t.Helper(); onlyThese(t, open(t, ""), ids...) },
		Manifests: 1,
	}
}

func opened(s *Store) storetest.Store {
	return storetest.Store{
		Ensure: func(ctx context.Context, w workload.Workload, report func(deploy.Progress)) (storetest.Image, error) {
			img, err := s.Ensure(ctx, w, report)
			return storetest.Image{ID: img.ID, Digest: img.Digest, User: img.Config.User}, err
		},
		Resolve: s.Resolve,
		Hurry:   func(patience time.Duration) { s.patience = patience },
	}
}

// TestEnsureUnpacks: the layers become one file system, which is taken again by tag and by digest.
func TestEnsureUnpacks(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	ref := storetest.Push(t, r, "unpacked/app:1", simple(t, runtime.GOARCH))
	got, err := s.Ensure(t.Context(), storetest.Want(ref, ""), nil)
	must(t, err)
	if text, err := os.ReadFile(filepath.Join(got.Root, "etc", "motd")); err != nil || string(text) != "hello from layer 2\n" {
		t.Errorf("unpacked %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(got.Root, "etc", "gone")); err == nil {
		t.Error("what a layer took away is there")
	}
	r.Forget()
	for _, ref := range []string{ref, strings.TrimSuffix(ref, ":1") + "@" + got.Digest} {
		again, err := reopen(t, s).Ensure(t.Context(), storetest.Want(ref, manifest.PullMissing), nil)
		if err != nil || again.Root != got.Root || again.Digest != got.Digest {
			t.Errorf("%s: got %+v, %v", ref, again, err)
		}
	}
	if asked := r.Requests(); len(asked) > 0 {
		t.Errorf("the registry was asked for what is here: %v", asked)
	}
}

// TestForeignIsNotUnpacked: an image for other machines is refused by what its registry says of it.
func TestForeignIsNotUnpacked(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	_, err := s.Ensure(t.Context(), storetest.Want(storetest.Push(t, r, "platform/plain:1", simple(t, testbed.ForeignArch())), ""), nil)
	if text := storetest.Verdict(t, err, deploy.ImagePlatform); !strings.Contains(text, "linux/"+testbed.ForeignArch()) {
		t.Errorf("%q does not name what it is made for", text)
	}
	onlyThese(t, s)
}

// TestEnsureWhereLayersFail: a registry that has the manifest and cannot give the layers is asked again.
func TestEnsureWhereLayersFail(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	ref := storetest.Push(t, r, "faulty/app:1", simple(t, runtime.GOARCH))
	r.Fail(testbed.Fault{Path: "/blobs/", Status: http.StatusBadGateway})
	_, err := s.Ensure(t.Context(), storetest.Want(ref, ""), nil)
	storetest.Verdict(t, err, deploy.RegistryUnreachable)
	if got := storetest.Attempts(r); got != oci.Tries {
		t.Errorf("%d attempts, want %d: %v", got, oci.Tries, r.Requests())
	}
	onlyThese(t, s)
}

func TestEnsureTheTestDaemon(t *testing.T) {
	r := testbed.Registry(t)
	ref := r.Push(t, "daemon/app:1", testbed.Healthcheck)
	got, err := newStore(t).Ensure(t.Context(), storetest.Want(ref, ""), nil)
	must(t, err)
	info, err := os.Stat(filepath.Join(got.Root, "daemon"))
	must(t, err)
	tmp, err := os.Stat(filepath.Join(got.Root, "tmp"))
	must(t, err)
	if info.Mode().Perm() != 0o755 || tmp.Mode()&os.ModeSticky == 0 || got.Config.Healthcheck == nil || got.Config.Entrypoint[0] != "/daemon" {
		t.Errorf("daemon %v, tmp %v, configuration %+v", info.Mode(), tmp.Mode(), got.Config)
	}
}

func TestEnsureFromAnIndex(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	ref := r.PushIndex(t, "index/app:1", "s390x", runtime.GOARCH)
	got, err := s.Ensure(t.Context(), storetest.Want(ref, ""), nil)
	must(t, err)
	there, err := remote.Head(must2(name.ParseReference(ref)))
	must(t, err)
	if got.Digest != there.Digest.String() || got.Config.Labels["salt"] != runtime.GOARCH {
		t.Errorf("got %+v; want digest %s", got, there.Digest)
	}
	if again, _, err := s.Resolve(t.Context(), []workload.Workload{storetest.Want(ref, manifest.PullAlways)}); err != nil || again[ref] != got.ID {
		t.Errorf("resolves to %v, %v", again, err)
	}
}

// Stores of several processes share a cache; in one process they are as strange to each other.
func TestEnsureByManyAtOnce(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	img := simple(t, runtime.GOARCH)
	ref := storetest.Push(t, r, "many/app:1", img)
	var wait sync.WaitGroup
	for range 8 {
		other := reopen(t, s)
		wait.Go(func() {
			got, err := other.Ensure(t.Context(), storetest.Want(ref, ""), nil)
			if err != nil || got.ID != testbed.IDOf(t, img) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	wait.Wait()
	blobs := map[string]int{}
	for _, request := range r.Requests() {
		if strings.Contains(request, "/blobs/") && !strings.HasSuffix(request, testbed.IDOf(t, img)) {
			blobs[request]++
		}
	}
	for request, n := range blobs {
		if n > 1 {
			t.Errorf("%s was asked for %d times", request, n)
		}
	}
	onlyThese(t, s, testbed.IDOf(t, img))
}
