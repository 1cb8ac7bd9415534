package process

import (
	"context"
	"fmt"
	"time"

	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

// take makes the calls of a list one after the other, and tells about each before it is made. Each can be made twice.
func (p *platform) take(ctx context.Context, steps []step, before ...func(step)) error {
	for _, s := range steps {
		for _, tell := range before {
			tell(s)
		}
		if err := p.steady(ctx, func(c *supervisor.Client) error { return call(ctx, c, s) }); err != nil {
			return err
		}
	}
	return nil
}

func call(ctx context.Context, c *supervisor.Client, s step) error {
	switch s.op {
	case opAssign:
		return c.Assign(ctx, s.id, s.role)
	case opStop:
		return c.Stop(ctx, s.id, supervisor.StopOptions{})
	case opEnd:
		return c.Stop(ctx, s.id, hurried(ctx))
	case opStart:
		return c.Start(ctx, s.id)
	case opRemove:
		return c.Remove(ctx, s.id, supervisor.StopOptions{})
	}
	return fmt.Errorf("cannot %s an instance: nobody knows how", s.op)
}

// hurried cuts an instance's stop grace where its context has a deadline.
func hurried(ctx context.Context) supervisor.StopOptions {
	if _, hurry := ctx.Deadline(); hurry {
		return supervisor.StopOptions{Grace: new(time.Duration)}
	}
	return supervisor.StopOptions{}
}
