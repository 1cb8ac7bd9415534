package deploy

import (
	"strings"
	"testing"
	"time"
)

// What a run that was broken off has left is cleared though no daemon changes, unless somebody else is at it.
func TestUpClearsUp(t *testing.T) {
	stack := stackOf("a good:1")
	for _, held := range []bool{false, true} {
		bubble(t, stack, func(b *bench) {
			b.unclean, b.locked = true, held
			b.want("outcomes", b.mustUp(stack, UpOptions{}), "a ready")
			if len(b.called("begin")) != 1 || b.unclean != held || b.events[0].Kind != KindPlan {
				t.Errorf("held %v: calls %v, unclean %v", held, b.called(""), b.unclean)
			}
			b.forget()
			b.unclean, b.locked = false, false
			b.mustUp(stack, UpOptions{})
			b.want("calls of a further up", b.called(""), "observe")
		})
	}
}

func TestDownClearsUp(t *testing.T) {
	for _, held := range []bool{false, true} {
		bubble(t, nil, func(b *bench) {
			b.unclean, b.locked = true, held
			if _, err := Down(b.t.Context(), b, "edge", DownOptions{}, b.sink); err != nil || b.unclean != held {
				t.Errorf("held %v: %v, unclean %v", held, err, b.unclean)
			}
		})
	}
}

// An image that cannot be checked is a verdict of its own, and touches nothing.
func TestUpUnresolved(t *testing.T) {
	stack := stackOf("a good:1", "b good:2")
	bubble(t, stack, func(b *bench) {
		b.broke = map[string]*Problem{"good:1": {Reason: RegistryUnreachable, Message: "no answer"}}
		r, err := b.up(stack, UpOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.want("outcomes", outcomes(r), "a failed REGISTRY_UNREACHABLE", "b ready")
		b.want("calls", b.called(""), "observe")
		b.want("what runs", b.images(), "a good:1 running", "b good:2 running")
		if text := r.Plan.String(); !strings.Contains(text, "no answer") {
			t.Errorf("the plan does not say why: %s", text)
		}
		o, _ := b.Observe(b.t.Context(), "edge", stack)
		if s := StatusOf(o, stack, true, time.Now())[0]; s.UpToDate != UpToDateUnknown || s.Causes[0].New != "no answer" {
			t.Errorf("status: %+v", s)
		}
	})
}

func TestCommandOfTheLock(t *testing.T) {
	stack := stackOf("a good:1")
	bubble(t, stack, func(b *bench) {
		got := []string{b.command}
		_, err := Restart(b.t.Context(), b, "edge", nil, RestartOptions{}, b.sink)
		got = append(got, b.command)
		_, derr := Down(b.t.Context(), b, "edge", DownOptions{}, b.sink)
		if err != nil || derr != nil {
			t.Fatal(err, derr)
		}
		b.want("commands", append(got, b.command), "up", "restart", "down")
	})
}
