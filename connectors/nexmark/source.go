package nexmark

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"weir/connectors/formats"
	"weir/connectors/spec"
	"weir/exec"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
)

// Connector is the connector for an exec.Registry.
func Connector() exec.Connector {
	return exec.Connector{Name: "nexmark", Source: func(s *physical.Scan, cfg *config.Config, _ *slog.Logger) (exec.SourceSpec, error) {
		return newSource(s, cfg, time.Now)
	}}
}

type source struct {
	table   string
	options *spec.NexmarkOptions
	kinds   [bid + 1]bool // which events are rows
	columns []column
	types   []types.Type
	splits  int // at the first start
	now     func() time.Time
}

// column is one column of the scan's output.
type column struct {
	vector int // in the batch
	kind   kind
	fill   fill     // nil for event_type and for a ROW
	fields []column // of a ROW; vector is the child
}

func newSource(s *physical.Scan, cfg *config.Config, now func() time.Time) (*source, error) {
	o, err := spec.ReadNexmark(s.Table)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", s.Table.Name, err)
	}
	n := &source{table: s.Table.Name, options: o, splits: s.Parallelism, now: now}
	if n.splits == 0 {
		n.splits = cfg.Int(config.Parallelism)
	}
	if n.splits <= 0 {
		n.splits = runtime.GOMAXPROCS(0)
	}
	only, single := map[string]kind{"person": person, "auction": auction, "bid": bid}[o.Table]
	for k := range n.kinds {
		n.kinds[k] = !single || kind(k) == only
	}
	for _, c := range formats.ScanColumns(s) {
		if c.Index < 0 {
			continue
		}
		col := column{vector: c.Index, kind: only}
		switch {
		case single:
			col.fill = fills[only][c.Name]
		case c.Type.Kind == types.Row:
			col.kind = map[string]kind{"person": person, "auction": auction, "bid": bid}[c.Name]
			col.fields = []column{}
			for i, f := range c.Read.Nested.Fields { // those that the query reads
				col.fields = append(col.fields, column{vector: i, kind: col.kind, fill: fills[col.kind][f.Name]})
			}
		}
		n.columns = append(n.columns, col)
	}
	for _, f := range s.Columns {
		n.types = append(n.types, f.Type)
	}
	return n, nil
}

// position is the state of a split.
type position struct {
	Index  int64 `json:"index"`  // which of the splits
	Of     int64 `json:"of"`     // how many there are
	Block  int64 `json:"block"`  // so many events in a row belong to one split, then the next ones to another
	Next   int64 `json:"next"`   // place of the next event within the split
	Origin int64 `json:"origin"` // when event 0 happens, milliseconds since 1970
}

// place is where in the whole order the next event of the split comes.
func (p *position) place() int64 { return (p.Next/p.Block*p.Of+p.Index)*p.Block + p.Next%p.Block }

// share is how many of the first events of the whole order belong to the split.
func (p *position) share(events int64) int64 {
	rounds, rest := events/(p.Block*p.Of), events%(p.Block*p.Of)
	return rounds*p.Block + min(max(rest-p.Index*p.Block, 0), p.Block)
}

func (p *position) encode(id string) exec.Split {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // a struct of integers
	}
	return exec.Split{ID: id, State: b}
}

// Discover makes the splits at the first start; there are never new ones.
func (n *source) Discover(_ context.Context, known []exec.Split) ([]exec.Split, error) {
	if len(known) > 0 {
		return nil, nil
	}
	origin := n.options.BaseTime
	if n.options.StartsNow {
		origin = n.now().UnixMilli()
	}
	out := make([]exec.Split, n.splits)
	o := n.options
	for i := range out {
		// A block has events of every kind, so that every split has rows.
		p := position{Index: int64(i), Of: int64(n.splits), Block: o.People + o.Auctions + o.Bids, Origin: origin}
		out[i] = p.encode(fmt.Sprintf("nexmark-%d", i))
	}
	return out, nil
}

func (n *source) DiscoveryInterval() time.Duration { return 0 }
func (n *source) Bounded() bool                    { return n.options.Bounded() }
func (n *source) Close() error                     { return nil }

func (n *source) Committed(context.Context, exec.Epoch, []exec.Split) error { return nil }
