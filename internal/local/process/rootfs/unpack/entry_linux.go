package unpack

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// xattrPrefix is how tar files carry extended attributes.
const xattrPrefix = "SCHILY.xattr."

// place puts an entry into the directory that was entered.
func (l *layer) place(h *tar.Header, base string, content io.Reader) error {
	resolved := path.Join(l.at.resolved, base)
	if len(resolved) > pathLimit || strings.Count(resolved, "/") >= depthLimit {
		return invalid("its directories are more than %d deep", depthLimit)
	}
	isDir, err := l.clear(h, base)
	if err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		err = l.directory(h, base, isDir)
	case tar.TypeReg, tar.TypeGNUSparse:
		err = l.regular(h, base, content)
	case tar.TypeSymlink:
		err = l.symlink(h, base)
	case tar.TypeLink:
		err = l.link(h, base)
	case tar.TypeFifo:
		err = l.fifo(h, base)
	case tar.TypeChar, tar.TypeBlock:
		return nil
	default:
		return invalid("its %s is of a kind that images do not have (%q)", quote(h.Name), h.Typeflag)
	}
	if err == nil {
		l.note(resolved)
	}
	return err
}

// clear takes away what stands where the entry goes, unless both are directories: those merge.
func (l *layer) clear(h *tar.Header, base string) (isDir bool, err error) {
	info, err := l.at.root.Lstat(base)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.IsDir() && h.Typeflag == tar.TypeDir:
		return true, nil
	}
	return false, l.at.root.RemoveAll(base)
}

func (l *layer) directory(h *tar.Header, base string, exists bool) error {
	if !exists {
		if err := l.at.root.Mkdir(base, 0o700); err != nil {
			return err
		}
	}
	l.dirs = append(l.dirs, datedDir{path.Join(l.at.resolved, base), moment(h.ModTime)})
	return l.metadata(l.at.root, base, h)
}

// metadata gives a directory its owner, attributes and mode.
func (l *layer) metadata(root *os.Root, base string, h *tar.Header) error {
	dir, err := root.OpenFile(base, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return l.dress(dir, h, 0o700)
}

func (l *layer) regular(h *tar.Header, base string, content io.Reader) error {
	if err := l.budget.pay(h.Size, h.Name); err != nil {
		return err
	}
	file, err := l.at.root.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	source := &blamed{in: content, layer: l}
	_, err = io.Copy(file, source)
	if err == nil {
		err = l.dress(file, h, 0o400)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return l.stamp(base, h)
}

// blamed tells errors of reading the stream from those of writing the file.
type blamed struct {
	in    io.Reader
	layer *layer
}

func (b *blamed) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if err != nil && err != io.EOF {
		err = b.layer.unreadable(err)
	}
	return n, err
}

// symlink makes a link, which must not climb above the image's root; absolute ones begin there.
func (l *layer) symlink(h *tar.Header, base string) error {
	target := h.Linkname
	if target == "" || len(target) >= pathLimit || strings.ContainsRune(target, 0) {
		return invalid("its link %s leads to what no path can say", quote(h.Name))
	}
	if !path.IsAbs(target) {
		if _, err := inside(path.Join(l.at.resolved, target)); err != nil {
			return invalid("its link %s leads out of the image, to %s", quote(h.Name), quote(target))
		}
	}
	if err := l.at.root.Symlink(target, base); err != nil {
		return err
	}
	if err := l.give(base, h); err != nil {
		return err
	}
	return l.stamp(base, h)
}

// link makes a further name for a file of the image.
func (l *layer) link(h *tar.Header, base string) error {
	target, err := inside(h.Linkname)
	if err != nil {
		return invalid("its hard link %s leads out of the image, to %s", quote(h.Name), quote(h.Linkname))
	}
	dir, err := l.resolve(path.Dir(target), false)
	if err != nil {
		return err
	}
	from := path.Join(dir, path.Base(target))
	info, err := l.top.Lstat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return invalid("its hard link %s leads to a directory", quote(h.Name))
	}
	return l.top.Link(from, path.Join(l.at.resolved, base))
}

