package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files keeps blobs in a directory: ID/PART. What it writes is in a file of its own until it is whole and durable.
type Files struct{ dir string }

// OpenFiles uses a directory, which it makes, and removes what a crash left unfinished in it.
func OpenFiles(dir string) (*Files, error) {
	unfinished := filepath.Join(dir, ".unfinished")
	if err := os.RemoveAll(unfinished); err != nil {
		return nil, err
	}
	return &Files{dir}, os.MkdirAll(unfinished, 0o700)
}

// Put implements Blobs.
func (f *Files) Put(id, part string, body io.Reader, max int64, keep func(commit func() error) error) (int64, error) {
	if err := safe(id, part); err != nil {
		return 0, err
	}
	tmp, err := os.CreateTemp(filepath.Join(f.dir, ".unfinished"), "*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(tmp.Name())
	n, err := fill(tmp, body, max)
	if err != nil {
		return n, err
	}
	dir := filepath.Join(f.dir, id)
	return n, keep(func() error {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.Rename(tmp.Name(), filepath.Join(dir, part)); err != nil {
			return err
		}
		return errors.Join(syncDir(dir), syncDir(f.dir))
	})
}

func fill(file *os.File, body io.Reader, max int64) (int64, error) {
	n, err := io.Copy(file, io.LimitReader(body, max+1))
	if err == nil && n > max {
		err = ErrTooLarge
	}
	if err == nil {
		err = file.Sync()
	}
	return n, errors.Join(err, file.Close())
}

// Open implements Blobs.
func (f *Files) Open(id, part string) (io.ReadSeekCloser, int64, error) {
	if err := safe(id, part); err != nil {
		return nil, 0, err
	}
	file, err := os.Open(filepath.Join(f.dir, id, part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, ErrNotFound
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// Remove implements Blobs.
func (f *Files) Remove(id string) error {
	if err := safe(id, "x"); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(f.dir, id))
}

// safe keeps names within the directory, whatever they come from.
func safe(names ...string) error {
	for _, name := range names {
		if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\:`+"\x00") {
			return fmt.Errorf("%q names no blob: %w", name, ErrNotFound)
		}
	}
	return nil
}
