package main

import (
	"sort"
	"strings"

	"weir/parser/diag"
	"weir/parser/diag/explain"
	"weir/planner/lint"
)

// hundreds is the chapters of the page, by what codes begin with.
var hundreds = []struct{ prefix, title string }{
	{"SQ1", "The form of the text"},
	{"SQ20", "Names and queries"},
	{"SQ21", "Changes and state"},
	{"SQ22", "Types and functions"},
	{"SQ25", "What is not there yet"},
	{"SQ30", "Settings and options"},
	{"SQ31", "Exactly-once"},
	{"SQ50", "Connectors"},
	{"SQ51", "Formats"},
	{"SQ52", "Generated data"},
	{"SQ6", "Running, and comments that silence findings"},
	{"SQ71", "Rules: time"},
	{"SQ72", "Rules: state"},
	{"SQ73", "Rules: delivery"},
	{"SQ74", "Rules: sinks"},
	{"SQ75", "Rules: conditions and values"},
	{"SQ76", "Rules: what is not used"},
}

// diagnostics is the page of all codes.
func diagnostics() string {
	var codes []string
	for c := range diag.Codes {
		codes = append(codes, c)
	}
	sort.Strings(codes)
	p := &page{}
	p.line("# Diagnostics")
	p.line("")
	p.line("Every finding of `weir check` by its code: what it means, what to do, a script that has it and one that has not; a test runs")
	p.line("both. `weir explain-error CODE` shows the same. A code is never used again for something else. Examples that name `orders`,")
	p.line("`payments`, `results`, `totals` or `exact` take [these tables](#tables-of-the-examples) for granted.")
	p.line("")
	p.line("Errors keep a job from running. The rules, SQ7, warn of what runs and is most probably not meant; some only note it, and")
	p.line("pedantic ones are run only when they are asked for. `-- lint:ignore CODE because ...` silences a warning where it stands.")
	for _, h := range hundreds {
		var mine []string
		for _, c := range codes {
			if strings.HasPrefix(c, h.prefix) {
				mine = append(mine, c)
			}
		}
		if len(mine) == 0 {
			continue
		}
		p.line("")
		p.line("## %s", h.title)
		for _, c := range mine {
			e, _ := explain.Lookup(c)
			p.line("")
			p.line("### %s: %s", c, e.Summary)
			p.line("")
			if r := lint.Lookup(c); r != nil {
				how := ""
				if r.Note {
					how = " A note."
				}
				if r.Pedantic {
					how += " Pedantic."
				}
				p.line("`%s`.%s", r.Name, how)
				p.line("")
			}
			p.line("%s", e.Why)
			p.line("%s", e.Fix)
			if e.Bad == "" {
				continue
			}
			// Not marked as SQL of ours, so that check over a folder of Markdown does not stumble over mistakes on purpose.
			p.line("")
			p.line("Has it:")
			p.line("")
			p.line("```pgsql\n%s\n```", e.Bad)
			p.line("")
			p.line("Has it not:")
			p.line("")
			p.line("```pgsql\n%s\n```", e.Good)
		}
	}
	p.line("")
	p.line("## Tables of the examples")
	p.line("")
	p.line("```pgsql\n%s\n```", strings.TrimSpace(explain.Tables("orders payments results totals exact")))
	return p.String()
}
