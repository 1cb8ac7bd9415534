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

// throughput has 32 senders create commands, and 4 receivers answer them, without a pause: as many as there are.
func throughput(ctx context.Context, m *manager, s sizes, r *results) error {
	began := time.Now()
	if err := m.flood(ctx, s.many, nil); err != nil {
		return err
	}
	r.perSecond = float64(s.many) / time.Since(began).Seconds()
	return nil
}

// flood creates n commands and sees all of them answered; each is told of every so many answers.
func (m *manager) flood(ctx context.Context, n int, each func(answered int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sent, answered atomic.Int64
	var all sync.WaitGroup
	try := func(f func() error) {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := f(); err != nil {
					if !errors.Is(err, errDone) {
						cancel(err)
					}
					return
				}
			}
		})
	}
	for range 32 {
		try(func() error {
			if sent.Add(1) > int64(n) {
				return errDone
			}
			return m.create(ctx)
		})
	}
	for range 4 {
		try(func() error {
			return m.receive(ctx, func() {
				if a := answered.Add(1); a == int64(n) {
					cancel(errDone)
				} else if each != nil {
					each(a)
				}
			})
		})
	}
	all.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, errDone) {
		return cause
	}
	return nil
}

var errDone = errors.New("done")

func (m *manager) create(ctx context.Context) error {
	return m.call(ctx, "POST", "/v1/commands", "", map[string]any{
		"deploymentId": deployment, "command": "echo", "params": map[string]string{"mode": "inline", "inlineBase64": "ImhlbGxvIg=="},
	}, nil)
}

// receive leases up to 64 commands and answers them over 8 connections.
func (m *manager) receive(ctx context.Context, answered func()) error {
	var leased struct {
		Leases []struct {
			Envelope struct {
				ResponseHandling struct{ SubmitResponseURL string }
			}
		}
	}
	if err := m.call(ctx, "POST", "/v1/commands/leases", "wait=30", leaseRequest(64), &leased); err != nil {
		return err
	}
	slots := make(chan struct{}, 8)
	failed := make(chan error, len(leased.Leases))
	for _, l := range leased.Leases {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			err := m.call(ctx, "PUT", "/v1/commands/"+l.Envelope.ResponseHandling.SubmitResponseURL, "", json.RawMessage(
				`{"status":"success","response":{"mode":"inline","inlineBase64":"ImhlbGxvIg=="}}`), nil)
			if err == nil {
				answered()
			}
			failed <- err
		}()
	}
	var errs []error
	for range leased.Leases {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
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
