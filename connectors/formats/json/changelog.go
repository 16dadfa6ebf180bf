package json

import (
	"errors"
	"fmt"
	"math"
	"regexp"

	"weir/connectors/formats"
	"weir/connectors/formats/literal"
	"weir/connectors/spec"
	"weir/exec/batch"
	"weir/planner/types"
)

// changelog decodes the envelopes of a dialect.
type changelog struct {
	*topDecoder
	x       *dialect
	payload bool           // the envelope is the member "payload" of an object
	members map[string]int // slots of the members that count
	metas   []meta
	filters []filter
	limit   int // rows that there is room for

	// The envelope under way.
	at   []int // where the values of members begin, by slot; -1: missing or null
	what change
	row  int     // its first row
	done [2]spot // rows that were decoded where they stood: old, new
	n    int     // of a list of new rows
	olds []int   // where the old rows of a list begin
	// fills is the members that old rows lack, by row: they are those of the row behind it.
	fills []fill
}

// spot is a row that was decoded: the place behind where it begins, and the row that it became. The zero spot is none.
type spot struct{ from, row int }

type fill struct {
	node *node
	row  int
}

// Slots of members. Those of metadata and filters follow.
const (
	oldMember = iota
	newMember
	opMember
)

// meta is one metadata column.
type meta struct {
	metaSource
	node  *node
	slot  int     // of the member
	inner *object // what holds the field; nil without one
	index int     // column of the batch
	// shared: other metadata columns come from the same member.
	shared bool
}

// filter is a pattern that a member must match for the envelope to count.
type filter struct {
	slot    int
	member  string
	pattern *regexp.Regexp
}

func (x *dialect) newDecoder(ds formats.DecoderSpec) (formats.Decoder, error) {
	d, err := newTop(x.name, ds)
	if err != nil {
		return nil, err
	}
	c := &changelog{topDecoder: d, x: x, payload: formats.Flag(ds.Options, "schema-include", false),
		members: map[string]int{x.old: oldMember, x.new: newMember, x.op: opMember}}
	slot := func(member string) int {
		if _, ok := c.members[member]; !ok {
			c.members[member] = len(c.members)
		}
		return c.members[member]
	}
	for _, member := range []string{"database", "table"} {
		v := formats.Text(ds.Options, member+".include", "")
		if v == "" {
			continue
		}
		re, err := spec.JavaPattern(v)
		if err != nil {
			return nil, fmt.Errorf("format '%s': %s.include: %w", x.name, member, err)
		}
		c.filters = append(c.filters, filter{slot(member), member, re})
	}
	for _, m := range ds.Metadata {
		src, ok := x.metadata[m.Name]
		if !ok {
			return nil, fmt.Errorf("format '%s' has no metadata '%s'", x.name, m.Name)
		}
		v := meta{metaSource: src, slot: slot(src.member), index: m.Index}
		t, name := m.Type, src.member
		if src.as == millis || src.as == seconds {
			t = types.TBigInt
		}
		if src.field != "" {
			name = src.field
		}
		if v.node, err = newNode(name, "metadata "+m.Name, t, t); err != nil {
			return nil, err
		}
		if t.Kind == types.BigInt {
			v.node.lo, v.node.hi = math.MinInt64/1_000_000, math.MaxInt64/1_000_000 // as microseconds they are no greater
		}
		if src.field != "" {
			v.inner = newObject([]*node{v.node})
		}
		for i := range c.metas {
			if o := &c.metas[i]; o.slot == v.slot {
				o.shared, v.shared = true, true
			}
		}
		c.metas = append(c.metas, v)
	}
	c.at = make([]int, len(c.members))
	return c, nil
}

