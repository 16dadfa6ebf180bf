package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// Plan is what there is to know of a job's plan, as data. Its JSON form is published: docs/schema/explain.schema.json.
type Plan struct {
	Job         string     `json:"job"`
	Fingerprint string     `json:"fingerprint"` // changes when state may no longer fit
	At          string     `json:"at,omitempty"`
	Sinks       []string   `json:"sinks"`     // ids of operators
	Operators   []Operator `json:"operators"` // inputs before what they feed
	Rules       []Rule     `json:"rules"`     // of the optimizer, as they fired
}

// Operator is one operator of a plan.
type Operator struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`
	Args    []string `json:"args"` // "keys=[customer]"
	Inputs  []string `json:"inputs"`
	At      string   `json:"at,omitempty"` // file:line:column of the clause it came from
	Columns []Column `json:"columns"`
	// Mode is "insert-only", "upsert" or "retract"; Changes its letters: I, UB, UA, D.
	Mode    string   `json:"mode"`
	Changes []string `json:"changes"`
	// Updating says what made the stream one that changes rows; absent for one that does not.
	Updating  *Reason    `json:"updating,omitempty"`
	Key       []string   `json:"key,omitempty"`
	Watermark *Watermark `json:"watermark,omitempty"`
	State     *State     `json:"state,omitempty"`
	Rows      *int64     `json:"rows,omitempty"` // how many it puts out, where the text says so
	// Measured is what it did, in plans of EXPLAIN ANALYZE.
	Measured *Measured `json:"measured,omitempty"`

	node physical.Node
}

// Column is an output column.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Time string `json:"time,omitempty"` // "rowtime", "proctime"
}

// Reason is the clause that makes a stream update its rows.
type Reason struct {
	Operator string `json:"operator"` // id
	Text     string `json:"text"`
	At       string `json:"at,omitempty"`
}

// Watermark is how a source tells event time.
type Watermark struct {
	Column     string `json:"column"`
	Expr       string `json:"expr"`
	IdleMillis int64  `json:"idleMillis,omitempty"`
}

// State is what an operator remembers.
type State struct {
	What string `json:"what"` // "a row a key"
	// TTLMillis: 0 is for ever; of the two sides of a join the longer one. Absent where something else than time ends it.
	TTLMillis *int64 `json:"ttlMillis,omitempty"`
	Until     string `json:"until"` // "for ever", "7 DAY after the last change", "the window closes"
}

// Rule is a rule of the optimizer that fired.
type Rule struct {
	Name string `json:"name"`
	What string `json:"what"`
	At   string `json:"at,omitempty"`
}

// Measured is what an operator did while it ran, summed over its subtasks.
type Measured struct {
	RowsIn      int64     `json:"rowsIn"`
	RowsOut     int64     `json:"rowsOut"`
	Batches     int64     `json:"batches"`
	BusyNanos   int64     `json:"busyNanos"`
	Share       float64   `json:"share"` // of the busy time of all operators, 0 to 1
	StateBytes  int64     `json:"stateBytes,omitempty"`
	Late        int64     `json:"late,omitempty"`
	Skipped     int64     `json:"skipped,omitempty"`
	Splits      int64     `json:"splits,omitempty"` // of a source, not read to their end
	Silent      int64     `json:"idle,omitempty"`   // of these, those that are idle
	Paused      int64     `json:"paused,omitempty"` // of these, those that wait for others of their alignment group
	Parallelism int       `json:"parallelism"`
	Subtasks    []Subtask `json:"subtasks,omitempty"`
}

// Subtask is Measured of one subtask.
type Subtask struct {
	RowsIn    int64 `json:"rowsIn"`
	RowsOut   int64 `json:"rowsOut"`
	Batches   int64 `json:"batches"`
	BusyNanos int64 `json:"busyNanos"`
}

// Describe makes the description of job.
func Describe(job *physical.Job) *Plan {
	p := &Plan{Job: job.Name, Fingerprint: job.Fingerprint, At: place(job.Span), Sinks: []string{}, Operators: []Operator{}, Rules: []Rule{}}
	for _, s := range job.Sinks {
		p.Sinks = append(p.Sinks, s.ID)
		p.add(s)
	}
	for _, f := range job.Rules {
		p.Rules = append(p.Rules, Rule{f.Rule, f.What, place(f.Span)})
	}
	return p
}

// Operator is the operator called id, nil when there is none.
func (p *Plan) Operator(id string) *Operator {
	for i := range p.Operators {
		if p.Operators[i].ID == id {
			return &p.Operators[i]
		}
	}
	return nil
}

// add appends n and what is below it, inputs first, unless it is there.
func (p *Plan) add(n physical.Node) {
	base := n.Base()
	if p.Operator(base.ID) != nil {
		return
	}
	o := Operator{ID: base.ID, Kind: Kind(n), Args: arguments(n), Inputs: []string{}, At: place(base.Span), Columns: []Column{},
		Mode: mode(n), Changes: strings.Split(strings.Trim(letters(n), "[]"), ","), State: stateOf(n), node: n}
	for _, in := range n.Inputs() {
		p.add(in)
		o.Inputs = append(o.Inputs, in.Base().ID)
	}
	for _, c := range base.Columns {
		col := Column{Name: c.Name, Type: c.Type.String()}
		switch c.Time {
		case catalog.RowTime:
			col.Time = "rowtime"
		case catalog.ProcTime:
			col.Time = "proctime"
		}
		o.Columns = append(o.Columns, col)
	}
	for _, k := range base.Changelog.Key {
		if k < len(base.Columns) {
			o.Key = append(o.Key, base.Columns[k].Name)
		}
	}
	if from := updatedBy(n); from != nil {
		o.Updating = &Reason{from.Base().ID, updates(from), place(from.Base().Span)}
	}
	if s, ok := n.(*physical.Scan); ok && s.Watermark != nil {
		w := s.Watermark
		o.Watermark = &Watermark{w.Name, scalar.Format(w.Expr, false), w.Idle.Milliseconds()}
	}
	if n, ok := known(n); ok {
		o.Rows = &n
	}
	p.Operators = append(p.Operators, o)
}

// place is a span as file:line:column; "" for one that is not known.
func place(s diag.Span) string {
	if s.IsZero() {
		return ""
	}
	return s.String()
}

func mode(n physical.Node) string {
	switch n.Base().Changelog.Mode {
	case catalog.Upsert:
		return "upsert"
	case catalog.Retract:
		return "retract"
	}
	return "insert-only"
}

// updatedBy is the operator that made the stream of n one that changes rows: the first on the way up from the sources; nil
// when rows are only added.
func updatedBy(n physical.Node) physical.Node {
	if n.Base().Changelog.Mode == catalog.InsertOnly {
		return nil
	}
	for _, in := range n.Inputs() {
		if from := updatedBy(in); from != nil {
			return from
		}
	}
	return n
}

// updates says why n changes rows that it has put out.
func updates(n physical.Node) string {
	switch n := n.(type) {
	case *physical.Scan:
		return "table " + scalar.QuoteName(n.Table.Name) + " is a stream of changes"
	case *physical.GroupAggregate:
		text := strings.ToUpper(n.Span.Text())
		switch {
		case len(n.Keys) == 0:
			return "an aggregate without GROUP BY updates its one row with every row that comes"
		case strings.HasPrefix(text, "UNION"):
			return "UNION without ALL drops duplicates: whether a row stays may change later"
		case strings.HasPrefix(text, "INTERSECT"), strings.HasPrefix(text, "EXCEPT"):
			return text + " lets a row through or not by the rows of the other query, and more of them may come"
		case len(n.Aggs) == 0 && strings.HasPrefix(text, "SELECT"):
			return "SELECT DISTINCT drops duplicates: whether a row stays may change later"
		}
		return "GROUP BY without a window updates the row of a key whenever another row of it comes"
	case *physical.SortedOver:
		return "a row that comes or goes changes the results of those behind it in the order"
	case *physical.Rank:
		return "a row that comes into the first rows of its partition drives another one out"
	case *physical.Deduplicate:
		return "a row of a key that comes later may replace the one that was kept"
	case *physical.Join:
		if n.Kind == physical.AntiJoin {
			return "a row without a partner goes out and is taken back when one comes"
		}
		return "a row without a partner goes out with NULLs and is taken back when one comes"
	}
	return Kind(n) + " updates its earlier results"
}

// stateOf is what n remembers; nil for an operator without state.
func stateOf(n physical.Node) *State {
	kept := func(what string, ttl time.Duration) *State {
		ms := ttl.Milliseconds()
		s := &State{What: what, TTLMillis: &ms, Until: "for ever"}
		if ttl > 0 {
			s.Until = length(ttl.Microseconds()) + " after the last change of the key"
		}
		return s
	}
	switch n := n.(type) {
	case *physical.WindowJoin:
		return &State{What: "the rows of both sides in open windows", Until: "the watermark passes the end of the window"}
	case *physical.WindowRank:
		return &State{What: fmt.Sprintf("the first %d rows of each key and open window", n.To), Until: "the watermark passes the end of the window"}
	case *physical.SessionTVF:
		return &State{What: "the rows of open sessions", Until: "the watermark passes the end of the session"}
	case *physical.WindowAggregate:
		if sessions(n) {
			return &State{What: "the aggregates of each key and open session", Until: "the watermark passes the end of the session"}
		}
		return &State{What: "the aggregates of each key and open window", Until: "the watermark passes the end of the window"}
	case *physical.GroupAggregate:
		return kept("the aggregates of each key", n.TTL)
	case *physical.ChangelogNormalize:
		return kept("the last row of each key", n.TTL)
	case *physical.UpsertMaterialize:
		return kept("all rows of each key of the sink", n.TTL)
	case *physical.ResolveConflicts:
		return kept("one row of each key of the sink, and changes until the watermark", n.TTL)
	case *physical.Over:
		s := kept("the aggregates of each partition", n.TTL)
		if n.Preceding >= 0 {
			s.What = "the aggregates of each partition and the rows of its frame"
		}
		if d, ok := n.Forgotten(); ok {
			s.Until = length(d) + " after the last row of a partition"
		}
		return s
	case *physical.Match:
		s := &State{What: "the rows of matches that have begun", Until: "no match can go on with them"}
		if n.Within > 0 {
			s.Until = length(n.Within) + " after the first row of a match"
		}
		return s
	case *physical.FinalOver:
		return &State{What: "all rows", Until: "the input ends"}
	case *physical.SortedOver:
		return kept("all rows of each partition", n.TTL)
	case *physical.Final:
		return &State{What: "the rows of the result", Until: "the input ends"}
	case *physical.Sort:
		return &State{What: "the rows that wait for their turn", Until: "the watermark passes them"}
	case *physical.Rank:
		if n.InputRetracts {
			return kept("all rows of each partition", n.TTL)
		}
		return kept(fmt.Sprintf("the first %d rows of each partition", n.To), n.TTL)
	case *physical.Deduplicate:
		if n.Waits() {
			return kept("which keys have had their row, and rows until the watermark passes them", n.TTL)
		}
		return kept("one row of each key", n.TTL)
	case *physical.Join:
		left, right := kept("all rows of both sides", n.LeftTTL), kept("", n.RightTTL)
		if n.LeftTTL == n.RightTTL {
			return left
		}
		left.Until = "left: " + left.Until + "; right: " + right.Until
		if n.LeftTTL > 0 && (n.RightTTL == 0 || n.RightTTL > n.LeftTTL) {
			left.TTLMillis = right.TTLMillis
		}
		return left
	case *physical.LookupJoin:
		if n.Keep != nil {
			return kept("of each row what was found for it", n.TTL)
		}
		if n.Waits() {
			return &State{What: "rows whose key has no row in " + n.Lookup.Table.Name, Until: "they have been asked for often enough"}
		}
		return nil
	case *physical.TemporalJoin:
		return kept("rows until the watermark passes them, and of each key its last version", n.TTL)
	case *physical.IntervalJoin:
		return &State{What: "the rows of both sides", Until: "the watermark says that no partner can come"}
	}
	return nil
}

// known is how many rows n puts out, where the text of the job says so.
func known(n physical.Node) (int64, bool) {
	switch n := n.(type) {
	case *physical.Values:
		return int64(len(n.Rows)), true
	case *physical.Scan:
		if v, ok := n.Table.Options.Get("number-of-rows"); ok && n.Table.Connector == "datagen" {
			var rows int64
			if _, err := fmt.Sscan(v, &rows); err == nil {
				return rows, true
			}
		}
		return 0, false
	case *physical.Calc:
		if n.Filter != nil {
			return 0, false
		}
	case *physical.Exchange, *physical.Sink:
	case *physical.Union:
		var sum int64
		for _, in := range n.Ins {
			rows, ok := known(in)
			if !ok {
				return 0, false
			}
			sum += rows
		}
		return sum, true
	default:
		return 0, false
	}
	return known(n.Inputs()[0])
}

func rows(n physical.Node) string {
	if r, ok := known(n); ok {
		return fmt.Sprint(r)
	}
	return "unknown"
}

// advice is something about an operator that could be better.
type advice struct {
	node physical.Node
	text string
}

// advise looks for what a job's author may not have meant. What is wrong is a finding of the check and is not repeated.
func advise(job *physical.Job) []advice {
	var out []advice
	for n := range job.Nodes() {
		say := func(format string, args ...any) { out = append(out, advice{n, fmt.Sprintf(format, args...)}) }
		if s := stateOf(n); s != nil && s.TTLMillis != nil && *s.TTLMillis == 0 {
			if _, finite := known(n.Inputs()[0]); !finite {
				say("%s keeps %s for ever; SET 'table.exec.state.ttl' if keys that were not seen for so long may start anew", Kind(n), s.What)
			}
		}
		switch n := n.(type) {
		case *physical.Exchange:
			if len(n.Keys) == 0 && !trivial(n.Input) {
				say("all rows go through one subtask, since there is no key to spread them by; GROUP BY one, or aggregate by a finer key first")
			}
		case *physical.UpsertMaterialize:
			say("the PRIMARY KEY of the sink, %s, is not the key of the query%s: all rows of each key are kept to find the last one; "+
				"a sink with the query's key needs no state", pick(n.Columns, n.Keys), queryKey(n.Input))
		case *physical.Scan:
			if w := n.Watermark; w != nil && w.Idle == 0 {
				say("a partition of %s without rows holds back all windows; SET 'table.exec.source.idle-timeout' = '30 s' lets the others go on", scalar.QuoteName(n.Table.Name))
			}
		}
	}
	return slices.Clip(out)
}

// trivial reports an input of a few rows that stand in the text.
func trivial(n physical.Node) bool {
	_, ok := known(n)
	return ok
}

func queryKey(n physical.Node) string {
	for {
		if k := n.Base().Changelog.Key; k != nil {
			return ", " + pick(n.Base().Columns, k)
		}
		x, ok := n.(*physical.Exchange)
		if !ok {
			return ""
		}
		n = x.Input
	}
}
