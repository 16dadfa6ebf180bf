package op_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/op"
	"weir/exec/op/memstate"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// phases is one aggregation in one phase, and the same in two.
type phases struct {
	t          *testing.T
	one, two   exec.Operator
	local      exec.Operator
	late       [2]*exec.Metrics
	got        lines // of the second phase
	sent, held int   // rows that the first phase sent, and those of them that are partial results
}

// Emit takes what the first phase sends.
func (p *phases) Emit(b *batch.Batch) error {
	p.sent += b.Rows()
	last := b.Cols[len(b.Cols)-1]
	for k := range b.Rows() {
		i := b.At(k)
		if !last.IsNull(i) {
			p.held++
		}
	}
	sent := batch.New(b.Types(), 0) // as the exchange does
	sent.Cols[len(b.Cols)-1].Type = types.TBytes
	sent.AppendRows(b, b.Sel)
	return p.two.Process(sent, &p.got)
}

func openPhase(t *testing.T, n physical.Node, clock func() time.Time, m *exec.Metrics) exec.Operator {
	t.Helper()
	o, err := op.New(n, op.Env{Expr: expr.Env{Clock: clock}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := &exec.TaskContext{Operator: "op", Parallelism: 1, KeyGroups: state.KeyGroupRange{To: state.KeyGroups}, Metrics: m, Config: config.New()}
	if err := o.Open(ctx, memstate.NewScope(clock)); err != nil {
		t.Fatal(err)
	}
	return o
}

// events is columns k BIGINT, n BIGINT, s STRING, f BOOLEAN and ts TIMESTAMP(3).
func events(retract bool) *physical.Values {
	in := &physical.Values{Props: physical.Props{Columns: []physical.Column{{Name: "k", Type: types.TBigInt}, {Name: "n", Type: types.TBigInt},
		{Name: "s", Type: types.TString}, {Name: "f", Type: types.TBoolean}, {Name: "ts", Type: types.MakeTimestamp(3)}}}}
	if retract {
		in.Changelog.Mode = catalog.Retract
	}
	return in
}

func call(f string, distinct bool, filter int, result types.Type, args ...int) physical.AggCall {
	return physical.AggCall{Func: f, Args: args, Distinct: distinct, Filter: filter, Type: result}
}

// withPartial is the columns of in and that of partial results.
func withPartial(in physical.Node) []physical.Column {
	return append(slices.Clone(in.Base().Columns), physical.Column{Name: physical.Partial, Type: types.TBytes})
}

func output(aggs []physical.AggCall, more ...physical.Column) []physical.Column {
	cols := []physical.Column{{Name: "k", Type: types.TBigInt}}
	for i, a := range aggs {
		cols = append(cols, physical.Column{Name: fmt.Sprint("a", i), Type: a.Type})
	}
	return append(cols, more...)
}

func windowPhases(t *testing.T, w physical.Window, aggs []physical.AggCall, split []int, retract bool) *phases {
	in := events(retract)
	l := &physical.LocalAggregate{Input: in, Keys: []int{0}, Aggs: aggs, Split: split, Window: &w, InputRetracts: retract, Hold: -1}
	l.Columns, l.Changelog = withPartial(in), in.Changelog
	one := &physical.WindowAggregate{Input: in, Keys: []int{0}, Window: w, Aggs: aggs, WindowColumns: []string{"end"}}
	one.Columns = output(aggs, physical.Column{Name: "e", Type: types.MakeTimestamp(3)})
	two := *one
	two.Input, two.TwoPhase = l, true
	p := &phases{t: t, late: [2]*exec.Metrics{{}, {}}}
	p.one, p.two = openPhase(t, one, nil, p.late[0]), openPhase(t, &two, nil, p.late[1])
	p.local = openPhase(t, l, nil, &exec.Metrics{})
	return p
}

// Whatever rows come, late ones and ones that are taken back among them, each watermark puts out the same in one phase and in two.
func TestTwoPhasesGiveWhatOneDoes(t *testing.T) {
	big, text := types.TBigInt, types.TString
	plain := []physical.AggCall{call("COUNT", false, -1, big), call("COUNT", false, 3, big, 1), call("SUM", false, -1, big, 1), call("AVG", false, 3, big, 1)}
	only := append(slices.Clone(plain), call("MIN", false, -1, text, 2), call("MAX", false, 3, big, 1), call("MAX", true, -1, text, 2))
	ends := append(slices.Clone(only), call("FIRST_VALUE", false, -1, text, 2), call("LAST_VALUE", false, 3, big, 1))
	sets := append(slices.Clone(only), call("COUNT", true, -1, big, 1), call("SUM", true, 3, big, 1), call("COUNT", true, -1, big, 2))
	tumble := physical.Window{Kind: physical.Tumble, Size: 10e6, Slide: 10e6, TimeColumn: 4}
	hop := physical.Window{Kind: physical.Hop, Size: 10e6, Slide: 2e6, TimeColumn: 4}
	cumulate := physical.Window{Kind: physical.Cumulate, Size: 10e6, Slide: 2e6, TimeColumn: 4}
	attached := physical.Window{Kind: physical.Tumble, Size: 10e6, Slide: 10e6, TimeColumn: -1, StartColumn: 4, EndColumn: 4}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, c := range []struct {
		name    string
		w       physical.Window
		aggs    []physical.AggCall
		split   []int
		retract bool
	}{
		{"tumble", tumble, ends, nil, false},
		{"hop", hop, ends, nil, false},
		{"cumulate", cumulate, only, nil, false},
		{"attached", attached, ends, nil, false},
		{"distinct", tumble, sets, []int{1, 3, 2}, false},
		{"rows taken back", tumble, plain, nil, true},
		{"hop, rows taken back", hop, plain, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			p := windowPhases(t, c.w, c.aggs, c.split, c.retract)
			var want lines
			var live []*batch.Batch // rows that may be taken back
			wm := int64(0)
			for range 400 {
				b := batch.New(physical.Types(events(false).Columns), 0)
				for range 1 + r.IntN(40) {
					if c.retract && len(live) > 0 && r.IntN(3) == 0 {
						i := r.IntN(len(live))
						b.AppendRow(live[i], 0)
						b.SetKind(b.N-1, batch.UpdateBefore)
						live = slices.Delete(live, i, i+1)
						continue
					}
					b.Cols[0].AppendInt(r.Int64N(5))
					if r.IntN(4) == 0 {
						b.Cols[1].AppendNull()
						b.Cols[2].AppendNull()
					} else {
						b.Cols[1].AppendInt(r.Int64N(6))
						b.Cols[2].AppendString([]string{"", "a", "bb", "a long string"}[r.IntN(4)])
					}
					b.Cols[3].AppendBool(r.IntN(2) == 0)
					ts := wm + r.Int64N(35e6) - 15e6 // some are late
					if c.w.TimeColumn < 0 {
						ts = ts/10e6*10e6 + 10e6
					}
					b.Cols[4].AppendInt(ts)
					b.N++
					b.SetKind(b.N-1, batch.Insert)
					if c.retract {
						one := batch.New(b.Types(), 1)
						one.AppendRow(b, b.N-1)
						live = append(live, one)
					}
				}
				if err := p.one.Process(b, &want); err != nil {
					t.Fatal(err)
				}
				if err := p.local.Process(b, p); err != nil {
					t.Fatal(err)
				}
				switch r.IntN(6) {
				case 0:
					wm += r.Int64N(8e6)
					for _, o := range []struct {
						op  exec.Operator
						out exec.Emitter
					}{{p.one, &want}, {p.local, p}, {p.two, &p.got}} {
						if err := o.op.Watermark(exec.Watermark(wm), o.out); err != nil {
							t.Fatal(err)
						}
					}
				case 1:
					if err := p.local.Snapshot(1, p); err != nil {
						t.Fatal(err)
					}
				case 2:
					if err := p.local.(exec.Holder).Idle(p); err != nil {
						t.Fatal(err)
					}
				}
				slices.Sort(p.got)
				slices.Sort(want)
				if !slices.Equal(p.got, want) {
					t.Fatalf("at watermark %d: in two phases\n%v\nin one\n%v", wm, p.got, want)
				}
				p.got, want = nil, nil
			}
			if one, two := p.late[0].Late.Load(), p.late[1].Late.Load(); !c.retract && one != two || one == 0 {
				t.Errorf("%d rows are late in one phase, %d in two", one, two)
			}
		})
	}
}

// keyRows is a batch of rows of the given keys.
func keyRows(from, n, keys int) *batch.Batch {
	b := batch.New(physical.Types(events(false).Columns), n)
	for i := range n {
		b.Cols[0].AppendInt(int64((from + i) % keys))
		b.Cols[1].AppendInt(1)
		b.Cols[2].AppendString("s")
		b.Cols[3].AppendBool(true)
		b.Cols[4].AppendInt(1)
		b.N++
	}
	return b
}

// Where there are as many groups as rows the first phase stops, and it looks again after a while.
func TestFirstPhaseStopsWhereItDoesNotPay(t *testing.T) {
	w := physical.Window{Kind: physical.Tumble, Size: 10e6, Slide: 10e6, TimeColumn: 4}
	p := windowPhases(t, w, []physical.AggCall{call("COUNT", false, -1, types.TBigInt)}, nil, false)
	feed := func(rows, keys int) (sent, held int) {
		p.sent, p.held = 0, 0
		for at := 0; at < rows; at += 2048 {
			if err := p.local.Process(keyRows(at, 2048, keys), p); err != nil {
				t.Fatal(err)
			}
		}
		return p.sent, p.held
	}
	if sent, held := feed(1<<17, 1<<20); sent != 1<<17 || held > 1<<16 {
		t.Errorf("of %d rows of as many keys %d were sent, %d of them as partial results", 1<<17, sent, held)
	}
	if sent, _ := feed(1<<17, 1); sent != 1<<17 {
		t.Errorf("%d rows were sent, want them as they are: it has just been seen that it does not pay", sent)
	}
	feed(1<<20, 1) // what passes until it looks again
	if sent, _ := feed(1<<17, 1); sent > 1000 {
		t.Errorf("of %d rows of one key %d were sent", 1<<17, sent)
	}
}

// With mini-batches groups wait for a tenth of the latency, and for so many rows.
func TestFirstPhaseOfMiniBatchEndsByTimeAndSize(t *testing.T) {
	in := events(false)
	aggs := []physical.AggCall{call("COUNT", false, -1, types.TBigInt)}
	l := &physical.LocalAggregate{Input: in, Keys: []int{0}, Aggs: aggs, Hold: time.Second, Size: 10}
	l.Columns = withPartial(in)
	two := &physical.GroupAggregate{Input: l, Keys: []int{0}, Aggs: aggs, TwoPhase: true, MiniBatch: &physical.MiniBatch{}}
	two.Columns = output(aggs)
	now := time.Unix(1000, 0)
	clock := func() time.Time { return now }
	p := &phases{t: t, two: openPhase(t, two, clock, &exec.Metrics{}), local: openPhase(t, l, clock, &exec.Metrics{})}
	process := func(rows int) {
		t.Helper()
		if err := p.local.Process(keyRows(0, rows, 1), p); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, rows ...string) {
		t.Helper()
		if !slices.Equal(p.got, lines(rows)) {
			t.Errorf("%s: %v, want %v", what, p.got, rows)
		}
		p.got = nil
	}
	timer := p.local.(exec.ProcessingTimer)
	process(4)
	want("4 rows")
	if due := now.Add(time.Second).UnixMicro(); timer.NextTimer() != due {
		t.Errorf("the timer is at %d, want %d", timer.NextTimer(), due)
	}
	now = now.Add(time.Second)
	if _, err := timer.ProcessingTime(now.UnixMicro(), p); err != nil {
		t.Fatal(err)
	}
	want("a second later", "+I[0, 4]")
	process(9)
	want("9 rows")
	process(1)
	want("10 rows", "+U[0, 14]")
}
