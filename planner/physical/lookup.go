package physical

import (
	"time"

	"weir/planner/catalog"
	"weir/planner/scalar"
)

// LookupJoin asks a table, for each row of Input when it comes, for the rows with its key. Output: the columns of Input, then
// those of Lookup, with the change kinds of Input.
type LookupJoin struct {
	Props
	Input Node
	Kind  JoinKind // InnerJoin or LeftJoin
	// Keys are columns of Input, each compared with the column of the same place in Lookup.Keys; never empty. A row with a NULL in
	// them has no partner.
	Keys   []int
	Lookup Lookup
	Filter scalar.Expr // the rest of the condition, over the columns of Input, then those of Lookup; nil for none
	// Keep are the columns of Input that say which row is taken back: what was found for a row is kept in the state by them for TTL (0: for
	// ever), and taken back with it. nil: nothing is kept, and a row that is taken back is looked up anew.
	Keep []int
	TTL  time.Duration
}

// Lookup is a table that is asked for rows by key.
type Lookup struct {
	Table *catalog.Table
	// Fields has the index into Table.Columns of every column that is read, in Columns' order; never a computed one.
	Fields  []int
	Columns []Column
	Keys    []int // of Columns
	// What a row that was found goes through: a condition and a projection over Columns. Exprs is nil where Columns are handed
	// on as they are.
	Filter scalar.Expr
	Exprs  []scalar.Expr
	Output []Column // of Exprs, or Columns

	Concurrent bool          // several requests at once (async)
	Unordered  bool          // a row that is asked for again does not hold back those behind it
	Capacity   int           // rows that may wait for their answer
	Timeout    time.Duration // of the requests for a batch of rows, repetitions and their pauses apart; 0: none
	Shuffle    bool          // rows are spread by their key first, so that each is asked for in one subtask
	// Retry is how often a key without a row is asked for again, each time Delay later.
	Retry int
	Delay time.Duration
	Cache LookupCache
}

// CacheMode is lookup.cache.
type CacheMode uint8

// The modes.
const (
	NoCache      CacheMode = iota
	PartialCache           // answers are kept for a while
	FullCache              // the whole table is read, again and again
)

func (m CacheMode) String() string { return [...]string{"NONE", "PARTIAL", "FULL"}[m] }

// LookupCache says which answers are kept.
type LookupCache struct {
	Mode CacheMode
	// Of PartialCache: the most keys, 0: any number; how long after it came, or was last used, an answer holds, 0: for ever; and
	// whether it is kept that a key has no row.
	MaxRows                 int64
	AfterWrite, AfterAccess time.Duration
	Missing                 bool
	// Of FullCache: how long after the last time the table is read again, 0: never.
	Reload time.Duration
	// AtTime: it is read again at this time of the day in UTC, every so many Days; Reload is 0 then.
	AtTime time.Duration
	Days   int
}

// Waits reports that rows whose key is to be asked for again are kept in state, and do not hold up the others.
func (n *LookupJoin) Waits() bool { return n.Lookup.Retry > 0 && n.Lookup.Unordered }

// Stateful reports that the join keeps rows in state.
func (n *LookupJoin) Stateful() bool { return n.Waits() || n.Keep != nil }

// Scan is the scan of the whole table, for FullCache.
func (l *Lookup) Scan(id string) *Scan {
	return &Scan{Props: Props{ID: id, Columns: l.Columns, Span: l.Table.NameSpan}, Table: l.Table, Fields: l.Fields}
}

// Inputs of the node; the table that is asked is none.
func (n *LookupJoin) Inputs() []Node { return []Node{n.Input} }
