package bind

import (
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// groupingSets is the sets of a GROUP BY with GROUPING SETS, ROLLUP or CUBE. Each row of the input is grouped once for each
// set. The key behind those of the sets is the number of the set.
type groupingSets struct {
	sets [][]int // keys, by set
	id   int     // the key that is the set's number
}

// mostSets is how many sets a GROUP BY may stand for: each of them is a copy of every row.
const mostSets = 256

// has reports that a key is among those of a set. Keys that came behind the sets (those of a sub-query's conditions) are in all.
func (s *groupingSets) has(set, key int) bool {
	return key >= s.id || slices.Contains(s.sets[set], key)
}

// inAll reports that a key is in all sets.
func (s *groupingSets) inAll(key int) bool {
	for i := range s.sets {
		if !s.has(i, key) {
			return false
		}
	}
	return true
}

// lacking is, for each set, the keys that it does not have.
func (s *groupingSets) lacking() [][]int {
	out := make([][]int, len(s.sets))
	for i := range s.sets {
		for k := range s.id {
			if !s.has(i, k) {
				out[i] = append(out[i], k)
			}
		}
	}
	return out
}

// groupItems binds elements of GROUP BY that stand side by side: a set of each is put together with each of the others.
func (g *grouping) groupItems(b *Binder, core *ast.SelectCore, items []ast.GroupItem, s *scope) [][]int {
	sets := [][]int{nil}
	for _, item := range items {
		var all [][]int
		for _, more := range g.groupItem(b, core, item, s) {
			for _, set := range sets {
				all = append(all, append(slices.Clone(set), more...))
			}
		}
		if sets = all; len(sets) > mostSets {
			g.tooMany(b, item.Sp)
			return nil
		}
	}
	return sets
}

// groupItem binds one element of GROUP BY; nil when that fails.
func (g *grouping) groupItem(b *Binder, core *ast.SelectCore, item ast.GroupItem, s *scope) [][]int {
	if item.Sets == "" {
		if r, ok := item.Expr.(*ast.RowExpr); ok && strings.HasPrefix(r.Sp.Text(), "(") { // (a, b) is a list of keys, ROW(a, b) is one
			items := make([]ast.GroupItem, len(r.Items))
			for i, e := range r.Items {
				items[i] = ast.GroupItem{At: ast.At{Sp: e.Span()}, Expr: e}
			}
			return g.groupItems(b, core, items, s)
		}
		return g.groupKey(b, core, item.Expr, s)
	}
	var elements [][][]int
	for _, arg := range item.Args {
		sets := g.groupItems(b, core, arg, s)
		if item.Sets != "GROUPING SETS" && len(sets) > 1 {
			b.Diags.Errorf(codes.NoGroupingSets, arg[0].Sp, "%s takes columns, not sets of them", item.Sets).Help("put %s into GROUPING SETS (...)", item.Sets)
			g.broken = true
		}
		if len(sets) == 0 || g.broken {
			return nil
		}
		elements = append(elements, sets)
	}
	var out [][]int
	switch item.Sets {
	case "GROUPING SETS":
		for _, sets := range elements {
			out = append(out, sets...)
		}
	case "ROLLUP":
		out = append(out, nil)
		for _, e := range elements {
			out = append(out, append(slices.Clone(out[len(out)-1]), e[0]...))
		}
		slices.Reverse(out)
	case "CUBE":
		out = append(out, nil)
		for _, e := range slices.Backward(elements) {
			if len(out) > mostSets {
				break
			}
			with := make([][]int, len(out))
			for i, set := range out {
				with[i] = append(slices.Clone(e[0]), set...)
			}
			out = append(with, out...)
		}
	}
	if len(out) > mostSets {
		g.tooMany(b, item.Sp)
		return nil
	}
	return out
}

func (g *grouping) tooMany(b *Binder, at diag.Span) {
	if !g.broken {
		b.Diags.Errorf(codes.NoGroupingSets, at, "GROUP BY stands for more than %d sets", mostSets).At("every row would be copied for each of them").
			Help("name the sets that are wanted in GROUPING SETS (...)")
	}
	g.broken = true
}

// expand makes the keys those of several sets.
func (g *grouping) expand(b *Binder, sets [][]int) {
	if g.session != nil {
		b.Diags.Errorf(codes.NoGroupingSets, g.session.call.Sp, "SESSION in GROUP BY is not supported with GROUPING SETS, ROLLUP and CUBE").
			At("every set would have sessions of its own").
			Help("write FROM TABLE(SESSION(TABLE t PARTITION BY key, DESCRIPTOR(ts), gap)), and group by window_start and window_end")
		g.broken = true
		return
	}
	for i, set := range sets {
		slices.Sort(set)
		sets[i] = slices.Compact(set)
	}
	if len(sets) == 1 && len(sets[0]) == len(g.keys) {
		return // one set with all keys is no more than the keys
	}
	g.sets = &groupingSets{sets: sets, id: len(g.keys)}
	g.keys = append(g.keys, &scalar.Literal{Value: int64(0), Typ: types.TBigInt.NotNull(), Sp: g.at})
	g.names = append(g.names, "$e")
}

// expanded copies the rows of in, whose first columns are the keys, for each set.
func (g *grouping) expanded(in logical.Node, at diag.Span) logical.Node {
	if g.sets == nil {
		return in
	}
	return logical.NewExpand(in, g.sets.lacking(), g.sets.id, at)
}

// groupingCall binds GROUPING(a, b) or GROUPING_ID(a, b): a bit for each argument, the first one the highest, that is 1
// where the row's set does not have it. GROUP_ID() is how many of the sets before the row's are the same.
func (x *exprBinder) groupingCall(e *ast.Call, name string) scalar.Expr {
	g := x.agg
	most := 62
	if name == "GROUP_ID" {
		most = 0
	}
	switch {
	case g == nil:
		x.Diags.Errorf(codes.Aggregate, e.Sp, "%s cannot stand in %s", name, x.clause).Help("it stands in SELECT and HAVING of a query with GROUP BY")
		return nil
	case most == 0 && len(e.Args) > 0:
		x.Diags.Errorf(codes.Arguments, e.Sp, "%s takes no arguments, not %d", name, len(e.Args)).Help("GROUPING_ID(a, b) tells which of its arguments a set lacks")
		return nil
	case most > 0 && (len(e.Args) == 0 || len(e.Args) > most):
		x.Diags.Errorf(codes.Arguments, e.Sp, "%s takes 1 to %d expressions of GROUP BY, not %d", name, most, len(e.Args))
		return nil
	}
	var keys []int
	for _, a := range e.Args {
		k := (&exprBinder{Binder: x.Binder, scope: g.scope, clause: x.clause, within: name}).bind(a)
		if k == nil {
			return nil
		}
		i, ok := g.lookup[scalar.Digest(k)]
		if !ok {
			x.Diags.Errorf(codes.NotGrouped, a.Span(), "%s takes expressions of GROUP BY, and %s is none", name, a.Span().Text()).
				Label(g.at, "these are")
			return nil
		}
		keys = append(keys, i)
	}
	number := func(v int64) *scalar.Literal {
		return &scalar.Literal{Value: v, Typ: types.TBigInt.NotNull(), Sp: e.Sp}
	}
	if g.sets == nil {
		return number(0)
	}
	value := func(set int) *scalar.Literal {
		if name == "GROUP_ID" {
			return number(g.sets.twins(set))
		}
		return number(g.sets.bits(set, keys))
	}
	last := len(g.sets.sets) - 1
	if last == 0 {
		return value(0)
	}
	var cases []scalar.Expr
	for set := range last {
		cases = append(cases, x.apply("=", []scalar.Expr{g.keyColumn(g.sets.id, e.Sp), number(int64(set))}, e.Sp), value(set))
	}
	return x.apply("CASE", append(cases, value(last)), e.Sp)
}

// bits has a bit for each of the keys, the first one the highest, that is 1 where a set does not have it.
func (s *groupingSets) bits(set int, keys []int) (v int64) {
	for _, k := range keys {
		v <<= 1
		if !s.has(set, k) {
			v++
		}
	}
	return v
}

// twins is how many of the sets before a set have the same keys.
func (s *groupingSets) twins(set int) (n int64) {
	for _, before := range s.sets[:set] {
		if slices.Equal(before, s.sets[set]) {
			n++
		}
	}
	return n
}