func (l *layer) fifo(h *tar.Header, base string) error {
	if err := unix.Mkfifoat(int(l.at.file.Fd()), base, 0o600); err != nil {
		return err
	}
	if err := l.give(base, h); err != nil {
		return err
	}
	if err := l.at.root.Chmod(base, l.mode(h, 0o400)); err != nil {
		return err
	}
	return l.stamp(base, h)
}

// dress gives a file its owner, attributes and mode, in this order: a new owner takes away capabilities and set-user-id
// bits, and a mode may take away the right to set attributes.
func (l *layer) dress(file *os.File, h *tar.Header, least os.FileMode) error {
	if l.owners {
		uid, gid, err := owner(h)
		if err != nil {
			return err
		}
		if err := file.Chown(uid, gid); err != nil {
			return foreign(err, h)
		}
	}
	if err := l.attributes(file, h); err != nil {
		return err
	}
	return file.Chmod(l.mode(h, least))
}

// give gives a link or a pipe its owner.
func (l *layer) give(base string, h *tar.Header) error {
	if !l.owners {
		return nil
	}
	uid, gid, err := owner(h)
	if err != nil {
		return err
	}
	return foreign(l.at.root.Lchown(base, uid, gid), h)
}

func owner(h *tar.Header) (uid, gid int, err error) {
	for _, id := range []int{h.Uid, h.Gid} {
		if id < 0 || id >= math.MaxUint32 {
			return 0, 0, invalid("its %s belongs to nobody there can be (%d:%d)", quote(h.Name), h.Uid, h.Gid)
		}
	}
	return h.Uid, h.Gid, nil
}

// foreign explains why an owner could not be given: inside a user namespace only some ids exist.
func foreign(err error, h *tar.Header) error {
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("cannot give %s to %d:%d, which do not exist in this user namespace", quote(h.Name), h.Uid, h.Gid)
	}
	return err
}

// mode is the entry's. Who cannot give it its owner keeps what is needed to read and remove it, and passes on no rights of
// his own by set-user-id bits, which meant somebody else's.
func (l *layer) mode(h *tar.Header, least os.FileMode) os.FileMode {
	mode := h.FileInfo().Mode() & (os.ModePerm | os.ModeSetuid | os.ModeSetgid | os.ModeSticky)
	if l.owners {
		return mode
	}
	return mode&^(os.ModeSetuid|os.ModeSetgid) | least
}

// attributes sets the extended attributes that mean the same in a sandbox. Those that file systems and security modules
// of the host act on are left out; overlay's own could make a mount show what is not in the image.
func (l *layer) attributes(file *os.File, h *tar.Header) error {
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrPrefix)
		if !ok || !l.carries(name) {
			continue
		}
		err := unix.Fsetxattr(int(file.Fd()), name, []byte(value), 0)
		if err != nil && !slices.Contains([]error{unix.ENOTSUP, unix.EPERM}, err) { // the file system has none
			return fmt.Errorf("cannot set attribute %s of %s: %w", quote(name), quote(h.Name), err)
		}
	}
	return nil
}

func (l *layer) carries(attribute string) bool {
	switch {
	case strings.HasPrefix(attribute, "user.overlay."):
		return false
	case strings.HasPrefix(attribute, "user."):
		return true
	}
	return l.owners && slices.Contains([]string{"security.capability", "system.posix_acl_access", "system.posix_acl_default"}, attribute)
}

// stamp sets the time of what is no directory.
func (l *layer) stamp(base string, h *tar.Header) error {
	t := unix.NsecToTimespec(moment(h.ModTime).UnixNano())
	return unix.UtimesNanoAt(int(l.at.file.Fd()), base, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
}

// moment keeps times within what every file system has.
func moment(t time.Time) time.Time {
	if t.Unix() < 0 || t.Unix() > math.MaxUint32 {
		return time.Unix(0, 0)
	}
	return t
}

// quote shows a name of the layer, which may hold anything, and be long.
func quote(name string) string {
	const most = 200
	if len(name) > most {
		name = name[:most] + "…"
	}
	return fmt.Sprintf("%q", name)
}
