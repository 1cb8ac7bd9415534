package manager

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/store"
)

// polls counts the requests that are held, and remembers when targets last asked for commands. That is written now and then:
// with every request, it would cost more than the request.
type polls struct {
	held  atomic.Int64
	mu    sync.Mutex
	last  map[string]map[string]time.Time // deployment, target
	fresh map[[2]string]bool              // what is not written yet
}

func (p *polls) enter(max int64) bool {
	if p.held.Add(1) > max {
		p.held.Add(-1)
		return false
	}
	return true
}

func (p *polls) leave() { p.held.Add(-1) }

func (p *polls) polled(deployment, target string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(deployment, target, now)
	if p.fresh == nil {
		p.fresh = map[[2]string]bool{}
	}
	p.fresh[[2]string{deployment, target}] = true
}

func (p *polls) set(deployment, target string, at time.Time) {
	if p.last == nil {
		p.last = map[string]map[string]time.Time{}
	}
	if p.last[deployment] == nil {
		p.last[deployment] = map[string]time.Time{}
	}
	p.last[deployment][target] = at
}

// load takes in what a manager before this one has written.
func (p *polls) load(written []store.Poll) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range written {
		p.set(w.Deployment, w.Target, w.At)
	}
}

// unwritten gives what has come since it was called last.
func (p *polls) unwritten() []store.Poll {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []store.Poll
	for key := range p.fresh {
		all = append(all, store.Poll{Deployment: key[0], Target: key[1], At: p.last[key[0]][key[1]]})
	}
	clear(p.fresh)
	return all
}

func (p *polls) of(deployment, target string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last[deployment][target]
}

func (p *polls) forget(deployment string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for target := range p.last[deployment] {
		delete(p.fresh, [2]string{deployment, target})
	}
	delete(p.last, deployment)
}

// keepPolls writes when targets last asked for commands. What a failure loses, the next request of each brings again.
func (m *Manager) keepPolls(ctx context.Context) {
	if fresh := m.polls.unwritten(); len(fresh) > 0 {
		m.tell(ctx, "cannot write when daemons asked for commands", m.Store.PutPolls(ctx, fresh))
	}
}
