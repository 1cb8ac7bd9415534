package progress

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/cli/ui"
)

// Frame draws the model: one line per daemon, none longer than width, no more of them than height. Where they do not all
// fit, failures and those that are still going on come first, and the last line counts the rest.
func (m *Model) Frame(now time.Time, width, height int, theme ui.Theme) []string {
	rows, hidden := fitting(m.rows, height)
	name, words := 0, 0
	for i := range rows {
		name = max(name, ui.Width(rows[i].daemon))
		words = max(words, ui.Width(rows[i].words()))
	}
	lines := make([]string, 0, len(rows)+1)
	for i := range rows {
		r := &rows[i]
		line := fmt.Sprintf("%s %s  %s  %s", r.mark(theme), pad(r.daemon, name), pad(r.words(), words), theme.Dim(ui.Duration(r.elapsed(now))))
		lines = append(lines, ui.Fit(line, width))
	}
	if hidden > 0 {
		lines = append(lines, ui.Fit(theme.Dim(fmt.Sprintf("  … and %d more; %d of %d done", hidden, m.done(), len(m.rows))), width))
	}
	return lines
}

func (m *Model) done() int {
	n := 0
	for i := range m.rows {
		if !m.rows[i].to.IsZero() {
			n++
		}
	}
	return n
}

func (r *row) mark(theme ui.Theme) string {
	switch {
	case r.phase == bad:
		return theme.Red("✗")
	case r.phase == good:
		return theme.Green("✓")
	}
	return theme.Yellow("•")
}

// fitting gives the rows that height has room for, and how many it has not.
func fitting(rows []row, height int) ([]row, int) {
	if len(rows) <= height || height < 2 {
		return rows, 0
	}
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b row) int { return rank(a) - rank(b) })
	return sorted[:height-1], len(rows) - height + 1
}

// rank puts failures before what goes on, and that before what is done.
func rank(r row) int {
	switch {
	case r.phase == bad:
		return 0
	case r.to.IsZero():
		return 1
	}
	return 2
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-ui.Width(s)))
}
