package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// eachLink calls do with every link of every daemon and the link's model path.
func (r *report) eachLink(do func(d manifest.Daemon, link manifest.Link, path string)) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		for i, link := range d.Links {
			do(d, link, fmt.Sprintf("%s.links[%d]", path, i))
		}
	})
}

// checkLinks: only a resource has a binding to hand over.
func checkLinks(r *report) {
	r.eachLink(func(_ manifest.Daemon, link manifest.Link, path string) {
		if _, ok := r.stack.Resource(link.ID); ok {
			return
		}
		if kind := r.computeKind(link.ID); kind != "" {
			r.fail(LinkNotResource, path, fmt.Sprintf("%.200q is a %s, which has no binding to hand over", link.ID, kind),
				"remove the link; give the daemon what it needs, such as an address, through environment")
			return
		}
		r.fail(LinkUnknown, path, fmt.Sprintf("there is no resource %.200q", link.ID), r.resourceHint(link.ID))
	})
}

// computeKind is the type of an entry that computes, "" when there is none of that id.
func (r *report) computeKind(id string) string {
	if _, ok := r.stack.Daemon(id); ok {
		return "daemon"
	}
	for _, u := range r.stack.Undeployed {
		if u.ID == id {
			return u.Type
		}
	}
	return ""
}

func (r *report) resourceHint(id string) string {
	ids := make([]string, 0, len(r.stack.Resources))
	for _, res := range r.stack.Resources {
		ids = append(ids, res.ID)
	}
	if len(ids) == 0 {
		return fmt.Sprintf("declare it: resources: {%s: {type: storage}}", id)
	}
	return fmt.Sprintf("declare it under resources, or link one of %s", list(ids))
}

// checkDuplicateLinks: a second link adds nothing, so it is a slip of the pen for another name.
func checkDuplicateLinks(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		seen := map[string]bool{}
		for i, link := range d.Links {
			if seen[link.ID] {
				r.fail(LinkDuplicate, fmt.Sprintf("%s.links[%d]", path, i),
					fmt.Sprintf("%.200q is linked twice", link.ID), "remove one of the two")
			}
			seen[link.ID] = true
		}
	})
}

// checkLinkTypes: a compiled link says what it expects to find.
func checkLinkTypes(r *report) {
	r.eachLink(func(_ manifest.Daemon, link manifest.Link, path string) {
		res, ok := r.stack.Resource(link.ID)
		if ok && link.Type != "" && link.Type != res.Type {
			r.fail(LinkTypeMismatch, path, fmt.Sprintf("the link says that %.200q is a %s, and it is a %s", link.ID, link.Type, res.Type),
				"correct the link's type, or link another resource")
		}
	})
}

// checkDependencies: what a compiled entry depends on exists.
func checkDependencies(r *report) {
	unknown := func(links []manifest.Link, path string) {
		for i, dep := range links {
			if _, ok := r.stack.Resource(dep.ID); !ok && r.computeKind(dep.ID) == "" {
				r.fail(DependencyUnknown, fmt.Sprintf("%s.dependencies[%d]", path, i),
					fmt.Sprintf("there is no entry %.200q to depend on", dep.ID), "remove the dependency, or add the entry")
			}
		}
	}
	r.eachDaemon(func(d manifest.Daemon, path string) { unknown(d.DependsOn, path) })
	r.eachResource(func(res manifest.Resource, path string) { unknown(res.DependsOn, path) })
}

// checkCycles: entries that wait for one another can never start. Each cycle is reported once, from its first entry.
func checkCycles(r *report) {
	g := r.dependencyGraph()
	for _, id := range g.order {
		g.visit(id, nil, func(cycle []string) {
			r.fail(DependencyCycle, g.path[cycle[0]], "depends on itself: "+circle(cycle),
				"remove one of these links or dependencies")
		})
	}
}

// circle writes a cycle down; of a long one its beginning and its end.
func circle(ids []string) string {
	if len(ids) > 12 {
		ids = slices.Concat(ids[:6], []string{"…"}, ids[len(ids)-5:])
	}
	return strings.Join(append(slices.Clone(ids), ids[0]), " -> ")
}

// list writes names down; of many the first ones.
func list(names []string) string {
	if len(names) > 8 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:7], ", "), len(names)-7)
	}
	return strings.Join(names, ", ")
}

// graph is who needs whom, by id.
type graph struct {
	order []string // ids in the order of the file
	path  map[string]string
	needs map[string][]string
	state map[string]walked
}

// walked is how far the search for cycles has come with an entry; the zero value is not at all.
type walked int

const (
	active walked = iota + 1
	done
)

func (r *report) dependencyGraph() *graph {
	g := &graph{path: map[string]string{}, needs: map[string][]string{}, state: map[string]walked{}}
	add := func(id, path string, links ...manifest.Link) {
		g.order = append(g.order, id)
		g.path[id] = path
		for _, l := range links {
			g.needs[id] = append(g.needs[id], l.ID)
		}
	}
	r.eachDaemon(func(d manifest.Daemon, path string) {
		// In the friendly form a daemon and a resource may share a name, and a link always means the resource.
		if _, shared := r.stack.Resource(d.Name); !shared {
			add(d.Name, path, slices.Concat(d.Links, d.DependsOn)...)
		}
	})
	r.eachResource(func(res manifest.Resource, path string) { add(res.ID, path, res.DependsOn...) })
	return g
}

// visit walks depth first; what is finished is not walked again, so that every cycle shows once.
func (g *graph) visit(id string, trail []string, found func([]string)) {
	switch g.state[id] {
	case active:
		found(slices.Clone(trail[slices.Index(trail, id):]))
		return
	case done:
		return
	}
	g.state[id] = active
	for _, next := range g.needs[id] {
		g.visit(next, append(trail, id), found)
	}
	g.state[id] = done
}
