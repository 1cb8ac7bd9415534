package progress

import (
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
)

// Mode is how progress is shown.
type Mode string

// The modes.
const (
	TTY   Mode = "tty"
	Plain Mode = "plain"
	Quiet Mode = "quiet"
)

const (
	redrawEvery    = 200 * time.Millisecond
	heartbeatEvery = 15 * time.Second
)

// Reporter takes the events of a change in. Event may be called from several goroutines; after Close nothing is written.
type Reporter interface {
	Event(deploy.Event)
	Close()
}

// New begins to report to w. size tells the terminal's width and height at the moment; only TTY asks it.
func New(m Mode, w io.Writer, theme ui.Theme, size func() (width, height int)) Reporter {
	switch m {
	case Quiet:
		return quiet{}
	case TTY:
		s := &screen{w: w, theme: theme, size: size}
		s.loop = every(redrawEvery, s.draw)
		return s
	default:
		l := &lines{w: w}
		l.loop = every(time.Second, l.beat)
		return l
	}
}

type quiet struct{}

func (quiet) Event(deploy.Event) {}
func (quiet) Close()             {}

// loop calls a function at intervals until it is stopped.
type loop struct {
	stop chan struct{}
	done sync.WaitGroup
}

func every(d time.Duration, f func(now time.Time)) *loop {
	l := &loop{stop: make(chan struct{})}
	l.done.Go(func() {
		t := time.NewTicker(d)
		defer t.Stop()
		for {
			select {
			case <-l.stop:
				return
			case now := <-t.C:
				f(now)
			}
		}
	})
	return l
}

func (l *loop) end() {
	close(l.stop)
	l.done.Wait()
}

// lines prints a line for every change, and a heartbeat when there has been none for long.
type lines struct {
	mu    sync.Mutex
	w     io.Writer
	model Model
	last  time.Time
	loop  *loop
}

func (l *lines) Event(e deploy.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.model.Apply(e); s != "" {
		l.print(e.Time, s)
	}
	if l.last.IsZero() {
		l.last = e.Time
	}
}

func (l *lines) beat(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.IsZero() || now.Sub(l.last) < heartbeatEvery {
		return
	}
	if s := l.model.Waiting(now); s != "" {
		l.print(now, s)
	}
}

// print writes a line. Nobody is told when that fails: a closed standard error must not end a deployment.
func (l *lines) print(at time.Time, s string) {
	l.last = at
	_, _ = fmt.Fprintln(l.w, s)
}

func (l *lines) Close() { l.loop.end() }

// screen redraws one block of lines in place; notes scroll away above it.
type screen struct {
	mu    sync.Mutex
	w     io.Writer
	theme ui.Theme
	size  func() (width, height int)
	model Model
	notes []string
	shown []string
	loop  *loop
}

func (s *screen) Event(e deploy.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := s.model.Apply(e)
	if isNote(e) && line != "" {
		s.notes = append(s.notes, line)
	}
}

// draw writes the difference to what is shown in a single write, so that the terminal never shows half a frame.
func (s *screen) draw(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	width, height := s.size()
	s.show(s.model.Frame(now, width, height-1, s.theme))
}

func (s *screen) show(frame []string) {
	if len(s.notes) == 0 && slices.Equal(frame, s.shown) {
		return
	}
	_, _ = io.WriteString(s.w, ui.Redraw(len(s.shown), slices.Concat(s.notes, frame)))
	s.shown, s.notes = frame, nil
}

// Close shows every row, also where they do not all fit: at the end they may scroll.
func (s *screen) Close() {
	s.loop.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	width, _ := s.size()
	s.show(s.model.Frame(time.Now(), width, math.MaxInt, s.theme))
}