// Decode implements formats.Decoder.
func (c *changelog) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error) {
	d := c.decoder
	d.b = p.Data
	c.row = dst.N
	for i, f := range d.top.fields {
		if !f.skip {
			f.bind(dst.Cols[c.index[i]], p.Data)
		}
	}
	for i := range c.metas {
		m := &c.metas[i]
		switch v := dst.Cols[m.index]; {
		case m.as != asIs:
			m.node.vec = v
		case m.shared:
			m.node.bindCopy(v)
		default:
			m.node.bind(v, p.Data)
		}
	}
	for len(dst.Kinds) < dst.N {
		dst.Kinds = append(dst.Kinds, batch.Insert)
	}
	defer func() {
		c.room(c.row)
		dst.N = c.row
	}()
	c.limit = 0
	for k := from; k < to; k++ {
		if p.Len[k] == formats.NullLen || p.Len[k] == 0 {
			continue // what is left of a deleted row in a compacted topic
		}
		if c.limit < c.row+2 {
			c.room(c.row + 2*(to-k))
		}
		start := int(p.Off[k])
		d.end = start + int(p.Len[k])
		d.reason, d.column, d.pending, d.shape, d.drops, d.absent = "", "", d.pending[:0], false, false, false
		n := c.record(start)
		if n < 0 {
			c.forgetRows()
			if d.ignore {
				skipped++
				continue
			}
			return src, skipped, c.recordError(p, k, start)
		}
		for i := range n {
			dst.Kinds = append(dst.Kinds, c.kind(i))
			src = append(src, int32(k))
		}
		c.row += n
	}
	return src, skipped, nil
}

// kind is how the i-th row of the envelope changes the table.
func (c *changelog) kind(i int) batch.ChangeKind {
	switch {
	case c.what == deleted:
		return batch.Delete
	case c.what == inserted:
		return batch.Insert
	case i%2 == 0:
		return batch.UpdateBefore
	}
	return batch.UpdateAfter
}

// room makes room for n rows.
func (c *changelog) room(n int) {
	c.resize(n)
	for i := range c.metas {
		c.metas[i].node.vec.Resize(n)
	}
	c.limit = n
}

func (c *changelog) recordError(p *formats.Payloads, k, start int) error {
	err := c.decoder.recordError(p, k, start)
	var re *formats.RecordError
	// A row that lacks columns comes from a table whose old rows are not written whole.
	old := c.lacksOld() || !c.x.partial && c.column != "" && c.done[oldMember].from > 0 && c.at[newMember] < 0
	if errors.As(err, &re) && old {
		re.Help = "in Postgres ALTER TABLE ... REPLICA IDENTITY FULL makes old rows whole; '" + c.x.name + ".ignore-parse-errors' = 'true' skips such records and counts them"
	}
	return err
}

// lacksOld reports an envelope without the old row that it must have.
func (c *changelog) lacksOld() bool {
	return !c.x.partial && (c.what == updated || c.what == deleted) && c.at[oldMember] < 0
}

// record decodes the record at i to rows from c.row on, and returns how many they are; -1 for a record that is wrong.
func (c *changelog) record(i int) int {
	for k := range c.at {
		c.at[k] = -1
	}
	c.what, c.done, c.fills = unknownChange, [2]spot{}, c.fills[:0]
	if i = c.space(i); i >= c.end {
		return c.syntax(i, "the record is empty")
	}
	if c.b[i] != '{' {
		if c.skip(i, 0) >= 0 {
			c.fault(i, "expected an object, found "+c.describe(i))
		}
		return -1
	}
	end := -1
	if c.payload {
		end = c.outer(i)
	} else {
		end = c.envelope(i, 0)
	}
	if end < 0 {
		return -1
	}
	if end != c.end {
		if end = c.space(end); end != c.end {
			return c.syntax(end, "something follows the end of the JSON value")
		}
	}
	n := c.filtered(i)
	if n > 0 {
		n = c.rows(i)
	}
	if n > 0 {
		n = c.metadataOf(n)
	}
	if n == 0 {
		c.forgetRows()
	}
	if n > 0 {
		if len(c.pending) > 0 {
			c.settle()
		}
		c.complete(n)
	}
	return n
}

