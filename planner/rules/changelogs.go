package rules

import (
	"slices"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/logical"
	"weir/planner/physical"
)

// toChangelog asks for old rows only where they go out.
func (b *builder) toChangelog(n *logical.ToChangelog) (built, bool) {
	if !b.changes("TO_CHANGELOG", n.Sp) {
		return built{}, false
	}
	id := b.id("to-changelog")
	before := slices.ContainsFunc(n.Codes, func(c physical.OpCode) bool { return c.Kind == physical.UpdatedBefore })
	in, ok := b.input(id, n.Input, before)
	if !ok {
		return in, false
	}
	c := &physical.ToChangelog{Input: in.node, Codes: n.Codes}
	c.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	var spread []int
	if in.spread != nil {
		spread = make([]int, len(in.spread))
		for i, k := range in.spread {
			spread[i] = k + 1
		}
	}
	return built{node: c, spread: spread, bounded: in.bounded}, true
}

func (b *builder) fromChangelog(n *logical.FromChangelog) (built, bool) {
	if !b.changes("FROM_CHANGELOG", n.Sp) {
		return built{}, false
	}
	if t := b.traitsOf(n.Input); t.updating {
		b.diags.Errorf(codes.Changelog, n.Sp, "FROM_CHANGELOG reads rows that are only added, and these are changed").
			Label(t.at, "%s", t.clause).
			Help("read the changes as they are, without FROM_CHANGELOG; or put TO_CHANGELOG around what changes rows")
		return built{}, false
	}
	id := b.id("from-changelog")
	in, ok := b.input(id, n.Input, false)
	if !ok {
		return in, false
	}
	c := &physical.FromChangelog{Input: in.node, Op: n.Op, Codes: n.Codes}
	c.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	out := built{node: c, updating: n.Updating(), before: n.Updating(), bounded: in.bounded}
	if out.updating {
		c.Changelog.Mode = catalog.Retract
	}
	if !slices.Contains(in.spread, n.Op) && in.spread != nil {
		out.spread = make([]int, len(in.spread))
		for i, k := range in.spread {
			if out.spread[i] = k; k > n.Op {
				out.spread[i]--
			}
		}
	}
	return out, true
}

// changes reports a batch, in which there are no changes.
func (b *builder) changes(name string, at diag.Span) bool {
	if b.batch {
		b.diags.Errorf(codes.Changelog, at, "%s has no meaning in a batch job", name).At("it has final rows only, and no changes").
			Note("Flink refuses this too").Help("SET 'execution.runtime-mode' = 'streaming'")
	}
	return !b.batch
}
