// Command image makes a container image of a Go program without a registry and without Docker: it compiles the program
// statically and writes an archive that a manifest can name as docker-archive:PATH.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	program := flag.String("package", "./examples/heartbeat", "Go `package` to compile")
	out := flag.String("o", "heartbeat.tar", "`file` to write, a docker-archive")
	arch := flag.String("arch", runtime.GOARCH, "`architecture` of the engine")
	flag.Parse()
	if err := write(*program, *out, *arch); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func write(program, out, arch string) error {
	called := path.Base(filepath.ToSlash(program))
	binary, err := compile(program, arch)
	if err != nil {
		return err
	}
	files, err := pack(called, binary)
	if err != nil {
		return err
	}
	img, err := assemble(files, arch, v1.Config{Entrypoint: []string{"/" + called}})
	if err != nil {
		return err
	}
	tag, err := name.NewTag(called + ":example")
	if err != nil {
		return err
	}
	return tarball.WriteToFile(out, tag, img)
}

// compile builds a program that needs nothing of an operating system but its kernel.
func compile(program, arch string) (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "program")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("cannot compile %s: %w", program, err)
	}
	return os.ReadFile(binary)
}

// pack makes the file system: the program, and a /tmp that everybody may write to.
func pack(called string, binary []byte) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}); err != nil {
		return nil, err
	}
	if err := w.WriteHeader(&tar.Header{Name: called, Mode: 0o755, Size: int64(len(binary))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(binary); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

func assemble(files []byte, arch string, cfg v1.Config) (v1.Image, error) {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil })
	if err != nil {
		return nil, err
	}
	base, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: arch, Config: cfg, RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
	})
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(base, layer)
}
