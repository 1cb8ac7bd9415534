package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// suggest is the hint for a word that is not among the known ones: the nearest, or, where none is near, all of them.
func suggest(word string, known []string) string {
	if near, ok := nearest(word, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	sorted := slices.Sorted(slices.Values(known))
	switch {
	case len(sorted) == 0:
		return "remove it"
	case len(sorted) == 1:
		return "possible here is " + sorted[0]
	}
	last := len(sorted) - 1
	return "possible here are " + strings.Join(sorted[:last], ", ") + " and " + sorted[last]
}

// nearest finds the known word that the fewest slips of the keyboard turn into this one. Words that differ in more than
// a third of their letters are not near, unless one begins with the other; case and separators do not count.
func nearest(word string, known []string) (string, bool) {
	plain := fold(word)
	if len(plain) > 64 {
		return "", false
	}
	best, least, longer := "", max(len(plain)/3, 1)+1, ""
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		whole := fold(candidate)
		if d := distance(plain, whole); d < least {
			best, least = candidate, d
		}
		if begins := strings.HasPrefix(whole, plain) || strings.HasPrefix(plain, whole); begins && min(len(plain), len(whole)) > 2 && longer == "" {
			longer = candidate
		}
	}
	if best == "" {
		best = longer
	}
	return best, best != ""
}

func fold(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}

// distance counts insertions, deletions, replacements and swaps of neighbours.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		two, one, row := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
