package logical

import (
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/scalar"
	"weir/planner/types"
)

// TimeBounds says how far the row times of a join's two sides may be apart:
//
//	left + Lower <= right <= left + Upper    (microseconds)
type TimeBounds struct {
	Left, Right  int // time attributes, each of its own input
	Lower, Upper int64
	ProcTime     bool // they are of processing time
}

// Bounds finds the time bounds of j's condition: both ends must be there, and both sides' times be time
// attributes of the same type. nil when there are none: the join is then a regular one. So is, as in Flink, every semi and
// anti join.
func (j *Join) Bounds() *TimeBounds {
	b, _ := j.splitBounds()
	return b
}

// splitBounds also gives the conjuncts of the condition that the bounds do not express.
func (j *Join) splitBounds() (*TimeBounds, []scalar.Expr) {
	if j.Kind.OnlyLeft() || j.AsOf != nil {
		return nil, scalar.Conjuncts(j.Cond)
	}
	n := len(j.Left.Cols())
	pairs := JoinPairs(j.Left, j.Right)
	var b TimeBounds
	var rest []scalar.Expr
	lower, upper := false, false
	found := false
	for _, c := range scalar.Conjuncts(j.Cond) {
		l, r, off, op, ok := timeComparison(c, pairs, n)
		if !ok || found && (l != b.Left || r != b.Right) {
			rest = append(rest, c)
			continue
		}
		if !found {
			b.Left, b.Right, found = l, r, true
			b.ProcTime = pairs[l].Time == catalog.ProcTime
		}
		// right - left  op  off
		lo := func(v int64) {
			if !lower || v > b.Lower {
				b.Lower = v
			}
			lower = true
		}
		hi := func(v int64) {
			if !upper || v < b.Upper {
				b.Upper = v
			}
			upper = true
		}
		switch op {
		case "=":
			lo(off)
			hi(off)
		case ">=":
			lo(off)
		case ">":
			lo(off + 1)
		case "<=":
			hi(off)
		case "<":
			hi(off - 1)
		}
	}
	if !lower || !upper {
		return nil, scalar.Conjuncts(j.Cond)
	}
	return &b, rest
}

// SplitBounds is Bounds, with what is left of the condition.
func (j *Join) SplitBounds() (*TimeBounds, []scalar.Expr) { return j.splitBounds() }

var flipped = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// timeComparison reads a comparison between a time attribute of the left side and one of the right, each plus or
// minus constants, as: right - left op off. Columns of pairs from n on are the right side's.
func timeComparison(e scalar.Expr, pairs []Column, n int) (left, right int, off int64, op string, ok bool) {
	c, isCall := e.(*scalar.Call)
	if !isCall || len(c.Args) != 2 || flipped[c.Func.Name] == "" {
		return 0, 0, 0, "", false
	}
	a, x, okA := timeTerm(c.Args[0], pairs)
	b, y, okB := timeTerm(c.Args[1], pairs)
	if !okA || !okB || pairs[a].Type.Kind != pairs[b].Type.Kind || pairs[a].Time != pairs[b].Time {
		return 0, 0, 0, "", false
	}
	op = c.Func.Name
	switch {
	case a >= n && b < n: // right + x op left + y
		return b, a - n, y - x, op, true
	case a < n && b >= n: // left + x op right + y: right - left flipped(op) x - y
		return a, b - n, x - y, flipped[op], true
	}
	return 0, 0, 0, "", false
}

// timeTerm reads a time attribute plus or minus constant intervals.
func timeTerm(e scalar.Expr, pairs []Column) (col int, off int64, ok bool) {
	switch x := e.(type) {
	case *scalar.Column:
		return x.Index, 0, pairs[x.Index].Time != catalog.NoTime
	case *scalar.Cast:
		if x.Implicit && x.X.Type().Kind == x.Typ.Kind && x.X.Type().Prec <= x.Typ.Prec {
			return timeTerm(x.X, pairs)
		}
	case *scalar.Call:
		if len(x.Args) != 2 || x.Func.Name != "+" && x.Func.Name != "-" {
			return 0, 0, false
		}
		arg, lit := x.Args[0], x.Args[1]
		if _, first := arg.(*scalar.Literal); first && x.Func.Name == "+" {
			arg, lit = lit, arg
		}
		v, isInt := scalar.Int(lit)
		if !isInt || lit.Type().Kind != types.IntervalDaySecond {
			return 0, 0, false
		}
		if x.Func.Name == "-" {
			v = -v
		}
		col, off, ok = timeTerm(arg, pairs)
		return col, off + v, ok
	}
	return 0, 0, false
}

