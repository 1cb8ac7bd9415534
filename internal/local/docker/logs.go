package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
)

// longestLine is where a line is cut: the engine hands over long lines in pieces that have to be put together.
const longestLine = 1 << 20

// Logs implements deploy.Platform.
func (p *platform) Logs(ctx context.Context, stack, daemon string, q deploy.LogQuery) iter.Seq2[deploy.LogLine, error] {
	return func(yield func(deploy.LogLine, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		l := &logReader{platform: p, stack: stack, daemon: daemon, q: q,
			yield: func(line deploy.LogLine) bool { return yield(line, nil) }}
		err := l.read(ctx)
		if err != nil && !errors.Is(err, errEnough) && ctx.Err() == nil {
			yield(deploy.LogLine{}, engine.Problem(err))
		}
	}
}

// logReader reads one daemon's log.
type logReader struct {
	*platform
	stack, daemon string
	q             deploy.LogQuery
	yield         func(deploy.LogLine) bool
	last          time.Time // of the last line yielded
}

func (l *logReader) read(ctx context.Context) error {
	var messages <-chan events.Message
	var errs <-chan error
	if l.q.Follow { // before the first look, so that nothing falls between
		messages, errs = l.api.Events(ctx, events.ListOptions{Filters: l.events()})
	}
	id := l.q.Instance
	if id == "" {
		current, err := l.current(ctx)
		if err != nil {
			return err
		}
		id = current
	}
	err := l.container(ctx, id, strconv.Itoa(l.q.Tail), l.q.Since)
	for l.q.Follow && (err == nil || errdefs.IsNotFound(err)) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err = <-errs:
			if ended(err) || unreachable(err) {
				err = l.await(ctx)
				messages, errs = l.api.Events(ctx, events.ListOptions{Since: until(l.last), Filters: l.events()})
			}
		case m := <-messages:
			id, err = l.event(ctx, m, id)
		}
	}
	return err
}

// events are those that make a log end or go on.
func (l *logReader) events() filters.Args {
	args := labelled(labelStack, l.stack, labelDaemon, l.daemon)
	args.Add("type", string(events.ContainerEventType))
	args.Add("event", string(events.ActionStart))
	args.Add("event", string(events.ActionDie))
	return args
}

// event goes on after a start, where it was that of the container we have read or of its successor.
func (l *logReader) event(ctx context.Context, m events.Message, id string) (string, error) {
	at := time.Unix(0, m.TimeNano)
	if m.Action == events.ActionDie {
		if m.Actor.ID != id {
			return id, nil
		}
		code, _ := strconv.Atoi(m.Actor.Attributes["exitCode"])
		return id, l.marker(at, "exited with "+exitText(newExit(code, false, at)))
	}
	if at.Before(l.last) && m.Actor.ID == id {
		return id, nil // we have read on into this run already
	}
	if m.Actor.ID == id {
		if err := l.marker(at, "started again"); err != nil {
			return id, err
		}
		return id, l.container(ctx, id, "all", l.last)
	}
	if err := l.marker(at, "started as a new instance "+id12(m.Actor.ID)); err != nil {
		return id, err
	}
	return m.Actor.ID, l.container(ctx, m.Actor.ID, "all", time.Time{})
}

// exitText says an exit the way people do.
func exitText(e *deploy.Exit) string {
	if e.Signal != "" {
		return fmt.Sprintf("code %d (%s)", e.Code, e.Signal)
	}
	return fmt.Sprintf("code %d", e.Code)
}

func (l *logReader) marker(at time.Time, text string) error {
	return l.line(deploy.LogLine{Daemon: l.daemon, Time: at, Stream: "marker", Text: text})
}

func (l *logReader) line(line deploy.LogLine) error {
	if !l.yield(line) {
		return errEnough
	}
	return nil
}

// current finds the daemon's current container.
func (l *logReader) current(ctx context.Context) (string, error) {
	all, err := l.look(ctx, l.stack, l.daemon)
	if err != nil {
		return "", err
	}
	if f := all[l.daemon]; f.current != nil {
		return f.current.id, nil
	}
	return "", &deploy.Problem{Reason: deploy.NotFound, Message: fmt.Sprintf("stack %s has no daemon %s", l.stack, l.daemon)}
}

// container reads the log of one container to its end. That of a container which is followed ends when it exits.
func (l *logReader) container(ctx context.Context, id, tail string, since time.Time) error {
	if strings.HasPrefix(tail, "-") {
		tail = "all"
	}
	o := container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: l.q.Follow, Tail: tail}
	if !since.IsZero() {
		o.Since = until(since.Add(1)) // what has been read must not be read again
	}
	if !l.q.Until.IsZero() {
		o.Until = until(l.q.Until)
	}
	stream, err := l.api.ContainerLogs(ctx, id, o)
	if err != nil {
		return fmt.Errorf("cannot read the log of %s: %w", l.daemon, err)
	}
	defer func() { _ = stream.Close() }()
	out, errs := &lineWriter{to: l, stream: "stdout"}, &lineWriter{to: l, stream: "stderr"}
	_, err = stdcopy.StdCopy(out, errs, stream)
	if errors.Is(err, errEnough) {
		return err
	}
	err = errors.Join(out.flush(), errs.flush(), err)
	if err != nil && l.q.Follow && unreachable(err) {
		return nil // the engine went away; the events will tell when it is back
	}
	return err
}

// lineWriter gets what the engine sends of one stream, message by message, each with its time before it.
type lineWriter struct {
	to     *logReader
	stream string
	at     time.Time
	text   []byte // the beginning of a line whose end has not come yet
}

// Write implements io.Writer.
func (w *lineWriter) Write(message []byte) (int, error) {
	stamp, text, _ := bytes.Cut(message, []byte(" "))
	if len(w.text) == 0 {
		w.at = moment(string(stamp))
	}
	text, whole := bytes.CutSuffix(text, []byte("\n"))
	w.text = append(w.text, text[:min(len(text), longestLine-len(w.text))]...)
	if !whole {
		if w.text == nil {
			w.text = []byte{}
		}
		return len(message), nil
	}
	return len(message), w.emit()
}

func (w *lineWriter) emit() error {
	line := deploy.LogLine{Daemon: w.to.daemon, Time: w.at, Stream: w.stream, Text: string(w.text)}
	w.text = nil
	if w.at.After(w.to.last) {
		w.to.last = w.at
	}
	return w.to.line(line)
}

// flush yields a last line that no newline ended.
func (w *lineWriter) flush() error {
	if len(w.text) == 0 {
		return nil
	}
	return w.emit()
}
