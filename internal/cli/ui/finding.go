package ui

import (
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// Findings prints each finding on its own line, and with excerpts below it the line of the file with a caret.
func (t Theme) Findings(findings []manifest.Finding, excerpts bool) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(t.hang(t.finding(f), 2) + "\n")
		if excerpts {
			b.WriteString(t.Dim(strings.TrimSuffix(f.Excerpt(t.Width), "\n")))
			if f.Excerpt(t.Width) != "" {
				b.WriteString("\n")
			}
		}
	}
	return b.String()
}

// finding is the one-line form; the severity is said where it is only a warning.
func (t Theme) finding(f manifest.Finding) string {
	code := " [" + f.Code + "]"
	text := Plain(strings.TrimSuffix(f.String(), code))
	if f.Target != "" {
		text += " (" + f.Target + ")"
	}
	if f.Severity == manifest.Warning {
		return t.Yellow("warning: ") + text + t.Yellow(code)
	}
	return text + t.Red(code)
}

// Tally counts findings: "2 errors, 1 warning".
func Tally(findings []manifest.Finding) string {
	errors, warnings := Tallies(findings)
	switch {
	case warnings == 0:
		return Count(errors, "error")
	case errors == 0:
		return Count(warnings, "warning")
	}
	return Count(errors, "error") + ", " + Count(warnings, "warning")
}

// Tallies counts errors and warnings.
func Tallies(findings []manifest.Finding) (errors, warnings int) {
	for _, f := range findings {
		if f.Severity == manifest.Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}
