package rootfs

import (
	"os"
	"runtime"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// TestResolveOfWhatIsGone: an image that somebody removed from the cache is not here.
func TestResolveOfWhatIsGone(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	w := storetest.Want(storetest.Push(t, r, "gone/app:1", simple(t, runtime.GOARCH)), "")
	_, err := s.Ensure(t.Context(), w, nil)
	must(t, err)
	must(t, os.RemoveAll(s.cache.path(imagesDir)))
	if found, unresolved, err := s.Resolve(t.Context(), []workload.Workload{w}); len(found)+len(unresolved) > 0 || err != nil {
		t.Errorf("found %v, unresolved %v, %v", found, unresolved, err)
	}
}

func TestResolveOfWhatCannotBeRead(t *testing.T) {
	for ref, reason := range map[string]deploy.Reason{
		"oci:/no/such/layout":       deploy.ImageNotFound,
		"oci-archive:" + os.Args[0]: deploy.ImageInvalid,
		"Not A Reference":           deploy.ImageInvalid,
	} {
		found, unresolved, err := newStore(t).Resolve(t.Context(), []workload.Workload{storetest.Want(ref, "")})
		must(t, err)
		if len(found) > 0 || unresolved[ref] == nil || unresolved[ref].Reason != reason {
			t.Errorf("%s: found %v, unresolved %v; want %s", ref, found, unresolved[ref], reason)
		}
	}
}
