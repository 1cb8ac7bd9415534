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
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

func TestEnsureLoadsEachKindOnce(t *testing.T) {
	api := testbed.Engine(t)
	for _, kind := range []testbed.ArchiveKind{testbed.DockerArchive, testbed.OCI, testbed.OCIArchive} {
		t.Run(string(kind), func(t *testing.T) {
			img := randomImage(t, runtime.GOARCH)
			path := filepath.Join(t.TempDir(), "image")
			must(t, testbed.WriteArchive(kind, path, img))
			w := want(string(kind)+":"+path, manifest.PullNever) // the policy is about registries
			forget(t, api, idOf(t, img))

			before, _, err := newStore(t, api).Resolve(t.Context(), []workload.Workload{w})
			must(t, err)
			if _, err := api.ImageInspect(t.Context(), idOf(t, img)); err == nil {
				t.Fatal("Resolve loaded the image")
			}
			var progress heard
			got, err := newStore(t, api).Ensure(t.Context(), w, progress.hear)
			must(t, err)
			if got.ID != idOf(t, img) || got.Digest != got.ID || before[w.Image] != got.ID || got.Config.User != "1000" {
				t.Errorf("resolved to %s before, got %+v; want %s", before[w.Image], got, idOf(t, img))
			}
			if last := progress.last(); last.Phase != deploy.Loading || last.Total == 0 || last.Current != last.Total {
				t.Errorf("last progress %+v", last)
			}
			var again heard
			if _, err = newStore(t, api).Ensure(t.Context(), w, again.hear); err != nil || len(again.all) > 0 {
				t.Errorf("loaded again: %v, %v", err, again.all)
			}
		})
	}
}

func TestEnsureLeavesTagsAlone(t *testing.T) {
	api := testbed.Engine(t)
	img := randomImage(t, runtime.GOARCH)
	path := filepath.Join(t.TempDir(), "image.tar")
	tag := "alien-test-tags:" + strings.TrimPrefix(idOf(t, img), "sha256:")[:12]
	must(t, ggcr.WriteToFile(path, must2(name.NewTag(tag)), img))
	forget(t, api, idOf(t, img))
	_, err := newStore(t, api).Ensure(t.Context(), want("docker-archive:"+path, ""), nil)
	must(t, err)
	if _, err := api.ImageInspect(t.Context(), tag); err == nil {
		t.Errorf("the archive's tag %s was set on the engine", tag)
	}
}

func TestEnsureArchiveOfAnotherPlatform(t *testing.T) {
	api := testbed.Engine(t)
	img := randomImage(t, foreign())
	for _, kind := range []testbed.ArchiveKind{testbed.DockerArchive, testbed.OCI} {
		path := filepath.Join(t.TempDir(), "image")
		must(t, testbed.WriteArchive(kind, path, img))
		_, err := newStore(t, api).Ensure(t.Context(), want(string(kind)+":"+path, ""), nil)
		if text := verdict(t, err, deploy.ImagePlatform); !strings.Contains(text, "linux/"+foreign()) {
			t.Errorf("%q does not name what it is made for", text)
		}
	}
	if _, err := api.ImageInspect(t.Context(), idOf(t, img)); err == nil {
		t.Error("it was loaded all the same")
	}
}

func TestEnsureRefusesContentThatIsNotWhatItSays(t *testing.T) {
	api := testbed.Engine(t)
	path := filepath.Join(t.TempDir(), "image.tar")
	config := fmt.Sprintf(`{"os":"linux","architecture":%q,"config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%064d"]}}`, runtime.GOARCH, 1)
	writeTar(t, path, file("manifest.json", `[{"Config":"c.json","Layers":["l.tar"]}]`), file("c.json", config), file("l.tar", "not a layer"))
	_, err := newStore(t, api).Ensure(t.Context(), want("docker-archive:"+path, ""), nil)
	verdict(t, err, deploy.ImageInvalid)
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
