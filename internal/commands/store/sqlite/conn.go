package sqlite

import (
	"errors"
	"fmt"
	"math"
	"strings"

	sqlite "zombiezen.com/go/sqlite" // SQLite in pure Go, so that the one binary stays without cgo

	"github.com/alienplatform/alien-go/internal/commands/store"
)

// conn is a connection to a file, for one goroutine at a time. Statements are prepared when they are first used, and kept. It is
// SQLite's own interface: through database/sql a statement costs more than SQLite needs for it.
type conn struct{ *sqlite.Conn }

// connect opens a file, or makes it.
func connect(path string) (conn, error) {
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenWAL)
	if err != nil {
		return conn{}, fmt.Errorf("cannot open %s: %w", path, err)
	}
	for _, pragma := range []string{"synchronous = FULL", "cache_size = -8000", "temp_store = MEMORY"} {
		if err := (conn{c}).exec("PRAGMA " + pragma); err != nil {
			return conn{}, errors.Join(fmt.Errorf("cannot open %s: %w", path, err), c.Close())
		}
	}
	return conn{c}, nil
}

// start prepares a statement and binds its arguments: text, whole numbers, booleans, or nil.
func (c conn) start(query string, args []any) (*sqlite.Stmt, error) {
	stmt, err := c.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("cannot prepare %q: %w", query, err)
	}
	for i, arg := range args {
		switch v := arg.(type) {
		case nil:
			stmt.BindNull(i + 1)
		case string:
			stmt.BindText(i+1, v)
		case int:
			stmt.BindInt64(i+1, int64(v))
		case int64:
			stmt.BindInt64(i+1, v)
		case bool:
			stmt.BindBool(i+1, v)
		default:
			return nil, fmt.Errorf("cannot bind a %T to %q", arg, query)
		}
	}
	return stmt, nil
}

// exec runs a statement that gives nothing.
func (c conn) exec(query string, args ...any) error {
	stmt, err := c.start(query, args)
	if err != nil {
		return err
	}
	_, err = stmt.Step()
	return errors.Join(err, stmt.Reset())
}

// script runs statements, one after the other.
func (c conn) script(text string) error {
	for text = strings.TrimSpace(text); text != ""; {
		stmt, rest, err := c.PrepareTransient(text)
		if err != nil {
			return err
		}
		_, err = stmt.Step()
		if err := errors.Join(err, stmt.Finalize()); err != nil {
			return err
		}
		text = strings.TrimSpace(text[len(text)-rest:])
	}
	return nil
}

// row is a row of a result; its columns are read from left to right.
type row struct {
	stmt *sqlite.Stmt
	at   int
}

func (r *row) next() int {
	r.at++
	return r.at - 1
}

func (r *row) text() string { return r.stmt.ColumnText(r.next()) }
func (r *row) int() int64   { return r.stmt.ColumnInt64(r.next()) }
func (r *row) bool() bool   { return r.stmt.ColumnInt64(r.next()) != 0 }

// bytes are those of a text, nil for NULL.
func (r *row) bytes() []byte {
	i := r.next()
	if r.stmt.ColumnIsNull(i) {
		return nil
	}
	b := make([]byte, r.stmt.ColumnLen(i))
	r.stmt.ColumnBytes(i, b)
	return b
}

// all reads every row.
func all[T any](c conn, read func(*row) (T, error), query string, args ...any) ([]T, error) {
	return first(c, math.MaxInt, read, query, args...)
}

// first reads at most n rows.
func first[T any](c conn, n int, read func(*row) (T, error), query string, args ...any) (found []T, err error) {
	stmt, err := c.start(query, args)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stmt.Reset()) }()
	for len(found) < n {
		more, err := stmt.Step()
		if err != nil || !more {
			return found, err
		}
		v, err := read(&row{stmt: stmt})
		if err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, nil
}

// one reads the first row; store.ErrNotFound where there is none.
func one[T any](c conn, read func(*row) (T, error), query string, args ...any) (T, error) {
	found, err := first(c, 1, read, query, args...)
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}

func text(r *row) (string, error)  { return r.text(), nil }
func number(r *row) (int64, error) { return r.int(), nil }
