package json

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"weir/connectors/formats"
	"weir/connectors/formats/literal"
	"weir/exec/batch"
	"weir/exec/variant"
	"weir/planner/types"
)

// Format is the format for a formats.Registry.
func Format() formats.Format {
	return formats.Format{Name: "json", Decoder: NewDecoder, Encoder: NewEncoder}
}

// node is the plan of one value: a column, a field of a ROW, an element of a list.
type node struct {
	name string // of the member
	path string // from the column on, for messages
	typ  types.Type
	kind types.Kind
	vec  *batch.Vector // bound for one call of Decode
	view bool          // the bytes of vec are views into the payloads
	skip bool          // not read by the query
	pos  int           // among the fields of its object

	lo, hi int64 // range of an integer
	seen   uint64

	// The member's name as it stands in front of the value, with the comma or brace before it, the quotes
	// and the colon: the usual bytes in the usual order. Names of up to 16 bytes with all that are compared as two words.
	key          []byte
	word0, mask0 uint64
	word1, mask1 uint64

	object *object // ROW
	elem   *node   // ARRAY; value of a MAP; count of a MULTISET
	mapKey *node   // key of a MAP, element of a MULTISET

	// The date that was parsed last, and its microseconds.
	date0  uint64
	date1  uint16
	dateUS int64
}

// object is the plan of the members of a JSON object.
type object struct {
	fields []*node
	wanted int // fields that are not skipped
	byName map[string]*node
}

type decoder struct {
	format   string // for messages
	top      *object
	missing  bool // fail-on-missing-field
	ignore   bool // ignore-parse-errors
	zeroNull bool // zero-timestamp.behavior = CONVERT_TO_NULL
	times    int  // timestamp-format.standard

	b   []byte // the payloads' buffer
	end int    // of the payload under way
	gen uint64 // number of the object under way

	some   bool   // the row under way may lack columns, which are then left as they are
	topGen uint64 // number of the row that was decoded last

	// What is wrong with the payload under way.
	at      int
	reason  string
	column  string // empty: the record as a whole
	drops   bool   // ignoring the error drops the record, it does not make the value NULL
	shape   bool   // it is JSON, but no object
	absent  bool   // a member is missing that has to be there
	scratch []byte
	pending []pending

	variants variant.Builder
}

// pending is a text with escapes, undone when the record is known to be good.
type pending struct {
	n        *node
	row      int
	from, to int
	compact  bool // an object or array that becomes text
}

// The values of timestamp-format.standard.
const (
	formatSQL = iota
	formatISO
	formatOffset
)

func timestampFormat(format, v string) (int, error) {
	switch {
	case v == "" || strings.EqualFold(v, "SQL"):
		return formatSQL, nil
	case strings.EqualFold(v, "ISO-8601"):
		return formatISO, nil
	case strings.EqualFold(v, "ISO-8601-WITH-OFFSET"):
		return formatOffset, nil
	}
	return 0, fmt.Errorf("format '%s': timestamp-format.standard is SQL, ISO-8601 or ISO-8601-WITH-OFFSET, not '%s'", format, v)
}

