package supervisor_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

// newDisk mounts a small file system of its own where a house keeps its state. Only root can.
func newDisk(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, dir: filepath.Join(t.TempDir(), "state"), root: image(t)}
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", h.dir, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(h.dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	h.open()
	t.Cleanup(h.close)
	return h
}

// TestFullDisk: what runs goes on, what cannot be recorded is not begun and says why, and with room again all is as before.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		return // no file systems can be mounted
	}
	t.Parallel()
	h := newDisk(t)
	running := h.up(h.spec("a", "run"))
	before := h.status(running)
	filler := filepath.Join(h.dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	b := h.spec("b", "run")
	err := h.Create(soon(t), b, "current")
	var p *fact.Problem
	if !errors.As(err, &p) || p.Reason != fact.OperationFailed || !strings.Contains(p.Hint, "make room") {
		t.Errorf("creating on a full disk: %v", err)
	}
	if err := h.Stop(soon(t), running, supervisor.StopOptions{ByHand: true}); !errors.As(err, &p) || !strings.Contains(p.Hint, "make room") {
		t.Errorf("stopping, which cannot be recorded: %v", err)
	}
	if got := h.status(running); got.PID != before.PID || !got.Wanted {
		t.Errorf("what ran: %+v, before %+v", got, before)
	}
	h.killSupervisor()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	h.open()
	if got := h.status(running); got.PID != before.PID || got.Observation.Restarts != 0 {
		t.Errorf("with room again: %+v, before %+v", got, before)
	}
	h.up(b)
}

// TestReadOnlyState: a supervisor that cannot write to its directory says so and touches nothing; what runs goes on, and is
// taken over once that has changed.
func TestReadOnlyState(t *testing.T) {
	if os.Geteuid() != 0 {
		return // no file systems can be mounted; TestUnusableDirectory is for other users
	}
	t.Parallel()
	h := newDisk(t)
	running := h.up(h.spec("a", "run"))
	before := h.status(running)
	h.killSupervisor()
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", h.dir, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	_, err := supervisor.EnsureRunning(soon(t), h.dir)
	var p *fact.Problem
	if !errors.As(err, &p) || !strings.Contains(p.Hint, "XDG_STATE_HOME") {
		t.Errorf("with a read-only directory: %v", err)
	}
	remount(0)
	h.open()
	if got := h.status(running); got.PID != before.PID || got.Observation.Restarts != 0 {
		t.Errorf("writable again: %+v, before %+v", got, before)
	}
}
