package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// compiled reads the compiled stack JSON, which a builder writes and another loader reads as well. What that one refuses is an
// error here, what it ignores a warning. Strings are taken as they are.
//
// An input can decide over an entry (enabledWhen), and inputs are answered by the values file. So reading only collects; settle
// does the rest, when the answers are known.
type compiled struct {
	*reader
	stack     *Stack
	entries   []*entry
	inputs    []*input
	wildcards []wildcard
	wanted    []Platform
}

// entry is what all kinds of resources have in common: a place in the stack, and rules for it.
type entry struct {
	id, kind    string
	model       string
	at          Location
	lifecycle   string
	lifecycleAt Location
	gate        string // the input that decides whether the entry exists; empty for none
	gateAt      Location
	links       []Link
	dependsOn   []Link
}

// compiledStack reads the document. Its findings are complete but for those that need the values.
func (r *reader) compiledStack(root node, o Options) *compiled {
	r.expand, r.nullIsEmpty = nil, false
	c := &compiled{reader: r, stack: &Stack{Form: Compiled}}
	ok := c.object(root, fields{
		"$schema": c.anyText, // for editors
		"id":      func(v node) { c.stack.Name = c.text(c.as(v, "name")) },
		"supportedPlatforms": orNull(func(v node) {
			c.stack.Platforms = c.supported(c.as(v, "platforms"))
		}),
		"inputs":      func(v node) { c.inputs = c.definitions(v) },
		"permissions": func(v node) { c.permissions(v) },
		"resources":   func(v node) { c.resources(v) },
	}, c.ignore())
	if ok {
		c.require(root, "id", "resources")
	}
	c.wanted = wanted(c.stack.Platforms, o.Platforms)
	c.checkPolicy()
	c.checkInputs()
	c.checkGates()
	return c
}

// wanted are the platforms that a stack is loaded for.
func wanted(declared, asked []Platform) []Platform {
	if len(declared) == 0 {
		declared = []Platform{Local, Kubernetes}
	}
	if asked != nil {
		return asked
	}
	return slices.DeleteFunc(slices.Clone(declared), func(p Platform) bool { return p != Local && p != Kubernetes })
}

// supported reads the platforms of a stack, which cannot be none.
func (c *compiled) supported(n node) []Platform {
	platforms := c.platforms(n)
	if len(n.yaml.Content) == 0 && n.kind() == "a list" {
		c.errorf(CodeValue, n.at, "the stack supports no platform at all", "name one, such as local, or leave it out for all of them")
	}
	return platforms
}

// ignore gives what object does with members that the builder's own loader does not look at: a warning, because somebody
// meant something by them.
func (d *decoder) ignore() func(node, []string) {
	return func(m node, known []string) {
		hint := "remove it"
		if near, ok := nearest(m.name, known); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		d.warnf(CodeIgnored, m.key, fmt.Sprintf("%q is not a field here, and is ignored", shorten(m.name)), hint)
	}
}

// resources reads the entries of the stack.
func (c *compiled) resources(n node) {
	members, _ := c.members(n)
	for _, m := range members {
		c.entries = append(c.entries, c.entry(m))
	}
}

// typeOf is the type of an entry, known before anything of it is read.
func typeOf(n node) string {
	config, ok := n.child("config")
	if !ok {
		return ""
	}
	kind, ok := (node{yaml: config}).child("type")
	if !ok || !(node{yaml: kind}).isText() {
		return ""
	}
	return kind.Value
}

// entry reads one resource of the stack, of any type.
func (c *compiled) entry(n node) *entry {
	e := &entry{id: n.name, kind: typeOf(n), at: n.at, model: join("resources", n.name)}
	if e.kind == "daemon" {
		e.model = join("daemons", n.name)
		n = c.as(n, e.model)
	}
	var d Daemon
	ok := c.object(n, fields{
		"config": func(v node) {
			v.model = e.model
			d = c.config(v, e)
		},
		"lifecycle":    func(v node) { e.lifecycle, e.lifecycleAt = c.word(v, "a lifecycle", "frozen", "live"), v.at },
		"dependencies": func(v node) { e.dependsOn = c.refs(v) },
		"remoteAccess": func(v node) { c.boolean(v) },
		"enabledWhen":  orNull(func(v node) { c.gate(v, e) }),
	}, c.ignore())
	if ok {
		c.require(n, "config", "lifecycle", "dependencies")
	}
	c.keep(e, d)
	return e
}

