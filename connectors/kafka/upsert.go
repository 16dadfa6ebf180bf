package kafka

import (
	"time"

	"weir/connectors/formats"
)

// reduceBuffer gathers encoded rows and gives the last one of every key, in the order in which keys
// first came ('sink.buffer-flush.*' of upsert-kafka). The writer's mu guards it.
type reduceBuffer struct {
	all   outgoing
	last  map[string]int // key -> position in order
	order []int32        // rows of all
	timer *time.Timer
	armed bool
}

func newReduceBuffer() *reduceBuffer { return &reduceBuffer{last: map[string]int{}} }

func (b *reduceBuffer) rows() int { return len(b.order) }

func (b *reduceBuffer) size() int { return len(b.all.values.Data) + len(b.all.keys.Data) }

// add takes the rows of c, by copy. A table by key writes no headers' columns that differ from row to row without
// them: those are carried too.
func (b *reduceBuffer) add(c *chunk) {
	o := &c.out
	for r := range o.values.Len {
		row := int32(len(b.all.values.Len))
		appendPayload(&b.all.values, &o.values, r)
		appendPayload(&b.all.keys, &o.keys, r)
		if o.timestamps != nil {
			b.all.timestamps = append(b.all.timestamps, o.timestamps[r])
		}
		if o.headers != nil {
			from := uint32(0)
			if r > 0 {
				from = o.headers[r-1]
			}
			for h := from; h < o.headers[r]; h++ {
				a := &b.all
				a.hNameOff, a.hNameLen = append(a.hNameOff, uint32(len(a.hData))), append(a.hNameLen, o.hNameLen[h])
				a.hData = append(a.hData, o.hData[o.hNameOff[h]:o.hNameOff[h]+o.hNameLen[h]]...)
				a.hValOff, a.hValLen = append(a.hValOff, uint32(len(a.hData))), append(a.hValLen, o.hValLen[h])
				if o.hValLen[h] != formats.NullLen {
					a.hData = append(a.hData, o.hData[o.hValOff[h]:o.hValOff[h]+o.hValLen[h]]...)
				}
			}
			b.all.headers = append(b.all.headers, uint32(len(b.all.hNameOff)))
		}
		key, _ := o.keys.Get(r)
		if at, ok := b.last[string(key)]; ok {
			b.order[at] = row
			continue
		}
		b.last[string(key)] = len(b.order)
		b.order = append(b.order, row)
	}
	b.all.hasKeys = true
}

func appendPayload(dst, src *formats.Payloads, i int) {
	dst.Off, dst.Len = append(dst.Off, uint32(len(dst.Data))), append(dst.Len, src.Len[i])
	if v, null := src.Get(i); !null {
		dst.Data = append(dst.Data, v...)
	}
}

// drain moves what is gathered into c, which is empty; false when there is nothing.
func (b *reduceBuffer) drain(c *chunk) bool {
	if b.armed {
		b.timer.Stop()
		b.armed = false
	}
	if len(b.order) == 0 {
		return false
	}
	c.out, b.all = b.all, outgoing{}
	c.idx = append(c.idx[:0], b.order...)
	b.order = b.order[:0]
	clear(b.last)
	return true
}

// arm starts the interval with the first row.
func (b *reduceBuffer) arm(after time.Duration, f func()) {
	if !b.armed {
		b.rearm(after, f)
	}
}

func (b *reduceBuffer) rearm(after time.Duration, f func()) {
	b.timer, b.armed = time.AfterFunc(after, f), true
}

func (b *reduceBuffer) stop() {
	if b.armed {
		b.timer.Stop()
		b.armed = false
	}
}
