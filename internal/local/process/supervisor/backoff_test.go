package supervisor

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	const even = 0.5 // jitter that changes nothing
	for name, c := range map[string]struct {
		runs []time.Duration
		want []time.Duration
	}{
		"doubles": {make([]time.Duration, 5), ms(100, 200, 400, 800, 1600)},
		"bounded": {make([]time.Duration, 13), ms(100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000, 60000)},
		"reset":   {ms(0, 0, 10_000, 0), ms(100, 200, 100, 200)},
		"not yet": {ms(0, 0, 9_999), ms(100, 200, 400)},
	} {
		t.Run(name, func(t *testing.T) {
			var b backoff
			for n, ran := range c.runs {
				if got := b.exited(ran, even); got != c.want[n] {
					t.Errorf("exit %d: %s, want %s", n+1, got, c.want[n])
				}
			}
		})
	}
}

func TestBackoffJitter(t *testing.T) {
	for chance, want := range map[float64]time.Duration{0: 90 * time.Millisecond, 0.5: 100 * time.Millisecond, 0.999: 109_980_000} {
		var b backoff
		if got := b.exited(0, chance); (got - want).Abs() > time.Microsecond {
			t.Errorf("chance %v: %s, want %s", chance, got, want)
		}
	}
	b := backoff{Short: 1000}
	if got := b.exited(0, 0.999); got != longest {
		t.Errorf("the longest delay is %s", got)
	}
}

func ms(list ...int) []time.Duration {
	var out []time.Duration
	for _, n := range list {
		out = append(out, time.Duration(n)*time.Millisecond)
	}
	return out
}
