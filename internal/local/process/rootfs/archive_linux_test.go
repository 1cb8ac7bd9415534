package rootfs

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/rootfs/unpack"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
)

func TestEnsureUnpacksWhatZstdCompressed(t *testing.T) {
	plain := tarOf(t, file("f", "content", 0o644))
	l := static.NewLayer(zstdFrame(plain), types.OCILayerZStd)
	s, path := newStore(t), filepath.Join(t.TempDir(), "image")
	must(t, testbed.WriteArchive(testbed.OCI, path, testbed.ImageOf(t, runtime.GOARCH, described{l, plain})))
	got, err := s.Ensure(t.Context(), storetest.Want("oci:"+path, ""), nil)
	must(t, err)
	if text, err := os.ReadFile(filepath.Join(got.Root, "f")); err != nil || string(text) != "content" {
		t.Errorf("unpacked %q, %v", text, err)
	}
}

// zstdFrame is one frame with one block that is stored as it is; content has 256 to 65791 bytes.
func zstdFrame(content []byte) []byte {
	size, block := len(content)-256, len(content)<<3|1
	head := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x60, byte(size), byte(size >> 8), byte(block), byte(block >> 8), byte(block >> 16)}
	return append(head, content...)
}

// described is a layer with the digest of its uncompressed content.
type described struct {
	v1.Layer
	plain []byte
}

// DiffID gives it.
func (d described) DiffID() (v1.Hash, error) {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", sha256.Sum256(d.plain))}, nil
}

func tarOf(t *testing.T, entries ...entryOf) []byte {
	t.Helper()
	content, err := layerOf(t, entries...).Uncompressed()
	must(t, err)
	var out bytes.Buffer
	_, err = out.ReadFrom(content)
	must(t, err)
	return out.Bytes()
}

// What cannot be used is refused, whether it came from an archive or a registry, and leaves nothing behind.
func TestEnsureRefusesHostileImages(t *testing.T) {
	good := layerOf(t, file("a", "x", 0o644))
	tests := map[string]struct {
		layer v1.Layer
		says  string
	}{
		"path out":       {layerOf(t, file("../../../../etc/evil", "x", 0o644)), "leads out of the image"},
		"hard link out":  {layerOf(t, entryOf{Header: tar.Header{Name: "a", Linkname: "../../../../etc/passwd", Typeflag: tar.TypeLink}}), "leads out of the image"},
		"link out":       {layerOf(t, entryOf{Header: tar.Header{Name: "a", Linkname: "../../../etc", Typeflag: tar.TypeSymlink}}), "leads out of the image"},
		"bomb":           {layerOf(t, file("zeros", strings.Repeat("\x00", 1<<20), 0o644)), "larger than images may be"},
		"no tar file":    {static.NewLayer([]byte(strings.Repeat("text ", 300)), types.OCIUncompressedLayer), "no whole tar file"},
		"cut off gzip":   {static.NewLayer([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"), types.OCILayer), "EOF"},
		"other content":  {described{good, []byte("something else")}, "not what its configuration says"},
		"no compression": {static.NewLayer([]byte("\x1f\x8b"), types.OCILayer), "decompressed"},
	}
	for name, test := range tests {
		img := testbed.ImageOf(t, runtime.GOARCH, good, test.layer)
		for _, from := range []string{"archive", "registry"} {
			t.Run(name+" from "+from, func(t *testing.T) {
				s := newStore(t)
				s.limits = unpack.Budget{Stream: 1 << 22, Bytes: 1 << 19, Entries: 1000, Names: 1 << 20}
				ref := "oci:" + filepath.Join(t.TempDir(), "image")
				if from == "registry" {
					ref = storetest.Push(t, testbed.Registry(t), "hostile/app:1", img)
				} else {
					must(t, testbed.WriteArchive(testbed.OCI, strings.TrimPrefix(ref, "oci:"), img))
				}
				_, err := s.Ensure(t.Context(), storetest.Want(ref, ""), nil)
				if text := storetest.Verdict(t, err, deploy.ImageInvalid); !strings.Contains(text, test.says) || !strings.Contains(text, ref) {
					t.Errorf("%q does not say %q of %s", text, test.says, ref)
				}
				onlyThese(t, s)
			})
		}
	}
}
