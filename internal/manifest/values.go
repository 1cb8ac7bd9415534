package manifest

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// values is the file that says what a stack leaves open: a YAML or JSON text in which strings are interpolated, and secrets
// kept elsewhere, as in the friendly form. Its places and findings are its own.
type values struct {
	*reader
	inputs     map[string]node
	asked      []node // the same, in the order of the file
	inputsAt   Location
	unknown    bool // the file gives answers that cannot be read, so none can be said to be missing
	bindings   []givenBinding
	variables  []variable
	deployment Deployment
}

// variable is one that the deployment adds to daemons.
type variable struct {
	name    string
	value   Value
	targets []string // ids, or prefixes with a trailing *; nil means every one

	at, targetsAt Location
}

// givenBinding says how to reach a resource.
type givenBinding struct {
	id     string
	kind   string
	kindAt Location
	key    Location
	fields []BindingField
}

// settle completes a stack by what the values file says. Without such a file only the inputs' defaults are left to say
// something. A friendly stack has no inputs: c is nil then.
func (r *reader) settle(s *Stack, c *compiled, o Options) {
	v := readValues(o)
	var variables []variable
	switch {
	case c != nil:
		variables = c.answers(v)
	case v.inputs != nil:
		v.errorf(CodeConflict, v.inputsAt, "only a compiled stack has inputs", "write ${NAME} in the manifest, and set the environment variable; or use variables")
	}
	v.checkTargets(s)
	v.bind(s)
	r.deliver(s, append(variables, v.variables...))
	if c != nil {
		c.decline()
	}
	if v.deployment.ID != "" {
		s.Deployment.ID = v.deployment.ID
	}
	if v.deployment.Name != "" {
		s.Deployment.Name = v.deployment.Name
	}
	r.findings = append(r.findings, v.findings...)
}

// readValues reads the file; where none is named it gives no values, and where it cannot be read a finding as well.
func readValues(o Options) *values {
	v := &values{reader: newReader(source{file: o.Values}, filepath.Dir(o.Values), o.lookup())}
	if o.Values == "" {
		return v
	}
	document, problem := v.open(o)
	if problem != nil {
		v.findings = append(v.findings, *problem)
	}
	if document != nil && v.resolve(document) {
		v.unknown = !v.read(v.root(document))
	} else {
		v.unknown = len(v.findings) > 0
	}
	return v
}

// open reads the text of the file. An empty one gives no values, and is no mistake.
func (v *values) open(o Options) (*yaml.Node, *Finding) {
	if o.Values == "-" {
		problem := fileFinding(CodeUnreadable, o.Values, "values cannot come from standard input", "put them into a file")
		return nil, &problem
	}
	src, findings := readSource(o.Values, bytes.NewReader(nil))
	if len(findings) == 0 {
		v.reader = newReader(src, filepath.Dir(o.Values), o.lookup())
		document, problem := parse(src)
		if problem != nil {
			findings = []Finding{*problem}
		}
		if len(findings) == 0 {
			return document, nil
		}
	}
	problem := findings[0]
	switch problem.Code {
	case CodeEmpty:
		return nil, nil
	case CodeNotFound:
		problem.Hint = "check the path that --values gives"
	case CodeDocuments:
		problem.Hint = "keep one document, without a line of ---"
	}
	return nil, &problem
}

// read gives false where the answers to inputs cannot be read.
func (v *values) read(root node) bool {
	answered := true
	ok := v.object(root, fields{
		"inputs": func(n node) {
			v.asked, answered = v.members(n)
			v.inputs, v.inputsAt = map[string]node{}, n.key
			for _, m := range v.asked {
				v.inputs[m.name] = m
			}
		},
		"bindings": func(n node) {
			members, _ := v.members(n)
			for _, m := range members {
				v.bindings = append(v.bindings, v.givenBinding(m))
			}
		},
		"variables":  v.readVariables,
		"deployment": v.readDeployment,
	}, v.refuse(nil))
	return ok && answered
}

func (v *values) readDeployment(n node) {
	v.object(n, fields{
		"id":   func(m node) { v.deployment.ID, _ = v.name(m, "leave it out to use the stack's name") },
		"name": func(m node) { v.deployment.Name, _ = v.name(m, "leave it out to use the stack's name") },
	}, v.refuse(nil))
}

// givenBinding reads a binding, and beside it the type of the resource it is for.
func (v *values) givenBinding(n node) givenBinding {
	b := givenBinding{id: n.name, key: n.key}
	members, ok := v.members(n)
	for _, m := range members {
		if m.name == "type" {
			b.kind, b.kindAt = v.text(m), m.at
			continue
		}
		b.fields = append(b.fields, BindingField{Name: m.name, Value: v.bindingValue(m)})
	}
	if ok {
		v.require(n, "type")
	}
	return b
}

// bind gives resources the bindings of the file, on every platform: a values file belongs to one deployment.
func (v *values) bind(s *Stack) {
	bound := map[string]bool{}
	resources := map[string]*Resource{}
	for i := range s.Resources {
		resources[s.Resources[i].ID] = &s.Resources[i]
	}
	for _, given := range v.bindings {
		if v.full() {
			break
		}
		resource, ok := resources[given.id]
		if !ok {
			v.errorf(CodeUnknown, given.key, fmt.Sprintf("there is no resource %q", shorten(given.id)), suggestID(given.id, slices.Collect(maps.Keys(resources))))
			continue
		}
		kind := strings.ReplaceAll(given.kind, "artifact_registry", "artifact-registry") // both are in use
		if kind != resource.Type && kind != "" && resource.Type != "" {
			v.errorf(CodeBindingType, given.kindAt, fmt.Sprintf("the binding is for the type %s, and %s is of the type %s", shorten(kind), given.id, resource.Type), "write type: "+resource.Type)
			continue
		}
		b := Binding{Fields: given.fields}
		if resource.Type == "ai" && b.Service() == "" {
			service := Plain("external-ai")
			b.Fields = append([]BindingField{{Name: "service", Value: BindingValue{Text: &service}}}, b.Fields...)
		}
		for _, p := range []Platform{Local, Kubernetes} {
			resource.Bindings[p] = b
		}
		bound[given.id] = true
	}
	v.locate(s, bound)
}

// locate lets the bindings' places be found under the resources they were given to.
func (v *values) locate(s *Stack, bound map[string]bool) {
	for path := range s.index {
		if id, rest, ok := cutBinding(path, "resources."); ok && bound[id] && slices.Contains([]string{"local", "kubernetes"}, firstName(rest)) {
			delete(s.index, path)
		}
	}
	for path, at := range v.index {
		if id, rest, ok := cutBinding(path, "bindings."); ok && bound[id] {
			s.index["resources."+id+".local"+rest] = at
			s.index["resources."+id+".kubernetes"+rest] = at
		}
	}
}

// cutBinding takes a path apart: the resource's id, and what follows it.
func cutBinding(path, prefix string) (id, rest string, ok bool) {
	path, ok = strings.CutPrefix(path, prefix)
	if end := strings.IndexAny(path, ".["); end >= 0 {
		return path[:end], path[end:], ok
	}
	return path, "", ok
}

// firstName is the first name of a path that starts with a dot.
func firstName(path string) string {
	name, _, _ := cutBinding(strings.TrimPrefix(path, "."), "")
	return name
}
