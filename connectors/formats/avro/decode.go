package avro

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"weir/connectors/formats"
	"weir/connectors/formats/literal"
	"weir/connectors/spec/avroschema"
	"weir/exec/batch"
	"weir/planner/decimal"
	"weir/planner/types"
)

const (
	// maxDepth is how deep records of a writer's schema may lie within each other.
	maxDepth = 10_000
	// maxEmpty is how many elements that take no bytes a record may have: nothing else would bound them.
	maxEmpty = 100_000
)

// machine runs steps over the bytes of a record.
type machine struct {
	b     []byte // the payloads' buffer up to the end of the record under way
	i     int
	start int
	depth int
	empty int // elements without bytes, of this record

	// What is wrong with the record under way.
	at     int
	column string
	reason string
	help   string
}

// table is the columns of a decoder.
type table struct {
	names   []string
	columns []*target // nil for one that is not read
	reader  *avroschema.Tree
}

func newTable(spec formats.DecoderSpec, reader *avroschema.Tree) *table {
	t := &table{reader: reader}
	for _, c := range spec.Schema {
		var to *target
		if c.Index >= 0 {
			read := c.Read
			if read.Kind == types.Invalid {
				read = c.Type
			}
			to = newTarget(c.Name, read)
			to.index = c.Index
		}
		t.names, t.columns = append(t.names, c.Name), append(t.columns, to)
	}
	return t
}

// begin makes room for rows up to limit.
func (t *table) begin(data []byte, dst *batch.Batch, limit int) {
	for _, c := range t.columns {
		if c != nil {
			c.bind(dst.Cols[c.index], data)
			c.vec.Resize(limit)
		}
	}
}

// end leaves the first rows.
func (t *table) end(dst *batch.Batch, rows int) {
	for _, c := range t.columns {
		if c != nil {
			c.vec.Resize(rows)
		}
	}
	dst.N = rows
}

// undo takes back what a record that failed has put into n rows.
func (t *table) undo(row, n int) {
	for _, c := range t.columns {
		if c != nil {
			c.vec.UnsetNulls(row, row+n)
		}
	}
}

// recordLoop goes over payloads for the decoders of this package, which differ in what they make of a record:
//
//	for l.begin(p, from, to, dst, src); l.next(); l.keep(n) {
//		n rows of payload l.k are decoded into l.row and those behind it, or return l.end(what is wrong)
//	}
//	return l.end(nil)
type recordLoop struct {
	table *table
	head  int // how many bytes stand in front of a record
	most  int // how many rows a record makes at most

	p     *formats.Payloads
	k, to int // the payload that the machine is at, and that behind the last one
	dst   *batch.Batch
	row   int // so many rows are there
	src   []int32
	machine
}

func (l *recordLoop) begin(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) {
	l.p, l.k, l.to, l.dst, l.row, l.src = p, from-1, to, dst, dst.N, src
	l.table.begin(p.Data, dst, l.row+l.most*(to-from))
}

// next goes to the next payload that is there.
func (l *recordLoop) next() bool {
	for l.k++; l.k < l.to; l.k++ {
		if n := l.p.Len[l.k]; n != formats.NullLen {
			start := int(l.p.Off[l.k])
			l.load(l.p.Data, start, l.head, start+int(n))
			return true
		}
	}
	return false
}

// keep keeps the n rows that were decoded.
func (l *recordLoop) keep(n int) {
	for range n {
		l.src = append(l.src, int32(l.k))
	}
	l.row += n
}

// end is what Decode returns, where bad is the record that failed, or nil.
func (l *recordLoop) end(bad *formats.RecordError) (rows []int32, skipped int, err error) {
	if bad != nil {
		l.table.undo(l.row, l.most)
		err = bad
	}
	l.table.end(l.dst, l.row)
	return l.src, 0, err
}

// load points m at the record data[start:end], behind the first head bytes of it.
func (m *machine) load(data []byte, start, head, end int) {
	m.b, m.start, m.i = data[:end], start, start+head
	m.depth, m.empty = 0, 0
	m.reason, m.column, m.help = "", "", ""
}

// record decodes a record into row; one that is null is no row.
func (m *machine) record(p *plan, row int) (rows int, ok bool) {
	if p.null >= 0 {
		if null, ok := m.branch(p.top, p.null); null || !ok {
			return 0, ok
		}
	}
	return 1, m.run(p.top, row) && m.atEnd()
}

