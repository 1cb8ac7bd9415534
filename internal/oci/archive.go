package oci

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

// Archive is an image in a file or directory: KIND:PATH or KIND:PATH:REFERENCE.
type Archive struct{ text, kind, rest string }

// String gives it as the manifest has it.
func (a Archive) String() string { return a.text }

// ParseArchive tells references to archives from those to registries.
func ParseArchive(image string) (Archive, bool) {
	kind, rest, ok := strings.Cut(image, ":")
	if !ok || kind != dockerArchive && kind != ociLayout && kind != ociArchive {
		return Archive{}, false
	}
	return Archive{text: image, kind: kind, rest: rest}, true
}

// locate takes the path and the reference inside it apart. Both may hold colons, so the shortest path that exists counts.
func (a Archive) locate() (path, ref string, err error) {
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

// Packed is an image inside an archive. It is to be closed.
type Packed struct {
	ID       string // sha256:… of its configuration
	Platform Platform
	Config   []byte  // the configuration, a JSON document
	Layers   []Layer // lowest first
	source   source
}

// Layer is a layer's file in an archive, compressed or not.
type Layer struct {
	name   string
	source source
}

// Size is the file's, which the archive was checked to have.
func (l Layer) Size() (int64, error) { return l.source.size(l.name) }

// Open reads the file.
func (l Layer) Open() (io.ReadCloser, error) { return l.source.open(l.name) }

// String names the file.
func (l Layer) String() string { return l.name }

// Close lets go of the archive.
func (p *Packed) Close() { _ = p.source.Close() }

// Open finds the image in the archive, the one for the host's platform where there are several. It reads the archive's
// directory and JSON documents, not its layers.
func (a Archive) Open(ctx context.Context, host Host) (*Packed, error) {
	path, ref, err := a.locate()
	if err != nil {
		return nil, err
	}
	src, err := a.source(ctx, path)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, a.Invalid(host, err)
	}
	img, err := a.find(src, ref, host.Platform)
	if err != nil {
		_ = src.Close()
		return nil, a.Invalid(host, err)
	}
	return img, nil
}

// find finds the image among the archive's files.
func (a Archive) find(src source, ref string, host Platform) (img *Packed, err error) {
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

func (a Archive) source(ctx context.Context, path string) (source, error) {
	if a.kind == ociLayout {
		return openDir(path)
	}
	return openTar(ctx, path)
}

// Invalid says that the archive cannot be used; what already is a verdict stays one.
func (a Archive) Invalid(host Host, err error) error {
	var p *deploy.Problem
	if errors.As(err, &p) {
		return err
	}
	var none noPlatform
	if errors.As(err, &none) {
		return host.mismatch(a.text, none.made)
	}
	return &deploy.Problem{Reason: deploy.ImageInvalid, Message: fmt.Sprintf("image %s cannot be read", a.text), Err: err}
}

// check reads the configuration and makes sure that every layer is there.
func (p *Packed) check() error {
	var config v1.ConfigFile
	if err := json.Unmarshal(p.Config, &config); err != nil {
		return fmt.Errorf("its configuration is broken: %w", err)
	}
	if len(config.RootFS.DiffIDs) != len(p.Layers) {
		return fmt.Errorf("its configuration has %d layers and its manifest %d", len(config.RootFS.DiffIDs), len(p.Layers))
	}
	for _, l := range p.Layers {
		if _, err := l.Size(); err != nil {
			return err
		}
	}
	p.ID = DigestOf(p.Config)
	p.Platform = Platform{config.OS, config.Architecture, config.Variant}
	return nil
}

// openDocker finds the image in what `docker save` wrote.
func openDocker(src source, ref string) (*Packed, error) {
	data, err := document(src, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := src.size("index.json"); err == nil {
			return nil, errors.New("it is an OCI layout; write oci-archive:PATH")
		}
	}
	if err != nil {
		return nil, err
	}
	var images []DockerImage
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
	img := &Packed{Config: config, source: src}
	for _, name := range chosen.Layers {
		img.Layers = append(img.Layers, Layer{name, src})
	}
	return img, nil
}

// DockerImage is an entry of manifest.json, which `docker save` writes and `docker load` reads.
type DockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func chooseDocker(images []DockerImage, ref string) (DockerImage, error) {
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
		return DockerImage{}, several(len(images), names)
	}
	return DockerImage{}, fmt.Errorf("it holds no image %s, only %s", ref, list(names))
}

func sameReference(a, b string) bool {
	first, err := ParseReference(a)
	second, err2 := ParseReference(b)
	return err == nil && err2 == nil && first.Named.String() == second.Named.String()
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
