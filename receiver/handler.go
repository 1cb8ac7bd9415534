package receiver

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// Command is what a handler is told of the command that it runs.
type Command struct {
	ID      string
	Name    string
	Attempt int64 // from 1; above 1 it was delivered before, and may have been run
	// TargetID and TargetType name the receiver.
	TargetID, TargetType string
	// Deadline is when the handler is given up: the command's own deadline, or shortly before its lease ends.
	Deadline time.Time
	// Traceparent and Tracestate are the W3C trace context of the sender; empty where there is none.
	Traceparent, Tracestate string
}

// HandlerFunc runs a command on raw bytes. Input is what the sender gave, by convention JSON; output goes back the same way,
// and nil is the JSON null.
//
// ctx ends when the command's time is up, and when the receiver stops and will not wait any longer; what the handler then
// returns is thrown away. Delivery is at least once: a handler must bear being run again for the same Command.ID.
//
// An error ends the command as failed, with the code HANDLER_ERROR, or the code of an *Error.
type HandlerFunc func(ctx context.Context, c Command, input []byte) (output []byte, err error)

// Error ends a command with a code of the handler's own.
type Error struct {
	Code    string // stable, for programs; empty is HANDLER_ERROR
	Message string
	Details string // optional
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Handle registers the handler of a command whose input and output are JSON. Input that is not the JSON of an In, and an
// output that has no JSON form, end the command with HANDLER_ERROR. It panics where the name is taken; see HandleFunc.
func Handle[In, Out any](r *Receiver, name string, handler func(ctx context.Context, c Command, in In) (Out, error)) {
	r.HandleFunc(name, func(ctx context.Context, c Command, input []byte) ([]byte, error) {
		var in In
		if err := json.Unmarshal(input, &in); err != nil {
			return nil, inputError(err)
		}
		out, err := handler(ctx, c, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	})
}

func inputError(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return errors.New("Command input is not valid JSON") // the wording of the protocol's other receivers
	}
	return errors.New("the command's input has the wrong shape: " + err.Error())
}

// errorResponse is how a handler's error ends its command.
func errorResponse(err error) wire.Response {
	response := wire.ErrorResponse(string(wire.HandlerError), err.Error())
	var own *Error
	if errors.As(err, &own) {
		response.Details = own.Details
		if own.Code != "" {
			response.Code = own.Code
		}
	}
	return response
}
