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
	at      [][]int32 // by target: numbers of the rows among those that count of the batch at hand
	sel     []int32   // of one target: their positions
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
		x.at = make([][]int32, len(targets))
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
	x.split(x.hashes[:b.Rows()])
	for t, at := range x.at {
		if len(at) == 0 {
			continue
		}
		sel := at
		if b.Sel != nil {
			x.sel = x.sel[:0]
			for _, k := range at {
				x.sel = append(x.sel, b.Sel[k])
			}
			sel = x.sel
		}
		c := x.targets[t]
		out := c.take()
		out.AppendRows(b, sel)
		out.SetHashes(x.keys, x.hashes, at)
		if err := c.send(x.ctx, message{kind: rowsMessage, batch: out}); err != nil {
			return err
		}
	}
	return nil
}

// split tells the rows with the given hashes from one another by their target.
func (x *exchangeStage) split(hashes []uint64) {
	n, groups := len(hashes), len(x.owner)
	for t, at := range x.at {
		if cap(at) < n {
			at = make([]int32, n)
		}
		x.at[t] = at[:n]
	}
	if len(x.at) == 2 {
		// Each row is written for both, and one of them goes on.
		a, b := x.at[0], x.at[1]
		inA, inB := 0, 0
		for k, h := range hashes {
			to := int(x.owner[state.KeyGroupOf(h, groups)])
			a[inA], b[inB] = int32(k), int32(k)
			inA += 1 - to
			inB += to
		}
		x.at[0], x.at[1] = a[:inA], b[:inB]
		return
	}
	for t := range x.at {
		x.at[t] = x.at[t][:0]
	}
	for k, h := range hashes {
		t := x.owner[state.KeyGroupOf(h, groups)]
		x.at[t] = append(x.at[t], int32(k))
	}
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
