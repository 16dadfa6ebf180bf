package flink

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestCases runs testdata/*: scripts, steps as JSON lines, and what Flink then put out.
//
//	run [open] [changes=(table:mode)]     a script, then "steps:" on a line and a step a line
//
// With open the tables do not end.
func TestCases(t *testing.T) {
	r, err := Start(t.Context())
	if errors.Is(err, ErrUnavailable) && os.Getenv("WEIR_REQUIRE_KAFKA") == "" {
		t.Skipf("NOT RUN: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			c := Case{ID: d.Pos, End: !d.HasArg("open")}
			var changes []string
			d.MaybeScanArgs(t, "changes", &changes)
			for _, pair := range changes {
				table, mode, _ := strings.Cut(pair, ":")
				c.Changes = map[string]string{table: mode}
			}
			var lines string
			c.Script, lines, _ = strings.Cut(d.Input, "\nsteps:\n")
			for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
				if line == "" {
					continue
				}
				var s Step
				if err := json.Unmarshal([]byte(line), &s); err != nil {
					d.Fatalf(t, "%s: %v", line, err)
				}
				c.Steps = append(c.Steps, s)
			}
			res, err := r.Run(c)
			if err != nil {
				t.Fatal(err)
			}
			return show(res)
		})
	})
}

func show(r Result) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.Tables)) {
		t := r.Tables[name]
		head := make([]string, len(t.Columns))
		for i := range head {
			head[i] = t.Columns[i] + " " + t.Types[i]
		}
		fmt.Fprintf(&b, "%s (%s)\n", name, strings.Join(head, ", "))
		for _, c := range t.Changes {
			row := make([]string, len(c.Row))
			for i, v := range c.Row {
				row[i] = "NULL"
				if v != nil {
					row[i] = *v
				}
			}
			fmt.Fprintf(&b, "  %s %s\n", c.Kind, strings.Join(row, " | "))
		}
	}
	if r.Error != nil {
		fmt.Fprintf(&b, "%s error: %s\n", r.Error.Phase, r.Error.Chain[len(r.Error.Chain)-1])
	}
	return b.String()
}