// branch reads which of a union of two types a value is of, of which null has the number null.
func (m *machine) branch(s *step, null int64) (isNull, ok bool) {
	n, ok := m.long(s)
	if ok && n != null && n != 1-null {
		return false, m.noBranch(s, n, 2)
	}
	return ok && n == null, ok
}

func (m *machine) noBranch(s *step, n int64, of int) bool {
	return m.bad(s, "not valid Avro: branch %d of a union of %d", n, of)
}

// atEnd holds that nothing follows. Java's Avro does not look, and gives rows that the writer never wrote.
func (m *machine) atEnd() bool {
	if m.i == len(m.b) {
		return true
	}
	m.help = "the record was written with another schema than it is read with; where its writers have fields behind those of the table, declare them too"
	return m.bad(nil, "the record goes on behind its last field, to byte %d", len(m.b)-m.start)
}

// bad notes what is wrong and returns false.
func (m *machine) bad(s *step, reason string, args ...any) bool {
	m.at = min(m.i, len(m.b)) - m.start
	if len(args) > 0 {
		reason = fmt.Sprintf(reason, args...)
	}
	m.reason = reason
	if s != nil && s.to != nil {
		m.column = s.to.path
	}
	return false
}

// error is what was noted, of payload k.
func (m *machine) error(k int) *formats.RecordError {
	return &formats.RecordError{Payload: k, Column: m.column, At: m.at, Excerpt: formats.Excerpt(m.b[m.start:], m.at), Reason: m.reason, Help: m.help}
}

func (m *machine) truncated(s *step) bool {
	m.help = "the record was cut short, or was written with another schema than it is read with"
	return m.bad(s, "the record ends inside of a value")
}

// long reads a number in Avro's variable length.
func (m *machine) long(s *step) (int64, bool) {
	if i := m.i; i < len(m.b) && m.b[i] < 0x80 {
		u := m.b[i]
		m.i++
		return int64(u>>1) ^ -int64(u&1), true
	}
	return m.longer(s)
}

func (m *machine) longer(s *step) (int64, bool) {
	var u uint64
	for i, c := range m.b[m.i:] {
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if i == 9 && c > 1 {
				break
			}
			m.i += i + 1
			return int64(u>>1) ^ -int64(u&1), true
		}
		if i == 9 {
			break
		}
	}
	if len(m.b)-m.i < 10 {
		return 0, m.truncated(s)
	}
	return 0, m.bad(s, "not valid Avro: a number of more than 64 bits")
}

// length reads the length of bytes, which must be there.
func (m *machine) length(s *step) (int, bool) {
	n, ok := m.long(s)
	switch {
	case !ok:
		return 0, false
	case n < 0:
		return 0, m.bad(s, "not valid Avro: a length of %d bytes", n)
	case n > int64(len(m.b)-m.i):
		return 0, m.truncated(s)
	}
	return int(n), true
}

