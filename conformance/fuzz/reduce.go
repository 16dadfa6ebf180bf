package fuzz

import (
	"slices"
	"strings"
)

// Minimise makes a failing case smaller: it takes choices out and makes them less, and then takes rows out, as long as the case
// goes on failing. It gives up when fails says that it is enough.
func Minimise(made []uint32, fails func(Case) (failing, enough bool)) Case {
	best := slices.Clone(made)
	over := false
	try := func(next []uint32) bool {
		if over {
			return false
		}
		failing, enough := fails(Generate(Given(next)))
		over = over || enough
		if failing {
			best = slices.Clone(next)
		}
		return failing
	}
	for changed := true; changed && !over; {
		changed = false
		for size := max(1, len(best)/2); size > 0; size /= 2 {
			for at := 0; at+size <= len(best) && !over; {
				if try(slices.Delete(slices.Clone(best), at, at+size)) {
					changed = true
					continue
				}
				zero := slices.Clone(best)
				clear(zero[at : at+size])
				if !slices.Equal(zero, best) && try(zero) {
					changed = true
				}
				at += size
			}
		}
		for at := 0; at < len(best) && !over; at++ {
			for best[at] > 1 {
				less := slices.Clone(best)
				less[at] /= 2
				if !try(less) {
					break
				}
				changed = true
			}
		}
	}
	c := Generate(Given(best))
	for size := max(1, len(c.Rows)/2); size > 0; size /= 2 {
		for at := 0; at+size <= len(c.Rows) && !over; {
			less := c
			less.Rows = slices.Delete(slices.Clone(c.Rows), at, at+size)
			if !consistent(less.Rows, c.Tables) {
				at++
				continue
			}
			failing, enough := fails(less)
			over = over || enough
			if failing {
				c = less
			} else {
				at += size
			}
		}
	}
	return c
}

// consistent reports whether rows take back only what is there.
func consistent(rows []string, tables string) bool {
	there := map[string]int{}
	upsert := map[string]bool{}
	for line := range strings.Lines(tables) {
		if words := strings.Fields(line); len(words) > 2 && strings.Contains(line, "'upsert'") {
			upsert[words[2]] = true
		}
	}
	before := ""
	for _, line := range rows {
		head, row, _ := strings.Cut(line, " | ")
		table, kind, _ := strings.Cut(head, " ")
		key := table + " | " + row
		if upsert[table] {
			first, _, _ := strings.Cut(row, " | ")
			key = table + " | " + first
		}
		switch kind {
		case "", "+I":
			there[key]++
		case "-D", "-U":
			if there[key]--; there[key] < 0 {
				return false
			}
		case "+U":
			if upsert[table] {
				if there[key] < 1 {
					return false
				}
			} else {
				if before != table+" -U" {
					return false
				}
				there[key]++
			}
		}
		if before != "" && strings.HasSuffix(before, "-U") && kind != "+U" {
			return false
		}
		before = head
	}
	return !strings.HasSuffix(before, "-U")
}
