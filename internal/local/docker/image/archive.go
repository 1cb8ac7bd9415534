package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// The kinds of local archive.
const (
	dockerArchive = "docker-archive"
	ociLayout     = "oci"
	ociArchive    = "oci-archive"
)

// documentLimit bounds the JSON documents of an archive, which are read whole.
const documentLimit = 8 << 20

// archive is an image in a file or directory: KIND:PATH or KIND:PATH:REFERENCE.
type archive struct{ text, kind, rest string }

func parseArchive(image string) (archive, bool) {
	kind, rest, ok := strings.Cut(image, ":")
	if !ok || kind != dockerArchive && kind != ociLayout && kind != ociArchive {
		return archive{}, false
	}
	return archive{text: image, kind: kind, rest: rest}, true
}

// locate takes the path and the reference inside it apart. Both may hold colons, so the shortest path that exists counts.
func (a archive) locate() (path, ref string, err error) {
	if _, err := os.Stat(a.rest); err == nil {
		return a.rest, "", nil
	}
	for i, c := range a.rest {
		if c != ':' {
			continue
		}
		if _, err := os.Stat(a.rest[:i]); err == nil {
			return a.rest[:i], a.rest[i+1:], nil
		}
	}
	return "", "", &deploy.Problem{Reason: deploy.ImageNotFound, Message: fmt.Sprintf("image %s: there is no such file or directory", a.text)}
}

// packed is an image inside an archive.
type packed struct {
	id       string // sha256:… of its configuration
	platform platform
	config   []byte
	layers   []string // files of the source, lowest first
	source   source
}

func (p *packed) close() { _ = p.source.Close() }

// open finds the image in the archive, the one for the host's platform where there are several. It reads the archive's
// directory and JSON documents, not its layers.
func (a archive) open(ctx context.Context, host platform) (*packed, error) {
	path, ref, err := a.locate()
	if err != nil {
		return nil, err
	}
	src, err := a.source(ctx, path)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, a.invalid(err)
	}
	img, err := a.find(src, ref, host)
	if err != nil {
		_ = src.Close()
		return nil, a.invalid(err)
	}
	return img, nil
}

// find finds the image among the archive's files.
func (a archive) find(src source, ref string, host platform) (img *packed, err error) {
	if a.kind == dockerArchive {
		img, err = openDocker(src, ref)
	} else {
		img, err = openOCI(src, ref, host)
	}
	if err != nil {
		return nil, err
	}
	return img, img.check()
}

func (a archive) source(ctx context.Context, path string) (source, error) {
	if a.kind == ociLayout {
		return openDir(path)
	}
	return openTar(ctx, path)
}

// invalid says that the archive cannot be used; what already is a verdict stays one.
func (a archive) invalid(err error) error {
	var p *deploy.Problem
	if errors.As(err, &p) {
		return err
	}
	var none noPlatform
	if errors.As(err, &none) {
		return mismatch(a.text, none.made, none.host)
	}
	return &deploy.Problem{Reason: deploy.ImageInvalid, Message: fmt.Sprintf("image %s cannot be read", a.text), Err: err}
}

// check reads the configuration and makes sure that every layer is there.
func (p *packed) check() error {
	var config v1.ConfigFile
	if err := json.Unmarshal(p.config, &config); err != nil {
		return fmt.Errorf("its configuration is broken: %w", err)
	}
	if len(config.RootFS.DiffIDs) != len(p.layers) {
		return fmt.Errorf("its configuration has %d layers and its manifest %d", len(config.RootFS.DiffIDs), len(p.layers))
	}
	for _, name := range p.layers {
		if _, err := p.source.size(name); err != nil {
			return err
		}
	}
	p.id = digestOf(p.config)
	p.platform = platform{config.OS, config.Architecture, config.Variant}
	return nil
}

// openDocker finds the image in what `docker save` wrote.
func openDocker(src source, ref string) (*packed, error) {
	data, err := document(src, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := src.size("index.json"); err == nil {
			return nil, errors.New("it is an OCI layout; write oci-archive:PATH")
		}
	}
	if err != nil {
		return nil, err
	}
	var images []dockerImage
	if err := json.Unmarshal(data, &images); err != nil {
		return nil, fmt.Errorf("its manifest.json is broken: %w", err)
	}
	chosen, err := chooseDocker(images, ref)
	if err != nil {
		return nil, err
	}
	config, err := document(src, chosen.Config)
	if err != nil {
		return nil, err
	}
	return &packed{config: config, layers: chosen.Layers, source: src}, nil
}

// dockerImage is an entry of manifest.json.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func chooseDocker(images []dockerImage, ref string) (dockerImage, error) {
	if ref == "" && len(images) == 1 {
		return images[0], nil
	}
	var names []string
	for _, img := range images {
		for _, tag := range img.RepoTags {
			if ref != "" && sameReference(tag, ref) {
				return img, nil
			}
		}
		names = append(names, img.RepoTags...)
	}
	if ref == "" {
		return dockerImage{}, several(len(images), names)
	}
	return dockerImage{}, fmt.Errorf("it holds no image %s, only %s", ref, list(names))
}

func sameReference(a, b string) bool {
	first, err := parseReference(a)
	second, err2 := parseReference(b)
	return err == nil && err2 == nil && first.named.String() == second.named.String()
}

func several(n int, names []string) error {
	if n == 0 {
		return errors.New("it holds no image")
	}
	return fmt.Errorf("it holds %d images (%s); say which one with :NAME after the path", n, list(names))
}

func list(names []string) string {
	if len(names) == 0 {
		return "unnamed ones"
	}
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " …"
	}
	return strings.Join(names, ", ")
}

// document reads a JSON document of an archive whole.
func document(src source, name string) ([]byte, error) {
	size, err := src.size(name)
	if err != nil {
		return nil, err
	}
	if size > documentLimit {
		return nil, fmt.Errorf("its %s is too large (%d bytes)", name, size)
	}
	file, err := src.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, documentLimit))
}
