package supervisor_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pids lists the machine's processes.
func pids() []string {
	entries, _ := os.ReadDir("/proc")
	var out []string
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			out = append(out, e.Name())
		}
	}
	return out
}

// find gives the first process whose command line is as wanted.
func find(as func(args []string) bool) int {
	for _, pid := range pids() {
		b, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		if err == nil && len(b) > 0 && as(strings.Split(string(b), "\x00")) {
			return atoi(pid)
		}
	}
	return 0
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// waitFor looks until something is so. It is for what tells nobody of its changes.
func waitFor(ctx context.Context, t *testing.T, what string, is func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			t.Errorf("waited for %s in vain", what)
			return
		case <-again.C:
		}
	}
}
