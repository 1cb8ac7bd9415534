// Package state is the life of a command as pure functions: which states follow which, who holds it, and which attempt it is.
// Delivery is at least once; a terminal state never changes.
package state

import (
	"errors"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// Life is the part of a command that changes.
type Life struct {
	State   wire.State
	Attempt int64     // from 1
	Holder  string    // the lease that it was given out under last, "" when given back or answered
	Until   time.Time // when that lease runs out
	// Deadline is when it expires, zero for never. It binds until something is done about it: an answer that comes
	// late but first still counts.
	Deadline time.Time
}

// What cannot be done.
var (
	ErrTransition = errors.New("not in this state")
	ErrNoLease    = errors.New("the lease is not the live one")
)

// New is the life of a command that waits for its parameters, or is ready to be taken.
func New(upload bool, deadline time.Time) Life {
	l := Life{State: wire.Pending, Attempt: 1, Deadline: deadline}
	if upload {
		l.State = wire.PendingUpload
	}
	return l
}

// Held says whether a live lease keeps others away.
func (l *Life) Held(now time.Time) bool { return l.Holder != "" && now.Before(l.Until) }

// Expire ends it where its deadline has come, and says whether it did.
func (l *Life) Expire(now time.Time) bool {
	if l.State.Terminal() || l.Deadline.IsZero() || now.Before(l.Deadline) {
		return false
	}
	l.State = wire.Expired // its lease stays: it may still be given back
	return true
}

// Uploaded makes it ready to be taken once its parameters are there.
func (l *Life) Uploaded() error {
	if l.State != wire.PendingUpload {
		return ErrTransition
	}
	l.State = wire.Pending
	return nil
}

// Lease gives it to a holder and says whether it could: one that another holds, that is over or whose deadline has come (it
// expires) is not given out. One that was out already goes out as the next attempt.
func (l *Life) Lease(holder string, now, until time.Time) bool {
	if l.Expire(now) || l.Held(now) {
		return false
	}
	switch l.State {
	case wire.Pending:
	case wire.Dispatched:
		l.Attempt++
	default:
		return false
	}
	l.State, l.Holder, l.Until = wire.Dispatched, holder, until
	return true
}

// Release gives it back: the next lease is the next attempt. One that is over stays as it is.
func (l *Life) Release(holder string, now time.Time) error {
	if l.Holder != holder || !l.Held(now) {
		return ErrNoLease
	}
	l.Holder, l.Until = "", time.Time{}
	if l.State == wire.Dispatched {
		l.State = wire.Pending
		l.Attempt++
	}
	return nil
}

// Respond ends it with SUCCEEDED or FAILED, and says whether this answer is the one that counts: when it is over already, it
// is not.
func (l *Life) Respond(end wire.State) (bool, error) {
	switch {
	case l.State.Terminal():
		return false, nil
	case l.State != wire.Dispatched:
		return false, ErrTransition
	}
	l.State, l.Holder, l.Until = end, "", time.Time{}
	return true, nil
}
