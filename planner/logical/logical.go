// Package logical is the bound query before it is known how it runs: a tree of relations with
// resolved columns. Package bind builds it, package rules improves it and makes the physical plan
// of it. Nodes are immutable once built.
//
//	ast ──bind──> logical ──rules──> logical ──rules.Build──> physical
package logical

import (
	"slices"
	"time"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Column is one column of a relation.
type Column struct {
	Name string
	Type types.Type
	Time catalog.TimeAttr
	// Lost says why a column that came from a time attribute is none any more; nil for others.
	Lost *Lost
	// Table is the table of a column that is passed on unchanged; for messages; may be nil.
	Table *catalog.Table
}

// Lost is where and how a time attribute became a plain timestamp.
type Lost struct {
	Column string // the time attribute's name
	Why    string // "CAST makes a plain value of it"
	Cast   bool   // CAST did it: nothing else does for CURRENT_WATERMARK
	Help   string // what to do; empty for the usual
	Span   diag.Span
}

// Node is a relation.
type Node interface {
	Cols() []Column
	Inputs() []Node
	Span() diag.Span // the clause it comes from
	// Windows says which columns hold the bounds of a window that every row belongs to; nil
	// when there are none.
	Windows() *WindowColumns
}

// WindowColumns is where a relation carries its window, as far as the columns are still
// there: -1 for one that is not.
type WindowColumns struct {
	Start, End, Time int
	Spec             Window
}

// Window is a window specification in microseconds.
type Window struct {
	Kind   physical.WindowKind
	Size   int64
	Slide  int64 // Size for a tumbling window
	Offset int64
	LTZ    bool // the row time is TIMESTAMP_LTZ
	// ProcTime: the time attribute is that of processing.
	ProcTime bool
	Span     diag.Span
}

// Base is what every node has.
type Base struct {
	Columns []Column
	Sp      diag.Span
	Win     *WindowColumns
}

// Cols is the output columns.
func (b *Base) Cols() []Column { return b.Columns }

// Span is the clause that the node comes from.
func (b *Base) Span() diag.Span { return b.Sp }

// Windows is the window columns.
func (b *Base) Windows() *WindowColumns { return b.Win }

// Nodes.
type (
	// Scan reads physical and metadata columns of a table.
	Scan struct {
		Base
		Table  *catalog.Table
		Fields []int // index into Table.Columns of every output column
		// Watermark and RowTime are over the output columns; nil without a watermark.
		Watermark, RowTime scalar.Expr
		RowTimeName        string
		// Whole is every column of Table over the output columns, computed ones too; nil once columns have been pruned.
		Whole  []scalar.Expr
		Filter scalar.Expr // pushed down, nil for none
	}
	// Values is a constant table; every row has one literal a column.
	Values struct {
		Base
		Rows [][]*scalar.Literal
	}
	// Calc filters, then projects.
	Calc struct {
		Base
		Input  Node
		Filter scalar.Expr // nil: all rows
		Exprs  []scalar.Expr
	}
	// WindowTVF adds window_start, window_end and window_time behind the input's columns.
	WindowTVF struct {
		Base
		Input  Node
		Time   int // the row-time column
		Window Window
		// Partition is the columns whose rows have sessions of their own; nil for the other windows.
		Partition []int
		Late      *Late // of sessions; nil: late rows are dropped
	}
	// Aggregate groups by columns of its input. Output: the keys, then the aggregates. Windowed: the keys
	// contain a window's start and end, so that the groups end with their window. Subquery: nobody wrote a GROUP BY,
	// the keys are what a sub-query compares with the query around it.
	Aggregate struct {
		Base
		Input    Node
		Keys     []int
		Aggs     []Agg
		Windowed bool
		Subquery bool
		TTL      *time.Duration // how long a group is kept, where a hint says so
	}
	// WindowAggregate is made of a windowed Aggregate by package rules. Output: the keys, the aggregates,
	// then the window's properties listed in Props: "start", "end", "time".
	WindowAggregate struct {
		Base
		Input      Node
		Keys       []int
		Aggs       []Agg
		Window     Window
		Time       int // the row-time column of the input, or -1: the window is attached
		Start, End int // columns of an attached window
		Props      []string
		Late       *Late // nil: late rows are dropped
	}
	// Union puts inputs of the same column types together.
	Union struct {
		Base
		Ins []Node
	}
	// Sort puts rows out in the order of a time attribute, ascending, and of further columns within one time. NewSort
	// makes it.
	Sort struct {
		Base
		Input Node
		Order []SortKey
		Part  bool  // of a sub-query without LIMIT: where a stream cannot be put in this order, it need not be
		Late  *Late // nil: late rows are dropped
	}
	// Replicate puts every row out as often as column Times (BIGINT) of it says, without that column. NewReplicate makes it.
	Replicate struct {
		Base
		Input Node
		Times int
	}
	// Expand copies every row for each grouping set. Output: the columns of the input; those that the set lacks are
	// NULL, and column ID is the number of the set. NewExpand makes it.
	Expand struct {
		Base
		Input Node
		Null  [][]int // columns, by set
		ID    int
	}
	// Over adds, behind the input's columns, the results of calls over the rows that come before each row in
	// its partition. Package rules makes a Rank of one that is only asked for the first rows.
	Over struct {
		Base
		Input     Node
		Partition []int
		Order     []SortKey
		Frame     Frame
		Calls     []Agg // aggregates, and ROW_NUMBER, RANK, DENSE_RANK, LAG
		Late      *Late // nil: late rows are dropped
	}
	// Rank keeps the rows From to To, counted from 1, of each partition in an order; without one, as they come. Output: the input's columns, then
	// the number of the row (BIGINT) when Number is set.
	Rank struct {
		Base
		Input     Node
		Partition []int
		Order     []SortKey
		From, To  int64
		Number    bool
		Late      *Late // nil: late rows are dropped
	}
	// Join pairs the rows of two inputs. Output: the columns of Left, then those of Right; of a Semi or Anti join
	// those of Left alone. NewJoin makes it.
	Join struct {
		Base
		Kind        JoinKind
		Left, Right Node
		// Cond is over the columns of Left, then those of Right; nil: every pair.
		Cond scalar.Expr
		// LeftKeys and RightKeys are columns that must be equal, pairwise, for Cond to hold. Package rules takes them
		// out of Cond; nil before.
		LeftKeys, RightKeys []int
		// NullSafe says for each pair of keys whether two NULLs are equal (IS NOT DISTINCT FROM).
		NullSafe []bool
		// LeftTTL and RightTTL are how long rows of a side are kept, where a hint says so; nil: as the settings say.
		LeftTTL, RightTTL *time.Duration
		// AsOf is set for a join with FOR SYSTEM_TIME AS OF: each row of Left meets Right as it was at a time of the row's. Such
		// a join is an inner or a left one.
		AsOf *AsOf
		// Late is where the late rows of Left and of Right go; nil: they are dropped.
		Late [2]*Late
	}
)

// SortKey is one column of an order.
type SortKey struct {
	Column           int
	Desc, NullsFirst bool
}

// Frame is the rows that a call of Over sees: from so many rows, or so much time, before the current row up
// to it.
type Frame struct {
	Rows bool // Preceding counts rows; otherwise microseconds, and rows of one time see each other
	// Preceding is how far back the frame goes; Unbounded: to the first row.
	Preceding int64
	// Wide: the frame goes from row or distance From to To, from the current row on, and Preceding says nothing: it does not end at the current row,
	// or its distances are numbers. Number: they are no intervals.
	Wide, Number bool
	From, To     int64
	Span         diag.Span
}

// Unbounded is a frame's Preceding without a limit.
const Unbounded = -1

// JoinKind is the kind of a join, as physical plans have it.
type JoinKind = physical.JoinKind

// The kinds.
const (
	InnerJoin = physical.InnerJoin
	LeftJoin  = physical.LeftJoin
	RightJoin = physical.RightJoin
	FullJoin  = physical.FullJoin
	SemiJoin  = physical.SemiJoin
	AntiJoin  = physical.AntiJoin
)

// JoinPairs is the columns that a join's condition is over: those of left, then those of right.
func JoinPairs(left, right Node) []Column {
	return append(append([]Column(nil), left.Cols()...), right.Cols()...)
}

// AsOf says as of when each row of the left side of a join sees the right side.
type AsOf struct {
	// Left is the row time of the left side, and Right the one by which the right side's versions are ordered. Both are -1
	// where rows look the right side up as it is when they come: by processing time.
	Left, Right int
	Sp          diag.Span   // the time behind AS OF
	Hint        *LookupHint // of a lookup; nil without one
}

// LookupHint is what /*+ LOOKUP(...) */ says; what it does not say goes by the settings.
type LookupHint struct {
	Async, Unordered *bool
	Capacity         int // 0: not said
	Timeout          time.Duration
	Retry            int // how often a key without a row is asked for again
	Delay            time.Duration
	Shuffle          bool
}

// Looks reports a lookup: there is no row time.
func (a *AsOf) Looks() bool { return a.Left < 0 }

// NewJoin is a join whose columns follow from its inputs and its kind. Time attributes become plain
// timestamps, but in a join whose condition bounds how far the two sides' times are apart (see Bounds), and those of the
// windows in a join of windows (see JoinsWindows).
func NewJoin(kind JoinKind, left, right Node, cond scalar.Expr, at diag.Span) *Join {
	j := &Join{Base: Base{Sp: at}, Kind: kind, Left: left, Right: right, Cond: cond}
	j.derive()
	return j
}

// derive sets the output columns.
func (j *Join) derive() {
	if j.AsOf != nil {
		j.deriveAsOf()
		return
	}
	windowed := j.JoinsWindows()
	keepsTime := !windowed && j.Bounds() != nil
	pairs := JoinPairs(j.Left, j.Right)
	n := len(j.Left.Cols())
	if j.Kind.OnlyLeft() {
		pairs = pairs[:n]
	}
	j.Columns = nil
	for i, c := range pairs {
		if i < n && j.Kind.KeepsRight() || i >= n && j.Kind.KeepsLeft() {
			c.Type = c.Type.WithNullable(true)
		}
		if windowed && j.windowTime(i, n) {
			j.Columns = append(j.Columns, c)
			continue
		}
		if c.Time != catalog.NoTime && !keepsTime {
			c.Lost = &Lost{Column: c.Name, Why: "a join of all rows, whenever they come, makes a plain value of it",
				Help: "bound the times of the two sides in the ON condition: a.ts BETWEEN b.ts - INTERVAL '1' HOUR AND b.ts", Span: j.Sp}
			if windowed {
				c.Lost.Why, c.Lost.Help = "a join of windows keeps the window_time of a side that every row has", "use that one"
			}
			c.Time = catalog.NoTime
		}
		j.Columns = append(j.Columns, c)
	}
	j.Win = nil
	if windowed {
		j.Win = j.window(n)
	}
}

// Agg is one aggregate call over columns of the input.
type Agg struct {
	Func     string
	Args     []int
	Distinct bool
	// IgnoreNulls: LAG and LEAD count only rows whose value is not NULL; ARRAY_AGG leaves NULLs out, and so do JSON_ARRAYAGG and
	// JSON_OBJECTAGG, where it is ABSENT ON NULL.
	IgnoreNulls bool
	Filter      int // a BOOLEAN column, -1 for none
	Type        types.Type
	Name        string
	Span        diag.Span
}

// Inputs of each node.
func (n *Scan) Inputs() []Node            { return nil }
func (n *Values) Inputs() []Node          { return nil }
func (n *Calc) Inputs() []Node            { return []Node{n.Input} }
func (n *WindowTVF) Inputs() []Node       { return []Node{n.Input} }
func (n *Aggregate) Inputs() []Node       { return []Node{n.Input} }
func (n *WindowAggregate) Inputs() []Node { return []Node{n.Input} }
func (n *Union) Inputs() []Node           { return n.Ins }
func (n *Join) Inputs() []Node            { return []Node{n.Left, n.Right} }
func (n *Sort) Inputs() []Node            { return []Node{n.Input} }
func (n *Replicate) Inputs() []Node       { return []Node{n.Input} }
func (n *Expand) Inputs() []Node          { return []Node{n.Input} }
func (n *Over) Inputs() []Node            { return []Node{n.Input} }
func (n *Rank) Inputs() []Node            { return []Node{n.Input} }

// NewSort is in with its rows in an order.
func NewSort(in Node, order []SortKey, at diag.Span) *Sort {
	return &Sort{Base: Base{Sp: at, Columns: in.Cols(), Win: in.Windows()}, Input: in, Order: order}
}

// NewExpand is in with each row once for each list of columns, which are NULL in that copy; column id is the number of the
// list.
func NewExpand(in Node, null [][]int, id int, at diag.Span) *Expand {
	x := &Expand{Base: Base{Sp: at, Columns: slices.Clone(in.Cols())}, Input: in, Null: null, ID: id}
	for _, cols := range null {
		for _, c := range cols {
			col := &x.Columns[c]
			col.Type = col.Type.WithNullable(true)
			if col.Time != catalog.NoTime {
				col.Time = catalog.NoTime
				col.Lost = &Lost{Column: col.Name, Why: "it is not in all grouping sets", Help: "put it into all of them", Span: at}
			}
		}
	}
	return x
}

// Windows is the window columns that are in all sets.
func (n *Expand) Windows() *WindowColumns {
	w := n.Input.Windows()
	if w == nil {
		return nil
	}
	v := *w
	for _, cols := range n.Null {
		for _, at := range []*int{&v.Start, &v.End, &v.Time} {
			if slices.Contains(cols, *at) {
				*at = -1
			}
		}
	}
	return &v
}

// NewReplicate is in with each row as often as column times says.
func NewReplicate(in Node, times int, at diag.Span) *Replicate {
	r := &Replicate{Base: Base{Sp: at}, Input: in, Times: times}
	for i, c := range in.Cols() {
		if i != times {
			r.Columns = append(r.Columns, c)
		}
	}
	return r
}

// Ref is a reference to column i of n.
func Ref(n Node, i int) *scalar.Column {
	c := n.Cols()[i]
	return &scalar.Column{Index: i, Name: c.Name, Typ: c.Type}
}

// NewCalc is a Calc whose columns follow from its expressions: a plain column keeps its time attribute
// and its window, everything else loses it.
func NewCalc(in Node, filter scalar.Expr, exprs []scalar.Expr, names []string, at diag.Span) *Calc {
	c := &Calc{Base: Base{Sp: at}, Input: in, Filter: filter, Exprs: exprs}
	cols := in.Cols()
	for i, e := range exprs {
		col := Column{Name: names[i], Type: e.Type()}
		if r, ok := e.(*scalar.Column); ok {
			col.Time, col.Lost, col.Table = cols[r.Index].Time, cols[r.Index].Lost, cols[r.Index].Table
		} else if f, ok := e.(*scalar.Call); ok && f.Func.Name == "PROCTIME" {
			col.Time = catalog.ProcTime
		} else {
			col.Lost = lostIn(e, cols)
		}
		c.Columns = append(c.Columns, col)
	}
	return c
}

// lostIn finds the time attribute that the computation e makes a plain value of.
func lostIn(e scalar.Expr, cols []Column) (lost *Lost) {
	var why string
	cast := false
	switch x := e.(type) {
	case *scalar.Cast:
		cast = !x.Implicit
		why = "CAST makes a plain value of it"
		if x.Implicit {
			why = "the conversion to " + x.Typ.WithNullable(true).String() + " makes a plain value of it"
		}
	case *scalar.Call:
		why = x.Func.Name + " makes a plain value of it"
	}
	scalar.Walk(e, func(x scalar.Expr) bool {
		if r, ok := x.(*scalar.Column); ok && cols[r.Index].Time != catalog.NoTime && e.Type().IsTimestamp() {
			lost = &Lost{Column: cols[r.Index].Name, Why: why, Cast: cast, Span: e.Span()}
		} else if ok && cols[r.Index].Lost != nil && e.Type().IsTimestamp() {
			lost = cols[r.Index].Lost
		}
		return lost == nil
	})
	return lost
}

// Pass is a Calc's expressions and names that hand on every column of in.
func Pass(in Node) (exprs []scalar.Expr, names []string) {
	for i, c := range in.Cols() {
		exprs = append(exprs, Ref(in, i))
		names = append(names, c.Name)
	}
	return exprs, names
}

// NewFilter keeps the rows of in that satisfy cond.
func NewFilter(in Node, cond scalar.Expr, at diag.Span) *Calc {
	exprs, names := Pass(in)
	return NewCalc(in, cond, exprs, names, at)
}

// Windows is where the output carries the window.
func (n *WindowAggregate) Windows() *WindowColumns {
	w := &WindowColumns{Start: -1, End: -1, Time: -1, Spec: n.Window}
	if n.Start >= 0 {
		w.Start = slices.Index(n.Keys, n.Start) // of a session
	}
	for i, p := range n.Props {
		at := len(n.Keys) + len(n.Aggs) + i
		switch p {
		case "start":
			w.Start = at
		case "end":
			w.End = at
		case "time":
			w.Time = at
		}
	}
	return w
}

// Windows is the window columns of the input that are handed on.
func (n *Calc) Windows() *WindowColumns {
	w := n.Input.Windows()
	if w == nil {
		return nil
	}
	find := func(col int) int {
		for i, e := range n.Exprs {
			if r, ok := e.(*scalar.Column); ok && col >= 0 && r.Index == col {
				return i
			}
		}
		return -1
	}
	v := WindowColumns{Start: find(w.Start), End: find(w.End), Time: find(w.Time), Spec: w.Spec}
	if v.Start < 0 && v.End < 0 && v.Time < 0 {
		return nil
	}
	return &v
}
