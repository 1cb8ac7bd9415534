package ui

import (
	"fmt"
	"strings"
)

// Redraw is what takes a terminal from a block of the given height, cursor below it, to a new block. It is one string, so
// that one write shows it whole.
func Redraw(height int, block []string) string {
	var b strings.Builder
	if height > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", height)
	}
	for _, l := range block {
		b.WriteString("\r" + l + "\x1b[K\n")
	}
	return b.String() + "\x1b[J"
}

// Wrap breaks running text at spaces so that no line is longer than width.
func Wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, w := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+Width(w) > width:
			b.WriteString("\n")
			column = 0
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(w)
		column += Width(w)
	}
	return b.String()
}

// hang wraps a line that begins at column indent or before, where a terminal has not the room for it; what follows begins
// at that column.
func (t Theme) hang(line string, indent int) string {
	if t.Width == 0 || indent+Width(line) <= t.Width {
		return line
	}
	return strings.ReplaceAll(Wrap(line, max(t.Width-indent, 20)), "\n", "\n"+strings.Repeat(" ", indent))
}

// Failure is the last word of a command that failed: the error, its code where there is one, and a hint.
func (t Theme) Failure(message, code, hint string) string {
	line := t.Red("error:") + " " + Plain(message)
	if code != "" {
		line += t.Red(" [" + code + "]")
	}
	text := t.hang(line, 2) + "\n"
	if hint != "" {
		text += t.hang(t.Dim("hint:")+" "+Plain(hint), 2) + "\n"
	}
	return text
}

// KeepColors makes a line of a daemon's output harmless for a terminal, leaving it its colours.
func KeepColors(s string) string {
	parts := strings.Split(s, "\x1b[")
	for i, p := range parts {
		end := strings.IndexFunc(p, func(r rune) bool { return r != ';' && (r < '0' || r > '9') })
		switch {
		case i == 0:
			parts[i] = Plain(p)
		case end >= 0 && p[end] == 'm':
			parts[i] = "\x1b[" + p[:end+1] + Plain(p[end+1:])
		default:
			parts[i] = "\\x1b[" + Plain(p)
		}
	}
	return strings.Join(parts, "")
}
