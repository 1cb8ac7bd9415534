package manager

import (
	"context"
	"time"
)

// PruneAt is what Run does now and then.
func (m *Manager) PruneAt(ctx context.Context, now time.Time) { m.prune(ctx, now) }

// Hurry gives connections so little time that a test can see them cut.
func (m *Manager) Hurry(header, read time.Duration) {
	m.timeouts.header, m.timeouts.read = header, read
}

// Routes are the endpoints, as "GET /path"; all of them, or those that take a token alone.
func (m *Manager) Routes(guarded bool) (routes []string) {
	for _, r := range m.routes() {
		if !guarded || !r.open {
			routes = append(routes, r.method+" "+r.path)
		}
	}
	return routes
}
