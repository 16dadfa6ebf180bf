package json

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"

	"weir/connectors/formats/literal"
	"weir/exec/batch"
	"weir/planner/types"
)

// value decodes the value at i into row of f and returns its end.
func (d *decoder) value(f *node, i, row, depth int) int {
	b, end := d.b, d.end
	if i >= end {
		return d.syntax(end, "the record ends where a value should be")
	}
	c := b[i]
	if c == 'n' {
		j := d.literal(i)
		if j >= 0 {
			if !f.typ.Nullable {
				return d.bad(f, i, "null in a column that is NOT NULL")
			}
			d.null(f, row)
		}
		return j
	}
	switch f.kind {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYearMonth, types.IntervalDaySecond:
		// Up to 18 digits cannot overflow.
		j, neg := i, false
		if c == '-' {
			neg = true
			j++
		}
		start := j
		var v int64
		for j < end && b[j]-'0' <= 9 && j-start < 18 {
			v = v*10 + int64(b[j]-'0')
			j++
		}
		if n := j - start; n > 0 && n < 18 && (b[start] != '0' || n == 1) && (j == end || b[j] != '.' && b[j]|0x20 != 'e') {
			if neg {
				v = -v
			}
			if v < f.lo || v > f.hi {
				return d.mismatch(f, i, row, depth, tooBig)
			}
			if f.kind == types.IntervalDaySecond {
				v *= 1000
			}
			f.vec.Int[row] = v
			return j
		}
		return d.integer(f, i, row, depth)
	case types.Double:
		// Few digits with a point: exact by one division.
		j, neg := i, false
		if c == '-' {
			neg = true
			j++
		}
		start := j
		var m int64
		for j < end && b[j]-'0' <= 9 {
			m = m*10 + int64(b[j]-'0')
			j++
		}
		if n := j - start; n > 0 && n <= 9 && (b[start] != '0' || n == 1) && j < end && b[j] == '.' {
			j++
			point := j
			for j < end && b[j]-'0' <= 9 {
				m = m*10 + int64(b[j]-'0')
				j++
			}
			if k := j - point; k > 0 && n+k <= 15 && (j == end || b[j]|0x20 != 'e') {
				v := float64(m) / tens[k]
				if neg {
					v = -v
				}
				f.vec.Flt[row] = v
				return j
			}
		}
		return d.float(f, i, row, depth)
	case types.Char, types.VarChar:
		if c == '"' {
			j, escaped := d.str(i + 1)
			if j < 0 {
				return j
			}
			if escaped {
				d.pending = append(d.pending, pending{f, row, i + 1, j, false})
			} else if f.view {
				f.vec.Off[row], f.vec.Len[row] = uint32(i+1), uint32(j-i-1)
			} else {
				setBytes(f.vec, row, b[i+1:j])
			}
			return j + 1
		}
		return d.asText(f, i, row, depth)
	case types.Timestamp, types.TimestampLTZ:
		if c != '"' {
			return d.mismatch(f, i, row, depth, wrongType)
		}
		// "yyyy-MM-dd HH:mm:ss.SSS" with the date of the record before.
		if f.kind == types.Timestamp && d.times == formatSQL && i+25 <= end && b[i+24] == '"' {
			if w := b[i+1 : i+24 : i+24]; binary.LittleEndian.Uint64(w) == f.date0 && binary.LittleEndian.Uint16(w[8:]) == f.date1 && w[10] == ' ' && f.typ.Prec >= 3 {
				if t, ok := clock(w[11:23]); ok {
					f.vec.Int[row] = f.dateUS + t
					return i + 25
				}
			}
		}
		return d.timestamp(f, i, row, depth)
	case types.Boolean:
		switch c {
		case 't', 'f':
			j := d.literal(i)
			f.vec.Bool[row] = c == 't'
			return j
		}
		return d.scalarText(f, i, row, depth, func(t []byte) bool {
			f.vec.Bool[row] = literal.ParseBool(literal.Trim(t))
			return true
		})
	case types.Float:
		return d.float(f, i, row, depth)
	case types.Decimal:
		return d.decimal(f, i, row, depth)
	case types.Date:
		return d.quoted(f, i, row, depth, func(t []byte) bool {
			v, ok := literal.ParseDate(t, false)
			f.vec.Int[row] = v
			return ok
		})
	case types.Time:
		return d.quoted(f, i, row, depth, func(t []byte) bool {
			v, ok := literal.ParseTime(t, false)
			f.vec.Int[row] = literal.Truncate(v, f.typ.Prec)
			return ok
		})
	case types.Binary, types.VarBinary:
		return d.quoted(f, i, row, depth, func(t []byte) bool {
			at := len(f.vec.Data)
			f.vec.Data = slices.Grow(f.vec.Data, base64.StdEncoding.DecodedLen(len(t)))
			n, err := base64.StdEncoding.Decode(f.vec.Data[at:cap(f.vec.Data)], t)
			f.vec.Data = f.vec.Data[:at+n]
			f.vec.Off[row], f.vec.Len[row] = uint32(at), uint32(n)
			return err == nil
		})
	case types.Variant:
		return d.variant(f, i, row, depth)
	case types.Array:
		return d.list(f, i, row, depth)
	case types.Map, types.Multiset:
		return d.mapValue(f, i, row, depth)
	case types.Row:
		if c != '{' {
			return d.mismatch(f, i, row, depth, wrongType)
		}
		return d.rowValue(f, i, row, depth)
	case types.Null:
		j := d.skip(i, depth)
		if j >= 0 {
			d.null(f, row)
		}
		return j
	}
	return d.bad(f, i, "format 'json' cannot carry "+f.typ.String())
}

