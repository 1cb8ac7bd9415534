package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	ggcr "github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
)

func TestOpenChoosesByName(t *testing.T) {
	one, two := testbed.RandomImage(t, "amd64"), testbed.RandomImage(t, "amd64")
	both := filepath.Join(t.TempDir(), "both:1.tar")
	must(t, ggcr.MultiWriteToFile(both, map[name.Tag]v1.Image{
		must2(name.NewTag("acme/one:1")): one, must2(name.NewTag("acme/two:2")): two,
	}))
	dir := filepath.Join(t.TempDir(), "layout")
	l, err := layout.Write(dir, empty.Index)
	must(t, err)
	must(t, l.AppendImage(one, layout.WithAnnotations(map[string]string{refNameAnnotation: "one"})))
	must(t, l.AppendImage(two, layout.WithAnnotations(map[string]string{imageNameAnnotation: "docker.io/acme/two:2"})))

	tests := []struct {
		image string
		id    string
		says  string
	}{
		{image: "docker-archive:" + both + ":acme/one:1", id: testbed.IDOf(t, one)},
		{image: "docker-archive:" + both + ":docker.io/acme/two:2", id: testbed.IDOf(t, two)},
		{image: "docker-archive:" + both + ":acme/three:3", says: "holds no image acme/three:3"},
		{image: "docker-archive:" + both, says: "holds 2 images (acme/one:1, acme/two:2)"},
		{image: "oci:" + dir + ":one", id: testbed.IDOf(t, one)},
		{image: "oci:" + dir + ":acme/two:2", id: testbed.IDOf(t, two)},
		{image: "oci:" + dir + ":three", says: "holds no image three"},
		{image: "oci:" + dir, says: "holds 2 images"},
	}
	for _, test := range tests {
		a, ok := ParseArchive(test.image)
		if !ok {
			t.Fatalf("%s is no archive", test.image)
		}
		got, err := a.Open(t.Context(), engineHost)
		if test.says != "" {
			if text := verdict(t, err, deploy.ImageInvalid); !strings.Contains(text, test.says) {
				t.Errorf("%s: %q does not say %q", test.image, text, test.says)
			}
			continue
		}
		must(t, err)
		if got.ID != test.id {
			t.Errorf("%s: got %s, want %s", test.image, got.ID, test.id)
		}
		got.Close()
	}
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestOpenChoosesThePlatform(t *testing.T) {
	images := map[string]v1.Image{"amd64": testbed.RandomImage(t, "amd64"), "386": testbed.RandomImage(t, "386"), "arm64": testbed.RandomImage(t, "arm64")}
	index := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"arm64", "386", "amd64"} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: images[arch], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	index = mutate.AppendManifests(index, mutate.IndexAddendum{ // an attestation
		Add: testbed.RandomImage(t, ""), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}},
	})
	dir := filepath.Join(t.TempDir(), "layout")
	l, err := layout.Write(dir, empty.Index)
	must(t, err)
	must(t, l.AppendIndex(index))
	a, _ := ParseArchive("oci:" + dir)

	for host, arch := range map[string]string{"amd64": "amd64", "386": "386", "arm64": "arm64"} {
		got, err := a.Open(t.Context(), Host{Platform: Platform{OS: "linux", Arch: host}})
		must(t, err)
		if got.ID != testbed.IDOf(t, images[arch]) {
			t.Errorf("an engine on %s gets another image than that of %s", host, arch)
		}
		got.Close()
	}
	_, err = a.Open(t.Context(), Host{Platform: Platform{OS: "linux", Arch: "riscv64"}})
	if text := verdict(t, err, deploy.ImagePlatform); !strings.Contains(text, "linux/arm64, linux/386, linux/amd64") {
		t.Errorf("%q does not name what there is", text)
	}
}

