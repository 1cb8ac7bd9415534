package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// testKey stands for the stack's random key.
var testKey = []byte("0123456789abcdef")

// wanted is a small workload; the options change it.
func wanted(name string, change ...func(*workload.Workload)) workload.Workload {
	w := workload.Workload{
		Stack: "edge", Daemon: name, Image: "example.test/" + name + ":1", StopGrace: 30 * time.Second,
		Env: []manifest.Env{{Name: "LOG_LEVEL", Value: manifest.Plain("info")}},
	}
	for _, f := range change {
		f(&w)
	}
	return w
}

// env sets a variable of a workload.
func env(name string, value manifest.Value) func(*workload.Workload) {
	return func(w *workload.Workload) {
		w.Env = slices.DeleteFunc(slices.Clone(w.Env), func(e manifest.Env) bool { return e.Name == name })
		w.Env = append(w.Env, manifest.Env{Name: name, Value: value})
	}
}

// volume gives a workload the place of a resource.
func volume(resource string) func(*workload.Workload) {
	return func(w *workload.Workload) {
		w.Volumes = append(w.Volumes,
			workload.Volume{Resource: resource, Name: "edge-" + resource, Target: "/var/lib/alien/" + resource})
	}
}

// applied is the daemon that a workload became; the options change what happened to it since.
func applied(w workload.Workload, since ...func(*Daemon)) Daemon {
	fp := w.Fingerprint(testKey)
	d := Daemon{
		Observation: Observation{Daemon: w.Daemon, Instance: "i-" + w.Daemon, State: Running},
		Hash:        fp.Hash, Fields: fp.Fields, Key: testKey, Image: w.Image,
		ImageID: "sha256:aaaaaaaaaaaaaaaa", Source: "edge/alien.yaml on host",
	}
	for _, f := range since {
		f(&d)
	}
	return d
}

func observed(daemons ...Daemon) Observed { return Observed{Daemons: daemons, Key: testKey} }

func in(state State) func(*Daemon) { return func(d *Daemon) { d.State = state } }

func byHand(d *Daemon)     { d.State, d.ByHand = Stopped, true }
func unfinished(d *Daemon) { d.Unfinished = true }

func only(names ...string) PlanOptions { return PlanOptions{Only: names} }

type planCase struct {
	name string
	ws   []workload.Workload
	o    Observed
	opts PlanOptions
	want string
}

func (c planCase) run(t *testing.T) {
	t.Helper()
	p, err := MakePlan("edge", c.ws, c.o, c.opts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(unindent(c.want), p.String()); diff != "" {
		t.Errorf("plan differs (-want +got):\n%s", diff)
	}
}

// unindent lets a golden stand in a table: it drops the first line break and the tabs that begin the first line.
func unindent(s string) string {
	s = strings.TrimPrefix(s, "\n")
	indent := s[:len(s)-len(strings.TrimLeft(s, "\t"))]
	return strings.TrimRight(strings.ReplaceAll("\n"+s, "\n"+indent, "\n")[1:], "\t")
}
