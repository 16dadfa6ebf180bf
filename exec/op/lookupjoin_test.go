package op_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/op"
	"weir/exec/op/memstate"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
)

// TestLookupJoin runs testdata/lookup/*: a left join of orders (id, customer) with a table (id, name).
//
//	join [partial=2] [retry=2] [unordered] [missing=false] [after-write=10s] [after-access=10s] [sync]
//	table     rows of the table from now on: id name. A line "on ask 2: 3 Cy" adds a row before the second request
//	rows      id customer; what goes out, and what was asked for
//	time      moves the clock by so much; what goes out
//	restart   the state is snapshotted, and a new operator opened on it
//	end       the input ends
func TestLookupJoin(t *testing.T) {
	datadriven.Walk(t, "testdata/lookup", func(t *testing.T, path string) {
		h := &lookupHarness{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return h.command(t, d) })
	})
}

type lookupHarness struct {
	node  *physical.LookupJoin
	op    exec.Operator
	state *memstate.Scope
	now   time.Time
	out   []string

	mu    sync.Mutex
	rows  []string
	later map[int]string // by request
	asks  int
	asked []string
	fail  error
}

func (h *lookupHarness) command(t *testing.T, d *datadriven.TestData) string {
	h.out, h.asked = nil, nil
	switch d.Cmd {
	case "join":
		h.node = lookupNode(t, d)
		h.state = memstate.NewScope(func() time.Time { return h.now })
		h.open(t)
	case "table":
		h.rows, h.later, h.asks = nil, map[int]string{}, 0
		for _, l := range strings.Split(strings.TrimSpace(d.Input), "\n") {
			if rest, ok := strings.CutPrefix(l, "on ask "); ok {
				n, row, _ := strings.Cut(rest, ": ")
				k, err := strconv.Atoi(n)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				h.later[k] = row
				continue
			}
			h.rows = append(h.rows, l)
		}
	case "rows":
		b := batch.New([]types.Type{types.TBigInt, types.TBigInt}, 4)
		for _, l := range strings.Split(strings.TrimSpace(d.Input), "\n") {
			for c, w := range strings.Fields(l) {
				if w == "NULL" {
					b.Cols[c].AppendNull()
					continue
				}
				n, err := strconv.ParseInt(w, 10, 64)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				b.Cols[c].AppendInt(n)
			}
			b.N++
		}
		h.tick(t, d)
		if err := h.op.Process(b, h); err != nil {
			return "error: " + err.Error() + "\n"
		}
	case "time":
		by, err := time.ParseDuration(strings.TrimSpace(d.Input))
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		h.now = h.now.Add(by)
		h.tick(t, d)
	case "restart":
		if err := h.op.Snapshot(1, h); err != nil {
			d.Fatalf(t, "%v", err)
		}
		h.open(t)
	case "fail":
		h.fail = errors.New("the database is away")
	case "end":
		if err := h.op.Watermark(exec.MaxWatermark, h); err != nil {
			d.Fatalf(t, "%v", err)
		}
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	slices.Sort(h.asked)
	for _, a := range h.asked {
		h.out = append(h.out, "asked "+a)
	}
	if len(h.out) == 0 {
		return ""
	}
	return strings.Join(h.out, "\n") + "\n"
}

func (h *lookupHarness) tick(t *testing.T, d *datadriven.TestData) {
	if _, err := h.op.(exec.ProcessingTimer).ProcessingTime(h.now.UnixMicro(), h); err != nil {
		d.Fatalf(t, "%v", err)
	}
}

var lookupTable = &catalog.Table{Name: "customers"}

func lookupNode(t *testing.T, d *datadriven.TestData) *physical.LookupJoin {
	cols := []physical.Column{{Name: "id", Type: types.TBigInt}, {Name: "customer", Type: types.TBigInt}}
	found := []physical.Column{{Name: "id", Type: types.TBigInt}, {Name: "name", Type: types.TString}}
	n := &physical.LookupJoin{Input: &physical.Values{Props: physical.Props{Columns: cols}}, Kind: physical.LeftJoin, Keys: []int{1}}
	n.Props = physical.Props{ID: "join", Columns: append(slices.Clone(cols), found...)}
	l := &n.Lookup
	l.Table, l.Columns, l.Output, l.Keys, l.Concurrent, l.Delay = lookupTable, found, found, []int{0}, !d.HasArg("sync"), time.Second
	l.Unordered = d.HasArg("unordered")
	if l.Unordered {
		l.Delay = 10 * time.Second
	} else {
		l.Delay = time.Millisecond // it is waited for
	}
	d.MaybeScanArgs(t, "retry", &l.Retry)
	missing, write, access := true, "", ""
	d.MaybeScanArgs(t, "missing", &missing)
	d.MaybeScanArgs(t, "after-write", &write)
	d.MaybeScanArgs(t, "after-access", &access)
	l.Cache.Missing = missing
	if d.MaybeScanArgs(t, "partial", &l.Cache.MaxRows) {
		l.Cache.Mode = physical.PartialCache
	}
	for _, x := range []struct {
		text string
		to   *time.Duration
	}{{write, &l.Cache.AfterWrite}, {access, &l.Cache.AfterAccess}} {
		if x.text != "" {
			v, err := time.ParseDuration(x.text)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			*x.to = v
		}
	}
	return n
}

func (h *lookupHarness) open(t *testing.T) {
	o, err := op.New(h.node, op.Env{Expr: expr.Env{Clock: func() time.Time { return h.now }}, Lookup: func(*physical.LookupJoin) (exec.LookupSpec, error) { return h, nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx := &exec.TaskContext{Ctx: t.Context(), Operator: "join", Parallelism: 1, Config: config.New(), Log: slog.Default(), Metrics: exec.NewMetrics()}
	if err := o.Open(ctx, h.state); err != nil {
		t.Fatal(err)
	}
	h.op = o
}

func (h *lookupHarness) Emit(b *batch.Batch) error {
	for i := range b.N {
		if b.Sel != nil && !slices.Contains(b.Sel, int32(i)) {
			continue
		}
		row := make([]string, len(b.Cols))
		for c, v := range b.Cols {
			row[c] = "NULL"
			if x := v.Value(i); x != nil {
				row[c] = fmt.Sprint(x)
			}
		}
		h.out = append(h.out, strings.Join([]string{row[0], row[1], row[3]}, " "))
	}
	return nil
}

func (h *lookupHarness) Lookup(*exec.TaskContext) (exec.Lookup, error) { return h, nil }
func (h *lookupHarness) Limits() exec.LookupLimits                     { return exec.LookupLimits{Keys: 2, Calls: 2} }
func (h *lookupHarness) Close() error                                  { return nil }

// Find gives all rows whose key is asked for, and one whose key is not, as a database that compares loosely may.
func (h *lookupHarness) Find(_ context.Context, keys, out *batch.Batch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		return h.fail
	}
	h.asks++
	if row, ok := h.later[h.asks]; ok {
		h.rows = append(h.rows, row)
	}
	var wanted []string
	for i := range keys.N {
		wanted = append(wanted, fmt.Sprint(keys.Cols[0].Value(i)))
	}
	h.asked = append(h.asked, strings.Join(wanted, ","))
	for _, row := range append(h.rows, "99 Nobody") {
		id, name, _ := strings.Cut(row, " ")
		if !slices.Contains(wanted, id) && id != "99" {
			continue
		}
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return err
		}
		out.Cols[0].AppendInt(n)
		out.Cols[1].AppendString(name)
		out.N++
	}
	return nil
}
