package rootfs

import (
	"context"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/oci"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Resolve tells, by image reference, the identity that it stands for now, without changing anything: the Image.ID where
// it is here; for an archive not unpacked yet the ID it will have; with pull policy always, where the registry has
// something newer, "registry:" and its digest. What cannot be told is absent: an image that would have to be fetched, and,
// with the reason in the second map, a broken archive or one that the registry says nothing of where it has to be asked.
// What Ensure did before is not relied on any more: images may have been removed, or pushed, since.
func (s *Store) Resolve(ctx context.Context, workloads []workload.Workload) (map[string]string, map[string]*deploy.Problem, error) {
	s.flights.Forget()
	return oci.Resolve(ctx, workloads, s.identity)
}

// identity of one image, empty where it cannot be told. Beside a problem with the registry it is the one that is here.
func (s *Store) identity(ctx context.Context, image string, newest bool) (string, error) {
	if a, ok := oci.ParseArchive(image); ok {
		packed, err := a.Open(ctx, s.host)
		if err != nil {
			return "", err
		}
		defer packed.Close()
		return packed.ID, nil
	}
	ref, err := oci.ParseReference(image)
	if err != nil {
		return "", err
	}
	have, present := s.present(ref)
	if !newest || present && ref.Digest() != "" {
		return have.ID, nil
	}
	login, loginErr := s.login.Authenticator(ref.Host())
	digest, err := s.host.Ask(ctx, ref, login, loginErr, s.patience)
	switch {
	case err != nil:
		return have.ID, err
	case present && have.Digest == digest:
		return have.ID, nil
	}
	return oci.AtRegistry(digest), nil
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
