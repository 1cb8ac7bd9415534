package supervisor

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// hub knows the present status of every instance, tells of changes, and sees to it that of one daemon only one instance is
// wanted or runs.
type hub struct {
	mu       sync.Mutex
	statuses map[string]Status
	owners   map[daemonKey]string
	watchers map[*watcher]bool
	idle     func() // called after each change that leaves nothing wanted or running
}

// daemonKey names a daemon.
type daemonKey struct{ Stack, Daemon string }

func newHub(idle func()) *hub {
	return &hub{statuses: map[string]Status{}, owners: map[daemonKey]string{}, watchers: map[*watcher]bool{}, idle: idle}
}

// claim makes an instance the one of its daemon that may run.
func (h *hub) claim(s Spec) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := daemonKey{s.Stack, s.Daemon}
	if other, taken := h.owners[key]; taken && other != s.ID {
		return &fact.Problem{Reason: fact.OperationFailed,
			Message: fmt.Sprintf("cannot start %s: another instance of it, %s, has not been stopped", s.Sandbox.Name, other)}
	}
	h.owners[key] = s.ID
	return nil
}

// release gives the claim up.
func (h *hub) release(s Spec) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if key := (daemonKey{s.Stack, s.Daemon}); h.owners[key] == s.ID {
		delete(h.owners, key)
	}
}

// tell makes a status known. That of an instance which is gone is forgotten afterwards.
func (h *hub) tell(s Status) {
	h.mu.Lock()
	for w := range h.watchers {
		w.add(Event{Status: s})
	}
	if s.Observation.State == fact.Gone {
		delete(h.statuses, s.ID)
	} else {
		h.statuses[s.ID] = s
	}
	h.mu.Unlock()
	h.idle()
}

// busy says whether anything is wanted or runs.
func (h *hub) busy() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.statuses {
		if s.Wanted || s.PID != 0 {
			return true
		}
	}
	return false
}

// list gives the instances of a stack, or all.
func (h *hub) list(stack string) []Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sorted(stack)
}

func (h *hub) sorted(stack string) []Status {
	out := []Status{}
	for _, s := range h.statuses {
		if stack == "" || s.Stack == stack {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Stack, b.Stack), cmp.Compare(a.Daemon, b.Daemon), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// watch gives a watcher that knows the present already.
func (h *hub) watch(stack string) *watcher {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &watcher{stack: stack, more: make(chan struct{}, 1)}
	for _, s := range h.sorted(stack) {
		w.add(Event{Status: s})
	}
	w.add(Event{Synced: true})
	h.watchers[w] = true
	return w
}

func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// watcher is a queue of events for one client.
type watcher struct {
	stack string
	more  chan struct{} // holds something while the queue may

	mu    sync.Mutex
	queue []Event
}

// queueLimit is how far a client may lag behind. From there on it is told only the latest of each instance.
const queueLimit = 1000

func (w *watcher) add(e Event) {
	if !e.Synced && w.stack != "" && e.Status.Stack != w.stack {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) >= queueLimit {
		w.queue = slices.DeleteFunc(w.queue, func(old Event) bool { return !old.Synced && old.Status.ID == e.Status.ID })
	}
	w.queue = append(w.queue, e)
	select {
	case w.more <- struct{}{}:
	default: // it knows
	}
}

// take empties the queue.
func (w *watcher) take() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.queue
	w.queue = nil
	return out
}
