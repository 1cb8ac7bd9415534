package rootfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/oci"
)

// The folders of a cache, and the names in them.
const (
	imagesDir  = "images"
	refsDir    = "refs"
	locksDir   = "locks"
	tmpDir     = "tmp"
	configName = "config.json"
	rootName   = "rootfs"
	useLock    = ".use"
	makeLock   = ".make"
	newPrefix  = ".new-"
)

// cache is the directory that images are kept in.
type cache struct {
	dir string

	mu    sync.Mutex
	inUse map[string]*lock // by image ID: what this store gave out
}

// entry is an image in the cache.
type entry struct {
	Image
	platform oci.Platform
}

// openCache refuses a directory that somebody else could put images into: they would run as us.
func openCache(dir string) (*cache, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot tell where images are kept: %w", err)
	}
	c := &cache{dir: dir, inUse: map[string]*lock{}}
	if _, err := c.stat(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, c.trouble(err)
	}
	return c, nil
}

// stat looks at the directory, which must be ours.
func (c *cache) stat() (fs.FileInfo, error) {
	info, err := os.Stat(c.dir)
	if err == nil && !ours(info) {
		err = &deploy.Problem{
			Reason:  deploy.OperationFailed,
			Message: fmt.Sprintf("the image cache %s belongs to another user", c.dir),
			Hint:    "set XDG_CACHE_HOME to a directory of your own",
		}
	}
	return info, err
}

// prepare makes the folders. Only we may look into them: files in there have other owners and set-user-id bits.
func (c *cache) prepare() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return c.trouble(err)
	}
	info, err := c.stat()
	if err == nil && info.Mode().Perm() != 0o700 {
		err = os.Chmod(c.dir, 0o700)
	}
	for _, name := range []string{imagesDir, refsDir, locksDir, tmpDir} {
		if err == nil {
			err = os.MkdirAll(c.path(name), 0o700)
		}
	}
	return c.trouble(err)
}

func (c *cache) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

// hexOf gives the part of an ID that names files. IDs come from our own digests and from records on the disk.
func hexOf(id string) (string, bool) {
	text, ok := strings.CutPrefix(id, "sha256:")
	raw, err := hex.DecodeString(text)
	return text, ok && err == nil && len(raw) == sha256.Size && text == strings.ToLower(text)
}

// take gives an image that is in the cache, and keeps it from being removed.
func (c *cache) take(ctx context.Context, id, digest string) (entry, bool, error) {
	name, ok := hexOf(id)
	if !ok {
		return entry{}, false, nil
	}
	if _, present := c.read(id, name, digest); !present {
		return entry{}, false, nil
	}
	if err := c.hold(ctx, id, name); err != nil {
		return entry{}, false, err
	}
	img, present := c.read(id, name, digest) // it may have been removed before we held it
	return img, present, nil
}

// hold takes the shared lock of an image. In a cache that cannot be written to there may be none, and nobody to need it.
func (c *cache) hold(ctx context.Context, id, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inUse[id] != nil {
		return nil
	}
	held, err := acquire(ctx, c.path(locksDir, name+useLock), shared)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		c.inUse[id] = held
	case !unwritable(err) && !full(err) && !errors.Is(err, fs.ErrNotExist):
		return c.trouble(err)
	}
	return nil
}

// release lets go of all images.
func (c *cache) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for id, held := range c.inUse {
		errs = append(errs, held.release())
		delete(c.inUse, id)
	}
	return errors.Join(errs...)
}

// read looks an image up. A configuration that is not what its name says was torn; the image is then made anew.
func (c *cache) read(id, name, digest string) (entry, bool) {
	data, err := os.ReadFile(c.path(imagesDir, name, configName))
	if err != nil || oci.DigestOf(data) != id {
		return entry{}, false
	}
	root := c.path(imagesDir, name, rootName)
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return entry{}, false
	}
	var config v1.ConfigFile
	if json.Unmarshal(data, &config) != nil {
		return entry{}, false
	}
	if digest == "" {
		digest = id
	}
	return entry{
		Image:    Image{ID: id, Digest: digest, Root: root, Config: config.Config},
		platform: oci.Platform{OS: config.OS, Arch: config.Architecture, Variant: config.Variant},
	}, true
}

// record is which image a reference stood for when it was last pulled.
type record struct {
	Reference string `json:"reference"`
	ID        string `json:"id"`
	Digest    string `json:"digest"`
}

func (c *cache) refPath(name string) string {
	sum := sha256.Sum256([]byte(name))
	return c.path(refsDir, hex.EncodeToString(sum[:]))
}

// lookup tells what a reference stands for here.
func (c *cache) lookup(ref oci.Reference) (record, bool) {
	data, err := os.ReadFile(c.refPath(ref.Named.String()))
	var r record
	if err != nil || json.Unmarshal(data, &r) != nil || r.Reference != ref.Named.String() {
		return record{}, false // a torn record is as good as none
	}
	_, ok := hexOf(r.ID)
	return r, ok
}

// remember records what was pulled, under the reference's own name and under that of its digest.
func (c *cache) remember(ref oci.Reference, id, digest string) error {
	for _, name := range []string{ref.Named.String(), ref.Named.Name() + "@" + digest} {
		data, err := json.Marshal(record{name, id, digest})
		if have, readErr := os.ReadFile(c.refPath(name)); readErr == nil && bytes.Equal(have, data) {
			continue // also where nothing can be written
		}
		if err == nil {
			err = replaceFile(c.refPath(name), data)
		}
		if err != nil {
			return c.trouble(err)
		}
	}
	return nil
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), newPrefix+"*")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, errQuota)
}

func unwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// trouble is an error of the cache's file system, with what helps.
func (c *cache) trouble(err error) error {
	var known *deploy.Problem
	switch {
	case err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case full(err):
		return &deploy.Problem{
			Reason:  deploy.OperationFailed,
			Message: "there is no room for more images in " + c.dir,
			Hint:    "make room (alien runtime gc removes the images that nothing uses), or set XDG_CACHE_HOME to a larger file system",
			Err:     err,
		}
	case unwritable(err):
		return &deploy.Problem{
			Reason:  deploy.OperationFailed,
			Message: "cannot write to the image cache " + c.dir,
			Hint:    "make it writable, or set XDG_CACHE_HOME to a directory that is",
			Err:     err,
		}
	}
	return fmt.Errorf("cannot keep images in %s: %w", c.dir, err)
}
