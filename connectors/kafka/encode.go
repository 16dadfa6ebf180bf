package kafka

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"weir/connectors/formats"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/types"
)

// encode makes records of the rows of b. It runs in the task's goroutine, without mu.
func (w *writer) encode(c *chunk, b *batch.Batch) error {
	doing := "write table " + w.sink.table.Name
	if err := w.value.EncodeAll(&c.out.values, b); err != nil {
		return unencoded(doing, err)
	}
	n := b.Rows()
	if w.sink.upsert && b.Kinds != nil {
		for r := range n {
			if !b.Kind(b.At(r)).Adds() {
				c.out.values.Len[r] = formats.NullLen
			}
		}
	}
	if c.out.hasKeys = w.key != nil; c.out.hasKeys {
		if err := w.key.EncodeAll(&c.out.keys, b); err != nil {
			return unencoded(doing+": key", err)
		}
	}
	if w.sink.timeCol >= 0 {
		v := b.Cols[w.sink.timeCol]
		c.out.timestamps = make([]int64, n)
		for r := range n {
			ms := rowTime(v, b.At(r))
			if v.Type.Kind == types.Timestamp && ms >= 0 {
				t := time.UnixMilli(ms).UTC()
				ms = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), w.sink.cfg.Zone()).UnixMilli()
			}
			c.out.timestamps[r] = ms
		}
	}
	w.headers(c, b)
	if w.buf != nil {
		return nil // grouped when the buffer is drained
	}
	var topics []*outTopic
	if w.sink.topicCol >= 0 {
		var err error
		if topics, err = w.rowTopics(b); err != nil {
			return err
		}
	}
	c.idx = c.idx[:0]
	for r := range n {
		c.idx = append(c.idx, int32(r))
	}
	w.spread(c, topics)
	return nil
}

// unencoded words an error of a format, whose reaction is the format's where it has one: a schema registry may not answer.
func unencoded(doing string, err error) error {
	if e := new(exec.Error); errors.As(err, &e) {
		return &exec.Error{Reaction: e.Reaction, Doing: doing, Cause: err, Help: e.Help}
	}
	return exec.Fatalf("", doing, err)
}

// headers encodes the headers columns.
func (w *writer) headers(c *chunk, b *batch.Batch) {
	col := max(w.sink.headersCol, w.sink.headerListCol)
	if col < 0 {
		return
	}
	o, v, n := &c.out, b.Cols[col], b.Rows()
	names, values := v.Children[0], (*batch.Vector)(nil)
	if w.sink.headersCol >= 0 {
		values = v.Children[1]
	} else {
		names, values = v.Children[0].Children[0], v.Children[0].Children[1]
	}
	o.headers = make([]uint32, n)
	for r := range n {
		i := b.At(r)
		if !v.IsNull(i) {
			for e := v.Off[i]; e < v.Off[i]+v.Len[i]; e++ {
				if names.IsNull(int(e)) {
					continue // a header without a name cannot be sent
				}
				name := names.Bytes(int(e))
				o.hNameOff, o.hNameLen = append(o.hNameOff, uint32(len(o.hData))), append(o.hNameLen, uint32(len(name)))
				o.hData = append(o.hData, name...)
				o.hValOff = append(o.hValOff, uint32(len(o.hData)))
				if values.IsNull(int(e)) {
					o.hValLen = append(o.hValLen, formats.NullLen)
					continue
				}
				val := values.Bytes(int(e))
				o.hValLen = append(o.hValLen, uint32(len(val)))
				o.hData = append(o.hData, val...)
			}
		}
		o.headers[r] = uint32(len(o.hNameOff))
	}
}

