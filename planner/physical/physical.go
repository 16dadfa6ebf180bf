// Package physical is the plan that runs: a tree of operators with their exchanges for each sink, typed, with stable ids. Trees meet in Scans. Package
// planner/rules builds plans, package exec makes tasks of them, EXPLAIN prints them. A plan is immutable from the moment it is built, so
// that any goroutine may read it.
//
// What holds for all nodes, where a field says nothing else:
//
//   - A column is the number of a column of the node's input, from 0; a list of them is in no order of its own, and empty for none. Expressions
//     are over the columns of the input; of two inputs, over those of Left and then those of Right.
//   - TTL is how long an entry of the state lives after it was last written; 0: for ever (table.exec.state.ttl).
//   - Times and spans of time as int64 are microseconds, of event time or of the clock; those as time.Duration are of the clock.
//   - An input that is not called insert-only may carry all kinds of changes.
//
// What an operator does with its rows, and which page of Flink's manual it follows, is listed in package exec/op.
package physical

import (
	"iter"
	"time"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Job is what runs: the sinks of one INSERT, one statement set, or one interactive SELECT,
// under one checkpoint and one transaction.
type Job struct {
	Name   string
	Sinks  []*Sink
	Config *config.Config
	// Fingerprint is a hash of the plan's shape: it changes when state may no longer fit.
	Fingerprint string
	Span        diag.Span
	// Rules is what the optimizer did, in order.
	Rules []Fired
}

// Nodes are the nodes of the job's plans, inputs first, each once: what several operators read, or several sinks, too.
func (j *Job) Nodes() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		seen := map[Node]bool{}
		for _, s := range j.Sinks {
			if !visit(s, seen, yield) {
				return
			}
		}
	}
}

// Nodes are n and what is below it, inputs first, each once.
func Nodes(n Node) iter.Seq[Node] {
	return func(yield func(Node) bool) { visit(n, map[Node]bool{}, yield) }
}

func visit(n Node, seen map[Node]bool, yield func(Node) bool) bool {
	if seen[n] {
		return true
	}
	seen[n] = true
	for _, in := range n.Inputs() {
		if !visit(in, seen, yield) {
			return false
		}
	}
	return yield(n)
}

// Fired is a rule of the optimizer that changed the plan.
type Fired struct {
	Rule string    // its name, one of rules.All
	What string    // what it did here
	Span diag.Span // the clause that it worked on; may be zero
}

// Column is one column of a node's output.
type Column struct {
	Name string
	Type types.Type
	Time catalog.TimeAttr
}

// Types is the types of columns.
func Types(cols []Column) []types.Type {
	out := make([]types.Type, len(cols))
	for i, c := range cols {
		out[i] = c.Type
	}
	return out
}

// Changelog is which change kinds a node puts out.
type Changelog struct {
	Mode catalog.ChangeMode
	// Key is the columns by which Upsert changes are matched; the unique key otherwise where one is
	// known; nil when none is.
	Key []int
}

// Props is what every node has.
type Props struct {
	// ID is stable over edits elsewhere in the job: derived from the sink's name, the node's path and kind. It
	// names the node's state.
	ID        string
	Columns   []Column
	Changelog Changelog
	Span      diag.Span // the clause it came from
	// Late is where rows of each input go that come behind the watermark; nil: they are dropped.
	Late [2]*LateOutput
}

// LateOutput hands the rows that an operator drops as late to a table.
type LateOutput struct {
	Sink    *Sink // its Input is a LateRows
	Columns []int // of the operator's input, for the columns of Sink; -1: the watermark
}

// Node is one operator of a plan.
type Node interface {
	Base() *Props
	Inputs() []Node
}

// Base gives the properties.
func (p *Props) Base() *Props { return p }

// Scan reads a table. Its output columns are those of Table that the query needs, in Columns' order;
// computed columns are made by a Calc above. It may be the input of several operators, of several sinks too.
type Scan struct {
	Props
	Table *catalog.Table
	// Fields has the index into Table.Columns of every output column; never a computed one.
	Fields []int
	// Filter is a condition over the output columns that the source may apply early; rows must satisfy it
	// anyway: the Calc above still has it. nil when there is none, and always for a table with a watermark, which
	// rows that are filtered out move on too.
	Filter scalar.Expr
	// Watermark is nil for a table without one.
	Watermark *Watermark
	// Parallelism is scan.parallelism, 0 when not set.
	Parallelism int
}

