package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// errDrained ends handlers that did not finish within the drain timeout.
var errDrained = errors.New("the receiver stops")

// work carries one lease out, and tells the log how it went.
func (r *Receiver) work(ctx context.Context, l wire.Lease) {
	o, ran := r.execute(ctx, l)
	if !ran || context.Cause(ctx) == errDrained {
		r.giveBack(ctx, l)
		return
	}
	err := r.submit(ctx, l, o)
	if err != nil && context.Cause(ctx) == errDrained {
		r.giveBack(ctx, l)
	}
	r.told(l, o.status(), err)
}

// execute runs a command's handler within its budget; false is a command that was broken off, and has to be given back.
func (r *Receiver) execute(ctx context.Context, l wire.Lease) (outcome, bool) {
	e := l.Envelope
	handler, ok := r.handlers[e.Command]
	if !ok {
		return failed(wire.UnknownCommand, fmt.Sprintf("this daemon has no command %q", e.Command)), true
	}
	end := budget(l, time.Now())
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	if ctx.Err() != nil {
		return timedOut(), context.Cause(ctx) != errDrained
	}
	done := make(chan outcome, 1) // a late result has a place, and nobody looks at it
	go func() { done <- r.handle(ctx, handler, r.command(l, end), e.Params) }()
	select {
	case o := <-done:
		if ctx.Err() == nil {
			return o, true
		}
	case <-ctx.Done():
	}
	return timedOut(), context.Cause(ctx) != errDrained
}

func timedOut() outcome {
	return failed(wire.HandlerTimeout, "the command was not done within its time")
}

// handle gets the input and runs the handler. A handler that panics has failed: delivering the command again would only
// have it panic again.
func (r *Receiver) handle(ctx context.Context, handler HandlerFunc, c Command, params wire.Body) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("Command handler panicked", "command", c.Name, "commandId", c.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			o = failed(wire.HandlerError, "the command's handler panicked; the daemon's log says where")
		}
	}()
	input, refused := parameters(ctx, params, r.transfers)
	if refused != nil {
		return outcome{response: *refused}
	}
	output, err := handler(ctx, c, input)
	if err != nil {
		return outcome{response: errorResponse(err)}
	}
	return succeeded(output)
}

func (r *Receiver) command(l wire.Lease, end time.Time) Command {
	c := Command{
		ID: l.CommandID, Name: l.Envelope.Command, Attempt: l.Attempt, Deadline: end,
		TargetID: r.manager.target.ResourceID, TargetType: string(r.manager.target.ResourceType),
	}
	if t := l.Envelope.TraceContext; t != nil {
		c.Traceparent, c.Tracestate = t.Traceparent, t.Tracestate
	}
	return c
}

// giveBack releases a lease, also when the receiver is on its way out.
func (r *Receiver) giveBack(ctx context.Context, l wire.Lease) {
	err := r.manager.release(context.WithoutCancel(ctx), l.LeaseID)
	if err != nil {
		r.log.Warn("Cannot release a command; it is delivered again when its lease ends", "commandId", l.CommandID, "leaseId", l.LeaseID, "error", err)
		return
	}
	r.log.Info("Command released", "commandId", l.CommandID, "leaseId", l.LeaseID)
}

// told is the one log event of a command.
func (r *Receiver) told(l wire.Lease, status string, err error) {
	attributes := []any{
		slog.String("commandId", l.CommandID), slog.String("leaseId", l.LeaseID),
		slog.String("targetId", r.manager.target.ResourceID), slog.String("targetType", string(r.manager.target.ResourceType)),
		slog.Int64("attempt", l.Attempt), slog.String("handlerStatus", status),
	}
	if d := l.Envelope.Deadline; !d.IsZero() {
		attributes = append(attributes, slog.Time("deadline", d.Time))
	}
	if err != nil {
		r.log.Warn("Command processed", append(attributes, slog.String("submitStatus", "failed"), slog.Any("error", err))...)
		return
	}
	r.log.Info("Command processed", append(attributes, slog.String("submitStatus", "submitted"))...)
}
