package ui

import (
	"slices"
	"strings"
)

// Table lays rows out in columns two spaces apart; the first row is the heading. Cells may carry colours.
func (t Theme) Table(heading []string, rows [][]string) string {
	widths := make([]int, len(heading))
	for _, row := range append([][]string{heading}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(cell))
		}
	}
	var b strings.Builder
	b.WriteString(t.Bold(line(heading, widths)) + "\n")
	for _, row := range rows {
		b.WriteString(line(row, widths) + "\n")
	}
	return b.String()
}

func line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-Width(cell)+2))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// Informative leaves out the columns that have nothing in any row.
func Informative(heading []string, rows [][]string) (shorter []string, narrower [][]string) {
	narrower = make([][]string, len(rows))
	for column, name := range heading {
		if !slices.ContainsFunc(rows, func(row []string) bool { return row[column] != "" && row[column] != "-" }) {
			continue
		}
		shorter = append(shorter, name)
		for i, row := range rows {
			narrower[i] = append(narrower[i], row[column])
		}
	}
	return shorter, narrower
}