// NewDecoder makes a decoder for the columns of spec.
func NewDecoder(spec formats.DecoderSpec) (formats.Decoder, error) {
	d, err := newTop("json", spec)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// newTop makes what decodes rows in a format that has json's options.
func newTop(format string, spec formats.DecoderSpec) (*topDecoder, error) {
	o := spec.Options
	d := &decoder{
		format:   format,
		missing:  formats.Flag(o, "fail-on-missing-field", false),
		ignore:   formats.Flag(o, "ignore-parse-errors", false),
		zeroNull: strings.EqualFold(formats.Text(o, "zero-timestamp.behavior", "FAIL"), "CONVERT_TO_NULL"),
	}
	if d.missing && d.ignore {
		return nil, errors.New("format 'json': fail-on-missing-field and ignore-parse-errors cannot both be true")
	}
	var err error
	if d.times, err = timestampFormat(format, formats.Text(o, "timestamp-format.standard", "")); err != nil {
		return nil, err
	}
	fields := make([]*node, len(spec.Schema))
	for i, c := range spec.Schema {
		read := c.Type
		if c.Index >= 0 && c.Read.Kind != types.Invalid {
			read = c.Read
		}
		if fields[i], err = newNode(c.Name, c.Name, c.Type, read); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		fields[i].skip = c.Index < 0
	}
	d.top = newObject(fields)
	index := make([]int, len(spec.Schema))
	for i, c := range spec.Schema {
		index[i] = c.Index
	}
	return &topDecoder{d, index}, nil
}

// topDecoder is a decoder with the places of its columns in the batch.
type topDecoder struct {
	*decoder
	index []int
}

// newNode is the plan of a value of type t, of which read is decoded: t, or t with fewer fields.
func newNode(name, path string, t, read types.Type) (n *node, err error) {
	n = &node{name: name, path: path, typ: t, kind: t.Kind}
	n.lo, n.hi = intRange(t.Kind)
	switch t.Kind {
	case types.Array:
		n.elem, err = newNode(name, path, t.Nested.Elem, read.Nested.Elem)
	case types.Map, types.Multiset:
		key, elem := t.Nested.Key, t.Nested.Elem
		if t.Kind == types.Multiset {
			key, elem = t.Nested.Elem, types.TInt.NotNull()
		}
		if !key.IsString() {
			return nil, fmt.Errorf("format 'json' knows only text as the key of a %s, not %s", t.Kind, key)
		}
		if n.mapKey, err = newNode(name, path, key, key); err != nil {
			return nil, err
		}
		n.elem, err = newNode(name, path, elem, elem)
	case types.Row:
		fields := make([]*node, len(t.Nested.Fields))
		wanted := read.Nested.Fields
		for i, f := range t.Nested.Fields {
			skip := len(wanted) == 0 || wanted[0].Name != f.Name
			of := f.Type
			if !skip {
				of, wanted = wanted[0].Type, wanted[1:]
			}
			if fields[i], err = newNode(f.Name, path+"."+f.Name, f.Type, of); err != nil {
				return nil, err
			}
			fields[i].skip = skip
		}
		n.object = newObject(fields)
	case types.Invalid:
		return nil, fmt.Errorf("format 'json' cannot carry %s", t)
	}
	return n, err
}

func newObject(fields []*node) *object {
	o := &object{fields: fields, byName: map[string]*node{}}
	for i, f := range fields {
		o.byName[f.name] = f
		f.pos = i
		if !f.skip {
			o.wanted++
		}
		before := byte(',')
		if i == 0 {
			before = '{'
		}
		f.key = append(appendString([]byte{before}, []byte(f.name)), ':')
		if len(f.key) <= 16 {
			var w, m [16]byte
			copy(w[:], f.key)
			for j := range f.key {
				m[j] = 0xff
			}
			f.word0, f.word1 = binary.LittleEndian.Uint64(w[:]), binary.LittleEndian.Uint64(w[8:])
			f.mask0, f.mask1 = binary.LittleEndian.Uint64(m[:]), binary.LittleEndian.Uint64(m[8:])
		}
	}
	return o
}

// bind points n at the vector that it fills during one call of Decode. Text becomes views into
// data where the vector is empty or already views into the same buffer.
func (n *node) bind(v *batch.Vector, data []byte) {
	n.vec = v
	switch batch.ClassOf(n.typ) {
	case batch.ClassBytes:
		n.view = false
		if n.typ.IsString() && len(data) > 0 {
			if v.Rows() == 0 && len(v.Data) == 0 {
				v.Share(data)
			}
			n.view = len(v.Data) == len(data) && &v.Data[0] == &data[0]
		}
	case batch.ClassList:
		if n.mapKey != nil {
			n.mapKey.bind(v.Children[0], data)
			n.elem.bind(v.Children[1], data)
		} else {
			n.elem.bind(v.Children[0], data)
		}
	case batch.ClassRow:
		child := 0
		for _, f := range n.object.fields {
			if !f.skip {
				f.bind(v.Children[child], data)
				child++
			}
		}
	}
}

// bindCopy is bind where the text is copied: several columns may have it.
func (n *node) bindCopy(v *batch.Vector) {
	n.vec, n.view = v, false
	for i, c := range []*node{n.mapKey, n.elem} {
		if c != nil {
			c.bindCopy(v.Children[min(i, len(v.Children)-1)])
		}
	}
	if n.object != nil {
		for i, f := range n.object.fields {
			f.bindCopy(v.Children[i])
		}
	}
}

// Decode implements formats.Decoder.
func (t *topDecoder) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error) {
	d := t.decoder
	d.b = p.Data
	row := dst.N
	limit := row + to - from
	for i, f := range d.top.fields {
		if !f.skip {
			f.bind(dst.Cols[t.index[i]], p.Data)
			f.vec.Resize(limit)
		}
	}
	finish := func() {
		for _, f := range d.top.fields {
			if !f.skip {
				f.vec.Resize(row)
			}
		}
		dst.N = row
	}
	for k := from; k < to; k++ {
		if p.Len[k] == formats.NullLen {
			continue
		}
		start := int(p.Off[k])
		d.end = start + int(p.Len[k])
		d.reason, d.pending, d.shape = "", d.pending[:0], false
		d.absent = false
		if row+to-k > limit { // arrays at the top gave more rows than payloads
			limit = row + (to-k)*2
			d.resize(limit)
		}
		first := row
		i := start
		if i >= d.end || d.b[i] != '{' {
			i = d.space(i)
		}
		var dropped int
		switch {
		case i >= d.end:
			i = d.syntax(i, "the record is empty")
		case d.b[i] == '{':
			if i = d.object(d.top, i, row, 0); i >= 0 {
				row++
			}
		case d.b[i] == '[':
			i, row, limit, dropped = d.array(i, row, limit)
		case d.b[i] == 'n':
			i = d.literal(i) // no row
		default:
			if j := d.skip(i, 0); j >= 0 {
				d.syntax(i, "expected an object, found "+d.describe(i))
				d.shape = true
			}
			i = -1
		}
		if i >= 0 && i != d.end {
			if i = d.space(i); i != d.end {
				i = d.syntax(i, "something follows the end of the JSON value")
			}
		}
		if i >= 0 {
			if len(d.pending) > 0 {
				d.settle()
			}
			skipped += dropped
			for ; first < row; first++ {
				src = append(src, int32(k))
			}
			continue
		}
		d.clearNulls(first, min(row+1, limit))
		row = first
		if d.ignore {
			skipped++
			continue
		}
		finish()
		return src, skipped, d.recordError(p, k, start)
	}
	finish()
	return src, skipped, nil
}

