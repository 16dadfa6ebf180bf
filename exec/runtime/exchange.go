package runtime

import (
	"context"

	"weir/exec"
	"weir/exec/batch"
	"weir/state"
)

// edgeMode says which subtask of the downstream pipeline a row goes to.
type edgeMode uint8

const (
	edgeForward   edgeMode = iota // to the subtask of the same number; both sides have the same parallelism
	edgeHash                      // to the owner of the key group of its key
	edgeSingle                    // to subtask 0
	edgeRebalance                 // whole batches, to one subtask after the other; insert-only streams
)

func (m edgeMode) String() string {
	return [...]string{"forward", "hash", "single", "rebalance"}[m]
}

// exchangeStage is the way out of a task: it copies rows into batches of the receivers' pools.
type exchangeStage struct {
	ctx     context.Context
	mode    edgeMode
	keys    []int
	targets []*channel // forward and single: one; otherwise one for each downstream subtask
	owner   []uint16   // hash: key group -> target
	next    int        // rebalance

	encoded state.Keys
	hashes  []uint64
	sel     [][]int32 // by target: rows of the batch at hand
	wm      exec.Watermark
}

// newExchange makes the way out of one subtask. groups is the number of key groups.
func newExchange(ctx context.Context, mode edgeMode, keys []int, targets []*channel, groups int) *exchangeStage {
	x := &exchangeStage{ctx: ctx, mode: mode, keys: keys, targets: targets, wm: exec.MinWatermark}
	if mode == edgeHash {
		x.owner = make([]uint16, groups)
		for g := range x.owner {
			x.owner[g] = uint16(state.SubtaskOf(g, groups, len(targets)))
		}
		x.sel = make([][]int32, len(targets))
	}
	return x
}

func (x *exchangeStage) Emit(b *batch.Batch) error {
	switch {
	case len(x.targets) == 1:
		return x.copyTo(x.targets[0], b, b.Sel)
	case x.mode == edgeRebalance:
		t := x.targets[x.next]
		x.next++
		if x.next == len(x.targets) {
			x.next = 0
		}
		return x.copyTo(t, b, b.Sel)
	}
	x.hashes = batch.EncodeKeys(b, x.keys, &x.encoded, x.hashes)
	for t := range x.sel {
		x.sel[t] = x.sel[t][:0]
	}
	groups := len(x.owner)
	n := b.Rows()
	for k, h := range x.hashes[:n] {
		row := int32(k)
		if b.Sel != nil {
			row = b.Sel[k]
		}
		t := x.owner[state.KeyGroupOf(h, groups)]
		x.sel[t] = append(x.sel[t], row)
	}
	for t, sel := range x.sel {
		if len(sel) == 0 {
			continue
		}
		if err := x.copyTo(x.targets[t], b, sel); err != nil {
			return err
		}
	}
	return nil
}

func (x *exchangeStage) copyTo(c *channel, b *batch.Batch, sel []int32) error {
	out := c.take()
	out.AppendRows(b, sel)
	return c.send(x.ctx, message{kind: rowsMessage, batch: out})
}

func (x *exchangeStage) all(m message) error {
	for _, c := range x.targets {
		if err := c.send(x.ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (x *exchangeStage) watermark(wm exec.Watermark) error {
	if wm <= x.wm {
		return nil
	}
	x.wm = wm
	return x.all(message{kind: watermarkMessage, wm: wm})
}

func (x *exchangeStage) barrier(b *barrier, _ *ack) error {
	return x.all(message{kind: barrierMessage, barrier: b})
}

func (x *exchangeStage) idle(idle bool) error {
	if idle {
		return x.all(message{kind: idleMessage})
	}
	return x.all(message{kind: activeMessage})
}

func (x *exchangeStage) end() error { return x.all(message{kind: endMessage}) }
