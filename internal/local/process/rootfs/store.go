// Package rootfs brings the images of workloads onto this machine without any engine: pulled from registries or read from
// archives, and unpacked once each into a cache that all daemons share.
//
// The cache is a directory:
//
//	images/<hex>/config.json   the image's configuration; its digest is the image's ID and the directory's name
//	images/<hex>/rootfs/       the unpacked file system
//	refs/<hex of the name>     which image a reference stood for when it was last pulled, and its digest then
//	locks/<hex>.use            held shared by those who use an image, exclusively by who removes it
//	locks/<hex>.make           held by who unpacks it
//	tmp/<hex>-…                work in progress; rubbish, once nobody holds the lock
//
// An image is complete when its directory has its name: it gets it last. What is in it was checked against its digests
// when it was made.
package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/local/login"
	"github.com/alienplatform/alien-go/internal/local/process/rootfs/unpack"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/oci"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Image is an image that is unpacked on this machine. Its files are shared by all who run it and must not be changed.
type Image struct {
	ID     string    // sha256:… of its configuration
	Digest string    // what runs, for the record: the registry's digest (sha256:…) where there is one, else the ID
	Root   string    // directory of its file system
	Config v1.Config // entrypoint, command, environment, user, working directory, health check
}

const (
	transfers = 4 // images fetched or unpacked at once
	layers    = 4 // layers of one image fetched at once
)

// Options are the circumstances of a Store.
type Options struct {
	LookupEnv func(string) (string, bool) // for DOCKER_CONFIG, where logins are; the process's own environment by default
	Limits    unpack.Budget               // of one image; zero is unpack.Standard
}

// Store knows the images in one cache. It remembers the outcome of Ensure until the next Resolve, which begins every
// change, and keeps what it gave out from being removed, by whatever process, until it is closed.
type Store struct {
	cache    *cache
	login    *login.Store
	host     oci.Host
	limits   unpack.Budget
	pause    func(try int) time.Duration // before the next try
	patience time.Duration               // with a registry that is only asked what it has

	slots   oci.Slots
	flights oci.Flights[Image]
}

// Open gives the images of a cache. The directory is made when there is something to put into it.
func Open(dir string, o Options) (*Store, error) {
	if runtime.GOOS != "linux" {
		return nil, &deploy.Problem{Reason: deploy.Unavailable, Message: "the process runtime needs Linux", Hint: "use --runtime docker"}
	}
	c, err := openCache(dir)
	if err != nil {
		return nil, err
	}
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.Limits == (unpack.Budget{}) {
		o.Limits = *unpack.Standard()
	}
	return &Store{
		cache: c,
		login: login.New(engine.ConfigDir(o.LookupEnv)),
		host: oci.Host{
			Platform: oci.Platform{OS: "linux", Arch: runtime.GOARCH},
			Name:     "this machine",
			Network:  "this machine's network",
		},
		limits:   o.Limits,
		pause:    oci.BackOff,
		patience: 10 * time.Second,
		slots:    make(oci.Slots, transfers),
	}, nil
}

// Close lets others remove what this store gave out and nothing runs.
func (s *Store) Close() error { return s.cache.release() }

// Ensure brings the workload's image onto this machine. Workloads that ask for the same image share the work, and all of
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
	have, known := s.cache.lookup(ref)
	// A digest never stands for anything else, so there is nothing to ask the registry.
	if known && (policy != manifest.PullAlways || ref.Digest() != "") {
		img, present, err := s.cache.take(ctx, have.ID, have.Digest)
		if err != nil || present {
			return s.accept(ref.Text, img, err)
		}
	}
	if policy == manifest.PullNever {
		return Image{}, &deploy.Problem{
			Reason:  deploy.ImageNotPresent,
			Message: fmt.Sprintf("image %s is not on this machine, and its pull policy is never", image),
			Hint:    "bring it there first, or let it be pulled (pull policy missing)",
		}
	}
	return s.pull(ctx, ref, report)
}

// ensureArchive unpacks the image of an archive, unless it is there.
func (s *Store) ensureArchive(ctx context.Context, a oci.Archive, report func(deploy.Progress)) (Image, error) {
	packed, err := a.Open(ctx, s.host)
	if err != nil {
		return Image{}, err
	}
	defer packed.Close()
	if err := s.host.Fits(a.String(), packed.Platform); err != nil {
		return Image{}, err
	}
	have, present, err := s.cache.take(ctx, packed.ID, packed.ID)
	if err != nil || present {
		return have.Image, err
	}
	err = s.slots.Do(ctx, func() error { return s.load(ctx, packed, report) })
	var wrong *unpack.Invalid
	switch {
	case ctx.Err() != nil:
		return Image{}, ctx.Err()
	case errors.As(err, &wrong):
		return Image{}, a.Invalid(s.host, err)
	case err != nil:
		return Image{}, s.cache.trouble(err)
	}
	have, err = s.taken(ctx, a.String(), packed.ID, packed.ID)
	return have.Image, err
}

// taken gives an image that was brought just now.
func (s *Store) taken(ctx context.Context, name, id, digest string) (entry, error) {
	img, present, err := s.cache.take(ctx, id, digest)
	if err == nil && !present {
		err = fmt.Errorf("cannot find image %s in %s after it was unpacked", name, s.cache.dir)
	}
	return img, err
}

// accept gives an image, unless this machine cannot run it.
func (s *Store) accept(name string, img entry, err error) (Image, error) {
	if err == nil {
		err = s.host.Fits(name, img.platform)
	}
	if err != nil {
		return Image{}, err
	}
	return img.Image, nil
}
