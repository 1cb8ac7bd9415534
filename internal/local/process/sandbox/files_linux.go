package sandbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	copyfs "github.com/containerd/continuity/fs"
)

// copyTree copies a directory with everything in it: modes, owners, times, links, attributes.
func copyTree(from, to string) error { return copyfs.CopyDir(to, from, copyfs.WithAllowXAttrErrors()) }

// Remove removes an instance's directory, or any other one that a daemon wrote to: also directories that it has closed to
// its own user.
func Remove(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if e != nil && e.IsDir() {
			_ = os.Chmod(path, 0o700) // what cannot be opened is told by the removal
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// readSmall reads a file of the kernel's, without the newline.
func readSmall(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if err != nil {
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	return strings.TrimSpace(string(b)), nil
}
