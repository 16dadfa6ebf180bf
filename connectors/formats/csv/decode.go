package csv

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"weir/connectors/formats"
	"weir/connectors/formats/literal"
	"weir/exec/batch"
	"weir/planner/types"
)

// Format is the format for a formats.Registry.
func Format() formats.Format {
	return formats.Format{Name: "csv", Decoder: NewDecoder, Encoder: NewEncoder}
}

// node is the plan of one value: a column, an element of an ARRAY, a field of a ROW.
type node struct {
	path   string
	typ    types.Type
	vec    *batch.Vector // bound for one call of Decode; nil for a column that is not read
	view   bool          // the bytes of vec are views into the payloads
	index  int           // of a column, in the batch
	elem   *node
	fields []*node
}

type decoder struct {
	options
	columns []*node
	plain   bool // the usual characters: one byte each, no escape

	b     []byte
	cells []cell
	fold  []byte

	at     int
	reason string
	column string
	drops  bool
}

// cell is one field of the record under way: b[from:to], its quotes and escapes still in it.
type cell struct {
	from, to int
	quoted   bool // doubled quotes may be inside
	escaped  bool // escapes may be inside
}

// NewDecoder makes a decoder for the columns of spec, all of which the payload holds.
func NewDecoder(spec formats.DecoderSpec) (formats.Decoder, error) {
	o, err := newOptions(spec.Options)
	if err != nil {
		return nil, err
	}
	d := &decoder{options: o}
	d.plain = len(o.delimiter) == 1 && len(o.quote) <= 1 && o.escape == nil && !o.trim
	for _, c := range spec.Schema {
		n, err := newNode(c.Name, c.Type, 0)
		if err != nil {
			return nil, err
		}
		n.index = c.Index
		d.columns = append(d.columns, n)
	}
	return d, nil
}

func newNode(path string, t types.Type, depth int) (n *node, err error) {
	n = &node{path: path, typ: t}
	refused := fmt.Errorf("column %s: format 'csv' cannot carry %s", path, t)
	switch t.Kind {
	case types.Map, types.Multiset, types.Invalid:
		return nil, refused
	case types.Time:
		if t.Prec > 3 {
			return nil, refused
		}
	case types.Array:
		if depth > 0 {
			return nil, refused
		}
		n.elem, err = newNode(path, t.Nested.Elem, 1)
	case types.Row:
		if depth > 0 {
			return nil, refused
		}
		for _, f := range t.Nested.Fields {
			c, err := newNode(path+"."+f.Name, f.Type, 1)
			if err != nil {
				return nil, err
			}
			n.fields = append(n.fields, c)
		}
	}
	return n, err
}

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
		n.elem.bind(v.Children[0], data)
	case batch.ClassRow:
		for i, f := range n.fields {
			f.bind(v.Children[i], data)
		}
	}
}

// Decode implements formats.Decoder. Null and empty payloads, and comments, give no row.
func (d *decoder) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error) {
	d.b = p.Data
	row := dst.N
	for _, n := range d.columns {
		if n.index >= 0 {
			n.bind(dst.Cols[n.index], p.Data)
			n.vec.Resize(row + to - from)
		}
	}
	finish := func() {
		for _, n := range d.columns {
			if n.index >= 0 {
				n.vec.Resize(row)
			}
		}
		dst.N = row
	}
	for k := from; k < to; k++ {
		if p.Len[k] == formats.NullLen || p.Len[k] == 0 {
			continue
		}
		start := int(p.Off[k])
		end := start + int(p.Len[k])
		d.reason, d.column, d.drops = "", "", false
		if d.comments && d.b[start] == '#' {
			continue
		}
		if d.split(start, end) && d.record(row, end) {
			src = append(src, int32(k))
			row++
			continue
		}
		for _, n := range d.columns {
			if n.index >= 0 && n.vec.Nulls != nil && row>>6 < len(n.vec.Nulls) {
				n.vec.UnsetNulls(row, row+1)
			}
		}
		if d.ignore {
			skipped++
			continue
		}
		finish()
		b, _ := p.Get(k)
		at := min(max(d.at-start, 0), len(b))
		e := &formats.RecordError{Payload: k, Column: d.column, At: at, Excerpt: formats.Excerpt(b, at), Reason: d.reason,
			Help: "'csv.ignore-parse-errors' = 'true' skips such records and counts them"}
		if d.column != "" && !d.drops {
			e.Help = "'csv.ignore-parse-errors' = 'true' makes such values NULL"
		}
		return src, skipped, e
	}
	finish()
	return src, skipped, nil
}

