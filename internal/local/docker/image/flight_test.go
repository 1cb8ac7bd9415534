package image

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
)

func TestFlightOutlivesWhoBeganIt(t *testing.T) {
	var f flights
	begun, finish := make(chan struct{}), make(chan struct{})
	job := func(ctx context.Context, report func(deploy.Progress)) (Image, error) {
		report(deploy.Progress{Current: 1})
		close(begun)
		select {
		case <-finish:
			return Image{ID: "done"}, nil
		case <-ctx.Done():
			return Image{}, ctx.Err()
		}
	}
	first, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := f.do(first, "k", nil, job)
		left <- err
	}()
	<-begun
	told, stays := make(chan deploy.Progress, 1), make(chan Image)
	go func() {
		img, err := f.do(t.Context(), "k", func(p deploy.Progress) { told <- p }, job)
		if err != nil {
			t.Error(err)
		}
		stays <- img
	}()
	if p := <-told; p.Current != 1 {
		t.Errorf("who came late heard %+v", p)
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	close(finish)
	if img := <-stays; img.ID != "done" {
		t.Errorf("who stayed got %+v", img)
	}
	if img, err := f.do(t.Context(), "k", nil, nil); err != nil || img.ID != "done" {
		t.Errorf("the outcome was not remembered: %+v, %v", img, err)
	}
}

func TestFlightThatAllLeftIsCancelledAndForgotten(t *testing.T) {
	var f flights
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan struct{})
	_, err := f.do(ctx, "k", nil, func(ctx context.Context, _ func(deploy.Progress)) (Image, error) {
		defer close(ended)
		leave()
		<-ctx.Done()
		return Image{}, ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-ended
	img, err := f.do(t.Context(), "k", nil, func(context.Context, func(deploy.Progress)) (Image, error) {
		return Image{ID: "anew"}, nil
	})
	if err != nil || img.ID != "anew" {
		t.Errorf("got %+v, %v", img, err)
	}
}

func TestTransfersAreBounded(t *testing.T) {
	s := NewStore(nil)
	var wait sync.WaitGroup
	var running, most atomic.Int64
	begun, release := make(chan struct{}, 3*transfers), make(chan struct{})
	for range 3 * transfers {
		wait.Go(func() {
			err := s.transfer(t.Context(), func() error {
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
	if err := s.transfer(ended, func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a transfer began while all places were taken: %v", err)
	}
	close(release)
	wait.Wait()
	if most.Load() > transfers {
		t.Errorf("%d transfers at once", most.Load())
	}
}

func TestBackOffStaysInBounds(t *testing.T) {
	for try := 1; try < 10; try++ {
		if d := backOff(try); d < 500*time.Millisecond || d > 4*time.Second {
			t.Errorf("try %d waits %s", try, d)
		}
	}
}

func TestPlatforms(t *testing.T) {
	tests := []struct {
		host, image string
		runs        bool
	}{
		{"linux/amd64", "linux/amd64", true},
		{"linux/amd64", "linux/386", true},
		{"linux/amd64", "linux/arm64", false},
		{"linux/arm64", "linux/arm/v7", true},
		{"linux/386", "linux/amd64", false},
		{"linux/amd64", "windows/amd64", false},
		{"linux/amd64", "", true},
	}
	for _, test := range tests {
		if got := parsePlatform(test.host).runs(parsePlatform(test.image)); got != test.runs {
			t.Errorf("%s runs %s: %v", test.host, test.image, got)
		}
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
