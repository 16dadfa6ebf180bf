package rules

import (
	"slices"

	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// joins moves conditions to where they cost least, and takes the columns that must be equal out of the joins' conditions.
// It goes from the top down, so that a condition sinks through several joins.
func (o *Optimizer) joins(n logical.Node) logical.Node {
	switch x := n.(type) {
	case *logical.Calc:
		if x.Filter == nil {
			break
		}
		switch in := x.Input.(type) {
		case *logical.Join:
			n = o.sinkFilter(x, in)
		case *logical.VectorSearch:
			n = o.beforeSearch(x, in)
		}
	case *logical.Join:
		n = o.joinKeys(o.sinkCondition(x))
	}
	var ins []logical.Node
	for _, in := range n.Inputs() {
		ins = append(ins, o.joins(in))
	}
	return withInputs(n, ins)
}

// filtered is in under further conditions.
func (o *Optimizer) filtered(in logical.Node, conds []scalar.Expr) logical.Node {
	if len(conds) == 0 {
		return in
	}
	c := logical.NewFilter(in, o.and(conds), conds[0].Span())
	if below, ok := in.(*logical.Calc); ok && mergeable(c, below) {
		return o.mergeTwo(c, below)
	}
	return c
}

func shiftBy(e scalar.Expr, by int) scalar.Expr {
	return scalar.Shift(e, func(i int) int { return i + by })
}

// sinkFilter moves the conditions of c, which stands on j, into j or below it.
func (o *Optimizer) sinkFilter(c *logical.Calc, j *logical.Join) logical.Node {
	n := len(j.Left.Cols())
	var left, right, cond, stay []scalar.Expr
	if j.Kind == logical.LeftJoin && slices.ContainsFunc(scalar.Conjuncts(c.Filter), func(e scalar.Expr) bool { return nullFrom(e, n) }) {
		o.fire(OuterToInner, c.Filter.Span(), "%s is never true of a row without a partner", scalar.Format(c.Filter, false))
		j = j.WithKind(logical.InnerJoin)
	}
	for _, e := range scalar.Conjuncts(c.Filter) {
		l, r := scalar.Sides(e, n)
		switch {
		case l && !r && !j.Kind.KeepsRight():
			left = append(left, e)
		case r && !l && j.AsOf == nil && !j.Kind.KeepsLeft() && !j.Kind.OnlyLeft():
			right = append(right, shiftBy(e, -n))
		case r && j.Kind == logical.InnerJoin && scalar.Deterministic(e):
			cond = append(cond, e)
		default:
			stay = append(stay, e)
		}
	}
	if len(left)+len(right)+len(cond) == 0 {
		return c
	}
	o.fire(JoinCondition, c.Filter.Span(), "%s", scalar.Format(c.Filter, false))
	k := j
	if len(left)+len(right) > 0 {
		k = k.WithInputs(o.filtered(j.Left, left), o.filtered(j.Right, right))
	}
	if len(cond) > 0 {
		k = k.WithCond(o.and(append(slices.Clone(scalar.Conjuncts(j.Cond)), cond...)))
	}
	d := *c
	d.Input, d.Filter = k, o.and(stay)
	if d.Filter == nil && identity(&d) {
		return k
	}
	return &d
}

// strict is functions that give NULL when an argument is NULL.
var strict = map[string]bool{"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true, "LIKE": true, "NOT": true,
	"+": true, "-": true, "*": true, "/": true, "%": true, "||": true}

// nullFrom reports that e is NULL when the columns from n on are.
func nullFrom(e scalar.Expr, n int) bool {
	switch x := e.(type) {
	case *scalar.Column:
		return x.Index >= n
	case *scalar.Cast:
		return nullFrom(x.X, n)
	case *scalar.Call:
		return strict[x.Func.Name] && slices.ContainsFunc(x.Args, func(a scalar.Expr) bool { return nullFrom(a, n) })
	}
	return false
}

// sinkCondition moves the parts of j's condition that are over one side below it, where the join's kind allows it.
func (o *Optimizer) sinkCondition(j *logical.Join) *logical.Join {
	n := len(j.Left.Cols())
	var left, right, stay []scalar.Expr
	for _, e := range scalar.Conjuncts(j.Cond) {
		l, r := scalar.Sides(e, n)
		switch {
		case l && !r && (j.Kind == logical.InnerJoin || j.Kind == logical.RightJoin || j.Kind == logical.SemiJoin):
			left = append(left, e)
		case r && !l && j.AsOf == nil && !j.Kind.KeepsRight():
			right = append(right, shiftBy(e, -n))
		default: // also what is asked of a version: it is not the version before that answers instead
			stay = append(stay, e)
		}
	}
	if len(left)+len(right) == 0 {
		return j
	}
	o.fire(JoinCondition, j.Cond.Span(), "%s", scalar.Format(j.Cond, false))
	k := *j
	k.Cond = o.and(stay)
	return k.WithInputs(o.filtered(j.Left, left), o.filtered(j.Right, right))
}

// joinKeys takes equalities between the two sides out of j's condition. A key that is computed becomes a column of
// its side.
func (o *Optimizer) joinKeys(j *logical.Join) logical.Node {
	if j.LeftKeys != nil {
		return j
	}
	bounds, conds := j.SplitBounds()
	if bounds != nil && j.JoinsWindows() {
		bounds, conds = nil, scalar.Conjuncts(j.Cond)
	}
	n := len(j.Left.Cols())
	left, right := &side{in: j.Left}, &side{in: j.Right}
	var stay []scalar.Expr
	var nullSafe []bool
	for _, e := range conds {
		l, r, safe, ok := equality(e, n)
		if j.AsOf != nil && j.AsOf.Looks() {
			l, r, ok = lookupKey(e, j, n)
		}
		if !ok {
			stay = append(stay, e)
			continue
		}
		left.key(l)
		right.key(shiftBy(r, -n))
		nullSafe = append(nullSafe, safe)
	}
	if bounds != nil { // they stay in the condition, for the operator to read
		for _, e := range scalar.Conjuncts(j.Cond) {
			if !slices.Contains(conds, e) {
				stay = append(stay, e)
			}
		}
	}
	if len(left.keys) == 0 {
		return j
	}
	o.fire(JoinKeys, j.Sp, "%s", scalar.Format(j.Cond, false))
	l, r := left.node(), right.node()
	more := len(l.Cols()) - n
	k := *j
	k.LeftKeys, k.RightKeys, k.NullSafe = left.keys, right.keys, nullSafe
	k.Cond = o.and(stay)
	if k.Cond != nil && more > 0 {
		k.Cond = scalar.Shift(k.Cond, func(i int) int {
			if i >= n {
				return i + more
			}
			return i
		})
	}
	out := k.WithInputs(l, r)
	var cols []int
	for i := range j.Columns {
		if i >= n {
			i += more
		}
		cols = append(cols, i)
	}
	return project(out, cols)
}

// equality splits l = r (or l IS NOT DISTINCT FROM r) into its sides.
func equality(e scalar.Expr, n int) (l, r scalar.Expr, nullSafe, ok bool) {
	c, isCall := e.(*scalar.Call)
	if !isCall || c.Func.Name != "=" && c.Func.Name != "IS NOT DISTINCT FROM" {
		return nil, nil, false, false
	}
	a, b := c.Args[0], c.Args[1]
	al, ar := scalar.Sides(a, n)
	bl, br := scalar.Sides(b, n)
	if al && !ar && br && !bl {
		l, r = a, b
	} else if ar && !al && bl && !br {
		l, r = b, a
	} else {
		return nil, nil, false, false
	}
	return l, r, c.Func.Name != "=", comparable(l, r)
}

// comparable reports values of one form: keys are compared by their bytes, and only of such values those are equal exactly when the values are.
func comparable(l, r scalar.Expr) bool {
	lt, rt := l.Type(), r.Type()
	same := lt.EqualIgnoringNull(rt) || lt.IsString() && rt.IsString() && lt.Kind == rt.Kind || lt.IsTimestamp() && lt.Kind == rt.Kind || lt.IsInteger() && rt.IsInteger()
	return same && !lt.IsApprox()
}

// side is one input of a join with its key columns.
type side struct {
	in    logical.Node
	extra []scalar.Expr
	keys  []int
}

func (s *side) key(e scalar.Expr) {
	if c, ok := e.(*scalar.Column); ok {
		s.keys = append(s.keys, c.Index)
		return
	}
	s.keys = append(s.keys, len(s.in.Cols())+len(s.extra))
	s.extra = append(s.extra, e)
}

// node is the input with the computed keys behind its columns.
func (s *side) node() logical.Node {
	if s.extra == nil {
		return s.in
	}
	exprs, names := logical.Pass(s.in)
	for _, e := range s.extra {
		exprs = append(exprs, e)
		names = append(names, "$key")
	}
	return logical.NewCalc(s.in, nil, exprs, names, s.in.Span())
}

// oneAtMost reports whether n has one row at most with the same values in its columns key, and makes it without an error: a table whose
// PRIMARY KEY is some of them, an aggregation by some of them, or one of all rows.
func oneAtMost(n logical.Node, key []int) bool {
	switch n := n.(type) {
	case *logical.Calc:
		var below []int
		for _, k := range key {
			if c, ok := n.Exprs[k].(*scalar.Column); ok {
				below = append(below, c.Index)
			}
		}
		return oneAtMost(n.Input, below)
	case *logical.Scan:
		k := scanKey(n)
		return k != nil && !slices.ContainsFunc(k, func(i int) bool { return !slices.Contains(key, i) })
	case *logical.Aggregate:
		for i := range n.Keys {
			if !slices.Contains(key, i) {
				return false
			}
		}
		return !slices.ContainsFunc(n.Aggs, func(a logical.Agg) bool { return a.Func == "SINGLE_VALUE" })
	}
	return false
}

// pruneJoin drops the columns that neither the condition nor anybody above reads.
func (o *Optimizer) pruneJoin(n *logical.Join, need []bool) (logical.Node, []int) {
	w := len(n.Left.Cols())
	if n.Kind == logical.LeftJoin && n.AsOf == nil && !slices.Contains(need[w:], true) && n.Bounds() == nil && !n.JoinsWindows() && oneAtMost(n.Right, n.RightKeys) {
		o.fire(DropJoin, n.Sp, "nobody reads its right side, of which each row of the left has one partner at most")
		left, at := o.prune(n.Left, need[:w])
		for range need[w:] {
			at = append(at, -1)
		}
		return left, at
	}
	left, right := make([]bool, w), make([]bool, len(n.Right.Cols()))
	mark := func(i int) {
		if i < w {
			left[i] = true
		} else {
			right[i-w] = true
		}
	}
	for i, b := range need {
		if b {
			mark(i)
		}
	}
	for i := range n.LeftKeys {
		left[n.LeftKeys[i]], right[n.RightKeys[i]] = true, true
	}
	if n.Cond != nil {
		for _, i := range scalar.Columns(n.Cond) {
			mark(i)
		}
	}
	if n.AsOf != nil && !n.AsOf.Looks() {
		left[n.AsOf.Left], right[n.AsOf.Right] = true, true
	}
	n.Late[0].Marked(left)
	n.Late[1].Marked(right)
	l, toL := o.prune(n.Left, left)
	r, toR := o.prune(n.Right, right)
	at := func(i int) int {
		if i < w {
			return toL[i]
		}
		if toR[i-w] < 0 {
			return -1
		}
		return len(l.Cols()) + toR[i-w]
	}
	j := *n
	j.Late = [2]*logical.Late{n.Late[0].Moved(toL), n.Late[1].Moved(toR)}
	if n.AsOf != nil && !n.AsOf.Looks() {
		asOf := *n.AsOf
		asOf.Left, asOf.Right = toL[asOf.Left], toR[asOf.Right]
		j.AsOf = &asOf
	}
	j.LeftKeys, j.RightKeys = moved(n.LeftKeys, toL), moved(n.RightKeys, toR)
	if n.LeftKeys == nil {
		j.LeftKeys, j.RightKeys = nil, nil
	}
	if n.Cond != nil {
		j.Cond = scalar.Shift(n.Cond, at)
	}
	out := make([]int, len(need))
	for i := range out {
		out[i] = at(i)
	}
	return j.WithInputs(l, r), out
}

// joinTraits is what is known of a join's changes.
func (b *builder) joinTraits(n *logical.Join) traits {
	if n.AsOf != nil {
		return b.asOfTraits(n)
	}
	l, r := b.traitsOf(n.Left), b.traitsOf(n.Right)
	t := traits{updating: l.updating, clause: l.clause, at: l.at}
	if !t.updating {
		t.updating, t.clause, t.at = r.updating, r.clause, r.at
	}
	if !t.updating && n.Bounds() == nil && !n.JoinsWindows() && n.Kind != logical.InnerJoin && n.Kind != logical.SemiJoin {
		t.updating, t.at = true, n.Sp
		t.clause = "a row without a partner is taken back when one comes"
	}
	lkeys, rkeys := l.staying(n.LeftKeys), r.staying(n.RightKeys)
	if n.Kind.OnlyLeft() {
		t.keys = lkeys
		return t
	}
	w := len(n.Left.Cols())
	shifted := func(key []int) []int {
		out := make([]int, len(key))
		for i, k := range key {
			out[i] = k + w
		}
		return out
	}
	leftOnce := uniqueOn(l.keys, n.LeftKeys)   // a right row has one left partner at most
	rightOnce := uniqueOn(r.keys, n.RightKeys) // a left row has one right partner at most
	for _, k := range lkeys {
		if rightOnce && !n.Kind.KeepsRight() {
			t.keys = append(t.keys, k)
		}
	}
	for _, k := range rkeys {
		if leftOnce && !n.Kind.KeepsLeft() {
			t.keys = append(t.keys, shifted(k))
		}
	}
	// A pair stays where one of its rows does.
	for _, k := range l.keys {
		for _, m := range r.keys {
			if !l.updating || !r.updating || subset(n.LeftKeys, k) || subset(n.RightKeys, m) {
				t.keys = append(t.keys, append(slices.Clone(k), shifted(m)...))
			}
		}
	}
	if n.Kind == logical.InnerJoin {
		t.keys = b.equivalent(t.keys, n, w)
	}
	return t
}

// equivalent adds the keys in which a join's key column stands for its equal of the other side.
func (b *builder) equivalent(keys [][]int, n *logical.Join, w int) [][]int {
	out := slices.Clone(keys)
	for i, l := range n.LeftKeys {
		r := n.RightKeys[i] + w
		for _, k := range out {
			for _, s := range [][2]int{{l, r}, {r, l}} {
				if !slices.Contains(k, s[0]) || slices.Contains(k, s[1]) || len(out) > 16 {
					continue
				}
				m := slices.Clone(k)
				m[slices.Index(m, s[0])] = s[1]
				slices.Sort(m)
				out = append(out, m)
			}
		}
	}
	return out
}

// uniqueOn reports that rows with equal columns on are one row.
func uniqueOn(keys [][]int, on []int) bool {
	return slices.ContainsFunc(keys, func(k []int) bool { return subset(k, on) })
}

// join makes a regular, an interval, a window or a temporal join.
func (b *builder) join(n *logical.Join) (built, bool) {
	if n.AsOf != nil && n.AsOf.Looks() {
		return b.lookupJoin(n)
	}
	if n.AsOf != nil {
		return b.temporalJoin(n)
	}
	lt, rt := b.traitsOf(n.Left), b.traitsOf(n.Right)
	windowed := n.JoinsWindows() && !lt.updating && !rt.updating
	bounds, residual := n.SplitBounds()
	kind := "join"
	if windowed {
		kind, bounds = "window-join", nil
	} else if bounds != nil {
		kind = "interval-join"
	}
	id := b.id(kind)
	if windowed && n.Left.Windows().Spec.ProcTime {
		b.diags.Errorf(codes.NeedsEventTime, n.Sp, "windows by processing time cannot be joined").
			Label(n.Left.Windows().Spec.Span, "a window by processing time").
			At("rows of a window may come when it is over").
			Help("window columns with a WATERMARK, or join rows within a time: a.p BETWEEN b.p - INTERVAL '1' MINUTE AND b.p + INTERVAL '1' MINUTE")
		return built{}, false
	}
	if bounds != nil {
		for _, t := range []traits{lt, rt} {
			if t.updating {
				b.diags.Errorf(codes.UpdatingWindow, n.Sp, "a join within a time is over rows that are only added, and one side changes rows").
					Label(t.at, "%s", t.clause).
					Help("join the append-only input first, or CAST the times to TIMESTAMP so that all rows are joined")
				return built{}, false
			}
		}
	}
	left, ok := b.input(id+".1", n.Left, true)
	if !ok {
		return left, false
	}
	right, ok := b.input(id+".2", n.Right, true)
	if !ok {
		return right, false
	}
	left = b.exchange(left, n.LeftKeys, id+".1")
	right = b.exchange(right, n.RightKeys, id+".2")
	t := b.traitsOf(n)
	props := physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	if len(t.keys) > 0 {
		props.Changelog.Key = t.keys[0]
	}
	if t.updating {
		props.Changelog.Mode = catalog.Retract
	}
	equi := physical.Equi{Left: n.LeftKeys, Right: n.RightKeys, NullSafe: n.NullSafe}
	out := built{updating: t.updating, before: t.updating, bounded: left.bounded && right.bounded, spread: joinSpread(n)}
	if windowed {
		b.o.fire(WindowJoin, n.Sp, "the windows of both sides must be the same: rows are joined when theirs closes")
		l, r := n.Left.Windows(), n.Right.Windows()
		j := &physical.WindowJoin{Left: left.node, Right: right.node, Kind: n.Kind, Equi: equi, Filter: n.Cond,
			LeftWindow: b.window(l.Spec, -1, l.Start, l.End), RightWindow: b.window(r.Spec, -1, r.Start, r.End)}
		j.Props = props
		b.joinLate(n, &j.Props, left.node, right.node)
		out.node = j
		return out, true
	}
	if bounds != nil {
		j := &physical.IntervalJoin{Left: left.node, Right: right.node, Kind: n.Kind, Equi: equi, Filter: b.o.and(residual),
			LeftTime: bounds.Left, RightTime: bounds.Right, ProcTime: bounds.ProcTime, Lower: bounds.Lower, Upper: bounds.Upper}
		j.Props = props
		b.joinLate(n, &j.Props, left.node, right.node)
		out.node = j
		return out, true
	}
	ttl := b.cfg.Duration(config.StateTTL)
	leftTTL, rightTTL := hinted(n.LeftTTL, ttl), hinted(n.RightTTL, ttl)
	j := &physical.Join{Left: left.node, Right: right.node, Kind: n.Kind, Equi: equi, Filter: n.Cond,
		LeftRetracts: left.updating, RightRetracts: right.updating, LeftKey: uniqueKey(lt), RightKey: uniqueKey(rt), LeftTTL: leftTTL, RightTTL: rightTTL}
	j.Props = props
	out.node = j
	return out, true
}

// uniqueKey is the shortest key of a side; nil when none is known.
func uniqueKey(t traits) []int {
	var best []int
	for _, k := range t.keys {
		if best == nil || len(k) < len(best) {
			best = k
		}
	}
	return best
}

func joinSpread(n *logical.Join) []int {
	w := len(n.Left.Cols())
	switch {
	case len(n.LeftKeys) == 0:
		return []int{}
	case n.Kind == logical.FullJoin:
		return nil
	case n.Kind == logical.RightJoin:
		out := slices.Clone(n.RightKeys)
		for i := range out {
			out[i] += w
		}
		return out
	}
	return n.LeftKeys
}
