// Package store says what the manager keeps and how it asks for it. storetest holds what every implementation has to do.
package store

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/state"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// ErrNotFound is what there is none of.
var ErrNotFound = errors.New("not found")

// Command is a command and everything that is kept of it. Times are kept to the millisecond.
type Command struct {
	ID         string // sorts by creation
	Deployment string
	Target     wire.Target
	Name       string
	Key        *string // idempotency, nil for none; it only counts when the command is created
	state.Life
	Created, Finished time.Time
	ErrorCode         string // of a failed one
	Blobs             bool   // there may be blobs of it
	// Params and Response are read by Command and, Params alone, by Lease. Elsewhere they are nil, which leaves what is stored
	// as it is.
	Params   *wire.Body
	Response *wire.Response
}

// Deployment is a registered deployment.
type Deployment struct {
	ID, Name string
	Created  time.Time
	Daemons  []string // in the order of declaration
}

// Token is a token as it is kept: without its secrets, of which only SHA-256 hashes are.
type Token struct {
	api.Token
	Hash     string
	OldHash  string    // of the secret before the last rotation, "" for none
	OldUntil time.Time // when that stops working
}

// Poll is when the daemon of a deployment last asked for commands.
type Poll struct {
	Deployment, Target string
	At                 time.Time
}

// Count is how many commands of a target are not over.
type Count struct{ Pending, InFlight int64 }

// Store keeps deployments, tokens and commands. Every change is durable when the call returns, and each is made whole or not at
// all. The functions that it is given decide and do nothing else: they may be called again, and must not call the store.
type Store interface {
	Registry
	// Create adds a command; ErrNotFound where its deployment is not registered. Where another of the same deployment, target, name and key was created after since, it gives that
	// one instead and true.
	Create(ctx context.Context, c Command, since time.Time) (Command, bool, error)
	// Command reads one, whole.
	Command(ctx context.Context, id string) (Command, error)
	// Change lets f change one. An error of f is given back and nothing changed.
	Change(ctx context.Context, id string, f func(*Command) error) (Command, error)
	// Lease offers the commands of a target that are out on no live lease to take, in the order in which they became ready,
	// until it has taken max. What take changes is stored whether it takes the command or not.
	Lease(ctx context.Context, deployment string, target string, now time.Time, max int, take func(*Command) bool) ([]Command, error)
	// Overdue lists commands that are not over and whose deadline has come, at most limit.
	Overdue(ctx context.Context, now time.Time, limit int) ([]string, error)
	// Lapsed lists deployments and targets with a lease that ran out after since, until now.
	Lapsed(ctx context.Context, since, now time.Time) ([][2]string, error)
	// Next is the earliest deadline, and lease to run out, after now of commands that are not over; zero for none.
	Next(ctx context.Context, now time.Time) (time.Time, error)
	// Shift moves the end of every lease, for when the clock has been moved.
	Shift(ctx context.Context, by time.Duration) error
	// Prune removes commands that were over before then, at most limit, and keys of commands created before keys. It gives
	// the number removed and the ids of those that may have blobs.
	Prune(ctx context.Context, finished, keys time.Time, limit int) (int, []string, error)
	// List reads the newest commands of a deployment, without parameters and response; state "" is any.
	List(ctx context.Context, deployment string, state wire.State, limit int) ([]Command, error)
	// Counts gives what is not over, by target.
	Counts(ctx context.Context, deployment string) (map[string]Count, error)
	// Ping says whether it works.
	Ping(ctx context.Context) error
	Close() error
}

// Registry is the part that changes rarely and is asked with every request.
type Registry interface {
	// PutDeployment registers one; tokens of daemons that it does not have are removed. One that exists keeps its time of creation.
	PutDeployment(ctx context.Context, d Deployment) (Deployment, error)
	Deployment(ctx context.Context, id string) (Deployment, error)
	Deployments(ctx context.Context) ([]Deployment, error) // by id
	// DeleteDeployment removes one with its tokens, polls and commands, and gives the ids of commands that may have blobs.
	DeleteDeployment(ctx context.Context, id string) ([]string, error)

	PutToken(ctx context.Context, t Token) error // adds or replaces
	Token(ctx context.Context, id string) (Token, error)
	// TokenOf finds a token by the hash of its secret, the old one included.
	TokenOf(ctx context.Context, hash string) (Token, error)
	Tokens(ctx context.Context, deployment string) ([]Token, error) // the oldest first; "" for all
	DeleteToken(ctx context.Context, id string) error

	// PutPolls replaces what is known of the daemons that are named; deployments that are not registered are left out.
	PutPolls(ctx context.Context, polls []Poll) error
	Polls(ctx context.Context) ([]Poll, error)
}

// Blobs keeps large bodies.
type Blobs interface {
	// Put takes in a body of at most max bytes. Where keep says yes, once it is durable, it becomes the blob in one step.
	Put(id, part string, body io.Reader, max int64, keep func(commit func() error) error) (int64, error)
	// Open gives a blob and its size, or ErrNotFound.
	Open(id, part string) (io.ReadSeekCloser, int64, error)
	// Remove forgets all blobs of a command.
	Remove(id string) error
}

// ErrTooLarge is a body past its limit.
var ErrTooLarge = errors.New("the body is too large")
