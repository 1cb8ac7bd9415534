package image

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/client"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/oci"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

func TestEnsurePullsWhatIsMissingOnce(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	img := randomImage(t, runtime.GOARCH)
	ref := push(t, api, r, "missing/app:1", img)

	var progress heard
	got, err := newStore(t, api).Ensure(t.Context(), want(ref, ""), progress.hear)
	must(t, err)
	if got.ID != idOf(t, img) || got.Digest != digestOfImage(t, img) || got.Config.User != "1000" {
		t.Errorf("got %+v; want id %s, digest %s, user 1000", got, idOf(t, img), digestOfImage(t, img))
	}
	layers, err := img.Layers()
	must(t, err)
	var bytes int64
	for _, l := range layers {
		size, err := l.Size()
		must(t, err)
		bytes += size
	}
	if last := progress.last(); last.Phase != deploy.Pulling || last.Current != bytes || last.Total != bytes {
		t.Errorf("last progress %+v; want all %d bytes", last, bytes)
	}

	r.Forget()
	if _, err = newStore(t, api).Ensure(t.Context(), want(ref, manifest.PullMissing), nil); err != nil {
		t.Fatal(err)
	}
	if asked := r.Requests(); len(asked) > 0 {
		t.Errorf("the registry was asked for what the engine has: %v", asked)
	}
}

func TestEnsureAlwaysTakesTheNewest(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	first, second := randomImage(t, runtime.GOARCH), randomImage(t, runtime.GOARCH)
	ref := push(t, api, r, "always/app:1", first)
	_, err := newStore(t, api).Ensure(t.Context(), want(ref, manifest.PullAlways), nil)
	must(t, err)

	push(t, api, r, "always/app:1", second)
	missing, err := newStore(t, api).Ensure(t.Context(), want(ref, manifest.PullMissing), nil)
	must(t, err)
	always, err := newStore(t, api).Ensure(t.Context(), want(ref, manifest.PullAlways), nil)
	must(t, err)
	if missing.ID != idOf(t, first) || always.ID != idOf(t, second) || always.Digest != digestOfImage(t, second) {
		t.Errorf("missing gave %s, always %s; want %s and %s", missing.ID, always.ID, idOf(t, first), idOf(t, second))
	}
	forget(t, api, idOf(t, first))
}

func TestEnsureByDigest(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	img := randomImage(t, runtime.GOARCH)
	ref := push(t, api, r, "digest/app:1", img) + "@" + digestOfImage(t, img)
	forget(t, api, idOf(t, img))
	got, err := newStore(t, api).Ensure(t.Context(), want(ref, ""), nil)
	must(t, err)
	if got.ID != idOf(t, img) || got.Digest != digestOfImage(t, img) {
		t.Errorf("got %+v", got)
	}
	r.Close() // with what a digest names on the engine there is nothing to ask, not even with always
	if _, err := newStore(t, api).Ensure(t.Context(), want(ref, manifest.PullAlways), nil); err != nil {
		t.Error(err)
	}
}

func TestEnsureNever(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	ref := push(t, api, r, "never/app:1", randomImage(t, runtime.GOARCH))
	_, err := newStore(t, api).Ensure(t.Context(), want(ref, manifest.PullNever), nil)
	verdict(t, err, deploy.ImageNotPresent)
	if asked := r.Requests(); len(asked) > 0 {
		t.Errorf("the registry was asked: %v", asked)
	}
	_, err = newStore(t, api).Ensure(t.Context(), want(ref, ""), nil)
	must(t, err)
	_, err = newStore(t, api).Ensure(t.Context(), want(ref, manifest.PullNever), nil)
	must(t, err)
}

