package ui

import (
	"strings"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// Plan is the plan's own text, its lines in the colour of what they do.
func (t Theme) Plan(p deploy.Plan) string {
	if !t.Color {
		return p.String()
	}
	var b strings.Builder
	for l := range strings.Lines(p.String()) {
		text := strings.TrimSuffix(l, "\n")
		switch {
		case strings.HasPrefix(l, "+"):
			text = t.Green(text)
		case strings.HasPrefix(l, "-"):
			text = t.Red(text)
		case strings.HasPrefix(l, "~"):
			text = t.Yellow(text)
		case strings.HasPrefix(l, "="):
			text = t.Dim(text)
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}
