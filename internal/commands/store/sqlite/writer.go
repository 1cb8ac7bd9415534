package sqlite

import (
	"context"
	"errors"
	"fmt"
)

// Writes go through one goroutine, which puts what has come in meanwhile into one transaction: the wait for the disk is
// shared, and there is never more than one writer.

const batchMax = 512

type op struct {
	run   func(*tx) error
	alone bool // others have to see what it did to the registry
	done  chan error
	err   error // what run said
}

// tx is the writer's connection within a transaction.
type tx struct {
	conn
	after []func() // to be done once it is durable
}

// refused is an error of the caller's own function: the transaction goes on without it.
type refused struct{ error }

// write runs a change and returns when it is durable, or has not happened. The change may be run more than once.
func (s *Store) write(ctx context.Context, run func(*tx) error) error {
	return s.do(ctx, &op{run: run, done: make(chan error, 1)})
}

// writeAlone is write in a transaction of its own.
func (s *Store) writeAlone(ctx context.Context, run func(*tx) error) error {
	return s.do(ctx, &op{run: run, alone: true, done: make(chan error, 1)})
}

func (s *Store) do(ctx context.Context, o *op) error {
	select {
	case s.ops <- o:
	case <-s.closing:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	err := <-o.done // not ctx: what has begun is waited for, so that the answer is the truth
	var r refused
	if errors.As(err, &r) {
		return r.error
	}
	return err
}

var errClosed = errors.New("the store is closed")

func (s *Store) writes() {
	defer close(s.written)
	for {
		select {
		case o := <-s.ops:
			batch, alone := s.gather(o)
			s.commitAll(batch)
			s.commitAll(alone)
		case <-s.closing:
			s.drain()
			return
		}
	}
}

func (s *Store) drain() {
	for {
		select {
		case o := <-s.ops:
			o.done <- errClosed
		default:
			return
		}
	}
}

// gather takes what waits already, up to one that has to be alone.
func (s *Store) gather(o *op) (batch, alone []*op) {
	for {
		if o.alone {
			return batch, []*op{o}
		}
		if batch = append(batch, o); len(batch) == batchMax {
			return batch, nil
		}
		select {
		case o = <-s.ops:
		default:
			return batch, nil
		}
	}
}

// commitAll makes one transaction of a batch. Where that fails, each is tried alone, so that one cannot spoil the others.
func (s *Store) commitAll(batch []*op) {
	if len(batch) == 0 {
		return
	}
	err := s.commit(batch)
	if err != nil && len(batch) > 1 {
		for _, o := range batch {
			s.commitAll([]*op{o})
		}
		return
	}
	for _, o := range batch {
		o.done <- errors.Join(err, o.err)
	}
}

func (s *Store) commit(batch []*op) error {
	if err := s.writer.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("cannot begin to write: %w", err)
	}
	t := &tx{conn: s.writer}
	for _, o := range batch {
		o.err = o.run(t)
		var r refused
		if o.err != nil && !errors.As(o.err, &r) {
			err := fmt.Errorf("cannot write: %w", o.err)
			o.err = nil
			return s.rollback(err)
		}
	}
	if err := s.writer.exec("COMMIT"); err != nil {
		return s.rollback(fmt.Errorf("cannot write: %w", err))
	}
	for _, f := range t.after {
		f()
	}
	return nil
}

// rollback undoes a transaction because of an error, and gives that. Where the disk is full SQLite has done it already, so its own
// error says nothing.
func (s *Store) rollback(why error) error {
	_ = s.writer.exec("ROLLBACK")
	return why
}
