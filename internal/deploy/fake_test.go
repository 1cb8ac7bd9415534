package deploy

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

// fake is a platform in memory. How an instance behaves is written in its image's name: see behave. It keeps the rules
// that the contract gives a platform, and records when anybody breaks one: two instances of a daemon at once, a change
// without the lock.
type fake struct {
	mu       sync.Mutex
	daemons  map[string]*fakeDaemon
	data     []Data
	key      []byte
	taken    map[string]string
	watchers []chan struct{}
	log      map[int][]Observation // by watcher
	calls    []string
	broken   []string
	locked   bool
	lost     chan struct{}
	lostAt   time.Time
	nextID   int
	running  sync.WaitGroup
	blind    bool          // the watch ends with an error
	active   int           // prepares under way
	peak     int           // the most there were
	slowPrep time.Duration // what a prepare takes
	// hook is asked before each call and, in Start, between the end of the old and the start of the new instance. An error
	// is what the call answers.
	hook func(call string) error
}

type fakeDaemon struct{ current, kept, prepared *instance }

type instance struct {
	Observation
	w     workload.Workload
	fp    workload.Fingerprint
	key   []byte
	stop  chan struct{} // closed to end it; nil while it does not run
	gone  chan struct{} // closed when it has ended
	kill  chan struct{} // closed to cut its grace short
	byUs  bool          // ended by Start or Restart, and not yet replaced
	grace time.Duration // what it takes to end
}

func newFake(t *testing.T) *fake {
	f := &fake{daemons: map[string]*fakeDaemon{}, log: map[int][]Observation{}, taken: map[string]string{}}
	t.Cleanup(func() {
		for _, problem := range f.broken {
			t.Errorf("rule broken: %s", problem)
		}
	})
	return f
}

// close ends all instances, so that the bubble can end.
func (f *fake) close() {
	f.mu.Lock()
	for _, d := range f.daemons {
		for _, i := range []*instance{d.current, d.kept} {
			f.end(context.Background(), i, false)
		}
	}
	f.mu.Unlock()
	f.running.Wait()
}

// call records a call and answers with what the hook says.
func (f *fake) call(format string, args ...any) error {
	name := fmt.Sprintf(format, args...)
	f.mu.Lock()
	f.calls = append(f.calls, name)
	hook := f.hook
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(name)
}

func (f *fake) called(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, c := range f.calls {
		if strings.HasPrefix(c, prefix) {
			out = append(out, c)
		}
	}
	return out
}

func (f *fake) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = nil
}

func (f *fake) daemon(name string) *fakeDaemon {
	if f.daemons[name] == nil {
		f.daemons[name] = &fakeDaemon{}
	}
	return f.daemons[name]
}

// launch starts an instance. f.mu is held.
func (f *fake) launch(i *instance) {
	d := f.daemon(i.Daemon)
	for _, other := range []*instance{d.current, d.kept} {
		if other != nil && other != i && other.stop != nil {
			f.broken = append(f.broken, fmt.Sprintf("%s: %s starts while %s runs", i.Daemon, i.Instance, other.Instance))
		}
	}
	if i.stop != nil {
		f.broken = append(f.broken, i.Instance+" is started twice")
	}
	i.stop, i.gone, i.kill, i.byUs = make(chan struct{}), make(chan struct{}), make(chan struct{}), false
	i.State, i.ByHand, i.StartedAt, i.Health = Running, false, time.Now(), NoCheck
	stop, gone, kill := i.stop, i.gone, i.kill
	f.running.Go(func() {
		defer close(gone)
		f.behave(i, stop)
		<-stop
		select {
		case <-time.After(i.grace):
		case <-kill:
		}
	})
}

// end makes an instance end, within its grace or until ctx ends, and waits for it. f.mu is held, and let go of meanwhile.
func (f *fake) end(ctx context.Context, i *instance, byUs bool) {
	if i == nil || i.stop == nil {
		return
	}
	stop, gone, kill := i.stop, i.gone, i.kill
	i.stop = nil
	close(stop)
	f.mu.Unlock()
	select {
	case <-gone:
	case <-ctx.Done():
		close(kill)
		<-gone
	}
	f.mu.Lock()
	i.State, i.ByHand, i.byUs = Stopped, true, byUs
	f.tell(i)
}

