package rootfs

import (
	"context"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/alienplatform/alien-go/internal/local/oci"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// atRegistry precedes the digest of an image that the registry has and this machine does not: an identity that is never
// the one of something that runs.
const atRegistry = "registry:"

// Resolve tells, by image reference, the identity that it stands for now, without changing anything: the Image.ID where
// it is here; for an archive not unpacked yet the ID it will have; with pull policy always, where the registry has
// something newer, "registry:" and its digest. What cannot be told is absent, and Ensure then says why. What Ensure did
// before is not relied on any more: images may have been removed, or pushed, since.
func (s *Store) Resolve(ctx context.Context, workloads []workload.Workload) (map[string]string, error) {
	s.flights.Forget()
	always := map[string]bool{} // by distinct image: whether any workload wants the newest
	for _, w := range workloads {
		always[w.Image] = always[w.Image] || w.PullPolicy == manifest.PullAlways
	}
	var mu sync.Mutex
	found := map[string]string{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for _, image := range slices.Sorted(maps.Keys(always)) {
		group.Go(func() error {
			if id := s.identity(ctx, image, always[image]); id != "" {
				mu.Lock()
				found[image] = id
				mu.Unlock()
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

// identity of one image, empty where it cannot be told.
func (s *Store) identity(ctx context.Context, image string, newest bool) string {
	if a, ok := oci.ParseArchive(image); ok {
		packed, err := a.Open(ctx, s.host)
		if err != nil {
			return ""
		}
		defer packed.Close()
		return packed.ID
	}
	ref, err := oci.ParseReference(image)
	if err != nil {
		return ""
	}
	have, present := s.present(ref)
	if !newest || present && ref.Digest() != "" {
		return have.ID
	}
	digest, err := s.ask(ctx, ref)
	switch {
	case err != nil:
		return ""
	case present && have.Digest == digest:
		return have.ID
	}
	return atRegistry + digest
}

// present gives what a reference stands for, if that is here. It is not kept from being removed.
func (s *Store) present(ref oci.Reference) (record, bool) {
	have, known := s.cache.lookup(ref)
	if !known {
		return record{}, false
	}
	name, _ := hexOf(have.ID)
	if _, whole := s.cache.read(have.ID, name, have.Digest); !whole {
		return record{}, false
	}
	return have, true
}

// ask asks the registry for the digest of a reference.
func (s *Store) ask(ctx context.Context, ref oci.Reference) (string, error) {
	login, _ := s.login.For(ref.Host()) // without a login the registry says what is wrong
	from, err := connect(ref, login)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	return from.digest(ctx)
}
