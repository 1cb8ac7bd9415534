package deploy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The widths of a value in a plan's text: how much of it is shown, and how much of what old and new have in common.
const (
	maxValueText = 60
	commonText   = 12
)

// String is the plan for people: a line for each daemon, its causes below it, and what it comes to.
func (p Plan) String() string {
	var b strings.Builder
	width := 0
	for _, c := range p.Changes {
		width = max(width, utf8.RuneCountInString(c.Daemon))
	}
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "%s %-*s  %s\n", c.sign(), width, c.Daemon, c.Action)
		for _, cause := range c.Causes {
			fmt.Fprintf(&b, "    %s\n", cause)
		}
		if c.Blocked != "" {
			fmt.Fprintf(&b, "    blocked: %s\n", c.Blocked)
		}
	}
	for _, d := range p.DeletedData {
		fmt.Fprintf(&b, "- data %s of resource %s  delete\n", d.Name, d.Resource)
	}
	for _, d := range p.KeptData {
		fmt.Fprintf(&b, "= data %s of resource %s  kept\n", d.Name, d.Resource)
	}
	b.WriteString(p.Summary() + "\n")
	return b.String()
}

// Summary is the plan in one line: "1 to create, 2 unchanged".
func (p Plan) Summary() string {
	count := map[Action]int{}
	blocked, resumed := 0, 0
	for _, c := range p.Changes {
		switch {
		case c.Blocked != "":
			blocked++
		case c.Resume:
			resumed++
		default:
			count[c.Action]++
		}
	}
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(count[Create], "to create")
	add(count[Update], "to update")
	add(count[Restarted], "to restart")
	add(resumed, "to finish")
	add(count[Delete], "to delete")
	add(blocked, "blocked")
	add(count[Unchanged], "unchanged")
	add(len(p.DeletedData), "data to delete")
	if len(parts) == 0 {
		return "nothing to do"
	}
	return strings.Join(parts, ", ")
}

func (c Change) sign() string {
	switch {
	case c.Action == Create:
		return "+"
	case c.Action == Delete:
		return "-"
	case c.Action == Update || c.Action == Restarted || c.Resume:
		return "~"
	}
	return "="
}

// String is the cause in one line, without the value of a secret and without control characters.
func (c Cause) String() string {
	switch c.Path {
	case CauseForced:
		return "forced"
	case CauseManifest:
		return "not in the manifest"
	case CauseUnfinished:
		return "unfinished: its last update was not confirmed"
	case CauseRecord:
		return "record: what it was made from is not readable"
	case CauseUnresolved:
		return "image: cannot be checked: " + c.New
	}
	before, after := c.texts()
	switch {
	case c.Secret:
		return c.Path + ": (secret) " + string(c.Kind)
	case c.Kind == Added:
		return c.Path + ": " + after + " added"
	case c.Kind == Removed:
		return c.Path + ": " + before + " removed"
	}
	return c.Path + ": " + before + " → " + after
}

// texts shortens both values to where they differ, and quotes them where they are free text or could upset a terminal.
func (c Cause) texts() (before, after string) {
	start := 0
	if c.Kind == Changed && max(len(c.Old), len(c.New)) > maxValueText {
		start = max(0, commonRunes(c.Old, c.New)-commonText)
	}
	quote := strings.HasPrefix(c.Path, "environment.") || !printable(c.Old) || !printable(c.New)
	return excerpt(c.Old, start, quote), excerpt(c.New, start, quote)
}

// excerpt gives a value from its start-th rune on, at most maxValueText long, with … where something is left out.
func excerpt(value string, start int, quote bool) string {
	runes := []rune(value)
	runes = runes[min(start, len(runes)):]
	lead, trail := "", ""
	if start > 0 {
		lead = "…"
	}
	if len(runes) > maxValueText {
		runes, trail = runes[:maxValueText], "…"
	}
	if quote {
		return strconv.Quote(lead + string(runes) + trail)
	}
	return lead + string(runes) + trail
}

// commonRunes counts the runes that both begin with.
func commonRunes(a, b string) int {
	x, y := []rune(a), []rune(b)
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	return n
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
