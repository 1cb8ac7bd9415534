package supervisor

import (
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// quickest is the time between checks just after a start. It grows with the time that the start has taken.
const quickest = 100 * time.Millisecond

// checks judges the outcomes of health checks of one run.
type checks struct {
	spec    Health
	began   time.Time
	health  fact.Health
	failed  int       // counted failures in a row
	counted time.Time // the last of them
}

func newChecks(h Health, began time.Time) *checks {
	return &checks{spec: h, began: began, health: fact.Starting}
}

// took takes in an outcome. While the run starts, checks come faster than the interval, and only as many failures count as
// checks at the interval would have given.
func (c *checks) took(passed bool, at time.Time) {
	if passed {
		c.health, c.failed = fact.Healthy, 0
		return
	}
	if c.health == fact.Starting {
		since := c.began.Add(c.spec.StartPeriod)
		if c.counted.After(since) {
			since = c.counted
		}
		if at.Sub(since) < c.spec.Interval {
			return
		}
		c.counted = at
	}
	if c.failed++; c.failed >= c.spec.Threshold {
		c.health = fact.Unhealthy
	}
}

// wait is the time until the next check.
func (c *checks) wait(now time.Time) time.Duration {
	if c.health != fact.Starting {
		return c.spec.Interval
	}
	return min(c.spec.Interval, max(quickest, now.Sub(c.began)/10))
}
