package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

const columns = "id, deployment, target, type, name, state, attempt, holder, until, deadline, created, finished, error_code, blobs"

const (
	touch      = "UPDATE keys SET created = created WHERE deployment = '' AND created < 0"
	insert     = "INSERT INTO commands (" + columns + ", live, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	insertBody = "INSERT INTO bodies (id, params, response) VALUES (?, ?, ?)"
	setParams  = "INSERT INTO bodies (id, params) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET params = excluded.params"
	setAnswer  = "INSERT INTO bodies (id, response) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET response = excluded.response"
	get        = "SELECT " + columns + " FROM commands WHERE id = ?"
	update     = "UPDATE commands SET state = ?, attempt = ?, holder = ?, until = ?, finished = ?, error_code = ?, blobs = ?, live = ? WHERE id = ?"
	requeue    = "UPDATE commands SET place = ? WHERE id = ?"
	queue      = "SELECT " + columns + ", params FROM (SELECT * FROM (" + waiting + ") UNION ALL SELECT * FROM (" + lapsed + ")) LEFT JOIN bodies USING (id) ORDER BY place LIMIT ?4"
	waiting    = "SELECT * FROM commands WHERE deployment = ?1 AND target = ?2 AND live = 2 ORDER BY place LIMIT ?4"
	lapsed     = "SELECT * FROM commands WHERE deployment = ?1 AND target = ?2 AND live = 3 AND until <= ?3 ORDER BY place LIMIT ?4"
	getKey     = "SELECT command FROM keys WHERE deployment = ? AND target = ? AND name = ? AND key = ? AND created > ?"
	setKey     = "INSERT OR REPLACE INTO keys (deployment, target, name, key, command, created) VALUES (?, ?, ?, ?, ?, ?)"
	shift      = "UPDATE commands SET until = until + ? WHERE live = 3"
	oldest     = "SELECT id, blobs FROM commands WHERE live = 0 AND finished < ? LIMIT ?"
	remove     = "DELETE FROM commands WHERE id = ?"
	removeBody = "DELETE FROM bodies WHERE id = ?"
	removeKeys = "DELETE FROM keys WHERE created < ?"

	putDeployment    = "INSERT OR REPLACE INTO deployments (id, name, created, daemons) VALUES (?, ?, ?, ?)"
	deleteDeployment = "DELETE FROM deployments WHERE id = ?"
	putToken         = "INSERT OR REPLACE INTO tokens (id, json) VALUES (?, ?)"
	deleteToken      = "DELETE FROM tokens WHERE id = ?"
	withBlobs        = "SELECT id FROM commands WHERE deployment = ? AND blobs"
	removeBodiesOf   = "DELETE FROM bodies WHERE id IN (SELECT id FROM commands WHERE deployment = ?)"
	removeOf         = "DELETE FROM commands WHERE deployment = ?"
	removeKeysOf     = "DELETE FROM keys WHERE deployment = ?"
)

var writeQueries = []string{touch, insert, insertBody, setParams, setAnswer, get, update, requeue, queue, getKey, setKey, shift, oldest, remove,
	removeBody, removeKeys, putDeployment, deleteDeployment, putToken, deleteToken, withBlobs, removeBodiesOf, removeOf, removeKeysOf}

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

type scanner interface{ Scan(...any) error }

// scan reads the columns, and what stands behind them.
func scan(row scanner, more ...any) (store.Command, error) {
	var c store.Command
	var until, deadline, created, finished int64
	err := row.Scan(append([]any{&c.ID, &c.Deployment, &c.Target.ResourceID, &c.Target.ResourceType, &c.Name, &c.State, &c.Attempt, &c.Holder,
		&until, &deadline, &created, &finished, &c.ErrorCode, &c.Blobs}, more...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return c, store.ErrNotFound
	}
	c.Until, c.Deadline, c.Created, c.Finished = fromMillis(until), fromMillis(deadline), fromMillis(created), fromMillis(finished)
	return c, err
}

// withParams reads a command of the queue.
func withParams(rows *sql.Rows) (store.Command, error) {
	var params sql.NullString
	c, err := scan(rows, &params)
	if err == nil {
		c.Params, err = fromText[wire.Body](params)
	}
	return c, err
}

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, c store.Command, since time.Time) (made store.Command, existing bool, err error) {
	params, err := text(c.Params)
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
	var id string
	err := t.row(getKey, c.Deployment, c.Target.ResourceID, c.Name, *c.Key, millis(since)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return c, store.ErrNotFound
	}
	if err != nil {
		return c, err
	}
	return scan(t.row(get, id))
}

// text is a body or response as it is stored: its JSON, or NULL.
func text[T any](v *T) (any, error) {
	if v == nil {
		return nil, nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

func fromText[T any](s sql.NullString) (*T, error) {
	if !s.Valid {
		return nil, nil
	}
	v := new(T)
	return v, json.Unmarshal([]byte(s.String), v)
}

// Command implements store.Store.
func (s *Store) Command(ctx context.Context, id string) (store.Command, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // state and response are of one moment
	if err != nil {
		return store.Command{}, err
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	c, err := scan(tx.QueryRowContext(ctx, get, id))
	if err != nil {
		return c, err
	}
	var params, response sql.NullString
	err = tx.QueryRowContext(ctx, "SELECT params, response FROM bodies WHERE id = ?", id).Scan(&params, &response)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return c, err
	}
	var err1, err2 error
	c.Params, err1 = fromText[wire.Body](params)
	c.Response, err2 = fromText[wire.Response](response)
	return c, errors.Join(err1, err2)
}

// Change implements store.Store.
func (s *Store) Change(ctx context.Context, id string, f func(*store.Command) error) (c store.Command, err error) {
	err = s.write(ctx, func(t *tx) error {
		if c, err = scan(t.row(get, id)); err != nil {
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
		if err := t.setBody(setParams, c.ID, c.Params); err != nil {
			return err
		}
	}
	if c.Response != nil {
		answer, err := text(c.Response)
		if err != nil {
			return err
		}
		if err := t.exec(setAnswer, c.ID, answer); err != nil {
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

func (t *tx) setBody(query, id string, body *wire.Body) error {
	value, err := text(body)
	if err != nil {
		return err
	}
	return t.exec(query, id, value)
}

// Lease implements store.Store.
func (s *Store) Lease(ctx context.Context, deployment, target string, now time.Time, max int, take func(*store.Command) bool) (taken []store.Command, err error) {
	err = s.write(ctx, func(t *tx) error {
		taken = nil
		for len(taken) < max {
			missing := max - len(taken)
			found, err := each(withParams)(t.query(queue, deployment, target, millis(now), missing))
			if err != nil {
				return err
			}
			for _, c := range found {
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