// each calls f for the members of the object at i, with the place of each value; f returns the value's end.
func (c *changelog) each(i int, f func(name []byte, i int) int) int {
	i = c.space(i + 1)
	if i < c.end && c.b[i] == '}' {
		return i + 1
	}
	for {
		j, escaped := c.name(i)
		if j < 0 {
			return j
		}
		name := c.b[i+1 : j]
		if escaped {
			c.scratch = append(c.scratch[:0], name...)
			name = c.scratch[:unescape(c.scratch, 0, len(c.scratch))]
		}
		if i = c.colon(j + 1); i < 0 {
			return i
		}
		if i >= c.end {
			return c.syntax(i, "the record ends where a value should be")
		}
		if i = f(name, i); i < 0 {
			return i
		}
		var more bool
		if i, more = c.next(i, '}'); !more {
			return i
		}
	}
}

// outer goes over the object around an envelope with a schema.
func (c *changelog) outer(i int) int {
	found := false
	end := c.each(i, func(name []byte, i int) int {
		if string(name) == "payload" && c.b[i] == '{' {
			found = true
			return c.envelope(i, 1)
		}
		if slot, ok := c.members[string(name)]; ok && c.outside(slot) && c.b[i] != 'n' {
			c.at[slot] = i
		}
		return c.skip(i, 1)
	})
	if end >= 0 && !found {
		return c.fault(i, `there is no "payload", and '`+c.x.name+`.schema-include' is true`)
	}
	return end
}

// outside reports a member that stands beside the payload.
func (c *changelog) outside(slot int) bool {
	for i := range c.metas {
		if c.metas[i].slot == slot {
			return c.metas[i].outside
		}
	}
	return false
}

// envelope goes over the members of an envelope at i.
func (c *changelog) envelope(i, depth int) int {
	return c.each(i, func(name []byte, i int) int {
		slot, ok := c.members[string(name)]
		if !ok || c.payload && c.outside(slot) {
			return c.skip(i, depth+1)
		}
		if c.b[i] == 'n' {
			c.at[slot] = -1
			return c.literal(i)
		}
		c.at[slot] = i
		switch slot {
		case opMember:
			end := c.skip(i, depth+1)
			if end > 0 {
				c.what = c.x.ops[string(c.b[i+1:end-1])]
			}
			return end
		case newMember:
			return c.newHere(i, depth+1)
		case oldMember:
			return c.oldHere(i, depth+1)
		}
		return c.skip(i, depth+1)
	})
}

// newHere decodes the new row at i to the first row of the envelope, or behind the old one.
func (c *changelog) newHere(i, depth int) int {
	row := c.row
	if c.what == updated || c.done[oldMember] != (spot{}) {
		row++
	}
	switch {
	case len(c.filters) > 0: // it may be of another table
		return c.skip(i, depth)
	case c.done[newMember] != (spot{}): // it comes twice
		c.done[newMember] = spot{-1, c.row}
		return c.skip(i, depth)
	case c.x.lists && c.b[i] == '[' && row == c.row:
		c.done[newMember] = spot{i + 1, row}
		return c.list(i, depth, func(k, i int) int { return c.put(i, c.row+k, depth+1) })
	case c.x.lists || c.b[i] != '{':
		return c.skip(i, depth)
	}
	c.done[newMember] = spot{i + 1, row}
	return c.put(i, row, depth)
}

// oldHere decodes the old row at i to the first row of the envelope.
func (c *changelog) oldHere(i, depth int) int {
	taken := c.done[newMember] != (spot{}) && c.done[newMember].row == c.row
	switch {
	case len(c.filters) > 0 || c.x.lists || c.b[i] != '{' || taken:
		return c.skip(i, depth)
	case c.done[oldMember] != (spot{}):
		c.done[oldMember] = spot{-1, c.row}
		return c.skip(i, depth)
	}
	c.done[oldMember] = spot{i + 1, c.row}
	return c.putOld(i, c.row, depth)
}

// put decodes the object at i to a row.
func (c *changelog) put(i, row, depth int) int {
	if row >= c.limit {
		c.room(2*row + 16)
	}
	return c.object(c.top, i, row, depth)
}

