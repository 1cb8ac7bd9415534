package supervisor

import (
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

func TestChecks(t *testing.T) {
	type check struct {
		after  time.Duration // since the start
		passed bool
		want   fact.Health
	}
	const s = time.Second
	for name, c := range map[string]struct {
		start  time.Duration
		checks []check
	}{
		"passes at once":            {0, []check{{0, true, fact.Healthy}}},
		"quick failures are free":   {0, []check{{s / 10, false, fact.Starting}, {s / 5, false, fact.Starting}, {4 * s, false, fact.Starting}, {4*s + 1, true, fact.Healthy}}},
		"unhealthy at the interval": {0, []check{{5 * s, false, fact.Starting}, {6 * s, false, fact.Starting}, {10 * s, false, fact.Starting}, {15 * s, false, fact.Unhealthy}}},
		"a start period is free":    {10 * s, []check{{5 * s, false, fact.Starting}, {14 * s, false, fact.Starting}, {15 * s, false, fact.Starting}, {20 * s, false, fact.Starting}, {25 * s, false, fact.Unhealthy}}},
		"failures in a row":         {0, []check{{0, true, fact.Healthy}, {1, false, fact.Healthy}, {2, false, fact.Healthy}, {3, true, fact.Healthy}, {4, false, fact.Healthy}, {5, false, fact.Healthy}, {6, false, fact.Unhealthy}, {7, true, fact.Healthy}}},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			k := newChecks(Health{Interval: 5 * s, StartPeriod: c.start, Threshold: 3}, began)
			for n, step := range c.checks {
				if k.took(step.passed, began.Add(step.after)); k.health != step.want {
					t.Errorf("check %d: %s, want %s", n+1, k.health, step.want)
				}
			}
		})
	}
}

func TestChecksWait(t *testing.T) {
	began := time.Now()
	k := newChecks(Health{Interval: 5 * time.Second, Threshold: 3}, began)
	for after, want := range map[time.Duration]time.Duration{0: quickest, 2 * time.Second: 200 * time.Millisecond, time.Hour: 5 * time.Second} {
		if got := k.wait(began.Add(after)); got != want {
			t.Errorf("%s after the start: %s, want %s", after, got, want)
		}
	}
	k.took(true, began)
	if got := k.wait(began); got != 5*time.Second {
		t.Errorf("once healthy: %s", got)
	}
}
