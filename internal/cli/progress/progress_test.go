package progress

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func start() time.Time { return time.Date(2026, 5, 17, 8, 0, 0, 0, time.UTC) }

func after(d time.Duration) time.Time { return start().Add(d) }

// story is an up with one daemon of every fate.
func story() []deploy.Event {
	at := func(s float64, daemon string, kind deploy.EventKind) deploy.Event {
		return deploy.Event{Time: after(time.Duration(s * float64(time.Second))), Daemon: daemon, Kind: kind}
	}
	state := func(s float64, o deploy.Observation) deploy.Event {
		e := at(s, o.Daemon, deploy.KindState)
		e.Observation = &o
		return e
	}
	phase := func(s float64, daemon string, p deploy.Progress) deploy.Event {
		e := at(s, daemon, deploy.KindProgress)
		e.Progress = &p
		return e
	}
	plan := at(0, "", deploy.KindPlan)
	plan.Plan = &deploy.Plan{Changes: []deploy.Change{
		{Daemon: "api", Action: deploy.Create}, {Daemon: "cron", Action: deploy.Update}, {Daemon: "db", Action: deploy.Update},
		{Daemon: "old", Action: deploy.Delete}, {Daemon: "same", Action: deploy.Unchanged}, {Daemon: "web-frontend", Action: deploy.Create},
	}}
	failed := at(4, "cron", deploy.KindFailed)
	failed.Verdict = &deploy.Verdict{Daemon: "cron", Reason: deploy.CrashLoop}
	note := at(1, "", deploy.KindWarning)
	note.Message = "the lock is held\x1b[2J by nobody"
	kept := at(1, "db", deploy.KindUnfinished)
	kept.Message = "an update was left half-done"
	return []deploy.Event{
		plan, note, kept,
		at(0.1, "same", deploy.KindReady),
		phase(0.2, "api", deploy.Progress{Phase: deploy.Pulling, Current: 1_200_000, Total: 48_000_000}),
		phase(0.9, "api", deploy.Progress{Phase: deploy.Pulling, Current: 24_000_000, Total: 48_000_000}),
		phase(0.2, "db", deploy.Progress{Phase: deploy.Stopping}),
		at(0.3, "old", deploy.KindRemoving),
		at(1.4, "old", deploy.KindRemoved),
		state(1.5, deploy.Observation{Daemon: "db", State: deploy.Running, Health: deploy.Starting}),
		state(2, deploy.Observation{Daemon: "db", State: deploy.Running, Health: deploy.Healthy}),
		at(2.5, "db", deploy.KindReady),
		state(3, deploy.Observation{Daemon: "db", State: deploy.Running, Health: deploy.Unhealthy}), // after its end: not for here
		state(2.2, deploy.Observation{Daemon: "cron", State: deploy.BackOff, Restarts: 2, LastExit: &deploy.Exit{Code: 3}}),
		failed,
		at(4.1, "cron", deploy.KindUndoing),
	}
}

func TestLines(t *testing.T) {
	var m Model
	var b strings.Builder
	for _, e := range story() {
		if line := m.Apply(e); line != "" {
			b.WriteString(line + "\n")
		}
	}
	b.WriteString(m.Waiting(after(90*time.Second)) + "\n")
	golden(t, "lines.golden", b.String())
}

func TestFrame(t *testing.T) {
	tests := []struct {
		name          string
		width, height int
		theme         ui.Theme
	}{
		{"frame.golden", 80, 24, ui.Theme{}},
		{"frame-colour.golden", 80, 24, ui.Theme{Color: true}},
		{"frame-narrow.golden", 24, 24, ui.Theme{}},
		{"frame-low.golden", 80, 3, ui.Theme{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m Model
			for _, e := range story() {
				m.Apply(e)
			}
			frame := m.Frame(after(5*time.Second), tt.width, tt.height, tt.theme)
			for _, line := range frame {
				if w := ui.Width(line); w > tt.width {
					t.Errorf("a line takes %d columns of %d: %q", w, tt.width, line)
				}
			}
			if len(frame) > tt.height {
				t.Errorf("%d lines on a terminal of %d", len(frame), tt.height)
			}
			golden(t, tt.name, strings.Join(frame, "\n")+"\n")
		})
	}
}

func TestPlainHasAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		r := New(Plain, &b, ui.Theme{}, nil)
		r.Event(deploy.Event{Time: time.Now(), Daemon: "api", Kind: deploy.KindProgress, Progress: &deploy.Progress{Phase: deploy.Launching}})
		time.Sleep(40 * time.Second) // of the bubble's clock
		r.Close()
		want := "api: starting\nwaiting for api (starting, 15s)\nwaiting for api (starting, 30s)\n"
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestScreenRedrawsInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		r := New(TTY, &b, ui.Theme{}, func() (int, int) { return 80, 24 })
		r.Event(deploy.Event{Time: time.Now(), Daemon: "api", Kind: deploy.KindRemoving})
		time.Sleep(time.Second + time.Millisecond)
		r.Event(deploy.Event{Time: time.Now(), Kind: deploy.KindWarning, Message: "careful"})
		r.Event(deploy.Event{Time: time.Now(), Daemon: "api", Kind: deploy.KindRemoved})
		r.Close()
		end := b.String()[strings.LastIndex(b.String(), "\x1b[1A"):]
		want := "\x1b[1A\rwarning: careful\x1b[K\n\r✓ api  removed  1.0s\x1b[K\n\x1b[J"
		if diff := cmp.Diff(want, end); diff != "" {
			t.Error(diff)
		}
	})
}

func TestScreenIsSilentWhileNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		r := New(TTY, &b, ui.Theme{}, func() (int, int) { return 80, 24 })
		r.Event(deploy.Event{Time: time.Now(), Daemon: "api", Kind: deploy.KindReady})
		time.Sleep(10 * time.Second)
		r.Close()
		if n := strings.Count(b.String(), "\n"); n != 1 {
			t.Errorf("%d lines were written for one that never changed:\n%q", n, b.String())
		}
	})
}

func TestQuietSaysNothing(t *testing.T) {
	var b bytes.Buffer
	r := New(Quiet, &b, ui.Theme{}, nil)
	for _, e := range story() {
		r.Event(e)
	}
	r.Close()
	if b.Len() > 0 {
		t.Errorf("it said %q", b.String())
	}
}

func TestHeartbeatNamesAFew(t *testing.T) {
	var m Model
	for _, name := range strings.Split("abcdefgh", "") {
		m.Apply(deploy.Event{Time: start(), Daemon: name, Kind: deploy.KindRemoving})
	}
	want := "waiting for a (stopping, 15s), b (stopping, 15s), c (stopping, 15s), d (stopping, 15s), e (stopping, 15s), and 3 more"
	if diff := cmp.Diff(want, m.Waiting(after(15*time.Second))); diff != "" {
		t.Error(diff)
	}
}
