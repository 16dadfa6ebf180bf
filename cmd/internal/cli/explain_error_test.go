package cli

import (
	"sort"
	"testing"

	"weir/parser/diag"
	"weir/parser/diag/explain"
	"weir/parser/ignore"
	"weir/planner/config"
	"weir/planner/lint"
)

// TestEveryCodeIsExplained runs both examples of every code: the bad one has that finding alone, at its place, and the
// good one none. Where weir does not run something yet, that is left out of account.
func TestEveryCodeIsExplained(t *testing.T) {
	codes := make([]string, 0, len(diag.Codes))
	for c := range diag.Codes {
		codes = append(codes, c)
	}
	sort.Strings(codes)
	shown := 0
	for _, code := range codes {
		e, _ := explain.Lookup(code)
		if e.Why == "" || e.Fix == "" {
			t.Errorf("%s is not explained", code)
		}
		if e.Bad == "" {
			if !explain.Refused(code) && !withoutExample[code] {
				t.Errorf("%s has no example", code)
			}
			continue
		}
		shown++
		found := findings(t, code, e.Bad)
		if len(found) != 1 || found[0].Code != code {
			t.Errorf("%s: the bad example should have it alone, and has:%s", code, titles(found))
		} else if s := found[0].Span; s.Start != e.From || s.End != e.To {
			t.Errorf("%s: the finding is at «%s», not at «%s»", code, s.Text(), e.Bad[e.From:e.To])
		}
		if found := findings(t, code, e.Good); len(found) != 0 {
			t.Errorf("%s: the good example should have no finding, and has:%s", code, titles(found))
		}
	}
	t.Logf("%d codes, %d with examples", len(codes), shown)
}

// withoutExample is the codes that no script of a few lines, checked alone, can have.
var withoutExample = map[string]bool{
	"SQ1013": true, // hundreds of brackets
	"SQ6001": true, // of run, not of check
	"SQ6021": true, // of .weir.toml, as the two that follow
	"SQ6022": true,
	"SQ6023": true,
	"SQ6101": true, // of weir test, as the two that follow
	"SQ6102": true,
	"SQ6103": true,
	"SQ6201": true, // of check --connect, as the seven that follow
	"SQ6202": true,
	"SQ6203": true,
	"SQ6204": true,
	"SQ6205": true,
	"SQ6206": true,
	"SQ6207": true,
	"SQ6208": true,
	"SQ6014": true, // comes with the error that it is about
}

// findings checks an example with the tables that it takes for granted, by all rules that are not pedantic, and by the
// one that the example is for.
func findings(t *testing.T, code, sql string) (out []*diag.Diagnostic) {
	t.Helper()
	example := &diag.File{Name: "example.sql", Text: sql}
	files := []*diag.File{{Name: "tables.sql", Text: explain.Tables(sql)}, example}
	all := lint.Check(files, (&app{}).plannerOptions(config.New()), lint.Options{Enabled: func(r *lint.Rule) bool { return !r.Pedantic || r.Code == code }})
	kept, _ := ignore.Apply(files, all.All, ignore.Options{
		Final: func(d *diag.Diagnostic) bool { return d.Severity == diag.Error }, Incomplete: all.HasErrors(),
	})
	for _, d := range kept {
		if d.Span.File == example && (!explain.Refused(d.Code) || d.Code == code) {
			out = append(out, d)
		}
	}
	return out
}

func titles(all []*diag.Diagnostic) (s string) {
	for _, d := range all {
		s += "\n\t" + d.Code + " at «" + d.Span.Text() + "»: " + d.Title
	}
	return s
}
