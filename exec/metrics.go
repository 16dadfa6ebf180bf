package exec

import "sync/atomic"

// Metrics are the counters of one operator, source or sink of a running job, summed over its
// subtasks. Everybody may read them at any time; each is written by the tasks that own it.
type Metrics struct {
	RowsIn    atomic.Int64
	RowsOut   atomic.Int64
	Batches   atomic.Int64
	Bytes     atomic.Int64 // read by a source or written by a sink
	Late      atomic.Int64 // rows dropped behind the watermark
	Skipped   atomic.Int64 // records dropped by ignore-parse-errors and the like
	Watermark atomic.Int64 // the operator's current watermark; MinWatermark when unknown
	Lag       atomic.Int64 // source: records between the position and the end; -1 when unknown
}