// Watermark says how a source computes event time.
type Watermark struct {
	Expr scalar.Expr // over the Scan's output columns (computed columns inlined); gives TIMESTAMP or TIMESTAMP_LTZ
	// RowTime is the row-time value itself over the Scan's output; a NULL is an error that names the column.
	RowTime scalar.Expr
	Name    string        // the row-time column's name, for messages
	Idle    time.Duration // 0: never idle
	OnEvent bool          // scan.watermark.emit.strategy = on-event; otherwise after each batch
	// Exact is set for a bounded table that says nothing about the strategy: whether a row is late is decided
	// by the rows before it, not by where batches end, so that the same file always gives the same result.
	Exact bool
	// Every is the least time between two watermarks, where 'pipeline.auto-watermark-interval' is set; 0: after each batch; negative: none
	// before the end of the table. OnEvent goes before it.
	Every time.Duration
	// Alignment is nil for a table that waits for no other one.
	Alignment *Alignment
}

// Alignment is scan.watermark.alignment.*: splits of the tables of a group that are further ahead than MaxDrift of the slowest one wait for it.
type Alignment struct {
	Group    string
	MaxDrift time.Duration // above zero
	Every    time.Duration // how often what waits looks whether it may go on
}

// Values is a constant table.
type Values struct {
	Props
	Rows [][]types.Value
}

// Calc filters and projects.
type Calc struct {
	Props
	Input  Node
	Filter scalar.Expr   // nil: all rows
	Exprs  []scalar.Expr // one an output column
}

// WindowKind is the kind of a window.
type WindowKind uint8

// The kinds of window.
const (
	Tumble WindowKind = iota
	Hop
	Cumulate
	Session
)

// Window describes windows over a time attribute. All times are microseconds.
type Window struct {
	Kind   WindowKind
	Size   int64 // Cumulate: of the last and longest of the windows with one start; Session: the gap that ends one
	Slide  int64 // Hop: how far apart; Cumulate: by how much they grow; Size for Tumble and Session
	Offset int64
	// TimeColumn is the row-time column in the input, or -1 when the input already carries window_start and
	// window_end columns (a WindowTVF below, through Calcs): StartColumn and EndColumn.
	TimeColumn             int
	StartColumn, EndColumn int
	// ProcTime: the time is that of processing, and not TimeColumn's value. Windows close by the clock, and none of them at the end of
	// the input.
	ProcTime bool
	// Zone is set when the row time is TIMESTAMP_LTZ: windows are aligned to local time in it, and
	// window_start/window_end are TIMESTAMP(3) in that zone. nil for TIMESTAMP.
	Zone *time.Location
}

// WindowTVF adds window_start, window_end and window_time to every row, once for each window that the row is in.
type WindowTVF struct {
	Props
	Input  Node
	Window Window
}

// SessionTVF adds window_start, window_end and window_time of its session to every row: rows of one
// partition that are no more than Window.Size apart are one session. Rows go out when the watermark passes the
// session's end, in the order and with the kinds of change in which they came.
type SessionTVF struct {
	Props
	Input     Node
	Partition []int
	Window    Window
}

// AggCall is one aggregate.
type AggCall struct {
	Func     string // COUNT, SUM, MIN, MAX, AVG, ...
	Args     []int  // columns of the input; none for COUNT(*)
	Distinct bool
	// IgnoreNulls: LAG and LEAD count only rows whose value is not NULL; ARRAY_AGG leaves NULLs out, and so do JSON_ARRAYAGG and
	// JSON_OBJECTAGG, where it is ABSENT ON NULL.
	IgnoreNulls bool
	Filter      int // a BOOLEAN column of the input, -1 for none
	Type        types.Type
	Name        string // output column
	Span        diag.Span
}

// LocalAggregate aggregates rows before they are sent to the subtasks of their keys, as far as they come together: the first phase of the
// GroupAggregate or WindowAggregate above, behind an Exchange. It has no state. Output: the columns of the input, and Partial, in which
// rows stand for others of their group; they are insertions. In rows that are as they came it is NULL.
type LocalAggregate struct {
	Props
	Input Node
	Keys  []int
	Aggs  []AggCall
	// Split are further columns whose values are kept apart: what DISTINCT aggregates look at.
	Split         []int
	Window        *Window // of a WindowAggregate; otherwise nil
	InputRetracts bool
	// Hold is how long groups wait for more rows; 0: not at all; negative: until event time, a checkpoint or their number ends it.
	Hold time.Duration
	Size int64 // rows that are held at most; 0: no bound
}

