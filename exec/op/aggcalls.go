package op

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"weir/exec/batch"
	"weir/exec/op/agg"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// aggCalls is the aggregates of an operator with their FILTER and DISTINCT.
type aggCalls struct {
	set   *agg.Set
	calls []aggCall
}

type aggCall struct {
	filter   int       // column, or -1
	distinct *distinct // shared by calls that are DISTINCT over the same columns
	member   int       // number of the call in distinct
	rows     agg.Rows  // scratch: the rows that pass the filter
}

// aggUse is what an operator does with accumulators beside adding rows to them.
type aggUse struct {
	retract bool // rows are taken back
	inOrder bool // rows are taken back in the order in which they came
	merge   bool // accumulators are put together from others, so that they are in their entry alone
}

// newAggCalls makes the accumulators of calls over rows of the input types, behind a head of so many bytes.
func newAggCalls(head int, calls []physical.AggCall, in []types.Type, use aggUse) (*aggCalls, error) {
	a := &aggCalls{}
	specs := make([]agg.Call, len(calls))
	for i, c := range calls {
		specs[i] = agg.Call{Func: c.Func, Args: c.Args, Types: pick(in, c.Args), Result: c.Type, Retract: use.retract, InOrder: use.inOrder, IgnoreNulls: c.IgnoreNulls}
		if !use.merge {
			specs[i].Table = fmt.Sprintf("values%d", i)
		}
		ac := aggCall{filter: c.Filter}
		// The extremes and the set of distinct values are the same with and without DISTINCT.
		if c.Distinct && c.Func != "MIN" && c.Func != "MAX" {
			d := c.Args
			if c.Func == "LISTAGG" {
				d = d[:1]
			}
			nulls := c.Func == "ARRAY_AGG" && !c.IgnoreNulls
			for j := range a.calls {
				if of := a.calls[j].distinct; of != nil && slices.Equal(of.args, d) && of.nulls == nulls {
					ac.distinct = of
				}
			}
			if ac.distinct == nil {
				ac.distinct = &distinct{name: fmt.Sprintf("distinct%d", i), args: d, types: pick(in, d), nulls: nulls}
			}
			ac.member = len(ac.distinct.filters)
			ac.distinct.filters = append(ac.distinct.filters, c.Filter)
		}
		a.calls = append(a.calls, ac)
	}
	var err error
	if a.set, err = agg.NewSet(head, specs); err != nil {
		return nil, err
	}
	return a, nil
}

// open opens the tables that calls have of their own.
func (a *aggCalls) open(st state.Scope, ttl time.Duration) error {
	if err := a.set.Open(st, ttl); err != nil {
		return err
	}
	for i := range a.calls {
		if d := a.calls[i].distinct; d != nil && a.calls[i].member == 0 {
			if err := d.open(st, ttl); err != nil {
				return err
			}
		}
	}
	return nil
}

// hasDistinct reports whether some call has a table of distinct values.
func (a *aggCalls) hasDistinct() bool {
	for i := range a.calls {
		if a.calls[i].distinct != nil {
			return true
		}
	}
	return false
}

// drop forgets the distinct values of a namespace.
func (a *aggCalls) drop(ns int64) error {
	for i := range a.calls {
		if d := a.calls[i].distinct; d != nil && a.calls[i].member == 0 {
			if err := d.table.Drop(ns); err != nil {
				return err
			}
		}
	}
	return nil
}