// rowTopics reads the topic column.
func (w *writer) rowTopics(b *batch.Batch) ([]*outTopic, error) {
	v, n := b.Cols[w.sink.topicCol], b.Rows()
	out := make([]*outTopic, n)
	for r := range n {
		i := b.At(r)
		doing := "write table " + w.sink.table.Name
		if v.IsNull(i) {
			return nil, exec.Fatalf("give every row a topic", doing, fmt.Errorf("the metadata column 'topic' is NULL"))
		}
		name := v.Bytes(i)
		t, ok := w.topics[string(name)]
		if !ok {
			s := string(name)
			if w.sink.pattern != nil && !w.sink.pattern.MatchString(s) {
				return nil, exec.Fatalf("mend the query, or 'topic-pattern'", doing, fmt.Errorf("topic '%s' does not match 'topic-pattern'", s))
			}
			if w.sink.pattern == nil && !slices.Contains(w.sink.topics, s) {
				return nil, exec.Fatalf("mend the query, or add it to 'topic'", doing, fmt.Errorf("topic '%s' is not in the table's option 'topic'", s))
			}
			var err error
			if t, err = w.prod.topic(w.ctx.Ctx, s); err != nil {
				return nil, err
			}
			w.topics[s] = t
		}
		out[r] = t
	}
	return out, nil
}

// spread gives the rows c.idx their partitions and puts rows of one topic and partition side by side, in order.
func (w *writer) spread(c *chunk, topics []*outTopic) {
	c.size = len(c.out.values.Data) + len(c.out.keys.Data) + len(c.out.hData) + 16*len(c.idx)
	c.groups = c.groups[:0]
	if topics != nil {
		w.spreadTopics(c, topics)
		return
	}
	parts := w.topic.partitions.Load()
	sticky := w.sticky % parts
	switch {
	case w.sink.part == fixed:
		c.groups = append(c.groups, group{w.topic, int32(w.ctx.Subtask) % parts, 0, len(c.idx)})
		return
	case w.sink.part == roundRobin, !c.out.hasKeys:
		w.sticky = (sticky + 1) % parts
		c.groups = append(c.groups, group{w.topic, sticky, 0, len(c.idx)})
		return
	}
	w.counts = grow(w.counts, int(parts)+1)
	clear(w.counts)
	w.slotOf = grow(w.slotOf, len(c.idx))
	for i, r := range c.idx {
		p := sticky
		if k, null := c.out.keys.Get(int(r)); !null {
			p = partitionOf(k, parts)
		}
		w.slotOf[i] = p
		w.counts[p+1]++
	}
	w.sticky = (sticky + 1) % parts
	for p := int32(0); p < parts; p++ {
		if w.counts[p+1] > 0 {
			c.groups = append(c.groups, group{w.topic, p, int(w.counts[p]), int(w.counts[p] + w.counts[p+1])})
		}
		w.counts[p+1] += w.counts[p]
	}
	sorted := make([]int32, len(c.idx))
	for i, r := range c.idx {
		p := w.slotOf[i]
		sorted[w.counts[p]] = r
		w.counts[p]++
	}
	copy(c.idx, sorted)
}

// spreadTopics is spread for rows that name their topics; c.idx is all rows.
func (w *writer) spreadTopics(c *chunk, topics []*outTopic) {
	type place struct {
		t *outTopic
		p int32
	}
	rows := map[place][]int32{}
	var order []place
	for _, r := range c.idx {
		t := topics[r]
		n := t.partitions.Load()
		p := w.sticky % n
		switch {
		case w.sink.part == fixed:
			p = int32(w.ctx.Subtask) % n
		case w.sink.part == byKey && c.out.hasKeys:
			if k, null := c.out.keys.Get(int(r)); !null {
				p = partitionOf(k, n)
			}
		}
		at := place{t, p}
		if _, ok := rows[at]; !ok {
			order = append(order, at)
		}
		rows[at] = append(rows[at], r)
	}
	w.sticky++
	c.idx = c.idx[:0]
	for _, at := range order {
		from := len(c.idx)
		c.idx = append(c.idx, rows[at]...)
		c.groups = append(c.groups, group{at.t, at.p, from, len(c.idx)})
	}
}
