package print

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/connectors/formats/formattest"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
)

var kinds = map[string]batch.ChangeKind{"+I": batch.Insert, "-U": batch.UpdateBefore, "+U": batch.UpdateAfter, "-D": batch.Delete}

// The cases: print takes options of the table and the subtask as arguments (subtask=1/2), columns up to an empty
// line, then rows with their change kind.
func TestLines(t *testing.T) {
	datadriven.RunTest(t, "testdata/print.txt", func(t *testing.T, d *datadriven.TestData) string {
		head, body, _ := strings.Cut(d.Input, "\n--\n")
		columns := formattest.Schema(t, head)
		table := &catalog.Table{Name: "p", Connector: "print"}
		in := &physical.Values{}
		sink := &physical.Sink{Input: in, Table: table}
		for i, c := range columns {
			table.Columns = append(table.Columns, catalog.Column{Name: c.Name, Type: c.Type})
			in.Columns = append(in.Columns, physical.Column{Name: c.Name, Type: c.Type})
			sink.Fields = append(sink.Fields, i)
		}
		ctx := &exec.TaskContext{Parallelism: 1}
		for _, a := range d.CmdArgs {
			switch a.Key {
			case "identifier":
				table.Options = append(table.Options, catalog.Option{Key: "print-identifier", Value: a.Vals[0]})
			case "stderr":
				table.Options = append(table.Options, catalog.Option{Key: "standard-error", Value: "true"})
			case "subtask":
				ctx.Subtask, ctx.Parallelism = int(a.Vals[0][0]-'0'), int(a.Vals[1][0]-'0')
			}
		}
		var stdout, stderr strings.Builder
		spec, err := Connector(&stdout, &stderr).Sink(sink, config.New(), nil)
		if err != nil {
			return err.Error()
		}
		w, err := spec.Writer(ctx, nil)
		if err != nil {
			return err.Error()
		}
		b := formattest.Batch(columns)
		for _, line := range strings.Split(body, "\n") {
			kind, rest, _ := strings.Cut(line, " ")
			for i, s := range strings.Split(rest, " | ") {
				b.Cols[i].AppendValue(formattest.Value(t, columns[i].Type, s))
			}
			b.N++
			b.SetKind(b.N-1, kinds[kind])
		}
		if err := w.Write(b); err != nil {
			return err.Error()
		}
		if stderr.Len() > 0 {
			return "stderr:\n" + stderr.String()
		}
		return stdout.String()
	})
}
