package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
)

// Environment of this test's program as another process that ensures one image.
const (
	childRef   = "ALIEN_TEST_ENSURE"
	childCache = "ALIEN_TEST_CACHE"
)

func TestMain(m *testing.M) {
	if ref := os.Getenv(childRef); ref != "" {
		os.Exit(ensureAsChild(ref, os.Getenv(childCache)))
	}
	os.Exit(m.Run())
}

func ensureAsChild(ref, dir string) int {
	s, err := Open(dir, Options{})
	if err == nil {
		_, err = s.Ensure(context.Background(), storetest.Want(ref, ""), nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("done")
	return 0
}

func child(ctx context.Context, t *testing.T, ref, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, must2(os.Executable()))
	cmd.Env = append(os.Environ(), childRef+"="+ref, childCache+"="+dir, "DOCKER_CONFIG="+t.TempDir())
	return cmd
}

// TestAsOrdinaryUser leaves out what needs a compiler, and what is no different but long.
func TestAsOrdinaryUser(t *testing.T) {
	testbed.AsOrdinaryUser(t, "TestEnsureTheTestDaemon|TestStore/wrong_platform|TestEnsureFromAnIndex|TestKilledAtAnyMoment")
}

func TestGCRemovesWhatNothingUses(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	if freed, err := s.GC(t.Context(), nobody); freed != 0 || err != nil {
		t.Fatalf("of a cache that is not there: %d, %v", freed, err)
	}
	used, unused := simple(t, runtime.GOARCH), simple(t, runtime.GOARCH)
	usedRef, unusedRef := storetest.Push(t, r, "gc/used:1", used), storetest.Push(t, r, "gc/unused:1", unused)
	for _, ref := range []string{usedRef, unusedRef} {
		_, err := s.Ensure(t.Context(), storetest.Want(ref, ""), nil)
		must(t, err)
	}
	running := func(id string) (bool, error) {
		name, _ := hexOf(id)
		if _, err := try(s.cache.path(locksDir, name+useLock), shared); !errors.Is(err, errHeld) {
			t.Errorf("somebody could be given %s while it is decided over: %v", id, err)
		}
		return id == testbed.IDOf(t, used), nil
	}

	freed, err := reopen(t, s).GC(t.Context(), nobody) // an up in another process has both in its hands
	if freed != 0 || err != nil {
		t.Errorf("while in use: %d, %v", freed, err)
	}
	onlyThese(t, s, testbed.IDOf(t, used), testbed.IDOf(t, unused))

	must(t, s.Close())
	freed, err = reopen(t, s).GC(t.Context(), running)
	if freed < 100_000 || err != nil {
		t.Errorf("freed %d, %v", freed, err)
	}
	onlyThese(t, s, testbed.IDOf(t, used))
	_, err = reopen(t, s).Ensure(t.Context(), storetest.Want(unusedRef, manifest.PullNever), nil)
	storetest.Verdict(t, err, deploy.ImageNotPresent)
	again := reopen(t, s)
	if _, err = again.Ensure(t.Context(), storetest.Want(usedRef, manifest.PullNever), nil); err != nil {
		t.Error(err)
	}
	must(t, again.Close())
	_, err = again.GC(t.Context(), nobody)
	must(t, err)
	for _, dir := range []string{imagesDir, refsDir, locksDir, tmpDir} {
		if left := must2(list(s.cache.path(dir))); len(left) > 0 {
			t.Errorf("%s still holds %v", dir, left)
		}
	}
}

func nobody(string) (bool, error) { return false, nil }

func TestTornImageIsMadeAnew(t *testing.T) {
	tears := map[string]func(Image, *Store){
		"configuration cut off": func(i Image, _ *Store) {
			must(t, os.Truncate(filepath.Join(filepath.Dir(i.Root), configName), 10))
		},
		"files gone":      func(i Image, _ *Store) { must(t, os.RemoveAll(i.Root)) },
		"record cut off":  func(_ Image, s *Store) { cutRecords(t, s) },
		"record of other": func(_ Image, s *Store) { mixRecords(t, s) },
	}
	for name, tear := range tears {
		t.Run(name, func(t *testing.T) {
			r, s := testbed.Registry(t), newStore(t)
			img := simple(t, runtime.GOARCH)
			ref := storetest.Push(t, r, "torn/app:1", img)
			got, err := s.Ensure(t.Context(), storetest.Want(ref, ""), nil)
			must(t, err)
			tear(got, s)
			got, err = reopen(t, s).Ensure(t.Context(), storetest.Want(ref, ""), nil)
			must(t, err)
			if _, err := os.Stat(filepath.Join(got.Root, "etc", "motd")); err != nil || got.ID != testbed.IDOf(t, img) {
				t.Errorf("got %+v, %v", got, err)
			}
			onlyThese(t, s, testbed.IDOf(t, img))
		})
	}
}

func cutRecords(t *testing.T, s *Store) {
	t.Helper()
	for _, name := range must2(list(s.cache.path(refsDir))) {
		must(t, os.Truncate(s.cache.path(refsDir, name), 7))
	}
}

func mixRecords(t *testing.T, s *Store) {
	t.Helper()
	for _, name := range must2(list(s.cache.path(refsDir))) {
		must(t, os.WriteFile(s.cache.path(refsDir, name), []byte(`{"reference":"x","id":"sha256:../../../../etc"}`), 0o600))
	}
}

// Killed at any moment, a command leaves a cache that the next one gets right.
func TestKilledAtAnyMoment(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	entries := make([]entryOf, 400)
	for i := range entries {
		entries[i] = file(fmt.Sprintf("d%d/f%d", i%20, i), strings.Repeat(fmt.Sprint(i), 2000), 0o644)
	}
	img := testbed.ImageOf(t, runtime.GOARCH, layerOf(t, entries...), layerOf(t, entries[:50]...))
	ref := storetest.Push(t, r, "killed/app:1", img)
	begin := time.Now()
	if out, err := child(t.Context(), t, ref, filepath.Join(t.TempDir(), "cache")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(begin)

	const moments = 12
	killed := 0
	for i := range moments {
		ctx, cancel := context.WithTimeout(t.Context(), whole*time.Duration(i+1)/moments)
		out, err := child(ctx, t, ref, s.cache.dir).CombinedOutput()
		cancel()
		if err != nil && ctx.Err() == nil {
			t.Fatalf("moment %d: %v: %s", i, err, out)
		}
		if err == nil {
			must(t, os.RemoveAll(s.cache.path(imagesDir)))
			must(t, os.Mkdir(s.cache.path(imagesDir), 0o700))
			continue
		}
		killed++
		got, err := reopen(t, s).Ensure(t.Context(), storetest.Want(ref, ""), nil)
		must(t, err)
		if files := must2(filepath.Glob(filepath.Join(got.Root, "d*", "f*"))); len(files) != len(entries) {
			t.Errorf("moment %d: %d files", i, len(files))
		}
		onlyThese(t, s, testbed.IDOf(t, img))
		must(t, os.RemoveAll(s.cache.path(imagesDir)))
		must(t, os.Mkdir(s.cache.path(imagesDir), 0o700))
	}
	if killed < moments/4 {
		t.Errorf("only %d of %d were killed in time", killed, moments)
	}
}

// What a maker that was killed left is swept by GC too; what a living one works on is not.
func TestGCSweepsWhatWasLeft(t *testing.T) {
	s := newStore(t)
	must(t, s.cache.prepare())
	dead, alive := strings.Repeat("a", 64), strings.Repeat("b", 64)
	must(t, os.MkdirAll(s.cache.path(tmpDir, dead+"-1", "image", "rootfs"), 0o700))
	must(t, os.WriteFile(s.cache.path(tmpDir, dead+"-1", "blob"), make([]byte, 50_000), 0o600))
	work, err := s.cache.workspace(t.Context(), alive, func() {})
	must(t, err)
	freed, err := s.GC(t.Context(), nobody)
	if freed < 50_000 || err != nil {
		t.Errorf("freed %d, %v", freed, err)
	}
	if left := must2(list(s.cache.path(tmpDir))); len(left) != 1 || !strings.HasPrefix(left[0], alive) {
		t.Errorf("there is %v", left)
	}
	must(t, work.close())
	onlyThese(t, s)
}

func TestEnsureWaitsForWhoMakesIt(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	img := simple(t, runtime.GOARCH)
	ref := storetest.Push(t, r, "wait/app:1", img)
	work, err := s.cache.workspace(t.Context(), strings.TrimPrefix(testbed.IDOf(t, img), "sha256:"), func() {})
	must(t, err)
	waiting, done := make(chan struct{}), make(chan error)
	go func() {
		_, err := s.Ensure(t.Context(), storetest.Want(ref, ""), func(p deploy.Progress) {
			if p.Detail == waitingDetail {
				close(waiting)
			}
		})
		done <- err
	}()
	<-waiting
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	if _, err := reopen(t, s).Ensure(ctx, storetest.Want(ref, ""), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("another did not wait: %v", err)
	}
	must(t, work.close())
	must(t, <-done)
	onlyThese(t, s, testbed.IDOf(t, img))
}

func TestCacheOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := t.TempDir()
	must(t, os.Chown(dir, 65534, 65534))
	_, err := Open(dir, Options{})
	if text := storetest.Verdict(t, err, deploy.OperationFailed); !strings.Contains(text, "belongs to another user") || !strings.Contains(text, "XDG_CACHE_HOME") {
		t.Error(text)
	}
}

func TestCacheIsForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o777))
	s := storeIn(t, dir, t.TempDir())
	_, err := s.Ensure(t.Context(), storetest.Want(storetest.Push(t, testbed.Registry(t), "own/app:1", simple(t, runtime.GOARCH)), ""), nil)
	must(t, err)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == rootName {
			return fs.SkipDir // reached through the others only
		}
		if info := must2(d.Info()); info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	}))
}

