package oci

import (
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// Platform is what an image is made for; empty fields are unknown.
type Platform struct{ OS, Arch, Variant string }

// ParsePlatform reads OS/ARCH or OS/ARCH/VARIANT.
func ParsePlatform(text string) Platform {
	parts := append(strings.Split(strings.ToLower(text), "/"), "", "", "")
	return Platform{parts[0], parts[1], parts[2]}
}

// String gives it as OS/ARCH/VARIANT.
func (p Platform) String() string {
	return strings.TrimRight(p.OS+"/"+p.Arch+"/"+p.Variant, "/")
}

// Runs says whether a host of platform p runs images of platform image. Processors also run their 32-bit predecessor's
// programs; variants are left to the runtime.
func (p Platform) Runs(image Platform) bool {
	if image.OS != "" && image.OS != p.OS {
		return false
	}
	older := map[string]string{"amd64": "386", "arm64": "arm"}
	return image.Arch == "" || image.Arch == p.Arch || image.Arch == older[p.Arch]
}

// distance orders images that a host runs: same processor and variant, same processor, an older one.
func (p Platform) distance(image Platform) int {
	switch {
	case image.Arch == p.Arch && image.Variant == p.Variant:
		return 0
	case image.Arch == p.Arch:
		return 1
	}
	return 2
}

// Host is what images run on, and how verdicts speak of it.
type Host struct {
	Platform
	Name    string // "the engine"
	Foreign string // what helps with an image for another processor, besides building it for this one; may be empty
	Network string // whose network it is that has to reach registries
}

// Fits refuses an image that the host cannot run: it would start and die with "exec format error".
func (h Host) Fits(name string, image Platform) error {
	if h.Runs(image) {
		return nil
	}
	return h.mismatch(name, image.String())
}

func (h Host) mismatch(name, made string) error {
	return &deploy.Problem{
		Reason:  deploy.ImagePlatform,
		Message: fmt.Sprintf("image %s is made for %s, and %s runs %s", name, made, h.Name, h.Platform),
		Hint:    fmt.Sprintf("build it for %s%s", h.Platform, h.Foreign),
	}
}

// Choose picks the image for the host from an index: its very processor before one it also runs, and the first of equals.
func (h Host) Choose(ref Reference, index *v1.IndexManifest) (v1.Descriptor, error) {
	var best *v1.Descriptor
	var made []string
	distance := func(d v1.Descriptor) int { return h.distance(madeFor(d)) }
	for i, desc := range index.Manifests {
		p := madeFor(desc)
		if p.OS == "unknown" || !desc.MediaType.IsImage() {
			continue // attestations, and what is no image
		}
		made = append(made, p.String())
		if h.Runs(p) && (best == nil || distance(desc) < distance(*best)) {
			best = &index.Manifests[i]
		}
	}
	if best == nil {
		return v1.Descriptor{}, h.mismatch(ref.Text, strings.Join(made, ", "))
	}
	return *best, nil
}

// madeFor is what an index says of one of its images; one that it says nothing of has to be looked at.
func madeFor(desc v1.Descriptor) Platform {
	if desc.Platform == nil {
		return Platform{}
	}
	return Platform{desc.Platform.OS, desc.Platform.Architecture, desc.Platform.Variant}
}
