package conformance

import (
	"fmt"
	"regexp"
	"strings"
)

// Case is one case of the corpus.
type Case struct {
	Title string
	// Tables and SQL are the script; both together go to weir and to Flink.
	Tables, SQL string
	// Rows are the lines of what the tables are given, in order.
	Rows []string
	// Differs is why weir gives something else on purpose, and Weir is what it gives; empty otherwise.
	Differs, Weir string

	Open    bool // the tables do not end
	Ordered bool // changes come in one order only
	Remains bool // only what the changes lead to is compared
}

// comparison is how the changes of the case are compared where it runs row by row.
func (c Case) comparison() Comparison {
	switch {
	case c.Remains:
		return Remaining
	case c.Ordered:
		return InOrder
	}
	return AllChanges
}

// parseCase reads the body of a case: comment lines with the title and perhaps the reason of a difference, the statements, and behind
// a line "weir:" what weir gives.
func parseCase(body string) (Case, error) {
	var c Case
	lines := strings.Split(body, "\n")
	into := &c.Title
	at := 0
	for ; at < len(lines) && strings.HasPrefix(lines[at], "--"); at++ {
		text := strings.TrimSpace(strings.TrimPrefix(lines[at], "--"))
		if why, ok := strings.CutPrefix(text, "differs:"); ok {
			into, text = &c.Differs, strings.TrimSpace(why)
		}
		if *into != "" {
			*into += " "
		}
		*into += text
	}
	if c.Title == "" {
		return c, fmt.Errorf("a case begins with its title: -- What it shows.")
	}
	sql, weir, differs := strings.Cut(strings.Join(lines[at:], "\n"), "\nweir:\n")
	if differs != (c.Differs != "") {
		return c, fmt.Errorf("a case that differs has both, the reason (-- differs: ...) and what weir gives (weir:)")
	}
	c.SQL, c.Weir = sql, strings.TrimSpace(weir)
	return c, nil
}

// Change is one change of a table, its values as text.
type Change struct {
	Kind string // +I, -U, +U, -D
	Row  string
}

func (c Change) adds() bool { return c.Kind == "+I" || c.Kind == "+U" }

// Output is what one table got.
type Output struct {
	Name    string
	Columns []string // name and type
	Key     []int    // of an upsert table: the primary key
	Changes []Change
}

// Outcome is what a case led to.
type Outcome struct {
	Outputs []Output // by name
	// Refused is why a script was not run, Failed why it broke off.
	Refused, Failed string
}

// day is the day of all times that a case writes without a date; it is left out where results are shown, too.
const day = "2026-01-01"

func (o Outcome) String() string {
	switch {
	case o.Refused != "":
		return "refused: " + o.Refused + "\n"
	case o.Failed != "":
		return "failed: " + o.Failed + "\n"
	}
	var b strings.Builder
	for _, t := range o.Outputs {
		fmt.Fprintf(&b, "%s (%s)\n", t.Name, strings.Join(t.Columns, ", "))
		for _, c := range t.Changes {
			fmt.Fprintf(&b, "%s %s\n", c.Kind, c.Row)
		}
	}
	return b.String()
}

var tableLine = regexp.MustCompile(`^(\w+) \((.*)\)$`)

// parseOutcome reads what String has written.
func parseOutcome(s string) (Outcome, error) {
	var o Outcome
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\n")
		if why, ok := strings.CutPrefix(line, "refused: "); ok {
			o.Refused = why
			continue
		}
		if why, ok := strings.CutPrefix(line, "failed: "); ok {
			o.Failed = why
			continue
		}
		if m := tableLine.FindStringSubmatch(line); m != nil {
			o.Outputs = append(o.Outputs, Output{Name: m[1], Columns: splitColumns(m[2])})
			continue
		}
		if len(o.Outputs) == 0 || len(line) < 3 {
			return o, fmt.Errorf("%q is no line of a result", line)
		}
		last := &o.Outputs[len(o.Outputs)-1]
		last.Changes = append(last.Changes, Change{line[:2], line[3:]})
	}
	return o, nil
}

// splitColumns cuts at the commas that are in no bracket.
func splitColumns(s string) []string {
	var out []string
	depth, from := 0, 0
	for i, r := range s {
		switch r {
		case '(', '<':
			depth++
		case ')', '>':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(s[from:]))
}
