package image

import (
	"context"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/oci"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Resolve tells, by image reference, the identity that it stands for now, without changing anything: the Image.ID where
// the engine has it; for an archive not loaded yet the ID it will have; with pull policy always, where the registry has
// something newer, "registry:" and its digest. What cannot be told is absent: an image that would have to be fetched, and,
// with the reason in the second map, a broken archive or one that the registry says nothing of where it has to be asked.
// What Ensure did before is not relied on any more: images may have been removed, or pushed, since.
func (s *Store) Resolve(ctx context.Context, workloads []workload.Workload) (map[string]string, map[string]*deploy.Problem, error) {
	s.flights.Forget()
	return oci.Resolve(ctx, workloads, s.identity)
}

// identity of one image, empty where it cannot be told. Beside a problem with the registry it is the one on the engine.
func (s *Store) identity(ctx context.Context, image string, newest bool) (string, error) {
	if a, ok := oci.ParseArchive(image); ok {
		return s.archiveIdentity(ctx, a)
	}
	ref, err := oci.ParseReference(image)
	if err != nil {
		return "", err
	}
	have, _, err := s.inspect(ctx, ref.Local())
	if err != nil || !newest || have.ID != "" && ref.Digest() != "" {
		return have.ID, err
	}
	auth, loginErr := header(s.login, ref.Host())
	asking, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	there, err := s.api.DistributionInspect(asking, ref.Local(), auth)
	if err != nil {
		return have.ID, s.unanswered(ctx, asking, ref, err, loginErr)
	}
	digest := there.Descriptor.Digest.String()
	if have.ID != "" && ref.RepoDigest(have.RepoDigests, digest) == digest {
		return have.ID, nil
	}
	return oci.AtRegistry(digest), nil
}

// unanswered is why the registry did not tell what it has.
func (s *Store) unanswered(ctx, asking context.Context, ref oci.Reference, err, loginErr error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return oci.Unanswered(ref, asking.Err() != nil, s.patience, problem(classify(ref, err), ref, err, loginErr))
}

// archiveIdentity is the ID of the archive's image on the engine, or the one it will get.
func (s *Store) archiveIdentity(ctx context.Context, a oci.Archive) (string, error) {
	host, err := s.wanted(ctx)
	if err != nil {
		return "", err
	}
	img, err := a.Open(ctx, host)
	if err != nil {
		return "", err
	}
	defer img.Close()
	have, present, err := s.loaded(ctx, img)
	if err != nil || present {
		return have.ID, err
	}
	return img.ID, nil
}