// update adds rows to their entries, which are in the given namespace.
func (a *aggCalls) update(rows *agg.Rows, ns int64) error {
	for i, f := range a.set.Funcs {
		c := &a.calls[i]
		var err error
		if c.distinct == nil {
			err = c.update(f, rows)
		} else {
			err = c.updateDistinct(f, rows, ns)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// update adds the rows that pass the filter of a call to its entries.
func (c *aggCall) update(f agg.Func, rows *agg.Rows) error {
	if c.filter >= 0 {
		rows = selectRows(rows, &c.rows, rows.In.Cols[c.filter])
	}
	if len(rows.Pos) == 0 {
		return nil
	}
	return f.Update(rows)
}

// updatePlain is update without the calls that are DISTINCT.
func (a *aggCalls) updatePlain(rows *agg.Rows) error {
	for i, f := range a.set.Funcs {
		if c := &a.calls[i]; c.distinct == nil {
			if err := c.update(f, rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// merge adds the accumulators of src, row by row, to the entries of rows, which are in the given namespace. For calls that are DISTINCT the
// rows themselves are added.
func (a *aggCalls) merge(rows, src *agg.Rows, ns int64) error {
	for i, f := range a.set.Funcs {
		c := &a.calls[i]
		var err error
		if c.distinct == nil {
			err = f.Merge(rows, src)
		} else {
			err = c.updateDistinct(f, rows, ns)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// updateDistinct adds the rows that are the first with their values in their group to a call's entries.
func (c *aggCall) updateDistinct(f agg.Func, rows *agg.Rows, ns int64) error {
	if c.member == 0 {
		if err := c.distinct.apply(rows, ns); err != nil {
			return err
		}
	}
	if r := &c.distinct.passed[c.member]; len(r.Pos) > 0 {
		return f.Update(r)
	}
	return nil
}

// selectRows is the rows for which the BOOLEAN column v is true, in the memory of into.
func selectRows(rows, into *agg.Rows, v *batch.Vector) *agg.Rows {
	into.In, into.Map = rows.In, rows.Map
	into.Reset()
	for k, i := range rows.Pos {
		if isTrue(v, i) {
			into.Add(rows, k)
		}
	}
	return into
}

// values writes the results of rows to the columns of out from column first on, at positions at.
func (a *aggCalls) values(rows *agg.Rows, out *batch.Batch, first int, at []int32) error {
	for i, f := range a.set.Funcs {
		if err := f.Values(rows, out.Cols[first+i], at); err != nil {
			return err
		}
	}
	return nil
}

// distinct lets the first occurrence of a value in its group pass, and the last one to be taken back. Calls over the same columns, which differ in
// their FILTER, share it. Its table has an entry for each group and value: for each call the number of occurrences, 8 bytes.
type distinct struct {
	name    string
	args    []int
	types   []types.Type
	filters []int // column of each call, or -1
	nulls   bool  // NULL is a value like others
	spec    state.TableSpec
	table   state.Table

	view    batch.Batch // scratch: the input with a selection
	wanted  agg.Rows    // that some filter lets pass
	nonNull agg.Rows
	passed  []agg.Rows // the result, for each call
	values  state.Keys
	keys    state.Keys
	hashes  []uint64
	refs    []state.Ref
	created []bool
}

func (d *distinct) open(st state.Scope, ttl time.Duration) (err error) {
	d.passed = make([]agg.Rows, len(d.filters))
	schema := fmt.Sprintf("distinct1 key%d(%s)", batch.KeyFormat, typeList(d.types))
	if len(d.filters) > 1 {
		schema = fmt.Sprintf("distinct2 of %d key%d(%s)", len(d.filters), batch.KeyFormat, typeList(d.types))
	}
	d.spec = state.TableSpec{Name: d.name, Fixed: 8 * len(d.filters), TTL: ttl, Prefixed: true, Schema: schema}
	d.table, err = st.Table(d.spec)
	return err
}

const deletedCount uint64 = math.MaxUint64 // stands in an entry that was deleted while the batch goes on

// apply finds the rows that go on to the accumulator of each call. Rows with a NULL are none of them, unless NULL is a value.
func (d *distinct) apply(rows *agg.Rows, ns int64) error {
	rows = d.filtered(rows)
	if !d.nulls {
		rows = d.dropNulls(rows)
	}
	n := len(rows.Pos)
	for i := range d.passed {
		p := &d.passed[i]
		p.In, p.Map = rows.In, rows.Map
		p.Reset()
	}
	if n == 0 {
		return nil
	}
	d.view = *rows.In
	d.view.Sel = rows.Pos
	d.hashes = batch.EncodeKeys(&d.view, d.args, &d.values, d.hashes)
	d.keys.Data, d.keys.Off = d.keys.Data[:0], append(d.keys.Off[:0], 0)
	for k := range n {
		group := rows.Map.Key(rows.Refs[k])
		d.keys.Data = binary.AppendUvarint(d.keys.Data, uint64(len(group)))
		d.keys.Data = append(d.keys.Data, group...)
		d.keys.Data = append(d.keys.Data, d.values.At(k)...)
		d.keys.Off = append(d.keys.Off, uint32(len(d.keys.Data)))
		d.hashes[k] = d.spec.HashOf(d.keys.Data[d.keys.Off[k]:])
	}
	d.refs, d.created = grow(d.refs, n), grow(d.created, n)
	m := d.table.Map(ns)
	if err := m.UpsertMany(d.hashes[:n], d.keys, d.refs, d.created); err != nil {
		return err
	}
	zero := false
	for i, f := range d.filters {
		for k, pos := range rows.Pos {
			if f >= 0 && !isTrue(rows.In.Cols[f], pos) {
				continue
			}
			s := m.Fixed(d.refs[k])[8*i:]
			c := binary.LittleEndian.Uint64(s)
			if rows.In.Kind(int(pos)).Adds() {
				binary.LittleEndian.PutUint64(s, c+1)
				if c == 0 {
					d.passed[i].Add(rows, k)
				}
				continue
			}
			switch c {
			case 0: // never came: nothing to take back
				zero = true
			case 1:
				zero = true
				d.passed[i].Add(rows, k)
				fallthrough
			default:
				binary.LittleEndian.PutUint64(s, c-1)
			}
		}
	}
	if !zero {
		return nil
	}
	for k := range n {
		s := m.Fixed(d.refs[k])
		used := uint64(0)
		for at := 0; at < len(s); at += 8 {
			used |= binary.LittleEndian.Uint64(s[at:])
		}
		if used == 0 {
			binary.LittleEndian.PutUint64(s, deletedCount)
			m.Delete(d.refs[k])
		}
	}
	return nil
}

// isTrue reports that row i of the BOOLEAN column v is TRUE.
func isTrue(v *batch.Vector, i int32) bool { return !v.IsNull(int(i)) && v.Bool[i] }

// filtered is the rows that some call wants.
func (d *distinct) filtered(rows *agg.Rows) *agg.Rows {
	if slices.Contains(d.filters, -1) {
		return rows
	}
	d.wanted.In, d.wanted.Map = rows.In, rows.Map
	d.wanted.Reset()
	for k, i := range rows.Pos {
		for _, f := range d.filters {
			if isTrue(rows.In.Cols[f], i) {
				d.wanted.Add(rows, k)
				break
			}
		}
	}
	return &d.wanted
}

func (d *distinct) dropNulls(rows *agg.Rows) *agg.Rows {
	nulls := false
	for _, c := range d.args {
		v := rows.In.Cols[c]
		nulls = nulls || len(v.Nulls) > 0 || v.Type.Kind == types.Null
	}
	if !nulls {
		return rows
	}
	d.nonNull.In, d.nonNull.Map = rows.In, rows.Map
	d.nonNull.Reset()
rows:
	for k, i := range rows.Pos {
		for _, c := range d.args {
			if rows.In.Cols[c].IsNull(int(i)) {
				continue rows
			}
		}
		d.nonNull.Add(rows, k)
	}
	return &d.nonNull
}
