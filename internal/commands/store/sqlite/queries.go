package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// Overdue implements store.Store.
func (s *Store) Overdue(ctx context.Context, now time.Time, limit int) (ids []string, err error) {
	err = s.read(ctx, func(c conn) error {
		ids, err = all(c, text, "SELECT id FROM commands WHERE live > 0 AND deadline > 0 AND deadline <= ? ORDER BY deadline LIMIT ?", millis(now), limit)
		return err
	})
	return ids, err
}

// Lapsed implements store.Store.
func (s *Store) Lapsed(ctx context.Context, since, now time.Time) (targets [][2]string, err error) {
	target := func(r *row) ([2]string, error) { return [2]string{r.text(), r.text()}, nil }
	err = s.read(ctx, func(c conn) error {
		targets, err = all(c, target, "SELECT DISTINCT deployment, target FROM commands WHERE live = 3 AND until > ? AND until <= ?", millis(since), millis(now))
		return err
	})
	return targets, err
}

// Next implements store.Store.
func (s *Store) Next(ctx context.Context, now time.Time) (next time.Time, err error) {
	err = s.read(ctx, func(c conn) error {
		times, err := one(c, func(r *row) ([2]int64, error) { return [2]int64{r.int(), r.int()}, nil }, `SELECT
			coalesce((SELECT min(deadline) FROM commands WHERE live > 0 AND deadline > 0 AND deadline > ?1), 0),
			coalesce((SELECT min(until) FROM commands WHERE live = 3 AND until > ?1), 0)`, millis(now))
		if deadline, lease := times[0], times[1]; deadline == 0 || lease != 0 && lease < deadline {
			next = fromMillis(lease)
		} else {
			next = fromMillis(deadline)
		}
		return err
	})
	return next, err
}

// Shift implements store.Store.
func (s *Store) Shift(ctx context.Context, by time.Duration) error {
	return s.write(ctx, func(t *tx) error { return t.exec(shift, by.Milliseconds()) })
}

// Prune implements store.Store.
func (s *Store) Prune(ctx context.Context, finished, keys time.Time, limit int) (n int, blobs []string, err error) {
	type old struct {
		id    string
		blobs bool
	}
	err = s.write(ctx, func(t *tx) error {
		n, blobs = 0, nil
		found, err := all(t.conn, func(r *row) (old, error) { return old{r.text(), r.bool()}, nil }, oldest, millis(finished), limit)
		if err != nil {
			return err
		}
		for _, o := range found {
			if err := errors.Join(t.exec(remove, o.id), t.exec(removeBody, o.id)); err != nil {
				return err
			}
			if o.blobs {
				blobs = append(blobs, o.id)
			}
			n++
		}
		return t.exec(removeKeys, millis(keys))
	})
	return n, blobs, err
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, deployment string, state wire.State, limit int) (commands []store.Command, err error) {
	err = s.read(ctx, func(c conn) error {
		commands, err = all(c, scan, "SELECT "+columns+" FROM commands WHERE deployment = ?1 AND (?2 = '' OR state = ?2) ORDER BY id DESC LIMIT ?3",
			deployment, string(state), limit)
		return err
	})
	return commands, err
}

// Counts implements store.Store.
func (s *Store) Counts(ctx context.Context, deployment string) (map[string]store.Count, error) {
	counts := map[string]store.Count{}
	put := func(r *row) (struct{}, error) {
		counts[r.text()] = store.Count{Pending: r.int(), InFlight: r.int()}
		return struct{}{}, nil
	}
	return counts, s.read(ctx, func(c conn) error {
		_, err := all(c, put, "SELECT target, sum(state <> ?1), sum(state = ?1) FROM commands WHERE live > 0 AND deployment = ?2 GROUP BY target",
			string(wire.Dispatched), deployment)
		return err
	})
}
