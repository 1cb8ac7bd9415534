package image

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
)

func TestTransfersAreBounded(t *testing.T) {
	s := NewStore(nil).slots
	var wait sync.WaitGroup
	var running, most atomic.Int64
	begun, release := make(chan struct{}, 3*transfers), make(chan struct{})
	for range 3 * transfers {
		wait.Go(func() {
			err := s.Do(t.Context(), func() error {
				most.Store(max(most.Load(), running.Add(1)))
				begun <- struct{}{}
				<-release
				running.Add(-1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range transfers {
		<-begun
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Do(ended, func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a transfer began while all places were taken: %v", err)
	}
	close(release)
	wait.Wait()
	if most.Load() > transfers {
		t.Errorf("%d transfers at once", most.Load())
	}
}

func TestPullingAddsUp(t *testing.T) {
	line := func(id, status string, current, total int64) message {
		m := message{ID: id, Status: status}
		m.Progress.Current, m.Progress.Total = current, total
		return m
	}
	p := pulling{layers: map[string]*layer{}}
	steps := []struct {
		m    message
		want deploy.Progress
	}{
		{line("1", "Pulling from acme/app", 0, 0), deploy.Progress{}},
		{line("a", "Already exists", 0, 0), deploy.Progress{}},
		{line("b", "Pulling fs layer", 0, 0), deploy.Progress{}},
		{line("c", "Pulling fs layer", 0, 0), deploy.Progress{}},
		{line("b", "Downloading", 5, 10), deploy.Progress{Current: 5}},
		{line("c", "Downloading", 1, 90), deploy.Progress{Current: 6, Total: 100}},
		{line("b", "Download complete", 0, 0), deploy.Progress{Current: 11, Total: 100}},
		{line("b", "Extracting", 3, 10), deploy.Progress{Current: 11, Total: 100}},
		{line("c", "Verifying Checksum", 0, 0), deploy.Progress{Current: 100, Total: 100, Detail: "unpacking"}},
		{line("", "Digest: sha256:1", 0, 0), deploy.Progress{Current: 100, Total: 100, Detail: "unpacking"}},
	}
	for _, step := range steps {
		p.take(step.m)
		step.want.Phase = deploy.Pulling
		if got := p.progress(); got != step.want {
			t.Errorf("after %+v: got %+v, want %+v", step.m, got, step.want)
		}
	}
	if p.digest != "sha256:1" {
		t.Errorf("digest %q", p.digest)
	}
}
