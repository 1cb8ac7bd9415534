package testbed

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// ArchiveKind is a form of image archive, spelled as in image references.
type ArchiveKind string

// The archive kinds.
const (
	DockerArchive ArchiveKind = "docker-archive"
	OCI           ArchiveKind = "oci"
	OCIArchive    ArchiveKind = "oci-archive"
)

// Archive writes an image (Plain unless given) below the test's directory and gives its path.
func Archive(t testing.TB, kind ArchiveKind, v ...Variant) string {
	t.Helper()
	variant := append(v, Plain)[0]
	path := filepath.Join(t.TempDir(), strings.ReplaceAll(string(variant), "+", "-"))
	if err := WriteArchive(kind, path, Build(t, variant)); err != nil {
		t.Fatalf("cannot write %s %s: %v", kind, path, err)
	}
	return path
}

// WriteArchive writes an image to path; for OCI that becomes a directory.
func WriteArchive(kind ArchiveKind, path string, img v1.Image) error {
	switch kind {
	case DockerArchive:
		return tarball.WriteToFile(path, name.MustParseReference("alien-test-archive:latest"), img)
	case OCI:
		return writeLayout(path, img)
	case OCIArchive:
		dir := path + ".layout"
		defer os.RemoveAll(dir)
		if err := writeLayout(dir, img); err != nil {
			return err
		}
		return tarDirectory(path, dir)
	}
	return fmt.Errorf("unknown archive kind %q", kind)
}

func writeLayout(dir string, img v1.Image) error {
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return l.AppendImage(img)
}

func tarDirectory(path, dir string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := tar.NewWriter(file)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return file.Close()
}
