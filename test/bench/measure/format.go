package measure

import (
	"fmt"
	"time"

	"github.com/docker/go-units"
)

// none stands for what was not measured.
const none = "–"

// Seconds writes a time in seconds.
func Seconds(d time.Duration) string {
	if d == 0 {
		return none
	}
	return fmt.Sprintf("%.3f", d.Seconds())
}

// Milliseconds writes a time in milliseconds.
func Milliseconds(d time.Duration) string {
	if d == 0 {
		return none
	}
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
}

// Ratio writes how many times b fits into a.
func Ratio(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return none
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

// Bytes writes an amount of memory.
func Bytes(n int64) string {
	if n == 0 {
		return none
	}
	return units.BytesSize(float64(n))
}

// Faster says whether ours is at least factor times faster than theirs; what was not measured is not.
func Faster(ours, theirs time.Duration, factor float64) bool {
	return ours > 0 && float64(ours)*factor <= float64(theirs)
}
