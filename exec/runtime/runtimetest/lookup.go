package runtimetest

import (
	"context"
	"fmt"
	"log/slog"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/lookup"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// Lookup makes the lookups of a table: its rows are those that it has been given so far, without those that were taken back. Of a table
// that replaces rows by its primary key the last row of each key counts.
func (w *World) Lookup(n *physical.LookupJoin, _ *config.Config, _ *slog.Logger) (exec.LookupSpec, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := w.inputs[n.Lookup.Table.Name]
	if in == nil {
		return nil, fmt.Errorf("table %s is not in the test's world", n.Lookup.Table.Name)
	}
	return &lookupTable{w, in, n}, nil
}

// Search makes the searches of a table: of the rows that Lookup finds.
func (w *World) Search(n *physical.VectorSearch, _ *config.Config, _ *slog.Logger) (exec.SearchSpec, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := w.inputs[n.Lookup.Table.Name]
	if in == nil {
		return nil, fmt.Errorf("table %s is not in the test's world", n.Lookup.Table.Name)
	}
	return &searchTable{w, in, n}, nil
}

// lookupTable is a table in the memory of a test that is asked for rows.
type lookupTable struct {
	w  *World
	in *input
	n  *physical.LookupJoin
}

func (l *lookupTable) Lookup(*exec.TaskContext) (exec.Lookup, error) { return l, nil }
func (*lookupTable) Limits() exec.LookupLimits                       { return exec.LookupLimits{Keys: 3, Calls: 2} }
func (*lookupTable) Close() error                                    { return nil }

func (l *lookupTable) Find(_ context.Context, keys, out *batch.Batch) error {
	if err := l.w.fault("lookup"); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, k := range encoded(keys, scalar.FirstColumns(len(keys.Cols))) {
		wanted[k] = true
	}
	all := l.w.present(l.in, &l.n.Lookup)
	for i, k := range encoded(all, l.n.Lookup.Keys) {
		if wanted[k] {
			out.AppendRows(all, []int32{int32(i)})
		}
	}
	return nil
}

// searchTable is a table in the memory of a test that is searched.
type searchTable struct {
	w  *World
	in *input
	n  *physical.VectorSearch
}

func (s *searchTable) Search(*exec.TaskContext) (exec.Search, error) { return s, nil }
func (*searchTable) Close() error                                    { return nil }

func (s *searchTable) Nearest(_ context.Context, query []float64, out *batch.Batch) error {
	if err := s.w.fault("lookup"); err != nil {
		return err
	}
	t := lookup.NewVectorTable(s.n)
	if err := t.Add(s.w.present(s.in, &s.n.Lookup)); err != nil {
		return err
	}
	return t.Nearest(query, out)
}

// present is the columns of l of the rows that the table has now.
func (w *World) present(in *input, l *physical.Lookup) *batch.Batch {
	all := batch.New(physical.Types(l.Columns), 16)
	for _, row := range w.rows(in, l.Table) {
		for c, f := range l.Fields {
			all.Cols[c].AppendValue(row[f])
		}
		all.N++
	}
	return all
}

// rows is what a table holds now, in the order in which the rows came.
func (w *World) rows(in *input, t *catalog.Table) [][]types.Value {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := Format
	if t.PrimaryKey != nil {
		name = func(row []types.Value) string {
			var key []types.Value
			for _, k := range t.PrimaryKey {
				key = append(key, row[k])
			}
			return Format(key)
		}
	}
	type kept struct {
		name string
		row  []types.Value
	}
	var rows []kept
	for _, s := range in.splits {
		for _, e := range s.rows {
			if e.row == nil {
				continue
			}
			id := name(e.row)
			if t.PrimaryKey != nil || !e.kind.Adds() {
				for i, r := range rows {
					if r.name == id {
						rows = append(rows[:i], rows[i+1:]...)
						break
					}
				}
			}
			if e.kind.Adds() {
				rows = append(rows, kept{id, e.row})
			}
		}
	}
	out := make([][]types.Value, len(rows))
	for i, r := range rows {
		out[i] = r.row
	}
	return out
}

func encoded(b *batch.Batch, cols []int) []string {
	var keys state.Keys
	batch.EncodeUnhashed(b, cols, &keys)
	out := make([]string, b.Rows())
	for k := range out {
		out[k] = string(keys.At(k))
	}
	return out
}
