// Package datagen is the connector "datagen": a source of random values and sequences.
//
// A row is a pure function of the seed, the split and the row's number, so that a replay after
// a restart gives the same rows again. The generator has one split for each subtask; the rows
// of a split are numbers index, index+n, index+2n, ... of the whole. Times follow a clock that
// starts with the first epoch and advances with the row numbers at rows-per-second: it is the
// present while the job keeps up, and the same again when rows are replayed.
package datagen

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"

	"weir/connectors/formats"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
)

// Connector is the connector for an exec.Registry.
func Connector() exec.Connector {
	return exec.Connector{Name: "datagen", Source: func(s *physical.Scan, cfg *config.Config, _ *slog.Logger) (exec.SourceSpec, error) {
		return newSource(s, cfg, time.Now, newSeed)
	}}
}

func newSeed() (uint64, error) {
	var b [8]byte
	_, err := crand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

type source struct {
	table   string
	columns []column
	types   []types.Type
	rate    int64 // rows a second, of all splits
	limit   int64 // rows in all, -1 without end
	splits  int   // at the first start
	now     func() time.Time
	seed    func() (uint64, error)
}

func newSource(s *physical.Scan, cfg *config.Config, now func() time.Time, seed func() (uint64, error)) (*source, error) {
	g := &source{table: s.Table.Name, rate: 10000, limit: -1, now: now, seed: seed, splits: s.Parallelism}
	if g.splits == 0 {
		g.splits = cfg.Int(config.Parallelism)
	}
	if g.splits <= 0 {
		g.splits = runtime.GOMAXPROCS(0)
	}
	number := func(key string, def int64) (int64, error) {
		v, ok := s.Table.Options.Get(key)
		if !ok {
			return def, nil
		}
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("table %s: '%s' must be a whole number, found '%s'", s.Table.Name, key, v)
		}
		return n, nil
	}
	var err error
	if g.rate, err = number("rows-per-second", g.rate); err != nil {
		return nil, err
	}
	if g.rate < 1 {
		return nil, fmt.Errorf("table %s: 'rows-per-second' must be at least 1", s.Table.Name)
	}
	if g.limit, err = number("number-of-rows", -1); err != nil {
		return nil, err
	}
	// Every column counts for the end of the sequences, also one that the query does not read.
	for _, c := range formats.ScanColumns(s) {
		col, err := newColumn(c, s.Table.Options, cfg.Zone())
		if err != nil {
			return nil, fmt.Errorf("table %s, column %s: %w", s.Table.Name, c.Name, err)
		}
		if col.sequence {
			if n := col.hi - col.lo + 1; g.limit < 0 || n < g.limit {
				g.limit = max(n, 0)
			}
		}
		if c.Index >= 0 {
			g.columns = append(g.columns, col)
		}
	}
	for _, f := range s.Columns {
		g.types = append(g.types, f.Type)
	}
	return g, nil
}

// position is the state of a split.
type position struct {
	Seed   uint64 `json:"seed"`
	Index  int64  `json:"index"`  // which of the splits
	Of     int64  `json:"of"`     // how many there are
	Next   int64  `json:"next"`   // number of the next row within the split
	Origin int64  `json:"origin"` // what the clock shows at row 0, microseconds UTC
}

func (p *position) encode(id string) exec.Split {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // a struct of integers
	}
	return exec.Split{ID: id, State: b}
}

// Discover makes the splits at the first start; there are never new ones.
func (g *source) Discover(_ context.Context, known []exec.Split) ([]exec.Split, error) {
	if len(known) > 0 {
		return nil, nil
	}
	seed, err := g.seed()
	if err != nil {
		return nil, fmt.Errorf("table %s: seed of the generator: %w", g.table, err)
	}
	out := make([]exec.Split, g.splits)
	for i := range out {
		p := position{Seed: seed, Index: int64(i), Of: int64(g.splits), Origin: g.now().UnixMicro()}
		out[i] = p.encode(fmt.Sprintf("datagen-%d", i))
	}
	return out, nil
}

func (g *source) DiscoveryInterval() time.Duration { return 0 }
func (g *source) Bounded() bool                    { return g.limit >= 0 }
func (g *source) Close() error                     { return nil }

func (g *source) Committed(context.Context, exec.Epoch, []exec.Split) error { return nil }

func (g *source) Reader(ctx *exec.TaskContext) (exec.SourceReader, error) {
	return &reader{source: g, ctx: ctx, Waker: exec.NewWaker(), batch: batch.New(g.types, batch.TargetRows)}, nil
}

type reader struct {
	*source
	exec.Waker
	ctx    *exec.TaskContext
	splits []*split
	turn   int // the split that goes first at the next Poll
	batch  *batch.Batch
	out    exec.SourceBatch
}

type split struct {
	id     string
	pos    position
	limit  int64 // rows of this split, -1 without end
	paused bool
	// Pacing: from begin on, rows numbered from base fall due at the split's share of the rate.
	begin time.Time
	base  int64
}

