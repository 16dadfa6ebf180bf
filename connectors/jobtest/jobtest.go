// Package jobtest runs SQL jobs for the tests of connectors: planned as weir run plans them, with tables of the connector under test beside tables
// in memory (connector 'memory').
package jobtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/connectors/spec"
	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/expr/text"
	"weir/exec/runtime"
	"weir/exec/runtime/runtimetest"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/config"
	"weir/planner/datetime"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Job is a script that is one job.
type Job struct {
	Connectors exec.Registry
	Rows       map[string][]string // of tables in memory, values separated by |
	// Replace is pairs of texts: what the script says, what is meant, and the other way about in messages.
	Replace  []string
	StateDir string // empty: a folder of the test's own
}

// plan compiles a script with every connector's description, and that of tables in memory.
func plan(t *testing.T, script string) (*planner.Program, *diag.List) {
	t.Helper()
	registry := spec.Registry()
	registry.Connectors["memory"] = runtimetest.Registry().Connectors["memory"]
	cfg := config.New()
	for k, v := range map[string]string{config.Parallelism: "2", config.PipelineName: "job", config.RestartStrategy: "none", config.LocalTimeZone: "UTC",
		config.CheckpointInterval: "1 h"} {
		if err := cfg.Set(k, v, config.FromFlag); err != nil {
			t.Fatal(err)
		}
	}
	return planner.Compile([]*diag.File{{Name: "job.sql", Text: script}}, planner.Options{
		Registry: registry, Functions: fn.Builtins(), Config: cfg,
		Fold: func(e scalar.Expr) (types.Value, error) { return expr.Fold(e, expr.Env{Zone: time.UTC}) },
	})
}

// Run runs the script to the end of its input, and tells what came out in tables in memory, the findings of the planner that are errors, or why it
// failed.
func (j *Job) Run(t *testing.T, script string) string {
	t.Helper()
	p, found := plan(t, strings.NewReplacer(j.Replace...).Replace(script))
	if found.HasErrors() {
		var b strings.Builder
		for _, d := range found.All {
			if d.Severity == diag.Error {
				fmt.Fprintf(&b, "%s: %s\n", d.Code, d.Title)
			}
		}
		return j.hide(b.String())
	}
	if len(p.Jobs) != 1 {
		t.Fatalf("expected one job, found %d", len(p.Jobs))
	}
	w := runtimetest.New()
	w.Guarantee = nil
	for name, lines := range j.Rows {
		w.Table(name, true, 1)
		for _, l := range lines {
			w.Append(name, 0, values(l))
		}
	}
	dir := j.StateDir
	if dir == "" {
		dir = t.TempDir()
	}
	r, err := runtime.New(p.Jobs[0], runtime.Options{Connectors: both{w, j.Connectors}, StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := r.Run(ctx); err != nil {
		out := "failed: " + err.Error() + "\n"
		if e := (*exec.Error)(nil); errors.As(err, &e) && e.Help != "" && !strings.Contains(e.Help, "known: ") { // what is known of a job differs from run to run
			out += "help: " + e.Help + "\n"
		}
		return j.hide(out)
	}
	return output(w, p.Jobs[0])
}

// hide puts what the script says where what is meant stands in a message.
func (j *Job) hide(s string) string {
	var back []string
	for i := 0; i+1 < len(j.Replace); i += 2 {
		if j.Replace[i+1] != "" {
			back = append(back, j.Replace[i+1], strings.Trim(j.Replace[i], "${}"))
		}
	}
	return strings.NewReplacer(back...).Replace(s)
}

// both is tables in memory beside those of other connectors.
type both struct {
	*runtimetest.World
	others exec.Registry
}

func (b both) Source(s *physical.Scan, c *config.Config, l *slog.Logger) (exec.SourceSpec, error) {
	if s.Table.Connector == "memory" {
		return b.World.Source(s, c, l)
	}
	return b.others.Source(s, c, l)
}

func (b both) Sink(s *physical.Sink, c *config.Config, l *slog.Logger) (exec.SinkSpec, error) {
	if s.Table.Connector == "memory" {
		return b.World.Sink(s, c, l)
	}
	return b.others.Sink(s, c, l)
}

func (b both) Lookup(n *physical.LookupJoin, c *config.Config, l *slog.Logger) (exec.LookupSpec, error) {
	return b.others.Lookup(n, c, l)
}

func (b both) Search(n *physical.VectorSearch, c *config.Config, l *slog.Logger) (exec.SearchSpec, error) {
	return b.others.Search(n, c, l)
}

// values is whole numbers where they are such, and strings, which may stand in quotes.
func values(line string) []types.Value {
	var row []types.Value
	for _, w := range strings.Split(line, "|") {
		w = strings.TrimSpace(w)
		switch n, err := strconv.ParseInt(w, 10, 64); {
		case w == "NULL":
			row = append(row, nil)
		case err == nil:
			row = append(row, n)
		default:
			row = append(row, strings.Trim(w, "'"))
		}
	}
	return row
}

// output is the changes of tables in memory, by table, sorted.
func output(w *runtimetest.World, job *physical.Job) string {
	var b strings.Builder
	zone := datetime.NewZone(time.UTC)
	for _, s := range job.Sinks {
		if s.Table.Connector != "memory" {
			continue
		}
		fmt.Fprintf(&b, "%s\n", s.Table.Name)
		var lines []string
		for _, c := range w.Output(s.Table.Name) {
			row := make([]string, len(s.Fields))
			for i, f := range s.Fields {
				ty := s.Table.Columns[f].Type
				ty.Nullable = true
				v := batch.NewVector(ty, 1)
				v.AppendValue(c.Row[i])
				if row[f] = "NULL"; !v.IsNull(0) {
					row[f] = string(text.AppendValue(nil, v, 0, zone))
				}
			}
			lines = append(lines, "  "+c.Kind.String()+" "+strings.Join(row, " | "))
		}
		slices.Sort(lines)
		fmt.Fprintln(&b, strings.Join(lines, "\n"))
	}
	return b.String()
}
