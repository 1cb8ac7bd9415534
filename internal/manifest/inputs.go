package manifest

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// input is a question that a compiled stack asks whoever deploys it.
type input struct {
	id, kind   string
	at         Location
	providedBy []string
	required   bool
	platforms  []Platform // nil means every one
	rules      rules
	env        []mapping
	standard   *answer // the default; nil for none
	answer     *answer // the value, once it is known
}

// rules are what an answer must fulfil; nil and empty ask for nothing.
type rules struct {
	minLength, maxLength, minItems, maxItems *uint64
	min, max                                 string
	pattern                                  string
	choices                                  []string
}

// mapping is a variable that hands an answer to daemons.
type mapping struct {
	name    string
	targets []string // ids, or prefixes with a trailing *; nil means every one
	secret  bool
	at      Location // of the targets, where they are listed
}

// answer is the value of an input.
type answer struct {
	value Value
	items []string // of a stringList, whose value is the same as JSON
	at    Location
}

func inputKinds() []string {
	return []string{"string", "secret", "number", "integer", "boolean", "enum", "stringList"}
}

// definitions reads the inputs of a stack.
func (c *compiled) definitions(n node) []*input {
	items, _ := c.items(n, "")
	inputs := make([]*input, 0, len(items))
	for _, item := range items {
		inputs = append(inputs, c.definition(item))
	}
	return inputs
}

func (c *compiled) definition(n node) *input {
	in := &input{at: n.at}
	var standard, validation *node
	var env []node
	ok := c.object(n, fields{
		"id":          func(v node) { in.id = c.inputID(v) },
		"kind":        func(v node) { in.kind = c.word(v, "a kind of input", inputKinds()...) },
		"providedBy":  func(v node) { in.providedBy = c.providers(v) },
		"required":    func(v node) { in.required = c.boolean(v) },
		"label":       c.anyText,
		"description": c.anyText,
		"placeholder": orNull(c.anyText),
		"default":     orNull(func(v node) { standard = &v }),
		"platforms":   orNull(func(v node) { in.platforms = append([]Platform{}, c.platforms(v)...) }),
		"validation":  orNull(func(v node) { validation = &v }),
		"env":         func(v node) { env, _ = c.items(v, "") },
	}, c.ignore())
	if !ok {
		return in
	}
	c.require(n, "id", "kind", "providedBy", "required", "label", "description")
	c.words(n, in)
	if validation != nil {
		c.validation(*validation, in)
	}
	if standard != nil {
		c.standard(*standard, in)
	}
	for _, item := range env {
		in.env = append(in.env, c.mapping(item, in))
	}
	return in
}

// inputID reads an id, which is more than a string.
func (c *compiled) inputID(n node) string {
	before := len(c.findings)
	id := c.text(n)
	if len(c.findings) == before && !validInputID(id) {
		c.errorf(CodeInput, n.at, "this cannot be the id of an input", "use letters, digits and underscores, at least one of them a lower-case letter, and no digit first")
	}
	return id
}

func (c *compiled) providers(n node) []string {
	items, ok := c.items(n, `write ["deployer"]`)
	if ok && len(items) == 0 {
		c.errorf(CodeInput, n.at, "nobody provides this input", `write ["developer"], ["deployer"] or both`)
	}
	var providers []string
	for _, item := range items {
		providers = append(providers, c.word(item, "somebody who provides inputs", "developer", "deployer"))
	}
	return providers
}

// words holds an input to having texts that people can read.
func (c *compiled) words(n node, in *input) {
	if y, ok := n.child("label"); ok && blankText(y.Value) && (node{yaml: y}).isText() {
		c.errorf(CodeInput, c.index[join(n.model, "label")], "the label is blank", "say what is asked for")
	}
	if y, ok := n.child("description"); ok && in.required && blankText(y.Value) && (node{yaml: y}).isText() {
		c.errorf(CodeInput, c.index[join(n.model, "description")], "the description of a required input is blank", "say what is asked for")
	}
}

// validation reads what an answer must fulfil.
func (c *compiled) validation(n node, in *input) {
	count := func(into **uint64) func(node) {
		return orNull(func(v node) {
			if number, ok := c.unsigned(v, math.MaxUint32); ok {
				*into = &number
			}
		})
	}
	r := &in.rules
	c.object(n, fields{
		"minLength": count(&r.minLength), "maxLength": count(&r.maxLength),
		"minItems": count(&r.minItems), "maxItems": count(&r.maxItems),
		"min": orNull(func(v node) { r.min = c.bound(v) }), "max": orNull(func(v node) { r.max = c.bound(v) }),
		"pattern": orNull(func(v node) { r.pattern = c.pattern(v) }),
		"format":  orNull(c.anyText),
		"values":  orNull(func(v node) { r.choices = c.texts(v, "") }),
	}, c.ignore())
	if above(r.minLength, r.maxLength) {
		c.errorf(CodeInput, n.at, "minLength is above maxLength", "correct one of the two")
	}
	if above(r.minItems, r.maxItems) {
		c.errorf(CodeInput, n.at, "minItems is above maxItems", "correct one of the two")
	}
}

func above(least, most *uint64) bool { return least != nil && most != nil && *least > *most }

