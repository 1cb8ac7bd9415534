//go:build soak

package supervisor_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

var soakFor = flag.Duration("soak", 10*time.Minute, "how long TestSoak lasts")

// TestSoak keeps a hundred daemons, of which a third crash at random, under a supervisor that is killed now and then. At the
// end every one runs exactly once, and its restarts are its crashes. A start that dies with the supervisor is made again, and
// is not one more.
func TestSoak(t *testing.T) {
	const daemons, crashing = 100, 33
	h := newHouse(t)
	var ids []string
	for n := range daemons {
		ids = append(ids, h.up(h.spec(fmt.Sprintf("d%d", n), "run")))
	}
	crashes, deaths := map[string]int{}, 0
	over := time.After(*soakFor)
	crash, death := time.NewTicker(300*time.Millisecond), time.NewTicker(20*time.Second)
	defer crash.Stop()
	defer death.Stop()
	for soaking := true; soaking; {
		select {
		case <-over:
			soaking = false
		case <-crash.C:
			id := ids[rand.IntN(crashing)]
			if h.crash(id) {
				crashes[id]++
			}
		case <-death.C:
			h.killSupervisor()
			h.open()
			deaths++
		}
	}
	h.noneTwice(0)
	for n, id := range ids {
		// The longest back-off is a minute.
		waitFor(longer(t), t, "every daemon to run", func() bool { return h.status(id).Observation.State == fact.Running })
		if got := h.status(id).Observation.Restarts; got != crashes[id] {
			t.Errorf("d%d crashed %d times and was started again %d times, while the supervisor died %d times", n, crashes[id], got, deaths)
		}
	}
	if left := h.processes(); len(left) != daemons {
		t.Errorf("%d processes run, want %d", len(left), daemons)
	}
	t.Logf("%s: %d crashes, %d deaths of the supervisor", *soakFor, sum(crashes), deaths)
}

// crash kills a daemon that runs, and waits until that has been taken in.
func (h *house) crash(id string) bool {
	h.Helper()
	before := h.status(id)
	if before.Observation.State != fact.Running {
		return false
	}
	fd, err := unix.PidfdOpen(before.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return false
	}
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if h.status(id).PID != before.PID { // it is the process that was meant, and nobody else kills it
		return false
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		h.Fatal(err)
	}
	awaitEnd(h.T, fd)
	h.await(id, "its crash", func(s supervisor.Status) bool { return s.PID != before.PID })
	return true
}

// longer leaves the longest back-off its time.
func longer(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func sum(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}
