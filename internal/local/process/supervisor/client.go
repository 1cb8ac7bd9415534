package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// Client talks to the supervisor of a directory. Every call is a connection of its own, so it is safe for use by several
// goroutines, and there is nothing to close.
type Client struct {
	dir    string
	ensure func(context.Context) error // starts the supervisor where it is found to be gone
}

// StopOptions say how to stop.
type StopOptions struct {
	Grace  *time.Duration // instead of the instance's own; 0 kills at once
	ByHand bool           // a person asked for it: the observation says so
}

// Create records an instance. It is not wanted yet, and not started.
func (c *Client) Create(ctx context.Context, s Spec, role string) error {
	return c.simple(ctx, request{Op: opCreate, ID: s.ID, Spec: &s, Role: role})
}

// Start starts an instance and wants it from now on. It returns when the instance has been started, not when it is ready.
// A start that fails, with a *fact.Problem, leaves the instance unwanted. While another instance of the same daemon is
// wanted or still runs, it is refused.
func (c *Client) Start(ctx context.Context, id string) error {
	return c.simple(ctx, request{Op: opStart, ID: id})
}

// Stop ends an instance and wants it no longer: SIGTERM to all its processes, SIGKILL after the grace. It returns when
// nothing of it runs any more. A stop whose ctx ends goes on nevertheless; another one may shorten its grace.
func (c *Client) Stop(ctx context.Context, id string, o StopOptions) error {
	return c.simple(ctx, request{Op: opStop, ID: id, Grace: o.Grace, ByHand: o.ByHand})
}

// Restart stops an instance and starts it, also when the caller goes away meanwhile. It returns when it has been started.
func (c *Client) Restart(ctx context.Context, id string) error {
	return c.simple(ctx, request{Op: opRestart, ID: id})
}

// Remove stops an instance and removes all there is of it. What is not there is not an error.
func (c *Client) Remove(ctx context.Context, id string, o StopOptions) error {
	return c.simple(ctx, request{Op: opRemove, ID: id, Grace: o.Grace})
}

// Assign records another role of an instance.
func (c *Client) Assign(ctx context.Context, id, role string) error {
	return c.simple(ctx, request{Op: opAssign, ID: id, Role: role})
}

// List gives all instances of a stack, or of every one where stack is empty, sorted by stack, daemon and id.
func (c *Client) List(ctx context.Context, stack string) ([]Status, error) {
	r, err := c.ask(ctx, request{Op: opList, Stack: stack})
	return r.List, err
}

// Watch tells of every instance of a stack, or of all, and then of every change, until ctx ends or the supervisor is lost;
// the last pair then carries the error.
func (c *Client) Watch(ctx context.Context, stack string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		conn, err := c.dial(ctx)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		defer stop()
		if err = json.NewEncoder(conn).Encode(request{Protocol: protocol, Op: opWatch, Stack: stack}); err == nil {
			err = follow(conn, func(e Event) bool { return yield(e, nil) })
		}
		if err != nil && !errors.Is(err, errEnough) && ctx.Err() == nil {
			yield(Event{}, lost(err))
		}
	}
}

// errEnough ends a stream that nobody wants to go on.
var errEnough = errors.New("enough")

func follow(conn *os.File, yield func(Event) bool) error {
	in := json.NewDecoder(conn)
	for {
		var r response
		if err := in.Decode(&r); err != nil {
			return err
		}
		if r.Problem != nil {
			return r.Problem.problem()
		}
		if r.Event != nil && !yield(*r.Event) {
			return errEnough
		}
	}
}

func (c *Client) simple(ctx context.Context, r request) error {
	_, err := c.ask(ctx, r)
	return err
}

// ask makes one call. It is not made again where the connection is lost in the middle of it: it may have been made.
func (c *Client) ask(ctx context.Context, r request) (response, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return response{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answer, err := exchange(conn, r)
	if ctx.Err() != nil {
		return response{}, fmt.Errorf("cannot wait for the supervisor to %s: %w", r.Op, ctx.Err())
	}
	if err != nil {
		return response{}, lost(err)
	}
	if answer.Problem != nil {
		return response{}, answer.Problem.problem()
	}
	return answer, nil
}

func exchange(conn io.ReadWriter, r request) (response, error) {
	r.Protocol = protocol
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return response{}, err
	}
	var answer response
	err := json.NewDecoder(conn).Decode(&answer)
	return answer, err
}

// dial connects, and starts the supervisor where it is gone: it ends by itself when there is nothing to keep.
func (c *Client) dial(ctx context.Context) (*os.File, error) {
	conn, err := connect(ctx, c.dir)
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	if err := c.ensure(ctx); err != nil {
		return nil, err
	}
	if conn, err = connect(ctx, c.dir); err != nil {
		return nil, lost(err)
	}
	return conn, nil
}

// lost says that the supervisor went away during a call.
func lost(err error) error {
	var known *fact.Problem
	if errors.As(err, &known) {
		return known
	}
	return &fact.Problem{
		Reason:  fact.EngineUnreachable,
		Message: "the connection to the process supervisor was lost",
		Hint:    "run the command again: it starts the supervisor again, which takes over what runs",
		Err:     err,
	}
}
