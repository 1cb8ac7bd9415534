package deploy

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

// parallel is how many daemons are prepared, started or removed at once. Engines gain nothing from more than four calls at
// a time: more only lengthens how long each of the daemons is away. Waiting for readiness is not limited.
const parallel = 4

// defaultTimeout ends the waiting for a daemon where the caller names no time.
const defaultTimeout = 5 * time.Minute

// run is one Up, Down or Restart under way. Everything in it is settled before its daemons are acted on.
type run struct {
	platform   Platform
	stack      string
	events     *bus
	session    Session  // nil where nothing has to be changed
	watch      *watcher // nil where nothing has to be waited for
	slots      chan struct{}
	key        []byte
	timeout    time.Duration
	noWait     bool
	noRollback bool
	issue      func(context.Context, workload.Workload) (workload.Workload, error)
}

func newRun(p Platform, stack string, events *bus, timeout time.Duration) *run {
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return &run{platform: p, stack: stack, events: events, slots: make(chan struct{}, parallel), timeout: timeout, issue: asItIs}
}

func asItIs(_ context.Context, w workload.Workload) (workload.Workload, error) { return w, nil }

// locked does a piece of work under the stack's lock. The work's context also ends when the lock is lost.
func (r *run) locked(ctx context.Context, opts BeginOptions, work func(context.Context) (Report, error)) (Report, error) {
	session, err := r.platform.Begin(ctx, r.stack, r.tellLock(opts))
	if err != nil {
		return Report{}, because(ctx, err)
	}
	r.session = session
	held, release := underLock(ctx, session)
	defer release()
	report, err := work(held)
	last, cancel := r.closing(held)
	defer cancel()
	if cerr := session.Close(last); cerr != nil {
		r.events.emit(Event{Kind: KindWarning, Message: fmt.Sprintf("cannot let go of stack %s properly: %v", r.stack, cerr)})
	}
	return report, err
}

// tellLock turns what Begin has to say of the lock into events.
func (r *run) tellLock(opts BeginOptions) BeginOptions {
	onWait, onTakeover := opts.OnWait, opts.OnTakeover
	opts.OnWait = func(h LockHolder) {
		r.events.emit(Event{Kind: KindLockWait, Message: "waiting for " + h.String() + " to finish with this stack"})
		if onWait != nil {
			onWait(h)
		}
	}
	opts.OnTakeover = func(h LockHolder, why string) {
		r.events.emit(Event{Kind: KindTakeover, Message: "took over the lock of " + h.former() + ": " + why})
		if onTakeover != nil {
			onTakeover(h, why)
		}
	}
	return opts
}

// String names the holder for people.
func (h LockHolder) String() string {
	s := fmt.Sprintf("process %d on %s", h.PID, h.Host)
	if h.Command != "" {
		s = h.Command + " (" + s + ")"
	}
	return s + h.origin()
}

// former names a holder that is none any more. Why it is none tells its process, where that is known.
func (h LockHolder) former() string {
	return cmp.Or(h.Command, "a run") + " on " + h.Host + h.origin()
}

// origin is who began the run, and when.
func (h LockHolder) origin() (s string) {
	if h.User != "" {
		s += " by " + h.User
	}
	if !h.Since.IsZero() {
		s += " since " + h.Since.Format(time.TimeOnly)
	}
	return s
}

// closing gives the context of the last acts: they happen after an interrupt too, but then quickly.
func (r *run) closing(ctx context.Context) (context.Context, context.CancelFunc) {
	d := closeTimeout
	if ctx.Err() != nil {
		d = closeGrace
	}
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}

// steps pairs each change of a plan with what it is about.
func (r *run) steps(plan Plan, o Observed, ws []workload.Workload) []*step {
	steps := make([]*step, len(plan.Changes))
	for i, c := range plan.Changes {
		s := &step{run: r, change: c, budget: newBudget(r.timeout)}
		s.report = DaemonReport{Daemon: c.Daemon, Action: c.Action}
		for _, w := range ws {
			if w.Daemon == c.Daemon {
				s.work = w
			}
		}
		for _, d := range o.Daemons {
			if d.Daemon == c.Daemon {
				s.old, s.exists = d, true
			}
		}
		s.judgeOld()
		steps[i] = s
	}
	return steps
}

// each carries out the steps at once, and returns when all have ended.
func (r *run) each(ctx context.Context, steps []*step, act func(*step, context.Context)) {
	var names []string
	for _, s := range steps {
		if s.waits() {
			names = append(names, s.change.Daemon)
		}
	}
	if len(names) > 0 {
		watching, stop := context.WithCancel(context.WithoutCancel(ctx))
		r.watch = watchStack(watching, r.platform, r.stack, names)
		defer func() {
			stop()
			<-r.watch.done // whoever closes the platform next does not pull it away from under a watch
		}()
	}
	var all sync.WaitGroup
	for _, s := range steps {
		all.Go(func() {
			began := time.Now()
			act(s, ctx)
			s.report.Took = time.Since(began)
		})
	}
	all.Wait()
}

// conclude takes the last look and makes the report of it: what counts is what is there now, not what went well before.
func (r *run) conclude(ctx context.Context, plan Plan, steps []*step) (Report, error) {
	last, cancel := r.closing(ctx)
	defer cancel()
	final, err := r.platform.Observe(last, r.stack, nil)
	if err != nil {
		err = fmt.Errorf("cannot take the last look at stack %s: %w", r.stack, err)
	} else {
		for _, s := range steps {
			s.check(last, final)
		}
	}
	report := reportOf(plan, steps)
	if ctx.Err() != nil {
		return report, context.Cause(ctx)
	}
	return report, err
}

func reportOf(plan Plan, steps []*step) Report {
	report := Report{Plan: plan, Data: plan.KeptData, Daemons: []DaemonReport{}}
	for _, s := range steps {
		report.Daemons = append(report.Daemons, s.report)
	}
	return report
}
