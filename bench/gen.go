package main

import (
	"math/bits"
	"strconv"
	"time"
)

// partitions of every topic. Record i is in partition i % partitions.
const partitions = 4

var (
	colours = [8]string{"red", "green", "blue", "black", "white", "purple", "orange", "yellow"}
	sizes   = [4]string{"small", "medium", "large", "xlarge"}
)

// firstEvent is the event time of record 0; each record is 10 µs later than the one before.
var firstEvent = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const eventStep = 10 * time.Microsecond

// random is splitmix64.
type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is uniform in 0 .. n-1.
func (r *random) below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.next(), n)
	return hi
}

// event is one record before it is JSON.
type event struct {
	user   int64
	sku    int64
	colour int
	size   int
	cents  int64
	at     time.Duration // since firstEvent
}

// generator makes the records of one partition.
type generator struct {
	rnd  random
	part int
	i    int // of the next record in the partition
	keys uint64
}

func newGenerator(part int, keys uint64) *generator {
	return &generator{rnd: random{uint64(part)*0x5851f42d4c957f2d + 42}, part: part, keys: keys}
}

func (g *generator) next() event {
	e := event{
		user: int64(g.rnd.below(g.keys)), sku: int64(g.rnd.below(100000)), colour: int(g.rnd.below(8)), size: int(g.rnd.below(4)),
		cents: int64(g.rnd.below(100000)), at: time.Duration(g.i*partitions+g.part) * eventStep,
	}
	g.i++
	return e
}

// appendJSON writes e as the benchmark's record.
func (e event) appendJSON(b []byte) []byte {
	b = append(b, `{"user_id":`...)
	b = strconv.AppendInt(b, e.user, 10)
	b = append(b, `,"item":"`...)
	b = e.appendItem(b)
	b = append(b, `","price":`...)
	b = strconv.AppendInt(b, e.cents/100, 10)
	b = append(b, '.', byte('0'+e.cents/10%10), byte('0'+e.cents%10))
	b = append(b, `,"ts":"`...)
	b = firstEvent.Add(e.at).AppendFormat(b, "2006-01-02 15:04:05.000")
	return append(b, `"}`...)
}

// appendItem writes e's item.
func (e event) appendItem(b []byte) []byte {
	b = append(b, "sku-"...)
	for d := int64(10000); d > 0; d /= 10 {
		b = append(b, byte('0'+e.sku/d%10))
	}
	b = append(b, "-widget-"...)
	b = append(b, colours[e.colour]...)
	b = append(b, '-')
	return append(b, sizes[e.size]...)
}

// keysOf is the number of distinct users in a topic.
func keysOf(topic string) uint64 {
	if topic == "topic_1m" {
		return 1_000_000
	}
	return 100_000
}

// eachEvent gives the first records of a topic to f, partition after partition.
func eachEvent(topic string, records int, f func(event)) {
	for part := range partitions {
		g := newGenerator(part, keysOf(topic))
		for range share(records, part) {
			f(g.next())
		}
	}
}

// share is the number of records of a partition.
func share(records, part int) int { return (records - part + partitions - 1) / partitions }
