package oci

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// lookups is how many questions about images are asked at once.
const lookups = 8

// AtRegistry gives the identity of an image whose digest a registry tells and that is not where it is to run: one that is
// never the identity of something that runs.
func AtRegistry(digest string) string { return "registry:" + digest }

// Identity tells what an image reference stands for now; with newest, also what the registry has. It is empty where that
// cannot be told. It may come beside a problem: then it is the one that is where the image is to run.
type Identity func(ctx context.Context, image string, newest bool) (string, error)

// Resolve asks for the identity of every image of the workloads, of each once, and gives the identities by image
// reference. What cannot be told is absent, with the reason in the second map where it should have been found out: a
// broken archive, a registry that does not answer. A problem of the target itself, and the end of ctx, is an error.
func Resolve(ctx context.Context, workloads []workload.Workload, identity Identity) (map[string]string, map[string]*deploy.Problem, error) {
	always := map[string]bool{} // by distinct image: whether any workload wants the newest
	for _, w := range workloads {
		always[w.Image] = always[w.Image] || w.PullPolicy == manifest.PullAlways
	}
	var mu sync.Mutex
	found, unresolved := map[string]string{}, map[string]*deploy.Problem{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for _, image := range slices.Sorted(maps.Keys(always)) {
		group.Go(func() error {
			id, err := identity(ctx, image, always[image])
			why, err := aboutImage(ctx, err)
			mu.Lock()
			defer mu.Unlock()
			if id != "" {
				found[image] = id
			}
			if why != nil {
				unresolved[image] = why
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	return found, unresolved, nil
}

// aboutImage tells a problem of an image from one of the target, or the end of ctx.
func aboutImage(ctx context.Context, err error) (*deploy.Problem, error) {
	var p *deploy.Problem
	if ctx.Err() == nil && errors.As(err, &p) && !p.Reason.Operational() {
		return p, nil
	}
	return nil, err
}
