package manifest

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// readVariables reads what daemons get beside their own environment: NAME: value for all of them, or a list that says
// of each which ones.
func (v *values) readVariables(n node) {
	if n.yaml.Kind != yaml.SequenceNode {
		members, _ := v.members(n)
		for _, m := range members {
			v.variables = append(v.variables, variable{name: m.name, value: v.value(m), at: m.at})
		}
		return
	}
	items, _ := v.items(n, "")
	for _, item := range items {
		v.variables = append(v.variables, v.variable(item))
	}
}

func (v *values) variable(n node) variable {
	x := variable{at: n.at}
	var kind string
	ok := v.object(n, fields{
		"name":            func(m node) { x.name, _ = v.name(m, "write the variable's name") },
		"value":           func(m node) { x.value, x.at = v.value(m), m.at },
		"type":            func(m node) { kind = v.word(m, "a type of variable", "plain", "secret") },
		"targetResources": orNull(func(m node) { x.targets, x.targetsAt = v.targets(m, CodeValue), m.at }),
	}, v.refuse(nil))
	if ok {
		v.require(n, "name", "value")
	}
	if kind == "secret" && !x.value.IsSecret() {
		x.value = Secret(x.value.Reveal(), "the values file")
	}
	return x
}

// checkTargets holds the targets of variables to the processes of the stack.
func (v *values) checkTargets(s *Stack) {
	ids := newTargets(processes(s))
	for _, x := range v.variables {
		for _, target := range x.targets {
			if strings.Contains(strings.TrimSuffix(target, "*"), "*") {
				v.errorf(CodeTarget, x.targetsAt, fmt.Sprintf("%q has a * that is not at its end", shorten(target)), "keep one *, behind the beginning of a name")
			} else if !ids.hold(target) {
				v.errorf(CodeTarget, x.targetsAt, fmt.Sprintf("there is no daemon, worker or container %q", shorten(target)), ids.suggest(target))
			}
		}
	}
}

// targets are the ids of a stack, in an order to search them by.
type targets []string

func newTargets(ids []string) targets { return slices.Sorted(slices.Values(ids)) }

// hold says whether a target, an id or the beginning of one with a * behind it, means any of them.
func (t targets) hold(target string) bool {
	prefix, open := strings.CutSuffix(target, "*")
	if !open {
		_, found := slices.BinarySearch(t, target)
		return found
	}
	at, _ := slices.BinarySearch(t, prefix)
	return at < len(t) && strings.HasPrefix(t[at], prefix)
}

// suggest is the hint for a target that means none of them.
func (t targets) suggest(target string) string { return suggestID(strings.TrimSuffix(target, "*"), t) }

// suggestID is suggest for the names that a manifest gives, of which there may be thousands.
func suggestID(word string, ids []string) string {
	const most = 20
	if len(ids) > most {
		return "correct the name"
	}
	return suggest(word, ids)
}

// processes are the ids of what computes.
func processes(s *Stack) []string {
	var ids []string
	for _, d := range s.Daemons {
		ids = append(ids, d.Name)
	}
	for _, u := range s.Undeployed {
		ids = append(ids, u.ID)
	}
	return ids
}

// deliver lays variables over the daemons' own: plain ones first and then secrets, so that a secret beats a plain variable
// of the same name, and among equals the later one.
func (r *reader) deliver(s *Stack, variables []variable) {
	slices.SortStableFunc(variables, func(a, b variable) int {
		switch {
		case a.value.IsSecret() == b.value.IsSecret():
			return 0
		case b.value.IsSecret():
			return -1
		}
		return 1
	})
	left := maxRepeated
	for i := range s.Daemons {
		d := &s.Daemons[i]
		place := map[string]int{}
		for at, e := range d.Environment {
			place[e.Name] = at
		}
		for _, x := range variables {
			if x.name == "" || !canHold(x.targets, d.Name) {
				continue
			}
			if left--; left < 0 {
				r.errorf(CodeTooLarge, x.at, fmt.Sprintf("the variables of all daemons together are more than %d", maxRepeated), "give each daemon what it needs, with targetResources")
				return
			}
			if at, ok := place[x.name]; ok {
				d.Environment[at].Value = x.value
			} else {
				place[x.name] = len(d.Environment)
				d.Environment = append(d.Environment, Env{Name: x.name, Value: x.value})
			}
			s.index[join("daemons", d.Name)+".environment."+x.name] = x.at
		}
	}
}

// answers gives every input its value, and the variables that carry them.
func (c *compiled) answers(v *values) []variable {
	ids := newTargets(c.inputIDs())
	for _, m := range v.asked {
		if _, known := slices.BinarySearch(ids, m.name); !known && !v.full() {
			v.errorf(CodeUnknown, m.key, fmt.Sprintf("there is no input %q", shorten(m.name)), suggestID(m.name, ids))
		}
	}
	var variables []variable
	for _, in := range c.inputs {
		c.answer(in, v)
		if in.answer == nil || !c.applies(in) {
			continue
		}
		for _, m := range in.env {
			value := in.answer.value
			if m.secret && !value.IsSecret() {
				value = Secret(value.Reveal(), "the input "+in.id)
			}
			variables = append(variables, variable{name: m.name, value: value, targets: m.targets, at: in.answer.at})
		}
	}
	return variables
}

// applies says whether an input is asked for on any of the platforms the stack is loaded for.
func (c *compiled) applies(in *input) bool {
	return in.platforms == nil || slices.ContainsFunc(c.wanted, func(p Platform) bool { return slices.Contains(in.platforms, p) })
}

// answer finds the value of an input: the given one, else its default.
func (c *compiled) answer(in *input, v *values) {
	given, ok := v.inputs[in.id]
	switch {
	case !ok && in.standard != nil:
		in.answer = in.standard
	case !ok && in.required && !v.unknown && c.applies(in) && in.id != "":
		example := "…"
		if in.kind == "secret" {
			example = "{ fromEnv: … }"
		}
		c.errorf(CodeInputMissing, in.at, fmt.Sprintf("the required input %q has no value", in.id), fmt.Sprintf("give it with --values FILE: inputs: { %s: %s }", in.id, example))
	case ok && in.kind != "":
		before := len(v.findings)
		v.idle = !c.applies(in)
		a := v.answer(given, in.kind)
		if idle := v.idle; idle || len(v.findings) > before {
			v.idle = false
			return
		}
		if problem := in.refuses(&a); problem != "" {
			v.errorf(CodeInputValue, a.at, "the value "+problem, "give another one")
			return
		}
		in.answer = &a
	}
}

// answer reads a value of a kind. Numbers keep their digits; what is true, a number or a list may also come from a variable.
func (v *values) answer(n node, kind string) answer {
	a := answer{at: n.at}
	switch {
	case kind == "stringList":
		a.items = v.texts(n, "write [a, b]")
		a.value = Plain(listText(a.items))
	case n.yaml.Kind == yaml.MappingNode:
		a.value = v.reference(n)
		if a.value.Ref() != nil && kind != "string" && kind != "secret" {
			v.errorf(CodeInputValue, n.at, "the value is checked here, and only a cluster can read a Secret", "write it, or use fromEnv")
		}
	case kind == "boolean" && !n.isText():
		a.value = Plain(boolText(v.boolean(n)))
	case (kind == "number" || kind == "integer") && n.isNumber():
		a.value = Plain(v.jsonNumber(n))
	case (kind == "number" || kind == "integer") && !n.isText():
		v.number(n)
	case kind == "secret":
		a.value = Secret(v.text(n), "the values file")
	default:
		a.value = Plain(v.text(n))
	}
	return a
}