// clock reads "HH:mm:ss.SSS" as microseconds.
func clock(t []byte) (micros int64, ok bool) {
	_ = t[11]
	h := two(t[0], t[1])
	m := two(t[3], t[4])
	s := two(t[6], t[7])
	hi, lo := t[9]-'0', two(t[10], t[11])
	if h > 23 || m > 59 || s > 59 || hi > 9 || lo > 99 || t[2] != ':' || t[5] != ':' || t[8] != '.' {
		return 0, false
	}
	return int64(h*3600+m*60+s)*literal.Second + int64(uint(hi)*100+lo)*1000, true
}

// two is the number of two digits, or a number above 99.
func two(a, b byte) uint {
	x, y := uint(a-'0'), uint(b-'0')
	if x > 9 || y > 9 {
		return 255
	}
	return x*10 + y
}

var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// setBytes makes v's row a copy of x.
func setBytes(v *batch.Vector, row int, x []byte) {
	v.Off[row], v.Len[row] = uint32(len(v.Data)), uint32(len(x))
	v.Data = append(v.Data, x...)
}

// plain is the text of the string that begins behind the quote at i; unescaped into scratch if need be.
func (d *decoder) plain(i int) (text []byte, end int) {
	j, escaped := d.str(i + 1)
	if j < 0 {
		return nil, j
	}
	text = d.b[i+1 : j]
	if escaped {
		d.scratch = append(d.scratch[:0], text...)
		text = d.scratch[:unescape(d.scratch, 0, len(d.scratch))]
	}
	return text, j + 1
}

// quoted decodes a string by parse.
func (d *decoder) quoted(f *node, i, row, depth int, parse func(text []byte) bool) int {
	if d.b[i] != '"' {
		return d.mismatch(f, i, row, depth, wrongType)
	}
	text, end := d.plain(i)
	if end < 0 {
		return end
	}
	if !parse(text) {
		return d.mismatch(f, i, row, depth, wrongType)
	}
	return end
}

// scalarText decodes the text of any value but an object or array by parse.
func (d *decoder) scalarText(f *node, i, row, depth int, parse func(text []byte) bool) int {
	var text []byte
	var end int
	switch d.b[i] {
	case '"':
		text, end = d.plain(i)
	case '{', '[':
		return d.mismatch(f, i, row, depth, wrongType)
	default:
		end = d.skip(i, depth)
		if end >= 0 {
			text = d.b[i:end]
		}
	}
	if end < 0 {
		return end
	}
	if !parse(text) {
		return d.mismatch(f, i, row, depth, wrongType)
	}
	return end
}

// integer decodes what the fast path does not: long numbers, fractions, numbers in strings.
func (d *decoder) integer(f *node, i, row, depth int) int {
	store := func(v int64) {
		if f.kind == types.IntervalDaySecond {
			v *= 1000
		}
		f.vec.Int[row] = v
	}
	if c := d.b[i]; c == '"' {
		text, end := d.plain(i)
		if end < 0 {
			return end
		}
		text = literal.Trim(text)
		v, ok, in := literal.ParseInt(text)
		switch {
		case !ok:
			return d.mismatch(f, i, row, depth, wrongType)
		case !in || v < f.lo || v > f.hi:
			return d.mismatch(f, i, row, depth, tooBig)
		}
		store(v)
		return end
	} else if c != '-' && c-'0' > 9 {
		return d.mismatch(f, i, row, depth, wrongType)
	}
	end, whole := d.number(i)
	if end < 0 {
		return end
	}
	text := d.b[i:end]
	if whole {
		v, _, in := literal.ParseInt(text)
		if !in || v < f.lo || v > f.hi {
			return d.mismatch(f, i, row, depth, tooBig)
		}
		store(v)
		return end
	}
	// Jackson cuts the fraction for INT and BIGINT; the smaller types take whole numbers only.
	if f.kind == types.TinyInt || f.kind == types.SmallInt {
		return d.mismatch(f, i, row, depth, wrongType)
	}
	x, ok := literal.ParseFloat(text, 64)
	if x = math.Trunc(x); !ok || x < float64(f.lo) || x > float64(f.hi) || x == 1<<63 {
		return d.mismatch(f, i, row, depth, tooBig)
	}
	store(int64(x))
	return end
}

