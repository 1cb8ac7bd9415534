package image

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
)

func TestEnsureLeavesTagsAlone(t *testing.T) {
	api := testbed.Engine(t)
	img := testbed.RandomImage(t, runtime.GOARCH)
	path := filepath.Join(t.TempDir(), "image.tar")
	tag := "alien-test-tags:" + strings.TrimPrefix(testbed.IDOf(t, img), "sha256:")[:12]
	must(t, ggcr.WriteToFile(path, must2(name.NewTag(tag)), img))
	forget(t, api, testbed.IDOf(t, img))
	_, err := newStore(t, api).Ensure(t.Context(), storetest.Want("docker-archive:"+path, ""), nil)
	must(t, err)
	if _, err := api.ImageInspect(t.Context(), tag); err == nil {
		t.Errorf("the archive's tag %s was set on the engine", tag)
	}
}

func TestEnsureRefusesContentThatIsNotWhatItSays(t *testing.T) {
	api := testbed.Engine(t)
	path := filepath.Join(t.TempDir(), "image.tar")
	config := fmt.Sprintf(`{"os":"linux","architecture":%q,"config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%064d"]}}`, runtime.GOARCH, 1)
	writeTar(t, path, file("manifest.json", `[{"Config":"c.json","Layers":["l.tar"]}]`), file("c.json", config), file("l.tar", "not a layer"))
	_, err := newStore(t, api).Ensure(t.Context(), storetest.Want("docker-archive:"+path, ""), nil)
	storetest.Verdict(t, err, deploy.ImageInvalid)
}

// entryOf is an entry of a tar file.
type entryOf struct{ name, content string }

func file(name, content string) entryOf { return entryOf{name, content} }

func writeTar(t *testing.T, path string, entries ...entryOf) {
	t.Helper()
	out, err := os.Create(path)
	must(t, err)
	writeEntries(t, out, entries...)
	must(t, out.Close())
}

func writeEntries(t testing.TB, out io.Writer, entries ...entryOf) {
	t.Helper()
	w := tar.NewWriter(out)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.content)), Mode: 0o600, Typeflag: tar.TypeReg}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
