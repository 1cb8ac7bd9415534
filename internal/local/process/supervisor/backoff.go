package supervisor

import "time"

// The times between an exit and the next start.
const (
	firstDelay = 100 * time.Millisecond
	longest    = 60 * time.Second
	resetAfter = 10 * time.Second // a run of that length is no failure to start
	spread     = 0.1              // how much of a delay jitter may take away or add
)

// backoff counts the short runs in a row.
type backoff struct {
	Short int `json:"short,omitempty"`
}

// exited takes in a run's length and gives the time until the next one. chance is between 0 and 1.
func (b *backoff) exited(ran time.Duration, chance float64) time.Duration {
	if ran >= resetAfter {
		b.Short = 0
	}
	delay := longest
	if b.Short < 10 { // 100 ms doubled ten times is more than the longest already
		delay = min(longest, firstDelay<<b.Short)
	}
	b.Short++
	return min(longest, time.Duration(float64(delay)*(1+spread*(2*chance-1))))
}