// bad notes what is wrong at i and returns false.
func (d *decoder) bad(i int, format string, args ...any) bool {
	if d.reason == "" {
		d.at, d.reason = i, fmt.Sprintf(format, args...)
	}
	return false
}

// split finds the fields of the record b[i:end].
func (d *decoder) split(i, end int) bool {
	d.cells = d.cells[:0]
	if !utf8.Valid(d.b[i:end]) {
		for i < end {
			r, n := utf8.DecodeRune(d.b[i:end])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i += n
		}
		return d.bad(i, "invalid UTF-8")
	}
	if d.plain {
		return d.splitPlain(i, end)
	}
	b := d.b[:end]
	for {
		if d.trim {
			for i < end && (b[i] == ' ' || b[i] == '\t') && !bytes.HasPrefix(b[i:], d.delimiter) {
				i++
			}
		}
		if d.quote != nil && bytes.HasPrefix(b[i:], d.quote) {
			from := i + len(d.quote)
			close := d.closing(b, from)
			if close < 0 {
				return d.bad(i, "a quote is opened and not closed")
			}
			d.cells = append(d.cells, cell{from, close, true, d.escape != nil})
			i = close + len(d.quote)
			for i < end && (b[i] == ' ' || b[i] == '\t') && !bytes.HasPrefix(b[i:], d.delimiter) {
				i++
			}
			if i < end && !bytes.HasPrefix(b[i:], d.delimiter) {
				return d.bad(i, "expected a delimiter behind the closing quote")
			}
		} else {
			c := cell{from: i}
			for i < end && !bytes.HasPrefix(b[i:], d.delimiter) {
				if d.escape != nil && bytes.HasPrefix(b[i:], d.escape) {
					c.escaped = true
					i += len(d.escape)
					if i >= end {
						return d.bad(end, "the record ends behind an escape character")
					}
				}
				_, n := utf8.DecodeRune(b[i:])
				i += n
			}
			c.to = i
			if d.trim {
				for c.to > c.from && (b[c.to-1] == ' ' || b[c.to-1] == '\t') {
					c.to--
				}
			}
			d.cells = append(d.cells, c)
		}
		if i >= end {
			return true
		}
		i += len(d.delimiter)
	}
}

// splitPlain is split where all characters are single bytes and nothing escapes.
func (d *decoder) splitPlain(i, end int) bool {
	b := d.b[:end]
	delimiter := d.delimiter[0]
	for {
		if i < end && d.quote != nil && b[i] == d.quote[0] {
			close := d.closing(b, i+1)
			if close < 0 {
				return d.bad(i, "a quote is opened and not closed")
			}
			d.cells = append(d.cells, cell{from: i + 1, to: close, quoted: true})
			i = close + 1
			for i < end && (b[i] == ' ' || b[i] == '\t') && b[i] != delimiter {
				i++
			}
			if i < end && b[i] != delimiter {
				return d.bad(i, "expected a delimiter behind the closing quote")
			}
		} else {
			n := bytes.IndexByte(b[i:], delimiter)
			if n < 0 {
				n = end - i
			}
			d.cells = append(d.cells, cell{from: i, to: i + n})
			i += n
		}
		if i >= end {
			return true
		}
		i++
	}
}

// record puts the fields into row. Nothing of the payload is changed before all fields are
// known to be good.
func (d *decoder) record(row, end int) bool {
	n := len(d.columns)
	got := len(d.cells)
	if got == n+1 && d.trailingComma && d.cells[n].from == d.cells[n].to && !d.cells[n].quoted {
		got = n
	}
	switch {
	case got > n && !d.ignoreTrailing:
		return d.bad(d.cells[n].from, "%d fields, and the table has %d columns ('csv.ignore-trailing-unmappable' = 'true' ignores what is too much)", got, n)
	case got < n && (d.failMissing || !d.ignore):
		return d.bad(end, "%d fields, and the table has %d columns", got, n)
	}
	for i, c := range d.columns {
		if c.index < 0 {
			continue
		}
		if i >= got {
			if !c.typ.Nullable {
				d.column, d.drops = c.path, true
				return d.bad(end, "the field is missing, and the column is NOT NULL")
			}
			d.null(c, row)
			continue
		}
		if !c.typ.IsString() && !d.value(c, d.text(d.cells[i]), d.cells[i].from, row) {
			return false
		}
	}
	for i, c := range d.columns {
		if c.index >= 0 && i < got && c.typ.IsString() && !d.stringCell(c, d.cells[i], row) {
			return false
		}
	}
	return true
}

