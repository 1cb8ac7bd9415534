package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
)

// restore brings an instance of a supervisor before this one back: it takes over the process that runs, and starts what is
// wanted and does not.
func (s *supervisor) restore(h home) *instance {
	spec, st, err := h.load()
	i := newInstance(s, h, spec, st)
	if err != nil {
		i.broken = &fact.Problem{
			Reason:  fact.OperationFailed,
			Message: "cannot read the record of an instance: " + err.Error(),
			Hint:    "its process may run still; taking the daemon down ends it",
		}
		i.claimed = s.hub.claim(i.spec) == nil // so that no other one runs beside it
		return i
	}
	if !st.Wanted && st.Process == nil {
		return i
	}
	if err := s.hub.claim(i.spec); err != nil {
		i.broken = &fact.Problem{Reason: fact.OperationFailed, Message: err.Error()}
		return i
	}
	i.claimed = true
	if err := i.openLog(); err != nil {
		i.complain("cannot open the log of %s: %v", spec.Sandbox.Name, err)
	}
	i.revive()
	return i
}

// revive finds out what became of the recorded process.
func (i *instance) revive() {
	p := i.state.Process
	if p == nil { // it was waiting to be started again
		i.again.Reset(max(0, time.Until(i.state.Next)))
		return
	}
	running, err := sandbox.Adopt(i.spec.Sandbox, *p)
	switch {
	case err == nil:
		i.takeOver(running)
	case errors.Is(err, sandbox.ErrGone):
		i.missed()
	default: // it may run: to start another one could make two
		i.broken = &fact.Problem{Reason: fact.OperationFailed, Message: "cannot take over " + i.spec.Sandbox.Name, Err: err}
	}
}

// takeOver goes on with a process that another supervisor started.
func (i *instance) takeOver(running *sandbox.Running) {
	out := &output{}
	if err := i.readAgain(out); err != nil {
		i.complain("cannot read the output of %s: %v", i.spec.Sandbox.Name, err)
		out.done = make(chan struct{})
		close(out.done)
	}
	i.running = running
	i.follow(out)
	if !i.state.Wanted { // it was being stopped
		i.stop(command{request: request{Op: opStop, ByHand: i.state.ByHand}, reply: make(chan error, 1)}, func(*instance) error { return nil })
	}
}

// readAgain begins to read the output of a process that runs already.
func (i *instance) readAgain(o *output) error {
	if i.log == nil {
		return errors.New("its log is not open")
	}
	return o.read(i)
}

// missed takes in an end that nobody saw.
func (i *instance) missed() {
	now := time.Now()
	i.exited(fact.Exit{Code: -1, At: now}, "ended")
	if err := sandbox.End(i.spec.Sandbox); err != nil { // what it started may have outlived it
		i.broken = &fact.Problem{Reason: fact.OperationFailed, Message: fmt.Sprintf("cannot clean up after %s", i.spec.Sandbox.Name), Err: err}
		return
	}
	if !i.state.Wanted {
		i.release()
		_ = i.save() // the record that remains says the same to who can read what runs
		return
	}
	i.goOn(now)
}

// restoreAll brings all instances back. Nothing is served before.
func (s *supervisor) restoreAll(ctx context.Context) error {
	all, err := homes(s.dir)
	if err != nil {
		return err
	}
	for _, h := range all {
		s.run(ctx, s.restore(h))
	}
	s.wait.Go(func() { // the one before may have been killed before it had done it
		for _, h := range all {
			_ = h.settle() // a damaged one is told as such
		}
	})
	return nil
}
