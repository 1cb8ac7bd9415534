package rootfs

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/oci"
)

// load unpacks the image of an archive.
func (s *Store) load(ctx context.Context, packed *oci.Packed, report func(deploy.Progress)) error {
	waiting := func() { report(deploy.Progress{Phase: deploy.Loading, Detail: waitingDetail}) }
	work, err := s.cache.workspace(ctx, strings.TrimPrefix(packed.ID, "sha256:"), waiting)
	if err != nil {
		return err
	}
	defer work.close() //nolint:errcheck // what is left is swept by the next maker, or by GC
	if _, present, err := s.cache.take(ctx, packed.ID, packed.ID); err != nil || present {
		return err // another process has made it
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(packed.Config, &config); err != nil {
		return wrong("its configuration is broken: %v", err)
	}
	meter := &oci.Meter{Report: report, Phase: deploy.Loading}
	var files []layerFile
	for _, l := range packed.Layers {
		size, err := l.Size()
		if err != nil {
			return wrong("%v", err)
		}
		meter.Total += size
		files = append(files, metered{l, meter})
	}
	if err := work.unpack(ctx, files, config.RootFS.DiffIDs, s.limits); err != nil {
		return err
	}
	return work.publish(packed.Config)
}

// waitingDetail is told while another process does the work.
const waitingDetail = "waiting for another alien, which unpacks it"

// metered is a layer whose reading is reported.
type metered struct {
	layerFile
	meter io.Writer
}

// Open reads the layer.
func (m metered) Open() (io.ReadCloser, error) {
	content, err := m.layerFile.Open()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(content, m.meter), content}, nil
}
