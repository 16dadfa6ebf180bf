package bind

import (
	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// unnested is FROM UNNEST(list) without a table before it.
func (b *Binder) unnested(t *ast.Unnest) (logical.Node, *scope) {
	one := oneRow(t.Sp)
	u := b.unnest(t, one, &scope{what: "UNNEST without a table before it"}, false)
	if u == nil {
		return nil, nil
	}
	n := len(one.Columns)
	exprs, names := passElements(t, u, n)
	return b.aliased(logical.NewCalc(u, nil, exprs[n:], names[n:], t.Sp), t.Alias, "", t.Sp)
}

// joinUnnest is left JOIN UNNEST(list), where the list may be of left: each of its rows with each of its elements.
func (b *Binder) joinUnnest(j *ast.Join, t *ast.Unnest, left logical.Node, ls *scope) (logical.Node, *scope) {
	outer := j.Kind == "LEFT"
	switch {
	case j.Kind == "RIGHT" || j.Kind == "FULL":
		b.Diags.Errorf(codes.NoJoin, j.JoinSpan, "%s JOIN with UNNEST has no meaning: there are no elements without a row", j.Kind).
			Help("write CROSS JOIN UNNEST(...), or LEFT JOIN UNNEST(...) ON TRUE to keep rows without elements")
		return nil, nil
	case len(j.Using) > 0 || j.Natural:
		b.Diags.Errorf(codes.NoJoin, t.Sp, "UNNEST is joined by its list, not by equal columns").Help("write CROSS JOIN UNNEST(...), and compare in WHERE")
		return nil, nil
	}
	u := b.unnest(t, left, ls, outer)
	if u == nil {
		return nil, nil
	}
	n := len(left.Cols())
	exprs, names := passElements(t, u, n)
	return b.beside(j, ls, made{u, exprs, names, n, t.Alias, t.Sp, "UNNEST(...)", "without such elements"})
}

// made is what is made of each row of a table that stands before it.
type made struct {
	of    logical.Node // of which exprs are
	exprs []scalar.Expr
	names []string
	left  int // how many of exprs are the table's columns
	alias ast.Alias
	at    diag.Span
	text  string // how it is written, for messages
	none  string // of which rows nothing is made, for messages
}

// beside is the end of left JOIN m, where ls is the scope of left: the names of what is made, and ON.
func (b *Binder) beside(j *ast.Join, ls *scope, m made) (logical.Node, *scope) {
	if m.alias.Columns != nil {
		if len(m.alias.Columns) != len(m.names)-m.left {
			b.rename(logical.NewCalc(m.of, nil, m.exprs[m.left:], m.names[m.left:], m.at), m.alias.Columns, m.at) // reports it
			return nil, nil
		}
		for i, id := range m.alias.Columns {
			m.names[m.left+i] = id.Name
		}
	}
	out := logical.NewCalc(m.of, nil, m.exprs, m.names, m.at)
	rs := &scope{cols: out.Cols()[m.left:]}
	if m.alias.Name != nil {
		rs.rels = []rel{{name: m.alias.Name.Name, start: 0, end: len(rs.cols), at: m.alias.Name.Sp}}
	}
	s := joinScope(ls, rs)
	s.cols = out.Cols()
	if j.On == nil {
		return out, s
	}
	cond := (&exprBinder{Binder: b, scope: s, clause: "ON"}).condition(j.On, "ON")
	switch {
	case cond == nil:
		return nil, nil
	case scalar.IsTrue(cond):
		return out, s
	case j.Kind == "LEFT":
		b.Diags.Errorf(codes.NoJoin, j.On.Span(), "LEFT JOIN %s is ON TRUE and nothing else", m.text).
			Help("write CROSS JOIN %s and the condition in WHERE, where rows %s may go", m.text, m.none)
		return nil, nil
	}
	return logical.NewFilter(out, cond, j.On.Span()), s
}

// passElements hands on the columns of u, of which those from n on are of an element. A single one goes by the name of the table.
func passElements(t *ast.Unnest, u *logical.Unnest, n int) (exprs []scalar.Expr, names []string) {
	exprs, names = logical.Pass(u)
	if len(names) == n+1 && names[n] == logical.ElementName && t.Alias.Name != nil {
		names[n] = t.Alias.Name.Name
	}
	return exprs, names
}

// unnest is the rows of in with the elements of a list that is computed over them; nil after findings.
func (b *Binder) unnest(t *ast.Unnest, in logical.Node, s *scope, outer bool) *logical.Unnest {
	x := &exprBinder{Binder: b, scope: s, clause: "UNNEST"}
	list := x.bind(t.Expr)
	if list == nil {
		return nil
	}
	switch typ := list.Type(); typ.Kind {
	case types.Array, types.Map, types.Multiset:
	default:
		d := b.Diags.Errorf(codes.NoTableFunction, t.Expr.Span(), "UNNEST takes an ARRAY, MAP or MULTISET, found %s", typ).
			At("this is %s", typ.WithNullable(true))
		if typ.Kind == types.Row {
			d.Help("the fields of a ROW are columns with a star: %s.*", t.Expr.Span().Text())
		}
		return nil
	}
	exprs, names := logical.Pass(in)
	c := logical.NewCalc(in, nil, append(exprs, list), append(names, "$list"), t.Sp)
	return logical.NewUnnest(c, len(exprs), outer, t.Ordinality, t.Sp)
}
