package rootfs

import (
	"context"
	"errors"
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
	"github.com/alienplatform/alien-go/internal/workload"
)

func TestEnsurePullsWhatIsMissingOnce(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	img := simple(t, runtime.GOARCH)
	ref := push(t, r, "missing/app:1", img)

	var progress heard
	got, err := s.Ensure(t.Context(), want(ref, ""), progress.hear)
	must(t, err)
	if got.ID != idOf(t, img) || got.Digest != digestOf(t, img) || got.Config.User != "1000" {
		t.Errorf("got %+v; want id %s, digest %s, user 1000", got, idOf(t, img), digestOf(t, img))
	}
	if text, err := os.ReadFile(filepath.Join(got.Root, "etc", "motd")); err != nil || string(text) != "hello from layer 2\n" {
		t.Errorf("unpacked %q, %v", text, err)
	}
	if last := progress.last(); last.Phase != deploy.Pulling || last.Total == 0 || last.Current != last.Total {
		t.Errorf("last progress %+v", last)
	}
	onlyThese(t, s, got.ID)

	r.Forget()
	for _, ref := range []string{ref, strings.TrimSuffix(ref, ":1") + "@" + got.Digest} {
		again, err := reopen(t, s).Ensure(t.Context(), want(ref, manifest.PullMissing), nil)
		if err != nil || again.Root != got.Root || again.Digest != got.Digest {
			t.Errorf("%s: got %+v, %v", ref, again, err)
		}
	}
	if asked := r.Requests(); len(asked) > 0 {
		t.Errorf("the registry was asked for what is here: %v", asked)
	}
}

func TestEnsureTheTestDaemon(t *testing.T) {
	r := testbed.Registry(t)
	ref := r.Push(t, "daemon/app:1", testbed.Healthcheck)
	got, err := newStore(t).Ensure(t.Context(), want(ref, ""), nil)
	must(t, err)
	info, err := os.Stat(filepath.Join(got.Root, "daemon"))
	must(t, err)
	tmp, err := os.Stat(filepath.Join(got.Root, "tmp"))
	must(t, err)
	if info.Mode().Perm() != 0o755 || tmp.Mode()&os.ModeSticky == 0 || got.Config.Healthcheck == nil || got.Config.Entrypoint[0] != "/daemon" {
		t.Errorf("daemon %v, tmp %v, configuration %+v", info.Mode(), tmp.Mode(), got.Config)
	}
}

func TestEnsureAlwaysTakesTheNewest(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	first, second := simple(t, runtime.GOARCH), simple(t, runtime.GOARCH)
	ref := push(t, r, "always/app:1", first)
	_, err := s.Ensure(t.Context(), want(ref, manifest.PullAlways), nil)
	must(t, err)
	push(t, r, "always/app:1", second)
	missing, err := reopen(t, s).Ensure(t.Context(), want(ref, manifest.PullMissing), nil)
	must(t, err)
	always, err := reopen(t, s).Ensure(t.Context(), want(ref, manifest.PullAlways), nil)
	must(t, err)
	if missing.ID != idOf(t, first) || always.ID != idOf(t, second) || always.Digest != digestOf(t, second) {
		t.Errorf("missing gave %s, always %s; want %s and %s", missing.ID, always.ID, idOf(t, first), idOf(t, second))
	}
	byDigest := strings.TrimSuffix(ref, ":1") + "@" + digestOf(t, second)
	r.Close() // with what a digest names there is nothing to ask, not even with always
	if _, err := reopen(t, s).Ensure(t.Context(), want(byDigest, manifest.PullAlways), nil); err != nil {
		t.Error(err)
	}
}

func TestEnsureNever(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	ref := push(t, r, "never/app:1", simple(t, runtime.GOARCH))
	_, err := s.Ensure(t.Context(), want(ref, manifest.PullNever), nil)
	verdict(t, err, deploy.ImageNotPresent)
	if asked := r.Requests(); len(asked) > 0 {
		t.Errorf("the registry was asked: %v", asked)
	}
	_, err = s.Ensure(t.Context(), want(ref, ""), nil)
	must(t, err)
	_, err = reopen(t, s).Ensure(t.Context(), want(ref, manifest.PullNever), nil)
	must(t, err)
}

