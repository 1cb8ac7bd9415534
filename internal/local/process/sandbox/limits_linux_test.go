package sandbox_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
)

// TestMemoryLimit: a daemon that takes more than its limit is killed, and that is told from a crash. Where the user may
// set no limits, that is said instead.
func TestMemoryLimit(t *testing.T) {
	b := newBox(t, "alloc", "200000000")
	b.spec.MemoryLimit = 64 << 20
	r, err := b.try()
	if refusedLimit(t, err) {
		return
	}
	got, err := r.Wait(soon(t))
	if err != nil || !got.OOM || got.Signal != "SIGKILL" {
		t.Errorf("it ended as %+v, %v", got, err)
	}
	b.spec.Args = []string{"/daemon", "exit", "9"}
	if got, err := b.start().Wait(soon(t)); err != nil || got.OOM || got.Code != 9 {
		t.Errorf("a crash: %+v, %v", got, err)
	}
	b.spec.Args = []string{"/daemon", "run"}
	r = b.start()
	b.saw("running")
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Wait(soon(t)); err != nil || got.OOM || got.Signal != "SIGKILL" {
		t.Errorf("killed by us: %+v, %v", got, err)
	}
}

func TestCPULimit(t *testing.T) {
	for _, limit := range []int64{5, 100, 2500} {
		b := newBox(t, "run")
		b.spec.CPULimit = limit
		r, err := b.try()
		if refusedLimit(t, err) {
			return
		}
		b.saw("running")
		if err := r.Terminate(); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Wait(soon(t)); err != nil || got.Code != 0 {
			t.Errorf("limit %d: %+v, %v", limit, got, err)
		}
	}
}

// refusedLimit says whether limits cannot be set here, and holds that this is said well.
func refusedLimit(t *testing.T, err error) bool {
	t.Helper()
	var p *fact.Problem
	if err == nil {
		return false
	}
	if !errors.As(err, &p) || p.Reason != fact.ConfigRefused || p.Hint == "" || os.Geteuid() == 0 {
		t.Fatalf("limits: %v", err)
	}
	t.Log(err, "hint:", p.Hint)
	return true
}

// TestCheck: here sandboxes can be made; the other tests hold what they are.
func TestCheck(t *testing.T) {
	began := time.Now()
	if err := sandbox.Check(); err != nil {
		t.Error(err)
	}
	t.Log(time.Since(began))
}
