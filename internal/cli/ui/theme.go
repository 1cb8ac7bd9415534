// Package ui turns results into text for people: colours, tables, findings, plans, verdicts. It is pure: what it is
// given decides what it returns.
package ui

import (
	"fmt"
	"hash/fnv"
	"unicode"
	"unicode/utf8"
)

// Theme says whether text carries colours, and how many columns there are for it: 0 where it is not for a terminal, and
// lines stay whole.
type Theme struct {
	Color bool
	Width int
}

// The colours are the eight of every terminal, so that they follow the user's own scheme.
func (t Theme) paint(code, s string) string {
	if !t.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Red is for failures.
func (t Theme) Red(s string) string { return t.paint("31", s) }

// Green is for what is as it should be.
func (t Theme) Green(s string) string { return t.paint("32", s) }

// Yellow is for what may need a look.
func (t Theme) Yellow(s string) string { return t.paint("33", s) }

// Dim is for what matters less.
func (t Theme) Dim(s string) string { return t.paint("2", s) }

// Bold is for headings.
func (t Theme) Bold(s string) string { return t.paint("1", s) }

// Name gives every name a colour of its own, always the same, from those that mean nothing else.
func (t Theme) Name(name, shown string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash takes every write
	palette := []string{"36", "34", "35", "96", "94", "95"}
	return t.paint(palette[int(h.Sum32()%uint32(len(palette)))], shown)
}

// Plain makes text of unknown origin harmless for a terminal: control characters are shown, not obeyed.
func Plain(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || r != '\t' && unicode.IsControl(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var out []byte
	for _, r := range s {
		if r != '\t' && unicode.IsControl(r) {
			out = fmt.Appendf(out, "\\x%02x", r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// Width is how many columns s takes on a terminal, colours not counted.
func Width(s string) int {
	n, inEscape := 0, false
	for _, r := range s {
		switch {
		case inEscape:
			inEscape = r != 'm'
		case r == '\x1b':
			inEscape = true
		case unicode.Is(unicode.Mn, r):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wide says whether a terminal gives the character two columns: the East Asian blocks and the pictographs.
func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 ||
		r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0x1f300 && r <= 0x1faff
}

// Fit cuts s to at most width columns, with an ellipsis where something is missing. Colours are closed.
func Fit(s string, width int) string {
	if width <= 0 || Width(s) <= width {
		return s
	}
	out, n, inEscape, colored := []byte{}, 0, false, false
	for _, r := range s {
		if r == '\x1b' {
			inEscape, colored = true, true
		}
		if !inEscape {
			n += Width(string(r))
			if n > width-1 {
				break
			}
		} else if r == 'm' {
			inEscape = false
		}
		out = utf8.AppendRune(out, r)
	}
	out = append(out, "…"...)
	if colored {
		out = append(out, "\x1b[0m"...)
	}
	return string(out)
}
