package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkNames answers with a NotFound *Problem when a name is not among the known ones: what, "the manifest has no
// daemon", begins its sentence, and the nearest known names are its hint.
func checkNames(names []string, known map[string]bool, what string) error {
	var missing, near []string
	for _, name := range names {
		if known[name] || slices.Contains(missing, name) {
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
	p := &Problem{Reason: NotFound, Message: what + " " + quoted(missing, " or ")}
	switch {
	case len(near) > 0:
		p.Hint = "did you mean " + quoted(near, " and ") + "?"
	case len(known) > 0:
		p.Hint = "there are " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	}
	return p
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
func nearest(name string, known map[string]bool) string {
	best, bestAt := "", 1+min(2, len(name)/3)
	for _, candidate := range slices.Sorted(maps.Keys(known)) {
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
