package oci

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
)

func TestFlightOutlivesWhoBeganIt(t *testing.T) {
	var f Flights[string]
	begun, finish := make(chan struct{}), make(chan struct{})
	job := func(ctx context.Context, report func(deploy.Progress)) (string, error) {
		report(deploy.Progress{Current: 1})
		close(begun)
		select {
		case <-finish:
			return "done", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	first, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := f.Do(first, "k", nil, job)
		left <- err
	}()
	<-begun
	told, stays := make(chan deploy.Progress, 1), make(chan string)
	go func() {
		img, err := f.Do(t.Context(), "k", func(p deploy.Progress) { told <- p }, job)
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
	if img := <-stays; img != "done" {
		t.Errorf("who stayed got %+v", img)
	}
	if img, err := f.Do(t.Context(), "k", nil, nil); err != nil || img != "done" {
		t.Errorf("the outcome was not remembered: %+v, %v", img, err)
	}
}

func TestFlightThatAllLeftIsCancelledAndForgotten(t *testing.T) {
	var f Flights[string]
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan struct{})
	_, err := f.Do(ctx, "k", nil, func(ctx context.Context, _ func(deploy.Progress)) (string, error) {
		defer close(ended)
		leave()
		<-ctx.Done()
		return "", ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-ended
	img, err := f.Do(t.Context(), "k", nil, func(context.Context, func(deploy.Progress)) (string, error) {
		return "anew", nil
	})
	if err != nil || img != "anew" {
		t.Errorf("got %+v, %v", img, err)
	}
}

func TestBackOffStaysInBounds(t *testing.T) {
	for try := 1; try < 10; try++ {
		if d := BackOff(try); d < 500*time.Millisecond || d > 4*time.Second {
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
		if got := ParsePlatform(test.host).Runs(ParsePlatform(test.image)); got != test.runs {
			t.Errorf("%s runs %s: %v", test.host, test.image, got)
		}
	}
}