// run decodes one value into row.
func (m *machine) run(s *step, row int) bool {
	if s.or {
		n, ok := m.long(s)
		switch {
		case !ok:
			return false
		case n == s.null:
			if s.to != nil {
				s.to.null(row)
			}
			return true
		case n != 1-s.null:
			return m.noBranch(s, n, 2)
		}
	}
	switch s.code {
	case readInt:
		x, ok := m.long(s)
		if !ok {
			return false
		}
		if x < s.lo || x > s.hi || s.is32 && x != int64(int32(x)) {
			return m.unfit(s, x)
		}
		s.to.vec.Int[row] = x
	case readBytes:
		n, ok := m.length(s)
		if !ok {
			return false
		}
		return m.bytes(s, m.i, n, row)
	case readTime:
		x, ok := m.long(s)
		return ok && m.time(s, x, row)
	case readDouble:
		if len(m.b)-m.i < 8 {
			return m.truncated(s)
		}
		s.to.vec.Flt[row] = math.Float64frombits(binary.LittleEndian.Uint64(m.b[m.i:]))
		m.i += 8
	case readFloat:
		if len(m.b)-m.i < 4 {
			return m.truncated(s)
		}
		s.to.vec.Flt[row] = float64(math.Float32frombits(binary.LittleEndian.Uint32(m.b[m.i:])))
		m.i += 4
	case readBool:
		if m.i >= len(m.b) {
			return m.truncated(s)
		}
		s.to.vec.Bool[row] = m.b[m.i] == 1
		m.i++
	case readRecord:
		if m.depth++; m.depth > maxDepth {
			return m.bad(s, "records lie more than %d deep within each other", maxDepth)
		}
		for _, op := range s.ops {
			if !m.run(op, row) {
				return false
			}
		}
		m.depth--
	case readDecimal:
		n, ok := m.length(s)
		return ok && m.decimal(s, n, row)
	case readFixedDecimal:
		if len(m.b)-m.i < s.size {
			return m.truncated(s)
		}
		return m.decimal(s, s.size, row)
	case readEnum:
		n, ok := m.long(s)
		if !ok {
			return false
		}
		if n < 0 || n >= int64(len(s.symbols)) {
			return m.bad(s, "not valid Avro: symbol %d of an enum of %d", n, len(s.symbols))
		}
		s.to.put(s.symbols[n], row)
	case readFixed:
		if len(m.b)-m.i < s.size {
			return m.truncated(s)
		}
		return m.bytes(s, m.i, s.size, row)
	case readIntAsFloat:
		x, ok := m.long(s)
		if !ok {
			return false
		}
		f := float64(x)
		if s.to.typ.Kind == types.Float {
			f = float64(float32(x))
		}
		s.to.vec.Flt[row] = f
	case readList:
		return m.list(s, row)
	case readUnion:
		n, ok := m.long(s)
		if !ok {
			return false
		}
		if n < 0 || n >= int64(len(s.ops)) {
			return m.noBranch(s, n, len(s.ops))
		}
		return m.run(s.ops[n], row)
	case readNull:
		s.to.null(row)
	case readDefault:
		return m.constant(s, row)
	case skipNothing:
	case skipVarint:
		_, ok := m.long(s)
		return ok
	case skipBytes:
		n, ok := m.length(s)
		m.i += n
		return ok
	case skipFixed:
		if len(m.b)-m.i < s.size {
			return m.truncated(s)
		}
		m.i += s.size
	case skipList:
		return m.skipList(s)
	case refuse:
		m.help = s.help
		return m.bad(s, s.reason)
	}
	return true
}

func (m *machine) unfit(s *step, x any) bool {
	m.help = "declare the column with a wider type, and convert it in the query"
	return m.bad(s, "the number %v does not fit %s", x, s.to.typ.WithNullable(true))
}

// bytes takes the n bytes at from, which are there: as a view where they can be one.
func (m *machine) bytes(s *step, from, n, row int) bool {
	x := m.b[from : from+n]
	if s.to.typ.IsString() && !utf8.Valid(x) {
		m.help = "declare the column as BYTES"
		return m.bad(s, "text that is not UTF-8")
	}
	m.i = from + n
	if v := s.to.vec; s.to.view {
		v.Off[row], v.Len[row] = uint32(from), uint32(n)
		return true
	}
	s.to.put(x, row)
	return true
}

// put copies x.
func (t *target) put(x []byte, row int) {
	v := t.vec
	v.Off[row], v.Len[row] = uint32(len(v.Data)), uint32(len(x))
	v.Data = append(v.Data, x...)
}

// null makes row NULL, and what lies within.
func (t *target) null(row int) {
	t.vec.SetNull(row)
	switch batch.ClassOf(t.typ) {
	case batch.ClassBytes, batch.ClassList:
		t.vec.Off[row], t.vec.Len[row] = 0, 0
	case batch.ClassRow:
		for _, c := range t.children {
			c.null(row)
		}
	}
}

func (m *machine) time(s *step, x int64, row int) bool {
	if x < s.lo || x > s.hi || s.is32 && x != int64(int32(x)) {
		return m.unfit(s, x)
	}
	us := x * s.mul
	if s.div > 1 {
		if us = x / s.div; x%s.div < 0 {
			us--
		}
	}
	if s.cut {
		us = literal.Truncate(us, s.to.typ.Prec)
	}
	s.to.vec.Int[row] = us
	return true
}

