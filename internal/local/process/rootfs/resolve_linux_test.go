package rootfs

import (
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

func TestResolve(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	local, newer := simple(t, runtime.GOARCH), simple(t, runtime.GOARCH)
	same, moved, absent := push(t, r, "resolve/same:1", local), push(t, r, "resolve/moved:1", local), push(t, r, "resolve/absent:1", local)
	for _, ref := range []string{same, moved} {
		_, err := s.Ensure(t.Context(), want(ref, ""), nil)
		must(t, err)
	}
	push(t, r, "resolve/moved:1", newer)
	check := func(policy manifest.PullPolicy, expect map[string]string, reason deploy.Reason) {
		t.Helper()
		got, unresolved, err := s.Resolve(t.Context(), []workload.Workload{want(same, policy), want(same, policy), want(moved, policy), want(absent, policy)})
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
	here := map[string]string{same: idOf(t, local), moved: idOf(t, local)}
	check(manifest.PullMissing, here, "")
	if asked := r.Requests(); len(asked) > 0 {
		t.Errorf("the registry was asked: %v", asked)
	}
	check(manifest.PullAlways, map[string]string{
		same: idOf(t, local), moved: "registry:" + digestOf(t, newer), absent: "registry:" + digestOf(t, local),
	}, "")
	r.Fail(testbed.Fault{Status: http.StatusServiceUnavailable})
	check(manifest.PullAlways, here, deploy.RegistryUnreachable)
	r.Fail(testbed.Fault{Hang: true})
	s.patience = 50 * time.Millisecond
	check(manifest.PullAlways, here, deploy.RegistryUnreachable)
	r.Heal()
	must(t, os.RemoveAll(s.cache.path(imagesDir)))
	check(manifest.PullMissing, nil, "")
}

func TestResolveOfWhatCannotBeRead(t *testing.T) {
	for ref, reason := range map[string]deploy.Reason{
		"oci:/no/such/layout":       deploy.ImageNotFound,
		"oci-archive:" + os.Args[0]: deploy.ImageInvalid,
		"Not A Reference":           deploy.ImageInvalid,
	} {
		found, unresolved, err := newStore(t).Resolve(t.Context(), []workload.Workload{want(ref, "")})
		must(t, err)
		if len(found) > 0 || unresolved[ref] == nil || unresolved[ref].Reason != reason {
			t.Errorf("%s: found %v, unresolved %v; want %s", ref, found, unresolved[ref], reason)
		}
	}
}
