package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// MakePlan compares what should run with what exists. It decides only; the same arguments give the same plan.
//
// It answers with a *Problem when a name of opts.Only is not in the manifest, and when the plan would remove every
// daemon of a stack that shares none with the manifest: two projects then picked the same name.
func MakePlan(stack string, ws []workload.Workload, o Observed, opts PlanOptions) (Plan, error) {
	wanted := byName(ws)
	if err := CheckNames(opts.Only, slices.Collect(maps.Keys(wanted)), "the manifest"); err != nil {
		return Plan{}, err
	}
	if err := checkAdoption(stack, wanted, o, opts); err != nil {
		return Plan{}, err
	}
	p := Plan{Stack: stack, Changes: []Change{}}
	running := map[string]Daemon{}
	for _, d := range o.Daemons {
		running[d.Daemon] = d
	}
	for _, w := range ws {
		if !selected(w.Daemon, opts.Only) {
			continue
		}
		d, exists := running[w.Daemon]
		p.Changes = append(p.Changes, changeOf(w, d, exists, o, opts))
	}
	if len(opts.Only) == 0 && !opts.NoPrune {
		p.Changes = append(p.Changes, prune(wanted, o)...)
	}
	sortChanges(p.Changes)
	p.KeptData = unusedData(p, ws, o)
	return p, nil
}

// MakeDownPlan takes a stack down, or the daemons named in only. A name that nothing on the target has is a *Problem:
// a daemon that goes on running because its name was mistyped must not look like success.
func MakeDownPlan(stack string, o Observed, only []string, deleteData bool) (Plan, error) {
	if err := CheckExisting(only, o, stack); err != nil {
		return Plan{}, err
	}
	p := Plan{Stack: stack, Changes: []Change{}}
	for _, d := range o.Daemons {
		if selected(d.Daemon, only) {
			p.Changes = append(p.Changes, Change{Daemon: d.Daemon, Action: Delete})
		}
	}
	sortChanges(p.Changes)
	if deleteData {
		p.DeletedData = unusedData(p, nil, o)
	} else {
		p.KeptData = unusedData(p, nil, o)
	}
	return p, nil
}

// changeOf decides about one daemon of the manifest.
func changeOf(w workload.Workload, d Daemon, exists bool, o Observed, opts PlanOptions) Change {
	c := Change{Daemon: w.Daemon, Action: Create}
	if exists {
		c.Action, c.Causes = Update, Causes(w, d, o.Images)
		if opts.ForceRecreate {
			c.Causes = append(c.Causes, Cause{Path: CauseForced})
		}
		if len(c.Causes) == 0 {
			c.Action = Unchanged
		}
	}
	if c.Action == Unchanged && d.Unfinished {
		c.Resume, c.Causes = true, []Cause{{Path: CauseUnfinished}}
	}
	if other := o.Taken[w.Daemon]; other != "" && c.Action != Unchanged {
		c.block(&Problem{Reason: NameTaken, Message: fmt.Sprintf("the name %s is taken by %s", w.Name(), other)})
	}
	if p := o.Barred[w.Daemon]; p != nil {
		c.block(p)
	}
	if p := o.unresolved(w); p != nil && c.Action == Unchanged { // else preparing it tells
		c.block(p)
	}
	return c
}

// block records why a change cannot be made.
func (c *Change) block(p *Problem) { c.Blocked, c.problem = p.Error(), p }

// unresolved is why it cannot be told whether the workload's image is the one that runs; nil where that can be, or is
// not asked.
func (o Observed) unresolved(w workload.Workload) *Problem {
	if _, known := o.Images[w.Image]; known && w.PullPolicy != manifest.PullAlways {
		return nil
	}
	return o.Unresolved[w.Image]
}

// prune deletes what left the manifest.
func prune(wanted map[string]bool, o Observed) []Change {
	var out []Change
	for _, d := range o.Daemons {
		if !wanted[d.Daemon] {
			out = append(out, Change{Daemon: d.Daemon, Action: Delete, Causes: []Cause{{Path: CauseManifest}}})
		}
	}
	return out
}

// unusedData are the places that no daemon uses once the plan is done: neither those the manifest describes nor those
// that exist and that the plan leaves alone.
func unusedData(p Plan, ws []workload.Workload, o Observed) []Data {
	used := map[string]bool{}
	for _, w := range ws {
		for _, v := range w.Volumes {
			used[v.Resource] = true
		}
	}
	touched := map[string]bool{}
	for _, c := range p.Changes {
		touched[c.Daemon] = c.Action != Unchanged
	}
	for _, d := range o.Daemons {
		for _, f := range d.Fields {
			if resource, ok := strings.CutPrefix(f.Path, "links."); ok && !touched[d.Daemon] {
				used[resource] = true
			}
		}
	}
	var out []Data
	for _, data := range o.Data {
		if !used[data.Resource] {
			out = append(out, data)
		}
	}
	slices.SortFunc(out, func(a, b Data) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// checkAdoption refuses to remove all that runs under a stack's name in favour of a manifest that shares nothing with it.
func checkAdoption(stack string, wanted map[string]bool, o Observed, opts PlanOptions) error {
	if len(opts.Only) > 0 || opts.NoPrune || opts.Adopt || len(o.Daemons) == 0 {
		return nil
	}
	var names, sources []string
	for _, d := range o.Daemons {
		if wanted[d.Daemon] {
			return nil
		}
		names = append(names, d.Daemon)
		if d.Source != "" {
			sources = append(sources, d.Source)
		}
	}
	slices.Sort(names)
	slices.Sort(sources)
	from := "applied from an unknown place"
	if len(sources) > 0 {
		from = "applied from " + strings.Join(slices.Compact(sources), " and ")
	}
	return &Problem{
		Reason: StackTaken,
		Message: fmt.Sprintf("the stack %q is another one: it runs %s, %s, and this manifest has none of these daemons",
			stack, strings.Join(names, ", "), from),
		Hint: "give this stack another name, or pass --adopt to remove those daemons and use the name",
	}
}

func byName(ws []workload.Workload) map[string]bool {
	out := map[string]bool{}
	for _, w := range ws {
		out[w.Daemon] = true
	}
	return out
}

func selected(name string, only []string) bool { return len(only) == 0 || slices.Contains(only, name) }

func sortChanges(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Daemon, b.Daemon) })
}
