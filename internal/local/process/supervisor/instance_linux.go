package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
)

// instance is one daemon's instance. All that happens to it happens in one goroutine, loop: what clients ask for, exits,
// the outcomes of health checks, and times that have come.
type instance struct {
	*supervisor
	spec     Spec
	home     home
	log      *logFile
	commands chan command
	over     chan struct{} // closed when nothing serves it any more

	// The rest is loop's own.
	state    state
	fresh    bool          // it was never started: nothing of it is on the disk for sure
	broken   *fact.Problem // its files cannot be read: it can only be removed
	claimed  bool          // it is the one of its daemon that may run
	gone     bool
	running  *sandbox.Running
	exits    chan ended
	again    *time.Timer // until the next start
	kill     *time.Timer // until the grace is over
	stopping *stopping
	outbox   []func() // answers that are due
	probing
}

// ended is how a run ended.
type ended struct {
	exit fact.Exit
	err  error
}

// command is what a client asks for.
type command struct {
	request
	reply chan error // holds one
}

// stopping is a stop that has not come to its end.
type stopping struct {
	op      string
	then    func(*instance) error // what follows it
	replies []chan error
	until   time.Time // when it kills
}

func newInstance(s *supervisor, h home, spec Spec, st state) *instance {
	spec.Sandbox.Dir = string(h)
	i := &instance{supervisor: s, spec: spec, home: h, state: st, commands: make(chan command), exits: make(chan ended, 1), over: make(chan struct{})}
	i.again, i.kill, i.check = stopped(), stopped(), stopped()
	i.outcomes = make(chan outcome, 1)
	return i
}

// stopped is a timer that does not run.
func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// loop serves the instance until it is removed, or for good.
func (i *instance) loop(ctx context.Context) {
	for i.publish(); !i.gone; i.publish() {
		select {
		case <-ctx.Done():
			return
		case c := <-i.commands:
			i.obey(c)
		case e := <-i.exits:
			i.ended(e)
		case <-i.again.C:
			i.startAgain()
		case <-i.kill.C:
			i.killNow()
		case <-i.check.C:
			i.probe(ctx)
		case o := <-i.outcomes:
			i.probed(o)
		}
	}
}

// reply answers a client once the status that it will see is known to all.
func (i *instance) reply(to chan error, err error) {
	i.outbox = append(i.outbox, func() { to <- err })
}

// publish makes the status known, and answers the clients who waited for it.
func (i *instance) publish() {
	i.tell()
	for _, answer := range i.outbox {
		answer()
	}
	i.outbox = nil
}

// obey does what a client asks for. Its reply may come later.
func (i *instance) obey(c command) {
	if i.broken != nil && c.Op != opRemove {
		i.reply(c.reply, i.broken)
		return
	}
	switch c.Op {
	case opStart:
		i.reply(c.reply, i.wantStart())
	case opAssign:
		old := i.state.Role
		i.state.Role = c.Role
		i.reply(c.reply, i.saveOr(func() { i.state.Role = old }))
	case opStop:
		i.stop(c, func(*instance) error { return nil })
	case opRestart:
		i.stop(c, (*instance).wantStart)
	case opRemove:
		i.stop(c, (*instance).removeAll)
	default:
		i.reply(c.reply, fmt.Errorf("cannot %s an instance: the supervisor does not know how", c.Op))
	}
}

// saveOr records the state, and takes a change back that could not be recorded.
func (i *instance) saveOr(undo func()) error {
	err := i.save()
	if err != nil {
		undo()
		return stateProblem(i.dir, err)
	}
	return nil
}

// save records the state.
func (i *instance) save() error {
	if i.fresh {
		return i.home.note(i.state)
	}
	return i.home.save(i.state)
}

// wantStart starts an instance that does not run and wants it from now on.
func (i *instance) wantStart() error {
	switch {
	case i.stopping != nil:
		return &fact.Problem{Reason: fact.OperationFailed, Message: fmt.Sprintf("cannot start %s while it is being stopped", i.spec.Sandbox.Name)}
	case i.running != nil:
		return nil
	}
	if err := i.hub.claim(i.spec); err != nil {
		return err
	}
	i.again.Stop()
	i.claimed = true
	before := i.state
	i.state = state{Role: before.Role, Wanted: true, Exit: before.Exit, Started: before.Started, Restarts: before.Restarts}
	err := i.start()
	if err != nil {
		before.Trouble = troubleOf(err)
		before.Wanted, before.Process, before.Next = false, nil, time.Time{}
		i.state = before
		i.release()
		err = errors.Join(err, i.save())
	}
	return err
}

// release lets another instance of the daemon run.
func (i *instance) release() {
	if i.claimed {
		i.hub.release(i.spec)
		i.claimed = false
	}
}

// start starts a run. The state that says so is recorded before the process begins; a fresh instance is brought onto the
// disk while its root file system is built, and before anybody is told that it was started.
func (i *instance) start() error {
	if err := i.openLog(); err != nil {
		return stateProblem(i.dir, err)
	}
	out, err := i.openOutput()
	if err != nil {
		return stateProblem(i.dir, err)
	}
	settled := make(chan error, 1)
	i.gate <- struct{}{}
	i.running, err = sandbox.Start(i.spec.Sandbox, out.stdout, out.stderr, func(p sandbox.Process) error {
		before := i.state
		i.state.Process, i.state.Started, i.state.Next, i.state.Trouble, i.state.Unbegun = &p, p.At, time.Time{}, nil, false
		err := i.saveOr(func() { i.state = before })
		if err == nil && i.fresh {
			go func() { settled <- i.home.settle() }()
		} else {
			settled <- nil
		}
		return err
	})
	<-i.gate
	if err == nil {
		err = i.confirm(<-settled)
	}
	if err := errors.Join(err, out.closeEnds()); err != nil {
		out.drained()
		i.running, i.state.Process = nil, nil
		return err
	}
	i.follow(out)
	return nil
}

