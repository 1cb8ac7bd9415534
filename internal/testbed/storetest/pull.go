package storetest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/oci"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

func pullsOnce(t *testing.T, p Place) {
	r, img := testbed.Registry(t), p.image(t)
	ref := p.push(t, r, "missing/app:1", img)

	var progress Heard
	got, err := p.Open(t, "").Ensure(t.Context(), Want(ref, ""), progress.Hear)
	must(t, err)
	if want := (Image{ID: testbed.IDOf(t, img), Digest: testbed.DigestOf(t, img), User: "1000"}); got != want {
		t.Errorf("got %+v; want %+v", got, want)
	}
	bytes := sizeOf(t, img)
	if last, _ := progress.Last(); last.Phase != deploy.Pulling || last.Current != bytes || last.Total != bytes {
		t.Errorf("last progress %+v; want all %d bytes", last, bytes)
	}
	p.Holds(t, got.ID)

	r.Forget()
	again, err := p.Open(t, "").Ensure(t.Context(), Want(ref, manifest.PullMissing), nil)
	if err != nil || again != got {
		t.Errorf("got %+v, %v; want %+v", again, err, got)
	}
	if asked := r.Requests(); len(asked) > 0 {
		t.Errorf("the registry was asked for what is here: %v", asked)
	}
}

func sizeOf(t testing.TB, img v1.Image) int64 {
	t.Helper()
	layers, err := img.Layers()
	must(t, err)
	var bytes int64
	for _, l := range layers {
		size, err := l.Size()
		must(t, err)
		bytes += size
	}
	return bytes
}

func takesTheNewest(t *testing.T, p Place) {
	r, first, second := testbed.Registry(t), p.image(t), p.image(t)
	ref := p.push(t, r, "always/app:1", first)
	_, err := p.Open(t, "").Ensure(t.Context(), Want(ref, manifest.PullAlways), nil)
	must(t, err)
	p.push(t, r, "always/app:1", second)
	p.Tidy(t, testbed.IDOf(t, first))
	missing, err := p.Open(t, "").Ensure(t.Context(), Want(ref, manifest.PullMissing), nil)
	must(t, err)
	always, err := p.Open(t, "").Ensure(t.Context(), Want(ref, manifest.PullAlways), nil)
	must(t, err)
	if missing.ID != testbed.IDOf(t, first) || always.ID != testbed.IDOf(t, second) || always.Digest != testbed.DigestOf(t, second) {
		t.Errorf("missing gave %s, always %s; want %s and %s", missing.ID, always.ID, testbed.IDOf(t, first), testbed.IDOf(t, second))
	}
}

func byDigest(t *testing.T, p Place) {
	r, img := testbed.Registry(t), p.image(t)
	ref := p.push(t, r, "digest/app:1", img) + "@" + testbed.DigestOf(t, img)
	p.Tidy(t, testbed.IDOf(t, img))
	got, err := p.Open(t, "").Ensure(t.Context(), Want(ref, ""), nil)
	must(t, err)
	if got.ID != testbed.IDOf(t, img) || got.Digest != testbed.DigestOf(t, img) {
		t.Errorf("got %+v", got)
	}
	r.Close() // with what a digest names here there is nothing to ask, not even with always
	if _, err := p.Open(t, "").Ensure(t.Context(), Want(ref, manifest.PullAlways), nil); err != nil {
		t.Error(err)
	}
}

func never(t *testing.T, p Place) {
	r := testbed.Registry(t)
	ref := p.push(t, r, "never/app:1", p.image(t))
	_, err := p.Open(t, "").Ensure(t.Context(), Want(ref, manifest.PullNever), nil)
	Verdict(t, err, deploy.ImageNotPresent)
	if asked := r.Requests(); len(asked) > 0 {
		t.Errorf("the registry was asked: %v", asked)
	}
	_, err = p.Open(t, "").Ensure(t.Context(), Want(ref, ""), nil)
	must(t, err)
	_, err = p.Open(t, "").Ensure(t.Context(), Want(ref, manifest.PullNever), nil)
	must(t, err)
}

// fault is how a registry fails, and what is made of it.
type fault struct {
	name     string
	fault    testbed.Fault
	reason   deploy.Reason
	attempts int
}

var faults = []fault{
	{"unauthorized", testbed.Fault{Path: "/manifests/", Status: http.StatusUnauthorized}, deploy.ImageDenied, 1},
	{"forbidden", testbed.Fault{Path: "/manifests/", Status: http.StatusForbidden}, deploy.ImageDenied, 1},
	{"not found", testbed.Fault{Path: "/manifests/", Status: http.StatusNotFound}, deploy.ImageNotFound, 1},
	{"rate limited", testbed.Fault{Path: "/manifests/", Status: http.StatusTooManyRequests}, deploy.ImageRateLimited, 1},
	{"unavailable", testbed.Fault{Path: "/manifests/", Status: http.StatusServiceUnavailable}, deploy.RegistryUnreachable, oci.Tries},
	{"broken off", testbed.Fault{Path: "/manifests/", Drop: true}, deploy.RegistryUnreachable, oci.Tries},
	{"layer gone", testbed.Fault{Path: "/blobs/", Status: http.StatusNotFound}, deploy.ImageNotFound, 1},
}

