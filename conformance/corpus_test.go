package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/conformance/flink"
	"weir/planner/catalog"
)

// found is a case where it stands.
type found struct {
	Case
	pos      string
	steps    []step
	expected string
	version  string // of Flink
}

// readFile goes through a file of the corpus and calls f for each case; what f returns is the case's new expectation.
//
//	newer                               the cases of this file are for flink.Newer
//	tables                              CREATE TABLEs for the cases that follow
//	rows                                what their tables are given
//	case [open] [ordered] [remains]     one case, with Flink's result
func readFile(t *testing.T, path string, f func(t *testing.T, c found) string) {
	var tables string
	var rows []string
	version := flink.Version
	datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "tables":
			tables, rows = d.Input, nil
			return ""
		case "newer":
			version = flink.Newer
			return ""
		case "rows":
			rows = strings.Split(strings.TrimSpace(d.Input), "\n")
			return ""
		case "case":
			c, err := parseCase(d.Input)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			for _, a := range d.CmdArgs {
				switch a.Key {
				case "open":
					c.Open = true
				case "ordered":
					c.Ordered = true
				case "remains":
					c.Remains = true
				default:
					d.Fatalf(t, "a case is open, ordered or remains, not %s", a.Key)
				}
			}
			c.Tables, c.Rows = tables, rows
			steps, err := stepsOf(c)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return f(t, found{Case: c, pos: d.Pos, steps: steps, expected: d.Expected, version: version})
		}
		d.Fatalf(t, "unknown word %s: there are newer, tables, rows and case", d.Cmd)
		return ""
	})
}

// stepsOf reads the rows of a case with the columns that its tables have.
func stepsOf(c Case) ([]step, error) {
	p, diags := compile(c.Tables)
	if p == nil {
		return nil, fmt.Errorf("the tables: %s", diags.All[0].Title)
	}
	var out []step
	for _, line := range c.Rows {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s, err := parseStep(line, func(name string) *catalog.Table { return p.Session.Table(name) })
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
