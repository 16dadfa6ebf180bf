package expr

import (
	"testing"
	"time"

	"weir/parser"
	"weir/parser/diag"
	"weir/planner/bind"
	"weir/planner/catalog"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// oneTable is a catalog of a table t.
type oneTable struct {
	noTables
	t *catalog.Table
}

func (c oneTable) Table(n string) *catalog.Table {
	if n == "t" {
		return c.t
	}
	return nil
}
func (oneTable) Names() []string { return []string{"t"} }

// overTable binds an expression over a table's columns, which are read by their position in cols.
func overTable(tb testing.TB, cols []catalog.Column, sql string) scalar.Expr {
	tb.Helper()
	e, diags := tryTable(cols, sql)
	if e == nil {
		tb.Fatalf("%s: %s", sql, diags.All[0].Title)
	}
	return e
}

func tryTable(cols []catalog.Column, sql string) (scalar.Expr, *diag.List) {
	q, diags := parser.ParseQuery(&diag.File{Name: "test.sql", Text: "SELECT " + sql + " FROM t"})
	if diags.HasErrors() {
		return nil, diags
	}
	b := &bind.Binder{
		Functions: fn.Builtins(), Catalog: oneTable{t: &catalog.Table{Name: "t", Columns: cols}}, Zone: time.UTC, Diags: diags,
		Fold: func(e scalar.Expr) (types.Value, error) { return Fold(e, Env{}) },
	}
	n := b.Query(q)
	if n == nil || diags.HasErrors() {
		return nil, diags
	}
	calc := n.(*logical.Calc)
	return calc.Exprs[0], diags
}

// exprs binds expressions over the benchmark's columns.
func exprs(tb testing.TB, sql ...string) []scalar.Expr {
	var es []scalar.Expr
	for _, s := range sql {
		es = append(es, overTable(tb, benchColumns, s))
	}
	return es
}
