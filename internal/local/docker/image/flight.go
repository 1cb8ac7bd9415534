package image

import (
	"context"
	"maps"
	"sync"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// work brings one image.
type work func(ctx context.Context, report func(deploy.Progress)) (Image, error)

// flights does each piece of work once, for all who ask for it, and remembers the outcome.
type flights struct {
	mu    sync.Mutex
	byKey map[string]*flight
}

// flight is a piece of work on its way, or done.
type flight struct {
	done   chan struct{}
	cancel context.CancelFunc
	img    Image // valid when done
	err    error // valid when done

	mu      sync.Mutex
	last    *deploy.Progress
	hearers map[int]func(deploy.Progress)
	next    int
}

// do waits for the work of that key; the first to ask begins it. It goes on while anybody still waits for it, whoever
// began it, and is cancelled when the last one leaves.
func (f *flights) do(ctx context.Context, key string, report func(deploy.Progress), w work) (Image, error) {
	if err := ctx.Err(); err != nil {
		return Image{}, err
	}
	job, leave := f.join(ctx, key, report, w)
	defer leave()
	select {
	case <-job.done:
		return job.img, job.err
	case <-ctx.Done():
		return Image{}, ctx.Err()
	}
}

// join enters the flight of that key, and begins it where there is none.
func (f *flights) join(ctx context.Context, key string, report func(deploy.Progress), w work) (*flight, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	job, ok := f.byKey[key]
	if !ok {
		if f.byKey == nil {
			f.byKey = map[string]*flight{}
		}
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		job = &flight{done: make(chan struct{}), cancel: cancel, hearers: map[int]func(deploy.Progress){}}
		f.byKey[key] = job
		go job.run(shared, w)
	}
	seat := job.enter(report)
	return job, func() { f.leave(key, job, seat) }
}

// leave gives up a seat. Work that nobody waits for any more is cancelled and forgotten; what is done is remembered.
func (f *flights) leave(key string, job *flight, seat int) {
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

// forget drops the outcomes of what is done.
func (f *flights) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.byKey, func(_ string, job *flight) bool {
		select {
		case <-job.done:
			return true
		default:
			return false
		}
	})
}

func (j *flight) run(ctx context.Context, w work) {
	defer close(j.done)
	j.img, j.err = w(ctx, j.tell)
}

// tell passes progress on to everybody aboard.
func (j *flight) tell(p deploy.Progress) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = &p
	for _, hear := range j.hearers {
		hear(p)
	}
}

// enter takes a seat; who comes late hears at once how far it is.
func (j *flight) enter(report func(deploy.Progress)) int {
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

func (j *flight) exit(seat int) (left int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.hearers, seat)
	return len(j.hearers)
}
