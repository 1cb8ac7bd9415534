package oci

import (
	"context"
	"maps"
	"sync"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// Work brings something, such as an image.
type Work[T any] func(ctx context.Context, report func(deploy.Progress)) (T, error)

// Flights does each piece of work once, for all who ask for it, and remembers the outcome.
type Flights[T any] struct {
	mu    sync.Mutex
	byKey map[string]*flight[T]
}

// flight is a piece of work on its way, or done.
type flight[T any] struct {
	done   chan struct{}
	cancel context.CancelFunc
	got    T     // valid when done
	err    error // valid when done

	mu      sync.Mutex
	last    *deploy.Progress
	hearers map[int]func(deploy.Progress)
	next    int
}

// Do waits for the work of that key; the first to ask begins it. It goes on while anybody still waits for it, whoever
// began it, and is cancelled when the last one leaves.
func (f *Flights[T]) Do(ctx context.Context, key string, report func(deploy.Progress), w Work[T]) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	job, leave := f.join(ctx, key, report, w)
	defer leave()
	select {
	case <-job.done:
		return job.got, job.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// join enters the flight of that key, and begins it where there is none.
func (f *Flights[T]) join(ctx context.Context, key string, report func(deploy.Progress), w Work[T]) (*flight[T], func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	job, ok := f.byKey[key]
	if !ok {
		if f.byKey == nil {
			f.byKey = map[string]*flight[T]{}
		}
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		job = &flight[T]{done: make(chan struct{}), cancel: cancel, hearers: map[int]func(deploy.Progress){}}
		f.byKey[key] = job
		go job.run(shared, w)
	}
	seat := job.enter(report)
	return job, func() { f.leave(key, job, seat) }
}

// leave gives up a seat. Work that nobody waits for any more is cancelled and forgotten; what is done is remembered.
func (f *Flights[T]) leave(key string, job *flight[T], seat int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if left := job.exit(seat); left > 0 {
		return
	}
	select {
	case <-job.done:
	default:
		delete(f.byKey, key)
	}
	job.cancel()
}

// Forget drops the outcomes of what is done.
func (f *Flights[T]) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.byKey, func(_ string, job *flight[T]) bool {
		select {
		case <-job.done:
			return true
		default:
			return false
		}
	})
}

func (j *flight[T]) run(ctx context.Context, w Work[T]) {
	defer close(j.done)
	j.got, j.err = w(ctx, j.tell)
}

// tell passes progress on to everybody aboard.
func (j *flight[T]) tell(p deploy.Progress) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = &p
	for _, hear := range j.hearers {
		hear(p)
	}
}

// enter takes a seat; who comes late hears at once how far it is.
func (j *flight[T]) enter(report func(deploy.Progress)) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if report == nil {
		report = func(deploy.Progress) {}
	}
	j.next++
	j.hearers[j.next] = report
	if j.last != nil {
		report(*j.last)
	}
	return j.next
}

func (j *flight[T]) exit(seat int) (left int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.hearers, seat)
	return len(j.hearers)
}
