package deploy

import (
	"context"
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
	blind    bool // the watch ends with an error
	unclean  bool // until the next begin
	broke    map[string]*Problem
	command  string        // of the last begin
	active   int           // prepares under way
	peak     int           // the most there were
	slowPrep time.Duration // what a prepare takes
	slowUndo time.Duration // what an undo takes before it does anything
	slowLast time.Duration // what a start takes once the new instance runs
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
	case "sick", "stubborn-sick":
		set(func(o *Observation) { o.Health = Starting })
		if pass(stop, 1050*time.Millisecond) { // at no moment of a crash
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
	o := Observed{Key: f.key, Taken: f.taken, Images: map[string]string{}, Data: f.data, Unclean: f.unclean, Unresolved: f.broke}
	for _, w := range ws {
		if f.broke[w.Image] == nil {
			o.Images[w.Image] = "sha256:" + w.Image
		}
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
