// Package image brings the images of workloads onto a Docker engine, from registries and from local archives, and tells
// what a reference stands for right now without changing anything.
package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/local/login"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/oci"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Image is what a reference stands for on the engine.
type Image struct {
	ID     string // sha256:…, the engine's own name for it
	Digest string // what runs, for the record: the registry's digest (sha256:…) where there is one, else the ID
	Config *dockerspec.DockerOCIImageConfig
}

const transfers = 4 // pulls and loads at once; more of them only share the same line

// Store knows the images of one engine. It remembers the outcome of Ensure until the next Resolve, which begins every
// change: fifty daemons of one image pull it once, also one after the other.
type Store struct {
	api       client.APIClient
	lookupEnv func(string) (string, bool)
	login     *login.Store
	pause     func(try int) time.Duration // before the next try
	patience  time.Duration               // with a registry that is only asked what it has

	slots   oci.Slots
	flights oci.Flights[Image]

	mu   sync.Mutex
	host *oci.Host // of the engine, once it is known
}

// Option changes how a Store works.
type Option func(*Store)

// WithEnv replaces the environment that DOCKER_CONFIG and DOCKER_DEFAULT_PLATFORM are looked up in.
func WithEnv(lookup func(string) (string, bool)) Option {
	return func(s *Store) {
		if lookup != nil {
			s.lookupEnv = lookup
		}
	}
}

// NewStore gives the images of an engine.
func NewStore(api client.APIClient, opts ...Option) *Store {
	s := &Store{api: api, lookupEnv: os.LookupEnv, pause: oci.BackOff, patience: 10 * time.Second, slots: make(oci.Slots, transfers)}
	for _, opt := range opts {
		opt(s)
	}
	s.login = login.New(engine.ConfigDir(s.lookupEnv))
	return s
}

// Ensure brings the workload's image onto the engine. Workloads that ask for the same image share the work, and all of
// them hear of its progress. Where it fails for a reason users know, the error is a *deploy.Problem.
func (s *Store) Ensure(ctx context.Context, w workload.Workload, report func(deploy.Progress)) (Image, error) {
	policy := w.PullPolicy
	if policy == "" {
		policy = manifest.PullMissing
	}
	return s.flights.Do(ctx, string(policy)+" "+w.Image, report,
		func(ctx context.Context, report func(deploy.Progress)) (Image, error) {
			if a, ok := oci.ParseArchive(w.Image); ok {
				return s.ensureArchive(ctx, a, report)
			}
			return s.ensureReference(ctx, w.Image, policy, report)
		})
}

// ensureReference brings an image of a registry.
func (s *Store) ensureReference(ctx context.Context, image string, policy manifest.PullPolicy, report func(deploy.Progress)) (Image, error) {
	ref, err := oci.ParseReference(image)
	if err != nil {
		return Image{}, err
	}
	have, present, err := s.inspect(ctx, ref.Local())
	if err != nil {
		return Image{}, err
	}
	// A digest never stands for anything else, so there is nothing to ask the registry.
	if present && (policy != manifest.PullAlways || ref.Digest() != "") {
		return s.accept(ctx, ref, have, "")
	}
	if policy == manifest.PullNever {
		return Image{}, &deploy.Problem{
			Reason:  deploy.ImageNotPresent,
			Message: fmt.Sprintf("image %s is not on the engine, and its pull policy is never", image),
			Hint:    "bring it there first, or let it be pulled (pull policy missing)",
		}
	}
	pulled, err := s.pull(ctx, ref, report)
	if err != nil {
		return Image{}, err
	}
	have, present, err = s.inspect(ctx, ref.Local())
	if err == nil && !present {
		err = fmt.Errorf("cannot find image %s on the engine after it was pulled", image)
	}
	if err != nil {
		return Image{}, err
	}
	return s.accept(ctx, ref, have, pulled)
}

// accept gives an image that is on the engine, unless the engine cannot run it.
func (s *Store) accept(ctx context.Context, ref oci.Reference, have image.InspectResponse, pulled string) (Image, error) {
	if err := s.fits(ctx, ref.Text, oci.Platform{OS: have.Os, Arch: have.Architecture, Variant: have.Variant}); err != nil {
		return Image{}, err
	}
	return newImage(have, ref.RepoDigest(have.RepoDigests, pulled)), nil
}

func newImage(have image.InspectResponse, digest string) Image {
	img := Image{ID: have.ID, Digest: digest, Config: have.Config}
	if img.Digest == "" {
		img.Digest = have.ID
	}
	if img.Config == nil {
		img.Config = &dockerspec.DockerOCIImageConfig{}
	}
	return img
}

// inspect looks an image up on the engine.
func (s *Store) inspect(ctx context.Context, name string) (image.InspectResponse, bool, error) {
	have, err := s.api.ImageInspect(ctx, name)
	switch {
	case err == nil:
		return have, true, nil
	case cerrdefs.IsNotFound(err):
		return image.InspectResponse{}, false, nil
	}
	return image.InspectResponse{}, false, s.trouble(ctx, err, "cannot look up image %s", name)
}

// trouble is an error of the engine that is not about the image: the end of ctx, a lost connection, or anything else.
func (s *Store) trouble(ctx context.Context, err error, format string, args ...any) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var p *deploy.Problem
	if err = engine.Problem(err); errors.As(err, &p) {
		return err
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