// bound reads a limit of a number, which is a string so that no digit is lost.
func (c *compiled) bound(n node) string {
	before := len(c.findings)
	text := c.text(n)
	if len(c.findings) > before {
		return ""
	}
	if _, ok := decimal(text); !ok {
		c.errorf(CodeInput, n.at, "this is not a decimal number", `write its digits, such as "10" or "0.5"`)
		return ""
	}
	return text
}

// pattern reads a regular expression that means the same to every reader.
func (c *compiled) pattern(n node) string {
	before := len(c.findings)
	text := c.text(n)
	if len(c.findings) > before {
		return ""
	}
	if problem := unportable(text); problem != "" {
		c.errorf(CodePattern, n.at, "the pattern "+problem, "write another one")
		return ""
	}
	return text
}

// mapping reads one variable that carries the answer.
func (c *compiled) mapping(n node, in *input) mapping {
	m := mapping{at: n.at, secret: in.kind == "secret"}
	ok := c.object(n, fields{
		"name": func(v node) {
			m.name = c.text(v)
			if v.isText() && !inputEnvName.MatchString(m.name) {
				c.errorf(CodeInput, v.at, "this cannot be the name of an input's variable", "use capitals, digits and underscores, and no digit first")
			}
		},
		"targetResources": orNull(func(v node) { m.targets, m.at = c.targets(v, CodeInput), v.at }),
		// A secret stays one whatever its variable says: nothing is lost by not showing it.
		"type": orNull(func(v node) { m.secret = c.word(v, "a type of variable", "plain", "secret") == "secret" || m.secret }),
	}, c.ignore())
	if ok {
		c.require(n, "name")
	}
	return m
}

// targets reads ids and prefixes with a trailing *.
func (r *reader) targets(n node, code string) []string {
	targets := append([]string{}, r.texts(n, `write ["name"]`)...)
	if len(targets) == 0 && n.kind() == "a list" {
		r.errorf(code, n.at, "this names no resource at all", "name one, or leave it out for all of them")
	}
	return targets
}

// standard reads the value of an input that nobody answers.
func (c *compiled) standard(n node, in *input) {
	tag := c.tag(n, "string", "number", "boolean", "stringList")
	a := &answer{at: n.at}
	known := fields{"type": c.tagged("a type of value", "string", "number", "boolean", "stringList")}
	before := len(c.findings)
	switch tag {
	case "string", "number":
		known["value"] = func(v node) { a.value, a.at = Plain(c.text(v)), v.at }
	case "boolean":
		known["value"] = func(v node) { a.value, a.at = Plain(boolText(c.boolean(v))), v.at }
	case "stringList":
		known["value"] = func(v node) { a.items, a.at = c.texts(v, ""), v.at }
	}
	if !c.object(n, known, c.ignoreOf(tag)) {
		return
	}
	c.require(n, "type", "value")
	if len(c.findings) > before || in.kind == "" {
		return
	}
	switch want := defaultTag(in.kind); {
	case want == "":
		c.errorf(CodeInput, n.at, "a secret has no default", "remove it")
		return
	case want != tag:
		c.errorf(CodeInput, n.at, "a default of the type "+tag+" does not fit an input of the kind "+in.kind, `use "type": "`+want+`"`)
		return
	}
	if tag == "stringList" {
		a.value = Plain(listText(a.items))
	}
	in.standard = a
	if problem := in.refuses(a); problem != "" {
		c.warnf(CodeInputValue, a.at, "the default does not fulfil its own validation: it "+problem, "correct one of the two")
	}
}

// defaultTag is the type that the default of an input has.
func defaultTag(kind string) string {
	switch kind {
	case "enum":
		return "string"
	case "integer":
		return "number"
	case "secret":
		return ""
	}
	return kind
}

// checkInputs holds inputs to what they say of each other and of the rest of the stack.
func (c *compiled) checkInputs() {
	first := map[string]*input{}
	carriers := map[string]mapping{}
	ids := newTargets(processes(c.stack))
	for _, in := range c.inputs {
		name := lowerASCII(in.id)
		if before, twice := first[name]; twice && in.id != "" {
			c.errorf(CodeInput, in.at, fmt.Sprintf("there is an input %q already", shorten(before.id)), "give one of the two another id; capitals do not tell them apart")
		} else {
			first[name] = in
		}
		if in.kind == "enum" && len(in.rules.choices) == 0 {
			c.errorf(CodeInput, in.at, "an enum without values leaves no choice", `add "validation": { "values": ["…"] }`)
		}
		for _, m := range in.env {
			if before, twice := carriers[m.name]; twice && m.name != "" && overlap(before.targets, m.targets) {
				c.warnf(CodeInput, m.at, fmt.Sprintf("the variable %s carries two answers, and the later one wins", m.name), "give one of the two another name")
			} else {
				carriers[m.name] = m
			}
			for _, target := range m.targets {
				switch open := strings.HasSuffix(target, "*"); {
				case ids.hold(target), c.full():
				case open:
					c.warnf(CodeTarget, m.at, fmt.Sprintf("the name of no daemon begins as in %q", shorten(target)), ids.suggest(target))
				default:
					c.errorf(CodeTarget, m.at, fmt.Sprintf("there is no daemon, worker or container %q", shorten(target)), ids.suggest(target))
				}
			}
		}
	}
}

// overlap says whether two lists of targets can mean the same daemon.
func overlap(a, b []string) bool {
	if a == nil || b == nil {
		return true
	}
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return canHold([]string{x}, y) || canHold([]string{y}, x) })
	})
}