// Partial is the name of the column with partial results.
const Partial = "partial"

// WindowAggregate aggregates by key and window. It puts out, insert-only, when the watermark passes a
// window's end: the keys, the aggregates, then the window properties listed in Props' last columns. Sessions of a time
// column are those of the keys; no aggregate of them but MIN and MAX is DISTINCT.
type WindowAggregate struct {
	Props
	Input  Node
	Keys   []int
	Window Window
	Aggs   []AggCall
	// WindowColumns are the window properties behind keys and aggregates: "start", "end", "time".
	WindowColumns []string
	TwoPhase      bool // the input comes from a LocalAggregate
}

// GroupAggregate aggregates by key without end. Output: keys, then aggregates.
type GroupAggregate struct {
	Props
	Input Node
	Keys  []int
	Aggs  []AggCall
	// InputRetracts: the input carries -U or -D.
	InputRetracts bool
	// UpdateBefore: somebody downstream needs -U.
	UpdateBefore bool
	// Always: there are no keys, and when the input has ended there is a result, be it of no rows; of a batch job.
	Always bool
	// MiniBatch gathers rows, for which there is then one change a key; nil: every row has its own.
	MiniBatch *MiniBatch
	TTL       time.Duration
	TwoPhase  bool          // the input comes from a LocalAggregate
	Held      time.Duration // of the latency of MiniBatch, by the LocalAggregate
}

// MiniBatch is how many rows are gathered, and for how long. Without a Latency they are those that come together.
type MiniBatch struct {
	Latency time.Duration
	Size    int64 // at most; 0: no bound but Latency
}

// ChangelogNormalize turns an upsert stream (no -U, deletes by key only) into one with complete
// rows: +I, +U (and -U where asked), -D with all columns. It drops changes that change nothing, and the -U of a stream that has them.
type ChangelogNormalize struct {
	Props
	Input        Node
	Keys         []int
	UpdateBefore bool
	TTL          time.Duration
}

// UpsertMaterialize puts the changes of rows into the order of a sink's key when the query's own key
// is another: it keeps the rows of each sink key and puts out the last one.
type UpsertMaterialize struct {
	Props
	Input Node
	Keys  []int
	// Same: the query's key is the sink's after all (FORCE). Its changes come without -U, and of each key there is one row.
	Same bool
	TTL  time.Duration
}

// ResolveConflicts keeps to one row for each key of a sink whose query may have several (ON CONFLICT DO NOTHING, DO ERROR). Rows wait for the
// watermark; then those that were taken back meanwhile go, and of what is left the first row is the one of its key. The input comes from a
// StampWatermark. Output: its columns but the last, upserts.
type ResolveConflicts struct {
	Props
	Input Node
	Keys  []int
	// Query is the key of the query: rows with the same one are versions of one row; nil where none is known, and rows are told apart as a whole.
	Query []int
	Fail  bool // DO ERROR: several rows of one key fail the job
	Table string
	TTL   time.Duration
}

// StampWatermark adds the watermark behind which each row came, for a ResolveConflicts behind an Exchange: rows of several subtasks that came behind
// the same one belong together. Output: the columns of the input, then the watermark as BIGINT.
type StampWatermark struct {
	Props
	Input Node
}

// Union puts several inputs of one type together, in no order.
type Union struct {
	Props
	Ins []Node
}

// Sort puts the rows of an insert-only input out in the order of their event time, when the watermark passes them. Rows
// that come behind it are dropped. ProcTime: of processing time; rows of one millisecond go out when it is over. Output: the
// columns of the input, insert-only.
type Sort struct {
	Props
	Input    Node
	Time     int // the time attribute
	ProcTime bool
	Then     []SortKey // the order of rows of one time; those that are equal in it go out as they came
}

// Expand copies every row for each grouping set: columns that the set does not have are NULL, and column ID is the number of
// the set. Output: the columns of the input.
type Expand struct {
	Props
	Input Node
	Null  [][]int // columns, by set
	ID    int
}

