package manifest

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder reads a tree of YAML nodes (JSON is YAML too) into the model. It never stops at a mistake: what is wrong
// becomes a finding, and the value a zero value.
//
// Both manifest forms, and the values file, are read with it. A form is a set of functions that take a node and ask the
// decoder for what they expect there:
//
//	d.object(n, fields{
//		"image":   func(v node) { daemon.Image = d.text(v) },
//		"command": func(v node) { daemon.Command = d.texts(v) },
//	}, d.refuse(daemonHabits))
//	d.require(n, "image")
//
// Whatever object and items hand out is recorded in the index under its model path. That path is the document's own
// unless a form gives another one with as.
type decoder struct {
	file     string
	lines    []string
	findings []Finding
	index    map[string]Location
	json     bool // the document is JSON

	// expand interpolates a string of the document; nil leaves strings alone.
	expand func(n node, text string) string
	// nullIsEmpty lets a key without a value stand for an empty object or list. The compiled form has no such habit:
	// there, only what orNull wraps may be null.
	nullIsEmpty bool
}

// node is one value of a document.
type node struct {
	yaml  *yaml.Node // aliases and merge keys are resolved before
	name  string     // its key in the object around it; empty for list items
	at    Location   // of the value; of the key where the value is empty or starts on the lines below
	key   Location   // of the key; of the value itself where there is none
	model string     // its model path, for Stack.At
}

// fields are the members an object may have, by name, and what reads them.
type fields map[string]func(node)

// newDecoder gives a decoder for one file.
func newDecoder(src source) *decoder {
	return &decoder{file: src.file, lines: src.lines, json: src.json, index: map[string]Location{}}
}

// root is the document itself; its paths are empty.
func (d *decoder) root(y *yaml.Node) node {
	at := d.location(y, "")
	n := node{yaml: y, at: at, key: at}
	d.index[""] = at
	return n
}

// object hands every member to its function, in the order of the file, and those that have none to unknown (nil ignores
// them). It says whether there is an object at all; if not, it has reported that.
func (d *decoder) object(n node, known fields, unknown func(member node, known []string)) bool {
	members, ok := d.members(n)
	names := known.names()
	for _, m := range members {
		if read, found := known[m.name]; found {
			read(m)
		} else if unknown != nil {
			unknown(m, names)
		}
	}
	return ok
}

func (f fields) names() []string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// members are what an object holds, in the order of the file. A name that comes twice is reported and counts once.
func (d *decoder) members(n node) ([]node, bool) {
	if n.isNull() && d.nullIsEmpty {
		return nil, true
	}
	if n.yaml.Kind != yaml.MappingNode || !plainTag(n.yaml, "!!map") {
		d.wrongType(n, "an object", "")
		return nil, false
	}
	first := map[string]Location{}
	var members []node
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		m, ok := d.member(n, n.yaml.Content[i], n.yaml.Content[i+1])
		if !ok {
			continue
		}
		if before, twice := first[m.name]; twice {
			d.errorf(CodeDuplicateKey, m.key, fmt.Sprintf("%q stands here twice, first in line %d", m.name, before.Line), "keep one of the two")
			continue
		}
		first[m.name] = m.key
		d.record(m)
		members = append(members, m)
	}
	return members, true
}

// member pairs a key with its value.
func (d *decoder) member(parent node, key, value *yaml.Node) (node, bool) {
	if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null" {
		d.errorf(CodeKey, d.location(key, parent.at.Path), "a key must be a word", "write NAME: VALUE; templates such as {{ name }} are not filled in here")
		return node{}, false
	}
	path := join(parent.at.Path, key.Value)
	at, keyAt := d.location(value, path), d.location(key, path)
	block := value.Kind != yaml.ScalarNode && value.Style&yaml.FlowStyle == 0
	if block || value.Kind == yaml.ScalarNode && value.Value == "" && value.Style == 0 {
		at = keyAt
	}
	return node{yaml: value, name: key.Value, at: at, key: keyAt, model: join(parent.model, key.Value)}, true
}