func (d *decoder) recordError(p *formats.Payloads, k, start int) error {
	b, _ := p.Get(k)
	at := min(max(d.at-start, 0), len(b))
	e := &formats.RecordError{
		Payload: k, Column: d.column, At: at, Excerpt: formats.Excerpt(b, at), Reason: d.reason,
		Help: "'" + d.format + ".ignore-parse-errors' = 'true' skips such records and counts them",
	}
	switch {
	case d.absent:
		e.Help = "without 'json.fail-on-missing-field' = 'true' such values are NULL"
	case d.column != "" && !d.drops:
		e.Help = "'" + d.format + ".ignore-parse-errors' = 'true' makes such values NULL"
	case d.column == "" && !d.shape:
		e.Reason = "not valid JSON: " + d.reason
	}
	return e
}

// resize makes room for n rows in all columns.
func (d *decoder) resize(n int) {
	for _, f := range d.top.fields {
		if !f.skip {
			f.vec.Resize(n)
		}
	}
}

// clearNulls takes back the NULLs of rows that were begun and given up.
func (d *decoder) clearNulls(from, to int) {
	for _, f := range d.top.fields {
		if !f.skip {
			f.vec.UnsetNulls(from, to)
		}
	}
}

// array decodes a top-level array: every object in it is a row.
func (d *decoder) array(i, row, limit int) (end, rows, newLimit, dropped int) {
	i = d.space(i + 1)
	if i < d.end && d.b[i] == ']' {
		return i + 1, row, limit, 0
	}
	for {
		if row >= limit {
			limit = row*2 + 16
			d.resize(limit)
		}
		start := i
		switch {
		case i < d.end && d.b[i] == '{':
			pend := len(d.pending)
			if i = d.object(d.top, i, row, 1); i >= 0 {
				row++
			} else if d.ignore && d.column != "" {
				// The object is JSON and lacks something: it alone is dropped.
				d.reason, d.pending = "", d.pending[:pend]
				d.clearNulls(row, row+1)
				dropped++
				i = d.skip(start, 1)
			}
		case i < d.end && d.b[i] == 'n':
			i = d.literal(i)
		default:
			if i = d.skip(i, 1); i >= 0 {
				if d.ignore {
					dropped++
				} else {
					i = d.syntax(start, "expected an object in the array, found "+d.describe(start))
					d.shape = true
				}
			}
		}
		if i < 0 {
			return i, row, limit, 0
		}
		var more bool
		if i, more = d.next(i, ']'); !more {
			return i, row, limit, dropped
		}
	}
}

