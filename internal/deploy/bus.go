package deploy

import (
	"sync"
	"time"
)

// bus hands events to one sink, in order and from one goroutine, and never makes the sender wait for it.
type bus struct {
	mu     sync.Mutex
	more   *sync.Cond
	queue  []Event
	closed bool
	done   chan struct{}
}

func newBus(sink func(Event)) *bus {
	b := &bus{done: make(chan struct{})}
	b.more = sync.NewCond(&b.mu)
	go b.deliver(sink)
	return b
}

// emit queues an event. Progress that a slow sink has not seen yet is overtaken by newer progress of the same phase.
func (b *bus) emit(e Event) {
	e.Time = time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Kind == KindProgress && b.overtake(e) {
		return
	}
	b.queue = append(b.queue, e)
	b.more.Signal()
}

func (b *bus) overtake(e Event) bool {
	for i := len(b.queue) - 1; i >= 0; i-- {
		q := &b.queue[i]
		if q.Daemon != e.Daemon {
			continue
		}
		if q.Kind != KindProgress || q.Progress.Phase != e.Progress.Phase {
			return false
		}
		*q = e
		return true
	}
	return false
}

func (b *bus) deliver(sink func(Event)) {
	defer close(b.done)
	for {
		b.mu.Lock()
		for len(b.queue) == 0 && !b.closed {
			b.more.Wait()
		}
		events := b.queue
		b.queue = nil
		b.mu.Unlock()
		if len(events) == 0 {
			return
		}
		for _, e := range events {
			if sink != nil {
				sink(e)
			}
		}
	}
}

// close returns when the sink has seen everything.
func (b *bus) close() {
	b.mu.Lock()
	b.closed = true
	b.more.Signal()
	b.mu.Unlock()
	<-b.done
}
