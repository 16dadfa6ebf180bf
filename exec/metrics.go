package exec

import (
	"context"
	"sync/atomic"
	"time"
)

// Metrics are the counters of one subtask of an operator, source or sink of a running job; the
// runtime sums them over subtasks. The task writes them, everybody may read them at any time. The runtime itself
// counts RowsIn, RowsOut, Batches and Watermark; connectors and operators count the others.
type Metrics struct {
	RowsIn    atomic.Int64
	RowsOut   atomic.Int64
	Batches   atomic.Int64
	Bytes     atomic.Int64              // read by a source or written by a sink
	Late      atomic.Int64              // rows dropped behind the watermark
	Skipped   atomic.Int64              // records dropped by ignore-parse-errors and the like
	Watermark atomic.Int64              // the operator's current watermark; MinWatermark when unknown
	Idle      atomic.Bool               // source: no split of the subtask is waited for
	Paused    atomic.Int64              // source: splits that wait for others of their alignment group
	Silent    atomic.Int64              // source: splits that are idle
	Splits    atomic.Int64              // source: splits that are not read to their end
	Slowest   atomic.Pointer[SlowSplit] // source: nil without a watermark
	Lag       atomic.Int64              // source: records between the position and the end; -1 when unknown

	// Where time goes, counted only while Timing says so.
	Busy   atomic.Int64 // nanoseconds in the operator itself, not in those that it hands its rows to
	Waited atomic.Int64 // nanoseconds of Busy that a source waited for records, or an exchange for room
	State  atomic.Int64 // bytes of keyed state in memory, as of the last barrier or some batches ago
	// Clock is the job's switch; nil where there is none. It is set before Open.
	Clock *atomic.Bool
}

// SlowSplit is the split that holds a source's watermark back.
type SlowSplit struct {
	ID        string
	Watermark Watermark // MinWatermark: it has had no row
}

// Timing reports whether time is to be counted now: for EXPLAIN ANALYZE. Any goroutine.
func (m *Metrics) Timing() bool { return m.Clock != nil && m.Clock.Load() }

// NewMetrics is counters at zero, watermark and lag unknown.
func NewMetrics() *Metrics {
	m := &Metrics{}
	m.Watermark.Store(int64(MinWatermark))
	m.Lag.Store(-1)
	return m
}

// Waits is when a wait for records, or for room, begins; zero where time is not counted. WaitedSince takes it when the wait is over.
func (m *Metrics) Waits() (began time.Time) {
	if m != nil && m.Timing() {
		began = time.Now()
	}
	return began
}

// WaitedSince counts a wait.
func (m *Metrics) WaitedSince(began time.Time) {
	if !began.IsZero() {
		m.Waited.Add(int64(time.Since(began)))
	}
}

// Wait waits for d and counts it, unless wake is sent to (woken) or ctx ends before. For a source whose next row is not due yet.
func (m *Metrics) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) (woken bool, err error) {
	timer, began := time.NewTimer(d), m.Waits()
	defer timer.Stop()
	select {
	case <-timer.C:
		m.WaitedSince(began)
		return false, nil
	case <-wake:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
