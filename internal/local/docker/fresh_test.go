package docker_test

import (
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// TestLookTellsHowTheLastRunEnded: a container that was started again since says exit code 0 of itself.
func TestLookTellsHowTheLastRunEnded(t *testing.T) {
	b := newBench(t)
	w := b.watch(b, deploy.WatchOptions{})
	b.up(b.workload("api", "crash-until", "1", "/tmp/count"))
	o := w.next("a second run", func(o deploy.Observation) bool { return o.State == deploy.Running && o.Restarts == 1 })
	fresh, err := b.Platform.(deploy.Looker).Look(t.Context(), o)
	if err != nil || fresh.LastExit == nil || fresh.LastExit.Code != 1 {
		t.Errorf("a fresh look: %+v, %+v, %v; want exit code 1 of the run before", fresh, fresh.LastExit, err)
	}
}
