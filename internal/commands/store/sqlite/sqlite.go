// Package sqlite keeps what the manager keeps in one SQLite file: write-ahead log, every commit on the disk before it is
// acknowledged. Reads run beside the one writer. Deployments and tokens are also held in memory, because every request asks
// for them; that is right because one process alone has the file.
package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // pure Go, so that the one binary stays without cgo

	"github.com/alienplatform/alien-go/internal/commands/store"
)

//go:embed schema.sql
var schema string

const schemaVersion = 1

// ErrInUse says that another process has the file.
var ErrInUse = errors.New("another manager uses this state directory")

// Store implements store.Store.
type Store struct {
	registry
	lock    *sql.DB // holds the file for this process, with held
	held    *sql.Conn
	db      *sql.DB // reads
	writing *sql.DB
	writer  *sql.Conn
	stmts   statements
	place   int64 // last one given; the writer's

	ops     chan *op
	closing chan struct{}
	written chan struct{} // closed when the writer has ended
	once    sync.Once
}

var _ store.Store = (*Store)(nil)

// Open opens the file, or makes it. Only one process at a time may.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{ops: make(chan *op, batchMax), closing: make(chan struct{}), written: make(chan struct{})}
	if err := s.open(ctx, path); err != nil {
		return nil, errors.Join(err, s.release())
	}
	go s.writes()
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	if err := s.lockFile(ctx, path+".lock"); err != nil {
		return err
	}
	// SQLite would make it readable for others.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if s.writing, err = connect(path, 1); err != nil {
		return err
	}
	if s.writer, err = s.writing.Conn(ctx); err != nil {
		return fmt.Errorf("cannot open %s: %w", path, err)
	}
	if err := s.migrate(ctx, path); err != nil {
		return err
	}
	if s.db, err = connect(path, 4); err != nil {
		return err
	}
	return errors.Join(s.prepare(ctx), s.load(ctx))
}

// lockFile keeps other processes out, for as long as this one lives: a transaction on a file of its own that is never ended.
func (s *Store) lockFile(ctx context.Context, path string) error {
	var err error
	if s.lock, err = sql.Open("sqlite", dsn(path, "busy_timeout(0)")); err != nil {
		return err
	}
	s.lock.SetMaxOpenConns(1)
	if s.held, err = s.lock.Conn(ctx); err == nil {
		_, err = s.held.ExecContext(ctx, "BEGIN EXCLUSIVE")
	}
	if err != nil && strings.Contains(err.Error(), "SQLITE_BUSY") {
		return ErrInUse
	}
	return err
}

func connect(path string, conns int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, "journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "cache_size(-8000)", "temp_store(MEMORY)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func dsn(path string, pragmas ...string) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return u.String()
}

// migrate makes the tables of a new file, and refuses one that a later version has made.
func (s *Store) migrate(ctx context.Context, path string) error {
	var version int
	if err := s.writer.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("cannot read %s: %w", path, err)
	}
	switch version {
	case schemaVersion:
		return nil
	case 0:
		_, err := s.writer.ExecContext(ctx, fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; COMMIT", schema, schemaVersion))
		return err
	}
	return fmt.Errorf("%s has format %d; this version of alien knows format %d", path, version, schemaVersion)
}

func (s *Store) prepare(ctx context.Context) error {
	s.stmts = statements{}
	for _, query := range writeQueries {
		stmt, err := s.writer.PrepareContext(ctx, query)
		if err != nil {
			return fmt.Errorf("cannot prepare %q: %w", query, err)
		}
		s.stmts[query] = stmt
	}
	return nil
}

// load reads what is held in memory.
func (s *Store) load(ctx context.Context) error {
	if err := s.writer.QueryRowContext(ctx, "SELECT coalesce(max(place), 0) FROM commands").Scan(&s.place); err != nil {
		return err
	}
	return s.registry.load(ctx, s.db)
}

// Ping implements store.Store: the writer has to work.
func (s *Store) Ping(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error { return t.exec(touch) })
}

// Close ends the writer, after what it has begun, and lets the file go.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.closing) })
	<-s.written
	return s.release()
}

func (s *Store) release() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	for _, conn := range []*sql.Conn{s.writer, s.held} {
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	for _, db := range []*sql.DB{s.db, s.writing, s.lock} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