func TestEnsureVerdicts(t *testing.T) {
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
		"layers late":  {testbed.Fault{Path: "/blobs/", Status: http.StatusBadGateway}, deploy.RegistryUnreachable, oci.Tries},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, s := testbed.Registry(t), newStore(t)
			ref := push(t, r, "faulty/app:1", simple(t, runtime.GOARCH))
			r.Fail(test.fault)
			_, err := s.Ensure(t.Context(), want(ref, ""), nil)
			if text := verdict(t, err, test.reason); !strings.Contains(text, ref) || strings.Contains(text, "%!") || strings.Contains(text, "REGISTRY") {
				t.Errorf("%q does not name %s", text, ref)
			}
			if got := attempts(r); got != test.attempts {
				t.Errorf("%d attempts, want %d: %v", got, test.attempts, r.Requests())
			}
			onlyThese(t, s)
		})
	}
}

// attempts counts how often a pull began: with a ping of the registry.
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
	r, s := testbed.Registry(t), newStore(t)
	push(t, r, "there/app:1", simple(t, runtime.GOARCH))
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
		"archive":      {"oci:/no/such/file", deploy.ImageNotFound},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := s.Ensure(t.Context(), want(test.ref, ""), nil)
			verdict(t, err, test.reason)
		})
	}
}

func TestEnsureTriesAgain(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	img := simple(t, runtime.GOARCH)
	ref := push(t, r, "again/app:1", img)
	r.FailNext(2, testbed.Fault{Path: "/manifests/", Status: http.StatusServiceUnavailable})
	var progress heard
	got, err := s.Ensure(t.Context(), want(ref, ""), progress.hear)
	must(t, err)
	if got.ID != idOf(t, img) {
		t.Errorf("got %s", got.ID)
	}
	if said := progress.details(); !strings.Contains(said, "503") || !strings.Contains(said, "trying again") || !strings.Contains(said, "try 3 of 3") {
		t.Errorf("progress did not tell of the tries:\n%s", said)
	}
}

func TestEnsureWrongPlatform(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	plain := push(t, r, "platform/plain:1", simple(t, "s390x"))
	index := r.PushIndex(t, "platform/index:1", "s390x")
	r.Forget()
	for name, ref := range map[string]string{"plain": plain, "index": index} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Ensure(t.Context(), want(ref, ""), nil)
			if text := verdict(t, err, deploy.ImagePlatform); !strings.Contains(text, "linux/s390x") || !strings.Contains(text, "linux/"+runtime.GOARCH) {
				t.Errorf("%q does not name both platforms", text)
			}
		})
	}
	onlyThese(t, s)
}

func TestEnsureFromAnIndex(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	ref := r.PushIndex(t, "index/app:1", "s390x", runtime.GOARCH)
	got, err := s.Ensure(t.Context(), want(ref, ""), nil)
	must(t, err)
	there, err := remote.Head(must2(name.ParseReference(ref)))
	must(t, err)
	if got.Digest != there.Digest.String() || got.Config.Labels["salt"] != runtime.GOARCH {
		t.Errorf("got %+v; want digest %s", got, there.Digest)
	}
	if again, _, err := s.Resolve(t.Context(), []workload.Workload{want(ref, manifest.PullAlways)}); err != nil || again[ref] != got.ID {
		t.Errorf("resolves to %v, %v", again, err)
	}
}

