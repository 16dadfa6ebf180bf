// Package runtimetest is the surroundings of a job in memory, for the tests of the runtime and for those that users write
// (weir test): tables that are read by offset, with changes, watermarks and idleness where a test wants them; sinks of every
// kind; and a transactional cluster with marker, owner and fencing whose
// failures a test chooses. A World outlives the runs of a job, as a broker does; whatever an instance
// has not committed goes when the instance is closed.
package runtimetest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
)

// World is everything outside a job. All methods may be called from any goroutine.
type World struct {
	// Fault, when set before a run, is called with "peek", "claim", "commit" (nothing is done yet), "committed"
	// (done, not yet told), "flush", "discover", "poll" and "write"; an error it returns is what the caller gets.
	Fault func(op string) error
	// BatchRows is the most rows of one Poll; 0: batch.TargetRows.
	BatchRows int
	// Pace, when not 0, is how many rows a split gives in one epoch: the next ones come when the epoch is committed.
	Pace int
	// Timeout is the transaction timeout; 0: one minute.
	Timeout time.Duration
	// Now is the clock of transactions; nil: time.Now.
	Now func() time.Time
	// Guarantee, when set, says how each table is written, in the words of Sink; otherwise its option 'guarantee' does.
	Guarantee func(t *catalog.Table) string
	// Identity is what committers fix in the first manifest.
	Identity string

	mu         sync.Mutex
	changed    *sync.Cond
	inputs     map[string]*input
	outputs    map[string][]Change
	staged     map[string][]Change // side data of file-like sinks: name -> rows
	marker     *exec.Marker
	owner      string
	generation int // of the transactional id
	turn       int // of the entries that may be read now; see Turns
	turns      int // the last one that any entry has
	claims     int
	commits    int
	told       map[string]map[string]int // by table and split: positions passed to Committed
}

// Change is one row that a sink has got.
type Change struct {
	Kind  batch.ChangeKind
	Row   []types.Value
	Epoch exec.Epoch
	Sink  string // the plan node that wrote it: several may write to one table
}

func (c Change) String() string {
	return c.Kind.String() + Format(c.Row)
}

// Format prints a row as [1, a, NULL].
func Format(row []types.Value) string {
	s := make([]string, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case nil:
			s[i] = "NULL"
		case []byte:
			s[i] = string(v)
		default:
			s[i] = fmt.Sprint(v)
		}
	}
	return "[" + strings.Join(s, ", ") + "]"
}

type input struct {
	name    string
	bounded bool
	held    bool // bounded, and its end has not come
	unpaced bool
	splits  []*split
	readers map[*reader]bool
}

type split struct {
	id   string
	rows []entry
	open int // with Pace: rows that may be read now
}

// entry is what stands at one position of a split: a row, or news of event time.
type entry struct {
	kind  batch.ChangeKind
	row   []types.Value // nil: progress
	wm    exec.Watermark
	idles bool
	turn  int // it is not read before this turn
}

// until is where the entries of sp end that may be read in a turn, from an entry on that may.
func (sp *split) until(from, turn int) int {
	for from < len(sp.rows) && sp.rows[from].turn <= turn {
		from++
	}
	return from
}

// New is an empty world.
func New() *World {
	w := &World{inputs: map[string]*input{}, outputs: map[string][]Change{}, staged: map[string][]Change{}, told: map[string]map[string]int{}}
	w.changed = sync.NewCond(&w.mu)
	return w
}

// Table makes a table with the given number of splits, named <table>-0 and so on.
func (w *World) Table(name string, bounded bool, splits int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := &input{name: name, bounded: bounded, readers: map[*reader]bool{}}
	for i := range splits {
		in.splits = append(in.splits, &split{id: fmt.Sprintf("%s-%d", name, i), open: w.Pace})
	}
	w.inputs[name] = in
}

// Unpaced lets a table be read without regard to Pace: one that is not read for its rows, but whenever a join wants it as a whole.
func (w *World) Unpaced(table string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inputs[table].unpaced = true
}

// AddSplit adds a split to a table.
func (w *World) AddSplit(table string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := w.inputs[table]
	in.splits = append(in.splits, &split{id: fmt.Sprintf("%s-%d", table, len(in.splits)), open: w.Pace})
}

