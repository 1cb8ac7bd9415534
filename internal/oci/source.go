package oci

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Bounds on what a hostile archive can make us do.
const (
	entryLimit   = 100_000
	linkLimit    = 8
	unpackLimit  = 64 << 30
	gzipMagic    = "\x1f\x8b"
	sparsePrefix = "GNU.sparse."
)

// source gives the files of an archive. Nothing of it is ever written where the archive says.
type source interface {
	size(name string) (int64, error) // fs.ErrNotExist where there is no such file
	open(name string) (io.ReadCloser, error)
	Close() error
}

// missing is the name of a file that an archive should have.
type missing string

func (m missing) Error() string { return "its " + string(m) + " is missing" }

// Is makes it known as fs.ErrNotExist.
func (m missing) Is(target error) bool { return target == fs.ErrNotExist }

// dir is a layout directory; links do not lead out of it.
type dir struct{ *os.Root }

func openDir(path string) (source, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("its directory cannot be opened: %w", err)
	}
	return dir{root}, nil
}

func (d dir) size(name string) (int64, error) {
	info, err := d.Stat(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, missing(name)
	}
	if err != nil {
		return 0, fmt.Errorf("its %s cannot be read: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("its %s is not a file", name)
	}
	return info.Size(), nil
}

func (d dir) open(name string) (io.ReadCloser, error) { return d.Open(filepath.FromSlash(name)) }

// tarball is a tar file that is read in place, by the offsets of its files.
type tarball struct {
	content contents
	files   map[string]entry
	close   func() error
}

type contents interface {
	io.ReadSeeker
	io.ReaderAt
}

type entry struct {
	offset, size int64
	link         string // another entry, in place of content
}

func openTar(ctx context.Context, path string) (source, error) {
	// Opening a pipe would wait for somebody to write into it.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &tarball{content: file, close: file.Close}
	if err = t.unpack(ctx, file); err == nil {
		err = t.index()
	}
	if err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

// unpack puts a temporary file in the place of a compressed one, so that it can be read in any order. The temporary file
// has no name any more where the system allows that, so that it cannot be left behind.
func (t *tarball) unpack(ctx context.Context, file *os.File) error {
	head := make([]byte, len(gzipMagic))
	if n, _ := file.ReadAt(head, 0); string(head[:n]) != gzipMagic {
		return nil
	}
	defer file.Close()
	out, err := os.CreateTemp("", "alien-image-*.tar")
	if err != nil {
		return err
	}
	t.content, t.close = out, out.Close
	if os.Remove(out.Name()) != nil {
		t.close = func() error { return errors.Join(out.Close(), os.Remove(out.Name())) }
	}
	if err := gunzip(out, patient{ctx, file}); err != nil {
		return err
	}
	_, err = out.Seek(0, io.SeekStart)
	return err
}

// patient reads until the context ends.
type patient struct {
	ctx context.Context //nolint:containedctx // a reader has no other way
	io.Reader
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.Reader.Read(b)
}

func gunzip(out io.Writer, in io.Reader) error {
	unzip, err := gzip.NewReader(bufio.NewReader(in))
	if err != nil {
		return fmt.Errorf("its compression is broken: %w", err)
	}
	n, err := io.Copy(out, io.LimitReader(unzip, unpackLimit+1))
	if err != nil {
		return fmt.Errorf("it cannot be decompressed: %w", err)
	}
	if n > unpackLimit {
		return fmt.Errorf("it unpacks to more than %d bytes", int64(unpackLimit))
	}
	return nil
}

// index notes where each file begins. The tar reader reads exactly its headers and skips the rest, so after a header the
// content stands at the beginning of the file.
func (t *tarball) index() error {
	t.files = map[string]entry{}
	headers := tar.NewReader(t.content)
	for {
		h, err := headers.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("it is no whole tar file: %w", err)
		}
		if len(t.files) >= entryLimit {
			return fmt.Errorf("it has more than %d entries", entryLimit)
		}
		if err := t.note(h); err != nil {
			return err
		}
	}
}

func (t *tarball) note(h *tar.Header) error {
	name := path.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeReg:
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, sparsePrefix) {
				return fmt.Errorf("its %s is a sparse file", name)
			}
		}
		offset, err := t.content.Seek(0, io.SeekCurrent)
		t.files[name] = entry{offset: offset, size: h.Size}
		return err
	case tar.TypeSymlink:
		t.files[name] = entry{link: path.Join(path.Dir(name), h.Linkname)}
	case tar.TypeLink:
		t.files[name] = entry{link: path.Clean(h.Linkname)}
	}
	return nil
}

// find follows links; old versions of `docker save` link equal layers.
func (t *tarball) find(name string) (entry, error) {
	at := path.Clean(name)
	for range linkLimit {
		e, ok := t.files[at]
		if !ok {
			return entry{}, missing(name)
		}
		if e.link == "" {
			return e, nil
		}
		at = e.link
	}
	return entry{}, fmt.Errorf("its %s is a link that leads nowhere", name)
}

func (t *tarball) size(name string) (int64, error) {
	e, err := t.find(name)
	return e.size, err
}

func (t *tarball) open(name string) (io.ReadCloser, error) {
	e, err := t.find(name)
	return io.NopCloser(io.NewSectionReader(t.content, e.offset, e.size)), err
}

func (t *tarball) Close() error { return t.close() }