// putOld is put for an old row. What it lacks is noted, where that is as in the new row.
func (c *changelog) putOld(i, row, depth int) int {
	c.some = c.x.partial
	end := c.put(i, row, depth)
	if c.some = false; !c.x.partial || end < 0 {
		return end
	}
	for _, f := range c.top.fields {
		if !f.skip && f.seen != c.topGen {
			c.fills = append(c.fills, fill{f, row})
		}
	}
	return end
}

// list calls f for the objects of the array at i, and counts them in c.n.
func (c *changelog) list(i, depth int, f func(k, i int) int) (end int) {
	c.n = 0
	i = c.space(i + 1)
	if i < c.end && c.b[i] == ']' {
		return i + 1
	}
	for {
		if i < c.end && c.b[i] == '{' {
			i = f(c.n, i)
		} else if j := c.skip(i, depth+1); j >= 0 {
			i = c.fault(i, "expected a row, found "+c.describe(i))
		} else {
			i = j
		}
		if c.n++; i < 0 {
			return i
		}
		var more bool
		if i, more = c.next(i, ']'); !more {
			return i
		}
	}
}

// fault notes that what is at i is JSON, but not what the dialect writes; it returns -1.
func (c *changelog) fault(i int, reason string) int {
	c.syntax(i, reason)
	c.shape = true
	return -1
}

// filtered is 0 for an envelope, beginning at i, of another database or table than the options ask for, -1 for one that does not say
// of which, and 1 for all others.
func (c *changelog) filtered(i int) int {
	for _, f := range c.filters {
		at := c.at[f.slot]
		if at < 0 {
			return c.fault(i, `there is no "`+f.member+`", and '`+c.x.name+`.`+f.member+`.include' asks for it`)
		}
		text := c.b[at:c.skip(at, 1)]
		if text[0] == '"' {
			c.scratch = append(c.scratch[:0], text[1:len(text)-1]...)
			text = c.scratch[:unescape(c.scratch, 0, len(c.scratch))]
		}
		if !f.pattern.Match(text) {
			return 0
		}
	}
	return 1
}

// rows sees to it that the rows of the envelope, which begins at i, are where they belong, and returns how many they are.
func (c *changelog) rows(i int) int {
	op := c.at[opMember]
	switch {
	case op < 0:
		return c.fault(i, `there is no "`+c.x.op+`", so it is no change as `+c.x.tool+` writes them; plain rows are read with format 'json'`)
	case c.what == unknownChange:
		return c.fault(op, `"`+c.x.op+`" is `+string(c.b[op:c.skip(op, 1)])+`, which `+c.x.tool+` does not write`)
	case c.what == noRows:
		return 0
	case c.lacksOld():
		return c.fault(op, `the "`+c.x.old+`" of `+map[change]string{updated: "an update", deleted: "a deletion"}[c.what]+` is missing or null`)
	}
	need := [2]bool{newMember: true}
	rows := [2]int{c.row, c.row}
	switch {
	case c.what == updated:
		need[oldMember] = true
		rows[newMember]++
	case c.what == deleted && !c.x.partial:
		need = [2]bool{oldMember: true}
	}
	var want [2]spot
	for m := range want {
		if !need[m] {
			continue
		}
		want[m] = spot{c.at[m] + 1, rows[m]}
		open := byte('{')
		if c.x.lists {
			open = '['
		}
		switch at := c.at[m]; {
		case at < 0:
			return c.fault(op, `the "`+[]string{c.x.old, c.x.new}[m]+`" of the record is missing or null`)
		case c.b[at] != open:
			return c.fault(at, `"`+[]string{c.x.old, c.x.new}[m]+`" is `+c.describe(at))
		}
	}
	n := 1
	if c.what == updated {
		n = 2
	}
	if c.x.lists {
		return c.listed(want)
	}
	if c.done == want {
		return n
	}
	c.forgetRows()
	for m, w := range want {
		put := c.put
		if m == oldMember {
			put = c.putOld
		}
		if w.from > 0 && put(w.from-1, w.row, 1) < 0 {
			return -1
		}
	}
	return n
}