func TestOpenCompressed(t *testing.T) {
	img := testbed.RandomImage(t, "amd64")
	plain := filepath.Join(t.TempDir(), "image.tar")
	must(t, testbed.WriteArchive(testbed.DockerArchive, plain, img))
	content, err := os.ReadFile(plain)
	must(t, err)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(content)
	must(t, err)
	must(t, w.Close())
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	must(t, os.WriteFile(plain+".gz", packed.Bytes(), 0o600))
	must(t, os.WriteFile(plain+".cut.gz", packed.Bytes()[:packed.Len()/2], 0o600))

	a, _ := ParseArchive("docker-archive:" + plain + ".gz")
	got, err := a.Open(t.Context(), engineHost)
	must(t, err)
	if got.ID != testbed.IDOf(t, img) {
		t.Errorf("got %s, want %s", got.ID, testbed.IDOf(t, img))
	}
	got.Close()
	a, _ = ParseArchive("docker-archive:" + plain + ".cut.gz")
	_, err = a.Open(t.Context(), engineHost)
	verdict(t, err, deploy.ImageInvalid)
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOpenBroken(t *testing.T) {
	const index = `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":"sha256:%s"}]}`
	config := `{"rootfs":{"type":"layers","diff_ids":[]}}`
	tests := map[string]struct {
		kind  string
		files []entryOf
		says  string
	}{
		"empty":          {"docker-archive", nil, "manifest.json is missing"},
		"no json":        {"docker-archive", []entryOf{file("manifest.json", "{")}, "manifest.json is broken"},
		"no image":       {"docker-archive", []entryOf{file("manifest.json", "[]")}, "holds no image"},
		"no config":      {"docker-archive", []entryOf{file("manifest.json", `[{"Config":"c.json"}]`)}, "c.json is missing"},
		"broken config":  {"docker-archive", []entryOf{file("manifest.json", `[{"Config":"c.json"}]`), file("c.json", "[")}, "configuration is broken"},
		"layer missing":  {"docker-archive", []entryOf{file("manifest.json", `[{"Config":"c.json","Layers":["l"]}]`), file("c.json", `{"rootfs":{"diff_ids":["sha256:`+strings.Repeat("a", 64)+`"]}}`)}, "l is missing"},
		"layer too many": {"docker-archive", []entryOf{file("manifest.json", `[{"Config":"c.json","Layers":["l"]}]`), file("c.json", config)}, "0 layers and its manifest 1"},
		"link loop":      {"docker-archive", []entryOf{link("manifest.json", "manifest.json")}, "leads nowhere"},
		"link outside":   {"docker-archive", []entryOf{link("manifest.json", "../../../etc/passwd")}, "is missing"},
		"huge document":  {"docker-archive", []entryOf{file("manifest.json", strings.Repeat(" ", documentLimit+1))}, "too large"},
		"other kind":     {"docker-archive", []entryOf{file("index.json", "{}")}, "write oci-archive:"},
		"kind mixed up":  {"oci-archive", []entryOf{file("manifest.json", "[]")}, "write docker-archive:"},
		"index no json":  {"oci-archive", []entryOf{file("index.json", "nope")}, "index is broken"},
		"index empty":    {"oci-archive", []entryOf{file("index.json", `{"schemaVersion":2,"manifests":[]}`)}, "holds no image"},
		"blob missing":   {"oci-archive", []entryOf{file("index.json", fmt.Sprintf(index, strings.Repeat("a", 64)))}, "is missing"},
		"blob changed":   {"oci-archive", []entryOf{file("index.json", fmt.Sprintf(index, strings.Repeat("a", 64))), file("blobs/sha256/"+strings.Repeat("a", 64), "{}")}, "not what its digest says"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "image.tar")
			writeTar(t, path, test.files...)
			a, _ := ParseArchive(test.kind + ":" + path)
			_, err := a.Open(t.Context(), engineHost)
			if text := verdict(t, err, deploy.ImageInvalid); !strings.Contains(text, test.says) {
				t.Errorf("%q does not say %q", text, test.says)
			}
		})
	}
}

