package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// The files in a supervisor's directory.
const (
	instancesDir = "instances"
	socketName   = "supervisor.sock"
	lockName     = "supervisor.lock" // held by the one supervisor through its life
	logName      = "supervisor.log"
	logFileName  = "log" // in an instance's directory
)

// How long a supervisor is given to come up, and how often it is looked for while another one of the same directory is on
// its way up or down: for that there is no event.
const (
	ensureAtMost = 15 * time.Second
	ensureAgain  = 10 * time.Millisecond
)

// EnsureRunning gives a client of a directory's supervisor, and starts that where it does not run. The first thing that a
// supervisor does is to take over the daemons of the one before.
func EnsureRunning(ctx context.Context, dir string) (*Client, error) {
	if err := needsLinux(); err != nil {
		return nil, err
	}
	c := &Client{dir: dir, ensure: func(ctx context.Context) error { return ensure(ctx, dir) }}
	return c, c.ensure(ctx)
}

// Empty says whether nothing was ever created in a directory, or all was removed again: then there is no reason to start
// its supervisor only to look.
func Empty(dir string) (bool, error) {
	entries, err := os.ReadDir(filepath.Join(dir, instancesDir))
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return len(entries) == 0, err
}

// ensure returns when a supervisor of our own version answers.
func ensure(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, ensureAtMost)
	defer cancel()
	again := time.NewTicker(ensureAgain)
	defer again.Stop()
	for {
		conn, version, err := greeted(ctx, dir)
		switch {
		case err == nil && version == protocol:
			return conn.Close()
		case err == nil:
			err = quit(conn)
		default:
			if err = launch(ctx, dir); err == nil {
				return nil
			}
		}
		var known *fact.Problem
		if errors.As(err, &known) {
			return known
		}
		select {
		case <-ctx.Done():
			return &fact.Problem{Reason: fact.EngineUnreachable, Message: "the process supervisor does not come up in " + dir,
				Hint: "read " + filepath.Join(dir, logName), Err: err}
		case <-again.C:
		}
	}
}

// connect gives a connection on which a supervisor of our version waits for a request.
func connect(ctx context.Context, dir string) (*os.File, error) {
	conn, version, err := greeted(ctx, dir)
	if err == nil && version != protocol {
		return nil, errors.Join(errors.New("the process supervisor is of another version"), conn.Close())
	}
	return conn, err
}

// greeted connects and reads the greeting. A supervisor that is about to end gives none: nothing was asked of it yet then,
// and it is as good as gone.
func greeted(ctx context.Context, dir string) (*os.File, int, error) {
	conn, err := dialSocket(ctx, dir)
	if err != nil {
		return nil, 0, err
	}
	var hello response
	if err = conn.SetDeadline(time.Now().Add(ensureAtMost / 3)); err == nil {
		err = json.NewDecoder(conn).Decode(&hello)
	}
	if err = errors.Join(err, conn.SetDeadline(time.Time{})); err != nil {
		return nil, 0, errors.Join(err, conn.Close())
	}
	if hello.Problem != nil {
		return nil, 0, errors.Join(hello.Problem.problem(), conn.Close())
	}
	return conn, hello.Protocol, nil
}

// quit asks a supervisor to end and to leave its daemons running.
func quit(conn *os.File) error {
	defer conn.Close()
	_, err := exchange(conn, request{Op: opQuit})
	return err
}
