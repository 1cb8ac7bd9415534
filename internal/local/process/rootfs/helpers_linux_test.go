package rootfs

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
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

func imageOf(t testing.TB, arch string, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	must(t, err)
	config, err := img.ConfigFile()
	must(t, err)
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config.User = "linux", arch, "1000"
	config.Config.Labels = map[string]string{"salt": fmt.Sprint(salt.Add(1))}
	img, err = mutate.ConfigFile(img, config)
	must(t, err)
	return img
}

// simple is an image of two layers that nothing else shares.
func simple(t testing.TB, arch string) v1.Image {
	t.Helper()
	return imageOf(t, arch,
		layerOf(t, file("etc/motd", "hello from layer 1\n", 0o644), file("etc/gone", "", 0o600), file("salt", fmt.Sprint(salt.Add(1)), 0o444)),
		layerOf(t, file("etc/.wh.gone", "", 0), file("etc/motd", "hello from layer 2\n", 0o644), file("bin/app", "#!/bin/sh\n", 0o4755),
			entryOf{Header: tar.Header{Name: "locked/", Mode: 0o500, Typeflag: tar.TypeDir, Uid: 7, Gid: 7}}, file("locked/f", strings.Repeat("x", 100_000), 0o000)),
	)
}

// push puts an image into a registry.
func push(t testing.TB, r *testbed.RegistryServer, repository string, img v1.Image) string {
	t.Helper()
	ref := r.Host + "/" + repository
	tag, err := name.NewTag(ref)
	must(t, err)
	must(t, remote.Write(tag, img))
	r.Forget()
	return ref
}

func idOf(t testing.TB, img v1.Image) string {
	t.Helper()
	id, err := img.ConfigName()
	must(t, err)
	return id.String()
}

func digestOf(t testing.TB, img v1.Image) string {
	t.Helper()
	digest, err := img.Digest()
	must(t, err)
	return digest.String()
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

func loginTo(t testing.TB, host, user, password string) string {
	t.Helper()
	dir := t.TempDir()
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host, auth), 0o600))
	return dir
}

func want(ref string, policy manifest.PullPolicy) workload.Workload {
	return workload.Workload{Stack: "s", Daemon: "d", Image: ref, PullPolicy: policy}
}

// heard collects progress.
type heard struct {
	mu  sync.Mutex
	all []deploy.Progress
}

func (h *heard) hear(p deploy.Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, p)
}

func (h *heard) details() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for _, p := range h.all {
		b.WriteString(p.Detail + "\n")
	}
	return b.String()
}

func (h *heard) last() deploy.Progress {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) == 0 {
		return deploy.Progress{}
	}
	return h.all[len(h.all)-1]
}

// verdict checks that err is a problem with that reason, and gives its text.
func verdict(t testing.TB, err error, reason deploy.Reason) string {
	t.Helper()
	var p *deploy.Problem
	if !errors.As(err, &p) || p.Reason != reason {
		t.Fatalf("got %v; want a problem %s", err, reason)
	}
	return p.Error() + "; " + p.Hint
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
