package manifest

import (
	"fmt"
	"regexp"
	"strings"
)

// What interpolation may produce: nesting of defaults, text in a whole document, and mistakes in one text.
const (
	maxNesting  = 8
	maxExpanded = 16 << 20
	maxSlips    = 20
)

// interpolator replaces ${NAME}, ${NAME:-default} and ${NAME:?message} in the strings of one document. A $ that no { follows
// is itself, $${ is a written ${ and what a variable holds is never looked into.
type interpolator struct {
	lookup   func(string) (string, bool)
	expanded int
}

// slip is what is wrong with one reference.
type slip struct{ code, token, message, hint string }

// expand gives the text with its references replaced, and what is wrong with it. An undefined name is reported
// once per text.
func (in *interpolator) expand(text string) (string, []slip) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	e := expansion{in: in, text: text, said: map[string]bool{}}
	e.run(0, true)
	return e.out.String(), e.slips
}

// expansion is the work on one text.
type expansion struct {
	in     *interpolator
	text   string
	at     int
	out    strings.Builder
	slips  []slip
	said   map[string]bool
	broken bool // a reference cannot be read, so neither can what follows
}

// run copies text up to its end, or in a default (depth > 0) up to the } that closes it. A default that is not needed is
// read all the same, so that its mistakes show; emit is false then.
func (e *expansion) run(depth int, emit bool) {
	for !e.broken && e.at < len(e.text) {
		rest := e.text[e.at:]
		switch {
		case strings.HasPrefix(rest, "$${"):
			e.write("${", emit)
			e.at += len("$${")
		case strings.HasPrefix(rest, "${"):
			e.reference(depth, emit)
		case depth > 0 && rest[0] == '}':
			return
		default:
			next := strings.IndexAny(rest[1:], "$}") + 1
			if next == 0 {
				next = len(rest)
			}
			e.write(rest[:next], emit)
			e.at += next
		}
	}
}

// referenceStart is the name with what follows it.
var referenceStart = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(\}|:-|:\?)`)

// reference reads one ${…}.
func (e *expansion) reference(depth int, emit bool) {
	m := referenceStart.FindStringSubmatch(e.text[e.at:])
	if m == nil || depth >= maxNesting {
		e.breakOff("${", "a ${ starts a variable, and what follows is none", "write ${NAME}, ${NAME:-default} or ${NAME:?message}; a literal ${ is written $${")
		return
	}
	e.at += len(m[0])
	name, operator := m[1], m[2]
	value, defined := e.in.lookup(name)
	e.write(value, emit)
	switch operator {
	case "}":
		if !defined && emit {
			e.slip(CodeVariable, "${"+name, fmt.Sprintf("the environment variable %s is not set", name), fmt.Sprintf("set it, or write ${%s:-default}", name))
		}
	case ":-":
		e.operand(name, depth, emit && value == "")
	case ":?":
		if message := e.operand(name, depth, false); value == "" && emit && !e.broken {
			state := "not set"
			if defined {
				state = "empty"
			}
			e.slip(CodeRequired, "${"+name, fmt.Sprintf("the environment variable %s is %s: %s", name, state, message), "set it")
		}
	}
}

// operand reads what stands between the operator and the closing brace, and gives it as it is written.
func (e *expansion) operand(name string, depth int, emit bool) string {
	from := e.at
	e.run(depth+1, emit)
	if e.broken {
		return ""
	}
	if e.at >= len(e.text) {
		e.breakOff("${"+name, "the ${ here is not closed", "add the }; a literal ${ is written $${")
		return ""
	}
	e.at++
	return e.text[from : e.at-1]
}

func (e *expansion) write(text string, emit bool) {
	if !emit {
		return
	}
	if e.in.expanded += len(text); e.in.expanded > maxExpanded {
		e.slip(CodeTooLarge, "${", "with its variables filled in the manifest is larger than "+sizeText(maxExpanded), "use smaller values")
		e.broken = true
		return
	}
	e.out.WriteString(text)
}

func (e *expansion) breakOff(token, message, hint string) {
	e.slip(CodeVarSyntax, token, message, hint)
	e.broken = true
}

func (e *expansion) slip(code, token, message, hint string) {
	if e.said[code+token] || len(e.slips) == maxSlips {
		return
	}
	e.said[code+token] = true
	e.slips = append(e.slips, slip{code: code, token: token, message: message, hint: hint})
}