// behave is the life of an instance: its image says how it goes.
func (f *fake) behave(i *instance, stop chan struct{}) {
	kind, _, _ := strings.Cut(i.w.Image, ":")
	set := func(change func(*Observation)) {
		f.mu.Lock()
		defer f.mu.Unlock()
		change(&i.Observation)
		f.tell(i)
	}
	crash := func(times int, e Exit) bool {
		for n := 1; n <= times; n++ {
			if !pass(stop, 100*time.Millisecond) {
				return false
			}
			e.At = time.Now()
			exit := e
			set(func(o *Observation) { o.State, o.LastExit = BackOff, &exit })
			if !pass(stop, 200*time.Millisecond) {
				return false
			}
			set(func(o *Observation) { o.State, o.StartedAt, o.Restarts = Running, time.Now(), o.Restarts+1 })
		}
		return true
	}
	switch set(func(*Observation) {}); kind {
	case "crash":
		crash(1000, Exit{Code: 7})
	case "crash2":
		crash(2, Exit{Code: 7})
	case "zero":
		crash(1000, Exit{})
	case "oom":
		crash(1000, Exit{Code: 137, Signal: "SIGKILL", OOM: true})
	case "slow": // never healthy, never failing
		set(func(o *Observation) { o.Health = Starting })
	case "sick":
		set(func(o *Observation) { o.Health = Starting })
		if pass(stop, time.Second) {
			set(func(o *Observation) {
				o.Health, o.Probe = Unhealthy, &Probe{Code: 3, Output: "no database", At: time.Now()}
			})
		}
	}
}

// pass lets time pass; it answers false when the instance is stopped meanwhile.
func pass(stop chan struct{}, d time.Duration) bool {
	select {
	case <-stop:
		return false
	case <-time.After(d):
		return true
	}
}

// tell sends a look at an instance to the watchers, if it is its daemon's current one. f.mu is held.
func (f *fake) tell(i *instance) {
	if f.daemon(i.Daemon).current == i {
		f.send(i.Observation)
	}
}

