package manifest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// largest is the biggest whole number a manifest may hold: what every target can represent.
const largest = math.MaxInt32

// text reads a string, interpolated where the form does that.
func (d *decoder) text(n node) string { return d.textOr(n, "") }

// textOr is text with a hint of its own for a value that is no string.
func (d *decoder) textOr(n node, hint string) string {
	if !n.isText() {
		if hint == "" {
			hint = "put it in quotes"
		}
		if n.isNull() || n.yaml.Kind != yaml.ScalarNode {
			hint = strings.Replace(hint, "put it in quotes", "write a string", 1)
		}
		d.wrongType(n, "a string", hint)
		return ""
	}
	if d.expand != nil {
		return d.expand(n, n.yaml.Value)
	}
	return n.yaml.Value
}

// isText says whether the node is a string. A date without quotes is one as well: only YAML 1.1 sees more in it.
func (n node) isText() bool {
	tag := n.yaml.ShortTag()
	return n.yaml.Kind == yaml.ScalarNode && (tag == "!!str" || tag == "!!timestamp")
}

// isNumber says whether the node is written as a number.
func (n node) isNumber() bool {
	tag := n.yaml.ShortTag()
	return n.yaml.Kind == yaml.ScalarNode && (tag == "!!int" || tag == "!!float")
}

// texts reads a list of strings; nil where there is none.
func (d *decoder) texts(n node, hint string) []string {
	items, ok := d.items(n, hint)
	if !ok {
		return nil
	}
	if n.isNull() {
		return nil
	}
	texts := make([]string, 0, len(items))
	for _, item := range items {
		texts = append(texts, d.text(item))
	}
	return texts
}

// word reads a string that must be one of a few; what says what it is: "a platform". Any other gives "".
func (d *decoder) word(n node, what string, known ...string) string {
	before := len(d.findings)
	word := d.text(n)
	if len(d.findings) > before || slices.Contains(known, word) {
		return word
	}
	d.errorf(CodeValue, n.at, fmt.Sprintf("%q is not %s", shorten(word), what), suggest(word, known))
	return ""
}

// boolean reads true or false.
func (d *decoder) boolean(n node) bool {
	var b bool
	if n.yaml.Kind != yaml.ScalarNode || n.yaml.ShortTag() != "!!bool" || n.yaml.Decode(&b) != nil {
		hint := "write true or false"
		if n.isText() {
			hint += ", without quotes"
		}
		d.wrongType(n, "true or false", hint)
		return false
	}
	return b
}

// number reads a number that is finite and not too large for any target.
func (d *decoder) number(n node) (float64, bool) {
	var f float64
	switch {
	case !n.isNumber() || n.yaml.Decode(&f) != nil || math.IsNaN(f):
		hint := ""
		if n.isText() {
			hint = "write the digits without quotes; a variable cannot stand here"
		}
		d.wrongType(n, "a number", hint)
	case math.Abs(f) > largest:
		d.errorf(CodeType, n.at, "the number is too large", fmt.Sprintf("the largest is %d", largest))
	default:
		return f, true
	}
	return 0, false
}

// integer reads a whole number.
func (d *decoder) integer(n node) (int, bool) {
	f, ok := d.number(n)
	if ok && f != math.Trunc(f) {
		d.errorf(CodeType, n.at, "must be a whole number", "")
		return 0, false
	}
	return int(f), ok
}

// seconds reads a whole number of seconds; a mistake leaves the target as it is.
func (d *decoder) seconds(n node, into *time.Duration) {
	if v, ok := d.integer(n); ok {
		*into = time.Duration(v) * time.Second
	}
}

// wrongType says that the node is not what it must be. It never repeats the value: that may be a secret.
func (d *decoder) wrongType(n node, want, hint string) {
	if hint == "" && d.nullIsEmpty { // the shapes are those of the friendly form
		hint = shapes()[n.name]
	}
	is := "not " + n.kind()
	if n.isNull() {
		is = "and has no value"
	}
	d.errorf(CodeType, n.at, fmt.Sprintf("must be %s, %s", want, is), hint)
}

// kind says in words what a node is.
func (n node) kind() string {
	switch n.yaml.Kind {
	case yaml.MappingNode:
		if plainTag(n.yaml, "!!map") {
			return "an object"
		}
	case yaml.SequenceNode:
		if plainTag(n.yaml, "!!seq") {
			return "a list"
		}
	}
	switch tag := n.yaml.ShortTag(); tag {
	case "!!null":
		return "empty"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!str", "!!timestamp":
		return "a string"
	default:
		return "a value with the tag " + shorten(tag)
	}
}

// shorten keeps a word of the file from filling the screen.
func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
