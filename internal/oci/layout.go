package oci

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Bounds on what a hostile layout can make us read.
const (
	indexDepth    = 3
	manifestLimit = 1000
)

// annotations that name an image of a layout: the OCI's own, and the one that Docker and containerd write.
const (
	refNameAnnotation   = "org.opencontainers.image.ref.name"
	imageNameAnnotation = "io.containerd.image.name"
)

// noPlatform says that an archive holds nothing for the host.
type noPlatform struct{ made string }

func (e noPlatform) Error() string { return "it is made for " + e.made }

// candidate is an image that a layout holds.
type candidate struct {
	desc     v1.Descriptor
	Platform Platform
}

// openOCI finds the image in an OCI layout.
func openOCI(src source, ref string, host Platform) (*Packed, error) {
	data, err := document(src, "index.json")
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := src.size("manifest.json"); err == nil {
			return nil, errors.New("it is not an OCI layout; write docker-archive: if `docker save` wrote it")
		}
	}
	if err != nil {
		return nil, err
	}
	w := walk{src: src}
	if err := w.index(data, ref, indexDepth); err != nil {
		return nil, err
	}
	chosen, err := chooseOCI(w.found, ref, host)
	if err != nil {
		return nil, err
	}
	return openManifest(src, chosen.desc)
}

// walk lists the images that a layout holds.
type walk struct {
	src   source
	seen  int // entries of indexes
	found []candidate
}

// index adds the images of an index, by reference where one is given.
func (w *walk) index(data []byte, ref string, depth int) error {
	if depth == 0 {
		return errors.New("its indexes are nested too deep")
	}
	parsed, err := v1.ParseIndexManifest(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("its index is broken: %w", err)
	}
	if w.seen += len(parsed.Manifests); w.seen > manifestLimit {
		return fmt.Errorf("it holds more than %d manifests", manifestLimit)
	}
	for _, desc := range parsed.Manifests {
		if ref != "" && !named(desc, ref) {
			continue
		}
		if err := w.entry(desc, depth); err != nil {
			return err
		}
	}
	return nil
}

// entry adds what is behind one entry of an index.
func (w *walk) entry(desc v1.Descriptor, depth int) error {
	if desc.MediaType.IsIndex() {
		data, err := blob(w.src, desc)
		if err != nil {
			return err
		}
		return w.index(data, "", depth-1)
	}
	if !desc.MediaType.IsImage() {
		return nil
	}
	if p := desc.Platform; p != nil && p.OS != "" {
		w.found = append(w.found, candidate{desc, Platform{p.OS, p.Architecture, p.Variant}})
		return nil
	}
	img, err := openManifest(w.src, desc)
	if err == nil {
		err = img.check()
	}
	if err != nil {
		return err
	}
	w.found = append(w.found, candidate{desc, img.Platform})
	return nil
}

func named(desc v1.Descriptor, ref string) bool {
	full := desc.Annotations[imageNameAnnotation]
	return desc.Annotations[refNameAnnotation] == ref || full == ref || full != "" && sameReference(full, ref)
}

// chooseOCI picks the image for the host: its very processor before one it also runs.
func chooseOCI(all []candidate, ref string, host Platform) (candidate, error) {
	var fit []candidate
	var made []string
	for _, c := range all {
		if c.Platform.OS == "unknown" {
			continue // attestations
		}
		made = append(made, c.Platform.String())
		if host.Runs(c.Platform) {
			fit = append(fit, c)
		}
	}
	slices.SortStableFunc(fit, func(a, b candidate) int { return host.distance(a.Platform) - host.distance(b.Platform) })
	fit = slices.CompactFunc(fit, func(a, b candidate) bool { return a.desc.Digest == b.desc.Digest })
	switch {
	case len(made) == 0 && ref != "":
		return candidate{}, fmt.Errorf("it holds no image %s", ref)
	case len(made) == 0:
		return candidate{}, several(0, nil)
	case len(fit) == 0:
		return candidate{}, noPlatform{strings.Join(made, ", ")}
	case len(fit) > 1 && host.distance(fit[0].Platform) == host.distance(fit[1].Platform):
		return candidate{}, several(len(fit), names(fit))
	}
	return fit[0], nil
}

func names(all []candidate) []string {
	var names []string
	for _, c := range all {
		if name := c.desc.Annotations[refNameAnnotation]; name != "" {
			names = append(names, name)
		}
	}
	return names
}

// openManifest reads an image's manifest and configuration.
func openManifest(src source, desc v1.Descriptor) (*Packed, error) {
	data, err := blob(src, desc)
	if err != nil {
		return nil, err
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("its manifest is broken: %w", err)
	}
	img := &Packed{source: src}
	if img.Config, err = blob(src, manifest.Config); err != nil {
		return nil, err
	}
	for _, l := range manifest.Layers {
		name, err := blobName(l)
		if err != nil {
			return nil, err
		}
		if size, err := src.size(name); err != nil || size != l.Size {
			return nil, fmt.Errorf("its layer %s is missing or cut off", l.Digest)
		}
		img.Layers = append(img.Layers, Layer{name, src})
	}
	return img, nil
}

// blob reads a document by its digest, and checks it.
func blob(src source, desc v1.Descriptor) ([]byte, error) {
	name, err := blobName(desc)
	if err != nil {
		return nil, err
	}
	data, err := document(src, name)
	if err != nil {
		return nil, err
	}
	if DigestOf(data) != desc.Digest.String() {
		return nil, fmt.Errorf("its %s is not what its digest says", name)
	}
	return data, nil
}

func blobName(desc v1.Descriptor) (string, error) {
	if desc.Digest.Algorithm != "sha256" {
		return "", fmt.Errorf("its digest %s is not of sha256", desc.Digest)
	}
	return "blobs/sha256/" + desc.Digest.Hex, nil
}

// DigestOf gives the sha256:… of a document.
func DigestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
