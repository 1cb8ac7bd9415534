package rootfs

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
)

// BenchmarkUnpack is an image of 5000 files and 50 MB, from an archive.
func BenchmarkUnpack(b *testing.B) {
	entries := make([]entryOf, 5000)
	for i := range entries {
		entries[i] = file(fmt.Sprintf("usr/lib/d%d/e%d/f%d", i/500, i/50, i), strings.Repeat(fmt.Sprintf("%06d ", i), 1500), 0o644)
	}
	path := filepath.Join(b.TempDir(), "image")
	if err := testbed.WriteArchive(testbed.OCI, path, testbed.ImageOf(b, runtime.GOARCH, layerOf(b, entries...))); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := newStore(b).Ensure(b.Context(), storetest.Want("oci:"+path, ""), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPresent is what an image that is here costs every up.
func BenchmarkPresent(b *testing.B) {
	r, s := testbed.Registry(b), newStore(b)
	ref := storetest.Push(b, r, "present/app:1", simple(b, runtime.GOARCH))
	if _, err := s.Ensure(b.Context(), storetest.Want(ref, ""), nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		again := storeIn(b, s.cache.dir, "/nowhere")
		if _, err := again.Ensure(b.Context(), storetest.Want(ref, ""), nil); err != nil {
			b.Fatal(err)
		}
		_ = again.Close()
	}
}
