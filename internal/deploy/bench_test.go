package deploy

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

// stackOf makes the workloads of a stack from "daemon image" pairs.
func stackOf(pairs ...string) []workload.Workload {
	var ws []workload.Workload
	for _, pair := range pairs {
		daemon, image, _ := strings.Cut(pair, " ")
		ws = append(ws, workload.Workload{
			Stack: "edge", Daemon: daemon, Image: image, Settle: 500 * time.Millisecond, StartFailuresAllowed: 2,
			StopGrace: 30 * time.Second,
		})
	}
	return ws
}

// bench is a fake and what came out of it, inside a bubble of time.
type bench struct {
	*fake
	t      *testing.T
	events []Event
	sinks  int
}

// bubble runs a test in simulated time, with a stack brought up first.
func bubble(t *testing.T, first []workload.Workload, test func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{fake: newFake(t), t: t}
		defer b.close()
		if first != nil {
			if _, err := b.up(first, UpOptions{}); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Minute) // all of it is old by now
			b.forget()
			b.events = nil
		}
		test(b)
	})
}

func (b *bench) sink(e Event) {
	if b.sinks++; b.sinks != 1 {
		b.t.Error("the sink is called twice at once")
	}
	b.events = append(b.events, e)
	b.sinks--
}

func (b *bench) up(ws []workload.Workload, opts UpOptions) (Report, error) {
	return Up(b.t.Context(), b, "edge", ws, opts, b.sink)
}

// mustUp brings a stack up and says how each daemon ended: "api ready".
func (b *bench) mustUp(ws []workload.Workload, opts UpOptions) []string {
	b.t.Helper()
	r, err := b.up(ws, opts)
	if err != nil {
		b.t.Fatal(err)
	}
	return outcomes(r)
}

func outcomes(r Report) []string {
	var out []string
	for _, d := range r.Daemons {
		s := d.Daemon + " " + string(d.Outcome)
		if d.Verdict != nil {
			s += " " + string(d.Verdict.Reason)
		}
		out = append(out, s)
	}
	return out
}

// told lists the kinds of event of a daemon, without looks and progress.
func (b *bench) told(daemon string) []string {
	var out []string
	for _, e := range b.events {
		if e.Daemon == daemon && e.Kind != KindState && e.Kind != KindProgress {
			out = append(out, string(e.Kind))
		}
	}
	return out
}

// images says what runs: "api good:1".
func (b *bench) images() []string {
	o, err := b.Observe(b.t.Context(), "edge", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, d := range o.Daemons {
		s := d.Daemon + " " + d.Image + " " + string(d.State)
		if d.Unfinished {
			s += " unfinished"
		}
		out = append(out, s)
	}
	return out
}

func (b *bench) want(what string, got []string, want ...string) {
	b.t.Helper()
	if !slices.Equal(got, want) {
		b.t.Errorf("%s:\n  %s\nwant:\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