func (d *decoder) float(f *node, i, row, depth int) int {
	size := 64
	if f.kind == types.Float {
		size = 32
	}
	c := d.b[i]
	if c == '-' || c-'0' <= 9 {
		end, _ := d.number(i)
		if end < 0 {
			return end
		}
		f.vec.Flt[row], _ = literal.ParseFloat(d.b[i:end], size)
		return end
	}
	return d.quoted(f, i, row, depth, func(t []byte) bool {
		v, ok := literal.ParseFloat(literal.Trim(t), size)
		f.vec.Flt[row] = v
		return ok
	})
}

func (d *decoder) decimal(f *node, i, row, depth int) int {
	var text []byte
	var end int
	switch c := d.b[i]; {
	case c == '"':
		text, end = d.plain(i)
		text = literal.Trim(text)
	case c == '-' || c-'0' <= 9:
		if end, _ = d.number(i); end >= 0 {
			text = d.b[i:end]
		}
	default:
		return d.mismatch(f, i, row, depth, wrongType)
	}
	if end < 0 {
		return end
	}
	v, ok, in := literal.ParseDecimal(text, f.typ.Prec, f.typ.Scale)
	switch {
	case !ok && in:
		return d.mismatch(f, i, row, depth, wrongType)
	case !in:
		return d.mismatch(f, i, row, depth, tooBig)
	}
	f.vec.Dec[row] = v
	return end
}

func (d *decoder) timestamp(f *node, i, row, depth int) int {
	text, end := d.plain(i)
	if end < 0 {
		return end
	}
	var v int64
	var ok bool
	sep := byte(literal.SQL)
	if d.times != formatSQL {
		sep = literal.ISO
	}
	switch {
	case d.times == formatOffset:
		v, ok = literal.ParseTimestampOffset(text)
	case f.kind == types.TimestampLTZ:
		v, ok = literal.ParseTimestampZ(text, sep)
	default:
		if v, ok = literal.ParseTimestamp(text, sep); ok {
			f.date0, f.date1 = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint16(text[8:])
			days, _ := literal.Split(v)
			f.dateUS = days * literal.Day
			// A date that was moved to the end of its month is not to be taken for another one's.
			var buf [12]byte
			if string(literal.AppendDate(buf[:0], days)) != string(text[:10]) {
				f.date0 = 0
			}
		}
	}
	if !ok {
		if d.zeroNull && f.typ.Nullable && len(text) >= 19 && string(text[:10]) == "0000-00-00" && string(text[11:19]) == "00:00:00" {
			d.null(f, row)
			return end
		}
		return d.mismatch(f, i, row, depth, wrongTime)
	}
	f.vec.Int[row] = literal.Truncate(v, f.typ.Prec)
	return end
}

// asText makes text of a value that is no string: numbers and booleans as they stand, objects and
// arrays without white space.
func (d *decoder) asText(f *node, i, row, depth int) int {
	end := d.skip(i, depth)
	if end < 0 {
		return end
	}
	if c := d.b[i]; c == '{' || c == '[' {
		d.pending = append(d.pending, pending{f, row, i, end, true})
		return end
	}
	if f.view {
		f.vec.Off[row], f.vec.Len[row] = uint32(i), uint32(end-i)
	} else {
		setBytes(f.vec, row, d.b[i:end])
	}
	return end
}

// settle finishes the texts of a good record.
func (d *decoder) settle() {
	// What is copied goes first: the same text may also be the view of another column.
	for _, p := range d.pending {
		if !p.n.view {
			d.scratch = append(d.scratch[:0], d.b[p.from:p.to]...)
			setBytes(p.n.vec, p.row, d.scratch[:p.plain(d.scratch, 0, len(d.scratch))])
		}
	}
	for _, p := range d.pending {
		if p.n.view {
			p.n.vec.Off[p.row], p.n.vec.Len[p.row] = uint32(p.from), uint32(p.plain(d.b, p.from, p.to)-p.from)
		}
	}
}

