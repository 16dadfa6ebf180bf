package datagen

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"weir/connectors/formats"
	"weir/connectors/formats/literal"
	"weir/connectors/spec"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/types"
)

// column makes the values of one column, or of one part of a column: a field of a ROW, the elements of an ARRAY or MULTISET, the
// keys or the values of a MAP.
type column struct {
	typ      types.Type
	index    int    // in the batch; of columns only
	salt     uint64 // tells the columns and the parts of a row apart
	sequence bool
	nullRate uint64 // NULL when a random number is below it

	lo, hi   int64 // bounds of integers, or of the sequence
	flo, fhi float64
	length   int
	varLen   bool
	maxPast  int64 // microseconds
	zone     *time.Location

	parts []column // as the children of the column's vector, but for the counts of a MULTISET
	// Of a MAP or MULTISET: a key that may be there already, and the keys that are.
	key  *batch.Vector
	keys map[string]bool
	buf  []byte
}

func newColumn(c formats.Column, o catalog.Options, zone *time.Location) (column, error) {
	col, err := newPart(c.Name, c.Type, o, zone)
	col.index = c.Index
	return col, err
}

// newPart is what makes the values of a column or part of type t, whose options are "fields.<name>.".
func newPart(name string, t types.Type, o catalog.Options, zone *time.Location) (col column, err error) {
	col = column{typ: t, zone: zone, length: 100}
	for _, b := range []byte(name) {
		col.salt = mix(col.salt ^ uint64(b))
	}
	if err := col.setDefaults(name, o); err != nil {
		return col, err
	}
	get := func(option string) (string, bool) {
		v, ok := o.Get("fields." + name + "." + option)
		return strings.TrimSpace(v), ok
	}
	if v, ok := get("kind"); ok && strings.EqualFold(v, "sequence") {
		return col, col.setSequence(name, get)
	}
	return col, col.setRandom(name, get)
}

// setDefaults is what the type alone says, and the parts of a type that has some.
func (col *column) setDefaults(name string, o catalog.Options) error {
	t := col.typ
	col.lo, col.hi = literal.Range(t.Kind)
	switch t.Kind {
	case types.Float:
		col.flo, col.fhi = -math.MaxFloat32, math.MaxFloat32
	case types.Double:
		// Half the range: the width of the whole is no float64.
		col.flo, col.fhi = -math.MaxFloat64/2, math.MaxFloat64/2
	case types.Decimal:
		col.fhi = math.Pow10(t.Prec-t.Scale) - math.Pow10(-t.Scale)
		col.flo = -col.fhi
	case types.IntervalYearMonth:
		col.lo, col.hi = 0, 120_000
	case types.IntervalDaySecond:
		col.lo, col.hi = 0, 10_000*365*24*3600*1000 // milliseconds
	case types.Char, types.Binary:
		col.length = t.Len
	case types.VarChar, types.VarBinary:
		if t.Len != types.MaxLen {
			col.length = t.Len
		}
	case types.Array, types.Map, types.Multiset, types.Row:
		col.length = spec.CollectionLength
		for _, p := range spec.Parts(t) {
			part, err := newPart(name+"."+p.Name, p.Type, o, col.zone)
			if err != nil {
				return err
			}
			col.parts = append(col.parts, part)
		}
		if t.Kind == types.Map || t.Kind == types.Multiset {
			col.key, col.keys = batch.NewVector(col.parts[0].typ, 1), map[string]bool{}
		}
	case types.Null, types.Invalid:
		return fmt.Errorf("datagen cannot make values of %s", t)
	}
	return nil
}

