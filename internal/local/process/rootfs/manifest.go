package rootfs

import (
	"bytes"
	"context"
	"encoding/json"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/alienplatform/alien-go/internal/oci"
)

// Bounds on what a registry can make us keep in memory.
const (
	configLimit = 8 << 20
	layerLimit  = 500
)

// offer is what a registry has for a reference: everything of an image but its files.
type offer struct {
	digest  string // of the reference: an index's where it leads to one
	id      string
	config  []byte
	diffIDs []v1.Hash
	layers  []v1.Descriptor
}

// look asks the registry what the reference stands for, and refuses what cannot run here before its files are fetched.
func (p *pulling) look(ctx context.Context) (offer, error) {
	desc, err := p.from.Get(ctx)
	if err != nil {
		return offer{}, err
	}
	digest := desc.Digest.String()
	if desc.MediaType.IsIndex() {
		if desc, err = p.choose(ctx, desc); err != nil {
			return offer{}, err
		}
	}
	if !desc.MediaType.IsImage() {
		return offer{}, wrong("unsupported media type %s", desc.MediaType)
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(desc.Manifest))
	if err != nil {
		return offer{}, wrong("its manifest is broken: %v", err)
	}
	if err := p.check(manifest); err != nil {
		return offer{}, err
	}
	var data bytes.Buffer
	if err := p.copy(ctx, manifest.Config, &data, &progress{report: p.report}); err != nil {
		return offer{}, err
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(data.Bytes(), &config); err != nil {
		return offer{}, wrong("its configuration is broken: %v", err)
	}
	if err := p.store.host.Fits(p.ref.Text, oci.Platform{OS: config.OS, Arch: config.Architecture, Variant: config.Variant}); err != nil {
		return offer{}, err
	}
	return offer{digest, manifest.Config.Digest.String(), data.Bytes(), config.RootFS.DiffIDs, manifest.Layers}, nil
}

// choose gets the manifest of the index's image for this machine.
func (p *pulling) choose(ctx context.Context, desc *remote.Descriptor) (*remote.Descriptor, error) {
	index, err := v1.ParseIndexManifest(bytes.NewReader(desc.Manifest))
	if err != nil {
		return nil, wrong("its index is broken: %v", err)
	}
	chosen, err := p.store.host.Choose(p.ref, index)
	if err != nil {
		return nil, err
	}
	if chosen.Digest.Algorithm != "sha256" {
		return nil, wrong("its digest %s is not of sha256", chosen.Digest)
	}
	return p.from.Manifest(ctx, chosen.Digest)
}

// check refuses manifests whose parts are none of an image, or too much of one.
func (p *pulling) check(m *v1.Manifest) error {
	if !m.Config.MediaType.IsConfig() {
		return wrong("unsupported media type %s of its configuration", m.Config.MediaType)
	}
	if m.Config.Size < 0 || m.Config.Size > configLimit || len(m.Layers) > layerLimit {
		return wrong("its configuration has %d bytes and its manifest %d layers", m.Config.Size, len(m.Layers))
	}
	var sum int64
	for _, part := range append([]v1.Descriptor{m.Config}, m.Layers...) {
		if part.Digest.Algorithm != "sha256" {
			return wrong("its digest %s is not of sha256", part.Digest)
		}
		if part.Size < 0 || part.Size > p.store.limits.Stream-sum {
			return wrong("its layers are larger than images may be")
		}
		sum += part.Size
	}
	for _, l := range m.Layers {
		if !l.MediaType.IsLayer() || !l.MediaType.IsDistributable() {
			return wrong("unsupported media type %s of a layer", l.MediaType)
		}
	}
	return nil
}