// confirm ends a first run that would not be known any more after a loss of power.
func (i *instance) confirm(settled error) error {
	if settled == nil {
		i.fresh = false
		return nil
	}
	killed := i.running.Kill()
	_, waited := i.running.Wait(context.Background())
	return errors.Join(stateProblem(i.dir, settled), killed, waited)
}

// follow waits for the end of the present run, and begins to check its health.
func (i *instance) follow(out *output) {
	running := i.running
	go func() {
		exit, err := running.Wait(context.Background())
		out.drained()
		i.exits <- ended{exit, err}
	}()
	i.beginChecks()
}

// ended takes in the end of a run.
func (i *instance) ended(e ended) {
	i.running = nil
	i.endChecks()
	i.kill.Stop()
	i.exited(e.exit, "exited")
	if e.err != nil {
		i.complain("cannot clean up after %s: %v", i.spec.Sandbox.Name, e.err)
	}
	if s := i.stopping; s != nil {
		i.stopping = nil
		i.release()
		// The process's end is on the disk before anything follows; where it cannot be, the record says of a process
		// that is gone that it runs, and who reads it finds out.
		_ = i.save()
		err := s.then(i)
		for _, r := range s.replies {
			i.reply(r, err)
		}
		return
	}
	i.goOn(e.exit.At)
}

// exited takes in how a process ended. One of a supervisor before this one may not have come as far as to be the daemon.
func (i *instance) exited(e fact.Exit, how string) {
	i.state.Process = nil
	i.state.Unbegun = e.Code < 0 && !sandbox.Began(string(i.home))
	if i.state.Unbegun {
		return
	}
	i.state.Exit = &e
	i.log.mark("%s with %s", how, exitText(e))
}

// goOn arranges what follows the end of a process that is wanted.
func (i *instance) goOn(at time.Time) {
	if !i.state.Unbegun {
		i.retreat(at.Sub(i.state.Started))
		return
	}
	i.state.Next = time.Now()
	i.again.Reset(0)
	_ = i.save() // the record that remains says of a process that never began that it runs, which comes to the same
}

// retreat arranges the next start.
func (i *instance) retreat(ran time.Duration) {
	delay := i.state.exited(ran, rand.Float64())
	i.state.Next = time.Now().Add(delay)
	i.again.Reset(delay)
	_ = i.save() // where that fails the restart does too, and says so
}

// startAgain starts a run after another one.
func (i *instance) startAgain() {
	before := i.state
	if !before.Unbegun {
		i.state.Restarts++
	}
	if err := i.start(); err != nil {
		i.state.Restarts, i.state.Unbegun = before.Restarts, before.Unbegun
		i.state.Trouble = troubleOf(err)
		i.retreat(0)
		return
	}
	if i.state.Restarts > 0 {
		i.log.mark("started again")
	}
}

// stop ends what runs, and then goes on.
func (i *instance) stop(c command, then func(*instance) error) {
	grace := i.spec.Grace
	if c.Grace != nil {
		grace = *c.Grace
	}
	if c.Op == opStop {
		before := i.state
		i.state.Wanted, i.state.ByHand, i.state.Next = false, c.ByHand, time.Time{}
		if err := i.saveOr(func() { i.state = before }); err != nil {
			i.reply(c.reply, err)
			return
		}
	}
	i.again.Stop()
	if i.running == nil {
		i.release()
		i.reply(c.reply, then(i))
		return
	}
	until := time.Now().Add(grace)
	if s := i.stopping; s != nil {
		s.replies = append(s.replies, c.reply)
		if s.op != opRemove { // what was asked for last is what follows; after a removal nothing can
			s.op, s.then = c.Op, then
		}
		if until.Before(s.until) {
			s.until = until
			i.kill.Reset(grace)
		}
		return
	}
	i.stopping = &stopping{op: c.Op, then: then, replies: []chan error{c.reply}, until: until}
	i.endChecks()
	if err := i.running.Terminate(); err != nil {
		i.complain("cannot stop %s: %v", i.spec.Sandbox.Name, err)
	}
	i.kill.Reset(grace)
}

// killNow ends a stop whose grace is over.
func (i *instance) killNow() {
	if i.running == nil {
		return
	}
	if err := i.running.Kill(); err != nil {
		i.complain("cannot kill %s: %v", i.spec.Sandbox.Name, err)
		i.kill.Reset(time.Second)
	}
}

// removeAll removes the instance, which does not run.
func (i *instance) removeAll() error {
	if i.broken != nil { // nobody knows whether it runs
		if err := sandbox.End(i.spec.Sandbox); err != nil {
			return err
		}
	}
	if i.log != nil {
		if err := i.log.close(); err != nil {
			return err
		}
	}
	if err := i.home.remove(); err != nil {
		return stateProblem(i.dir, err)
	}
	i.gone = true
	i.state.Wanted = false
	return nil
}

// complain says something to whoever reads the supervisor's own log.
func (*instance) complain(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().UTC().Format(time.RFC3339)+" "+format+"\n", args...)
}

// exitText says an exit the way people do.
func exitText(e fact.Exit) string {
	switch {
	case e.Code < 0:
		return "an unknown code, while no supervisor was there"
	case e.Signal != "":
		return fmt.Sprintf("code %d (%s)", e.Code, e.Signal)
	}
	return fmt.Sprintf("code %d", e.Code)
}