// setSequence reads the options of a column that counts.
func (col *column) setSequence(name string, get func(option string) (string, bool)) (err error) {
	if t := col.typ; !t.IsNumeric() && !t.IsString() {
		return fmt.Errorf("a sequence cannot be of %s", t)
	}
	col.sequence = true
	for _, b := range []struct {
		option string
		to     *int64
	}{{"start", &col.lo}, {"end", &col.hi}} {
		v, ok := get(b.option)
		if !ok {
			return fmt.Errorf("a sequence needs 'fields.%s.%s'", name, b.option)
		}
		if *b.to, err = strconv.ParseInt(v, 10, 64); err != nil {
			return fmt.Errorf("'fields.%s.%s' must be a whole number, found '%s'", name, b.option, v)
		}
	}
	return nil
}

// setRandom reads the options of a column of random values.
func (col *column) setRandom(name string, get func(option string) (string, bool)) (err error) {
	for _, b := range []struct {
		name string
		i    *int64
		f    *float64
	}{{"min", &col.lo, &col.flo}, {"max", &col.hi, &col.fhi}} {
		v, ok := get(b.name)
		if !ok {
			continue
		}
		if col.typ.IsInteger() || col.typ.IsInterval() {
			*b.i, err = strconv.ParseInt(v, 10, 64)
		} else {
			*b.f, err = strconv.ParseFloat(v, 64)
		}
		if err != nil {
			return fmt.Errorf("'fields.%s.%s' must be a number, found '%s'", name, b.name, v)
		}
	}
	if col.lo > col.hi || col.flo > col.fhi {
		return fmt.Errorf("min is greater than max")
	}
	if v, ok := get("length"); ok {
		if col.length, err = strconv.Atoi(v); err != nil || col.length < 0 {
			return fmt.Errorf("'fields.%s.length' must be a whole number, found '%s'", name, v)
		}
	}
	if v, ok := get("var-len"); ok {
		col.varLen = strings.EqualFold(v, "true")
	}
	if v, ok := get("max-past"); ok {
		d, err := config.ParseDuration(v)
		if err != nil {
			return fmt.Errorf("'fields.%s.max-past': %w", name, err)
		}
		col.maxPast = d.Microseconds()
	}
	if v, ok := get("null-rate"); ok {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || f < 0 || f > 1 {
			return fmt.Errorf("'fields.%s.null-rate' must be a number from 0 to 1, found '%s'", name, v)
		}
		col.nullRate = uint64(math.Min(f*(1<<63), 1<<63))
	}
	return nil
}

// below is a number in [0, n) made of the random number r; n = 0 stands for 2^64.
func below(r, n uint64) uint64 {
	if n == 0 {
		return r
	}
	hi, _ := bits.Mul64(r, n)
	return hi
}

// unit is a number in [0, 1) made of r.
func unit(r uint64) float64 { return float64(r>>11) / (1 << 53) }

