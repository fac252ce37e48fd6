package policy

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest returns the n of some names that are the most like one, the most like it first: what was meant, perhaps, by
// a name that there is not.
func Nearest(name string, among []string, n int) []string {
	type candidate struct {
		name     string
		distance int
	}
	candidates := make([]candidate, len(among))
	for i, other := range among {
		candidates[i] = candidate{other, distance(strings.ToLower(name), strings.ToLower(other))}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	nearest := make([]string, min(n, len(candidates)))
	for i := range nearest {
		nearest[i] = candidates[i].name
	}
	return nearest
}

// distance is how many letters have to be changed, put in or left out to make b of a, Levenshtein's. Names are short: of long
// ones only the begin counts.
func distance(a, b string) int {
	const enough = 100
	a, b = a[:min(len(a), enough)], b[:min(len(b), enough)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