// Append adds rows to a split; a row has a value for every column of the table that is scanned.
func (w *World) Append(table string, split int, rows ...[]types.Value) {
	es := make([]entry, len(rows))
	for i, r := range rows {
		es[i] = entry{row: r}
	}
	w.append(table, split, es)
}

// AppendInTurn adds a row of any kind that is not read before its turn, a number from 1 on; see Turns.
func (w *World) AppendInTurn(table string, split, turn int, kind batch.ChangeKind, row []types.Value) {
	w.mu.Lock()
	w.turns = max(w.turns, turn)
	w.mu.Unlock()
	w.append(table, split, []entry{{kind: kind, row: row, turn: turn}})
}

// Turns goes back to the first turn, for a run of a job that is to begin, and returns what is to be called beside that run: it has the rows of
// AppendInTurn read turn by turn, those of one when what came before, in all tables, has been read by every scan, and settle has returned. So
// what is read again comes in the same order. It returns nil when there are no more turns, else the cause of ctx's end or the error of settle.
func (w *World) Turns(scans map[string]int) func(ctx context.Context, settle func(context.Context) error) error {
	begin := func(turn int) (last bool) {
		w.mu.Lock()
		w.turn = turn
		last = turn >= w.turns
		w.mu.Unlock()
		for t := range scans {
			w.Wake(t)
		}
		return last
	}
	last := begin(0)
	return func(ctx context.Context, settle func(context.Context) error) error {
		for turn := 1; !last; turn++ {
			for t, n := range scans {
				if err := w.AwaitRead(ctx, t, n); err != nil {
					return err
				}
			}
			if err := settle(ctx); err != nil {
				return err
			}
			last = begin(turn)
		}
		return nil
	}
}

// AppendChange adds a row of any kind to a split.
func (w *World) AppendChange(table string, split int, kind batch.ChangeKind, row []types.Value) {
	w.append(table, split, []entry{{kind: kind, row: row}})
}

// Advance promises, behind the rows so far, that no row of the split with an earlier or equal event time follows.
func (w *World) Advance(table string, split int, wm exec.Watermark) {
	w.append(table, split, []entry{{wm: wm}})
}

// Idle says, behind the rows so far, that watermarks are not to wait for the split until its next row.
func (w *World) Idle(table string, split int) {
	w.append(table, split, []entry{{wm: exec.MinWatermark, idles: true}})
}

// Entry is one thing that a table is given.
type Entry struct {
	Kind batch.ChangeKind
	Row  []types.Value // a value for each column of the table; nil: news of event time

	Watermark int64 // microseconds of the row time's own clock
	Idle      bool
}

// Give adds entries to a split, all at once.
func (w *World) Give(table string, split int, xs ...Entry) {
	es := make([]entry, len(xs))
	for i, x := range xs {
		switch {
		case x.Row != nil:
			es[i] = entry{kind: x.Kind, row: x.Row}
		case x.Idle:
			es[i] = entry{wm: exec.MinWatermark, idles: true}
		default:
			es[i] = entry{wm: exec.Watermark(x.Watermark)}
		}
	}
	w.append(table, split, es)
}

func (w *World) append(table string, split int, es []entry) {
	w.mu.Lock()
	in := w.inputs[table]
	in.splits[split].rows = append(in.splits[split].rows, es...)
	w.mu.Unlock()
	w.Wake(table)
}

// Wake makes the table's readers look at the world at once.
func (w *World) Wake(table string) {
	w.mu.Lock()
	var wake []*reader
	for r := range w.inputs[table].readers {
		wake = append(wake, r)
	}
	w.mu.Unlock()
	for _, r := range wake {
		r.Wake()
	}
}

// Hold keeps a bounded table from ending where its rows end now: rows may follow until End.
func (w *World) Hold(table string) {
	w.mu.Lock()
	w.inputs[table].held = true
	w.mu.Unlock()
}

// End makes a table bounded, and ends one that was held.
func (w *World) End(table string) {
	w.mu.Lock()
	in := w.inputs[table]
	in.bounded, in.held = true, false
	w.mu.Unlock()
	w.Wake(table)
}