// describe names the value at i for a message.
func (d *decoder) describe(i int) string {
	if i >= d.end {
		return "the end of the record"
	}
	switch c := d.b[i]; {
	case c == '"':
		return "text"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	}
	return "a number"
}

// object decodes the object at i into row of its fields' vectors.
func (d *decoder) object(o *object, i, row, depth int) int {
	d.gen++
	gen := d.gen
	b, end := d.b, d.end
	expect, found := 0, 0
	first := true
	for {
		// i is at the brace, or at the comma behind a member.
		var f *node
		if expect < len(o.fields) {
			f = o.fields[expect]
			if n := len(f.key); f.mask0 != 0 && i+16 <= len(b) {
				w := b[i : i+16 : i+16]
				if binary.LittleEndian.Uint64(w)&f.mask0 == f.word0 && binary.LittleEndian.Uint64(w[8:])&f.mask1 == f.word1 && i+n < end {
					i += n
				} else {
					f = nil
				}
			} else if i+n < end && string(b[i:i+n]) == string(f.key) {
				i += n
			} else {
				f = nil
			}
		}
		if f != nil {
			expect++
			if b[i] <= ' ' {
				i = d.space(i)
			}
		} else {
			i = d.space(i + 1)
			if first && i < end && b[i] == '}' {
				i++
				break
			}
			j, escaped := d.name(i)
			if j < 0 {
				return j
			}
			name := b[i+1 : j]
			if escaped {
				d.scratch = append(d.scratch[:0], name...)
				name = d.scratch[:unescape(d.scratch, 0, len(d.scratch))]
			}
			if i = d.colon(j + 1); i < 0 {
				return i
			}
			if f = o.byName[string(name)]; f == nil {
				if i = d.skip(i, depth+1); i < 0 {
					return i
				}
				goto behind
			}
			expect = f.pos + 1
		}
		if f.skip {
			i = d.skip(i, depth+1)
		} else {
			if f.seen != gen {
				f.seen = gen
				found++
			} else {
				d.forget(f, row) // the last of several counts
			}
			i = d.value(f, i, row, depth+1)
		}
		if i < 0 {
			return i
		}
	behind:
		first = false
		if i >= end {
			return d.syntax(end, "the record ends inside of an object")
		}
		if b[i] <= ' ' {
			if i = d.space(i); i >= end {
				return d.syntax(end, "the record ends inside of an object")
			}
		}
		if b[i] == ',' {
			continue
		}
		if b[i] != '}' {
			return d.syntax(i, "a comma or } must follow a member of an object")
		}
		i++
		break
	}
	if o == d.top {
		d.topGen = gen
	}
	if found < o.wanted && !(d.some && o == d.top) {
		for _, f := range o.fields {
			if f.skip || f.seen == gen {
				continue
			}
			if d.missing {
				d.absent = true
				return d.bad(f, i-1, "the member is missing, and 'json.fail-on-missing-field' is true")
			}
			if !f.typ.Nullable {
				return d.bad(f, i-1, "the member is missing, and the column is NOT NULL")
			}
			d.null(f, row)
		}
	}
	return i
}

// bad notes that the record is JSON but column f cannot take what is at i, and returns -1.
func (d *decoder) bad(f *node, i int, reason string) int {
	if d.reason == "" {
		d.at, d.reason, d.column, d.drops = i, reason, f.path, !f.typ.Nullable
	}
	return -1
}