// NewTemporalJoin is a join whose left rows see right as it was as of a time of theirs. Its output has the time attributes and the
// windows of the left side.
func NewTemporalJoin(kind JoinKind, left, right Node, asOf *AsOf, cond scalar.Expr, at diag.Span) *Join {
	j := &Join{Base: Base{Sp: at}, Kind: kind, Left: left, Right: right, Cond: cond, AsOf: asOf}
	j.derive()
	return j
}

// deriveAsOf is derive for a temporal join.
func (j *Join) deriveAsOf() {
	n := len(j.Left.Cols())
	j.Columns = JoinPairs(j.Left, j.Right)
	for i := n; i < len(j.Columns); i++ {
		c := &j.Columns[i]
		if j.Kind.KeepsLeft() {
			c.Type = c.Type.WithNullable(true)
		}
		if c.Time != catalog.NoTime {
			c.Time = catalog.NoTime
			c.Lost = &Lost{Column: c.Name, Why: "of a version that was found as of another row's time it is a plain value", Help: "use the row time of the left side", Span: j.Sp}
		}
	}
	j.Win = j.Left.Windows()
}

// WithCond is j under a further condition, over the same pairs. It is for inner joins.
func (j *Join) WithCond(cond scalar.Expr) *Join {
	c := *j
	c.Cond = cond
	c.derive()
	return &c
}

// WithInputs is j over other inputs whose columns have the same places.
func (j *Join) WithInputs(left, right Node) *Join {
	c := *j
	c.Left, c.Right = left, right
	c.derive()
	return &c
}

// WithKind is j as a join of another kind, with the same columns.
func (j *Join) WithKind(kind JoinKind) *Join {
	c := *j
	c.Kind = kind
	c.derive()
	return &c
}

// JoinsWindows reports that both sides carry windows of one kind and size, and that the condition has their starts be equal
// and their ends: a row meets rows of its own window only.
func (j *Join) JoinsWindows() bool {
	l, r := j.Left.Windows(), j.Right.Windows()
	if j.AsOf != nil || l == nil || r == nil || l.Start < 0 || l.End < 0 || r.Start < 0 || r.End < 0 || !l.Spec.alike(r.Spec) {
		return false
	}
	return j.equates(l.Start, r.Start) && j.equates(l.End, r.End)
}

func (w Window) alike(v Window) bool {
	return w.Kind == v.Kind && w.Size == v.Size && w.Slide == v.Slide && w.Offset == v.Offset && w.LTZ == v.LTZ && w.ProcTime == v.ProcTime
}

// equates reports that the condition has a column of the left side be equal to one of the right side.
func (j *Join) equates(left, right int) bool {
	for i, l := range j.LeftKeys {
		if same(j.Left, l, left) && same(j.Right, j.RightKeys[i], right) {
			return true
		}
	}
	n := len(j.Left.Cols())
	for _, e := range scalar.Conjuncts(j.Cond) {
		c, ok := e.(*scalar.Call)
		if !ok || c.Func.Name != "=" {
			continue
		}
		a, okA := c.Args[0].(*scalar.Column)
		b, okB := c.Args[1].(*scalar.Column)
		if !okA || !okB {
			continue
		}
		l, r := min(a.Index, b.Index), max(a.Index, b.Index)
		if l < n && r >= n && same(j.Left, l, left) && same(j.Right, r-n, right) {
			return true
		}
	}
	return false
}

// same reports that two columns of n are one, or both hand on the same one.
func same(n Node, a, b int) bool {
	if a == b {
		return true
	}
	c, ok := n.(*Calc)
	if !ok {
		return false
	}
	x, okX := c.Exprs[a].(*scalar.Column)
	y, okY := c.Exprs[b].(*scalar.Column)
	return okX && okY && x.Index == y.Index
}

// windowTime reports that column i of the pairs, n of them on the left side, is the time of a window that every row of the
// result has.
func (j *Join) windowTime(i, n int) bool {
	if i < n {
		return i == j.Left.Windows().Time && !j.Kind.KeepsRight()
	}
	return i-n == j.Right.Windows().Time && !j.Kind.KeepsLeft()
}

// window is where the result of a join of windows carries them: on a side that every row of the result has.
func (j *Join) window(n int) *WindowColumns {
	if !j.Kind.KeepsRight() {
		return j.Left.Windows()
	}
	if j.Kind.KeepsLeft() {
		return nil
	}
	w := *j.Right.Windows()
	w.Start, w.End = w.Start+n, w.End+n
	if w.Time >= 0 {
		w.Time += n
	}
	return &w
}