// text is the value of a cell; without quotes and escapes a view, else it is valid until the next call.
func (d *decoder) text(c cell) []byte {
	raw := d.b[c.from:c.to]
	if !c.escaped && (!c.quoted || !bytes.Contains(raw, d.quote)) {
		return raw
	}
	d.fold = append(d.fold[:0], raw...)
	return d.fold[:d.unfold(d.fold, c)]
}

// unfold undoes doubled quotes and escapes in b, in place, and returns the new length.
func (d *decoder) unfold(b []byte, c cell) int {
	w := 0
	for i := 0; i < len(b); {
		switch {
		case c.escaped && bytes.HasPrefix(b[i:], d.escape) && i+len(d.escape) < len(b):
			i += len(d.escape)
			switch b[i] {
			case 'n':
				b[w] = '\n'
			case 'r':
				b[w] = '\r'
			case 't':
				b[w] = '\t'
			case '0':
				b[w] = 0
			default:
				_, n := utf8.DecodeRune(b[i:])
				w += copy(b[w:], b[i:i+n])
				i += n
				continue
			}
			w++
			i++
		case c.quoted && bytes.HasPrefix(b[i:], d.quote):
			w += copy(b[w:], d.quote)
			i += 2 * len(d.quote)
		default:
			b[w] = b[i]
			w++
			i++
		}
	}
	return w
}

// isNull reports whether a text stands for NULL.
func (d *decoder) isNull(text []byte) bool {
	return d.options.null != nil && bytes.Equal(text, d.options.null) || d.emptyNull && len(text) == 0
}

// stringCell makes text of a cell: where it can, a view into the payload.
func (d *decoder) stringCell(n *node, c cell, row int) bool {
	text := d.text(c)
	if d.isNull(text) {
		return d.nullValue(n, c.from, row)
	}
	if !n.view {
		setBytes(n.vec, row, text)
		return true
	}
	if len(text) != c.to-c.from {
		copy(d.b[c.from:], text) // shorter than what it stands for
	} else if c.escaped || c.quoted {
		copy(d.b[c.from:c.to], text)
	}
	n.vec.Off[row], n.vec.Len[row] = uint32(c.from), uint32(len(text))
	return true
}

func setBytes(v *batch.Vector, row int, x []byte) {
	v.Off[row], v.Len[row] = uint32(len(v.Data)), uint32(len(x))
	v.Data = append(v.Data, x...)
}

func (d *decoder) nullValue(n *node, at, row int) bool {
	if !n.typ.Nullable {
		d.column, d.drops = n.path, true
		return d.bad(at, "NULL in a column that is NOT NULL")
	}
	d.null(n, row)
	return true
}

func (d *decoder) null(n *node, row int) {
	n.vec.SetNull(row)
	switch batch.ClassOf(n.typ) {
	case batch.ClassBytes, batch.ClassList:
		n.vec.Off[row], n.vec.Len[row] = 0, 0
	case batch.ClassRow:
		for _, f := range n.fields {
			d.null(f, row)
		}
	}
}

