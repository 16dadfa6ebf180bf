package op_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/op"
	"weir/exec/op/memstate"
	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// timed is an operator over columns k and v, BIGINT both, whose clock a test moves.
type timed struct {
	t   *testing.T
	op  exec.Operator
	now time.Time
	out []string
}

func newTimed(t *testing.T, n physical.Node) *timed {
	t.Helper()
	x := &timed{t: t, now: time.Unix(1000, 0)}
	clock := func() time.Time { return x.now }
	o, err := op.New(n, op.Env{Expr: expr.Env{Clock: clock}})
	if err != nil {
		t.Fatal(err)
	}
	x.op = o
	all := state.KeyGroupRange{From: 0, To: state.KeyGroups}
	ctx := &exec.TaskContext{Operator: "op", Parallelism: 1, KeyGroups: all, Metrics: &exec.Metrics{}}
	if err := o.Open(ctx, memstate.NewScope(clock)); err != nil {
		t.Fatal(err)
	}
	return x
}

// row feeds one row, and gives what comes out.
func (x *timed) row(side int, kind batch.ChangeKind, k, v int64) string {
	x.t.Helper()
	b := batch.New([]types.Type{types.TBigInt, types.TBigInt}, 1)
	b.Cols[0].AppendInt(k)
	b.Cols[1].AppendInt(v)
	b.N = 1
	b.SetKind(0, kind)
	return x.gives(func(out exec.Emitter) error {
		if side == 1 {
			return x.op.(exec.TwoInput).ProcessRight(b, out)
		}
		return x.op.Process(b, out)
	})
}

// gives is what f puts out.
func (x *timed) gives(f func(out exec.Emitter) error) string {
	x.t.Helper()
	x.out = x.out[:0]
	err := f(into(func(b *batch.Batch) error {
		for i := range b.N {
			if b.Sel != nil && !slices.Contains(b.Sel, int32(i)) {
				continue
			}
			text := b.Kind(i).String()
			for _, c := range b.Cols {
				if c.IsNull(i) {
					text += " NULL"
				} else {
					text += fmt.Sprint(" ", c.Int[i])
				}
			}
			x.out = append(x.out, text)
		}
		return nil
	}))
	if err != nil {
		x.t.Fatal(err)
	}
	slices.Sort(x.out)
	return strings.Join(x.out, ", ")
}

func (x *timed) want(got, want string) {
	x.t.Helper()
	if got != want {
		x.t.Errorf("got %q, want %q", got, want)
	}
}

var keyed = physical.Props{Columns: []physical.Column{{Name: "k", Type: types.TBigInt}, {Name: "v", Type: types.TBigInt}}}

// Each row of a join has its own time: the first one of its key is not kept alive by those that come later, nor by partners that read it.
func TestRowsOfAJoinGoOneByOne(t *testing.T) {
	for _, retract := range []bool{false, true} {
		in := &physical.Values{Props: keyed}
		if retract {
			in.Changelog.Mode = catalog.Retract
		}
		n := &physical.Join{Left: in, Right: in, Kind: physical.InnerJoin, Equi: physical.Equi{Left: []int{0}, Right: []int{0}, NullSafe: []bool{false}},
			LeftRetracts: retract, RightRetracts: retract, LeftTTL: 10 * time.Second, RightTTL: time.Hour}
		n.Columns = append(slices.Clone(keyed.Columns), keyed.Columns...)
		x := newTimed(t, n)
		x.row(0, batch.Insert, 1, 10)
		x.now = x.now.Add(6 * time.Second)
		x.row(0, batch.Insert, 1, 11)
		x.want(x.row(1, batch.Insert, 1, 20), "+I 1 10 1 20, +I 1 11 1 20")
		x.now = x.now.Add(4 * time.Second) // 10 s behind the first
		x.want(x.row(1, batch.Insert, 1, 21), "+I 1 11 1 21")
		x.row(0, batch.Insert, 1, 12)
		x.now = x.now.Add(6 * time.Second)
		x.want(x.row(1, batch.Insert, 1, 22), "+I 1 12 1 22")
		x.want(x.row(0, batch.Insert, 1, 13), "+I 1 13 1 20, +I 1 13 1 21, +I 1 13 1 22")
		if retract {
			x.want(x.row(0, batch.Delete, 1, 12), "-D 1 12 1 20, -D 1 12 1 21, -D 1 12 1 22")
			x.want(x.row(1, batch.Insert, 1, 23), "+I 1 13 1 23")
			x.row(0, batch.Delete, 1, 13)
			x.want(x.row(1, batch.Insert, 1, 24), "")
			x.row(0, batch.Insert, 1, 14)
			x.want(x.row(1, batch.Insert, 1, 25), "+I 1 14 1 25")
		}
		x.now = x.now.Add(10 * time.Second)
		x.want(x.row(1, batch.Insert, 1, 26), "")
	}
}

// The first row of a key goes out again when its time is over, however many came between; of the last row each makes the time begin anew.
func TestFirstRowIsNotKeptAliveByThoseBehindIt(t *testing.T) {
	for _, last := range []bool{false, true} {
		n := &physical.Deduplicate{Input: &physical.Values{Props: keyed}, Keys: []int{0}, Time: -1, Last: last, UpdateBefore: last, TTL: 10 * time.Second}
		n.Columns = keyed.Columns
		x := newTimed(t, n)
		x.want(x.row(0, batch.Insert, 1, 10), "+I 1 10")
		x.now = x.now.Add(6 * time.Second)
		second := x.row(0, batch.Insert, 1, 11)
		x.now = x.now.Add(4 * time.Second)
		third := x.row(0, batch.Insert, 1, 12)
		if last {
			x.want(second, "+U 1 11, -U 1 10")
			x.want(third, "+U 1 12, -U 1 11")
		} else {
			x.want(second, "")
			x.want(third, "+I 1 12")
		}
	}
}