// keep puts what was read where the model has it.
func (c *compiled) keep(e *entry, d Daemon) {
	switch {
	case e.kind == "daemon":
		e.links = d.Links
		d.Name, d.DependsOn = e.id, e.dependsOn
		c.stack.Daemons = append(c.stack.Daemons, d)
	case isUndeployed(e.kind):
		c.stack.Undeployed = append(c.stack.Undeployed, Undeployed{ID: e.id, Type: e.kind})
	default:
		c.stack.Resources = append(c.stack.Resources, Resource{
			ID: e.id, Type: e.kind, Bindings: map[Platform]Binding{}, DependsOn: e.dependsOn,
		})
	}
}

// config reads the part of an entry that its type decides over. Only a daemon has anything for the model in it.
func (c *compiled) config(n node, e *entry) Daemon {
	d := newDaemon(e.id)
	known := fields{}
	unknown := c.refuse(nil)
	switch e.kind {
	case "daemon":
		known = c.daemonFields(&d)
	case "storage":
		known = c.storageFields()
	case "postgres":
		known = c.postgresFields()
	case "kv", "queue", "vault", "key":
	default:
		unknown = nil // types whose shape is not ours to know
	}
	known["id"] = func(v node) { c.id(v, e) }
	known["type"] = func(v node) { c.kind(v) }
	if c.object(n, known, unknown) {
		c.require(n, "type", "id")
		if e.kind == "daemon" {
			c.require(n, "code", "permissions", "links")
		}
	}
	return d
}

// id holds an entry's own id to the one it stands under.
func (c *compiled) id(n node, e *entry) {
	before := len(c.findings)
	if id := c.text(n); id != e.id && len(c.findings) == before {
		c.errorf(CodeIDMismatch, n.at, fmt.Sprintf("the id is %q, and the resource stands under %q", shorten(id), shorten(e.id)), "give both the same name")
	}
}

// kind holds a type to those that a stack can declare.
func (c *compiled) kind(n node) {
	if slices.Contains(declarable(), n.yaml.Value) || !slices.Contains(resourceTypes(), n.yaml.Value) {
		c.word(n, "a type of resource", declarable()...)
	} else if kind := c.text(n); kind != "" {
		c.errorf(CodeValue, n.at, fmt.Sprintf("a stack cannot declare a resource of the type %s: deploying creates it where it is needed", kind), "remove it")
	}
}

// declarable are the types of resources that are a stack's to declare.
func declarable() []string {
	return []string{
		"worker", "daemon", "storage", "artifact-registry", "build", "queue", "kv", "vault", "key", "container", "service-account",
		"compute-cluster", "postgres", "ai", "email", "sandbox", "experimental/aws-opensearch",
	}
}

// refs reads references to other entries.
func (c *compiled) refs(n node) []Link {
	items, _ := c.items(n, `write [{ "type": "storage", "id": "name" }]`)
	links := make([]Link, 0, len(items))
	for _, item := range items {
		links = append(links, c.ref(item))
	}
	return links
}

func (c *compiled) ref(n node) Link {
	var link Link
	ok := c.object(n, fields{
		"type": func(v node) { link.Type = c.text(v) },
		"id":   func(v node) { link.ID = c.text(v) },
	}, c.ignore())
	if ok {
		c.require(n, "type", "id")
	}
	return link
}

// checkPolicy holds entries to the lifecycle of their type, and types to how often they may come.
func (c *compiled) checkPolicy() {
	first := map[string]string{}
	for _, e := range c.entries {
		only := onlyLifecycle(e.kind)
		if e.lifecycle != "" && only != "" && e.lifecycle != only {
			c.errorf(CodeLifecycle, e.lifecycleAt, fmt.Sprintf("a %s cannot be %s", e.kind, e.lifecycle), "write "+only)
		}
		if !slices.Contains([]string{"artifact-registry", "build", "compute-cluster"}, e.kind) {
			continue
		}
		if before, twice := first[e.kind]; twice {
			c.errorf(CodeConflict, e.at, fmt.Sprintf("a stack has one %s at most, and %s is one already", e.kind, before), "keep one of the two")
			continue
		}
		first[e.kind] = e.id
	}
}

// onlyLifecycle is the one lifecycle that entries of a type can have; empty where both are possible.
func onlyLifecycle(kind string) string {
	switch kind {
	case "daemon", "worker", "container":
		return "live"
	case "storage", "queue", "kv", "vault", "postgres", "ai", "":
		return ""
	}
	if slices.Contains(resourceTypes(), kind) {
		return "frozen"
	}
	return ""
}

// canHold says whether a list of patterns, exact ids or such with a trailing *, means an id. No list means every id.
func canHold(patterns []string, id string) bool {
	return patterns == nil || slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, open := strings.CutSuffix(pattern, "*")
		return open && strings.HasPrefix(id, prefix) || pattern == id
	})
}
