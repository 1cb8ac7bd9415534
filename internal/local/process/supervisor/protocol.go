package supervisor

import (
	"errors"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// protocol is the version of what goes over the socket and of the state files. A supervisor of another version makes way
// for one of the command's own.
const protocol = 1

// What a client can ask for.
const (
	opQuit    = "quit" // end, and leave all daemons running for the next supervisor
	opCreate  = "create"
	opStart   = "start"
	opStop    = "stop"
	opRestart = "restart"
	opRemove  = "remove"
	opAssign  = "assign"
	opList    = "list"
	opWatch   = "watch"
)

// request is one line from a client. There is one on each connection.
type request struct {
	Protocol int    `json:"protocol"`
	Op       string `json:"op"`
	ID       string `json:"id,omitempty"`
	Stack    string `json:"stack,omitempty"`
	Role     string `json:"role,omitempty"`
	Spec     *Spec  `json:"spec,omitempty"`
	// Grace replaces the instance's own where it is not nil.
	Grace  *time.Duration `json:"grace,omitempty"`
	ByHand bool           `json:"byHand,omitempty"`
}

// response is a line to a client. The first one is a greeting, with the protocol alone: a supervisor that has given it
// takes the request. Then there is one answer, or a watch's events.
type response struct {
	Protocol int      `json:"protocol"`
	PID      int      `json:"pid,omitempty"` // of the supervisor
	Problem  *trouble `json:"problem,omitempty"`
	List     []Status `json:"list,omitempty"`
	Event    *Event   `json:"event,omitempty"`
}

// trouble is an error on its way over the socket, or into a file.
type trouble struct {
	Reason  fact.Reason `json:"reason"`
	Message string      `json:"message"`
	Hint    string      `json:"hint,omitempty"`
	Cause   string      `json:"cause,omitempty"`
}

// troubleOf makes an error portable; nil of none.
func troubleOf(err error) *trouble {
	if err == nil {
		return nil
	}
	var p *fact.Problem
	if !errors.As(err, &p) {
		return &trouble{Reason: fact.OperationFailed, Message: err.Error()}
	}
	t := &trouble{Reason: p.Reason, Message: p.Message, Hint: p.Hint}
	if p.Err != nil {
		t.Cause = p.Err.Error()
	}
	return t
}

// problem is the error again; nil of none.
func (t *trouble) problem() *fact.Problem {
	if t == nil {
		return nil
	}
	p := &fact.Problem{Reason: t.Reason, Message: t.Message, Hint: t.Hint}
	if t.Cause != "" {
		p.Err = errors.New(t.Cause)
	}
	return p
}

// told is the problem for an Observation that goes over the socket: an error inside it would not arrive.
func (t *trouble) told() *fact.Problem {
	p := t.problem()
	if p != nil && p.Err != nil {
		p.Message, p.Err = p.Error(), nil
	}
	return p
}