func TestEnsureVerdicts(t *testing.T) {
	api := testbed.Engine(t)
	tests := map[string]struct {
		fault    testbed.Fault
		reason   deploy.Reason
		attempts int
	}{
		"unauthorized": {testbed.Fault{Path: "/manifests/", Status: http.StatusUnauthorized}, deploy.ImageDenied, 1},
		"forbidden":    {testbed.Fault{Path: "/manifests/", Status: http.StatusForbidden}, deploy.ImageDenied, 1},
		"not found":    {testbed.Fault{Path: "/manifests/", Status: http.StatusNotFound}, deploy.ImageNotFound, 1},
		"rate limited": {testbed.Fault{Path: "/manifests/", Status: http.StatusTooManyRequests}, deploy.ImageRateLimited, 1},
		"unavailable":  {testbed.Fault{Path: "/manifests/", Status: http.StatusServiceUnavailable}, deploy.RegistryUnreachable, oci.Tries},
		"broken off":   {testbed.Fault{Path: "/manifests/", Drop: true}, deploy.RegistryUnreachable, oci.Tries},
		"layer gone":   {testbed.Fault{Path: "/blobs/", Status: http.StatusNotFound}, deploy.ImageNotFound, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := testbed.Registry(t)
			ref := push(t, api, r, "faulty/app:1", randomImage(t, runtime.GOARCH))
			r.Fail(test.fault)
			_, err := newStore(t, api).Ensure(t.Context(), want(ref, ""), nil)
			if text := verdict(t, err, test.reason); !strings.Contains(text, ref) || strings.Contains(text, "%!") || strings.Contains(text, "REGISTRY") {
				t.Errorf("%q does not name %s", text, ref)
			}
			if got := attempts(r); got != test.attempts {
				t.Errorf("%d attempts, want %d: %v", got, test.attempts, r.Requests())
			}
		})
	}
}

// attempts counts how often the engine began to pull: with a ping of the registry.
func attempts(r *testbed.RegistryServer) int {
	n := 0
	for _, request := range r.Requests() {
		if request == "GET /v2/" {
			n++
		}
	}
	return n
}

func TestEnsureOfWhatIsNotThere(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	push(t, api, r, "there/app:1", randomImage(t, runtime.GOARCH))
	closed := testbed.Registry(t)
	closed.Close()
	tests := map[string]struct {
		ref    string
		reason deploy.Reason
	}{
		"tag":          {r.Host + "/there/app:2", deploy.ImageNotFound},
		"repository":   {r.Host + "/there/no:1", deploy.ImageNotFound},
		"digest":       {r.Host + "/there/app@sha256:" + strings.Repeat("a", 64), deploy.ImageNotFound},
		"registry":     {closed.Host + "/there/app:1", deploy.RegistryUnreachable},
		"host":         {"registry.invalid/there/app:1", deploy.RegistryUnreachable},
		"no reference": {"Not A Reference", deploy.ImageInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := newStore(t, api).Ensure(t.Context(), want(test.ref, ""), nil)
			verdict(t, err, test.reason)
		})
	}
}

func TestEnsureTriesAgain(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	img := randomImage(t, runtime.GOARCH)
	ref := push(t, api, r, "again/app:1", img)
	// The engine asks twice per try, HEAD and then GET.
	r.FailNext(4, testbed.Fault{Path: "/manifests/", Status: http.StatusServiceUnavailable})
	var progress heard
	got, err := newStore(t, api).Ensure(t.Context(), want(ref, ""), progress.hear)
	must(t, err)
	if got.ID != idOf(t, img) {
		t.Errorf("got %s", got.ID)
	}
	if said := progress.details(); !strings.Contains(said, "503 Service Unavailable; trying again") || !strings.Contains(said, "try 3 of 3") {
		t.Errorf("progress did not tell of the tries:\n%s", said)
	}
}

func TestEnsureWrongPlatform(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	plain := push(t, api, r, "platform/plain:1", randomImage(t, foreign()))
	index := r.PushIndex(t, "platform/index:1", foreign())
	for name, ref := range map[string]string{"plain": plain, "index": index} {
		t.Run(name, func(t *testing.T) {
			_, err := newStore(t, api).Ensure(t.Context(), want(ref, ""), nil)
			verdict(t, err, deploy.ImagePlatform)
		})
	}
	_, err := newStore(t, api).Ensure(t.Context(), want(plain, manifest.PullNever), nil)
	if text := verdict(t, err, deploy.ImagePlatform); !strings.Contains(text, "linux/"+foreign()) || !strings.Contains(text, "linux/"+runtime.GOARCH) {
		t.Errorf("%q does not name both platforms", text)
	}
}

