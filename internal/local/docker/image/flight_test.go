package image

import (
	"context"
	"errors"
	"testing"

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
