package op

import (
	"errors"
	"fmt"
	"math"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
)

// Flink's clock of event time has milliseconds: the last moment of a window that ends at e is e minus one of them.
const tick = 1000

const hour = int64(time.Hour / time.Microsecond)

// floorTo is the greatest number of the form offset + k*step that is not above t.
func floorTo(t, step, offset int64) int64 {
	r := (t - offset) % step
	if r < 0 {
		r += step
	}
	return t - r
}

// clock turns instants into the local time that windows are aligned to, and back. In a plan without a
// zone (TIMESTAMP, or UTC) both are the same. It remembers the stretch of time with one offset that it
// was used in last.
type clock struct {
	zone     *time.Location
	dst      bool  // the zone's clocks are put forward and back, by its latest rules
	from, to int64 // instants with the offset
	offset   int64
}

func newClock(zone *time.Location) *clock {
	c := &clock{zone: zone}
	if zone == nil || zone == time.UTC || zone.String() == "UTC" {
		c.zone = nil
		return c
	}
	for m := time.January; m <= time.December; m++ {
		c.dst = c.dst || time.Date(2037, m, 1, 0, 0, 0, 0, zone).IsDST()
	}
	return c
}

// offsetAt is the offset of local time at an instant.
func (c *clock) offsetAt(instant int64) int64 {
	if instant < c.from || instant >= c.to {
		t := time.UnixMicro(instant).In(c.zone)
		_, off := t.Zone()
		c.offset = int64(off) * int64(time.Second/time.Microsecond)
		c.from, c.to = math.MinInt64, math.MaxInt64
		start, end := t.ZoneBounds()
		if !start.IsZero() {
			c.from = start.UnixMicro()
		}
		if !end.IsZero() {
			c.to = end.UnixMicro()
		}
	}
	return c.offset
}

// local is the local time of an instant.
func (c *clock) local(instant int64) int64 {
	if c.zone == nil {
		return instant
	}
	return instant + c.offsetAt(instant)
}

// instant is when it is local time t: of two such instants the first, and for a time that
// the clocks skip the instant as much later.
func (c *clock) instant(t int64) int64 {
	if c.zone == nil {
		return t
	}
	before, after := c.offsetAt(t-24*hour), c.offsetAt(t+24*hour)
	if c.offsetAt(t-before) == before || c.offsetAt(t-after) != after {
		return t - before
	}
	return t - after
}

// due is the watermark at which the local time t is over, as Flink has it where clocks change: of a skipped hour
// its beginning, of a repeated one the second time.
func (c *clock) due(t int64) int64 {
	if c.zone == nil {
		return t
	}
	first := c.instant(t)
	if !c.dst {
		return first
	}
	switch second := c.instant(t + hour); {
	case second == first:
		return first - first%hour
	case second-first > hour:
		return first + hour
	}
	return first
}

// windows assigns rows to windows and knows when a window closes. Starts and ends are local times.
type windows struct {
	w      physical.Window
	clock  *clock
	column string // name of the time column, or of the one with the window's end
}

func newWindows(w physical.Window, in []physical.Column) (windows, error) {
	if w.Kind == physical.Tumble {
		w.Slide = w.Size
	}
	if w.TimeColumn >= 0 && (w.Size <= 0 || w.Slide <= 0) {
		return windows{}, errors.New("this is a bug: a window's size and slide must be above zero")
	}
	c := w.TimeColumn
	if c < 0 {
		c = w.EndColumn
	}
	if c < 0 || c >= len(in) {
		return windows{}, fmt.Errorf("this is a bug: a window over column %d of %d", c, len(in))
	}
	return windows{w, newClock(w.Zone), in[c].Name}, nil
}

// of is the windows that the local time t is in: the bounds of the first of n windows, and how far those of the next one
// lie from them. HOP: the last window first; CUMULATE: the shortest first.
func (w *windows) of(t int64) (start, end int64, n int, toStart, toEnd int64) {
	size, slide := w.w.Size, w.w.Slide
	if w.w.Kind == physical.Cumulate {
		start = floorTo(t, size, w.w.Offset)
		end = floorTo(t, slide, w.w.Offset) + slide
		return start, end, int((start+size-end)/slide) + 1, 0, slide
	}
	start = floorTo(t, slide, w.w.Offset)
	return start, start + size, int((start - t + size + slide - 1) / slide), -slide, -slide
}

// start is where the window that ends at end starts.
func (w *windows) start(end int64) int64 {
	if w.w.Kind == physical.Cumulate {
		return floorTo(end-1, w.w.Size, w.w.Offset)
	}
	return end - w.w.Size
}

// closed reports whether a window with that end is closed at watermark wm.
func (w *windows) closed(end int64, wm exec.Watermark) bool {
	switch wm {
	case exec.MaxWatermark:
		return true
	case exec.MinWatermark:
		return false
	}
	return int64(wm) >= w.clock.due(end-tick)
}

// windowTime is the value of the time attribute of the window that ends at end: its last moment, or by processing time just now.
func (w *windows) windowTime(end, now int64) int64 {
	if w.w.ProcTime {
		return now
	}
	return w.clock.instant(end - tick)
}

// noTime is the error of a row without a time.
func (w *windows) noTime() error { return noTime(w.column, "assign a row to its window") }

// noTime is the error of a row whose time is NULL. A source lets none through: it comes from an expression that made it.
func noTime(column, doing string) error {
	return exec.Fatalf("filter such rows out before (WHERE "+column+" IS NOT NULL), or give them a time", doing, fmt.Errorf("the row time %s is NULL", column))
}

// noTimeOf is noTime for a row of an operator that takes rows in the order of their times.
func noTimeOf(in physical.Node, column int) error {
	return noTime(in.Base().Columns[column].Name, "take a row in the order of time")
}

// rowTime is the local time of the row at position i of the time column v.
func (w *windows) rowTime(v *batch.Vector, i int) (int64, error) {
	if v.IsNull(i) {
		return 0, w.noTime()
	}
	return w.clock.local(v.Int[i]), nil
}