func (f fault) run(t *testing.T, p Place) {
	r := testbed.Registry(t)
	ref := p.push(t, r, "faulty/app:1", p.image(t))
	r.Fail(f.fault)
	_, err := p.Open(t, "").Ensure(t.Context(), Want(ref, ""), nil)
	if text := Verdict(t, err, f.reason); !strings.Contains(text, ref) || strings.Contains(text, "%!") || strings.Contains(text, "REGISTRY") {
		t.Errorf("%q does not name %s", text, ref)
	}
	if got := Attempts(r); got != f.attempts {
		t.Errorf("%d attempts, want %d: %v", got, f.attempts, r.Requests())
	}
	p.Holds(t)
}

func notThere(t *testing.T, p Place) {
	r, closed := testbed.Registry(t), testbed.Registry(t)
	p.push(t, r, "there/app:1", p.image(t))
	closed.Close()
	for name, test := range map[string]struct {
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
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Open(t, "").Ensure(t.Context(), Want(test.ref, ""), nil)
			Verdict(t, err, test.reason)
		})
	}
}

func triesAgain(t *testing.T, p Place) {
	r, img := testbed.Registry(t), p.image(t)
	ref := p.push(t, r, "again/app:1", img)
	r.FailNext(2*p.Manifests, testbed.Fault{Path: "/manifests/", Status: http.StatusServiceUnavailable})
	var progress Heard
	got, err := p.Open(t, "").Ensure(t.Context(), Want(ref, ""), progress.Hear)
	must(t, err)
	if got.ID != testbed.IDOf(t, img) {
		t.Errorf("got %s", got.ID)
	}
	if said := progress.Details(); !strings.Contains(said, "503") || !strings.Contains(said, "trying again") || !strings.Contains(said, "try 3 of 3") {
		t.Errorf("progress did not tell of the tries:\n%s", said)
	}
}

func sharedAndTold(t *testing.T, p Place) {
	r := testbed.Registry(t)
	ref := p.push(t, r, "shared/app:1", p.image(t))
	s := p.Open(t, "")
	var wait sync.WaitGroup
	progress := make([]Heard, 20)
	for i := range progress {
		wait.Go(func() {
			if _, err := s.Ensure(t.Context(), Want(ref, manifest.PullAlways), progress[i].Hear); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := Attempts(r); got != 1 {
		t.Errorf("pulled %d times", got)
	}
	for i := range progress {
		if last, _ := progress[i].Last(); last.Phase != deploy.Pulling {
			t.Errorf("caller %d heard nothing", i)
		}
	}
}

func endsWithItsContext(t *testing.T, p Place) {
	r := testbed.Registry(t)
	ref := p.push(t, r, "hang/app:1", p.image(t))
	r.Fail(testbed.Fault{Path: "/blobs/", Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := p.Open(t, "").Ensure(ctx, Want(ref, ""), func(deploy.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func remembers(t *testing.T, p Place) {
	r, s := testbed.Registry(t), p.Open(t, "")
	w := Want(r.Host+"/remember/app:1", "")
	for range 3 {
		_, err := s.Ensure(t.Context(), w, nil)
		Verdict(t, err, deploy.ImageNotFound)
	}
	if got := Attempts(r); got != 1 {
		t.Errorf("asked %d times for what is not there", got)
	}
	p.push(t, r, "remember/app:1", p.image(t))
	_, _, err := s.Resolve(t.Context(), []workload.Workload{w})
	must(t, err)
	if _, err := s.Ensure(t.Context(), w, nil); err != nil {
		t.Error(err)
	}
}

func resolves(t *testing.T, p Place) {
	r, local, newer := testbed.Registry(t), p.image(t), p.image(t)
	elsewhere := p.image(t)
	same, moved, absent := p.push(t, r, "resolve/same:1", local), p.push(t, r, "resolve/moved:1", local), p.push(t, r, "resolve/absent:1", elsewhere)
	s := p.Open(t, "")
	for _, ref := range []string{same, moved} {
		_, err := s.Ensure(t.Context(), Want(ref, ""), nil)
		must(t, err)
	}
	Push(t, r, "resolve/moved:1", newer)
	check := func(policy manifest.PullPolicy, expect map[string]string, reason deploy.Reason) {
		t.Helper()
		got, unresolved, err := s.Resolve(t.Context(), []workload.Workload{Want(same, policy), Want(same, policy), Want(moved, policy), Want(absent, policy)})
		must(t, err)
		for _, ref := range []string{same, moved, absent} {
			if got[ref] != expect[ref] {
				t.Errorf("%s: %s resolves to %q, want %q", policy, ref, got[ref], expect[ref])
			}
			if why := unresolved[ref]; why == nil && reason != "" || why != nil && why.Reason != reason {
				t.Errorf("%s: %s is unresolved because of %v, want %q", policy, ref, why, reason)
			}
		}
	}
	r.Forget()
	here := map[string]string{same: testbed.IDOf(t, local), moved: testbed.IDOf(t, local)}
	check(manifest.PullMissing, here, "")
	if asked := r.Requests(); len(asked) > 0 {
		t.Errorf("the registry was asked: %v", asked)
	}
	check(manifest.PullAlways, map[string]string{
		same: testbed.IDOf(t, local), moved: "registry:" + testbed.DigestOf(t, newer), absent: "registry:" + testbed.DigestOf(t, elsewhere),
	}, "")
	r.Fail(testbed.Fault{Status: http.StatusServiceUnavailable})
	check(manifest.PullAlways, here, deploy.RegistryUnreachable)
	r.Fail(testbed.Fault{Hang: true})
	s.Hurry(50 * time.Millisecond)
	check(manifest.PullAlways, here, deploy.RegistryUnreachable)
	p.Holds(t, testbed.IDOf(t, local)) // and nothing was fetched
}
