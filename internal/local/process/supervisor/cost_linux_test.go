package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

// mostKiB is what a supervisor of a hundred daemons may have resident. What we promise is 20 MB; the program of these tests
// has less code in it than alien, and is held to less.
const mostKiB = 14_000_000 / 1024

// TestCost holds what a supervisor of many daemons may cost: memory, and processor time when nothing happens. It prints
// what it measured.
func TestCost(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("takes a while, and means nothing with the race detector")
	}
	const daemons = 100
	h := newHouse(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	h.up(h.spec("first", "run"))
	t.Logf("one daemon started in %s", time.Since(began))
	began = time.Now()
	var wait sync.WaitGroup
	for n := range daemons - 1 {
		wait.Go(func() {
			s := h.spec(fmt.Sprintf("d%d", n), "run")
			if err := h.Create(ctx, s, ""); err != nil {
				t.Error(err)
			}
			if err := h.Start(ctx, s.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	t.Logf("%d more in %s", daemons-1, time.Since(began))
	pid := h.supervisorPID()
	waitFor(ctx, t, "the supervisor to be small", func() bool { return memory(t, pid, "VmRSS") < mostKiB })
	before, at := processorTime(t, pid), time.Now()
	<-time.After(5 * time.Second) // the time that is measured
	used := processorTime(t, pid) - before
	rss, anon := memory(t, pid, "VmRSS"), memory(t, pid, "RssAnon")
	t.Logf("supervisor of %d daemons: %d KiB resident, %d KiB its own, %s of processor time in %s", daemons, rss, anon, used, time.Since(at))
	if rss >= mostKiB {
		t.Errorf("it takes %d KiB, want less than %d", rss, mostKiB)
	}
	if used > 50*time.Millisecond {
		t.Errorf("it used %s of processor time while nothing happened", used)
	}
	began = time.Now()
	all, err := h.List(ctx, "")
	t.Logf("list of %d in %s, %v", len(all), time.Since(began), err)
	began = time.Now()
	for _, s := range all {
		wait.Go(func() {
			if err := h.Remove(ctx, s.ID, supervisor.StopOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	t.Logf("removed in %s", time.Since(began))
}

// processorTime is what a process has used so far, in user and kernel mode.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	return time.Duration(atoi(f[11])+atoi(f[12])) * 10 * time.Millisecond
}

// memory reads an amount in KiB.
func memory(t *testing.T, pid int, name string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return atoi(strings.Fields(value)[0])
		}
	}
	t.Fatalf("no %s", name)
	return 0
}
