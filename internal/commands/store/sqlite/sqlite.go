// Package sqlite keeps what the manager keeps in one SQLite file: write-ahead log, every commit on the disk before it is
// acknowledged. Reads run beside the one writer. Deployments and tokens are also held in memory, because every request asks
// for them; that is right because one process alone has the file.
package sqlite

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"sync"

	sqlite "zombiezen.com/go/sqlite"

	"github.com/alienplatform/alien-go/internal/commands/store"
)

//go:embed schema.sql
var schema string

//go:embed polls.sql
var polls string

// formats are the steps from an empty file to the format of this version; a file says how many of them it has behind it.
var formats = []string{schema, polls}

// ErrInUse says that another process has the file.
var ErrInUse = errors.New("another manager uses this state directory")

// Store implements store.Store.
type Store struct {
	registry
	lock    conn // holds the file for this process
	readers chan conn
	writer  conn
	place   int64 // last one given; the writer's

	ops     chan *op
	closing chan struct{}
	written chan struct{} // closed when the writer has ended
	once    sync.Once
}

var _ store.Store = (*Store)(nil)

// Open opens the file, or makes it. Only one process at a time may.
func Open(path string) (*Store, error) {
	s := &Store{ops: make(chan *op, batchMax), readers: make(chan conn, 4), closing: make(chan struct{}), written: make(chan struct{})}
	if err := s.open(path); err != nil {
		return nil, errors.Join(err, s.release())
	}
	go s.writes()
	return s, nil
}

func (s *Store) open(path string) error {
	if err := s.lockFile(path + ".lock"); err != nil {
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
	if s.writer, err = connect(path); err != nil {
		return err
	}
	if err := s.migrate(path); err != nil {
		return err
	}
	for range cap(s.readers) {
		c, err := connect(path)
		if err != nil {
			return err
		}
		s.readers <- c
	}
	return s.load()
}

// lockFile keeps other processes out, for as long as this one lives: a transaction on a file of its own that is never ended.
func (s *Store) lockFile(path string) error {
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return err
	}
	s.lock = conn{c}
	s.lock.SetBusyTimeout(0)
	err = s.lock.exec("BEGIN EXCLUSIVE")
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultBusy {
		return ErrInUse
	}
	return err
}

// read has one of the connections for reading; what one statement reads is of one moment.
func (s *Store) read(ctx context.Context, f func(conn) error) error {
	select {
	case c := <-s.readers:
		defer func() { s.readers <- c }()
		return f(c)
	case <-s.closing:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// migrate brings a file to the format of this version, and refuses one that a later version has made.
func (s *Store) migrate(path string) error {
	has, err := one(s.writer, number, "PRAGMA user_version")
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", path, err)
	}
	if has > int64(len(formats)) {
		return fmt.Errorf("%s has format %d; this version of alien knows format %d", path, has, len(formats))
	}
	for i, step := range formats[has:] {
		if err := s.writer.script(fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; COMMIT", step, int(has)+i+1)); err != nil {
			return fmt.Errorf("cannot bring %s to format %d: %w", path, int(has)+i+1, err)
		}
	}
	return nil
}

// load reads what is held in memory.
func (s *Store) load() (err error) {
	if s.place, err = one(s.writer, number, "SELECT coalesce(max(place), 0) FROM commands"); err != nil {
		return err
	}
	return s.registry.load(s.writer)
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
	conns := []conn{s.writer, s.lock}
	for range cap(s.readers) {
		select {
		case c := <-s.readers:
			conns = append(conns, c)
		default: // it was never opened
		}
	}
	for _, c := range conns {
		if c.Conn != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