// Final keeps the rows that the changes of its input lead to, and puts them out when the input has ended. Output: the
// columns of the input, insert-only.
type Final struct {
	Props
	Input Node
	Order []SortKey // nil for none
}

// Replicate puts every row out as often as column Times of it says. Output: the columns of the input but that one.
// It changes -U to -D and +U to +I.
type Replicate struct {
	Props
	Input Node
	Times int // BIGINT
}

// Unnest puts every row out once for each element of the list in a column of it, with the row's kind. Output: the columns of
// the input but that one, then Parts of an element.
type Unnest struct {
	Props
	Input Node
	List  int // an ARRAY, MAP or MULTISET
	// Parts is what goes out of an element, ascending: the fields of a ROW, key and value of a MAP, or the element itself, by
	// their number; behind the last of them its place, counted from 1.
	Parts []int
	Outer bool // a row without elements goes out once, with NULLs
}

// SortKey is one column of an order.
type SortKey struct {
	Column           int
	Desc, NullsFirst bool
}

// Over adds to every row of an insert-only input the results of calls over the rows of its partition that come
// before it in time. Output: the columns of the input, then one for each call, insert-only.
type Over struct {
	Props
	Input     Node
	Partition []int
	// Time is the time attribute that orders the rows. Rows of event time go out when the watermark passes them; ProcTime:
	// at once, in the order in which they come.
	Time     int
	ProcTime bool
	// Rows: the frame counts rows; otherwise it is a span of time, and rows of one time see each other.
	Rows bool
	// Preceding is how far back the frame goes: rows, or microseconds; -1: to the first row.
	Preceding int64
	Calls     []AggCall // aggregates, and ROW_NUMBER, RANK, DENSE_RANK, LAG
	TTL       time.Duration
}

// Forgotten is how long behind the last row of a partition the watermark, or the clock, must be for its state to end, in microseconds: half as long
// again as the frame, in whole milliseconds, as in Flink. ok is false where state does not end with time.
func (n *Over) Forgotten() (micros int64, ok bool) {
	if n.Rows || n.Preceding < 0 {
		return 0, false
	}
	half := n.Preceding / 2
	return n.Preceding + half - half%1000, true
}

// SortedOver is an aggregation over the rows from the first of the partition up to each row, in an order of any columns. The input may change
// rows; a row that comes or goes changes the results of those behind it. Output: as that of Over, all kinds of changes.
type SortedOver struct {
	Props
	Input     Node
	Partition []int
	Order     []SortKey
	// Rows: each row sees those before it; otherwise rows that are equal in the order see each other too.
	Rows  bool
	Calls []AggCall // as in Over
	TTL   time.Duration
}

// FinalOver is OVER in a batch job: rows go out once, at the end of the input, with the results of calls over any frame of their
// partition. Output: the columns of the input, then one for each call, insert-only.
type FinalOver struct {
	Props
	Input     Node
	Partition []int
	Order     []SortKey // empty: all rows of a partition have one place
	// Rows: From and To count rows; otherwise distances in the column of the order, which is then a whole number or a time, or 0: the
	// rows of the same place.
	Rows bool
	// From and To are the first and the last row of the frame, from the current row on; math.MinInt64 and math.MaxInt64: the first and
	// the last of the partition.
	From, To int64
	Calls    []AggCall // aggregates, rankings, LAG and LEAD
}

// Rank keeps the rows From to To (counted from 1) of each partition in an order. Output: the columns of the input,
// then, with Number, the row's number as BIGINT.
type Rank struct {
	Props
	Input         Node
	Partition     []int
	Order         []SortKey
	From, To      int64
	Number        bool
	InputRetracts bool
	// Updates: each row has a place of its own, because it is the only one of its partition or by its number, and another one that takes it
	// updates it.
	Updates bool
	// UpdateBefore: somebody downstream needs the -U of these updates.
	UpdateBefore bool
	TTL          time.Duration
}

// WindowRank keeps the rows From to To of each window and key in an order, over an insert-only input that carries its
// windows. It puts them out when the watermark passes the window's end. Output: as that of Rank, insert-only.
type WindowRank struct {
	Props
	Input     Node
	Partition []int // the window's columns are among them
	Window    Window
	Order     []SortKey
	From, To  int64
	Number    bool
	// Latest: of rows that are equal in the order the one that comes last is the first.
	Latest bool
}

