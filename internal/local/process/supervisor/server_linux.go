package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// supervisor is the process that keeps a directory's instances.
type supervisor struct {
	dir   string
	hub   *hub
	slots chan struct{} // health checks at once
	gate  chan struct{} // starts at once
	done  context.CancelFunc
	rest  *time.Timer // until it ends, while there is nothing to do
	tidy  *time.Timer // until it makes itself small, after something happened
	messy atomic.Bool // tidy runs

	mu        sync.Mutex
	instances map[string]*instance
	clients   int
	serving   bool
	ending    bool
	wait      sync.WaitGroup // for loops and connections
}

const (
	checksAtOnce = 8
	startsAtOnce = 4                      // each takes a thread, and Go never gives one back
	restAfter    = 2 * time.Second        // with nothing to do it ends after that time: the next command may come at once
	tidyAfter    = 3 * time.Second        // that something happened: what happens in between is done with as well
	acceptAgain  = 100 * time.Millisecond // after a client could not be accepted: there is no event for a file that became free
	requestLimit = 16 << 20               // bytes
)

// Stage does the work of the supervisor where this process was started as one. Its answer is then the process's exit code.
// Package stage calls it, on the process's first thread: the work is done on others, between which Go changes at less cost.
func Stage() (code int, stage bool) {
	if os.Args[0] != stageName || len(os.Args) != 2 {
		return 0, false
	}
	unix.CloseOnExec(3)
	served := make(chan int)
	go func() { served <- serveAt(os.Args[1], os.NewFile(3, "ready")) }()
	return <-served, true
}

// serveAt is serve, and gives the process's exit code.
func serveAt(dir string, ready *os.File) int {
	err := serve(dir, ready)
	if err == nil {
		return 0
	}
	_ = json.NewEncoder(ready).Encode(response{Problem: troubleOf(err)}) // nobody listens later
	fmt.Fprintln(os.Stderr, time.Now().UTC().Format(time.RFC3339), err)
	return 1
}

// serve is a supervisor's life. Where another one has the directory it ends at once.
func serve(dir string, ready *os.File) error {
	lock, err := takeLock(dir)
	if err != nil || lock == nil {
		return err
	}
	defer lock.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &supervisor{dir: dir, slots: make(chan struct{}, checksAtOnce), gate: make(chan struct{}, startsAtOnce), done: cancel, instances: map[string]*instance{}}
	s.rest, s.tidy = time.AfterFunc(restAfter, s.endIfIdle), time.AfterFunc(tidyAfter, s.tidyUp)
	defer s.tidy.Stop()
	s.hub = newHub(s.stir)
	ctx = endOnSignal(ctx)
	if err := s.restoreAll(ctx); err != nil {
		return stateProblem(dir, err)
	}
	listener, err := listen(dir)
	if err != nil {
		return stateProblem(dir, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	if err := errors.Join(json.NewEncoder(ready).Encode(response{Protocol: protocol, PID: os.Getpid()}), ready.Close()); err != nil {
		return fmt.Errorf("cannot say that the supervisor serves: %w", err)
	}
	s.mu.Lock()
	s.serving = true
	s.mu.Unlock()
	s.stir()
	s.accept(ctx, listener)
	s.wait.Wait()
	return nil
}

// takeLock makes this process the one supervisor of a directory; nil where there is one already.
func takeLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, stateProblem(dir, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, f.Close()
	}
	return f, err
}

// endOnSignal ends the supervisor, and not its daemons, when somebody asks for it. A hangup of a terminal is not ours.
func endOnSignal(ctx context.Context) context.Context {
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGPIPE)
	ctx, cancel := signal.NotifyContext(ctx, unix.SIGTERM)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// accept serves clients until the listener is closed, at the end of ctx.
func (s *supervisor) accept(ctx context.Context, l *os.File) {
	told := false
	for {
		conn, err := acceptNext(l)
		if ctx.Err() != nil {
			return
		}
		if err != nil { // too many open files: those who are served now will close some
			if !told {
				fmt.Fprintln(os.Stderr, time.Now().UTC().Format(time.RFC3339), "cannot accept a client:", err)
			}
			told = true
			select {
			case <-ctx.Done():
			case <-time.After(acceptAgain):
			}
			continue
		}
		told = false
		s.serveClient(ctx, conn)
	}
}

// serveClient does what a client wants, beside everything else.
func (s *supervisor) serveClient(ctx context.Context, conn *os.File) {
	if !s.enter() {
		_ = conn.Close()
		return
	}
	s.wait.Go(func() {
		defer s.leave()
		defer conn.Close()
		s.client(ctx, conn)
	})
}

// enter counts a client in, unless the supervisor is ending: the client then hears no greeting.
func (s *supervisor) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		s.clients++
	}
	return !s.ending
}

func (s *supervisor) leave() {
	s.mu.Lock()
	s.clients--
	s.mu.Unlock()
	s.stir()
}