func TestOpenNestedIndexEnds(t *testing.T) {
	// An index that holds itself cannot be made with digests; a deep one can.
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700))
	content := []byte(`{"schemaVersion":2,"manifests":[]}`)
	for range indexDepth + 2 {
		digest := DigestOf(content)
		must(t, os.WriteFile(filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:")), content, 0o600))
		content = must2(json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{map[string]any{
			"mediaType": "application/vnd.oci.image.index.v1+json", "size": len(content), "digest": digest,
		}}}))
	}
	must(t, os.WriteFile(filepath.Join(dir, "index.json"), content, 0o600))
	a, _ := ParseArchive("oci:" + dir)
	_, err := a.Open(t.Context(), engineHost)
	if text := verdict(t, err, deploy.ImageInvalid); !strings.Contains(text, "nested too deep") {
		t.Error(text)
	}
}

func TestOpenLayoutStaysInside(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.json")
	must(t, os.WriteFile(outside, []byte(`{"schemaVersion":2,"manifests":[]}`), 0o600))
	must(t, os.Symlink(outside, filepath.Join(dir, "index.json")))
	a, _ := ParseArchive("oci:" + dir)
	_, err := a.Open(t.Context(), engineHost)
	if text := verdict(t, err, deploy.ImageInvalid); !strings.Contains(text, "escapes") {
		t.Error(text)
	}
}

func TestOpenManyManifestsEnds(t *testing.T) {
	dir := t.TempDir()
	entry := `{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":"sha256:` + strings.Repeat("a", 64) + `","platform":{"os":"linux","architecture":"arm"}}`
	many := `{"schemaVersion":2,"manifests":[` + strings.Repeat(entry+",", manifestLimit) + entry + `]}`
	must(t, os.WriteFile(filepath.Join(dir, "index.json"), []byte(many), 0o600))
	a, _ := ParseArchive("oci:" + dir)
	_, err := a.Open(t.Context(), engineHost)
	if text := verdict(t, err, deploy.ImageInvalid); !strings.Contains(text, "more than") {
		t.Error(text)
	}
}

func TestOpenWhatIsNoFile(t *testing.T) {
	for _, kind := range []string{dockerArchive, ociArchive} {
		a, _ := ParseArchive(kind + ":" + t.TempDir())
		_, err := a.Open(t.Context(), engineHost)
		if text := verdict(t, err, deploy.ImageInvalid); !strings.Contains(text, "it is not a file") {
			t.Error(text)
		}
	}
}

func TestOpenMissing(t *testing.T) {
	a, _ := ParseArchive("oci:" + filepath.Join(t.TempDir(), "none"))
	_, err := a.Open(t.Context(), engineHost)
	verdict(t, err, deploy.ImageNotFound)
}

// FuzzOpenTar: whatever the bytes, reading ends, without a panic, in an image or a verdict.
func FuzzOpenTar(f *testing.F) {
	for _, seed := range [][]entryOf{
		{file("manifest.json", `[{"Config":"c.json","Layers":["l"]}]`), file("c.json", `{"rootfs":{"diff_ids":["sha256:x"]}}`), link("l", "l")},
		{file("index.json", `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:x"}]}`)},
	} {
		var content bytes.Buffer
		writeEntries(f, &content, seed...)
		f.Add(content.Bytes())
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		src := &tarball{content: bytes.NewReader(content)}
		if src.index() != nil {
			return
		}
		for _, kind := range []string{dockerArchive, ociArchive} {
			img, err := Archive{kind: kind}.find(src, "", engineHost.Platform)
			if err != nil {
				continue
			}
			if !strings.HasPrefix(img.ID, "sha256:") {
				t.Errorf("an image without id: %+v", img)
			}
			for _, l := range img.Layers {
				if content, err := l.Open(); err == nil {
					_, _ = io.Copy(io.Discard, content)
				}
			}
		}
	})
}

// entryOf is an entry of a tar file.
type entryOf struct{ name, content, link string }

func file(name, content string) entryOf { return entryOf{name: name, content: content} }
func link(name, target string) entryOf  { return entryOf{name: name, link: target} }

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
		if e.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		}
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
