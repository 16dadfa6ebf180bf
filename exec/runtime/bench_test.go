package runtime

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"weir/exec/batch"
	"weir/planner/types"
)

// BenchmarkExchange moves batches of a 10-byte key and two numbers to n subtasks by key; the time is a row's.
func BenchmarkExchange(b *testing.B) {
	for _, mode := range []edgeMode{edgeForward, edgeHash} {
		for _, n := range []int{1, 2, 8} {
			if mode == edgeForward && n > 1 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", mode, n), func(b *testing.B) {
				ts := []types.Type{types.TString, types.TBigInt, types.TBigInt}
				in := batch.New(ts, batch.TargetRows)
				for i := range batch.TargetRows {
					in.Cols[0].AppendString(fmt.Sprintf("key-%06d", i*7919%100000))
					in.Cols[1].AppendInt(int64(i))
					in.Cols[2].AppendInt(int64(i))
				}
				in.N = batch.TargetRows
				ctx, cancel := context.WithCancel(context.Background())
				var wg sync.WaitGroup
				var out []*channel
				for range n {
					g := newGate()
					out = append(out, g.add(ts))
					wg.Go(func() {
						for {
							c, m, err := g.receive(ctx, forever)
							if err != nil {
								return
							}
							c.recycle(m.batch)
						}
					})
				}
				x := newExchange(ctx, mode, []int{0}, out, 128)
				b.ResetTimer()
				b.ReportAllocs()
				for i := 0; i < b.N; i += in.N {
					if err := x.Emit(in); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				cancel()
				wg.Wait()
			})
		}
	}
}