// plain undoes in b[from:to] what keeps the text from being the value, in place, and returns its end.
func (p *pending) plain(b []byte, from, to int) int {
	if p.compact {
		return compact(b, from, to)
	}
	return unescape(b, from, to)
}

// compact takes the white space outside of strings out of the JSON b[from:to], in place.
func compact(b []byte, from, to int) int {
	w, quoted := from, false
	for i := from; i < to; i++ {
		c := b[i]
		switch {
		case quoted && c == '\\':
			b[w] = c
			w++
			i++
			c = b[i]
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		b[w] = c
		w++
	}
	return w
}

// variant decodes any value as what it says; of members with one name the last one counts.
func (d *decoder) variant(f *node, i, row, depth int) int {
	end := d.skip(i, depth)
	if end < 0 {
		return end
	}
	from := len(f.vec.Data)
	data, err := d.variants.Parse(f.vec.Data, d.b[i:end], true)
	switch {
	case err != nil && d.ignore && f.typ.Nullable:
		d.null(f, row)
		return end
	case err != nil:
		return d.bad(f, i, err.Error())
	}
	f.vec.Data = data
	f.vec.Off[row], f.vec.Len[row] = uint32(from), uint32(len(data)-from)
	return end
}

// list decodes an array into the elements behind those that are there.
func (d *decoder) list(f *node, i, row, depth int) int {
	if d.b[i] != '[' {
		return d.mismatch(f, i, row, depth, wrongType)
	}
	if depth >= maxDepth {
		return d.syntax(i, "nested too deeply")
	}
	child := f.elem.vec
	from := child.Rows()
	i = d.space(i + 1)
	if i < d.end && d.b[i] == ']' {
		f.vec.Off[row], f.vec.Len[row] = uint32(from), 0
		return i + 1
	}
	for n := from; ; n++ {
		child.Resize(n + 1)
		child.UnsetNulls(n, n+1)
		if i = d.value(f.elem, i, n, depth+1); i < 0 {
			return i
		}
		var more bool
		if i, more = d.next(i, ']'); !more {
			f.vec.Off[row], f.vec.Len[row] = uint32(from), uint32(n+1-from)
			return i
		}
	}
}

// mapValue decodes an object into the entries behind those that are there; of several with one
// key the last counts.
func (d *decoder) mapValue(f *node, i, row, depth int) int {
	if d.b[i] != '{' {
		return d.mismatch(f, i, row, depth, wrongType)
	}
	if depth >= maxDepth {
		return d.syntax(i, "nested too deeply")
	}
	keys, elems := f.mapKey.vec, f.elem.vec
	from := keys.Rows()
	n := from
	if i = d.space(i + 1); i < d.end && d.b[i] == '}' {
		f.vec.Off[row], f.vec.Len[row] = uint32(from), 0
		return i + 1
	}
	for {
		j, _ := d.name(i)
		if j < 0 {
			return j
		}
		name, _ := d.plain(i)
		at := from
		for at < n && string(keys.Bytes(at)) != string(name) {
			at++
		}
		if at == n {
			keys.Resize(n + 1)
			elems.Resize(n + 1)
			// Keys are compared while the record is read, so that they cannot wait for it to end.
			if f.mapKey.view && &name[:1][0] == &d.b[i+1] {
				keys.Off[n], keys.Len[n] = uint32(i+1), uint32(len(name))
			} else {
				f.mapKey.own(keys)
				setBytes(keys, n, name)
			}
			n++
		}
		elems.UnsetNulls(at, at+1)
		if i = d.colon(j + 1); i < 0 {
			return i
		}
		if i = d.value(f.elem, i, at, depth+1); i < 0 {
			return i
		}
		var more bool
		if i, more = d.next(i, '}'); !more {
			f.vec.Off[row], f.vec.Len[row] = uint32(from), uint32(n-from)
			return i
		}
	}
}

// own ends the sharing of v with the payloads: what it has is copied by the next append.
func (n *node) own(v *batch.Vector) {
	if n.view {
		n.view = false
		v.Data = v.Data[:len(v.Data):len(v.Data)]
	}
}

func (d *decoder) rowValue(f *node, i, row, depth int) int {
	if depth >= maxDepth {
		return d.syntax(i, "nested too deeply")
	}
	start := i
	end := d.object(f.object, i, row, depth)
	if end < 0 && d.ignore && d.column != "" && f.typ.Nullable {
		// A field that lacks something makes the ROW NULL where errors are ignored.
		d.reason, d.column = "", ""
		return d.mismatch(f, start, row, depth, wrongType)
	}
	return end
}
