// Package image brings the images of workloads onto a Docker engine: from registries and from local archives. It also
// tells what a reference stands for right now, without changing anything.
package image

import (
	"context"

	"github.com/docker/docker/client"
	"github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Image is what a reference stands for on the engine.
type Image struct {
	ID     string // sha256:… of its configuration; the engine's own name for it
	Digest string // what runs, for the record: the registry's digest where there is one, else the ID
	Config *v1.DockerOCIImageConfig
}

// Store knows the images of one engine.
type Store struct {
	api client.APIClient
}

// Option changes how a Store works.
type Option func(*Store)

// NewStore gives the images of an engine.
func NewStore(api client.APIClient, opts ...Option) *Store {
	s := &Store{api: api}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// Resolve tells, by image reference, the identity that it stands for now; an Image.ID where it is on the engine. It
// changes nothing. A reference that would have to be fetched first is absent.
func (s *Store) Resolve(ctx context.Context, workloads []workload.Workload) (map[string]string, error) {
	return map[string]string{}, nil
}

// Ensure brings the workload's image onto the engine. It is the same work for all workloads that ask for the same image
// at once.
func (s *Store) Ensure(ctx context.Context, w workload.Workload, report func(deploy.Progress)) (Image, error) {
	found, err := s.api.ImageInspect(ctx, w.Image)
	if err != nil {
		return Image{}, err
	}
	return Image{ID: found.ID, Digest: found.ID, Config: found.Config}, nil
}
