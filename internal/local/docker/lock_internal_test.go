package docker

import (
	"errors"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// TestRenewing holds that a renewed lock has one ticket, and that one which somebody else took down is lost.
func TestRenewing(t *testing.T) {
	api := testbed.Engine(t)
	p := New(api, "test").(*platform)
	l, err := p.acquire(t.Context(), testbed.Stack(t, api), deploy.BeginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	first := l.up
	if err := l.renew(t.Context()); err != nil || l.up == first {
		t.Errorf("renewed: %v, %s", err, l.up)
	}
	if _, err := api.VolumeInspect(t.Context(), first); err == nil {
		t.Error("the ticket before is still up")
	}
	if err := api.VolumeRemove(t.Context(), l.up, false); err != nil {
		t.Fatal(err)
	}
	if err := l.renew(t.Context()); !errors.Is(err, errLost) || l.up != "" {
		t.Errorf("a lock that was taken is renewed: %v, %s", err, l.up)
	}
	if err := l.release(t.Context()); err != nil {
		t.Error(err)
	}
}
