package variant

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"weir/planner/decimal"
	"weir/planner/types"
)

// maxDepth is how deep objects and arrays may lie in each other; maxDigits is the length of a number. Flink has the same limits.
const (
	maxDepth  = 1000
	maxDigits = 1000
)

// ErrTooLarge is the error of values beyond the 16 MB that a VARIANT may have.
var ErrTooLarge = errors.New("a VARIANT has at most 16 MB")

// SyntaxError says why a text is no JSON.
type SyntaxError struct {
	At     int // the byte where it is found
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.At+1) }

// DuplicateError is the error of an object that has a name twice.
type DuplicateError struct{ Name string }

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("the name %q is in an object twice", e.Name)
}

// Builder makes values of texts. Its memory is used again from one call to the next; it is for one goroutine.
type Builder struct {
	src        []byte
	at         int
	duplicates bool

	ids     map[string]int
	names   [][]byte // of src, or of text where they had escapes
	text    []byte   // strings without their escapes
	data    []byte
	members []member // of the objects under way
	places  []int    // of the arrays under way
	order   []member
}

type member struct {
	name   []byte
	id     int
	offset int // from the object's beginning
}

// Parse appends the value that src, a JSON text, says. What follows behind the value is not looked at. duplicates: of a name that is in an object twice the
// last member counts; otherwise it is a DuplicateError. Other errors are a SyntaxError and ErrTooLarge.
func (b *Builder) Parse(dst, src []byte, duplicates bool) ([]byte, error) {
	if b.ids == nil {
		b.ids = map[string]int{}
	}
	clear(b.ids)
	b.src, b.at, b.duplicates = src, 0, duplicates
	b.names, b.text, b.data, b.members, b.places = b.names[:0], b.text[:0], b.data[:0], b.members[:0], b.places[:0]
	b.space()
	if err := b.value(0); err != nil {
		return dst, err
	}
	if c := b.src[b.at-1]; b.at < len(b.src) && c-'0' <= 9 && !ends(b.src[b.at]) {
		return dst, b.syntax("a number ends here with something else behind it")
	}
	return b.append(dst)
}

// append appends the dictionary and the value.
func (b *Builder) append(dst []byte) ([]byte, error) {
	size := 0
	for _, n := range b.names {
		size += len(n)
	}
	if size >= sizeLimit || len(b.data) >= sizeLimit {
		return dst, ErrTooLarge
	}
	w := width(max(size, len(b.names)))
	dst = append(dst, version|byte(w-1)<<6)
	dst = appendNumber(dst, len(b.names), w)
	at := 0
	for _, n := range b.names {
		dst = appendNumber(dst, at, w)
		at += len(n)
	}
	dst = appendNumber(dst, at, w)
	for _, n := range b.names {
		dst = append(dst, n...)
	}
	return append(dst, b.data...), nil
}

