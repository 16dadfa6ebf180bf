package guess

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// delays is what a watermark's delay is rounded up to.
var delays = []time.Duration{
	5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// watermark chooses the column that tells the time of events: one that every record has, that mostly rises with the offsets of a
// partition, and has the most promising name. Without one it is the record's own timestamp.
func (g *guesser) watermark() {
	type choice struct {
		candidate
		disorder time.Duration
	}
	var good []choice
	for _, c := range g.candidates {
		if c.of.nulls > 0 || strings.HasPrefix(g.table.Column(c.column).Decl, "STRING") {
			continue
		}
		if d := g.disorder(c); d <= delays[len(delays)-1] {
			good = append(good, choice{c, d})
		}
	}
	slices.SortStableFunc(good, func(a, b choice) int {
		return cmp.Compare(timeName(b.of.name), timeName(a.of.name))
	})
	if len(good) > 0 {
		c := good[0]
		g.table.Watermark = &Watermark{c.column, roundUp(c.disorder)}
		if c.disorder > 0 {
			g.note("%s comes up to %s out of order in the sample", c.column, c.disorder.Round(time.Millisecond))
		}
		// The time of events has milliseconds at most.
		col := g.table.Column(c.column)
		col.Decl = strings.Replace(col.Decl, "(6)", "(3)", 1)
		return
	}
	for _, at := range g.times {
		if at.IsZero() {
			return
		}
	}
	name := g.free("record_time")
	g.table.Columns = append(g.table.Columns, Column{Name: name, Decl: "TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL", Note: "no column tells the time of an event"})
	g.table.Watermark = &Watermark{name, delays[0]}
}

// disorder is how far a value lies behind the greatest before it in its partition, at most.
func (g *guesser) disorder(c candidate) time.Duration {
	greatest := map[int32]int64{}
	var most int64
	for _, m := range c.of.moments {
		micros := m.micros
		switch c.unit {
		case "s":
			micros = m.number * 1_000_000
		case "ms":
			micros = m.number * 1_000
		case "us":
			micros = m.number
		}
		p := g.topic.Records[m.record].Partition
		if top, ok := greatest[p]; ok && micros < top {
			most = max(most, top-micros)
		} else {
			greatest[p] = micros
		}
	}
	if most > int64(1000*time.Hour/time.Microsecond) {
		return 1000 * time.Hour // whatever it is, it is no order
	}
	return time.Duration(most) * time.Microsecond
}

func roundUp(d time.Duration) time.Duration {
	for _, step := range delays {
		if d <= step {
			return step
		}
	}
	return delays[len(delays)-1]
}
