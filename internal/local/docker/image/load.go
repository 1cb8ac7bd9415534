package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/oci"
)

// loadedName is the repository that images from archives get on the engine, tagged with the digest of their
// configuration. Names inside the archive are not set: they could take a tag away from something else. A name of its
// own is needed because on engines with containerd's image store the ID is not the configuration's digest.
const loadedName = "alien-archive"

func tag(p *oci.Packed) string { return loadedName + ":" + strings.TrimPrefix(p.ID, "sha256:") }

// ensureArchive loads the image of an archive, unless the engine has it.
func (s *Store) ensureArchive(ctx context.Context, a oci.Archive, report func(deploy.Progress)) (Image, error) {
	host, err := s.wanted(ctx)
	if err != nil {
		return Image{}, err
	}
	img, err := a.Open(ctx, host)
	if err != nil {
		return Image{}, err
	}
	defer img.Close()
	if err := s.fits(ctx, a.String(), img.Platform); err != nil {
		return Image{}, err
	}
	have, present, err := s.loaded(ctx, img)
	if err != nil || present {
		return newImage(have, ""), err
	}
	err = s.slots.Do(ctx, func() error { return s.load(ctx, a, img, report) })
	if err != nil {
		return Image{}, err
	}
	have, present, err = s.loaded(ctx, img)
	if err == nil && !present {
		err = fmt.Errorf("cannot find image %s on the engine after it was loaded", a)
	}
	if err != nil {
		return Image{}, err
	}
	return newImage(have, ""), nil
}

// loaded looks the archive's image up on the engine: under our name, or loaded by somebody else.
func (s *Store) loaded(ctx context.Context, img *oci.Packed) (image.InspectResponse, bool, error) {
	have, present, err := s.inspect(ctx, img.ID)
	if err != nil || present {
		return have, present, err
	}
	return s.inspect(ctx, tag(img))
}

// load streams the image to the engine in the form that every engine takes, which is `docker save`'s.
func (s *Store) load(ctx context.Context, a oci.Archive, img *oci.Packed, report func(deploy.Progress)) error {
	meter := &oci.Meter{Report: report, Phase: deploy.Loading}
	read, into := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		err := write(img, io.MultiWriter(into, meter), meter)
		into.CloseWithError(err)
		sent <- err
	}()
	err := s.send(ctx, read)
	read.CloseWithError(errStopped)
	if ours := <-sent; ours != nil && !errors.Is(ours, errStopped) {
		return s.invalid(ctx, a, ours)
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	var said engineError
	if errors.As(err, &said) && !strings.Contains(string(said), "no space left") {
		return &deploy.Problem{Reason: deploy.ImageInvalid, Message: fmt.Sprintf("the engine cannot load image %s", a), Err: said}
	}
	return s.trouble(ctx, err, "cannot load image %s", a)
}

// errStopped ends the writing when the engine wants no more.
var errStopped = errors.New("the engine stopped reading")

func (s *Store) send(ctx context.Context, content io.Reader) error {
	answer, err := s.api.ImageLoad(ctx, content, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return follow(answer.Body, func(message) {})
}

// write writes the image as a docker-archive. Layers stay as they are, compressed or not.
func write(p *oci.Packed, w io.Writer, m *oci.Meter) error {
	entry := oci.DockerImage{Config: strings.TrimPrefix(p.ID, "sha256:") + ".json", RepoTags: []string{tag(p)}}
	for i, l := range p.Layers {
		size, err := l.Size()
		if err != nil {
			return err
		}
		m.Total += size
		entry.Layers = append(entry.Layers, fmt.Sprintf("layer-%d.tar", i))
	}
	manifest, err := json.Marshal([]oci.DockerImage{entry})
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	if err := writeFile(out, "manifest.json", manifest); err != nil {
		return err
	}
	if err := writeFile(out, entry.Config, p.Config); err != nil {
		return err
	}
	for i, l := range p.Layers {
		if err := copyLayer(out, l, entry.Layers[i]); err != nil {
			return err
		}
	}
	return out.Close()
}

func copyLayer(out *tar.Writer, from oci.Layer, to string) error {
	size, err := from.Size()
	if err != nil {
		return err
	}
	content, err := from.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	if err := out.WriteHeader(&tar.Header{Name: to, Mode: 0o644, Size: size, Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	if _, err := io.CopyN(out, content, size); err != nil {
		return fmt.Errorf("its %s is cut off: %w", from, err)
	}
	return nil
}

func writeFile(out *tar.Writer, name string, data []byte) error {
	err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = out.Write(data)
	}
	return err
}

// invalid says that the archive cannot be used.
func (s *Store) invalid(ctx context.Context, a oci.Archive, err error) error {
	host, hostErr := s.wanted(ctx)
	if hostErr != nil {
		return hostErr
	}
	return a.Invalid(host, err)
}
