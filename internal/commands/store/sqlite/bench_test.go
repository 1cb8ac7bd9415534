package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/state"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/store/sqlite"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// BenchmarkCommands is one command, created, leased and answered, of 64 that go on at once.
func BenchmarkCommands(b *testing.B) {
	ctx := context.Background()
	s, err := sqlite.Open(filepath.Join(b.TempDir(), "m.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, err := s.PutDeployment(ctx, store.Deployment{ID: "d", Daemons: []string{"a"}}); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range 64 {
		all.Go(func() {
			for {
				i := n.Add(1)
				if i > int64(b.N) {
					return
				}
				if err := one(ctx, s, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func one(ctx context.Context, s store.Store, n int64) error {
	now, body := time.Now(), wire.InlineBody([]byte(`"hello"`))
	_, _, err := s.Create(ctx, store.Command{ID: fmt.Sprintf("cmd_%012d", n), Deployment: "d", Target: wire.Target{ResourceID: "a", ResourceType: wire.Daemon},
		Name: "echo", Life: state.New(false, time.Time{}), Created: now, Params: &body}, now)
	if err != nil {
		return err
	}
	leased, err := s.Lease(ctx, "d", "a", now, 1, func(c *store.Command) bool { return c.Lease("l", now, now.Add(time.Minute)) })
	if err != nil || len(leased) != 1 {
		return fmt.Errorf("%d leased: %w", len(leased), err)
	}
	_, err = s.Change(ctx, leased[0].ID, func(c *store.Command) error {
		r := wire.SuccessResponse(body)
		c.Response, c.Finished = &r, now
		_, err := c.Respond(wire.Succeeded)
		return err
	})
	return err
}
