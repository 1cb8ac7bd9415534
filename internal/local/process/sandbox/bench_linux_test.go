package sandbox_test

import (
	"testing"

	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
)

// BenchmarkStart measures a start and a kill, without what a supervisor adds.
func BenchmarkStart(b *testing.B) {
	spec := sandbox.Spec{Name: "bench", Root: image(b), Dir: b.TempDir(), Args: []string{"/daemon", "run"}}
	b.Cleanup(func() { _ = sandbox.Remove(spec.Dir) })
	for b.Loop() {
		r, err := sandbox.Start(spec, nil, nil, func(sandbox.Process) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Kill(); err != nil {
			b.Fatal(err)
		}
		if _, err := r.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkExec measures a health check.
func BenchmarkExec(b *testing.B) {
	spec := sandbox.Spec{Name: "bench", Root: image(b), Dir: b.TempDir(), Args: []string{"/daemon", "run"}}
	b.Cleanup(func() { _ = sandbox.Remove(spec.Dir) })
	r, err := sandbox.Start(spec, nil, nil, func(sandbox.Process) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.Exec(b.Context(), []string{"/daemon", "health", "/"}, 1e10); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Kill(); err != nil {
		b.Fatal(err)
	}
	if _, err := r.Wait(b.Context()); err != nil {
		b.Fatal(err)
	}
}
