package rules

import (
	"slices"
	"strings"

	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// onConflict checks the ON CONFLICT of an INSERT, or that there is none, and says whether rows must wait for what comes of their conflicts.
func (b *builder) onConflict(out Output, key []int, t traits) (resolve, ok bool) {
	within := false
	sorted := slices.Sorted(slices.Values(key))
	for _, k := range t.keys {
		within = within || subset(k, sorted)
	}
	mode := b.cfg.String(config.UpsertMaterialize)
	if out.Conflict == nil {
		if !b.cfg.Bool(config.RequireOnConflict) || b.batch || mode != "AUTO" || out.SinkMode != catalog.Upsert || len(key) == 0 || within {
			return false, true
		}
		d := b.diags.Errorf(codes.OnConflict, out.At, "the key of this query is not that of %s, and nothing says what becomes of several rows of one key", out.Table.Name)
		d.At("its PRIMARY KEY is %s", keyNames(out, key)).
			Note("'%s' asks for it", config.RequireOnConflict).
			Help("write ON CONFLICT DO DEDUPLICATE behind the query to keep the last row of each key, DO NOTHING to keep the first, or DO ERROR to fail")
		if t.updating {
			d.Label(t.at, "%s", t.clause)
		}
		return false, false
	}
	at, do := out.Conflict.Sp, "ON CONFLICT DO "+out.Conflict.Do
	switch {
	case out.Overwrite:
		b.diags.Errorf(codes.OnConflict, at, "%s has no meaning for INSERT OVERWRITE", do).At("what was in the table is replaced").Help("write INSERT INTO")
		return false, false
	case len(out.Table.PrimaryKey) == 0:
		b.diags.Errorf(codes.OnConflict, at, "%s has no PRIMARY KEY that rows could have in common", out.Table.Name).
			Label(out.Table.NameSpan, "defined here").Help("leave ON CONFLICT out, or give the table a PRIMARY KEY (...) NOT ENFORCED")
		return false, false
	case out.SinkMode != catalog.Upsert:
		why := "takes new rows only"
		if out.SinkMode == catalog.Retract {
			why = "takes the rows that are taken back, too"
		}
		b.diags.Errorf(codes.OnConflict, at, "ON CONFLICT is for tables that keep one row of each key, and %s is none", out.Table.Name).
			Label(out.Table.NameSpan, "connector '%s' %s", out.Table.Connector, why).
			Help("leave it out, or write to a table of connector 'upsert-kafka' or 'jdbc'")
		return false, false
	case out.Conflict.Do == "DEDUPLICATE" || mode == "NONE":
		return false, true
	}
	return !within || mode == "FORCE", true
}

func keyNames(out Output, key []int) string {
	names := make([]string, len(key))
	for i, k := range key {
		names[i] = scalar.QuoteName(out.Table.Columns[out.Fields[k]].Name)
	}
	return strings.Join(names, ", ")
}

// resolveConflicts is what input builds, with at most one row of each key.
func (b *builder) resolveConflicts(out Output, key []int, before bool, input func() (built, bool)) (built, bool) {
	b.o.fire(AddConflicts, out.Conflict.Sp, "rows wait for the watermark, so that of several rows of one key of %s one is written", out.Table.Name)
	r := &physical.ResolveConflicts{Keys: key, Fail: out.Conflict.Do == "ERROR", Table: out.Table.Name, TTL: b.cfg.Duration(config.StateTTL)}
	r.ID = b.id("resolve-conflicts")
	in, ok := b.below(r.ID, input)
	if !ok {
		return built{}, false
	}
	w := &physical.StampWatermark{Input: in.node}
	w.Props = *in.node.Base()
	w.ID, w.Late = r.ID+"/stamp-watermark", [2]*physical.LateOutput{}
	r.Columns = w.Columns
	w.Columns = append(slices.Clone(w.Columns), physical.Column{Name: "$watermark", Type: types.TBigInt.NotNull()})
	in.node = w
	in = b.exchange(in, key, r.ID)
	r.Input, r.Span = in.node, out.Conflict.Sp
	if r.Query = in.node.Base().Changelog.Key; in.updating && !before {
		r.Query = key // FORCE: changes come by the key of the sink, without the old row
	}
	r.Changelog = physical.Changelog{Mode: catalog.Upsert, Key: key}
	return built{node: r, updating: true, spread: key, bounded: in.bounded}, true
}

// watermarked reports tables without a watermark below an INSERT that resolves its conflicts when the watermark says so: Flink asks all of them for one,
// whether or not there can be a conflict. In a batch the end of the input is the watermark.
func (b *builder) watermarked(out Output, n physical.Node) bool {
	if out.Conflict == nil || out.Conflict.Do == "DEDUPLICATE" || b.batch {
		return true
	}
	for n := range physical.Nodes(n) {
		if s, ok := n.(*physical.Scan); ok && s.Table.Watermark == nil {
			b.diags.Errorf(codes.OnConflict, out.Conflict.Sp, "ON CONFLICT DO %s waits for the watermark, and table %s has none", out.Conflict.Do, s.Table.Name).
				Label(s.Table.NameSpan, "defined here").
				Help("add a WATERMARK to %s: WATERMARK FOR row_time AS row_time - INTERVAL '5' SECOND; or write ON CONFLICT DO DEDUPLICATE, which does not wait", s.Table.Name)
			return false
		}
	}
	return true
}
