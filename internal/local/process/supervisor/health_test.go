package supervisor

import (
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
)

func TestChecks(t *testing.T) {
	type check struct {
		after  time.Duration // since the start
		passed bool
		want   deploy.Health
	}
	const s = time.Second
	for name, c := range map[string]struct {
		start  time.Duration
		checks []check
	}{
		"passes at once":            {0, []check{{0, true, deploy.Healthy}}},
		"quick failures are free":   {0, []check{{s / 10, false, deploy.Starting}, {s / 5, false, deploy.Starting}, {4 * s, false, deploy.Starting}, {4*s + 1, true, deploy.Healthy}}},
		"unhealthy at the interval": {0, []check{{5 * s, false, deploy.Starting}, {6 * s, false, deploy.Starting}, {10 * s, false, deploy.Starting}, {15 * s, false, deploy.Unhealthy}}},
		"a start period is free":    {10 * s, []check{{5 * s, false, deploy.Starting}, {14 * s, false, deploy.Starting}, {15 * s, false, deploy.Starting}, {20 * s, false, deploy.Starting}, {25 * s, false, deploy.Unhealthy}}},
		"failures in a row":         {0, []check{{0, true, deploy.Healthy}, {1, false, deploy.Healthy}, {2, false, deploy.Healthy}, {3, true, deploy.Healthy}, {4, false, deploy.Healthy}, {5, false, deploy.Healthy}, {6, false, deploy.Unhealthy}, {7, true, deploy.Healthy}}},
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
