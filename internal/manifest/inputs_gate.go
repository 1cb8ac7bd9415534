package manifest

import (
	"fmt"
	"slices"
)

// gated says whether an entry exists only if an input says so.
func (e *entry) gated() bool { return e.gate != "" }

// gate reads the id of the input that decides over an entry.
func (c *compiled) gate(n node, e *entry) {
	e.gate, e.gateAt = c.text(n), n.at
	if e.gate == "" && n.isText() {
		c.errorf(CodeGate, n.at, "this names no input", "name one, or leave it out")
	}
}

// checkGates holds entries that an input decides over, and those that need them, to the rules for that.
func (c *compiled) checkGates() {
	for _, e := range c.entries {
		if !e.gated() {
			continue
		}
		if e.id == "secrets" {
			c.errorf(CodeGate, e.gateAt, `"secrets" is the stack's own vault, and cannot be optional`, `remove "enabledWhen"`)
		}
		if isDerived(e.kind) {
			c.errorf(CodeGate, e.gateAt, fmt.Sprintf("a %s cannot be optional", e.kind), `remove "enabledWhen"`)
			continue
		}
		for _, w := range c.wildcards {
			if w.kind == e.kind {
				c.errorf(CodeGate, w.at, fmt.Sprintf(`this grant on "*" would outlive the optional %s %s`, e.kind, e.id), "grant it on the resource, or link the resource instead")
			}
		}
		c.checkGate(e)
		c.checkDependents(e)
	}
}

// isDerived says whether a type is infrastructure that others stand on.
func isDerived(kind string) bool {
	own := []string{"key", "sandbox", "email", "experimental/aws-opensearch"}
	return onlyLifecycle(kind) == "frozen" && !slices.Contains(own, kind)
}

// checkGate looks at the input of a gate.
func (c *compiled) checkGate(e *entry) {
	i := slices.IndexFunc(c.inputs, func(in *input) bool { return in.id == e.gate })
	if i < 0 {
		c.errorf(CodeGate, e.gateAt, fmt.Sprintf("there is no input %q", shorten(e.gate)), suggestID(e.gate, c.inputIDs()))
		return
	}
	in := c.inputs[i]
	if in.kind != "" && in.kind != "boolean" {
		c.errorf(CodeGate, e.gateAt, fmt.Sprintf("the input %q is no boolean, and cannot decide over a resource", e.gate), "name a boolean input")
	}
	if !slices.Contains(in.providedBy, "deployer") {
		c.errorf(CodeGate, e.gateAt, fmt.Sprintf("the input %q is not for the deployer to provide", e.gate), "name one that is")
	}
	if !in.required && in.standard == nil {
		c.errorf(CodeGate, e.gateAt, fmt.Sprintf("the input %q can be left without an answer", e.gate), "make it required, or give it a default")
	}
	for _, p := range c.wanted {
		if in.platforms != nil && !slices.Contains(in.platforms, p) {
			c.errorf(CodeGate, e.gateAt, fmt.Sprintf("the input %q is not asked for on %s", e.gate, p), "let it hold there, too")
			break
		}
	}
}

func (c *compiled) inputIDs() []string {
	ids := make([]string, 0, len(c.inputs))
	for _, in := range c.inputs {
		ids = append(ids, in.id)
	}
	return ids
}

// checkDependents looks at the entries that need one that may be missing. A live one that only links it can do without.
func (c *compiled) checkDependents(e *entry) {
	const sameGate = "let the same input decide over both"
	for _, d := range c.entries {
		if d == e || d.gate == e.gate {
			continue
		}
		depends := slices.ContainsFunc(d.dependsOn, func(l Link) bool { return l.ID == e.id })
		at := c.linkTo(d, e.id)
		switch {
		case !depends && at.Line == 0:
		case !depends && d.lifecycle != "frozen":
			c.warnf(CodeGateLink, at, fmt.Sprintf("the input %q decides over %s: without it, this link and its variable are absent", e.gate, e.id), "let the daemon cope with that")
		case d.gated():
			c.errorf(CodeGate, d.gateAt, fmt.Sprintf("%s is needed here, and the input %q decides over it", e.id, e.gate), sameGate)
		default:
			c.errorf(CodeGate, d.at, fmt.Sprintf("%s depends on %s, which the input %q may leave out", d.id, e.id, e.gate), "use a plain link, or "+sameGate)
		}
	}
}

// linkTo is where an entry links another; without a line where it does not.
func (c *compiled) linkTo(e *entry, id string) Location {
	for i, l := range e.links {
		if l.ID == id {
			return c.index[fmt.Sprintf("%s.links[%d]", e.model, i)]
		}
	}
	return Location{}
}

// decline takes out what the answers leave out, with the links and dependencies to it.
func (c *compiled) decline() {
	out := map[string]bool{}
	for _, e := range c.entries {
		i := slices.IndexFunc(c.inputs, func(in *input) bool { return e.gated() && in.id == e.gate })
		if i >= 0 && c.inputs[i].answer != nil && c.inputs[i].answer.value.Reveal() == "false" {
			out[e.id] = true
		}
	}
	if len(out) == 0 {
		return
	}
	s := c.stack
	s.Daemons = slices.DeleteFunc(s.Daemons, func(d Daemon) bool { return out[d.Name] })
	s.Resources = slices.DeleteFunc(s.Resources, func(r Resource) bool { return out[r.ID] })
	s.Undeployed = slices.DeleteFunc(s.Undeployed, func(u Undeployed) bool { return out[u.ID] })
	for i := range s.Daemons {
		d := &s.Daemons[i]
		d.Links = c.without(d.Links, out, join("daemons", d.Name)+".links")
		d.DependsOn = c.without(d.DependsOn, out, join("daemons", d.Name)+".dependencies")
	}
	for i := range s.Resources {
		r := &s.Resources[i]
		r.DependsOn = c.without(r.DependsOn, out, join("resources", r.ID)+".dependencies")
	}
}

// without drops links, and lets the places of the others move up.
func (c *compiled) without(links []Link, out map[string]bool, path string) []Link {
	kept := make([]Link, 0, len(links))
	for i, l := range links {
		at := c.index[fmt.Sprintf("%s[%d]", path, i)]
		delete(c.index, fmt.Sprintf("%s[%d]", path, i))
		if !out[l.ID] {
			c.index[fmt.Sprintf("%s[%d]", path, len(kept))] = at
			kept = append(kept, l)
		}
	}
	return kept
}
