package testbed

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// layerFor gives the layer for an architecture. It is packed and digested once per process: the megabytes of the daemon take a
// core for a second, several with the race detector.
func layerFor(arch string) (v1.Layer, error) {
	if arch == runtime.GOARCH {
		return nativeLayer()
	}
	return foreignLayer()
}

var (
	nativeLayer  = sync.OnceValues(func() (v1.Layer, error) { return makeLayer(runtime.GOARCH) })
	foreignLayer = sync.OnceValues(func() (v1.Layer, error) { return makeLayer(ForeignArch()) })
)

func makeLayer(arch string) (v1.Layer, error) {
	binary, err := buildDaemon("linux", arch)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range []struct {
		tar.Header
		content []byte
	}{
		{tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir}, nil},
		{tar.Header{Name: "daemon", Mode: 0o755}, binary},
		{tar.Header{Name: "not-executable", Mode: 0o644}, []byte("text\n")},
		{tar.Header{Name: "bad-format", Mode: 0o755}, []byte("neither a program nor a script\n")},
	} {
		h.Size = int64(len(h.content))
		if err := w.WriteHeader(&h.Header); err != nil {
			return nil, err
		}
		if _, err := w.Write(h.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithCompressedCaching, tarball.WithCompressionLevel(gzip.BestSpeed))
}

// DaemonBinary writes the test daemon, built for this machine, below the test's directory and gives its path.
func DaemonBinary(t testing.TB) string {
	t.Helper()
	binary, err := hostDaemon()
	path := filepath.Join(t.TempDir(), "daemon")
	if err == nil {
		err = os.WriteFile(path, binary, 0o755)
	}
	if err != nil {
		t.Fatalf("cannot make the test daemon: %v", err)
	}
	return path
}

var hostDaemon = sync.OnceValues(func() ([]byte, error) { return buildDaemon(runtime.GOOS, runtime.GOARCH) })

// buildDaemon compiles the test daemon; after the first time Go's build cache makes that a matter of milliseconds.
func buildDaemon(goos, arch string) ([]byte, error) {
	if dir := os.Getenv(daemonsVariable); dir != "" {
		return os.ReadFile(filepath.Join(dir, goos+"-"+arch))
	}
	dir, err := os.MkdirTemp("", "alien-testbed-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "daemon")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", path,
		"github.com/alienplatform/alien-go/internal/testbed/daemon")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+arch, "GOFLAGS=")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot compile the test daemon: %w\n%s", err, said)
	}
	return os.ReadFile(path)
}

// daemonsVariable names a directory with test daemons that are built already: an ordinary user has no build cache.
const daemonsVariable = "ALIEN_TESTBED_DAEMONS"

// BuildDaemons writes the test daemons that images are made of into a directory, and gives the variable that makes another
// process use them, NAME=value.
func BuildDaemons(t testing.TB, dir string) string {
	t.Helper()
	for _, arch := range []string{runtime.GOARCH, ForeignArch()} {
		binary, err := buildDaemon("linux", arch)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "linux-"+arch), binary, 0o644)
		}
		if err != nil {
			t.Fatalf("cannot make the test daemon: %v", err)
		}
	}
	return daemonsVariable + "=" + dir
}
