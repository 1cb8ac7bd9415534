package rootfs

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/oci"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
)

// liar is a registry that has one image, and gives whatever it was told to.
type liar struct {
	manifest *v1.Manifest
	kind     types.MediaType
	blobs    map[string][]byte
}

// honest is the registry of one good image, to be made a liar.
func honest(t *testing.T) *liar {
	t.Helper()
	img := simple(t, runtime.GOARCH)
	l := &liar{kind: types.DockerManifestSchema2, blobs: map[string][]byte{}}
	var err error
	l.manifest, err = img.Manifest()
	must(t, err)
	l.manifest = l.manifest.DeepCopy()
	l.blobs[l.manifest.Config.Digest.String()], err = img.RawConfigFile()
	must(t, err)
	layers, err := img.Layers()
	must(t, err)
	for i, layer := range layers {
		content, err := layer.Compressed()
		must(t, err)
		l.blobs[l.manifest.Layers[i].Digest.String()], err = io.ReadAll(content)
		must(t, err)
	}
	return l
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, digest, isBlob := strings.Cut(r.URL.Path, "/blobs/")
	switch {
	case isBlob && l.blobs[digest] != nil:
		_, _ = w.Write(l.blobs[digest])
	case isBlob:
		w.WriteHeader(http.StatusNotFound)
	case strings.Contains(r.URL.Path, "/manifests/"):
		w.Header().Set("Content-Type", string(l.kind))
		_ = json.NewEncoder(w).Encode(l.manifest)
	}
}

// as puts content in the place of a layer and makes the manifest say what it has to.
func (l *liar) as(i int, content []byte) {
	l.blobs[l.manifest.Layers[i].Digest.String()] = content
}

func TestEnsureBelievesNoRegistry(t *testing.T) {
	tests := map[string]struct {
		lie  func(*liar)
		says string
	}{
		"content":             {func(l *liar) { l.as(1, []byte(strings.Repeat("x", int(l.manifest.Layers[1].Size)))) }, "error verifying sha256"},
		"more than said":      {func(l *liar) { l.as(0, append(l.blobs[l.manifest.Layers[0].Digest.String()], 'x')) }, "error verifying sha256"},
		"less than said":      {func(l *liar) { l.manifest.Layers[0].Size++ }, "not what its digest and size say"},
		"configuration":       {func(l *liar) { l.blobs[l.manifest.Config.Digest.String()][0] = ' ' }, "error verifying sha256"},
		"large configuration": {func(l *liar) { l.manifest.Config.Size = 1 << 40 }, "its configuration has"},
		"negative size":       {func(l *liar) { l.manifest.Layers[0].Size = -1 }, "larger than images may be"},
		"size beyond all":     {func(l *liar) { l.manifest.Layers[0].Size = 1 << 62 }, "larger than images may be"},
		"sum beyond all":      {func(l *liar) { l.manifest.Layers[0].Size, l.manifest.Layers[1].Size = 1<<35, 1<<62 }, "larger than images may be"},
		"layer twice":         {func(l *liar) { l.manifest.Layers = append(l.manifest.Layers, l.manifest.Layers[0]) }, "it has 3 layers, and its configuration 2"},
		"thousand layers":     {func(l *liar) { l.manifest.Layers = slices.Repeat(l.manifest.Layers, 500) }, "1000 layers"},
		"layer elsewhere":     {func(l *liar) { l.manifest.Layers[0].MediaType = types.DockerForeignLayer }, "unsupported media type"},
		"no image":            {func(l *liar) { l.manifest.Config.MediaType = "application/vnd.acme.chart" }, "unsupported media type"},
		"old kind":            {func(l *liar) { l.kind = types.DockerManifestSchema1 }, "unsupported media type"},
		"other digest":        {func(l *liar) { l.manifest.Layers[0].Digest = v1.Hash{Algorithm: "md5", Hex: strings.Repeat("a", 32)} }, "manifest is broken"},
		"digest that climbs":  {func(l *liar) { l.manifest.Layers[0].Digest = v1.Hash{Algorithm: "sha256", Hex: "../../../x"} }, "manifest is broken"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := honest(t)
			test.lie(l)
			server := httptest.NewServer(l)
			defer server.Close()
			s := newStore(t)
			ref := strings.TrimPrefix(server.URL, "http://") + "/lying/app:1"
			_, err := s.Ensure(t.Context(), storetest.Want(ref, ""), nil)
			if text := storetest.Verdict(t, err, deploy.ImageInvalid); !strings.Contains(text, test.says) {
				t.Errorf("%q does not say %q", text, test.says)
			}
			onlyThese(t, s)
		})
	}
}

func TestHonestRegistry(t *testing.T) {
	server := httptest.NewServer(honest(t))
	defer server.Close()
	_, err := newStore(t).Ensure(t.Context(), storetest.Want(strings.TrimPrefix(server.URL, "http://")+"/honest/app:1", ""), nil)
	must(t, err)
}

func TestChooseFromIndex(t *testing.T) {
	host := oci.Host{Platform: oci.Platform{OS: "linux", Arch: "amd64"}, Name: "this machine"}
	made := func(arch, os string) v1.Descriptor {
		return v1.Descriptor{MediaType: types.OCIManifestSchema1, Platform: &v1.Platform{OS: os, Architecture: arch}}
	}
	ref := must2(oci.ParseReference("app"))
	index := &v1.IndexManifest{Manifests: []v1.Descriptor{made("unknown", "unknown"), made("386", "linux"), made("amd64", "windows"), made("amd64", "linux"), made("amd64", "linux")}}
	index.Manifests[3].Size = 7
	if got, err := host.Choose(ref, index); err != nil || got.Size != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err := host.Choose(ref, &v1.IndexManifest{Manifests: index.Manifests[:1]})
	storetest.Verdict(t, err, deploy.ImagePlatform)
}
