package ui

import (
	"fmt"
	"strings"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// Verdict is the block that says why one daemon failed, with its evidence and what to do.
func (t Theme) Verdict(v deploy.Verdict) string {
	var b strings.Builder
	b.WriteString(t.hang(fmt.Sprintf("%s %s: %s", t.Red("✗ "+v.Daemon), t.Red(string(v.Reason)), Plain(v.Message)), 2) + "\n")
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s %s\n", t.Dim(fmt.Sprintf("%-9s", name+":")), value)
		}
	}
	fact("exit", Exit(v.Exit))
	if v.Restarts > 0 {
		fact("restarts", fmt.Sprint(v.Restarts))
	}
	fact("probe", probe(v.Probe))
	if len(v.Logs) > 0 {
		fact("logs", fmt.Sprintf("last %s", Count(len(v.Logs), "line")))
		for _, l := range v.Logs {
			b.WriteString("    " + t.Dim("│") + " " + Plain(l) + "\n")
		}
	}
	fact("hint", t.hang(Plain(v.Hint), len("  restarts: ")))
	fact("more", "alien explain "+string(v.Reason))
	return b.String()
}

// Exit is how a run ended, in words; empty for nil.
func Exit(e *deploy.Exit) string {
	if e == nil {
		return ""
	}
	s := fmt.Sprintf("code %d", e.Code)
	switch {
	case e.Signal != "":
		s = e.Signal
	case e.Code < 0:
		s = "code unknown" // the runtime has forgotten it
	}
	if e.OOM {
		s += " (out of memory)"
	}
	return s
}

// probe is the last health check, its output folded to the lines it had.
func probe(p *deploy.Probe) string {
	if p == nil {
		return ""
	}
	s := fmt.Sprintf("code %d", p.Code)
	switch {
	case p.Unrunnable():
		s += ", its command could not be run"
	case p.Code < 0:
		s = "did not end in time"
	}
	for l := range strings.Lines(strings.TrimSpace(p.Output)) {
		s += "\n    │ " + Plain(strings.TrimRight(l, "\r\n"))
	}
	return s
}