// AwaitRead returns when everything in the table whose turn has come has been given to each of the scans that read it, or with the cause of
// ctx's end. Runner.Settle then tells when it has been processed.
func (w *World) AwaitRead(ctx context.Context, table string, scans int) error {
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed.Broadcast()
	})
	defer stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	in := w.inputs[table]
	for !in.read(scans, w.turn) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		w.changed.Wait()
	}
	return nil
}

// read reports whether each split has been read as far as it may in a turn, as many times as there are scans.
func (in *input) read(scans, turn int) bool {
	there := 0
	for r := range in.readers {
		for _, s := range r.splits {
			if s.at < s.sp.until(s.at, turn) && !s.paused || s.idles {
				return false
			}
			there++
		}
	}
	return there == scans*len(in.splits)
}

// Output is the committed rows of a table, in order.
func (w *World) Output(table string) []Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.outputs[table])
}

// Lines is Output as text.
func (w *World) Lines(table string) []string {
	out := w.Output(table)
	s := make([]string, len(out))
	for i, c := range out {
		s[i] = c.String()
	}
	return s
}

// Sorted is Lines in sorted order.
func (w *World) Sorted(table string) []string {
	s := w.Lines(table)
	sort.Strings(s)
	return s
}

// AwaitOutput returns when a table has at least n committed rows.
func (w *World) AwaitOutput(table string, n int) {
	w.await(func() bool { return len(w.outputs[table]) >= n })
}

// AwaitCommits returns when n transactions have been committed in all.
func (w *World) AwaitCommits(n int) {
	w.await(func() bool { return w.commits >= n })
}

// patience is how long await waits before it gives the test up.
const patience = 5 * time.Minute

func (w *World) await(there func() bool) {
	over := false
	t := time.AfterFunc(patience, func() {
		w.mu.Lock()
		over = true
		w.mu.Unlock()
		w.changed.Broadcast()
	})
	defer t.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for !there() {
		if over {
			panic("what the test waits for does not come")
		}
		w.changed.Wait()
	}
}

// Marker is the marker; nil when there is none.
func (w *World) Marker() *exec.Marker {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.marker == nil {
		return nil
	}
	m := *w.marker
	return &m
}

// SetMarker overwrites the marker; nil forgets it, as a broker does after offsets.retention.minutes.
func (w *World) SetMarker(m *exec.Marker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marker = m
}

// Expire aborts the open transaction, as a broker does after the transaction timeout.
func (w *World) Expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.generation++
}

// Claims counts how often an instance has claimed the transactional id.
func (w *World) Claims() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.claims
}

// Told is the position that a source was last told as committed; -1: none.
func (w *World) Told(table, split string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n, ok := w.told[table][split]; ok {
		return n
	}
	return -1
}

func (w *World) now() time.Time {
	if w.Now == nil {
		return time.Now()
	}
	return w.Now()
}

func (w *World) fault(op string) error {
	if w.Fault == nil {
		return nil
	}
	return w.Fault(op)
}

// Source makes the source of a Scan by its table's name.
func (w *World) Source(scan *physical.Scan, _ *config.Config, _ *slog.Logger) (exec.SourceSpec, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := w.inputs[scan.Table.Name]
	if in == nil {
		return nil, fmt.Errorf("table %s is not in the test's world", scan.Table.Name)
	}
	return &source{w: w, in: in, scan: scan}, nil
}

// Sink makes the sink of a table. Its option 'guarantee' is exactly-once (the default: in the world's
// transactions), at-least-once (rows become visible as they are flushed), none (as they are written), or files (staged at the
// flush, visible after the commit, as a file that is renamed).
func (w *World) Sink(s *physical.Sink, _ *config.Config, _ *slog.Logger) (exec.SinkSpec, error) {
	g, ok := s.Table.Options.Get("guarantee")
	switch {
	case w.Guarantee != nil:
		g = w.Guarantee(s.Table)
	case !ok:
		g = "exactly-once"
	}
	spec := &sink{w: w, table: s.Table.Name, id: s.ID, guarantee: g}
	if g == "files" {
		return &fileSink{spec}, nil
	}
	return spec, nil
}

var _ exec.Connectors = (*World)(nil)
