package testbed

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
)

// RandomImage is an image of two layers that nothing else shares.
func RandomImage(t testing.TB, arch string) v1.Image {
	t.Helper()
	content, err := random.Image(200_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := content.Layers()
	if err != nil {
		t.Fatal(err)
	}
	return ImageOf(t, arch, layers...)
}

// ImageOf is an image of these layers for the user 1000.
func ImageOf(t testing.TB, arch string, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config.User = "linux", arch, "1000"
	img, err = mutate.ConfigFile(img, file)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// IDOf is what stores call an image: the digest of its configuration.
func IDOf(t testing.TB, img v1.Image) string {
	t.Helper()
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// DigestOf is what registries call an image.
func DigestOf(t testing.TB, img v1.Image) string {
	t.Helper()
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}
