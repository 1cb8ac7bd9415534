package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

const columns = "id, deployment, target, type, name, state, attempt, holder, until, deadline, created, finished, error_code, blobs"

// A variable that is compared with a column of commands has a plus before it, which changes nothing: without it SQLite holds its
// value against the conditions of the indexes, and therefore plans the statement anew with every value, for five times its cost.
const (
	touch      = "UPDATE keys SET created = created WHERE deployment = '' AND created < 0"
	insert     = "INSERT INTO commands (" + columns + ", live, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	insertBody = "INSERT INTO bodies (id, params, response) VALUES (?, ?, ?)"
	setParams  = "UPDATE bodies SET params = ? WHERE id = ?"
	setAnswer  = "UPDATE bodies SET response = ? WHERE id = ?"
	get        = "SELECT " + columns + " FROM commands WHERE id = +?"
	getWhole   = "SELECT " + columns + ", params, response FROM commands LEFT JOIN bodies USING (id) WHERE id = +?"
	update     = "UPDATE commands SET state = ?, attempt = ?, holder = ?, until = ?, finished = ?, error_code = ?, blobs = ?, live = ? WHERE id = +?"
	requeue    = "UPDATE commands SET place = ? WHERE id = +?"
	ready      = "SELECT " + columns + ", params, place FROM commands LEFT JOIN bodies USING (id) WHERE deployment = +? AND target = +? "
	waiting    = ready + "AND live = 2 ORDER BY place"
	lapsed     = ready + "AND live = 3 AND until <= +? ORDER BY place"
	getKey     = "SELECT command FROM keys WHERE deployment = ? AND target = ? AND name = ? AND key = ? AND created > ?"
	setKey     = "INSERT OR REPLACE INTO keys (deployment, target, name, key, command, created) VALUES (?, ?, ?, ?, ?, ?)"
	shift      = "UPDATE commands SET until = until + ? WHERE live = 3"
	oldest     = "SELECT id, blobs FROM commands WHERE live = 0 AND finished < ? LIMIT ?"
	remove     = "DELETE FROM commands WHERE id = +?"
	removeBody = "DELETE FROM bodies WHERE id = ?"
	removeKeys = "DELETE FROM keys WHERE created < ?"

	putDeployment    = "INSERT OR REPLACE INTO deployments (id, name, created, daemons) VALUES (?, ?, ?, ?)"
	deleteDeployment = "DELETE FROM deployments WHERE id = ?"
	putToken         = "INSERT OR REPLACE INTO tokens (id, json) VALUES (?, ?)"
	deleteToken      = "DELETE FROM tokens WHERE id = ?"
	putPoll          = "INSERT OR REPLACE INTO polls (deployment, target, at) SELECT id, ?2, ?3 FROM deployments WHERE id = ?1"
	deletePolls      = "DELETE FROM polls WHERE deployment = ?"
	withBlobs        = "SELECT id FROM commands WHERE deployment = ? AND blobs"
	removeBodiesOf   = "DELETE FROM bodies WHERE id IN (SELECT id FROM commands WHERE deployment = ?)"
	removeOf         = "DELETE FROM commands WHERE deployment = ?"
	removeKeysOf     = "DELETE FROM keys WHERE deployment = ?"
)

// millis are milliseconds since 1970, 0 for no time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// live says where a command is: over, waiting for its parameters, in the queue, or out.
func live(c store.Command) int {
	switch {
	case c.State.Terminal():
		return 0
	case c.State == wire.PendingUpload:
		return 1
	case c.Holder == "":
		return 2
	}
	return 3
}

// scan reads the columns.
func scan(r *row) (store.Command, error) {
	c := store.Command{ID: r.text(), Deployment: r.text()}
	c.Target = wire.Target{ResourceID: r.text(), ResourceType: wire.TargetType(r.text())}
	c.Name, c.State, c.Attempt, c.Holder = r.text(), wire.State(r.text()), r.int(), r.text()
	c.Until, c.Deadline, c.Created, c.Finished = fromMillis(r.int()), fromMillis(r.int()), fromMillis(r.int()), fromMillis(r.int())
	c.ErrorCode, c.Blobs = r.text(), r.bool()
	return c, nil
}

// withParams reads a command of the queue.
func withParams(r *row) (c store.Command, err error) {
	c, _ = scan(r)
	c.Params, err = read[wire.Body](r)
	return c, err
}

// queued is a command and its place in the queue.
type queued struct {
	store.Command
	place int64
}

func inQueue(r *row) (q queued, err error) {
	q.Command, err = withParams(r)
	q.place = r.int()
	return q, err
}

// whole reads a command and all of it.
func whole(r *row) (c store.Command, err error) {
	if c, err = withParams(r); err == nil {
		c.Response, err = read[wire.Response](r)
	}
	return c, err
}