func TestReadOnlyCache(t *testing.T) {
	r, s := testbed.Registry(t), newStore(t)
	ref, other := storetest.Push(t, r, "ro/app:1", simple(t, runtime.GOARCH)), storetest.Push(t, r, "ro/other:1", simple(t, runtime.GOARCH))
	_, err := s.Ensure(t.Context(), storetest.Want(ref, ""), nil)
	must(t, err)
	readOnly(t, s.cache.dir)
	late := reopen(t, s)
	if _, err := late.Ensure(t.Context(), storetest.Want(ref, ""), nil); err != nil {
		t.Errorf("what is there cannot be used: %v", err)
	}
	if _, err := late.Ensure(t.Context(), storetest.Want(ref, manifest.PullAlways), nil); err != nil {
		t.Errorf("what is there and the newest cannot be used: %v", err)
	}
	_, err = late.Ensure(t.Context(), storetest.Want(other, ""), nil)
	if text := storetest.Verdict(t, err, deploy.OperationFailed); !strings.Contains(text, "cannot write to the image cache "+s.cache.dir) {
		t.Error(text)
	}
}

// readOnly makes a directory read-only for its owner too.
func readOnly(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() == 0 {
		if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
			t.Skipf("nothing can be mounted here: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		must(t, unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		return
	}
	for _, name := range []string{imagesDir, refsDir, locksDir, tmpDir} {
		path := filepath.Join(dir, name)
		must(t, os.Chmod(path, 0o500))
		t.Cleanup(func() { _ = os.Chmod(path, 0o700) })
	}
}

func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounts are made by root only")
	}
	dir := t.TempDir()
	if err := unix.Mount("alien-test", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	r := testbed.Registry(t)
	big := testbed.ImageOf(t, runtime.GOARCH, layerOf(t, file("zeros", strings.Repeat("\x00", 1<<20), 0o644)))
	path := filepath.Join(t.TempDir(), "image")
	must(t, testbed.WriteArchive(testbed.OCI, path, big))
	s := storeIn(t, filepath.Join(dir, "cache"), t.TempDir())
	for _, ref := range []string{storetest.Push(t, r, "full/app:1", big), "oci:" + path} {
		_, err := s.Ensure(t.Context(), storetest.Want(ref, ""), nil)
		if text := storetest.Verdict(t, err, deploy.OperationFailed); !strings.Contains(text, "there is no room for more images in "+s.cache.dir) || !strings.Contains(text, "alien runtime gc") {
			t.Error(text)
		}
		onlyThese(t, s)
	}
	if _, err := s.Ensure(t.Context(), storetest.Want(storetest.Push(t, r, "small/app:1", testbed.ImageOf(t, runtime.GOARCH, layerOf(t, file("a", "x", 0o644)))), ""), nil); err != nil {
		t.Errorf("no room for a small one: %v", err)
	}
}