// append makes the value of row number global, at the time clock of the generator.
func (c *column) append(v *batch.Vector, global, clock int64, seed uint64) {
	if c.sequence {
		c.appendSequence(v, c.lo+global)
		return
	}
	r := mix(seed ^ c.salt)
	if c.nullRate > 0 {
		if r>>1 < c.nullRate {
			v.AppendNull()
			return
		}
		r = mix(r)
	}
	switch c.typ.Kind {
	case types.Boolean:
		v.AppendBool(r&1 == 0)
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYearMonth:
		v.AppendInt(c.lo + int64(below(r, uint64(c.hi-c.lo)+1)))
	case types.IntervalDaySecond:
		v.AppendInt((c.lo + int64(below(r, uint64(c.hi-c.lo)+1))) * 1000)
	case types.Double:
		v.AppendFloat(c.flo + unit(r)*(c.fhi-c.flo))
	case types.Float:
		v.AppendFloat(float64(float32(c.flo + unit(r)*(c.fhi-c.flo))))
	case types.Decimal:
		x := c.flo + unit(r)*(c.fhi-c.flo)
		text := strconv.AppendFloat(make([]byte, 0, 48), x, 'f', c.typ.Scale, 64)
		d, ok, in := literal.ParseDecimal(text, c.typ.Prec, c.typ.Scale)
		if !ok || !in { // rounded up to a digit more than fits
			d, _, _ = literal.ParseDecimal([]byte("0"), c.typ.Prec, c.typ.Scale)
		}
		v.AppendDec(d)
	case types.Char, types.VarChar, types.Binary, types.VarBinary:
		c.appendBytes(v, r)
	case types.Date:
		days, _ := literal.Split(c.local(clock))
		v.AppendInt(days)
	case types.Time:
		_, t := literal.Split(c.local(clock))
		v.AppendInt(literal.Truncate(t, c.typ.Prec))
	case types.Timestamp:
		v.AppendInt(literal.Truncate(c.local(clock)-c.past(r), c.typ.Prec))
	case types.TimestampLTZ:
		v.AppendInt(literal.Truncate(clock-c.past(r), c.typ.Prec))
	case types.Row:
		if len(c.parts) == 0 {
			v.AppendBool(false)
		}
		for i := range c.parts {
			c.parts[i].append(v.Children[i], global, clock, seed)
		}
	case types.Array:
		v.BeginList()
		for i := range c.length {
			c.parts[0].append(v.Children[0], global, clock, element(seed, i))
		}
		v.EndList()
	case types.Map, types.Multiset:
		v.BeginList()
		clear(c.keys)
		for i := range c.length {
			s := element(seed, i)
			if !c.newKey(v.Children[0], global, clock, s) {
				continue
			}
			if c.typ.Kind == types.Map {
				c.parts[1].append(v.Children[1], global, clock, s)
			} else {
				v.Children[1].AppendInt(1 + int64(below(mix(s^c.salt), 10)))
			}
		}
		v.EndList()
	}
}

// element is the seed of element i of a collection that has the seed s.
func element(s uint64, i int) uint64 { return mix(s + uint64(i)) }

// newKey appends another key of the present value to v; a key that is there already is left out, as in a map of Java.
func (c *column) newKey(v *batch.Vector, global, clock int64, seed uint64) bool {
	c.key.Reset()
	c.parts[0].append(c.key, global, clock, seed)
	c.buf = batch.AppendValue(c.buf[:0], c.key, 0)
	if c.keys[string(c.buf)] {
		return false
	}
	c.keys[string(c.buf)] = true
	v.AppendFrom(c.key, 0)
	return true
}

// past is a random time of at most max-past.
func (c *column) past(r uint64) int64 {
	if c.maxPast == 0 {
		return 0
	}
	return int64(below(r, uint64(c.maxPast)))
}

// local is a UTC time as the zone's clocks show it.
func (c *column) local(micros int64) int64 {
	_, off := time.UnixMicro(micros).In(c.zone).Zone()
	return micros + int64(off)*literal.Second
}

// appendBytes makes hexadecimal text, or bytes.
func (c *column) appendBytes(v *batch.Vector, r uint64) {
	n := c.length
	if c.varLen && n > 0 {
		n = int(below(mix(r+1), uint64(n))) + 1
	}
	const hex = "0123456789abcdef"
	at := len(v.Data)
	text := c.typ.IsString()
	for len(v.Data)-at < n {
		r = mix(r)
		for x, left := r, 8; left > 0 && len(v.Data)-at < n; left-- {
			if text {
				v.Data = append(v.Data, hex[x&15])
			} else {
				v.Data = append(v.Data, byte(x))
			}
			x >>= 8
		}
	}
	v.AppendView(uint32(at), uint32(n))
}

func (c *column) appendSequence(v *batch.Vector, x int64) {
	switch c.typ.Kind {
	case types.Double, types.Float:
		v.AppendFloat(float64(x))
	case types.Decimal:
		d, _, _ := literal.ParseDecimal(strconv.AppendInt(nil, x, 10), c.typ.Prec, c.typ.Scale)
		v.AppendDec(d)
	case types.Char, types.VarChar:
		at := len(v.Data)
		v.Data = strconv.AppendInt(v.Data, x, 10)
		v.AppendView(uint32(at), uint32(len(v.Data)-at))
	default:
		v.AppendInt(x)
	}
}
