package rules

import (
	"slices"

	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// asOfTraits is joinTraits for a temporal join: it passes on the changes of the left side, and each left row meets one right row at
// most, where a key of the right side is compared.
func (b *builder) asOfTraits(n *logical.Join) traits {
	t := b.traitsOf(n.Left)
	if hint := n.AsOf.Hint; !n.AsOf.Looks() || hint != nil && hint.Shuffle {
		t.keys = t.staying(n.LeftKeys)
	}
	if right := b.traitsOf(n.Right); !uniqueOn(right.keys, n.RightKeys) {
		left := t.keys
		t.keys = nil
		for _, l := range left {
			for _, r := range right.keys {
				k := slices.Clone(l)
				for _, c := range r {
					k = append(k, c+len(n.Left.Cols()))
				}
				t.keys = append(t.keys, k)
			}
		}
	}
	if n.Kind == logical.InnerJoin {
		t.keys = b.equivalent(t.keys, n, len(n.Left.Cols()))
	}
	return t
}

// temporalJoin makes a join of rows with the versions of a key.
func (b *builder) temporalJoin(n *logical.Join) (built, bool) {
	key, ok := b.versionKey(n)
	if !ok {
		return built{}, false
	}
	equi, filter := b.versionEqui(n, key)
	id := b.id("temporal-join")
	left, ok := b.input(id+".1", n.Left, true)
	if !ok {
		return left, false
	}
	right, ok := b.input(id+".2", n.Right, false)
	if !ok {
		return right, false
	}
	left = b.exchange(left, equi.Left, id+".1")
	right = b.exchange(right, equi.Right, id+".2")
	j := &physical.TemporalJoin{Left: left.node, Right: right.node, Kind: n.Kind, Equi: equi, LeftTime: n.AsOf.Left, RightTime: n.AsOf.Right,
		Filter: filter, TTL: b.cfg.Duration(config.StateTTL)}
	j.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	t := b.traitsOf(n)
	if len(t.keys) > 0 {
		j.Changelog.Key = t.keys[0]
	}
	j.Changelog.Mode = left.node.Base().Changelog.Mode
	b.joinLate(n, &j.Props, left.node, right.node)
	return built{node: j, updating: left.updating, before: left.before, bounded: left.bounded && right.bounded, spread: equi.Left}, true
}

// versionKey is the key of the right side that the join compares.
func (b *builder) versionKey(n *logical.Join) ([]int, bool) {
	t := b.traitsOf(n.Right)
	var key []int
	for _, k := range t.keys {
		if len(k) > 0 && subset(k, n.RightKeys) && (key == nil || len(k) < len(key)) {
			key = k
		}
	}
	if key != nil {
		return key, true
	}
	d := b.diags
	if len(t.keys) == 0 {
		e := d.Errorf(codes.TemporalJoin, n.Right.Span(), "the right side of a temporal join has no key, so its rows have no versions")
		e.At("which rows are versions of one another is not known").Label(n.AsOf.Sp, "rows are wanted as of this time")
		e.Note("every row of an append-only table without a key is a row of its own, valid for ever").
			Help("declare PRIMARY KEY (...) NOT ENFORCED, with a connector of changes as 'upsert-kafka'").
			Help("or read the table through a view that keeps the last row of each key: ROW_NUMBER() OVER (PARTITION BY key ORDER BY row_time DESC) ... WHERE row_num = 1")
		return nil, false
	}
	cols := n.Right.Cols()
	names := func(k []int) string {
		s := ""
		for i, c := range k {
			if i > 0 {
				s += ", "
			}
			s += scalar.QuoteName(cols[c].Name)
		}
		return s
	}
	e := d.Errorf(codes.TemporalJoin, n.Sp, "the key of the right side, %s, must be in the condition of a temporal join", names(t.keys[0]))
	if len(n.RightKeys) > 0 {
		e.Note("compared are %s", names(n.RightKeys))
	}
	for _, c := range t.keys[0] {
		if !slices.Contains(n.RightKeys, c) {
			e.Help("add an equality with %s to ON", scalar.QuoteName(cols[c].Name))
			break
		}
	}
	return nil, false
}

// versionEqui is the columns of the key, and the condition with the other columns that must be equal: what a version is
// a version of does not change with its other columns.
func (b *builder) versionEqui(n *logical.Join, key []int) (physical.Equi, scalar.Expr) {
	var e physical.Equi
	conds := scalar.Conjuncts(n.Cond)
	w := len(n.Left.Cols())
	for i, r := range n.RightKeys {
		l := n.LeftKeys[i]
		if slices.Contains(key, r) && !slices.Contains(e.Right, r) {
			e.Left, e.Right, e.NullSafe = append(e.Left, l), append(e.Right, r), append(e.NullSafe, n.NullSafe[i])
			continue
		}
		op := "="
		if n.NullSafe[i] {
			op = "IS NOT DISTINCT FROM"
		}
		right := logical.Ref(n.Right, r)
		right.Index += w
		conds = append(conds, &scalar.Call{Func: b.o.Functions[op], Args: []scalar.Expr{logical.Ref(n.Left, l), right}, Typ: types.TBoolean, Sp: n.Sp})
	}
	return e, b.o.and(conds)
}