// Deduplicate keeps the first or the last row of each key in time, over an insert-only input. Output: the columns
// of the input.
type Deduplicate struct {
	Props
	Input Node
	Keys  []int
	// Time is the row-time column, -1 for processing time: the order in which rows come.
	Time int
	Last bool // keep the last row, and not the first
	// UpdateBefore: somebody downstream needs -U.
	UpdateBefore bool
	TTL          time.Duration
}

// Waits reports that rows go out when the watermark has passed them: the first row by row time is known only then.
func (n *Deduplicate) Waits() bool { return !n.Last && n.Time >= 0 }

// JoinKind is the kind of a join.
type JoinKind uint8

// The kinds of join.
const (
	InnerJoin JoinKind = iota
	LeftJoin
	RightJoin
	FullJoin
	SemiJoin // rows of the left input that have a partner
	AntiJoin // those that have none
)

func (k JoinKind) String() string {
	return [...]string{"INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"}[k]
}

// KeepsLeft reports that rows of the left input without a partner go out with NULLs for the other side.
func (k JoinKind) KeepsLeft() bool { return k == LeftJoin || k == FullJoin }

// KeepsRight is KeepsLeft for the right input.
func (k JoinKind) KeepsRight() bool { return k == RightJoin || k == FullJoin }

// OnlyLeft reports that the output has the columns of the left input alone.
func (k JoinKind) OnlyLeft() bool { return k == SemiJoin || k == AntiJoin }

// Equi is the columns of a join's two inputs that must be equal, pairwise. All of them empty: every row
// meets every row, in one subtask.
type Equi struct {
	Left, Right []int
	// NullSafe: in this pair NULL equals NULL. Elsewhere a row with a NULL has no partner.
	NullSafe []bool
}

// Join is a regular join: all rows of both inputs are kept, for their partners may come at any time. Output: the
// columns of Left, then those of Right; of semi and anti joins those of Left.
type Join struct {
	Props
	Left, Right Node
	Kind        JoinKind
	Equi        Equi
	// Filter is the rest of the condition, over the columns of Left, then those of Right; nil for none.
	Filter scalar.Expr
	// LeftRetracts: the left input carries more than +I.
	LeftRetracts, RightRetracts bool
	// LeftKey is columns of the left input that tell its rows apart; nil when none are known.
	LeftKey, RightKey []int
	LeftTTL, RightTTL time.Duration
}

// IntervalJoin joins rows whose times are not further apart than given, over insert-only inputs:
//
//	left + Lower <= right <= left + Upper    (microseconds)
//
// Rows are kept until the watermark says that no partner can come. Output as that of Join, insert-only; its
// watermark runs behind its inputs' by as much as a row may be kept. ProcTime: the times are those at which rows come, and the
// clock says so.
type IntervalJoin struct {
	Props
	Left, Right         Node
	Kind                JoinKind
	Equi                Equi
	LeftTime, RightTime int // time attributes
	ProcTime            bool
	Lower, Upper        int64
	Filter              scalar.Expr // as of Join
}

// TemporalJoin joins each row of Left with the row of Right that was valid at the row's time: the one with the latest row time
// that is not after it. Right gives the versions of a key as changes; a deletion ends one. Rows of Left wait until
// the watermark has passed their time. Output as that of Join, with the change kinds of Left.
type TemporalJoin struct {
	Props
	Left, Right         Node
	Kind                JoinKind    // InnerJoin or LeftJoin
	Equi                Equi        // tells the rows of Right apart
	LeftTime, RightTime int         // row-time columns
	Filter              scalar.Expr // as of Join
	TTL                 time.Duration
}

// WindowJoin joins rows that are in the same window, over insert-only inputs that carry their windows, when the watermark passes
// the window's end. Output as that of Join, insert-only.
type WindowJoin struct {
	Props
	Left, Right             Node
	Kind                    JoinKind
	Equi                    Equi // the windows' bounds are among the keys
	LeftWindow, RightWindow Window
	Filter                  scalar.Expr // as of Join
}

// Exchange moves rows between subtasks.
type Exchange struct {
	Props
	Input Node
	// Keys: rows with equal keys go to one subtask. Empty: all rows go to one subtask.
	Keys []int
}

