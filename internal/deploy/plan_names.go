package deploy

import (
	"fmt"
	"slices"
	"strings"
)

// CheckNames answers with a DaemonUnknown *Problem when a daemon's name is not among the known ones of whose: "the manifest",
// or a stack. Its hint are the nearest known names, or all of them where none is near.
func CheckNames(names, known []string, whose string) error {
	var missing, near []string
	for _, name := range names {
		if slices.Contains(known, name) || slices.Contains(missing, name) {
			continue
		}
		missing = append(missing, name)
		if guess := nearest(name, known); guess != "" && !slices.Contains(near, guess) {
			near = append(near, guess)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	p := &Problem{Reason: DaemonUnknown, Message: whose + " has no daemon " + quoted(missing, " or ")}
	switch {
	case len(near) > 0:
		p.Hint = "did you mean " + quoted(near, " and ") + "?"
	case len(known) == 1:
		p.Hint = "its only daemon is " + known[0]
	case len(known) > 1:
		p.Hint = "its daemons are " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
	}
	return p
}

// CheckExisting is CheckNames for the daemons that exist of a stack.
func CheckExisting(names []string, o Observed, stack string) error {
	var existing []string
	for _, d := range o.Daemons {
		existing = append(existing, d.Daemon)
	}
	return CheckNames(names, existing, fmt.Sprintf("the stack %q", stack))
}

func quoted(names []string, last string) string {
	q := make([]string, len(names))
	for i, name := range names {
		q[i] = fmt.Sprintf("%q", name)
	}
	if len(q) == 1 {
		return q[0]
	}
	return strings.Join(q[:len(q)-1], ", ") + last + q[len(q)-1]
}

// nearest gives the known name that a typing mistake or two away is, "" where none is near enough to be meant.
func nearest(name string, known []string) string {
	best, bestAt := "", 1+min(2, len(name)/3)
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		if d := distance(name, candidate); d < bestAt {
			best, bestAt = candidate, d
		}
	}
	return best
}

// distance is how many letters have to be put in, left out, replaced, or exchanged with their neighbour.
func distance(a, b string) int {
	var before, last, row []int
	for j := 0; j <= len(b); j++ {
		last = append(last, j)
	}
	for i := 1; i <= len(a); i++ {
		row = []int{i}
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row = append(row, d)
		}
		before, last = last, row
	}
	return last[len(b)]
}