// forget takes back what an earlier member of the same name left in row of f.
func (d *decoder) forget(f *node, row int) {
	f.vec.UnsetNulls(row, row+1)
	kept := d.pending[:0]
	for _, p := range d.pending {
		if p.n != f || p.row != row {
			kept = append(kept, p)
		}
	}
	d.pending = kept
	if f.object != nil {
		for _, c := range f.object.fields {
			if !c.skip {
				d.forget(c, row)
			}
		}
	}
}

// why a value does not fit its column.
type why uint8

const (
	wrongType why = iota // it is none of the type
	tooBig               // it is a number out of the type's range
	wrongTime            // it is no timestamp of the expected form
)

// mismatch handles a value at i that f cannot take: NULL where errors are ignored.
func (d *decoder) mismatch(f *node, i, row, depth int, w why) int {
	end := d.skip(i, depth)
	if end < 0 {
		return end
	}
	if d.ignore && f.typ.Nullable {
		d.null(f, row)
		return end
	}
	typ := f.typ.WithNullable(true).String()
	found := formats.Excerpt(d.b[i:min(end, i+40)], 0)
	if w == tooBig {
		return d.bad(f, i, "the number "+found+" does not fit "+typ)
	}
	article := "a "
	if strings.IndexByte("AI", typ[0]) >= 0 {
		article = "an "
	}
	reason := "expected " + article + typ + ", found " + found
	if w == wrongTime {
		option := "'" + d.format + ".timestamp-format.standard'"
		if standard := d.standardOf(f, d.b[i:end]); standard != "" {
			reason += " (" + option + " = '" + standard + "' reads such times)"
		} else {
			reason += " (it should look like " + d.timestampExample(f) + "; see " + option + ")"
		}
	}
	return d.bad(f, i, reason)
}

// standardOf is the timestamp-format.standard by which f takes raw, a string; empty if by none that is not set.
func (d *decoder) standardOf(f *node, raw []byte) string {
	text := bytes.Trim(raw, `"`)
	parse := literal.ParseTimestamp
	if f.kind == types.TimestampLTZ {
		parse = literal.ParseTimestampZ
	}
	if _, ok := parse(text, literal.ISO); ok && d.times == formatSQL {
		return "ISO-8601"
	}
	if _, ok := parse(text, literal.SQL); ok && d.times != formatSQL {
		return "SQL"
	}
	n := len(text)
	offset := n > 6 && (text[n-1] == 'Z' || text[n-6] == '+' || text[n-6] == '-')
	if _, ok := literal.ParseTimestampOffset(text); ok && offset && d.times != formatOffset {
		return "ISO-8601-WITH-OFFSET"
	}
	return ""
}

// timestampExample is what a timestamp of f should look like.
func (d *decoder) timestampExample(f *node) string {
	want := "2026-01-01 00:00:00.123"
	if d.times != formatSQL {
		want = "2026-01-01T00:00:00.123"
	}
	if f.kind == types.TimestampLTZ {
		want += "Z"
	}
	return want
}

// null makes row of f NULL.
func (d *decoder) null(f *node, row int) {
	f.vec.SetNull(row)
	switch f.kind {
	case types.Array, types.Map, types.Multiset:
		f.vec.Off[row], f.vec.Len[row] = 0, 0
	case types.Char, types.VarChar, types.Binary, types.VarBinary:
		f.vec.Off[row], f.vec.Len[row] = 0, 0
	case types.Row:
		for _, c := range f.object.fields {
			if !c.skip {
				d.null(c, row)
			}
		}
	}
}

func intRange(k types.Kind) (lo, hi int64) {
	switch k {
	case types.TinyInt:
		return math.MinInt8, math.MaxInt8
	case types.SmallInt:
		return math.MinInt16, math.MaxInt16
	case types.Int, types.IntervalYearMonth:
		return math.MinInt32, math.MaxInt32
	case types.IntervalDaySecond:
		return math.MinInt64 / 1000, math.MaxInt64 / 1000 // milliseconds, as Flink has them
	}
	return math.MinInt64, math.MaxInt64
}
