package rules

import (
	"slices"
	"strconv"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/types"
)

// Output is one sink of a job to be: the query and where it goes.
type Output struct {
	Table  *catalog.Table
	Query  logical.Node
	Fields []int // index into Table.Columns of every column of Query
	// SinkMode is the richest changelog that the sink takes.
	SinkMode catalog.ChangeMode
	// At is the INSERT's table, for findings; Span the whole statement.
	At, Span diag.Span
	// Conflict is ON CONFLICT; nil without.
	Conflict *ast.Conflict
	// Overwrite and Static are those of physical.Sink.
	Overwrite bool
	Static    map[string]string
}

func (b *builder) sink(out Output) *physical.Sink {
	out.Query = b.unsorted(out.Query)
	t := b.traitsOf(out.Query)
	key := sinkKey(out)
	final := b.batch && t.updating
	if final {
		t.updating = false
	}
	if t.updating && out.SinkMode == catalog.InsertOnly {
		d := b.diags.Errorf(codes.UpdatingIntoAppend, out.At, "%s takes new rows only, and this query also changes rows", out.Table.Name)
		d.At("connector '%s' cannot take back what it has written", out.Table.Connector).
			Label(t.at, "%s", t.clause)
		if out.Table.Connector == "kafka" {
			d.Help("use connector 'upsert-kafka' with a PRIMARY KEY for %s, or a format of changes such as 'debezium-json'", out.Table.Name)
		} else if out.Table.Connector == "jdbc" {
			d.Help("declare a PRIMARY KEY for %s: PRIMARY KEY (...) NOT ENFORCED", out.Table.Name)
		} else {
			d.Help("write to a table of connector 'upsert-kafka' with a PRIMARY KEY")
		}
		d.Help("or group by a window, which gives each result once: GROUP BY window_start, window_end over TABLE(TUMBLE(...))")
		return nil
	}
	resolve, ok := b.onConflict(out, key, t)
	if !ok {
		return nil
	}
	before, materialize := false, false
	if t.updating {
		before, materialize = b.sinkNeeds(out, key, t)
	}
	s := &physical.Sink{Table: out.Table, Fields: out.Fields, Key: key, Parallelism: parallelism(out.Table, "sink.parallelism"),
		Overwrite: out.Overwrite, Static: out.Static}
	s.ID = b.id("sink")
	var in built
	input := func() (built, bool) { return b.build(out.Query, before) }
	if final {
		input = func() (built, bool) {
			return b.final(columns(out.Query.Cols()), nil, out.At, func() (built, bool) { return b.build(out.Query, true) })
		}
	}
	switch {
	case resolve:
		in, ok = b.resolveConflicts(out, key, before, input)
	case materialize:
		b.o.fire(AddMaterialize, out.At, "the key of %s is not the query's: its rows are kept, so that the last one of each key wins", out.Table.Name)
		m := &physical.UpsertMaterialize{Keys: key, Same: !before, TTL: b.cfg.Duration(config.StateTTL)}
		m.ID = b.id("upsert-materialize")
		in, ok = b.below(m.ID, input)
		if !ok {
			return nil
		}
		in = b.exchange(in, key, m.ID)
		m.Input, m.Columns, m.Span = in.node, in.node.Base().Columns, out.At
		m.Changelog = physical.Changelog{Mode: catalog.Upsert, Key: key}
		in = built{node: m, updating: true, spread: key, bounded: in.bounded}
	default:
		in, ok = input()
	}
	if !ok || !b.watermarked(out, in.node) {
		return nil
	}
	s.Input, s.Span = in.node, out.Span
	s.Columns = in.node.Base().Columns
	s.Changelog = in.node.Base().Changelog
	b.constraints(s)
	return s
}

func sinkKey(out Output) []int {
	var key []int
	for _, k := range out.Table.PrimaryKey {
		if i := slices.Index(out.Fields, k); i >= 0 {
			key = append(key, i)
		}
	}
	return key
}

// sinkNeeds says whether an updating query must give the sink -U, and whether changes must be put in order by the
// sink's key first.
func (b *builder) sinkNeeds(out Output, key []int, t traits) (before, materialize bool) {
	if out.SinkMode == catalog.Retract || len(key) == 0 {
		return true, false
	}
	sorted := slices.Clone(key)
	slices.Sort(sorted)
	exact, within := false, false
	for _, k := range t.keys {
		exact = exact || slices.Equal(k, sorted)
		within = within || subset(k, sorted)
	}
	switch b.cfg.String(config.UpsertMaterialize) {
	case "FORCE":
		return !exact, true
	case "NONE":
		return !exact, false
	}
	return !exact, !within
}

func subset(a, of []int) bool {
	for _, x := range a {
		if !slices.Contains(of, x) {
			return false
		}
	}
	return true
}

// constraints notes what the sink enforces on every row.
func (b *builder) constraints(s *physical.Sink) {
	for i, f := range s.Fields {
		to, from := s.Table.Columns[f].Type, s.Columns[i].Type
		at := physical.Place{Column: i}
		if from.Nullable && !to.Nullable {
			s.NotNull = append(s.NotNull, at)
		}
		b.length(s, at, to)
		if nested := b.cfg.String(config.NestedEnforcer); nested != "IGNORE" {
			b.within(s, at, to, nested != "ROWS")
		}
	}
}

// within notes what the sink enforces inside of a value of type t.
func (b *builder) within(s *physical.Sink, at physical.Place, t types.Type, collections bool) {
	inner := func(i int, t types.Type) {
		at := physical.Place{Column: at.Column, Path: append(slices.Clone(at.Path), i)}
		if !t.Nullable {
			s.NotNull = append(s.NotNull, at)
		}
		b.length(s, at, t)
		b.within(s, at, t, collections)
	}
	switch {
	case t.Kind == types.Row:
		for i, f := range t.Nested.Fields {
			inner(i, f.Type)
		}
	case t.Nested == nil || !collections:
	case t.Kind == types.Map:
		inner(0, t.Nested.Key)
		inner(1, t.Nested.Elem)
	default:
		inner(0, t.Nested.Elem)
	}
}

// length notes that the sink enforces the length that t has.
func (b *builder) length(s *physical.Sink, at physical.Place, t types.Type) {
	how := b.cfg.String(config.TypeLengthEnforcer)
	fixed := t.Kind == types.Char || t.Kind == types.Binary
	if how == "IGNORE" || !fixed && t.Kind != types.VarChar && t.Kind != types.VarBinary || t.Len == types.MaxLen {
		return
	}
	s.Lengths = append(s.Lengths, physical.LengthRule{Place: at, Type: t, Pad: fixed && how == "TRIM_PAD", Error: how == "ERROR"})
}

// parallelism is an option that was checked to be a number; 0 when it is not set.
func parallelism(t *catalog.Table, key string) int {
	v, ok := t.Options.Get(key)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0 // reported by the check of options
	}
	return n
}