// listed is rows where they stand in arrays.
func (c *changelog) listed(want [2]spot) int {
	at := c.at[newMember]
	if c.what != updated {
		if c.done != want {
			c.forgetRows()
			if c.list(at, 1, func(k, i int) int { return c.put(i, c.row+k, 2) }) < 0 {
				return -1
			}
		}
		return c.n
	}
	c.forgetRows()
	c.olds = c.olds[:0]
	if c.list(c.at[oldMember], 1, func(_, i int) int { c.olds = append(c.olds, i); return c.skip(i, 2) }) < 0 {
		return -1
	}
	end := c.list(at, 1, func(k, i int) int {
		row := c.row + 2*k
		if k >= len(c.olds) {
			return c.fault(i, `"`+c.x.new+`" has more rows than "`+c.x.old+`"`)
		}
		end := c.put(i, row+1, 2)
		if end < 0 || c.putOld(c.olds[k], row, 2) < 0 {
			return -1
		}
		return end
	})
	if end < 0 {
		return -1
	}
	return 2 * c.n
}

// forgetRows takes back what was decoded of the envelope.
func (c *changelog) forgetRows() {
	c.clearNulls(c.row, c.limit)
	for i := range c.metas {
		c.metas[i].node.vec.UnsetNulls(c.row, c.limit)
	}
	c.pending, c.fills = c.pending[:0], c.fills[:0]
}

// metadataOf decodes the metadata of the envelope to its first row. It returns n, or -1.
func (c *changelog) metadataOf(n int) int {
	for i := range c.metas {
		m := &c.metas[i]
		at := c.at[m.slot]
		switch {
		case at < 0:
			c.null(m.node, c.row)
		case m.inner != nil && c.b[at] != '{':
			return c.fault(at, `"`+m.member+`" is `+c.describe(at)+", not an object")
		case m.inner != nil:
			if c.object(m.inner, at, c.row, 1) < 0 {
				return -1
			}
		case m.as == sqlTime || m.as == isoTime:
			if !c.time(m, at) {
				return -1
			}
		default:
			if c.value(m.node, at, c.row, 1) < 0 {
				return -1
			}
		}
	}
	return n
}

// time decodes a time without a zone, which is one of UTC.
func (c *changelog) time(m *meta, at int) bool {
	text := c.b[at:c.skip(at, 1)]
	sep := byte(literal.SQL)
	if m.as == isoTime {
		sep = literal.ISO
	}
	if len(text) > 2 && text[0] == '"' {
		if v, ok := literal.ParseTimestamp(text[1:len(text)-1], sep); ok {
			m.node.vec.Int[c.row] = v
			return true
		}
	}
	if c.ignore {
		c.null(m.node, c.row)
		return true
	}
	c.bad(m.node, at, "expected a time, found "+formats.Excerpt(text, 0))
	return false
}

// complete fills in what is the same in several rows.
func (c *changelog) complete(n int) {
	for _, f := range c.fills {
		copyRow(f.node.vec, f.row+1, f.row)
	}
	for i := range c.metas {
		m := &c.metas[i]
		if v := m.node.vec; !v.IsNull(c.row) {
			switch m.as {
			case millis:
				v.Int[c.row] *= 1000
			case seconds:
				v.Int[c.row] *= 1_000_000
			}
		}
		for k := 1; k < n; k++ {
			copyRow(m.node.vec, c.row, c.row+k)
		}
	}
}

// copyRow makes row to of v the same as row from. Both share their text and elements.
func copyRow(v *batch.Vector, from, to int) {
	if v.IsNull(from) {
		v.SetNull(to)
	}
	switch batch.ClassOf(v.Type) {
	case batch.ClassBool:
		v.Bool[to] = v.Bool[from]
	case batch.ClassInt:
		v.Int[to] = v.Int[from]
	case batch.ClassFloat:
		v.Flt[to] = v.Flt[from]
	case batch.ClassDec:
		v.Dec[to] = v.Dec[from]
	case batch.ClassBytes, batch.ClassList:
		v.Off[to], v.Len[to] = v.Off[from], v.Len[from]
	case batch.ClassRow:
		for _, child := range v.Children {
			copyRow(child, from, to)
		}
	}
}
