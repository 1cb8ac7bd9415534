package rootfs

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/alienplatform/alien-go/internal/testbed"
)

// salt makes each test image another one.
var salt atomic.Int64

// entryOf is an entry of a layer.
type entryOf struct {
	tar.Header
	content string
}

func file(name, content string, mode int64) entryOf {
	return entryOf{tar.Header{Name: name, Mode: mode, Typeflag: tar.TypeReg}, content}
}

func layerOf(t testing.TB, entries ...entryOf) v1.Layer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		e.Size = int64(len(e.content))
		must(t, w.WriteHeader(&e.Header))
		_, err := io.WriteString(w, e.content)
		must(t, err)
	}
	must(t, w.Close())
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
	must(t, err)
	return l
}

// simple is an image of two layers that nothing else shares.
func simple(t testing.TB, arch string) v1.Image {
	t.Helper()
	return testbed.ImageOf(t, arch,
		layerOf(t, file("etc/motd", "hello from layer 1\n", 0o644), file("etc/gone", "", 0o600), file("salt", fmt.Sprint(salt.Add(1)), 0o444)),
		layerOf(t, file("etc/.wh.gone", "", 0), file("etc/motd", "hello from layer 2\n", 0o644), file("bin/app", "#!/bin/sh\n", 0o4755),
			entryOf{Header: tar.Header{Name: "locked/", Mode: 0o500, Typeflag: tar.TypeDir, Uid: 7, Gid: 7}}, file("locked/f", strings.Repeat("x", 100_000), 0o000)),
	)
}

// newStore is a Store over a new cache that neither waits between tries nor knows the logins of whoever runs the test.
func newStore(t testing.TB) *Store {
	t.Helper()
	return storeIn(t, filepath.Join(t.TempDir(), "cache"), t.TempDir())
}

func storeIn(t testing.TB, dir, dockerConfig string) *Store {
	t.Helper()
	s, err := Open(dir, Options{LookupEnv: func(name string) (string, bool) {
		return map[string]string{"DOCKER_CONFIG": dockerConfig}[name], name == "DOCKER_CONFIG"
	}})
	must(t, err)
	s.pause = func(int) time.Duration { return time.Millisecond }
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// reopen is another Store over the same cache, as a later command has it.
func reopen(t testing.TB, s *Store) *Store {
	t.Helper()
	return storeIn(t, s.cache.dir, t.TempDir())
}

// onlyThese checks that the cache holds these images and nothing half-done.
func onlyThese(t testing.TB, s *Store, ids ...string) {
	t.Helper()
	names, err := list(s.cache.path(imagesDir))
	must(t, err)
	var want []string
	for _, id := range ids {
		want = append(want, strings.TrimPrefix(id, "sha256:"))
	}
	slices.Sort(want)
	left, err := list(s.cache.path(tmpDir))
	must(t, err)
	if !slices.Equal(names, want) || len(left) > 0 {
		t.Errorf("the cache holds %v and half-done %v; want %v", names, left, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