func (f *fake) send(o Observation) {
	for n, w := range f.watchers {
		f.log[n] = append(f.log[n], o)
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (f *fake) Place() string { return "memory" }
func (f *fake) Close() error  { return nil }

func (f *fake) Stacks(context.Context) ([]StackSummary, error) { return nil, nil }

func (f *fake) Observe(ctx context.Context, _ string, ws []workload.Workload) (Observed, error) {
	if err := f.call("observe"); err != nil {
		return Observed{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	o := Observed{Key: f.key, Taken: f.taken, Images: map[string]string{}, Data: f.data}
	for _, w := range ws {
		o.Images[w.Image] = "sha256:" + w.Image
	}
	for _, name := range slices.Sorted(maps.Keys(f.daemons)) {
		d := f.daemons[name]
		i := d.current
		if i == nil {
			i = d.kept
		}
		if i == nil {
			continue
		}
		o.Daemons = append(o.Daemons, Daemon{
			Observation: i.Observation, Hash: i.fp.Hash, Fields: i.fp.Fields, Key: i.key, Image: i.w.Image,
			ImageID: "sha256:" + i.w.Image, Settle: i.w.Settle, Unfinished: d.kept != nil,
		})
	}
	return o, ctx.Err()
}

func (f *fake) Watch(ctx context.Context, _ string, opts WatchOptions) iter.Seq2[Observation, error] {
	return func(yield func(Observation, error) bool) {
		f.mu.Lock()
		n, news := len(f.watchers), make(chan struct{}, 1)
		f.watchers = append(f.watchers, news)
		for _, name := range slices.Sorted(maps.Keys(f.daemons)) {
			if i := f.daemons[name].current; i != nil {
				f.log[n] = append(f.log[n], i.Observation)
			}
		}
		f.mu.Unlock()
		for first := true; ; first = false {
			f.mu.Lock()
			looks, blind := f.log[n], f.blind
			f.log[n] = nil
			f.mu.Unlock()
			for _, o := range looks {
				if !yield(o, nil) {
					return
				}
			}
			if first {
				opts.OnSync()
			}
			if blind {
				yield(Observation{}, &Problem{Reason: EngineUnreachable, Message: "the engine went away"})
				return
			}
			select {
			case <-news:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (f *fake) Logs(_ context.Context, _, daemon string, q LogQuery) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		if f.call("logs %s %s", daemon, q.Instance) == nil {
			yield(LogLine{Daemon: daemon, Text: "last words of " + q.Instance}, nil)
		}
	}
}

func (f *fake) Begin(ctx context.Context, _ string, opts BeginOptions) (Session, error) {
	if err := f.call("begin"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if f.locked {
		return nil, &Problem{Reason: LockHeld, Message: "held"}
	}
	f.locked, f.lost, f.lostAt = true, make(chan struct{}), time.Time{}
	if f.key == nil {
		f.key = opts.Key
	}
	for _, d := range f.daemons {
		f.heal(d)
	}
	return &fakeSession{fake: f}, nil
}

// heal puts right what a run left that died in the middle of a Start or an Undo.
func (f *fake) heal(d *fakeDaemon) {
	d.prepared = nil
	if d.current == nil {
		d.current, d.kept = d.kept, nil
	}
	if d.current != nil && d.current.byUs {
		f.launch(d.current)
	}
}

type fakeSession struct{ *fake }

// change does one step of a session, under the mutex, if the hook and the context let it.
func (s *fakeSession) change(ctx context.Context, name, daemon string, work func(*fakeDaemon) error) error {
	if err := s.call("%s %s", name, daemon); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lostAt.IsZero() && time.Now().After(s.lostAt) { // a call of the same moment cannot know yet
		s.broken = append(s.broken, name+" "+daemon+" after the lock was lost")
	}
	if !s.locked {
		s.broken = append(s.broken, name+" "+daemon+" without the lock")
	}
	return work(s.daemon(daemon))
}

func (s *fakeSession) Prepare(ctx context.Context, w workload.Workload, fp workload.Fingerprint, report func(Progress)) error {
	s.mu.Lock()
	s.active++
	s.peak = max(s.peak, s.active)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.active--; s.mu.Unlock() }()
	report(Progress{Phase: Pulling, Current: 1, Total: 2})
	select {
	case <-time.After(s.slowPrep):
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.change(ctx, "prepare", w.Daemon, func(d *fakeDaemon) error {
		if strings.HasPrefix(w.Image, "missing") {
			return &Problem{Reason: ImageNotFound, Message: "no image " + w.Image}
		}
		s.nextID++
		id := fmt.Sprintf("%s#%d", w.Daemon, s.nextID)
		d.prepared = &instance{w: w, fp: fp, key: s.key, Observation: Observation{Daemon: w.Daemon, Instance: id, State: Created}}
		if strings.HasPrefix(w.Image, "stubborn") {
			d.prepared.grace = w.StopGrace
		}
		return nil
	})
}

func (s *fakeSession) Start(ctx context.Context, daemon string, keep bool, report func(Progress)) error {
	return s.change(ctx, fmt.Sprintf("start(keep=%v)", keep), daemon, func(d *fakeDaemon) error {
		report(Progress{Phase: Stopping})
		s.end(ctx, d.current, true)
		s.mu.Unlock()
		err := s.call("stopped %s", daemon)
		s.mu.Lock()
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if keep && d.kept == nil {
			d.kept = d.current
		}
		if d.kept != nil {
			d.kept.byUs = true
		}
		d.current, d.prepared = d.prepared, nil
		report(Progress{Phase: Launching})
		if strings.HasPrefix(d.current.w.Image, "badcommand") {
			return &Problem{Reason: CommandNotFound, Message: "no such command"}
		}
		s.launch(d.current)
		return nil
	})
}

func (s *fakeSession) Commit(ctx context.Context, daemon string) error {
	return s.change(ctx, "commit", daemon, func(d *fakeDaemon) error { d.kept = nil; return nil })
}

func (s *fakeSession) Undo(ctx context.Context, daemon string) error {
	return s.change(ctx, "undo", daemon, func(d *fakeDaemon) error {
		d.prepared = nil
		if d.kept == nil && (d.current == nil || !d.current.byUs) {
			return ErrNothingKept
		}
		if d.kept != nil {
			s.end(ctx, d.current, false)
			d.current, d.kept = d.kept, nil
		}
		s.launch(d.current)
		return nil
	})
}

func (s *fakeSession) Remove(ctx context.Context, daemon string) error {
	return s.change(ctx, "remove", daemon, func(d *fakeDaemon) error {
		if d.current != nil {
			s.mu.Unlock()
			select {
			case <-time.After(d.current.grace):
			case <-ctx.Done():
			}
			s.mu.Lock()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d.current.grace = 0
		}
		s.end(context.Background(), d.current, false)
		if d.current != nil {
			s.send(Observation{Daemon: daemon, Instance: d.current.Instance, State: Gone})
		}
		delete(s.daemons, daemon)
		return nil
	})
}

func (s *fakeSession) Restart(ctx context.Context, daemon string, _ func(Progress)) error {
	return s.change(ctx, "restart", daemon, func(d *fakeDaemon) error {
		s.end(ctx, d.current, true)
		s.mu.Unlock()
		<-time.After(time.Millisecond)
		s.mu.Lock()
		s.launch(d.current)
		return nil
	})
}

func (s *fakeSession) RemoveData(ctx context.Context, name string) error {
	return s.change(ctx, "data", name, func(*fakeDaemon) error {
		delete(s.daemons, name) // change made an empty one
		s.data = slices.DeleteFunc(s.data, func(d Data) bool { return d.Name == name })
		return nil
	})
}

// lose takes the lock away, and gives the run a moment to notice.
func (f *fake) lose() {
	f.mu.Lock()
	f.lostAt = time.Now()
	close(f.lost)
	f.mu.Unlock()
	<-time.After(time.Millisecond)
}

func (s *fakeSession) Lost() <-chan struct{} { return s.lost }

func (s *fakeSession) Close(context.Context) error {
	err := s.call("close")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locked = false
	for _, d := range s.daemons {
		d.prepared = nil
	}
	return err
}
