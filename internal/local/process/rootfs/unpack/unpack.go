// Package unpack applies the layers of container images to a directory. What it reads is not trusted: whatever a layer
// says, nothing outside the directory is read, made, changed or removed, and no more is written than was allowed.
//
// Every call on the file system goes through an os.Root, so that the kernel's own look-up keeps it inside even if names
// or links changed under us. Links on the way to an entry are resolved here beforehand, within the image as a chroot
// would: images with absolute links in their paths are common, and os.Root refuses those.
package unpack

import (
	"context"
	"fmt"
	"io"
)

// Budget is what an image may still use. Layers of one image share it.
type Budget struct {
	Stream  int64 // bytes of uncompressed layers
	Bytes   int64 // bytes of files
	Entries int   // files, directories and links, also those that a later one replaces
	Names   int64 // bytes of paths in a layer, which are kept in memory
}

// Standard is more than images have, and less than what fills a machine unnoticed.
func Standard() *Budget {
	return &Budget{Stream: 64 << 30, Bytes: 64 << 30, Entries: 2_000_000, Names: 256 << 20}
}

// Bounds on single entries.
const (
	pathLimit  = 4096 // as the kernel has it for one path
	depthLimit = 256  // directories in each other
	linkHops   = 40   // links on the way to one entry, as the kernel has it
)

// Invalid says that a layer cannot be used, whoever tries.
type Invalid struct {
	What string
	Err  error
}

// Error gives what is wrong.
func (e *Invalid) Error() string {
	if e.Err != nil {
		return e.What + ": " + e.Err.Error()
	}
	return e.What
}

// Unwrap gives what the system said.
func (e *Invalid) Unwrap() error { return e.Err }

func invalid(format string, args ...any) error { return &Invalid{What: fmt.Sprintf(format, args...)} }

// bounded reads until the context ends or the budget is used up.
type bounded struct {
	ctx    context.Context //nolint:containedctx // a reader has no other way
	in     io.Reader
	budget *Budget
}

func (b bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.in.Read(p)
	if b.budget.Stream -= int64(n); b.budget.Stream < 0 {
		return 0, invalid("its layers are larger than images may be")
	}
	return n, err
}

// charge pays for one entry with that path.
func (b *Budget) charge(path string) error {
	if len(path) > pathLimit {
		return invalid("it has a path of %d bytes", len(path))
	}
	b.Entries--
	b.Names -= int64(len(path))
	if b.Entries < 0 || b.Names < 0 {
		return invalid("it has more files than images may have")
	}
	return nil
}

// pay pays for the content of a file.
func (b *Budget) pay(size int64, path string) error {
	if size < 0 || size > b.Bytes {
		return invalid("its files are larger than images may be (%q says %d bytes)", path, size)
	}
	b.Bytes -= size
	return nil
}
