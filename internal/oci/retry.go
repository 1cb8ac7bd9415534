package oci

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// Tries of a pull, where trying again can help.
const Tries = 3

// BackOff is half a second to four, doubling, with jitter: clients that failed together shall not come back together.
func BackOff(try int) time.Duration {
	most := min(4*time.Second, time.Second<<(try-1))
	return most/2 + rand.N(most/2)
}

// Retry pulls until it succeeds, fails for good, or has failed too often. classify tells an error's fault, pause how long
// to wait before the next try. Where it failed, the last fault is returned along with the error.
func Retry(ctx context.Context, pull func() error, classify func(error) Fault, pause func(try int) time.Duration, report func(deploy.Progress)) (Fault, error) {
	for try := 1; ; try++ {
		err := pull()
		if err == nil || ctx.Err() != nil {
			return Fault{}, ctx.Err()
		}
		fault := classify(err)
		if !fault.Transient || try == Tries {
			return fault, err
		}
		delay := pause(try)
		report(deploy.Progress{
			Phase: deploy.Pulling,
			Detail: fmt.Sprintf("%s; trying again in %s (try %d of %d)",
				fault.said, delay.Round(100*time.Millisecond), try+1, Tries),
		})
		if err := wait(ctx, delay); err != nil {
			return Fault{}, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Slots bounds how much is done at once.
type Slots chan struct{}

// Do waits for its turn.
func (s Slots) Do(ctx context.Context, work func() error) error {
	select {
	case s <- struct{}{}:
		defer func() { <-s }()
		return work()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Meter reports the bytes that go by, not more often than people can read.
type Meter struct {
	Report         func(deploy.Progress)
	Phase          deploy.Phase
	Current, Total int64
	reported       time.Time
}

// ReportEvery is the least time between two reports of progress.
const ReportEvery = 100 * time.Millisecond

// Write counts; what goes beyond the total is overhead and does not.
func (m *Meter) Write(data []byte) (int, error) {
	m.Current = min(m.Current+int64(len(data)), m.Total)
	if now := time.Now(); now.Sub(m.reported) >= ReportEvery || m.Current == m.Total {
		m.reported = now
		m.Report(deploy.Progress{Phase: m.Phase, Current: m.Current, Total: m.Total})
	}
	return len(data), nil
}
