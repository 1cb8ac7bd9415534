package process

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

// Logs implements deploy.Platform.
func (p *platform) Logs(ctx context.Context, stack, daemon string, q deploy.LogQuery) iter.Seq2[deploy.LogLine, error] {
	return func(yield func(deploy.LogLine, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		l := &logReader{platform: p, stack: stack, daemon: daemon, q: q,
			yield: func(line deploy.LogLine) bool { return yield(line, nil) }}
		err := l.read(ctx)
		if err != nil && !errors.Is(err, errEnough) && ctx.Err() == nil {
			yield(deploy.LogLine{}, err)
		}
	}
}

// logReader reads one daemon's log, and that of its successors.
type logReader struct {
	*platform
	stack, daemon string
	q             deploy.LogQuery
	yield         func(deploy.LogLine) bool
}

func (l *logReader) read(ctx context.Context) error {
	if l.q.Instance == "" {
		f, err := l.current(ctx)
		if err != nil {
			return err
		}
		l.q.Instance = f
	}
	if !l.q.Follow {
		return l.instance(ctx)
	}
	next, failed := l.successors(ctx)
	for {
		id, err := l.until(ctx, next, failed)
		if err != nil || ctx.Err() != nil {
			return err
		}
		l.q.Instance, l.q.Tail, l.q.Since = id, -1, time.Time{}
		if !l.yield(deploy.LogLine{Daemon: l.daemon, Time: time.Now(), Stream: "marker", Text: "started as a new instance " + id}) {
			return errEnough
		}
	}
}

// current finds the daemon's current instance.
func (l *logReader) current(ctx context.Context) (string, error) {
	all, err := l.look(ctx, l.stack)
	if err != nil {
		return "", err
	}
	if f := all[l.daemon]; f.current != nil {
		return f.current.id, nil
	}
	return "", &deploy.Problem{Reason: deploy.NotFound, Message: fmt.Sprintf("stack %s has no daemon %s", l.stack, l.daemon)}
}

// instance reads the log of the instance that it is at.
func (l *logReader) instance(ctx context.Context) error {
	for line, err := range supervisor.Logs(ctx, l.dir, l.q) {
		if err != nil {
			return err
		}
		line.Daemon = l.daemon
		if !l.yield(line) {
			return errEnough
		}
	}
	return nil
}

// until reads the log of the instance that it is at, until there is another one; its last words are read before that.
func (l *logReader) until(ctx context.Context, next <-chan string, failed <-chan error) (string, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	found := make(chan string, 1)
	lost := make(chan error, 1)
	go func() {
		defer stop()
		for {
			select {
			case id := <-next:
				if id == l.q.Instance {
					continue
				}
				found <- id
			case err := <-failed:
				lost <- err
			case <-ctx.Done():
				lost <- ctx.Err()
			}
			return
		}
	}()
	if err := l.instance(reading); err != nil {
		return "", err
	}
	select {
	case id := <-found:
		return id, nil
	case err := <-lost:
		return "", err
	}
}

// successors tells the daemon's current instance whenever it is another one and has been started.
func (l *logReader) successors(ctx context.Context) (<-chan string, <-chan error) {
	next, failed := make(chan string), make(chan error, 1)
	w := &watcher{last: map[string]deploy.Observation{}, yield: func(o deploy.Observation) bool {
		if o.Daemon != l.daemon || o.State == deploy.Gone || o.State == deploy.Created {
			return true
		}
		select {
		case next <- o.Instance:
			return true
		case <-ctx.Done():
			return false
		}
	}}
	go func() {
		failed <- l.watch(ctx, l.stack, func(e supervisor.Event) error { return w.event(e, &deploy.WatchOptions{}) }, w.begin)
	}()
	return next, failed
}
