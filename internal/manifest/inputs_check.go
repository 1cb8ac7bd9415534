package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the parts of an input look like. The exponent of a number is short, so that its value is of a size to reckon with.
var (
	inputID      = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	inputEnvName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)
	decimalText  = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)
)

func validInputID(id string) bool {
	return inputID.MatchString(id) && strings.ContainsAny(id, "abcdefghijklmnopqrstuvwxyz")
}

func blankText(text string) bool { return strings.TrimSpace(text) == "" }

func boolText(b bool) string { return strconv.FormatBool(b) }

// listText is how a daemon gets a list of strings: as JSON, which no string in it can break.
func listText(items []string) string {
	if items == nil {
		items = []string{}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(items); err != nil {
		return "[]" // strings always have a JSON form
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// lowerASCII leaves letters beyond ASCII alone, where ids differ by them.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// decimal reads a number from its digits, so that none is lost.
func decimal(text string) (*big.Rat, bool) {
	const most = 400
	if len(text) > most || !decimalText.MatchString(text) {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// refuses says what is wrong with an answer, without repeating it; empty for nothing. What only a cluster knows cannot be checked.
func (in *input) refuses(a *answer) string {
	if a.value.Ref() != nil {
		return ""
	}
	text := a.value.Reveal()
	switch in.kind {
	case "boolean":
		if text != "true" && text != "false" {
			return "is neither true nor false"
		}
	case "number", "integer":
		return in.rules.refusesNumber(text, in.kind == "integer")
	case "enum":
		if !slices.Contains(in.rules.choices, text) {
			return "is not one of its values: " + shorten(strings.Join(in.rules.choices, ", "))
		}
	case "stringList":
		return in.rules.refusesCount(len(a.items))
	default:
		return in.rules.refusesText(text)
	}
	return ""
}

func (r rules) refusesNumber(text string, whole bool) string {
	number, ok := decimal(text)
	switch {
	case !ok:
		return "is not a decimal number"
	case whole && !number.IsInt():
		return "is not a whole number"
	}
	if least, ok := decimal(r.min); ok && number.Cmp(least) < 0 {
		return "is below " + shorten(r.min)
	}
	if most, ok := decimal(r.max); ok && number.Cmp(most) > 0 {
		return "is above " + shorten(r.max)
	}
	return ""
}

func (r rules) refusesCount(count int) string {
	switch {
	case r.minItems != nil && uint64(count) < *r.minItems:
		return fmt.Sprintf("has fewer than %d items", *r.minItems)
	case r.maxItems != nil && uint64(count) > *r.maxItems:
		return fmt.Sprintf("has more than %d items", *r.maxItems)
	}
	return ""
}

// refusesText counts characters, and looks for the pattern anywhere in the text.
func (r rules) refusesText(text string) string {
	length := uint64(utf8.RuneCountInString(text))
	switch {
	case r.minLength != nil && length < *r.minLength:
		return fmt.Sprintf("is shorter than %d characters", *r.minLength)
	case r.maxLength != nil && length > *r.maxLength:
		return fmt.Sprintf("is longer than %d characters", *r.maxLength)
	case r.pattern == "":
		return ""
	}
	if pattern, err := regexp.Compile(r.pattern); err == nil && !pattern.MatchString(text) {
		return "does not match the pattern " + shorten(r.pattern)
	}
	return ""
}

// unportable says what keeps a pattern from meaning the same to every reader; empty for nothing. They share no more than a
// common part of their languages, and ours is the one without backtracking.
func unportable(pattern string) string {
	if pattern == "" {
		return "is empty"
	}
	if len(pattern) > 1 && pattern[0] == '/' && pattern[len(pattern)-1] == '/' {
		return "is written between slashes"
	}
	inClass := false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\':
			i++
			if i == len(pattern) {
				return `ends with a \`
			}
			if strings.IndexByte("123456789pPk", pattern[i]) >= 0 {
				return fmt.Sprintf(`uses \%c, which not every reader has`, pattern[i])
			}
		case c == '[' && inClass:
			return "has a [ inside of brackets"
		case c == '[':
			inClass = true
		case c == ']' && inClass:
			inClass = false
		case c == '(' && !inClass && strings.HasPrefix(pattern[i:], "(?"):
			return "uses a group that starts with (?"
		}
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return "cannot be read: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	return ""
}
