package manager

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// hub is who waits for what. A waiter joins before it looks, so that nothing happens unseen in between.
type hub struct {
	mu      sync.Mutex
	waiters map[string][]*waiter
}

type waiter struct {
	key   string
	woken chan struct{} // one word at most; a waiter that got it waits no more
}

// What can be waited for.
func queueKey(deployment, target string) string { return "queue\x00" + deployment + "\x00" + target }
func overKey(command string) string             { return "over\x00" + command }
func polledKey(deployment string) string        { return "polled\x00" + deployment }

func (h *hub) join(key string) *waiter {
	w := &waiter{key: key, woken: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiters == nil {
		h.waiters = map[string][]*waiter{}
	}
	h.waiters[key] = append(h.waiters[key], w)
	return w
}

// wakeOne wakes the one that has waited longest.
func (h *hub) wakeOne(key string) { h.wake(key, 1) }

// wakeAll wakes all that wait.
func (h *hub) wakeAll(key string) { h.wake(key, -1) }

func (h *hub) wake(key string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.waiters[key]
	if n < 0 || n > len(all) {
		n = len(all)
	}
	for _, w := range all[:n] {
		w.woken <- struct{}{}
	}
	h.set(key, all[n:])
}

// wakeBelow wakes all that wait for something whose key begins so.
func (h *hub) wakeBelow(prefix string) {
	h.mu.Lock()
	var keys []string
	for key := range h.waiters {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	h.mu.Unlock()
	for _, key := range keys {
		h.wakeAll(key)
	}
}

func (h *hub) set(key string, rest []*waiter) {
	if len(rest) == 0 {
		delete(h.waiters, key)
	} else {
		h.waiters[key] = rest
	}
}

// leave waits no more. A word that came meanwhile and was meant for one goes to the next.
func (h *hub) leave(w *waiter, pass bool) {
	h.mu.Lock()
	all := h.waiters[w.key]
	if i := slices.Index(all, w); i >= 0 {
		h.set(w.key, slices.Delete(all, i, i+1))
		h.mu.Unlock()
		return
	}
	h.mu.Unlock()
	if pass {
		h.wakeOne(w.key)
	}
}

// until looks, and looks again each time that it is woken, until there is something, look fails, or the time is up; without a
// hold it looks once. Where one tells it that a word is for one waiter alone.
func (m *Manager) until(hold context.Context, key string, one bool, look func() (bool, error)) error {
	if hold == nil {
		_, err := look()
		return err
	}
	for {
		w := m.waits.join(key)
		found, err := look()
		if found || err != nil {
			m.waits.leave(w, one)
			if one && err != nil { // the word that made it look again may have been meant for one that can do something with it
				m.waits.wakeOne(key)
			}
			return err
		}
		select {
		case <-w.woken:
			if hold.Err() == nil {
				continue
			}
			if one {
				m.waits.wakeOne(key)
			}
			return nil
		case <-hold.Done():
		case <-m.draining:
		}
		m.waits.leave(w, one)
		return nil
	}
}
