package manifest

import (
	"fmt"
	"strings"
)

// excerptWidth is how much of a long line an excerpt shows.
const excerptWidth = 100

// Excerpt is the source line with a caret under the place, for terminals:
//
//	12 |     replicas: 3
//	   |     ^
//
// It ends in a newline, and is empty for a finding about the whole file.
func (f Finding) Excerpt() string {
	if f.Line == 0 || f.Source == "" {
		return ""
	}
	line, before := window([]rune(f.Source), max(f.Column-1, 0))
	number := fmt.Sprint(f.Line)
	return fmt.Sprintf("  %s | %s\n  %s | %s^\n", number, string(line), strings.Repeat(" ", len(number)), blank(before))
}

// window cuts the part around the column out of a long line, and gives what stands before the column in it.
func window(line []rune, column int) (shown, before []rune) {
	column = min(column, len(line))
	start := 0
	if len(line) > excerptWidth && column > excerptWidth/2 {
		start = min(column-excerptWidth/2, len(line)-excerptWidth)
	}
	end := min(start+excerptWidth, len(line))
	shown = make([]rune, 0, excerptWidth)
	for _, r := range line[start:end] {
		if r != '\t' && r < ' ' || r == 0x7f {
			r = '·' // a control character would act on the terminal
		}
		shown = append(shown, r)
	}
	return shown, shown[:column-start]
}

// blank turns text into as much space as it takes, tabs kept, so that the caret stands under its column.
func blank(text []rune) string {
	out := make([]rune, len(text))
	for i, r := range text {
		out[i] = ' '
		if r == '\t' {
			out[i] = r
		}
	}
	return string(out)
}
