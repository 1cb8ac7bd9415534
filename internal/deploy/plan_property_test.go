package deploy

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Whatever exists, carrying out the plan once leaves nothing to plan, and every daemon is decided about exactly once.
func TestPlanConverges(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		ws, o := randomWorkloads(r), randomObserved(r)
		opts := PlanOptions{NoPrune: r.IntN(3) == 0, Adopt: true}
		p, err := MakePlan("edge", ws, o, opts)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		decided := map[string]int{}
		for _, c := range p.Changes {
			decided[c.Daemon]++
		}
		for name, n := range decided {
			if n != 1 {
				t.Fatalf("seed %d decides %d times about %s:\n%s", seed, n, name, p)
			}
		}
		again, err := MakePlan("edge", ws, carriedOut(p, ws, o), opts)
		if err != nil || !again.Empty() {
			t.Fatalf("seed %d: after\n%sthere is still to do (%v):\n%s", seed, p, err, again)
		}
	}
}

// The same look at the same target gives the same plan, in whatever order things are listed.
func TestPlanDoesNotDependOnOrder(t *testing.T) {
	ws := []workload.Workload{wanted("a"), wanted("b", volume("x")), wanted("c")}
	o := observed(applied(wanted("d")), applied(wanted("b", env("N", manifest.Plain("1")))), applied(wanted("a")))
	o.Data = []Data{{Name: "edge-z", Resource: "z"}, {Name: "edge-y", Resource: "y"}}
	first, err := MakePlan("edge", ws, o, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(ws)
	slices.Reverse(o.Daemons)
	slices.Reverse(o.Data)
	second, err := MakePlan("edge", ws, o, PlanOptions{})
	if err != nil || !reflect.DeepEqual(first, second) {
		t.Errorf("plans differ (%v):\n%s\n%s", err, first, second)
	}
}

func randomWorkloads(r *rand.Rand) []workload.Workload {
	var ws []workload.Workload
	for i := range 6 {
		if r.IntN(3) > 0 {
			ws = append(ws, wanted(fmt.Sprintf("d%d", i), env("N", manifest.Plain(fmt.Sprint(r.IntN(2))))))
		}
	}
	return ws
}

func randomObserved(r *rand.Rand) Observed {
	o := observed()
	o.Images = map[string]string{}
	states := []State{Running, Running, Running, Running, Created, BackOff, Stopped, Paused, Gone}
	for _, w := range randomWorkloads(r) {
		d := applied(w, in(states[r.IntN(len(states))]))
		d.Unfinished = r.IntN(4) == 0
		if r.IntN(4) == 0 {
			d.Renamed = "mine"
		}
		if r.IntN(4) == 0 {
			o.Images[w.Image] = "sha256:bbbb"
		}
		o.Daemons = append(o.Daemons, d)
	}
	return o
}

// carriedOut is what exists when a plan was carried out and went well.
func carriedOut(p Plan, ws []workload.Workload, o Observed) Observed {
	left := map[string]Daemon{}
	for _, d := range o.Daemons {
		left[d.Daemon] = d
	}
	for _, c := range p.Changes {
		switch {
		case c.Action == Delete:
			delete(left, c.Daemon)
		case c.Resume:
			d := left[c.Daemon]
			d.Unfinished = false
			left[c.Daemon] = d
		case c.Action != Unchanged:
			left[c.Daemon] = becomes(c.Daemon, ws, o)
		}
	}
	after := o
	after.Daemons = nil
	for _, d := range left {
		after.Daemons = append(after.Daemons, d)
	}
	return after
}

// becomes is the daemon that its workload becomes, with the image its reference stands for now.
func becomes(name string, ws []workload.Workload, o Observed) Daemon {
	for _, w := range ws {
		if w.Daemon != name {
			continue
		}
		d := applied(w)
		if id, ok := o.Images[w.Image]; ok {
			d.ImageID = id
		}
		return d
	}
	panic("the plan is about " + name + ", which is not in the manifest")
}
