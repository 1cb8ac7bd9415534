package unpack

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Names that say what to take away, from the aufs of old.
const (
	whiteout = ".wh."
	reserved = ".wh..wh."
	opaque   = ".wh..wh..opq"
)

// layer is the work on one layer. Paths are relative to the top; those called resolved have no link in them.
type layer struct {
	ctx    context.Context //nolint:containedctx // one piece of work
	top    *os.Root
	budget *Budget
	owners bool            // whether entries get the owners they say: only root can give things away
	made   map[string]bool // resolved paths that this layer has made, with their parents
	dirs   []datedDir
	at     place // of the last entry; those of one directory mostly come together
}

// place is an open directory.
type place struct {
	name     string // as the archive has it, cleaned
	resolved string
	root     *os.Root // nil before the first entry
	file     *os.File // the same, for what os.Root does not have
}

// datedDir is a directory whose time is set when nothing in it changes any more.
type datedDir struct {
	path string
	time time.Time
}

// Layer applies an uncompressed layer, and reads the stream to its end. As root entries get their owners and modes; as
// anybody else all of it belongs to the caller, who keeps the right to read and to remove it. Devices are left out: a
// sandbox brings its own. What goes wrong because of the layer itself is an *Invalid.
func Layer(ctx context.Context, root *os.Root, content io.Reader, budget *Budget) error {
	l := &layer{ctx: ctx, top: root, budget: budget, owners: os.Geteuid() == 0, made: map[string]bool{}}
	defer l.leave()
	in := bounded{ctx, content, budget}
	headers := tar.NewReader(in)
	for {
		h, err := headers.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return l.unreadable(err)
		}
		if err := l.apply(h, headers); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return l.unreadable(err)
	}
	return l.date()
}

// unreadable is an error of the stream: the layer's, unless somebody stopped us.
func (l *layer) unreadable(err error) error {
	if l.ctx.Err() != nil {
		return l.ctx.Err()
	}
	var known *Invalid
	if errors.As(err, &known) {
		return known
	}
	return &Invalid{"it is no whole tar file", err}
}

// apply makes what one entry says.
func (l *layer) apply(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if err := l.budget.charge(h.Name); err != nil {
		return err
	}
	name, err := inside(h.Name)
	if err != nil {
		return err
	}
	if name == "." {
		return l.self(h)
	}
	dir, base := path.Dir(name), path.Base(name)
	if strings.HasPrefix(base, whiteout) {
		return l.wipe(dir, base)
	}
	if err := l.enter(dir); err != nil {
		return err
	}
	return l.blame(l.place(h, base, content), name)
}

// inside cleans a path, which must not lead out of the image.
func inside(name string) (string, error) {
	if strings.ContainsRune(name, 0) {
		return "", invalid("it has a path with a zero byte: %q", name)
	}
	clean := path.Clean(name)
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", invalid("its path %q leads out of the image", name)
	}
	if clean = strings.TrimLeft(clean, "/"); clean == "" {
		return ".", nil
	}
	return clean, nil
}

// blame tells errors that the layer is the cause of from those of the machine.
func (l *layer) blame(err error, name string) error {
	var known *Invalid
	if err == nil || errors.As(err, &known) || l.ctx.Err() != nil {
		return err
	}
	ours := []syscall.Errno{
		syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.EEXIST, syscall.ELOOP, syscall.ENAMETOOLONG,
		syscall.EINVAL, syscall.EMLINK, syscall.EILSEQ,
	}
	var errno syscall.Errno
	if errors.As(err, &errno) && !slices.Contains(ours, errno) {
		return err
	}
	return &Invalid{"its " + quote(name) + " cannot be made", err}
}

// self is the entry for the image's own root directory.
func (l *layer) self(h *tar.Header) error {
	if h.Typeflag != tar.TypeDir {
		return invalid("its root is not a directory")
	}
	l.leave()
	return l.blame(l.metadata(l.top, ".", h), ".")
}

// wipe takes away what lower layers have: one name, or all that a directory holds.
func (l *layer) wipe(dir, base string) error {
	resolved, err := l.resolve(dir, false)
	if errors.Is(err, os.ErrNotExist) {
		return nil // nothing is there
	}
	if err != nil {
		return l.blame(err, dir)
	}
	if base == opaque {
		return l.blame(l.prune(resolved), dir)
	}
	name := strings.TrimPrefix(base, whiteout)
	if strings.HasPrefix(base, reserved) {
		return nil // notes of aufs to itself
	}
	if name == "" || name == "." || name == ".." {
		return invalid("its %q takes away nothing that can be named", path.Join(dir, base))
	}
	return l.blame(l.hide(path.Join(resolved, name)), dir)
}

// hide removes what lower layers have at a path, and leaves what this one has made.
func (l *layer) hide(resolved string) error {
	if !l.made[resolved] {
		return l.top.RemoveAll(resolved)
	}
	if info, err := l.top.Lstat(resolved); err != nil || !info.IsDir() {
		return err
	}
	return l.prune(resolved)
}

// prune hides all that a directory holds.
func (l *layer) prune(resolved string) error {
	dir, err := l.top.Open(resolved)
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err = errors.Join(err, dir.Close()); err != nil {
		return err
	}
	for _, name := range names {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		if err := l.hide(path.Join(resolved, name)); err != nil {
			return err
		}
	}
	return nil
}

// note remembers that this layer has made a path.
func (l *layer) note(resolved string) {
	for p := resolved; p != "." && !l.made[p]; p = path.Dir(p) {
		l.made[p] = true
	}
}

// date sets the times of directories, which changed with what was put into them.
func (l *layer) date() error {
	for _, d := range l.dirs {
		info, err := l.top.Lstat(d.path)
		if errors.Is(err, os.ErrNotExist) || err == nil && !info.IsDir() {
			continue // replaced since
		}
		if err == nil {
			err = l.top.Chtimes(d.path, d.time, d.time)
		}
		if err := l.blame(err, d.path); err != nil {
			return err
		}
	}
	return nil
}
