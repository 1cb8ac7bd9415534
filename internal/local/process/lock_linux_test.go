package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// TestMain is also the process that takes a lock and is killed with it.
func TestMain(m *testing.M) {
	if dir := os.Getenv("TEST_LOCK_DIR"); dir != "" {
		if _, err := takeLock(context.Background(), dir, "edge", deploy.BeginOptions{Command: "up"}); err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString("held\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	first, err := takeLock(t.Context(), dir, "edge", deploy.BeginOptions{Command: "up"})
	if err != nil {
		t.Fatal(err)
	}
	var p *deploy.Problem
	if _, err := takeLock(t.Context(), dir, "edge", deploy.BeginOptions{}); !errors.As(err, &p) || p.Reason != deploy.LockHeld {
		t.Errorf("a held lock: %v, want %s", err, deploy.LockHeld)
	}
	if dead, there := deserted(dir, "edge"); dead || !there {
		t.Errorf("a held lock: deserted %t, there %t", dead, there)
	}
	if other, err := takeLock(t.Context(), dir, "other", deploy.BeginOptions{}); err != nil || other.release() != nil {
		t.Errorf("another stack's lock: %v", err)
	}
	waited := make(chan deploy.LockHolder, 1)
	go func() {
		<-waited
		_ = first.release()
	}()
	second, err := takeLock(t.Context(), dir, "edge", deploy.BeginOptions{LockTimeout: time.Minute, OnWait: func(h deploy.LockHolder) { waited <- h }})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.release(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, locksDir)); len(left) != 0 {
		t.Errorf("released, but there are %v", left)
	}
}

// TestLockOfTheDead: a killed owner's lock is taken over at once, and that is told.
func TestLockOfTheDead(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "TEST_LOCK_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(t.Context(), dir, "edge", deploy.BeginOptions{}); err == nil {
		t.Error("the lock was not held")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if dead, there := deserted(dir, "edge"); !dead || !there {
		t.Errorf("the lock of a killed process: deserted %t, there %t", dead, there)
	}
	var from deploy.LockHolder
	l, err := takeLock(t.Context(), dir, "edge", deploy.BeginOptions{OnTakeover: func(h deploy.LockHolder, _ string) { from = h }})
	if err != nil {
		t.Fatal(err)
	}
	if from.PID != cmd.Process.Pid || from.Command != "up" {
		t.Errorf("taken over from %+v, want process %d", from, cmd.Process.Pid)
	}
	if err := l.release(); err != nil {
		t.Error(err)
	}
}
