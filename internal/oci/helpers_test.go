package oci

import (
	"errors"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// engineHost is a host as a Docker engine is spoken of.
var engineHost = Host{Platform: Platform{OS: "linux", Arch: "amd64"}, Name: "the engine", Network: "the engine's network"}

// randomImage is an image of two layers that nothing else shares.
func randomImage(t *testing.T, arch string) v1.Image {
	t.Helper()
	content, err := random.Image(200_000, 2)
	must(t, err)
	layers, err := content.Layers()
	must(t, err)
	img, err := mutate.AppendLayers(empty.Image, layers...)
	must(t, err)
	file, err := img.ConfigFile()
	must(t, err)
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config.User = "linux", arch, "1000"
	img, err = mutate.ConfigFile(img, file)
	must(t, err)
	return img
}

func idOf(t *testing.T, img v1.Image) string {
	t.Helper()
	id, err := img.ConfigName()
	must(t, err)
	return id.String()
}

// verdict checks that err is a problem with that reason, and gives its text.
func verdict(t *testing.T, err error, reason deploy.Reason) string {
	t.Helper()
	var p *deploy.Problem
	if !errors.As(err, &p) || p.Reason != reason {
		t.Fatalf("got %v; want a problem %s", err, reason)
	}
	return p.Error() + "; " + p.Hint
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
