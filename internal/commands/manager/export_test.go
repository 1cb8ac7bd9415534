package manager

import (
	"context"
	"time"
)

// PruneAt is what Run does now and then.
func (m *Manager) PruneAt(ctx context.Context, now time.Time) { m.prune(ctx, now) }