// stir is called when something has happened: the rest begins again, and there is something to tidy up.
func (s *supervisor) stir() {
	s.rest.Reset(restAfter)
	if s.messy.CompareAndSwap(false, true) {
		s.tidy.Reset(tidyAfter)
	}
}

// tidyUp gives back the memory that was needed only for what has happened.
func (s *supervisor) tidyUp() {
	s.messy.Store(false)
	beSmall()
}

// endIfIdle ends the supervisor when there is nothing to do. From then on nobody is served.
func (s *supervisor) endIfIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving && s.clients == 0 && !s.hub.busy() {
		s.ending = true
		s.done()
	}
}

// client greets a client, and does what it asks for.
func (s *supervisor) client(ctx context.Context, conn *os.File) {
	out := json.NewEncoder(conn)
	if err := allowed(conn); err != nil {
		_ = out.Encode(response{Problem: troubleOf(err)})
		return
	}
	if err := out.Encode(response{Protocol: protocol, PID: os.Getpid()}); err != nil {
		return
	}
	left := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer left()
	var r request
	if err := json.NewDecoder(io.LimitReader(conn, requestLimit)).Decode(&r); err != nil {
		return // it only wanted to know whether we are there
	}
	if r.Op == opWatch {
		s.watch(ctx, conn, r.Stack)
		return
	}
	answer, err := s.answer(ctx, r)
	answer.Protocol, answer.Problem = protocol, troubleOf(err)
	_ = out.Encode(answer) // a client that has gone away does not want it
}

// allowed says whether a client may use the supervisor: its own user and root may.
func allowed(conn *os.File) error {
	who, err := peer(conn)
	if err != nil {
		return err
	}
	if int(who.Uid) != os.Geteuid() && who.Uid != 0 {
		return &fact.Problem{Reason: fact.EngineDenied, Message: "this process supervisor belongs to another user"}
	}
	return nil
}

// answer does what is asked for.
func (s *supervisor) answer(ctx context.Context, r request) (response, error) {
	switch r.Op {
	case opList:
		return response{List: s.hub.list(r.Stack)}, nil
	case opQuit:
		s.mu.Lock()
		s.ending = true
		s.mu.Unlock()
		s.done()
		return response{}, nil
	case opCreate:
		return response{}, s.create(ctx, r)
	}
	i := s.instance(r.ID)
	if i == nil {
		if r.Op == opRemove {
			return response{}, nil
		}
		return response{}, &fact.Problem{Reason: fact.NotFound, Message: "there is no instance " + r.ID}
	}
	return response{}, i.ask(ctx, r)
}

// ask hands a request to the instance and waits for its answer.
func (i *instance) ask(ctx context.Context, r request) error {
	c := command{request: r, reply: make(chan error, 1)}
	select {
	case i.commands <- c:
	case <-i.over:
		if r.Op == opRemove {
			return nil
		}
		return &fact.Problem{Reason: fact.NotFound, Message: "there is no instance " + r.ID + " any more"}
	case <-ctx.Done():
		return errEnding
	}
	select {
	case err := <-c.reply:
		return err
	case <-ctx.Done():
		return errEnding
	}
}

// errEnding is what clients hear whose request was not done before the supervisor ended.
var errEnding = &fact.Problem{Reason: fact.EngineUnreachable, Message: "the process supervisor is ending", Hint: "run the command again"}

func (s *supervisor) instance(id string) *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instances[id]
}

// create records a new instance.
func (s *supervisor) create(ctx context.Context, r request) error {
	if r.Spec == nil {
		return errors.New("cannot create an instance of nothing")
	}
	if err := validID(r.Spec.ID); err != nil {
		return err
	}
	st := state{Role: r.Role}
	h, err := makeHome(s.dir, *r.Spec, st)
	if err != nil {
		return stateProblem(s.dir, err)
	}
	i := newInstance(s, h, *r.Spec, st)
	i.fresh = true
	s.run(ctx, i)
	return nil
}

// run serves an instance from now on.
func (s *supervisor) run(ctx context.Context, i *instance) {
	s.mu.Lock()
	s.instances[i.spec.ID] = i
	s.mu.Unlock()
	i.tell() // known before who made it hears of it
	s.wait.Go(func() {
		i.loop(ctx)
		close(i.over)
		if i.gone {
			s.mu.Lock()
			delete(s.instances, i.spec.ID)
			s.mu.Unlock()
		}
	})
}

// watch streams events until the client goes away.
func (s *supervisor) watch(ctx context.Context, conn *os.File, stack string) {
	w := s.hub.watch(stack)
	defer s.hub.leave(w)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a client says nothing more: what can be read is its end
		_, _ = conn.Read(make([]byte, 1))
		cancel()
	}()
	out := json.NewEncoder(conn)
	for {
		for _, e := range w.take() {
			if err := out.Encode(response{Protocol: protocol, Event: &e}); err != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-w.more:
		}
	}
}
