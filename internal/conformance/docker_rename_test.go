package conformance

import (
	"reflect"
	"slices"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// TestDockerRenamedByHand: diff tells of a name that a person gave a container, and up does and reports just that.
func TestDockerRenamedByHand(t *testing.T) {
	on := newDocker(t)
	p := newProject(t, on)
	p.manifest(`
daemons:
  api: { image: IMAGE, command: [/daemon, run] }
  other: { image: IMAGE, command: [/daemon, run] }
`)
	p.up(0)
	first, other := p.only("api"), p.only("other")
	if err := on.api.ContainerRename(t.Context(), first, p.stack+"-x"); err != nil {
		t.Fatal(err)
	}
	p.alien("daemon", "diff").exits(0).says(p.stack+"-x", p.stack+"-api")
	p.alien("daemon", "diff", "--exit-code").exits(6)

	report := p.up(0)
	cause := deploy.Cause{Path: deploy.CauseName, Kind: deploy.Changed, Old: p.stack + "-x", New: p.stack + "-api"}
	want := []deploy.Change{{Daemon: "api", Action: deploy.Update, Causes: []deploy.Cause{cause}}, {Daemon: "other", Action: deploy.Unchanged}}
	if got := report.Plan.Changes; !reflect.DeepEqual(got, want) {
		t.Errorf("up plans %+v, want %+v", got, want)
	}
	if got := outcome(t, report, "api"); got.Action != deploy.Update || got.Outcome != deploy.OutcomeReady {
		t.Errorf("up reports %+v, want an update that is ready", got)
	}
	left := on.leftovers(t, p.stack)
	slices.Sort(left)
	if all := []string{"container /" + p.stack + "-api", "container /" + p.stack + "-other"}; !slices.Equal(left, all) {
		t.Errorf("there are %v, want %v", left, all)
	}
	if p.only("api") == first || p.only("other") != other {
		t.Error("up replaced another daemon than it said")
	}
	for _, d := range p.up(0).Daemons {
		if d.Action != deploy.Unchanged {
			t.Errorf("a further up would %s %s", d.Action, d.Daemon)
		}
	}
}
