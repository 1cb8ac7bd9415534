package deploy

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

func (b *bench) down(opts DownOptions) (Report, error) {
	return Down(b.t.Context(), b, "edge", opts, b.sink)
}

func TestDown(t *testing.T) {
	data := []Data{{Name: "edge-reports", Resource: "reports"}}
	tests := []struct {
		name     string
		opts     DownOptions
		outcomes []string
		runs     []string
		kept     []Data
		told     []string
	}{
		{"the whole stack", DownOptions{}, []string{"a removed", "b removed"}, nil, data, []string{"plan", "kept-data"}},
		{"one daemon", DownOptions{Only: []string{"a"}}, []string{"a removed"}, []string{"b good:1 running"}, data, []string{"plan", "kept-data"}},
		{"with data", DownOptions{DeleteData: true}, []string{"a removed", "b removed"}, nil, nil, []string{"plan", "data-removed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stackOf("a good:1", "b good:1"), func(b *bench) {
				b.data = slices.Clone(data)
				r, err := b.down(test.opts)
				if err != nil {
					t.Fatal(err)
				}
				b.want("outcomes", outcomes(r), test.outcomes...)
				b.want("what runs", b.images(), test.runs...)
				b.want("told", b.told(""), test.told...)
				if !slices.Equal(r.Data, test.kept) || !slices.Equal(b.data, test.kept) && len(b.data)+len(test.kept) > 0 {
					t.Errorf("kept %v and %v, want %v", r.Data, b.data, test.kept)
				}
			})
		})
	}
}

func TestDownOfNothing(t *testing.T) {
	bubble(t, nil, func(b *bench) {
		r, err := b.down(DownOptions{})
		if err != nil || len(r.Daemons) != 0 {
			t.Errorf("%v, %v", r, err)
		}
		b.want("calls", b.called(""), "observe")
	})
}

func TestDownTooSlow(t *testing.T) {
	bubble(t, stackOf("a stubborn:1", "b good:1"), func(b *bench) {
		b.data = []Data{{Name: "edge-reports", Resource: "reports"}}
		r, err := b.down(DownOptions{Timeout: 10 * time.Second, DeleteData: true})
		if err != nil {
			t.Fatal(err)
		}
		b.want("outcomes", outcomes(r), "a timed-out STOP_TIMEOUT", "b removed")
		if len(b.data) != 1 {
			t.Error("data was deleted while a daemon may use it")
		}
	})
}

func TestDownFails(t *testing.T) {
	bubble(t, stackOf("a good:1", "b good:1"), func(b *bench) {
		b.hook = func(call string) error {
			if call == "remove a" {
				return errors.New("device busy")
			}
			return nil
		}
		r, err := b.down(DownOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.want("outcomes", outcomes(r), "a failed OPERATION_FAILED", "b removed")
		if m := r.Daemons[0].Verdict.Message; m != "device busy" {
			t.Errorf("message %q", m)
		}
	})
}

func TestRestart(t *testing.T) {
	restart := func(b *bench, opts RestartOptions, names ...string) (Report, error) {
		return Restart(b.t.Context(), b, "edge", names, opts, b.sink)
	}
	t.Run("ready", func(t *testing.T) {
		bubble(t, stackOf("a good:1", "b good:1"), func(b *bench) {
			before := b.daemons["a"].current.StartedAt
			r, err := restart(b, RestartOptions{}, "a")
			if err != nil {
				t.Fatal(err)
			}
			b.want("outcomes", outcomes(r), "a ready")
			b.want("calls", b.called("restart"), "restart a")
			if !r.Daemons[0].Final.StartedAt.After(before) || r.Daemons[0].Took < 500*time.Millisecond {
				t.Errorf("report %+v", r.Daemons[0])
			}
		})
	})
	t.Run("all, not waited for", func(t *testing.T) {
		bubble(t, stackOf("a good:1", "b good:1"), func(b *bench) {
			r, err := restart(b, RestartOptions{NoWait: true})
			if err != nil {
				t.Fatal(err)
			}
			b.want("outcomes", outcomes(r), "a started", "b started")
		})
	})
	t.Run("too slow", func(t *testing.T) {
		bubble(t, nil, func(b *bench) {
			b.mustUp(stackOf("a slow:1"), UpOptions{NoWait: true})
			r, err := restart(b, RestartOptions{Timeout: 10 * time.Second}, "a")
			if err != nil {
				t.Fatal(err)
			}
			b.want("outcomes", outcomes(r), "a timed-out START_TIMEOUT")
		})
	})
	t.Run("cannot", func(t *testing.T) {
		bubble(t, stackOf("a good:1"), func(b *bench) {
			b.hook = func(call string) error {
				if call == "restart a" {
					return &Problem{Reason: MountSourceMissing, Message: "no /srv"}
				}
				return nil
			}
			r, err := restart(b, RestartOptions{}, "a")
			if err != nil {
				t.Fatal(err)
			}
			b.want("outcomes", outcomes(r), "a failed MOUNT_SOURCE_MISSING")
		})
	})
	t.Run("fails", func(t *testing.T) {
		bubble(t, nil, func(b *bench) {
			b.mustUp(stackOf("a sick:1"), UpOptions{NoWait: true})
			r, err := restart(b, RestartOptions{}, "a")
			if err != nil {
				t.Fatal(err)
			}
			b.want("outcomes", outcomes(r), "a failed UNHEALTHY")
			if len(b.called("undo")) > 0 {
				t.Error("a restart was undone")
			}
		})
	})
	for name, c := range map[string]struct {
		stack []workload.Workload
		want  Reason
	}{"a daemon that is not there": {stackOf("a good:1"), DaemonUnknown}, "a stack that is not there": {nil, NotFound}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c.stack, func(b *bench) {
				_, err := restart(b, RestartOptions{}, "c")
				var p *Problem
				if !errors.As(err, &p) || p.Reason != c.want {
					t.Errorf("error %v, want %s", err, c.want)
				}
				b.want("changes", b.called("begin"))
			})
		})
	}
}