// value parses text, which stands at place at, into row of n.
func (d *decoder) value(n *node, text []byte, at, row int) bool {
	if d.isNull(text) {
		return d.nullValue(n, at, row)
	}
	ok, fits := true, true
	v := n.vec
	switch n.typ.Kind {
	case types.Null:
		d.null(n, row)
	case types.Boolean:
		v.Bool[row] = literal.ParseBool(literal.Trim(text))
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYearMonth, types.IntervalDaySecond:
		var x int64
		x, ok, fits = literal.ParseInt(literal.Trim(text))
		lo, hi := literal.Range(n.typ.Kind)
		if n.typ.Kind == types.IntervalDaySecond { // milliseconds, as Flink has them
			lo, hi = lo/1000, hi/1000
		}
		fits = fits && x >= lo && x <= hi
		if n.typ.Kind == types.IntervalDaySecond {
			x *= 1000
		}
		v.Int[row] = x
	case types.Float:
		v.Flt[row], ok = literal.ParseFloat(literal.Trim(text), 32)
	case types.Double:
		v.Flt[row], ok = literal.ParseFloat(literal.Trim(text), 64)
	case types.Decimal:
		v.Dec[row], ok, fits = literal.ParseDecimal(literal.Trim(text), n.typ.Prec, n.typ.Scale)
		if !fits {
			ok = true
		}
	case types.Date:
		v.Int[row], ok = literal.ParseDate(text, false)
	case types.Time:
		var t int64
		t, ok = literal.ParseTime(text, true)
		v.Int[row] = literal.Truncate(t, n.typ.Prec)
	case types.Timestamp, types.TimestampLTZ:
		var t int64
		if text := literal.Trim(text); n.typ.Kind == types.Timestamp {
			t, ok = literal.ParseTimestamp(text, literal.SQL)
		} else {
			t, ok = literal.ParseTimestampZ(text, literal.SQL)
		}
		v.Int[row] = literal.Truncate(t, n.typ.Prec)
	case types.Char, types.VarChar:
		setBytes(v, row, text)
	case types.Binary, types.VarBinary:
		start := len(v.Data)
		v.Data = slices.Grow(v.Data, base64.StdEncoding.DecodedLen(len(text)))
		size, err := base64.StdEncoding.Decode(v.Data[start:cap(v.Data)], text)
		v.Data = v.Data[:start+size]
		v.Off[row], v.Len[row] = uint32(start), uint32(size)
		ok = err == nil
	case types.Array:
		return d.list(n, text, at, row)
	case types.Row:
		return d.rowValue(n, text, at, row)
	}
	if ok && fits {
		return true
	}
	return d.mismatch(n, text, at, row, fits)
}

// mismatch handles a text that n cannot take: NULL where errors are ignored.
func (d *decoder) mismatch(n *node, text []byte, at, row int, fits bool) bool {
	if d.ignore && n.typ.Nullable {
		d.null(n, row)
		return true
	}
	d.column, d.drops = n.path, !n.typ.Nullable
	typ := n.typ.WithNullable(true).String()
	found := formats.Excerpt(text[:min(len(text), 40)], 0)
	if !fits {
		return d.bad(at, "the number %s does not fit %s", found, typ)
	}
	article, hint := "a", ""
	if strings.IndexByte("AI", typ[0]) >= 0 {
		article = "an"
	}
	switch n.typ.Kind {
	case types.Timestamp:
		hint = " (it should look like 2026-01-01 00:00:00.123)"
	case types.TimestampLTZ:
		hint = " (it should look like 2026-01-01 00:00:00.123Z)"
	}
	return d.bad(at, "expected %s %s, found \"%s\"%s", article, typ, found, hint)
}

// list parses the elements of an ARRAY; an empty text is an empty ARRAY.
func (d *decoder) list(n *node, text []byte, at, row int) bool {
	child := n.elem.vec
	from := child.Rows()
	count := 0
	text = bytes.Clone(text) // elements may need the buffer it lies in
	for rest, more := text, len(text) > 0; more; count++ {
		var part []byte
		part, rest, more = bytes.Cut(rest, d.element)
		n.elem.grow(from + count + 1)
		if n.elem.typ.IsString() {
			n.elem.own()
		}
		if !d.value(n.elem, part, at, from+count) {
			return false
		}
	}
	n.vec.Off[row], n.vec.Len[row] = uint32(from), uint32(count)
	return true
}

// grow makes the vector of an element n rows long; the new row is not NULL.
func (n *node) grow(rows int) {
	n.vec.Resize(rows)
	n.vec.UnsetNulls(rows-1, rows)
}

// own ends the sharing of n's vector with the payloads.
func (n *node) own() {
	if n.view {
		n.view = false
		n.vec.Data = n.vec.Data[:len(n.vec.Data):len(n.vec.Data)]
	}
}

// rowValue parses the fields of a ROW.
func (d *decoder) rowValue(n *node, text []byte, at, row int) bool {
	if parts := bytes.Count(text, d.element) + 1; parts != len(n.fields) && !d.ignore {
		d.column = n.path
		return d.bad(at, "%d fields in a ROW of %d", parts, len(n.fields))
	}
	rest, more := bytes.Clone(text), true
	for _, f := range n.fields {
		if !more {
			if !d.nullValue(f, at, row) {
				return false
			}
			continue
		}
		var part []byte
		part, rest, more = bytes.Cut(rest, d.element)
		if f.typ.IsString() {
			f.own()
		}
		if !d.value(f, part, at, row) {
			return false
		}
	}
	return true
}
