package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// Overdue implements store.Store.
func (s *Store) Overdue(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return each(func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })(
		s.db.QueryContext(ctx, "SELECT id FROM commands WHERE live > 0 AND deadline > 0 AND deadline <= ? ORDER BY deadline LIMIT ?", millis(now), limit))
}

// Lapsed implements store.Store.
func (s *Store) Lapsed(ctx context.Context, since, now time.Time) ([][2]string, error) {
	return each(func(rows *sql.Rows) (t [2]string, err error) { return t, rows.Scan(&t[0], &t[1]) })(
		s.db.QueryContext(ctx, "SELECT DISTINCT deployment, target FROM commands WHERE live = 3 AND until > ? AND until <= ?", millis(since), millis(now)))
}

// each reads all rows.
func each[T any](read func(*sql.Rows) (T, error)) func(*sql.Rows, error) ([]T, error) {
	return func(rows *sql.Rows, err error) ([]T, error) {
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var all []T
		for rows.Next() {
			v, err := read(rows)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		return all, rows.Err()
	}
}

// Next implements store.Store.
func (s *Store) Next(ctx context.Context, now time.Time) (time.Time, error) {
	var deadline, lease int64
	err := s.db.QueryRowContext(ctx, `SELECT
		coalesce((SELECT min(deadline) FROM commands WHERE live > 0 AND deadline > 0 AND deadline > ?1), 0),
		coalesce((SELECT min(until) FROM commands WHERE live = 3 AND until > ?1), 0)`, millis(now)).Scan(&deadline, &lease)
	if deadline == 0 || lease != 0 && lease < deadline {
		return fromMillis(lease), err
	}
	return fromMillis(deadline), err
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
		found, err := each(func(rows *sql.Rows) (o old, err error) { return o, rows.Scan(&o.id, &o.blobs) })(t.query(oldest, millis(finished), limit))
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
func (s *Store) List(ctx context.Context, deployment string, state wire.State, limit int) ([]store.Command, error) {
	return each(func(rows *sql.Rows) (store.Command, error) { return scan(rows) })(s.db.QueryContext(ctx,
		"SELECT "+columns+" FROM commands WHERE deployment = ?1 AND (?2 = '' OR state = ?2) ORDER BY id DESC LIMIT ?3", deployment, string(state), limit))
}

// Counts implements store.Store.
func (s *Store) Counts(ctx context.Context, deployment string) (map[string]store.Count, error) {
	type count struct {
		target string
		store.Count
	}
	all, err := each(func(rows *sql.Rows) (c count, err error) { return c, rows.Scan(&c.target, &c.Pending, &c.InFlight) })(
		s.db.QueryContext(ctx, "SELECT target, sum(state <> ?1), sum(state = ?1) FROM commands WHERE live > 0 AND deployment = ?2 GROUP BY target", string(wire.Dispatched), deployment))
	counts := map[string]store.Count{}
	for _, c := range all {
		counts[c.target] = c.Count
	}
	return counts, err
}