// Sink writes a table, or shows an interactive result.
type Sink struct {
	Props
	Input Node
	Table *catalog.Table // the interactive result has a Table of connector "collect"
	// Fields has, for every column of the input, the index into Table.Columns that it fills.
	Fields []int
	// Key is the sink's primary key as input columns; nil without one.
	Key []int
	// NotNull lists what must not be NULL: input columns whose type allows it, and what stands NOT NULL within columns
	// (nested-constraint-enforcer).
	NotNull []Place
	// Lengths lists what has a declared length that is enforced (type-length-enforcer).
	Lengths     []LengthRule
	Parallelism int // sink.parallelism, 0 when not set
	// Overwrite: INSERT OVERWRITE. What the job writes replaces what is there: of a partitioned table the partitions that it writes to.
	Overwrite bool
	// Static has the values of INSERT ... PARTITION (...) as texts, by column name; nil without. The input has the columns all the same.
	Static map[string]string
}

// LateRows stands for the rows that another operator drops as late: they come from its tasks, on no way of the plan.
type LateRows struct {
	Props
	Of    string // id of the operator
	Table string // whose rows they are
}

// LengthRule is the enforcement of a length that a sink declares.
type LengthRule struct {
	Place
	Type  types.Type // CHAR, VARCHAR, BINARY or VARBINARY, as declared
	Pad   bool       // CHAR, BINARY: too short values are padded
	Error bool       // refuse instead of trim; always so in collections
}

// Place is a column of a sink's input, or something within it.
type Place struct {
	Column int
	// Path leads into the column: the number of a field of a ROW, 0 for the elements of an ARRAY, 0 and 1 for keys and values
	// of a MAP, elements and counts of a MULTISET. Empty for the column itself.
	Path []int
}

// Inputs of each node.
func (n *Scan) Inputs() []Node               { return nil }
func (n *Values) Inputs() []Node             { return nil }
func (n *LateRows) Inputs() []Node           { return nil }
func (n *Calc) Inputs() []Node               { return []Node{n.Input} }
func (n *WindowTVF) Inputs() []Node          { return []Node{n.Input} }
func (n *SessionTVF) Inputs() []Node         { return []Node{n.Input} }
func (n *WindowRank) Inputs() []Node         { return []Node{n.Input} }
func (n *LocalAggregate) Inputs() []Node     { return []Node{n.Input} }
func (n *WindowAggregate) Inputs() []Node    { return []Node{n.Input} }
func (n *GroupAggregate) Inputs() []Node     { return []Node{n.Input} }
func (n *ChangelogNormalize) Inputs() []Node { return []Node{n.Input} }
func (n *UpsertMaterialize) Inputs() []Node  { return []Node{n.Input} }
func (n *ResolveConflicts) Inputs() []Node   { return []Node{n.Input} }
func (n *StampWatermark) Inputs() []Node     { return []Node{n.Input} }
func (n *ToChangelog) Inputs() []Node        { return []Node{n.Input} }
func (n *FromChangelog) Inputs() []Node      { return []Node{n.Input} }
func (n *Union) Inputs() []Node              { return n.Ins }
func (n *Final) Inputs() []Node              { return []Node{n.Input} }
func (n *Sort) Inputs() []Node               { return []Node{n.Input} }
func (n *Expand) Inputs() []Node             { return []Node{n.Input} }
func (n *Replicate) Inputs() []Node          { return []Node{n.Input} }
func (n *Unnest) Inputs() []Node             { return []Node{n.Input} }
func (n *Over) Inputs() []Node               { return []Node{n.Input} }
func (n *Rank) Inputs() []Node               { return []Node{n.Input} }
func (n *SortedOver) Inputs() []Node         { return []Node{n.Input} }
func (n *FinalOver) Inputs() []Node          { return []Node{n.Input} }
func (n *Deduplicate) Inputs() []Node        { return []Node{n.Input} }
func (n *Join) Inputs() []Node               { return []Node{n.Left, n.Right} }
func (n *WindowJoin) Inputs() []Node         { return []Node{n.Left, n.Right} }
func (n *IntervalJoin) Inputs() []Node       { return []Node{n.Left, n.Right} }
func (n *TemporalJoin) Inputs() []Node       { return []Node{n.Left, n.Right} }
func (n *Exchange) Inputs() []Node           { return []Node{n.Input} }
func (n *Sink) Inputs() []Node               { return []Node{n.Input} }
