package expr

import (
	"testing"
	"time"

	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/parser"
	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/bind"
	"weir/planner/catalog"
	"weir/planner/datetime"
	"weir/planner/fn"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

type noTables struct{}

func (noTables) Table(string) *catalog.Table { return nil }
func (noTables) View(string) *catalog.View   { return nil }
func (noTables) Names() []string             { return nil }
func (noTables) Broken(string) bool          { return false }
func (noTables) Object(n ast.Name, in catalog.Place, _ *diag.List) (string, catalog.Place, bool) {
	return n.String(), in, true
}

// bound is a SQL expression without columns, bound; nil and the findings where it cannot be.
func bound(sql string, fold func(scalar.Expr) (types.Value, error)) (scalar.Expr, *diag.List) {
	q, diags := parser.ParseQuery(&diag.File{Name: "test.sql", Text: "SELECT " + sql})
	if diags.HasErrors() {
		return nil, diags
	}
	b := &bind.Binder{Functions: fn.Builtins(), Catalog: noTables{}, In: catalog.DefaultPlace, Zone: time.UTC, Diags: diags, Fold: fold}
	n := b.Query(q)
	if n == nil || diags.HasErrors() {
		return nil, diags
	}
	return n.(*logical.Calc).Exprs[0], diags
}

// run computes a constant expression over a batch of several rows and gives the text of the last one.
func run(t *testing.T, e scalar.Expr) (string, error) {
	t.Helper()
	k, err := Compile(e, Env{})
	if err != nil {
		return "", err
	}
	v, err := k.Eval(&batch.Batch{N: 3}, []int32{0, 2})
	if err != nil {
		return "", err
	}
	return string(text.AppendValue(nil, v, 2, datetime.NewZone(nil))), nil
}

func TestEveryExampleGivesItsResult(t *testing.T) {
	for name, f := range fn.Builtins() {
		if f.Kind != fn.Scalar || f.OfStream {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if len(f.Examples) == 0 {
				t.Error("has no example")
			}
			if f.Doc == "" || f.Syntax == "" {
				t.Error("has no description")
			}
			for _, ex := range f.Examples {
				// Once as written, and once folded by the planner.
				for _, fold := range []func(scalar.Expr) (types.Value, error){nil, func(e scalar.Expr) (types.Value, error) { return Fold(e, Env{}) }} {
					e, diags := bound(ex.SQL, fold)
					if e == nil {
						t.Errorf("%s: %s %v", ex.SQL, diags.All[0].Title, diags.All[0].Helps)
						continue
					}
					got, err := run(t, e)
					if err != nil {
						t.Errorf("%s: %v", ex.SQL, err)
					} else if got != ex.Result {
						t.Errorf("%s = %s, want %s", ex.SQL, got, ex.Result)
					}
				}
			}
		})
	}
}

func TestEveryScalarHasAKernelAndEveryKernelAFunction(t *testing.T) {
	special := map[string]bool{"AND": true, "OR": true, "CASE": true, "IF": true, "COALESCE": true, "IFNULL": true, "IN": true, "CAST": true, "TRY_CAST": true, fn.CurrentDatabase: true}
	c := fn.Builtins()
	for name, f := range c {
		if f.Kind == fn.Scalar && !special[name] && kernels[name] == nil {
			t.Errorf("%s has no kernel", name)
		}
	}
	for name := range kernels {
		if c[name] == nil {
			t.Errorf("the kernel of %s belongs to no function", name)
		}
	}
}
