package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const errQuota = syscall.EDQUOT

// ours says whether a directory belongs to the user we act for.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

func flock(file *os.File, mode lockMode) error {
	how := unix.LOCK_NB | unix.LOCK_SH
	if mode == exclusive {
		how = unix.LOCK_NB | unix.LOCK_EX
	}
	for {
		err := unix.Flock(int(file.Fd()), how)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return errHeld
		}
		return err
	}
}

// settle brings all of a directory's file system onto the disk: an image whose name survives a power cut shall not have
// lost its content.
func settle(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(file.Fd())), file.Close())
}

// usage is the disk space of a tree; files with several names count once.
func usage(dir string) (size int64) {
	seen := map[uint64]bool{}
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is not counted
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || stat.Nlink > 1 && !d.IsDir() && seen[stat.Ino] {
			return nil
		}
		if stat.Nlink > 1 && !d.IsDir() {
			seen[stat.Ino] = true
		}
		size += stat.Blocks * 512
		return nil
	})
	return size
}
