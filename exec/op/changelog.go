package op

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
)

// toChangelog makes an insertion of every change whose kind has a code, with the code in front.
type toChangelog struct {
	stateless
	codes [4]string // by batch.ChangeKind, which counts as physical.Change does
	has   [4]bool
	all   []int32
	rows  []int32
	out   *batch.Batch
}

func newToChangelog(n *physical.ToChangelog) *toChangelog {
	o := &toChangelog{out: batch.New(columnTypes(n), batch.TargetRows)}
	for _, c := range n.Codes {
		o.codes[c.Kind], o.has[c.Kind] = c.Code, true
	}
	return o
}

func (o *toChangelog) Process(in *batch.Batch, out exec.Emitter) error {
	o.out.Reset()
	o.rows = o.rows[:0]
	for _, i := range positions(in, &o.all) {
		if k := in.Kind(int(i)); o.has[k] {
			o.rows = append(o.rows, i)
			o.out.Cols[0].AppendString(o.codes[k])
		}
	}
	if len(o.rows) == 0 {
		return nil
	}
	for c, v := range o.out.Cols[1:] {
		v.AppendMany(in.Cols[c], o.rows, in.N)
	}
	o.out.N = len(o.rows)
	return out.Emit(o.out)
}

// fromChangelog makes a change of every row, of the kind that a column of it says, and leaves that column out.
type fromChangelog struct {
	stateless
	node  *physical.FromChangelog
	kinds map[string]batch.ChangeKind
	all   []int32
	view  batch.Batch
	cols  []*batch.Vector
	of    []batch.ChangeKind // by position
}

func newFromChangelog(n *physical.FromChangelog) *fromChangelog {
	o := &fromChangelog{node: n, kinds: map[string]batch.ChangeKind{}}
	for _, c := range n.Codes {
		o.kinds[c.Code] = batch.ChangeKind(c.Kind)
	}
	return o
}

func (o *fromChangelog) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	op := in.Cols[o.node.Op]
	o.of = grow(o.of, in.N)
	for _, i := range positions(in, &o.all) {
		if op.IsNull(int(i)) {
			return o.bad(errors.New("a row has NULL for its kind of change"))
		}
		kind, ok := o.kinds[string(op.Bytes(int(i)))]
		if !ok {
			return o.bad(fmt.Errorf("'%s' is no kind of change: known are %s", op.Bytes(int(i)), o.known()))
		}
		o.of[i] = kind
	}
	o.cols = append(append(o.cols[:0], in.Cols[:o.node.Op]...), in.Cols[o.node.Op+1:]...)
	o.view = batch.Batch{Cols: o.cols, N: in.N, Sel: in.Sel, Kinds: o.of}
	return out.Emit(&o.view)
}

func (o *fromChangelog) known() string {
	codes := make([]string, 0, len(o.kinds))
	for c := range o.kinds {
		codes = append(codes, "'"+c+"'")
	}
	slices.Sort(codes)
	return strings.Join(codes, ", ")
}

func (o *fromChangelog) bad(cause error) error {
	name := o.node.Input.Base().Columns[o.node.Op].Name
	return exec.Fatalf(fmt.Sprintf("filter such rows out (FROM_CHANGELOG(input => (SELECT * FROM ... WHERE %s IN (...)))), or give their code a kind of change in op_mapping", name),
		"FROM_CHANGELOG by column "+name, cause)
}