// decimal reads n bytes, the two's complement of the unscaled value.
func (m *machine) decimal(s *step, n, row int) bool {
	b := m.b[m.i : m.i+n]
	sign := byte(0)
	if n > 0 && b[0] >= 0x80 {
		sign = 0xff
	}
	for len(b) > 16 && b[0] == sign { // a wide FIXED
		b = b[1:]
	}
	if len(b) > 16 || len(b) == 16 && b[0]&0x80 != sign&0x80 {
		return m.unfit(s, fmt.Sprintf("of %d bytes", n))
	}
	d := types.Dec{Hi: int64(int8(sign))}
	if sign != 0 {
		d.Lo = math.MaxUint64
	}
	for _, c := range b {
		d.Hi, d.Lo = d.Hi<<8|int64(d.Lo>>56), d.Lo<<8|uint64(c)
	}
	m.i += n
	t := s.to.typ
	var ok bool
	if s.scale == t.Scale {
		ok = decimal.Fits(d, t.Prec)
	} else {
		var to types.Dec
		if to, ok = decimal.Convert(d, s.scale, t.Prec, t.Scale); ok {
			d = to
		}
	}
	if !ok {
		return m.unfit(s, decimal.String(d, s.scale))
	}
	s.to.vec.Dec[row] = d
	return true
}

// block reads the head of a block of a list: how many elements follow, and how many bytes they are, -1 where the writer does
// not say. 0 elements are the end of the list.
func (m *machine) block(s *step) (count int, size int64, ok bool) {
	n, ok := m.long(s)
	if !ok || n == 0 {
		return 0, 0, ok
	}
	size = -1
	if n < 0 {
		if size, ok = m.long(s); !ok {
			return 0, 0, false
		}
		if size < 0 {
			return 0, 0, m.bad(s, "not valid Avro: a block of %d bytes", size)
		}
		n = -n
	}
	least := int64(s.ops[0].min)
	if s.isMap {
		least++
	}
	rest := int64(len(m.b) - m.i)
	switch {
	case n < 0 || least > 0 && n > rest/least || size > rest:
		return 0, 0, m.truncated(s)
	case least == 0:
		if n > maxEmpty || m.empty+int(n) > maxEmpty {
			return 0, 0, m.bad(s, "more than %d elements without any bytes", maxEmpty)
		}
		m.empty += int(n)
	}
	return int(n), size, true
}

func (m *machine) list(s *step, row int) bool {
	elem := s.to.children[len(s.to.children)-1]
	from := elem.vec.Rows()
	at := from
	for {
		n, _, ok := m.block(s)
		if !ok {
			return false
		}
		if n == 0 {
			break
		}
		for _, c := range s.to.children {
			c.vec.Resize(at + n)
		}
		for end := at + n; at < end; at++ {
			if s.isMap {
				size, ok := m.length(s)
				if !ok || !m.key(s, size, at) {
					return false
				}
			}
			if !m.run(s.ops[0], at) {
				return false
			}
		}
	}
	s.to.vec.Off[row], s.to.vec.Len[row] = uint32(from), uint32(at-from)
	return true
}

// key takes the key of a MAP.
func (m *machine) key(s *step, n, row int) bool {
	key := s.to.children[0]
	x := m.b[m.i : m.i+n]
	if !utf8.Valid(x) {
		return m.bad(s, "text that is not UTF-8")
	}
	if key.view {
		key.vec.Off[row], key.vec.Len[row] = uint32(m.i), uint32(n)
	} else {
		key.put(x, row)
	}
	m.i += n
	return true
}

func (m *machine) skipList(s *step) bool {
	for {
		n, size, ok := m.block(s)
		if !ok {
			return false
		}
		if n == 0 {
			return true
		}
		if size >= 0 {
			m.i += int(size)
			continue
		}
		for range n {
			if s.isMap {
				size, ok := m.length(s)
				if !ok {
					return false
				}
				m.i += size
			}
			if !m.run(s.ops[0], 0) {
				return false
			}
		}
	}
}

// constant fills a column with its default, whose bytes lie outside of the payloads.
func (m *machine) constant(s *step, row int) bool {
	b, i := m.b, m.i
	shared := s.ops[0].views(nil)
	for _, t := range shared {
		t.view = false
	}
	m.b, m.i = s.data, 0
	ok := m.run(s.ops[0], row)
	for _, t := range shared {
		t.view = true
	}
	m.b, m.i = b, i
	return ok
}

// views adds to out the targets of s that have views into the payloads.
func (s *step) views(out []*target) []*target {
	if s.to != nil {
		out = s.to.views(out)
	}
	return out
}

func (t *target) views(out []*target) []*target {
	if t.view {
		out = append(out, t)
	}
	for _, c := range t.children {
		out = c.views(out)
	}
	return out
}