func TestEnsureIsSharedAndTold(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	ref := push(t, api, r, "shared/app:1", randomImage(t, runtime.GOARCH))
	s := newStore(t, api)
	var wait sync.WaitGroup
	progress := make([]heard, 20)
	for i := range progress {
		wait.Go(func() {
			if _, err := s.Ensure(t.Context(), want(ref, manifest.PullAlways), progress[i].hear); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := attempts(r); got != 1 {
		t.Errorf("pulled %d times", got)
	}
	for i := range progress {
		if progress[i].last().Phase != deploy.Pulling {
			t.Errorf("caller %d heard nothing", i)
		}
	}
}

func TestEnsureEndsWithItsContext(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	ref := push(t, api, r, "hang/app:1", randomImage(t, runtime.GOARCH))
	r.Fail(testbed.Fault{Path: "/blobs/", Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	start := time.Now()
	_, err := newStore(t, api).Ensure(ctx, want(ref, ""), func(deploy.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) || time.Since(start) > 3*time.Second {
		t.Errorf("got %v after %s", err, time.Since(start))
	}
}

func TestEnsureRemembersUntilTheNextLook(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	s, w := newStore(t, api), want(r.Host+"/remember/app:1", "")
	for range 3 {
		_, err := s.Ensure(t.Context(), w, nil)
		verdict(t, err, deploy.ImageNotFound)
	}
	if got := attempts(r); got != 1 {
		t.Errorf("asked %d times for what is not there", got)
	}
	push(t, api, r, "remember/app:1", randomImage(t, runtime.GOARCH))
	if _, _, err := s.Resolve(t.Context(), []workload.Workload{w}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ensure(t.Context(), w, nil); err != nil {
		t.Error(err)
	}
}

func TestResolve(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	local, newer := randomImage(t, runtime.GOARCH), randomImage(t, runtime.GOARCH)
	same := push(t, api, r, "resolve/same:1", local)
	moved := push(t, api, r, "resolve/moved:1", local)
	absent := push(t, api, r, "resolve/absent:1", local)
	for _, ref := range []string{same, moved} {
		_, err := newStore(t, api).Ensure(t.Context(), want(ref, ""), nil)
		must(t, err)
	}
	tag, err := name.NewTag(moved)
	must(t, err)
	must(t, remote.Write(tag, newer))

	s := newStore(t, api)
	check := func(policy manifest.PullPolicy, expect map[string]string, wantUnresolved deploy.Reason) {
		t.Helper()
		got, unresolved, err := s.Resolve(t.Context(), []workload.Workload{want(same, policy), want(same, policy), want(moved, policy), want(absent, policy)})
		must(t, err)
		for _, ref := range []string{same, moved, absent} {
			if got[ref] != expect[ref] {
				t.Errorf("%s: %s resolves to %q, want %q", policy, ref, got[ref], expect[ref])
			}
			var why deploy.Reason
			if p := unresolved[ref]; p != nil {
				why = p.Reason
			}
			if why != wantUnresolved {
				t.Errorf("%s: %s is unresolved because of %q, want %q", policy, ref, why, wantUnresolved)
			}
		}
	}
	r.Forget()
	here := map[string]string{same: idOf(t, local), moved: idOf(t, local)}
	check(manifest.PullMissing, here, "")
	if asked := r.Requests(); len(asked) > 0 {
		t.Errorf("the registry was asked: %v", asked)
	}
	check(manifest.PullAlways, map[string]string{
		same:   idOf(t, local),
		moved:  "registry:" + digestOfImage(t, newer),
		absent: "registry:" + digestOfImage(t, local),
	}, "")
	r.Fail(testbed.Fault{Status: http.StatusServiceUnavailable})
	check(manifest.PullAlways, here, deploy.RegistryUnreachable)
	r.Fail(testbed.Fault{Hang: true})
	s.patience = 50 * time.Millisecond
	check(manifest.PullAlways, here, deploy.RegistryUnreachable)
	if _, err := api.ImageInspect(t.Context(), absent); err == nil {
		t.Error("Resolve fetched an image")
	}
}

func TestEnsureTellsALostEngine(t *testing.T) {
	gone, err := client.NewClientWithOpts(client.WithHost("unix://" + filepath.Join(t.TempDir(), "gone.sock")))
	must(t, err)
	_, err = newStore(t, gone).Ensure(t.Context(), want("app:1", ""), nil)
	verdict(t, err, deploy.EngineUnreachable)
	_, _, err = newStore(t, gone).Resolve(t.Context(), []workload.Workload{want("app:1", "")})
	verdict(t, err, deploy.EngineUnreachable)
}
