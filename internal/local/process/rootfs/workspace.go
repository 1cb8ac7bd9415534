package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/rootfs/unpack"
)

// layerFile is a layer as it was delivered, compressed or not.
type layerFile interface {
	Open() (io.ReadCloser, error)
}

// workspace is where an image is made, by one process at a time.
type workspace struct {
	cache *cache
	name  string // hex of the image's ID
	dir   string
	held  *lock
}

// workspace waits until nobody else makes the image, and clears away what makers left that did not live to.
func (c *cache) workspace(ctx context.Context, name string, waiting func()) (*workspace, error) {
	if err := c.prepare(); err != nil {
		return nil, err
	}
	path := c.path(locksDir, name+makeLock)
	held, err := try(path, exclusive)
	if errors.Is(err, errHeld) {
		waiting()
		held, err = acquire(ctx, path, exclusive)
	}
	if err != nil {
		return nil, c.trouble(err)
	}
	w := &workspace{cache: c, name: name, held: held}
	if err = c.sweep(name); err == nil {
		w.dir, err = os.MkdirTemp(c.path(tmpDir), name+"-")
	}
	if err == nil {
		err = os.MkdirAll(w.path("blobs"), 0o700)
	}
	if err != nil {
		return nil, c.trouble(errors.Join(err, w.close()))
	}
	return w, nil
}

// sweep removes what was left behind of an image. The caller holds the lock of who makes it.
func (c *cache) sweep(name string) error {
	left, err := filepath.Glob(c.path(tmpDir, name+"-*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

func (w *workspace) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

func (w *workspace) close() error {
	var err error
	if w.dir != "" {
		err = os.RemoveAll(w.dir)
	}
	return errors.Join(err, w.held.discard())
}

// unpack makes the file system out of layers, lowest first, and checks each against what the configuration says of it.
func (w *workspace) unpack(ctx context.Context, files []layerFile, diffIDs []v1.Hash, limits unpack.Budget) error {
	if len(files) != len(diffIDs) {
		return wrong("it has %d layers, and its configuration %d", len(files), len(diffIDs))
	}
	dir := w.path("image", rootName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := w.tellsCase(); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for i, file := range files {
		if err := apply(ctx, root, file, diffIDs[i], &limits); err != nil {
			return err
		}
	}
	return nil
}

// tellsCase refuses file systems on which two files of an image could be one.
func (w *workspace) tellsCase() error {
	if err := os.Mkdir(w.path("Case"), 0o700); err != nil {
		return err
	}
	_, err := os.Lstat(w.path("cASE"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return &deploy.Problem{
		Reason:  deploy.OperationFailed,
		Message: fmt.Sprintf("the image cache %s is on a file system that does not tell upper from lower case", w.cache.dir),
		Hint:    "set XDG_CACHE_HOME to a directory on another one",
	}
}

// apply unpacks one layer.
func apply(ctx context.Context, root *os.Root, file layerFile, diffID v1.Hash, budget *unpack.Budget) error {
	layer, err := partial.CompressedToLayer(compressed{file})
	if err != nil {
		return err
	}
	content, err := layer.Uncompressed()
	if err != nil {
		return &unpack.Invalid{What: "its layer cannot be decompressed", Err: err}
	}
	defer content.Close()
	sum := sha256.New()
	if err := unpack.Layer(ctx, root, io.TeeReader(content, sum), budget); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); diffID.Algorithm != "sha256" || got != diffID.Hex {
		return wrong("its layer %s is not what its configuration says (%s)", got, diffID)
	}
	return nil
}

// compressed lets go-containerregistry find out how a file is compressed.
type compressed struct{ file layerFile }

func (c compressed) Compressed() (io.ReadCloser, error) { return c.file.Open() }
func (compressed) Digest() (v1.Hash, error)             { return v1.Hash{}, errors.ErrUnsupported }
func (compressed) Size() (int64, error)                 { return 0, errors.ErrUnsupported }
func (compressed) MediaType() (types.MediaType, error)  { return "", errors.ErrUnsupported }

// publish gives the finished image its name.
func (w *workspace) publish(config []byte) error {
	if err := os.WriteFile(w.path("image", configName), config, 0o600); err != nil {
		return err
	}
	if err := settle(w.dir); err != nil {
		return err
	}
	target := w.cache.path(imagesDir, w.name)
	err := os.Rename(target, w.path("torn")) // it would have been taken if it were whole
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(w.path("image"), target)
}

func wrong(format string, args ...any) error {
	return &unpack.Invalid{What: fmt.Sprintf(format, args...)}
}