// read reads a body or response.
func read[T any](r *row) (*T, error) {
	text := r.bytes()
	if text == nil {
		return nil, nil
	}
	v := new(T)
	return v, json.Unmarshal(text, v)
}

// written is a body or response as it is stored: its JSON, or NULL.
func written[T any](v *T) (any, error) {
	if v == nil {
		return nil, nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, c store.Command, since time.Time) (made store.Command, existing bool, err error) {
	params, err := written(c.Params)
	if err != nil {
		return c, false, err
	}
	err = s.write(ctx, func(t *tx) error {
		made, existing = c, false
		if _, err := s.Deployment(ctx, c.Deployment); err != nil {
			return refused{err}
		}
		if c.Key != nil {
			found, err := t.ofKey(c, since)
			if err == nil {
				made, existing = found, true
				return nil
			}
			if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err := t.exec(setKey, c.Deployment, c.Target.ResourceID, c.Name, *c.Key, c.ID, millis(c.Created)); err != nil {
				return err
			}
		}
		s.place++
		err := t.exec(insert, c.ID, c.Deployment, c.Target.ResourceID, string(c.Target.ResourceType), c.Name, string(c.State), c.Attempt, c.Holder,
			millis(c.Until), millis(c.Deadline), millis(c.Created), millis(c.Finished), c.ErrorCode, c.Blobs, live(c), s.place)
		if err != nil {
			return err
		}
		return t.exec(insertBody, c.ID, params, nil)
	})
	return made, existing, err
}

// ofKey finds the command that a key stands for already.
func (t *tx) ofKey(c store.Command, since time.Time) (store.Command, error) {
	id, err := one(t.conn, text, getKey, c.Deployment, c.Target.ResourceID, c.Name, *c.Key, millis(since))
	if err != nil {
		return c, err
	}
	return one(t.conn, scan, get, id)
}

// Command implements store.Store.
func (s *Store) Command(ctx context.Context, id string) (found store.Command, err error) {
	err = s.read(ctx, func(c conn) error {
		found, err = one(c, whole, getWhole, id)
		return err
	})
	return found, err
}

// Change implements store.Store.
func (s *Store) Change(ctx context.Context, id string, f func(*store.Command) error) (c store.Command, err error) {
	err = s.write(ctx, func(t *tx) error {
		if c, err = one(t.conn, scan, get, id); err != nil {
			return notFound(err)
		}
		before := c
		if err := f(&c); err != nil {
			return refused{err}
		}
		return s.save(t, before, c)
	})
	return c, err
}

func notFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return refused{err}
	}
	return err
}

// save writes what has changed.
func (s *Store) save(t *tx, before, c store.Command) error {
	if c.Params != before.Params {
		params, err := written(c.Params)
		if err != nil {
			return err
		}
		if err := t.exec(setParams, params, c.ID); err != nil {
			return err
		}
	}
	if c.Response != nil {
		answer, err := written(c.Response)
		if err != nil {
			return err
		}
		if err := t.exec(setAnswer, answer, c.ID); err != nil {
			return err
		}
	}
	if live(before) == 1 && live(c) == 2 { // only now does it stand in the queue
		s.place++
		if err := t.exec(requeue, s.place, c.ID); err != nil {
			return err
		}
	}
	before.Params, before.Response = c.Params, c.Response
	if before == c {
		return nil
	}
	return t.exec(update, string(c.State), c.Attempt, c.Holder, millis(c.Until), millis(c.Finished), c.ErrorCode, c.Blobs, live(c), c.ID)
}

// queue reads the first commands that a target can have: those that wait, and those whose lease has run out.
func (t *tx) queue(deployment, target string, now time.Time, n int) ([]queued, error) {
	back, err1 := first(t.conn, n, inQueue, lapsed, deployment, target, millis(now))
	wait, err2 := first(t.conn, n, inQueue, waiting, deployment, target)
	both := append(back, wait...)
	slices.SortFunc(both, func(a, b queued) int { return cmp.Compare(a.place, b.place) })
	return both[:min(n, len(both))], errors.Join(err1, err2)
}

// Lease implements store.Store.
func (s *Store) Lease(ctx context.Context, deployment, target string, now time.Time, max int, take func(*store.Command) bool) (taken []store.Command, err error) {
	err = s.write(ctx, func(t *tx) error {
		taken = nil
		for len(taken) < max {
			missing := max - len(taken)
			found, err := t.queue(deployment, target, now, missing)
			if err != nil {
				return err
			}
			for _, q := range found {
				c := q.Command
				before := c
				took := take(&c)
				if err := s.save(t, before, c); err != nil {
					return err
				}
				if took {
					taken = append(taken, c)
				}
			}
			if len(found) < missing {
				return nil
			}
		}
		return nil
	})
	return taken, err
}
