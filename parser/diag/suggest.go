package diag

import (
	"strings"
	"unicode"
)

// Suggest finds the candidate that name most probably was meant to be; ok is false where
// none is close. Case does not count; two letters changed places count as one mistake. A
// name of up to 3 letters may have one mistake, of up to 8 two, longer ones a third of
// their length. Failing that, a name of four letters or more may be the beginning of one candidate alone.
func Suggest(name string, candidates []string) (best string, ok bool) {
	n := fold(name)
	limit := 1
	switch {
	case len(n) == 0:
		return "", false
	case len(n) > 8:
		limit = len(n) / 3
	case len(n) > 3:
		limit = 2
	}
	least := limit + 1
	for _, c := range candidates {
		f := fold(c)
		if d := len(f) - len(n); d > limit || -d > limit {
			continue
		}
		// More mistakes than letters that agree are no likeness.
		if d := distance(n, f); d < least && d < max(len(n), len(f)) {
			best, least = c, d
		}
	}
	if least <= limit {
		return best, true
	}
	return beginning(n, candidates)
}

// beginning finds the only candidate that begins with n.
func beginning(n []rune, candidates []string) (one string, ok bool) {
	for _, c := range candidates {
		if len(n) < 4 || !strings.HasPrefix(string(fold(c)), string(n)) {
			continue
		}
		if ok {
			return "", false
		}
		one, ok = c, true
	}
	return one, ok
}

func fold(s string) []rune {
	r := []rune(s)
	for i := range r {
		r[i] = unicode.ToLower(r[i])
	}
	return r
}

// distance counts the letters to insert, delete, replace or swap with their neighbour to
// make b of a.
func distance(a, b []rune) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	prev2, prev, cur := rows[0], rows[1], rows[2]
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
