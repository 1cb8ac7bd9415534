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

// What an instance's directory holds.
const (
	upperDir = "upper" // what the daemon has changed, over the image
	workDir  = "work"  // the kernel's own, beside upper
	copyDir  = "copy"  // or a copy of the image, where the kernel cannot layer
	rootDir  = "root"  // where either is mounted
)

// mountRoot mounts the instance's root file system on its root directory: the image with a layer over it, or a copy.
func (r request) mountRoot() (string, error) {
	root := filepath.Join(r.Spec.Dir, rootDir)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	private := filepath.Join(r.Spec.Dir, copyDir)
	if _, err := os.Stat(private); r.Spec.Copy || err == nil {
		return root, bindCopy(r.Spec.Root, private, root)
	}
	err := r.overlay(root)
	if err == nil || !errors.Is(err, errors.ErrUnsupported) && r.written() {
		return root, err
	}
	return root, bindCopy(r.Spec.Root, private, root)
}

// overlay layers the instance's directory over the image.
func (r request) overlay(root string) error {
	options := []string{"lowerdir=" + escape(r.Spec.Root)}
	for option, dir := range map[string]string{"upperdir": upperDir, "workdir": workDir} {
		dir = filepath.Join(r.Spec.Dir, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		options = append(options, option+"="+escape(dir))
	}
	if r.UserNS {
		options = append(options, "userxattr")
	}
	if err := unix.Mount("overlay", root, "overlay", 0, strings.Join(options, ",")); err != nil {
		return fmt.Errorf("cannot layer over the image: %w", err)
	}
	return nil
}

// written says whether the daemon has changed anything in its layer. A copy would lose that.
func (r request) written() bool {
	entries, _ := os.ReadDir(filepath.Join(r.Spec.Dir, upperDir))
	return len(entries) > 0
}

// escape hides from overlay what separates its options and its directories.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`, `,`, `\,`).Replace(path)
}

// bindCopy mounts the instance's own copy of the image, and makes it first where there is none.
func bindCopy(image, private, root string) error {
	if _, err := os.Stat(private); errors.Is(err, fs.ErrNotExist) {
		half := private + ".half"
		if err := Remove(half); err != nil {
			return err
		}
		if err := copyTree(image, half); err != nil {
			return fmt.Errorf("cannot copy the image: %w", err)
		}
		if err := os.Rename(half, private); err != nil {
			return err
		}
	}
	return unix.Mount(private, root, "", unix.MS_BIND|unix.MS_REC, "")
}
