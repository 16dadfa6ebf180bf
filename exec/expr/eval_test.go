package expr

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/planner/datetime"
	"weir/planner/types"
)

// TestEval reads lines of SQL expressions without columns and prints their values, or what is wrong with them. zone= is
// the session's time zone.
func TestEval(t *testing.T) {
	clock := func() time.Time { return time.Date(2026, 2, 3, 23, 5, 6, 789123000, time.UTC) }
	datadriven.Walk(t, "testdata/eval", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			zone := "UTC"
			d.MaybeScanArgs(t, "zone", &zone)
			loc, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for _, line := range strings.Split(d.Input, "\n") {
				e, diags := bound(line, nil)
				if e == nil {
					fmt.Fprintf(&out, "refused: %s\n", diags.All[0].Title)
					continue
				}
				k, err := Compile(e, Env{Zone: loc, Clock: clock})
				if err != nil {
					fmt.Fprintf(&out, "not compiled: %s\n", strings.TrimPrefix(err.Error(), "test.sql:1:8: "))
					continue
				}
				v, err := k.Eval(&batch.Batch{N: 1}, nil)
				var re *RowError
				switch {
				case errors.As(err, &re):
					fmt.Fprintf(&out, "error: %s\n", re.Reason)
				case err != nil:
					t.Fatalf("%s: %v", line, err)
				default:
					s := string(text.AppendValue(nil, v, 0, datetime.NewZone(loc)))
					if s == "" {
						s = "(empty)"
					}
					fmt.Fprintln(&out, s)
				}
			}
			return out.String()
		})
	})
}

func TestColumnsArePassedThrough(t *testing.T) {
	in := benchBatch()
	p, err := CompileProjection(nil, Env{})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := p.Apply(in); err != nil || out.N != in.N || len(out.Cols) != 0 {
		t.Errorf("no columns: %v, %v", out, err)
	}
	in.Sel = []int32{1, 5}
	in.SetKind(5, batch.Delete)
	p, err = CompileProjection(exprs(t, "item", "user_id + 1", "item"), Env{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Apply(in)
	if err != nil {
		t.Fatal(err)
	}
	if out.Cols[0] != in.Cols[1] || out.Cols[2] != in.Cols[1] || out.Kind(5) != batch.Delete || out.Rows() != 2 {
		t.Error("a column, the kinds or the selection were not passed on")
	}
	if out.Cols[1].Int[5] != in.Cols[0].Int[5]+1 {
		t.Error("wrong sum")
	}
}

func TestErrorNamesTheRow(t *testing.T) {
	b := batch.New([]types.Type{types.TInt}, 4)
	for _, n := range []int64{1, 0, 2, 0} {
		b.Cols[0].AppendInt(n)
		b.N++
	}
	k, err := Compile(overTable(t, benchColumns[4:5], "10 / n"), Env{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Eval(b, []int32{0, 2, 3})
	var re *RowError
	if !errors.As(err, &re) || re.Row != 3 || re.Span.Text() != "10 / n" || re.Help == "" {
		t.Errorf("%+v", err)
	}
	if v, err := k.Eval(b, []int32{0, 2}); err != nil || v.Int[2] != 5 {
		t.Errorf("rows that are not selected do harm: %v", err)
	}
}

func TestClockIsReadOnceForABatch(t *testing.T) {
	n := 0
	k, err := Compile(overTable(t, benchColumns, "CASE WHEN n > 0 THEN CURRENT_TIMESTAMP ELSE CURRENT_TIMESTAMP END"), Env{Clock: func() time.Time {
		n++
		return time.UnixMilli(int64(n))
	}})
	if err != nil {
		t.Fatal(err)
	}
	b := benchBatch()
	for range 2 {
		if _, err := k.Eval(b, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n != 2 {
		t.Errorf("read %d times for 2 batches", n)
	}
}

func TestStringThatIsNoTimeComparesAsNull(t *testing.T) {
	b := batch.New([]types.Type{types.TString}, 2)
	for _, s := range []string{"2026-01-01", "nonsense"} {
		b.Cols[0].AppendString(s)
		b.N++
	}
	k, err := Compile(overTable(t, benchColumns[1:2], "item = DATE '2026-01-01'"), Env{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := k.Eval(b, nil)
	if err != nil || v.IsNull(0) || !v.Bool[0] || !v.IsNull(1) {
		t.Errorf("%v %v", v, err)
	}
}
