package rules

import (
	"weir/planner/catalog"
	"weir/planner/logical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// pushdown copies the conditions above a Scan into it, where the source may apply them early: those that give the same
// answer always, and cannot fail.
func (o *Optimizer) pushdown(n logical.Node) logical.Node {
	return bottomUp(n, func(n logical.Node) logical.Node {
		c, ok := n.(*logical.Calc)
		if !ok || c.Filter == nil {
			return n
		}
		s, ok := c.Input.(*logical.Scan)
		// With a watermark every row counts: one that is filtered out still says how far event time has come.
		if !ok || s.Watermark != nil || o.SourceMode(s.Table) != catalog.InsertOnly {
			return n
		}
		var early []scalar.Expr
		for _, e := range scalar.Conjuncts(c.Filter) {
			if harmless(e) {
				early = append(early, e)
			}
		}
		if len(early) == 0 {
			return n
		}
		t, d := *s, *c
		t.Filter = o.and(early)
		o.fire(PushFilter, s.Sp, "%s applies %s while it decodes", s.Table.Name, scalar.Format(t.Filter, false))
		d.Input = &t
		return &d
	})
}

var harmlessFuncs = map[string]bool{
	"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true, "AND": true, "OR": true, "NOT": true, "IN": true, "LIKE": true,
	"IS NULL": true, "IS NOT NULL": true, "IS TRUE": true, "IS NOT TRUE": true, "IS FALSE": true, "IS NOT FALSE": true,
	"IS UNKNOWN": true, "IS NOT UNKNOWN": true, "IS DISTINCT FROM": true, "IS NOT DISTINCT FROM": true,
	"UPPER": true, "LOWER": true, "CHAR_LENGTH": true,
}

// harmless reports a condition that cannot fail on any row.
func harmless(e scalar.Expr) bool {
	return scalar.Walk(e, func(x scalar.Expr) bool {
		switch x := x.(type) {
		case *scalar.Cast:
			return widening(x)
		case *scalar.Call:
			if x.Func.Name == "LIKE" {
				for _, a := range x.Args[1:] {
					if _, constant := a.(*scalar.Literal); !constant {
						return false // a pattern from the data may be malformed
					}
				}
			}
			return harmlessFuncs[x.Func.Name] && x.Func.Deterministic
		}
		return true
	})
}

// widening reports a cast that keeps every value apart from every other and never fails.
func widening(c *scalar.Cast) bool {
	from, to := c.X.Type(), c.Typ
	switch {
	case from.IsInteger() && to.IsInteger():
		return from.Kind <= to.Kind
	case from.IsString() && to.IsString(), from.IsBinary() && to.IsBinary():
		return from.Kind == to.Kind && from.Len <= to.Len || to.Len >= from.Len && (to.Kind == types.VarChar || to.Kind == types.VarBinary)
	case from.Kind == to.Kind && from.IsTimestamp():
		return from.Prec <= to.Prec
	}
	return false
}
