package main

import (
	"archive/tar"
	"bytes"
	"context"
	_ "embed" // the pause program's source
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

//go:embed pause/main.go
var pauseSource []byte

// importFile gives the node the images of an archive.
func importFile(ctx context.Context, l layout, path string) error {
	if path == "-" {
		return control(ctx, l, "/images", os.Stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return control(ctx, l, "/images", file)
}

// importImages reads an archive into containerd and gives what that says.
func importImages(ctx context.Context, l layout, archive io.Reader) (string, error) {
	cmd := exec.CommandContext(ctx, "ctr", "--address", l.containerd(), "--namespace", "k8s.io", "images", "import", "--all-platforms", "-")
	cmd.Stdin = archive
	said, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cannot import images: %w: %s", err, said)
	}
	return string(said), nil
}

// importPause waits for containerd and gives it the pause image.
func importPause(ctx context.Context, l layout) error {
	archive, err := pauseArchive(ctx)
	if err != nil {
		return err
	}
	err = every(ctx, lookAgain, func() error {
		connection, err := net.Dial("unix", l.containerd())
		if err == nil {
			err = connection.Close()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("containerd does not answer: %w", err)
	}
	_, err = importImages(ctx, l, archive)
	return err
}

// pauseArchive makes the pause image, in the form of docker save.
func pauseArchive(ctx context.Context) (io.Reader, error) {
	files, err := pauseLayer(ctx)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil })
	if err != nil {
		return nil, err
	}
	base, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH,
		Config: v1.Config{Entrypoint: []string{"/pause"}}, RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
	})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	return &archive, tarball.Write(name.MustParseReference(pauseImage), image, &archive)
}

// pauseLayer compiles the pause program and puts it into a tar.
func pauseLayer(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "alien-pause-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "pause")
	if err := os.WriteFile(source, pauseSource, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, source)
	cmd.Env, cmd.Dir = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="), dir
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot compile the pause program: %w: %s", err, said)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "pause", Mode: 0o755, Size: int64(len(content))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	return layer.Bytes(), w.Close()
}
