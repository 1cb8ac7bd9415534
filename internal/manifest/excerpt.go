package manifest

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// excerptWidth is the most of a long line that an excerpt shows, in bytes.
const excerptWidth = 100

// Excerpt is the source line with a caret under the place, for terminals:
//
//	12 |     replicas: 3
//	   |     ^
//
// It ends in a newline, and is empty for a finding about the whole file. On a terminal of a known number of columns it shows
// no more of a long line than there is room for; 0 stands for any.
func (f Finding) Excerpt(columns int) string {
	if f.Line == 0 || f.Source == "" {
		return ""
	}
	number := fmt.Sprint(f.Line)
	shown, before := window(f.Source, byteOffset(f.Source, f.Column), room(columns, len(number)+len("   | ")))
	return fmt.Sprintf("  %s | %s\n  %s | %s^\n", number, shown, strings.Repeat(" ", len(number)), blank(before))
}

// byteOffset is where a column, counted in characters from 1, starts in a line; its end where it has fewer.
func byteOffset(line string, column int) int {
	for i := range line {
		if column--; column <= 0 {
			return i
		}
	}
	return len(line)
}

// room is how much of a line to show where there are so many columns, some of them taken.
func room(columns, taken int) int {
	if columns == 0 {
		return excerptWidth
	}
	return min(max(columns-taken, excerptWidth/5), excerptWidth)
}

// window cuts the part around a place out of a long line, and gives what stands before the place in it.
func window(line string, place, width int) (shown, before string) {
	start, end := 0, len(line)
	if len(line) > width {
		start = runeStart(line, min(place-width/2, len(line)-width))
		end = runeStart(line, start+width)
	}
	return harmless(line[start:end]), harmless(line[start:place])
}

// runeStart is the nearest start of a character at or before an offset.
func runeStart(line string, offset int) int {
	offset = min(max(offset, 0), len(line))
	for offset > 0 && offset < len(line) && !utf8.RuneStart(line[offset]) {
		offset--
	}
	return offset
}

// harmless takes out the control characters, which would act on the terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return '·'
		}
		return r
	}, text)
}

// blank turns text into as much space as it takes, tabs kept, so that the caret stands under its column.
func blank(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, text)
}
