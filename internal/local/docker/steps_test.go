package docker

import (
	"context"
	"testing"
	"time"
)

// TestStopHurries holds that what an interrupt left little time for is killed at once, and that nothing else is.
func TestStopHurries(t *testing.T) {
	if got := hurried(t.Context()); got.Timeout != nil {
		t.Errorf("without a deadline: %d seconds, want the container's own stop grace", *got.Timeout)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if got := hurried(ctx); got.Timeout == nil || *got.Timeout != 0 {
		t.Errorf("with a deadline: %v, want no grace", got.Timeout)
	}
}
