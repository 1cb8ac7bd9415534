package testbed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/client"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Variant is a kind of test daemon image. All of them hold the test daemon at /daemon and a /tmp for everybody.
type Variant string

// The variants.
const (
	Plain         Variant = "plain"          // entrypoint /daemon, command run
	Healthcheck   Variant = "healthcheck"    // Plain with HEALTHCHECK /daemon health /tmp/ready
	NonRoot       Variant = "nonroot"        // Plain with USER 1000:1000
	WrongArch     Variant = "wrong-arch"     // Plain, built and declared for an architecture that this machine has not
	NoCommand     Variant = "no-command"     // its command is not in the image
	NotExecutable Variant = "not-executable" // its command is a file without the x bit
	BadFormat     Variant = "bad-format"     // its command is executable by mode, and by nothing else
	NoEntrypoint  Variant = "no-entrypoint"  // neither entrypoint nor command
)

// Salted makes an image with another digest that behaves the same.
func (v Variant) Salted(salt string) Variant { return v + "+" + Variant(salt) }

// DaemonImage gives the reference of the plain image, loaded into the engine; see Image.
func DaemonImage(t testing.TB) string { return Image(t, Plain) }

// Image gives the reference of an image, loaded into the engine that Engine finds. The tag is made of the content, so
// images are loaded once for all tests and left there for the next run.
func Image(t testing.TB, v Variant) string {
	t.Helper()
	return Load(t, Engine(t), v)
}

// Load is Image for a given engine.
func Load(t testing.TB, api *client.Client, v Variant) string {
	t.Helper()
	ref, err := LoadImage(t.Context(), api, v)
	if err != nil {
		t.Fatalf("cannot load image %s: %v", v, err)
	}
	return ref
}

// LoadImage is Load for programs that are no tests.
func LoadImage(ctx context.Context, api *client.Client, v Variant) (string, error) {
	img, err := BuildImage(v)
	if err != nil {
		return "", err
	}
	id, err := img.ConfigName()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ref := "alien-test-daemon:" + id.Hex[:12]
	if have, err := api.ImageInspect(ctx, ref); err == nil && have.ID == id.String() {
		return ref, nil
	}
	return ref, load(ctx, api, ref, img)
}

// load streams an image into an engine and reads the answer to its end, which is when the image is there.
func load(ctx context.Context, api *client.Client, ref string, img v1.Image) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := tarball.Write(tag, img, &archive); err != nil {
		return err
	}
	answer, err := api.ImageLoad(ctx, &archive)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && bytes.Contains(said, []byte(`"errorDetail"`)) {
		err = fmt.Errorf("engine: %s", said)
	}
	return err
}

// Build makes an image in memory; the same variant always gives the same bytes.
func Build(t testing.TB, v Variant) v1.Image {
	t.Helper()
	img, err := BuildImage(v)
	if err != nil {
		t.Fatalf("cannot build image %s: %v", v, err)
	}
	return img
}

// BuildImage is Build where there is no test to fail.
func BuildImage(v Variant) (v1.Image, error) {
	kind, salt, _ := strings.Cut(string(v), "+")
	cfg := v1.Config{Entrypoint: []string{"/daemon"}, Cmd: []string{"run"}, Env: []string{"PATH=/"}}
	arch := runtime.GOARCH
	switch Variant(kind) {
	case Plain:
	case Healthcheck:
		cfg.Healthcheck = &v1.HealthConfig{Test: []string{"CMD", "/daemon", "health", "/tmp/ready"}, Interval: time.Second, Retries: 3}
	case NonRoot:
		cfg.User = "1000:1000"
	case WrongArch:
		arch = ForeignArch()
	case NoCommand:
		cfg.Entrypoint, cfg.Cmd = nil, []string{"/no-such-command"}
	case NotExecutable:
		cfg.Entrypoint, cfg.Cmd = nil, []string{"/not-executable"}
	case BadFormat:
		cfg.Entrypoint, cfg.Cmd = nil, []string{"/bad-format"}
	case NoEntrypoint:
		cfg.Entrypoint, cfg.Cmd = nil, nil
	default:
		return nil, fmt.Errorf("there is no such variant")
	}
	if salt != "" {
		cfg.Labels = map[string]string{"salt": salt}
	}
	return assemble(arch, cfg)
}

// ForeignArch is an architecture that this machine cannot run.
func ForeignArch() string {
	if runtime.GOARCH == "amd64" {
		return "arm64"
	}
	return "amd64"
}

// assemble puts the test daemon for arch into an image of one layer.
func assemble(arch string, cfg v1.Config) (v1.Image, error) {
	layer, err := layerFor(arch)
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
