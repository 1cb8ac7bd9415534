package manifest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// reader is a decoder that may also look at the environment and at files beside the manifest.
type reader struct {
	*decoder
	lookup func(string) (string, bool)
	dir    string // where relative paths start
	// idle is set while a part is read that no wanted platform uses: its structure counts, its variables and files do not.
	idle bool
}

// newReader gives a reader for one file of the friendly kind: its strings are interpolated.
func newReader(src source, dir string, lookup func(string) (string, bool)) *reader {
	r := &reader{decoder: newDecoder(src), lookup: lookup, dir: dir}
	in := &interpolator{lookup: lookup}
	r.nullIsEmpty = true
	r.expand = func(n node, text string) string {
		out, slips := in.expand(text)
		for _, s := range slips {
			if r.full() {
				break
			}
			if !r.idle || s.code == CodeVarSyntax {
				r.errorf(s.code, r.within(n, s.token), s.message, s.hint)
			}
		}
		return out
	}
	return r
}

// within is the place of a piece of text inside a string that starts at the node; the node's own where it is not found.
func (r *reader) within(n node, token string) Location {
	block := n.yaml.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	last := n.yaml.Line + strings.Count(n.yaml.Value, "\n")
	if block {
		last = len(r.lines)
	}
	for number := n.yaml.Line; number >= 1 && number <= min(last, len(r.lines)); number++ {
		line, from := r.lines[number-1], 0
		if number == n.yaml.Line {
			from = byteOffset(line, n.yaml.Column)
		}
		if at := strings.Index(line[from:], token); at >= 0 {
			column := utf8.RuneCountInString(line[:from+at]) + 1
			return Location{File: r.file, Line: number, Column: column, Path: n.at.Path, Source: line}
		}
	}
	return n.at
}

// sourcesOfValues are the ways to say where a value comes from.
func sourcesOfValues() []string { return []string{"fromEnv", "fromFile", "secretRef"} }

// isReference says whether an object stands for a value that is kept elsewhere.
func (n node) isReference() bool {
	for _, name := range sourcesOfValues() {
		if n.has(name) {
			return true
		}
	}
	return false
}

// value reads a string, or an object that says where one is kept.
func (r *reader) value(n node) Value {
	if n.yaml.Kind == yaml.MappingNode {
		return r.reference(n)
	}
	if n.isNull() {
		r.wrongType(n, "a string", fmt.Sprintf(`write "" for an empty one, or { fromEnv: %s } to take it from here`, shorten(n.name)))
		return Value{}
	}
	return Plain(r.text(n))
}

// reference reads {fromEnv: NAME}, {fromFile: PATH} or {secretRef: {name, key}}. The names and the path are strings of the
// manifest like any other, so they are interpolated; what they lead to is not.
func (r *reader) reference(n node) Value {
	var value Value
	count := 0
	counted := func(read func(node) Value) func(node) {
		return func(m node) {
			count++
			value = read(m)
		}
	}
	ok := r.object(n, fields{
		"fromEnv":   counted(r.fromEnv),
		"fromFile":  counted(r.fromFile),
		"secretRef": counted(r.secretRef),
	}, r.refuse(nil))
	switch {
	case ok && count == 0:
		r.errorf(CodeMissing, n.at, "this says nothing about where the value is kept", "write fromEnv, fromFile or secretRef")
	case count > 1:
		r.errorf(CodeConflict, n.at, "a value is kept in one place, and this names several", "keep one of fromEnv, fromFile and secretRef")
	}
	return value
}

func (r *reader) fromEnv(n node) Value {
	name, ok := r.name(n, "write the variable's name")
	if !ok || r.idle {
		return Secret("", "environment variable "+name)
	}
	text, defined := r.lookup(name)
	if !defined {
		r.errorf(CodeFromEnv, n.at, fmt.Sprintf("the environment variable %s is not set", shorten(name)), "set it where alien runs")
	}
	return Secret(text, "environment variable "+name)
}

func (r *reader) fromFile(n node) Value {
	path, ok := r.name(n, "write the file's path")
	if !ok || r.idle {
		return Secret("", "file "+path)
	}
	full := path
	if !filepath.IsAbs(full) {
		full = filepath.Join(r.dir, full)
	}
	text, err := readValue(full)
	if err != nil {
		r.errorf(CodeFromFile, n.at, fmt.Sprintf("cannot read the file %s: %s", shorten(path), plainError(err)), "paths start at the manifest's directory")
	}
	return Secret(text, "file "+path)
}

// readValue reads a file byte for byte. Only regular files are read: anything else could block, or never end.
func readValue(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(text) > maxSize {
		return "", fmt.Errorf("it is larger than %s", sizeText(maxSize))
	}
	return string(text), err
}

func (r *reader) secretRef(n node) Value {
	var ref SecretRef
	ok := r.object(n, fields{
		"name": func(v node) { ref.Name, _ = r.name(v, "write the Secret's name") },
		"key":  func(v node) { ref.Key, _ = r.name(v, "write the key's name") },
	}, r.refuse(nil))
	if ok {
		r.require(n, "name", "key")
	}
	return FromRef(ref)
}

// name reads a string that cannot be empty.
func (r *reader) name(n node, hint string) (string, bool) {
	before := len(r.findings)
	text := r.text(n)
	if unknown := r.idle && n.yaml.Value != ""; text == "" && !unknown && len(r.findings) == before {
		r.errorf(CodeValue, n.at, "this is an empty string", hint)
	}
	return text, text != ""
}

// binding reads the JSON object that says how to reach a resource.
func (r *reader) binding(n node) Binding {
	return Binding{Fields: r.bindingFields(n)}
}

func (r *reader) bindingFields(n node) []BindingField {
	members, _ := r.members(n)
	list := make([]BindingField, 0, len(members))
	for _, m := range members {
		list = append(list, BindingField{Name: m.name, Value: r.bindingValue(m)})
	}
	return list
}

func (r *reader) bindingValue(n node) BindingValue {
	switch {
	case n.yaml.Kind == yaml.MappingNode && n.isReference():
		value := r.reference(n)
		return BindingValue{Text: &value}
	case n.yaml.Kind == yaml.MappingNode:
		return BindingValue{Object: r.bindingFields(n)}
	case n.yaml.Kind == yaml.SequenceNode:
		list := []BindingValue{}
		items, _ := r.items(n, "")
		for _, item := range items {
			list = append(list, r.bindingValue(item))
		}
		return BindingValue{List: list}
	case n.isNull():
		return BindingValue{Literal: "null"}
	case n.yaml.ShortTag() == "!!bool":
		return BindingValue{Literal: strconv.FormatBool(r.boolean(n))}
	case n.isNumber():
		return BindingValue{Literal: r.jsonNumber(n)}
	}
	value := Plain(r.text(n))
	return BindingValue{Text: &value}
}