// items are the elements of a list.
func (d *decoder) items(n node, hint string) ([]node, bool) {
	if n.isNull() && d.nullIsEmpty {
		return nil, true
	}
	if n.yaml.Kind != yaml.SequenceNode || !plainTag(n.yaml, "!!seq") {
		d.wrongType(n, "a list", hint)
		return nil, false
	}
	items := make([]node, 0, len(n.yaml.Content))
	for i, y := range n.yaml.Content {
		at := d.location(y, fmt.Sprintf("%s[%d]", n.at.Path, i))
		item := node{yaml: y, at: at, key: at, model: fmt.Sprintf("%s[%d]", n.model, i)}
		d.record(item)
		items = append(items, item)
	}
	return items, true
}

// require reports each of the names the object lacks. What is no object lacks nothing: that is reported already.
func (d *decoder) require(n node, names ...string) {
	if n.yaml.Kind != yaml.MappingNode && !n.isNull() {
		return
	}
	for _, name := range names {
		if !n.has(name) {
			d.errorf(CodeMissing, n.at, fmt.Sprintf("%q is missing", name), "add it")
		}
	}
}

// as gives the node another model path, for forms whose documents are built otherwise than the model.
func (d *decoder) as(n node, model string) node {
	n.model = model
	d.record(n)
	return n
}

func (d *decoder) record(n node) { d.index[n.model] = n.at }

// refuse gives what object does with unknown members: an error, with the habit's own sentence where the name is one
// that people bring from other tools, else with the nearest known name.
func (d *decoder) refuse(habits map[string]string) func(node, []string) {
	return func(m node, known []string) {
		if d.full() {
			return
		}
		if sentence, ok := habits[m.name]; ok {
			d.errorf(CodeForeign, m.key, fmt.Sprintf("%q is not a field here", m.name), sentence)
			return
		}
		hint := suggest(m.name, known)
		if strings.Contains(m.name, ":") {
			hint = "write a space behind the :"
		}
		d.errorf(CodeUnknown, m.key, fmt.Sprintf("there is no field %q here", shorten(m.name)), hint)
	}
}

// maxFindings is how many findings one file can have. A file that is no manifest at all would have one per line.
const maxFindings = 1000

// full says that no more findings are taken, so that nobody takes trouble over one.
func (d *decoder) full() bool { return len(d.findings) >= maxFindings }

// errorf adds an error; hint may be empty.
func (d *decoder) errorf(code string, at Location, message, hint string) {
	d.add(Finding{Code: code, Severity: Error, Location: at, Message: message, Hint: hint})
}

// warnf adds a warning; hint may be empty.
func (d *decoder) warnf(code string, at Location, message, hint string) {
	d.add(Finding{Code: code, Severity: Warning, Location: at, Message: message, Hint: hint})
}

// add leaves half of the room to errors: no number of warnings may hide one.
func (d *decoder) add(f Finding) {
	if !d.full() && (f.Severity == Error || len(d.findings) < maxFindings/2) {
		d.findings = append(d.findings, f)
	}
}

// location is where a YAML node stands, with the line's own text for the excerpt.
func (d *decoder) location(y *yaml.Node, path string) Location {
	loc := Location{File: d.file, Line: y.Line, Column: y.Column, Path: path}
	if y.Line > 0 && y.Line <= len(d.lines) {
		loc.Source = d.lines[y.Line-1]
	}
	return loc
}

// has says whether an object holds the name, whatever its value.
func (n node) has(name string) bool { _, ok := n.child(name); return ok }

// child looks a member up without reporting or recording anything, for telling shapes apart.
func (n node) child(name string) (*yaml.Node, bool) {
	if n.yaml.Kind != yaml.MappingNode {
		return nil, false
	}
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		if n.yaml.Content[i].Value == name && n.yaml.Content[i].Kind == yaml.ScalarNode {
			return n.yaml.Content[i+1], true
		}
	}
	return nil, false
}

func (n node) isNull() bool { return n.yaml.Kind == yaml.ScalarNode && n.yaml.ShortTag() == "!!null" }

// orNull lets a member be null, which is the same as leaving it out.
func orNull(read func(node)) func(node) {
	return func(n node) {
		if !n.isNull() {
			read(n)
		}
	}
}

// plainTag says whether a node has no tag of its own, or the one it would have anyway.
func plainTag(y *yaml.Node, tag string) bool {
	return slices.Contains([]string{"", "!", tag}, y.ShortTag())
}

// join puts a name behind a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
