package datetime

import "time"

// Zone converts between instants and the local clock of a time zone. It remembers the stretch between two
// changes of the clock that it used last, so that it belongs to one goroutine.
type Zone struct {
	loc      *time.Location
	from, to int64 // the stretch, microseconds of UTC
	off      int64 // its offset, microseconds
	known    bool
	fixed    bool
}

// NewZone makes a Zone; nil is UTC.
func NewZone(loc *time.Location) *Zone {
	if loc == nil {
		loc = time.UTC
	}
	return &Zone{loc: loc, fixed: loc == time.UTC}
}

// Location is the zone's location.
func (z *Zone) Location() *time.Location { return z.loc }

const farMicros = 1 << 62

// Offset is the zone's offset from UTC at an instant, in microseconds.
func (z *Zone) Offset(micros int64) int64 {
	if z.fixed {
		return 0
	}
	if z.known && micros >= z.from && micros < z.to {
		return z.off
	}
	t := time.UnixMicro(micros).In(z.loc)
	_, off := t.Zone()
	start, end := t.ZoneBounds()
	z.from, z.to = -farMicros, farMicros
	if !start.IsZero() {
		z.from = start.UnixMicro()
	}
	if !end.IsZero() {
		z.to = end.UnixMicro()
	}
	z.off, z.known = int64(off)*Second, true
	return z.off
}

// Local is the local clock at an instant.
func (z *Zone) Local(micros int64) int64 { return micros + z.Offset(micros) }

// UTC is the instant of a local clock. A local time that is twice there is the first one; one that is
// skipped is as much later as was skipped.
func (z *Zone) UTC(local int64) int64 {
	if z.fixed {
		return local
	}
	if z.known && local-Day >= z.from && local+Day < z.to {
		return local - z.off
	}
	before, after := z.Offset(local-Day), z.Offset(local+Day)
	if u := local - before; before == after || z.Offset(u) == before {
		return u
	}
	if u := local - after; z.Offset(u) == after {
		return u
	}
	return local - before
}
