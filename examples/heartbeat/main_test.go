package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

func TestStorage(t *testing.T) {
	for name, c := range map[string]struct{ binding, want, fails string }{
		"file URL":      {binding: `{"service":"local-storage","storagePath":"file:///srv/pulse/"}`, want: "/srv/pulse/"},
		"plain path":    {binding: `{"service":"local-storage","storagePath":"/srv/pulse"}`, want: "/srv/pulse"},
		"other service": {binding: `{"service":"s3","bucketName":"b"}`, fails: `"s3"`},
		"no JSON":       {binding: `{`, fails: "ALIEN_PULSE_BINDING"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ALIEN_PULSE_BINDING", c.binding)
			got, err := storage("pulse")
			if got != c.want || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestBeatCountsOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for want := range 2 { // each run beats once before it sees that it is to stop
		if err := beat(stopped, dir, time.Hour, "hello"); err != nil {
			t.Fatal(err)
		}
		if n, err := count(dir); err != nil || n != want+1 {
			t.Errorf("got %d beats (%v), want %d", n, err, want+1)
		}
	}
}

func TestHealth(t *testing.T) {
	dir := t.TempDir()
	if err := health(dir, time.Second); err == nil {
		t.Error("healthy before the first beat")
	}
	if err := os.WriteFile(file(dir), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := health(dir, time.Minute); err != nil {
		t.Errorf("unhealthy right after a beat: %v", err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file(dir), old, old); err != nil {
		t.Fatal(err)
	}
	if err := health(dir, time.Minute); err == nil || !strings.Contains(err.Error(), "the last beat was 1h") {
		t.Errorf("got %v", err)
	}
}
