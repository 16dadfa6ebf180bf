package state

import "unsafe"

// A load from a table that is larger than the processor's caches misses its cache of page addresses too, and is then several loads.
// Pages of 2 MiB instead of 4 KiB spare these. Go's heap does not ask for them: tables ask, for the ranges of the heap in which they lie.

const (
	largeTable = 4 << 20 // bytes from which on a table asks
	heapRange  = 4 << 20 // size and alignment of the steps in which Go maps its heap: a later step forgets advice given before it
)

// onLargePages asks for large pages around s, which the table has just allocated and not yet written to: what has a page already
// keeps it. Each range is asked for once.
func onLargePages[E any](t *table, s []E) {
	if t.bytes < largeTable || cap(s) == 0 {
		return
	}
	first := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	end := first + uintptr(cap(s))*unsafe.Sizeof(*unsafe.SliceData(s))
	for r := first &^ (heapRange - 1); r < end; r += heapRange {
		if !t.largeRanges[r] {
			t.largeRanges[r] = true
			adviseLargePages(r, heapRange)
		}
	}
}