func (r *reader) AddSplits(splits []exec.Split) error {
	for _, s := range splits {
		p := &split{id: s.ID, limit: -1, begin: r.now()}
		if err := json.Unmarshal(s.State, &p.pos); err != nil || p.pos.Of < 1 {
			return exec.Fatalf("", "restore split "+s.ID+" of table "+r.table, fmt.Errorf("state not understood: %q", s.State))
		}
		p.base = p.pos.Next
		if r.source.limit >= 0 {
			p.limit = max(0, (r.source.limit-p.pos.Index+p.pos.Of-1)/p.pos.Of)
		}
		r.splits = append(r.splits, p)
	}
	return nil
}

// tick is how long rows are gathered before a batch is put out.
const tick = 10 * time.Millisecond

// due is how many rows of s may be put out at now, and when the next ones may be.
func (r *reader) due(s *split, now time.Time) (n int64, next time.Duration) {
	if s.paused || s.limit >= 0 && s.pos.Next >= s.limit {
		return 0, -1
	}
	rate := float64(r.rate) / float64(s.pos.Of)
	elapsed := now.Sub(s.begin)
	if elapsed > time.Second && float64(s.pos.Next-s.base) < (elapsed.Seconds()-1)*rate {
		// More than a second behind: what was missed is not made up for in a burst.
		s.begin, s.base = now.Add(-time.Second), s.pos.Next
		elapsed = time.Second
	}
	ready := int64(math.Min(elapsed.Seconds()*rate, math.MaxInt32)) + s.base - s.pos.Next
	if ready > 0 && s.limit >= 0 {
		ready = min(ready, s.limit-s.pos.Next)
	}
	if ready > 0 {
		return ready, 0
	}
	at := time.Duration(float64(s.pos.Next-s.base+1) / rate * float64(time.Second))
	return 0, max(at-elapsed, min(tick, time.Duration(float64(batch.TargetRows)/rate*float64(time.Second))))
}

func (r *reader) Poll(ctx context.Context, wait time.Duration) (*exec.SourceBatch, error) {
	deadline := r.now().Add(wait)
	for {
		now := r.now()
		r.batch.Reset()
		r.out.Runs = r.out.Runs[:0]
		next := time.Duration(-1)
		for k := range r.splits {
			i := (r.turn + k) % len(r.splits)
			s := r.splits[i]
			n, in := r.due(s, now)
			if room := int64(batch.TargetRows - r.batch.N); n > room {
				n = room
			}
			if n > 0 {
				from := r.batch.N
				r.fill(s, int(n))
				r.out.Runs = append(r.out.Runs, exec.SplitRun{Split: i, From: from, To: r.batch.N})
			} else if in >= 0 && (next < 0 || in < next) {
				next = in
			}
		}
		if len(r.splits) > 0 {
			r.turn = (r.turn + 1) % len(r.splits)
		}
		if r.batch.N > 0 {
			r.out.Batch = r.batch
			return &r.out, nil
		}
		left := deadline.Sub(now)
		if left <= 0 {
			return nil, nil
		}
		if next >= 0 && next < left {
			left = next
		}
		if woken, err := r.ctx.Metrics.Wait(ctx, left, r.Waker); woken || err != nil {
			return nil, err
		}
	}
}

// fill appends the next n rows of s.
func (r *reader) fill(s *split, n int) {
	rate := float64(r.rate) / float64(s.pos.Of)
	for range n {
		row := s.pos.Next
		global := row*s.pos.Of + s.pos.Index
		clock := s.pos.Origin + int64(float64(row)/rate*1e6)
		seed := mix(s.pos.Seed ^ mix(uint64(global)))
		for c := range r.columns {
			col := &r.columns[c]
			col.append(r.batch.Cols[col.index], global, clock, seed)
		}
		s.pos.Next++
	}
	r.batch.N += n
}

func (r *reader) Positions() []exec.Split {
	out := make([]exec.Split, len(r.splits))
	for i, s := range r.splits {
		out[i] = s.pos.encode(s.id)
	}
	return out
}

func (r *reader) Done() []int {
	var out []int
	for i, s := range r.splits {
		if s.limit >= 0 && s.pos.Next >= s.limit {
			out = append(out, i)
		}
	}
	return out
}

// Pause leaves a split out of the next batches.
func (r *reader) Pause(split int, paused bool) error {
	r.splits[split].paused = paused
	return nil
}

// Locate says which row of the generator a row of the last batch is.
func (r *reader) Locate(row int) string {
	for _, run := range r.out.Runs {
		if row >= run.From && row < run.To {
			s := r.splits[run.Split]
			n := s.pos.Next - int64(run.To-row)
			return fmt.Sprintf("%s row %d", r.table, n*s.pos.Of+s.pos.Index)
		}
	}
	return r.table
}

func (r *reader) Close() error { return nil }

// mix is the finaliser of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
