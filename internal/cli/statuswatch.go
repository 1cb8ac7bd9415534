package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
)

// quietTime gathers the changes that come together into one look.
const quietTime = 50 * time.Millisecond

// watch takes a look after every change, until the context ends. On a terminal the table is drawn anew, also as time goes
// by; elsewhere each daemon that changed gets a line, and programs get a document for every look.
func (l *look) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes, lost := l.changes(ctx)
	show := l.lines()
	var second <-chan time.Time
	if l.c.format() == output.Text && isTerminal(l.d.streams.Out) && l.d.capable() {
		show = l.screen()
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		second = ticker.C
	}
	observed, err := l.p.Observe(ctx, l.named.name, l.workloads)
	for {
		if err != nil {
			return err
		}
		doc, err := l.document(observed)
		if err != nil {
			return err
		}
		if err := show(doc); err != nil {
			return fmt.Errorf("cannot write the status: %w", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-lost:
			return err
		case <-second:
			continue // the clock went on; what was observed did not
		case <-changes:
		}
		observed, err = l.p.Observe(ctx, l.named.name, l.workloads)
		if err != nil {
			return err
		}
	}
}

// changes tells that something has changed, at most once per quietTime, and why no more changes will be told.
func (l *look) changes(ctx context.Context) (<-chan struct{}, <-chan error) {
	news, lost := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		for _, err := range l.p.Watch(ctx, l.named.name, deploy.WatchOptions{}) {
			if err != nil {
				lost <- err
				return
			}
			select {
			case news <- struct{}{}:
			default: // a look is due already
			}
		}
		lost <- fmt.Errorf("cannot watch stack %s: the stream ended", l.named.name)
	}()
	return gather(ctx, news), lost
}

// gather lets a change wait for those that come with it.
func gather(ctx context.Context, news <-chan struct{}) <-chan struct{} {
	out := make(chan struct{})
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-news:
			}
			timer := time.NewTimer(quietTime)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
			select {
			case <-ctx.Done():
				return
			case out <- struct{}{}:
			}
		}
	}()
	return out
}

// screen draws the table over the one before. Columns that say nothing are left out: there is no other way to more room.
func (l *look) screen() func(output.Status) error {
	height := 0
	return func(doc output.Status) error {
		width, rows, _ := terminalSize(l.d.streams.Out)
		theme := l.d.theme(l.c, l.d.streams.Out)
		table := theme.Table(ui.Informative(statusTable(theme, doc)))
		frame := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
		frame = frame[:min(len(frame), max(rows-1, 1))]
		for i := range frame {
			frame[i] = ui.Fit(frame[i], width)
		}
		_, err := io.WriteString(l.d.streams.Out, ui.Redraw(height, frame))
		height = len(frame)
		return err
	}
}

// lines prints what is new: for programs a document, for people a line per daemon that changed.
func (l *look) lines() func(output.Status) error {
	if f := l.c.format(); f != output.Text {
		return func(doc output.Status) error { return output.WriteLine(l.d.streams.Out, f, doc) }
	}
	shown := map[string]string{}
	return func(doc output.Status) error {
		theme := l.d.theme(l.c, l.d.streams.Out)
		seen := map[string]bool{}
		for _, s := range doc.Daemons {
			seen[s.Daemon] = true
			line := statusLine(theme, s)
			if shown[s.Daemon] == line {
				continue
			}
			shown[s.Daemon] = line
			if _, err := fmt.Fprintln(l.d.streams.Out, line); err != nil {
				return err
			}
		}
		return l.gone(shown, seen)
	}
}

// gone says which daemons have disappeared since the last look.
func (l *look) gone(shown map[string]string, seen map[string]bool) error {
	var names []string
	for name := range shown {
		if !seen[name] {
			names = append(names, name)
		}
	}
	for _, name := range sorted(names) {
		delete(shown, name)
		if _, err := fmt.Fprintf(l.d.streams.Out, "%s: removed\n", name); err != nil {
			return err
		}
	}
	return nil
}

// statusLine is a daemon's status without anything that only time changes.
func statusLine(t ui.Theme, s deploy.Status) string {
	parts := []string{stateWord(t, s)}
	if s.Restarts > 0 {
		parts = append(parts, ui.Count(s.Restarts, "restart"))
	}
	if !s.Ready && s.LastExit != nil {
		parts = append(parts, "last exit "+ui.Exit(s.LastExit))
	}
	if s.UpToDate == deploy.UpToDateNo {
		parts = append(parts, "not up to date")
	}
	if n := notes(s, s.NextStart); n != "" {
		parts = append(parts, n)
	}
	return ui.Plain(s.Daemon) + ": " + strings.Join(parts, ", ")
}
