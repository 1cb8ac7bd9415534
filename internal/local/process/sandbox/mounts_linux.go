package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// tree is a mount that hangs nowhere yet: made or cloned before the root is changed, put in place afterwards. So paths of
// the machine are never looked up in the image's root, nor the other way round.
type tree struct {
	fd     int
	target string
	file   bool // a file and not a directory: what it is put on must be one as well
	fresh  bool // what is at the target now is replaced, not followed: it may be a link to nowhere
}

// clone takes a path of the machine to be mounted.
func clone(source, target string, recursive, readOnly bool) (tree, error) {
	info, err := os.Stat(source)
	if err != nil {
		return tree{}, err
	}
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	attr := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
		attr |= unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, flags)
	if err != nil {
		return tree{}, fmt.Errorf("cannot take %s: %w", source, err)
	}
	if readOnly {
		if err := unix.MountSetattr(fd, "", attr, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return tree{}, fmt.Errorf("cannot make the mount of %s read-only: %w", source, err)
		}
	}
	return tree{fd: fd, target: target, file: !info.IsDir()}, nil
}

// attach puts the mount in its place, in the new root.
func (t tree) attach() error {
	if err := t.place(); err != nil {
		return fmt.Errorf("cannot make the mount point %s: %w", t.target, err)
	}
	if err := unix.MoveMount(t.fd, "", unix.AT_FDCWD, t.target, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS); err != nil {
		return fmt.Errorf("cannot mount on %s: %w", t.target, err)
	}
	return unix.Close(t.fd)
}

// place makes the mount point where the image has none.
func (t tree) place() error {
	if !t.file {
		return os.MkdirAll(t.target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(t.target), 0o755); err != nil {
		return err
	}
	if info, err := os.Lstat(t.target); t.fresh && err == nil && !info.Mode().IsRegular() {
		if err := os.RemoveAll(t.target); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(t.target, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		if _, there := os.Stat(t.target); there == nil {
			return nil // there, and not to be opened: a device, a socket
		}
		return err
	}
	return f.Close()
}

// newProc makes a proc of the new process namespace. It must be made while the machine's own is in sight.
func newProc() (tree, error) {
	fd, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return tree{}, err
	}
	defer unix.Close(fd)
	if err := unix.FsconfigCreate(fd); err != nil {
		return tree{}, err
	}
	mount, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	return tree{fd: mount, target: "/proc"}, err
}

// gather takes everything of the machine that the daemon is to see.
func (r request) gather() ([]tree, error) {
	var out []tree
	proc, err := newProc()
	if r.Spec.HostPID {
		proc, err = clone("/proc", "/proc", true, false)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot mount /proc: %w", err)
	}
	out = append(out, proc)
	if sys, err := clone("/sys", "/sys", true, true); err == nil {
		out = append(out, sys)
	}
	for _, file := range []string{"/etc/resolv.conf", "/etc/hosts"} {
		t, err := clone(file, file, false, false)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t.fresh = true
		out = append(out, t)
	}
	for _, b := range r.Spec.Binds {
		// In a user namespace the kernel gives no mount without those below it: they may hide what is under them.
		t, err := clone(b.Source, b.Target, r.UserNS || b.recursive(), b.ReadOnly)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// recursive says whether what is mounted below the source is seen too: unless the propagation says otherwise.
func (b Bind) recursive() bool { return b.Propagation == "" || strings.HasPrefix(b.Propagation, "r") }

// devices are the machine's device nodes that every daemon may use.
func devices() ([]tree, error) {
	var out []tree
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		t, err := clone("/dev/"+name, "/dev/"+name, false, false)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// makeDev fills /dev with the little that programs expect.
func makeDev(nodes []tree) error {
	if err := os.MkdirAll("/dev", 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/dev", "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=64k"); err != nil {
		return fmt.Errorf("cannot mount /dev: %w", err)
	}
	for _, t := range nodes {
		if err := t.attach(); err != nil {
			return err
		}
	}
	for _, m := range []struct{ dir, kind, options string }{
		{"/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620"},
		{"/dev/shm", "tmpfs", "mode=1777,size=64m"},
	} {
		if err := os.Mkdir(m.dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.dir, m.kind, unix.MS_NOSUID|unix.MS_NOEXEC, m.options); err != nil {
			return fmt.Errorf("cannot mount %s: %w", m.dir, err)
		}
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
		"stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"} {
		if err := os.Symlink(to, "/dev/"+name); err != nil {
			return err
		}
	}
	return nil
}

// shieldProc keeps a root user of the machine's own user namespace from changing the kernel through /proc. In a user
// namespace of ours the kernel does so itself.
func shieldProc() error {
	for _, dir := range []string{"/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/sysrq-trigger"} {
		t, err := clone(dir, dir, true, true)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = t.attach()
		}
		if err != nil {
			return err
		}
	}
	for _, file := range []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug"} {
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if err := unix.Mount("/dev/null", file, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cannot cover %s: %w", file, err)
		}
	}
	return nil
}

// enter makes dir, a mount, the root of everything, and lets go of the machine's.
func enter(dir string) error {
	old, err := os.Open("/")
	if err != nil {
		return err
	}
	defer old.Close()
	if err := os.Chdir(dir); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("cannot enter the root file system: %w", err)
	}
	if err := old.Chdir(); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("cannot let go of the machine's file system: %w", err)
	}
	return os.Chdir("/")
}
