// Package storetest is what every store of images has to do, as tests that each of them runs on its own place: with a real
// registry, a real engine or a real cache.
package storetest

import (
	"context"
	"runtime"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Image is what stores tell of an image alike.
type Image struct{ ID, Digest, User string }

// Store is a store of images under test.
type Store struct {
	Ensure  func(ctx context.Context, w workload.Workload, report func(deploy.Progress)) (Image, error)
	Resolve func(ctx context.Context, ws []workload.Workload) (map[string]string, map[string]*deploy.Problem, error)
	// Hurry gives a registry no longer than this to answer Resolve.
	Hurry func(patience time.Duration)
}

// Place is where stores keep images: an engine, or a cache of a test's own.
type Place struct {
	// Image makes an image that nothing else shares, for an architecture and the user 1000.
	Image func(t testing.TB, arch string) v1.Image
	// Open gives a new store over the place, as a later command has it. It neither waits between tries nor knows other logins
	// than those of a directory with Docker's configuration, "" for none.
	Open func(t testing.TB, config string) Store
	// Tidy takes images off the place after the test.
	Tidy func(t testing.TB, refs ...string)
	// Holds checks that of all images that were made these are there, by their ids, and nothing is half-done.
	Holds func(t testing.TB, ids ...string)
	// Manifests is how often a manifest is asked for in one try.
	Manifests int
}

// push puts an image into a registry, under a name that the test takes off the place again.
func (p Place) push(t testing.TB, r *testbed.RegistryServer, repository string, img v1.Image) string {
	t.Helper()
	ref := Push(t, r, repository, img)
	p.Tidy(t, ref)
	return ref
}

func (p Place) image(t testing.TB) v1.Image {
	t.Helper()
	return p.Image(t, runtime.GOARCH)
}

// Run runs all tests on places that make gives, one for each.
func Run(t *testing.T, make func(testing.TB) Place) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Place)
	}{
		{"what is missing is pulled once", pullsOnce},
		{"always takes the newest", takesTheNewest},
		{"a digest is asked for once", byDigest},
		{"never asks nobody", never},
		{"what is not there", notThere},
		{"tries again", triesAgain},
		{"wrong platform", wrongPlatform},
		{"one pull serves all", sharedAndTold},
		{"ends with its context", endsWithItsContext},
		{"remembers until the next look", remembers},
		{"resolves", resolves},
		{"a login that cannot be read", brokenLogin},
		{"archive of another platform", foreignArchive},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, make(t)) })
	}
	for _, f := range faults {
		t.Run("verdict/"+f.name, func(t *testing.T) { f.run(t, make(t)) })
	}
	for _, scheme := range []string{"basic", "bearer"} {
		t.Run("logs in/"+scheme, func(t *testing.T) { logsIn(t, make(t), scheme) })
	}
	for _, kind := range []testbed.ArchiveKind{testbed.DockerArchive, testbed.OCI, testbed.OCIArchive} {
		t.Run("archive/"+string(kind), func(t *testing.T) { loadsOnce(t, make(t), kind) })
	}
}
