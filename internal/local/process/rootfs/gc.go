package rootfs

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// GC removes the images that nothing uses: that inUse does not know, by ID, and no open Store has given out. It also
// removes what interrupted work left behind. It tells how many bytes that freed. inUse is asked when nobody can be given the
// image any more: what it knew before may have changed.
func (s *Store) GC(ctx context.Context, inUse func(id string) (bool, error)) (freed int64, err error) {
	names, err := list(s.cache.path(imagesDir))
	if err == nil && len(names) > 0 {
		err = s.cache.prepare()
	}
	if err != nil {
		return 0, s.cache.trouble(err)
	}
	var errs []error
	for _, name := range names {
		if ctx.Err() != nil || errors.Join(errs...) != nil {
			break
		}
		if _, ours := hexOf("sha256:" + name); ours {
			errs = append(errs, s.cache.discard(name, inUse))
		}
	}
	errs = append(errs, s.cache.forget(), ctx.Err())
	freed, err = s.cache.clean(ctx)
	return freed, s.cache.trouble(errors.Join(append(errs, err)...))
}

// list gives the names in a folder of the cache; there is none before the first image.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// discard takes an image's name away, unless somebody uses it; it is then rubbish like any other.
func (c *cache) discard(name string, inUse func(id string) (bool, error)) error {
	held, err := try(c.path(locksDir, name+useLock), exclusive)
	if errors.Is(err, errHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	if used, err := inUse("sha256:" + name); used || err != nil {
		return errors.Join(err, held.release())
	}
	dir, err := os.MkdirTemp(c.path(tmpDir), name+"-")
	if err == nil {
		err = os.Rename(c.path(imagesDir, name), dir+"/image")
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // somebody was faster
	}
	return errors.Join(err, held.discard())
}

// forget removes the records of images that are gone.
func (c *cache) forget() error {
	names, err := list(c.path(refsDir))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		path := c.path(refsDir, name)
		if fresh(path) {
			continue
		}
		data, err := os.ReadFile(path)
		var r record
		if err == nil && json.Unmarshal(data, &r) == nil {
			id, _ := hexOf(r.ID)
			if _, err = os.Stat(c.path(imagesDir, id)); err == nil {
				continue
			}
		}
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// fresh says whether a record may be one that is being written right now.
func fresh(path string) bool {
	info, err := os.Stat(path)
	return err == nil && strings.HasPrefix(info.Name(), newPrefix) && time.Since(info.ModTime()) < time.Hour
}

// clean removes rubbish, and tells how much there was. What a living process works on is locked, and is none.
func (c *cache) clean(ctx context.Context) (freed int64, err error) {
	names, err := list(c.path(tmpDir))
	errs := []error{err}
	for _, name := range names {
		if ctx.Err() != nil {
			break
		}
		of, _, _ := strings.Cut(name, "-")
		held, err := try(c.path(locksDir, of+makeLock), exclusive)
		if errors.Is(err, errHeld) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		size := usage(c.path(tmpDir, name))
		if err = os.RemoveAll(c.path(tmpDir, name)); err == nil {
			freed += size
		}
		errs = append(errs, err, held.discard())
	}
	return freed, errors.Join(errs...)
}