func TestEnsureIsSharedAndTold(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	ref := push(t, r, "shared/app:1", simple(t, runtime.GOARCH))
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

// Stores of several processes share a cache; in one process they are as strange to each other.
func TestEnsureByManyAtOnce(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	img := simple(t, runtime.GOARCH)
	ref := push(t, r, "many/app:1", img)
	var wait sync.WaitGroup
	for range 8 {
		other := reopen(t, s)
		wait.Go(func() {
			got, err := other.Ensure(t.Context(), want(ref, ""), nil)
			if err != nil || got.ID != idOf(t, img) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	wait.Wait()
	blobs := map[string]int{}
	for _, request := range r.Requests() {
		if strings.Contains(request, "/blobs/") && !strings.HasSuffix(request, idOf(t, img)) {
			blobs[request]++
		}
	}
	for request, n := range blobs {
		if n > 1 {
			t.Errorf("%s was asked for %d times", request, n)
		}
	}
	onlyThese(t, s, idOf(t, img))
}

func TestEnsureEndsWithItsContext(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	ref := push(t, r, "hang/app:1", simple(t, runtime.GOARCH))
	r.Fail(testbed.Fault{Path: "/blobs/", Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	start := time.Now()
	_, err := s.Ensure(ctx, want(ref, ""), func(deploy.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) || time.Since(start) > 3*time.Second {
		t.Errorf("got %v after %s", err, time.Since(start))
	}
}

func TestEnsureRemembersUntilTheNextLook(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	w := want(r.Host+"/remember/app:1", "")
	for range 3 {
		_, err := s.Ensure(t.Context(), w, nil)
		verdict(t, err, deploy.ImageNotFound)
	}
	if got := attempts(r); got != 1 {
		t.Errorf("asked %d times for what is not there", got)
	}
	push(t, r, "remember/app:1", simple(t, runtime.GOARCH))
	_, _, err := s.Resolve(t.Context(), []workload.Workload{w})
	must(t, err)
	if _, err := s.Ensure(t.Context(), w, nil); err != nil {
		t.Error(err)
	}
}

func TestEnsureLogsIn(t *testing.T) {
	schemes := map[string]func(*testbed.RegistryServer){
		"basic":  func(r *testbed.RegistryServer) { r.RequireBasic("ann", "s3cret") },
		"bearer": func(r *testbed.RegistryServer) { r.RequireBearer("ann", "s3cret") },
	}
	for scheme, require := range schemes {
		t.Run(scheme, func(t *testing.T) {
			r := testbed.Registry(t)
			img := simple(t, runtime.GOARCH)
			ref := push(t, r, "private/app:1", img)
			require(r)
			_, err := newStore(t).Ensure(t.Context(), want(ref, ""), nil)
			if text := verdict(t, err, deploy.ImageDenied); !strings.Contains(text, "docker login "+r.Host) {
				t.Errorf("%q does not say how to log in", text)
			}
			_, err = storeIn(t, t.TempDir(), loginTo(t, r.Host, "ann", "wrong-word")).Ensure(t.Context(), want(ref, ""), nil)
			if text := verdict(t, err, deploy.ImageDenied); strings.Contains(text, "wrong-word") {
				t.Errorf("the password is in %q", text)
			}
			s := storeIn(t, t.TempDir(), loginTo(t, r.Host, "ann", "s3cret"))
			w := want(ref, manifest.PullAlways)
			there, _, err := s.Resolve(t.Context(), []workload.Workload{w})
			must(t, err)
			if there[ref] != "registry:"+digestOf(t, img) {
				t.Errorf("resolved to %q", there[ref])
			}
			got, err := s.Ensure(t.Context(), w, nil)
			must(t, err)
			if got.ID != idOf(t, img) {
				t.Errorf("got %s", got.ID)
			}
		})
	}
}

func TestEnsureSaysThatALoginFailed(t *testing.T) {
	r := testbed.Registry(t)
	ref := push(t, r, "helped/app:1", simple(t, runtime.GOARCH))
	r.RequireBasic("ann", "s3cret")
	config := t.TempDir()
	must(t, os.WriteFile(filepath.Join(config, "config.json"), []byte(`{"credHelpers":{"`+r.Host+`":"alien-no-such-helper"}}`), 0o600))
	_, err := storeIn(t, t.TempDir(), config).Ensure(t.Context(), want(ref, ""), nil)
	if text := verdict(t, err, deploy.ImageDenied); !strings.Contains(text, "alien-no-such-helper") {
		t.Errorf("%q does not tell that the credential helper failed", text)
	}
}