// ends reports that a number may end before c.
func ends(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func width(n int) int {
	switch {
	case n < 1<<8:
		return 1
	case n < 1<<16:
		return 2
	}
	return 3
}

func appendNumber(dst []byte, n, width int) []byte {
	for ; width > 0; width-- {
		dst = append(dst, byte(n))
		n >>= 8
	}
	return dst
}

func (b *Builder) syntax(format string, args ...any) error {
	return &SyntaxError{b.at, fmt.Sprintf(format, args...)}
}

func (b *Builder) space() {
	for b.at < len(b.src) && ends(b.src[b.at]) {
		b.at++
	}
}

// peek is the byte at hand, 0 at the end.
func (b *Builder) peek() byte {
	if b.at < len(b.src) {
		return b.src[b.at]
	}
	return 0
}

func (b *Builder) unexpected(want string) error {
	if b.at >= len(b.src) {
		return b.syntax("the text ends where %s should be", want)
	}
	r, _ := utf8.DecodeRune(b.src[b.at:])
	return b.syntax("found %q where %s should be", r, want)
}

// value takes one value.
func (b *Builder) value(depth int) error {
	switch c := b.peek(); {
	case c == '{' || c == '[':
		if depth >= maxDepth {
			return b.syntax("nested more than %d levels deep", maxDepth)
		}
		b.at++
		if c == '{' {
			return b.object(depth)
		}
		return b.array(depth)
	case c == '"':
		b.at++
		s, err := b.str()
		if err != nil {
			return err
		}
		b.putText(s)
		return nil
	case c == '-' || c >= '0' && c <= '9':
		return b.number()
	case c == 't':
		return b.word("true", scalarTrue)
	case c == 'f':
		return b.word("false", scalarFalse)
	case c == 'n':
		return b.word("null", scalarNull)
	}
	return b.unexpected("a value")
}

func (b *Builder) word(w string, scalar byte) error {
	if !bytes.HasPrefix(b.src[b.at:], []byte(w)) {
		return b.unexpected("a value")
	}
	b.at += len(w)
	if c := b.peek(); c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c-'0' <= 9 && b.at < len(b.src) {
		return b.syntax("%s goes on where it should end", w)
	}
	b.data = append(b.data, scalar<<2)
	return nil
}

func (b *Builder) putText(s []byte) {
	if len(s) <= maxShort {
		b.data = append(b.data, byte(len(s))<<2|basicShort)
	} else {
		b.data = appendNumber(append(b.data, scalarText<<2), len(s), 4)
	}
	b.data = append(b.data, s...)
}

// id is the number of a name in the dictionary.
func (b *Builder) id(name []byte) int {
	if id, ok := b.ids[string(name)]; ok {
		return id
	}
	id := len(b.names)
	b.ids[string(name)] = id
	b.names = append(b.names, name)
	return id
}

// next reports whether another item of a list comes, and goes to it, or past the list's end. first: none was read so far.
func (b *Builder) next(end byte, first bool) (bool, error) {
	b.space()
	switch c := b.peek(); {
	case c == end:
		b.at++
		return false, nil
	case first:
		return true, nil
	case c == ',':
		b.at++
		b.space()
		return true, nil
	}
	return false, b.unexpected("a comma or " + string(end))
}

func (b *Builder) object(depth int) error {
	start, first := len(b.data), len(b.members)
	for {
		more, err := b.next('}', len(b.members) == first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if b.peek() != '"' {
			return b.unexpected("a name in quotes")
		}
		b.at++
		name, err := b.str()
		if err != nil {
			return err
		}
		b.space()
		if b.peek() != ':' {
			return b.unexpected("a colon")
		}
		b.at++
		b.space()
		b.members = append(b.members, member{name, b.id(name), len(b.data) - start})
		if err := b.value(depth + 1); err != nil {
			return err
		}
	}
	err := b.endObject(start, b.members[first:])
	b.members = b.members[:first]
	return err
}

// endObject puts the header of an object in front of its members, which begin at start.
func (b *Builder) endObject(start int, members []member) error {
	slices.SortStableFunc(members, func(x, y member) int { return compareNames(x.name, y.name) })
	last, twice := 0, false
	for i, m := range members {
		last = max(last, m.id)
		if i > 0 && m.id == members[i-1].id {
			if !b.duplicates {
				return &DuplicateError{string(m.name)}
			}
			twice = true
		}
	}
	if twice {
		members = b.dropTwice(start, members)
	}
	size, n := len(b.data)-start, len(members)
	idWidth, w := width(last), width(size)
	head, large := 2+n*idWidth+(n+1)*w, byte(0)
	if n > math.MaxUint8 {
		head, large = head+3, 16
	}
	if size+head >= sizeLimit {
		return ErrTooLarge
	}
	dst := b.makeRoom(start, head)
	dst = append(dst, (large|byte(idWidth-1)<<2|byte(w-1))<<2|basicObject)
	dst = appendSize(dst, n)
	for _, m := range members {
		dst = appendNumber(dst, m.id, idWidth)
	}
	for _, m := range members {
		dst = appendNumber(dst, m.offset, w)
	}
	appendNumber(dst, size, w)
	return nil
}

// dropTwice leaves of members with one name the last one, and closes the gaps between their values.
func (b *Builder) dropTwice(start int, members []member) []member {
	kept := members[:0]
	for i, m := range members {
		if i+1 == len(members) || members[i+1].id != m.id {
			kept = append(kept, m)
		}
	}
	b.order = append(b.order[:0], kept...)
	slices.SortFunc(b.order, func(x, y member) int { return x.offset - y.offset })
	moved := map[int]int{}
	to := start
	for _, m := range b.order {
		size := Value{data: b.data[start+m.offset:]}.size()
		copy(b.data[to:], b.data[start+m.offset:start+m.offset+size])
		moved[m.offset] = to - start
		to += size
	}
	b.data = b.data[:to]
	for i := range kept {
		kept[i].offset = moved[kept[i].offset]
	}
	return kept
}

// makeRoom moves what was written from start on by n bytes; the result appends into the gap.
func (b *Builder) makeRoom(start, n int) []byte {
	end := len(b.data)
	b.data = slices.Grow(b.data, n)[:end+n]
	copy(b.data[start+n:], b.data[start:end])
	return b.data[start:start:(start + n)]
}

func appendSize(dst []byte, n int) []byte {
	if n > math.MaxUint8 {
		return appendNumber(dst, n, 4)
	}
	return append(dst, byte(n))
}

func (b *Builder) array(depth int) error {
	start, first := len(b.data), len(b.places)
	for {
		more, err := b.next(']', len(b.places) == first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		b.places = append(b.places, len(b.data)-start)
		if err := b.value(depth + 1); err != nil {
			return err
		}
	}
	err := b.endArray(start, b.places[first:])
	b.places = b.places[:first]
	return err
}

// endArray puts the header of an array in front of its elements, which begin at start.
func (b *Builder) endArray(start int, places []int) error {
	size, n := len(b.data)-start, len(places)
	w := width(size)
	head, large := 2+(n+1)*w, byte(0)
	if n > math.MaxUint8 {
		head, large = head+3, 4
	}
	if size+head >= sizeLimit {
		return ErrTooLarge
	}
	dst := b.makeRoom(start, head)
	dst = append(dst, (large|byte(w-1))<<2|basicArray)
	dst = appendSize(dst, n)
	for _, p := range places {
		dst = appendNumber(dst, p, w)
	}
	appendNumber(dst, size, w)
	return nil
}

// number takes a number: a whole one of up to 64 bits is the smallest integer that holds it, one without an exponent and with up to 38 digits a
// decimal, all others are doubles.
func (b *Builder) number() error {
	start := b.at
	digits := func() int {
		from := b.at
		for b.at < len(b.src) && b.src[b.at]-'0' <= 9 {
			b.at++
		}
		return b.at - from
	}
	if b.peek() == '-' {
		b.at++
	}
	whole := b.at
	n, plain := digits(), true
	if n == 0 {
		return b.unexpected("a digit")
	}
	if n > 1 && b.src[whole] == '0' {
		b.at = whole
		return b.syntax("a number begins with 0")
	}
	integer := true
	if b.peek() == '.' {
		integer = false
		b.at++
		if digits() == 0 {
			return b.unexpected("a digit")
		}
	}
	if b.peek()|0x20 == 'e' {
		integer, plain = false, false
		b.at++
		if c := b.peek(); c == '+' || c == '-' {
			b.at++
		}
		if digits() == 0 {
			return b.unexpected("a digit")
		}
	}
	s := b.src[start:b.at]
	if len(s) > maxDigits {
		b.at = start
		return b.syntax("a number has more than %d digits", maxDigits)
	}
	if integer {
		if i, err := strconv.ParseInt(string(s), 10, 64); err == nil {
			b.putInt(i)
			return nil
		}
	}
	if plain && b.putDecimal(s) {
		return nil
	}
	f, err := strconv.ParseFloat(string(s), 64)
	if err != nil && !math.IsInf(f, 0) {
		return b.syntax("%s is no number", s)
	}
	b.data = binary.LittleEndian.AppendUint64(append(b.data, scalarDouble<<2), math.Float64bits(f))
	return nil
}

func (b *Builder) putInt(i int64) {
	switch {
	case i == int64(int8(i)):
		b.data = append(b.data, scalarInt8<<2, byte(i))
	case i == int64(int16(i)):
		b.data = appendNumber(append(b.data, scalarInt16<<2), int(i), 2)
	case i == int64(int32(i)):
		b.data = appendNumber(append(b.data, scalarInt32<<2), int(i), 4)
	default:
		b.data = appendNumber(append(b.data, scalarInt64<<2), int(i), 8)
	}
}

// putDecimal writes s, which has no exponent, as a decimal; false where it has too many digits.
func (b *Builder) putDecimal(s []byte) bool {
	const most = 38
	scale, digits := 0, 0
	if p := bytes.IndexByte(s, '.'); p >= 0 {
		scale = len(s) - p - 1
	}
	for _, c := range s {
		if c-'0' <= 9 && (digits > 0 || c != '0') {
			digits++
		}
	}
	if scale > most || digits > most {
		return false
	}
	d, ok := decimal.Parse(s, most, scale)
	if !ok {
		return false
	}
	switch {
	case scale <= 9 && digits <= 9:
		b.data = appendNumber(append(b.data, scalarDec4<<2, byte(scale)), int(d.Lo), 4)
	case scale <= 18 && digits <= 18:
		b.data = appendNumber(append(b.data, scalarDec8<<2, byte(scale)), int(d.Lo), 8)
	default:
		b.data = appendDec(append(b.data, scalarDec16<<2, byte(scale)), d)
	}
	return true
}

func appendDec(dst []byte, d types.Dec) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, d.Lo), uint64(d.Hi))
}
