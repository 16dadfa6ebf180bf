package json

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The scanner works on absolute places in the buffer that all payloads share: a payload is
// b[i:end], and reading a few bytes behind end is safe as long as they are in b. Functions
// return the place behind what they consumed, or -1 after d.syntax has noted what is wrong.

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks the bytes of w that end or interrupt a plain string: quote, backslash, control
// characters and everything outside ASCII. The lowest mark is exact.
func special(w uint64) uint64 {
	q := (w ^ lows*'"') - lows
	s := (w ^ lows*'\\') - lows
	c := w - lows*0x20
	return (q | s | c | w) & highs
}

// syntax notes a flaw of the payload at i and returns -1.
func (d *decoder) syntax(i int, reason string) int {
	if d.reason == "" {
		d.at, d.reason, d.column = i, reason, ""
	}
	return -1
}

// space skips white space.
func (d *decoder) space(i int) int {
	for i < d.end {
		switch d.b[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// str finds the end of the string whose text begins at i, and returns the place of the closing
// quote. escaped reports whether the text has escapes, all of which were checked.
func (d *decoder) str(i int) (j int, escaped bool) {
	b, end := d.b, d.end
	for {
		for i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for i < end && b[i] >= 0x20 && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
			i++ // only in the last bytes of the buffer
		}
		if i >= end {
			return d.syntax(end, "the record ends inside of a string"), escaped
		}
		switch c := b[i]; {
		case c == '"':
			return i, escaped
		case c == '\\':
			escaped = true
			if i = d.escape(i); i < 0 {
				return i, escaped
			}
		case c < 0x20:
			return d.syntax(i, "control character inside of a string: it must be written as an escape"), escaped
		default:
			r, n := utf8.DecodeRune(b[i:end])
			if r == utf8.RuneError && n == 1 {
				return d.syntax(i, "invalid UTF-8"), escaped
			}
			i += n
		}
	}
}

// escape checks the escape at i.
func (d *decoder) escape(i int) int {
	if i+1 >= d.end {
		return d.syntax(d.end, "the record ends inside of a string")
	}
	switch d.b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		r, ok := d.hex4(i + 2)
		if !ok {
			return d.syntax(i, `\u must be followed by four hexadecimal digits`)
		}
		switch {
		case r >= 0xdc00 && r < 0xe000:
			return d.syntax(i, "half of a surrogate pair")
		case r >= 0xd800 && r < 0xdc00:
			if i+8 > d.end || d.b[i+6] != '\\' || d.b[i+7] != 'u' {
				return d.syntax(i, "half of a surrogate pair")
			}
			if lo, ok := d.hex4(i + 8); !ok || lo < 0xdc00 || lo > 0xdfff {
				return d.syntax(i, "half of a surrogate pair")
			}
			return i + 12
		}
		return i + 6
	}
	return d.syntax(i, "unknown escape in a string")
}

func (d *decoder) hex4(i int) (r rune, ok bool) {
	if i+4 > d.end {
		return 0, false
	}
	for _, c := range d.b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape writes the text b[from:to], whose escapes have been checked, over itself and
// returns its new end. Escapes never get longer.
func unescape(b []byte, from, to int) int {
	w := from
	for i := from; i < to; {
		c := b[i]
		if c != '\\' {
			b[w] = c
			w++
			i++
			continue
		}
		switch c = b[i+1]; c {
		case 'u':
			r := hexRune(b[i+2:])
			i += 6
			if r >= 0xd800 && r < 0xdc00 {
				r = (r-0xd800)<<10 | (hexRune(b[i+2:]) - 0xdc00) + 0x10000
				i += 6
			}
			w += utf8.EncodeRune(b[w:w+utf8.RuneLen(r)], r)
			continue
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		}
		b[w] = c
		w++
		i += 2
	}
	return w
}

// hexRune reads four hexadecimal digits that have been checked.
func hexRune(b []byte) (r rune) {
	for _, c := range b[:4] {
		switch {
		case c <= '9':
			c -= '0'
		case c >= 'a':
			c -= 'a' - 10
		default:
			c -= 'A' - 10
		}
		r = r<<4 | rune(c)
	}
	return r
}

// number finds the end of the number at i. whole reports one without point and exponent.
func (d *decoder) number(i int) (j int, whole bool) {
	b, end := d.b, d.end
	if i < end && b[i] == '-' {
		i++
	}
	if i >= end {
		return d.syntax(end, "the record ends inside of a number"), false
	}
	switch c := b[i]; {
	case c == '0':
		i++
		if i < end && b[i]-'0' <= 9 {
			return d.syntax(i-1, "a number may not begin with 0"), false
		}
	case c-'0' <= 9:
		for i < end && b[i]-'0' <= 9 {
			i++
		}
	default:
		return d.syntax(i, "not a number"), false
	}
	whole = true
	if i < end && b[i] == '.' {
		whole = false
		i++
		start := i
		for i < end && b[i]-'0' <= 9 {
			i++
		}
		if i == start {
			return d.syntax(i, "a digit must follow the point of a number"), false
		}
	}
	if i < end && b[i]|0x20 == 'e' {
		whole = false
		i++
		if i < end && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start := i
		for i < end && b[i]-'0' <= 9 {
			i++
		}
		if i == start {
			return d.syntax(i, "a digit must follow the exponent sign of a number"), false
		}
	}
	return i, whole
}

// literal checks for one of the words true, false, null at i.
func (d *decoder) literal(i int) int {
	var word string
	switch d.b[i] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	default:
		return d.syntax(i, "not a JSON value")
	}
	if i+len(word) > d.end || string(d.b[i:i+len(word)]) != word {
		return d.syntax(i, "not a JSON value")
	}
	return i + len(word)
}

// maxDepth is how deep arrays and objects may be nested, as in Jackson.
const maxDepth = 1000

// skip checks the value at i and returns its end.
func (d *decoder) skip(i, depth int) int {
	if i >= d.end {
		return d.syntax(d.end, "the record ends where a value should be")
	}
	switch c := d.b[i]; c {
	case '"':
		j, _ := d.str(i + 1)
		if j < 0 {
			return j
		}
		return j + 1
	case '{':
		return d.skipObject(i, depth)
	case '[':
		return d.skipArray(i, depth)
	default:
		if c == '-' || c-'0' <= 9 {
			if n := digits(d.b, i); n > 0 && c != '0' && i+n < d.end && d.b[i+n] == ',' {
				return i + n
			}
			j, _ := d.number(i)
			return j
		}
		return d.literal(i)
	}
}

// digits is how many of the bytes at i are digits, if that are fewer than eight and there are eight bytes; otherwise it is 0.
func digits(b []byte, i int) int {
	if i+8 > len(b) {
		return 0
	}
	// A digit is 0x30 to 0x39: the bits of 0x30, and the lower half is not carried over by 6.
	w := binary.LittleEndian.Uint64(b[i:]) ^ lows*'0'
	return bits.TrailingZeros64((w|(w+lows*0x76))&highs) >> 3 & 7
}

func (d *decoder) skipObject(i, depth int) int {
	if depth >= maxDepth {
		return d.syntax(i, "nested too deeply")
	}
	i = d.space(i + 1)
	if i < d.end && d.b[i] == '}' {
		return i + 1
	}
	for {
		j, _ := d.name(i)
		if j < 0 {
			return j
		}
		if i = d.colon(j + 1); i < 0 {
			return i
		}
		if i = d.skip(i, depth+1); i < 0 {
			return i
		}
		var more bool
		if i, more = d.next(i, '}'); !more {
			return i
		}
	}
}

func (d *decoder) skipArray(i, depth int) int {
	if depth >= maxDepth {
		return d.syntax(i, "nested too deeply")
	}
	i = d.space(i + 1)
	if i < d.end && d.b[i] == ']' {
		return i + 1
	}
	for {
		if i = d.skip(i, depth+1); i < 0 {
			return i
		}
		var more bool
		if i, more = d.next(i, ']'); !more {
			return i
		}
	}
}

// name expects the quoted name of a member at i and returns the place of its closing quote.
func (d *decoder) name(i int) (j int, escaped bool) {
	if i >= d.end {
		return d.syntax(d.end, "the record ends inside of an object"), false
	}
	if d.b[i] != '"' {
		return d.syntax(i, "a member of an object begins with its name in quotes"), false
	}
	return d.str(i + 1)
}

// colon expects ':' and returns the place of the value behind it.
func (d *decoder) colon(i int) int {
	i = d.space(i)
	if i >= d.end {
		return d.syntax(d.end, "the record ends inside of an object")
	}
	if d.b[i] != ':' {
		return d.syntax(i, "a colon must follow the name of a member")
	}
	return d.space(i + 1)
}

// next expects, behind a value, a comma (then more, with the place of what follows it) or
// closing (then not more, with the place behind it, or -1).
func (d *decoder) next(i int, closing byte) (j int, more bool) {
	i = d.space(i)
	if i >= d.end {
		if closing == '}' {
			return d.syntax(d.end, "the record ends inside of an object"), false
		}
		return d.syntax(d.end, "the record ends inside of an array"), false
	}
	switch d.b[i] {
	case ',':
		return d.space(i + 1), true
	case closing:
		return i + 1, false
	}
	if closing == '}' {
		return d.syntax(i, "a comma or } must follow a member of an object"), false
	}
	return d.syntax(i, "a comma or ] must follow an element of an array"), false
}
