package unpack

import (
	"archive/tar"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// While a layer is unpacked somebody swaps one of its directories for a link that leads out. It may fail, or be right.
func TestSwappedDirectories(t *testing.T) {
	s := newSandbox(t)
	must(t, os.Mkdir(filepath.Join(s.root, "d"), 0o755))
	must(t, os.Symlink("../outside", filepath.Join(s.root, "l")))
	var items []item
	for i := range 200 {
		items = append(items, file(fmt.Sprintf("d/f%d", i), "x"), dir(fmt.Sprintf("d/e%d", i)), file("other", "y"), file("d/.wh.secret", ""))
	}
	content := pack(t, items...)
	var swaps atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		d, l := filepath.Join(s.root, "d"), filepath.Join(s.root, "l")
		for {
			select {
			case <-stop:
				return
			default:
				if unix.Renameat2(unix.AT_FDCWD, d, unix.AT_FDCWD, l, unix.RENAME_EXCHANGE) == nil {
					swaps.Add(1)
				}
			}
		}
	}()
	failures := 0
	for range 200 {
		if s.apply(t, content) != nil {
			failures++
		}
	}
	t.Logf("%d swaps, %d of 200 failed", swaps.Load(), failures)
	close(stop)
	<-stopped
	s.untouched(t)
	if swaps.Load() == 0 {
		t.Error("nothing was swapped")
	}
}

// FuzzEntries puts entries together that meet each other: whatever the order, nothing outside is touched, and what is
// not unpacked is an Invalid.
func FuzzEntries(f *testing.F) {
	f.Add([]byte{2, 0, 9, 0, 10, 0, 1, 1, 10})
	f.Add([]byte{4, 1, 0, 0, 2, 0, 2, 1, 4, 0, 2, 0, 3, 6, 2, 0, 7, 0, 0, 8, 0})
	names := []string{
		"a", "b", "a/b", "a/b/c", "b/a", "l", "l/x", ".wh.a", "a/.wh..wh..opq", "../outside", "l/secret", "/outside/secret",
		"..", "a/..", ".", "", ".wh..", "l/../../secret", "a/.wh.b", "b/.wh..wh..opq", "l/l", "A",
	}
	targets := []string{"", "a", "b", "/", "..", "../outside", "/outside", "l", ".", "a/b/..", "../secret", "b/../a", "l/l", "/a/../..", "x"}
	kinds := []byte{tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeFifo, tar.TypeChar, tar.TypeXGlobalHeader}
	f.Fuzz(func(t *testing.T, script []byte) {
		var items []item
		for ; len(script) >= 3 && len(items) < 40; script = script[3:] {
			i := item{
				kind: kinds[int(script[0])%len(kinds)], name: names[int(script[1])%len(names)],
				target: targets[int(script[2])%len(targets)], mode: int64(script[2]) << 4 & 0o777,
			}
			if i.kind == tar.TypeXGlobalHeader {
				i = item{name: i.name, content: "x"}
			}
			items = append(items, i)
		}
		half := len(items) / 2
		s := newSandbox(t)
		check(t, s, s.apply(t, pack(t, items[:half]...), pack(t, items[half:]...)))
	})
}

// FuzzLayer: whatever the bytes, unpacking ends, without a panic.
func FuzzLayer(f *testing.F) {
	f.Add(pack(f, dir("a"), file("a/f", "x"), symlink("l", "a"), hardlink("h", "a/f"), file(".wh.a", "")))
	f.Add(append(sparseHeader("s", 1<<20), make([]byte, 1024)...))
	f.Fuzz(func(t *testing.T, content []byte) {
		s := newSandbox(t)
		check(t, s, s.applyWith(t.Context(), t, &Budget{Stream: 1 << 20, Bytes: 1 << 20, Entries: 1000, Names: 1 << 20}, content))
	})
}

func check(t *testing.T, s sandbox, err error) {
	t.Helper()
	var wrong *Invalid
	if err != nil && !errors.As(err, &wrong) {
		t.Errorf("%v is no Invalid", err)
	}
	if got := strings.Join(tree(t, s.outer, "root"), "\n"); got != "outside/ 755\noutside/secret 600 secret\nsecret 600 secret" {
		t.Errorf("outside of the root there is now:\n%s", got)
	}
	must(t, os.RemoveAll(s.root))
}
