package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alienplatform/alien-go/commands"
	"github.com/alienplatform/alien-go/receiver"
)

// roundTrips sends commands one after the other with our sender to our receiver.
func roundTrips(ctx context.Context, m *manager, s sizes, r *results) error {
	rec, err := receiver.New(receiver.Options{Logger: slog.New(slog.DiscardHandler), Environment: map[string]string{
		receiver.EnvURL: m.url + "/v1", receiver.EnvToken: m.key, receiver.EnvDeploymentID: deployment,
		receiver.EnvTargetID: daemon, receiver.EnvTargetType: "daemon",
	}})
	if err != nil {
		return err
	}
	receiver.Handle(rec, "echo", func(_ context.Context, _ receiver.Command, in string) (string, error) { return in, nil })
	receiving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- rec.Run(receiving) }()
	defer func() { stop(); <-ended }()
	sender, err := commands.New(commands.Options{ManagerURL: m.url, DeploymentID: deployment, Token: m.key})
	if err != nil {
		return err
	}
	for i := range s.trips + 10 {
		began := time.Now()
		out, err := commands.Invoke[string](ctx, sender, "echo", "hello")
		if err != nil || out != "hello" {
			return fmt.Errorf("command %d answered %q: %w", i, out, err)
		}
		if i >= 10 { // the first ones open connections
			r.trips = append(r.trips, time.Since(began))
		}
	}
	slices.Sort(r.trips)
	return nil
}

// What loads the manager: connections that send, and receivers with connections on which they answer.
const (
	senders   = 64
	receivers = 4
	answerers = 16 // of each receiver
)

// throughput has senders create commands, and receivers answer them, without a pause: as many as there are.
func throughput(ctx context.Context, m *manager, s sizes, r *results) error {
	before, err := m.processor()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := m.flood(ctx, s.many, nil); err != nil {
		return err
	}
	r.perSecond = float64(s.many) / time.Since(began).Seconds()
	after, err := m.processor()
	r.perCommand = (after - before) / time.Duration(s.many)
	return err
}

// flood creates n commands and sees all of them answered; each is told of every answer.
func (m *manager) flood(ctx context.Context, n int, each func(answered int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sent, answered atomic.Int64
	var all sync.WaitGroup
	on := func(work func(*line) error) {
		all.Go(func() {
			l, err := m.dial(ctx)
			if err == nil {
				err = work(l)
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	for range senders {
		on(func(l *line) error {
			for sent.Add(1) <= int64(n) {
				if err := m.create(l); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range receivers {
		urls := make(chan string, answerers)
		on(func(l *line) error { return m.lease(ctx, l, urls) })
		for range answerers {
			on(func(l *line) error {
				for {
					select {
					case url := <-urls:
						if err := m.answer(l, url); err != nil {
							return err
						}
					case <-ctx.Done():
						return nil
					}
					a := answered.Add(1)
					if each != nil {
						each(a)
					}
					if a == int64(n) {
						cancel(errDone)
					}
				}
			})
		}
	}
	all.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, errDone) {
		return cause
	}
	return nil
}

var errDone = errors.New("done")

func (m *manager) create(l *line) error {
	_, err := l.call("POST", "/v1/commands", m.bearer(),
		`{"deploymentId":"`+deployment+`","command":"echo","params":{"mode":"inline","inlineBase64":"ImhlbGxvIg=="}}`)
	return err
}

// lease leases commands until ctx ends, and passes on where their answers go.
func (m *manager) lease(ctx context.Context, l *line, urls chan<- string) error {
	request, err := json.Marshal(leaseRequest(64))
	if err != nil {
		return err
	}
	for {
		text, err := l.call("POST", "/v1/commands/leases", m.bearer()+"Prefer: wait=30\r\n", string(request))
		if err != nil {
			return err
		}
		var leased struct {
			Leases []struct {
				Envelope struct {
					ResponseHandling struct{ SubmitResponseURL string }
				}
			}
		}
		if err := json.Unmarshal(text, &leased); err != nil {
			return err
		}
		for _, lease := range leased.Leases {
			select {
			case urls <- lease.Envelope.ResponseHandling.SubmitResponseURL:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

func (m *manager) answer(l *line, url string) error {
	_, err := l.call("PUT", "/v1/commands/"+url, "", `{"status":"success","response":{"mode":"inline","inlineBase64":"ImhlbGxvIg=="}}`)
	return err
}

func leaseRequest(max int) map[string]any {
	return map[string]any{"deploymentId": deployment, "target": map[string]string{"resourceId": daemon, "resourceType": "daemon"}, "maxLeases": max}
}

// idle has receivers wait, each over a connection of its own, and watches what that costs the manager.
func idle(ctx context.Context, m *manager, s sizes, r *results) error {
	waiting, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	for range s.idle {
		all.Go(func() {
			for waiting.Err() == nil {
				_ = m.call(waiting, "POST", "/v1/commands/leases", "wait=60", leaseRequest(1), nil) // ends with the measurement
			}
		})
	}
	if err := m.held(ctx, s.idle); err != nil {
		return err
	}
	before, err := m.processor()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.watch):
	}
	after, err := m.processor()
	if err != nil {
		return err
	}
	r.idleCores = (after - before).Seconds() / s.watch.Seconds()
	r.idleMemory, err = m.resident()
	return err
}

// held waits until the manager holds n requests; it tells nobody, so it is asked.
func (m *manager) held(ctx context.Context, n int) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := m.metrics(ctx)
		if err != nil {
			return err
		}
		if strings.Contains(text, fmt.Sprintf("\nalien_requests_held %d\n", n)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// memory takes the manager's memory ten times over a long run.
func memory(ctx context.Context, m *manager, s sizes, r *results) error {
	step := int64(max(s.long/10, 1))
	var mu sync.Mutex
	return m.flood(ctx, s.long, func(answered int64) {
		if answered%step != 0 {
			return
		}
		if bytes, err := m.resident(); err == nil {
			mu.Lock()
			defer mu.Unlock()
			r.memory = append(r.memory, sample{answered, bytes})
		}
	})
}
