package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// loadedName is the repository that images from archives get on the engine, tagged with the digest of their
// configuration. Names inside the archive are not set: they could take a tag away from something else. A name of its
// own is needed because on engines with containerd's image store the ID is not the configuration's digest.
const loadedName = "alien-archive"

func (p *packed) tag() string { return loadedName + ":" + strings.TrimPrefix(p.id, "sha256:") }

// ensureArchive loads the image of an archive, unless the engine has it.
func (s *Store) ensureArchive(ctx context.Context, a archive, report func(deploy.Progress)) (Image, error) {
	host, err := s.wanted(ctx)
	if err != nil {
		return Image{}, err
	}
	img, err := a.open(ctx, host)
	if err != nil {
		return Image{}, err
	}
	defer img.close()
	if err := s.fits(ctx, a.text, img.platform); err != nil {
		return Image{}, err
	}
	have, present, err := s.loaded(ctx, img)
	if err != nil || present {
		return newImage(have, ""), err
	}
	err = s.transfer(ctx, func() error { return s.load(ctx, a, img, report) })
	if err != nil {
		return Image{}, err
	}
	have, present, err = s.loaded(ctx, img)
	if err == nil && !present {
		err = fmt.Errorf("cannot find image %s on the engine after it was loaded", a.text)
	}
	if err != nil {
		return Image{}, err
	}
	return newImage(have, ""), nil
}

// loaded looks the archive's image up on the engine: under our name, or loaded by somebody else.
func (s *Store) loaded(ctx context.Context, img *packed) (image.InspectResponse, bool, error) {
	have, present, err := s.inspect(ctx, img.id)
	if err != nil || present {
		return have, present, err
	}
	return s.inspect(ctx, img.tag())
}

// load streams the image to the engine in the form that every engine takes, which is `docker save`'s.
func (s *Store) load(ctx context.Context, a archive, img *packed, report func(deploy.Progress)) error {
	meter := &meter{report: report}
	read, write := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		err := img.write(io.MultiWriter(write, meter), meter)
		write.CloseWithError(err)
		sent <- err
	}()
	err := s.send(ctx, read)
	read.CloseWithError(errStopped)
	if ours := <-sent; ours != nil && !errors.Is(ours, errStopped) {
		return a.invalid(ours)
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	var said engineError
	if errors.As(err, &said) && !strings.Contains(string(said), "no space left") {
		return &deploy.Problem{Reason: deploy.ImageInvalid, Message: fmt.Sprintf("the engine cannot load image %s", a.text), Err: said}
	}
	return s.trouble(ctx, err, "cannot load image %s", a.text)
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
func (p *packed) write(w io.Writer, m *meter) error {
	entry := dockerImage{Config: strings.TrimPrefix(p.id, "sha256:") + ".json", RepoTags: []string{p.tag()}}
	for i, name := range p.layers {
		size, err := p.source.size(name)
		if err != nil {
			return err
		}
		m.total += size
		entry.Layers = append(entry.Layers, fmt.Sprintf("layer-%d.tar", i))
	}
	manifest, err := json.Marshal([]dockerImage{entry})
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	if err := writeFile(out, "manifest.json", manifest); err != nil {
		return err
	}
	if err := writeFile(out, entry.Config, p.config); err != nil {
		return err
	}
	for i, name := range p.layers {
		if err := p.copyLayer(out, name, entry.Layers[i]); err != nil {
			return err
		}
	}
	return out.Close()
}

func (p *packed) copyLayer(out *tar.Writer, from, to string) error {
	size, err := p.source.size(from)
	if err != nil {
		return err
	}
	content, err := p.source.open(from)
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

// meter reports the bytes that went by.
type meter struct {
	report         func(deploy.Progress)
	current, total int64
	reported       time.Time
}

func (m *meter) Write(data []byte) (int, error) {
	m.current = min(m.current+int64(len(data)), m.total) // the tar's own headers do not count
	if now := time.Now(); now.Sub(m.reported) >= reportEvery || m.current == m.total {
		m.reported = now
		m.report(deploy.Progress{Phase: deploy.Loading, Current: m.current, Total: m.total})
	}
	return len(data), nil
}
