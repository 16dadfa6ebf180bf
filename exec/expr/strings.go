package expr

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"weir/exec/batch"
	"weir/planner/fn"
	"weir/planner/scalar"
)

var stringKernels = map[string]builder{
	"UPPER": changeCase(true), "LOWER": changeCase(false), "INITCAP": rows(initcap),
	"||": rows(concat), "CONCAT": rows(concat), "CONCAT_WS": withNulls(concatWS),
	"TRIM": trimSyntax, "LTRIM": trim(true, false), "RTRIM": trim(false, true), "BTRIM": trim(true, true),
	"SUBSTRING": views(0, substring), "SUBSTR": views(0, substring), "LEFT": views(0, left), "RIGHT": views(0, right),
	"CHAR_LENGTH": rows(charLength), "CHARACTER_LENGTH": rows(charLength),
	"POSITION": locate(1, 0, 2), "LOCATE": locate(1, 0, 2), "INSTR": rows(instr),
	"REPLACE": rows(replace), "REPEAT": rows(repeat), "REVERSE": rows(reverse), "LPAD": rows(pad(true)), "RPAD": rows(pad(false)),
	"OVERLAY": rows(overlay), "SPLIT_INDEX": splitIndex, "TRANSLATE": rows(translate), "ELT": withNulls(elt),
	"STARTSWITH": rows(func(k *rowKernel, i int) error { k.setBool(i, bytes.HasPrefix(k.str(0, i), k.str(1, i))); return nil }),
	"ENDSWITH":   rows(func(k *rowKernel, i int) error { k.setBool(i, bytes.HasSuffix(k.str(0, i), k.str(1, i))); return nil }),
	"ASCII":      rows(ascii), "CHR": rows(chr),
	"TO_BASE64": rows(func(k *rowKernel, i int) error {
		k.end(i, base64.StdEncoding.AppendEncode(k.arena(), k.str(0, i)))
		return nil
	}),
	"FROM_BASE64": rows(func(k *rowKernel, i int) error {
		s := bytes.TrimRight(k.str(0, i), "=") // the padding may be missing
		data, err := base64.RawStdEncoding.AppendDecode(k.arena(), s)
		if err != nil {
			return k.fail(i, "filter such rows out", "%s is not base64", quoted(k.str(0, i)))
		}
		k.end(i, data)
		return nil
	}),
	"URL_ENCODE": rows(urlEncode), "URL_DECODE": rows(urlDecode), "PRINTF": withNulls(printf),
	"ENCODE": rows(encode), "DECODE": rows(decode),
}

// caseKernel is UPPER and LOWER. ASCII is changed eight bytes at a time.
type caseKernel struct {
	result
	a     node
	upper bool
}

func changeCase(upper bool) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		return &caseKernel{newResult(e.Typ), args[0], upper}, nil
	}
}

func (k *caseKernel) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	v, err := k.a.eval(x, sel)
	if err != nil {
		return nil, err
	}
	out := k.begin(x.n)
	orNulls(out, v, x.n)
	n := x.n
	if sel != nil {
		n = len(sel)
	}
	for s := range n {
		i := s
		if sel != nil {
			i = int(sel[s])
		}
		if v.Nulls.Has(i) {
			continue
		}
		str := v.Bytes(i)
		at := len(out.Data)
		out.Off[i], out.Len[i] = uint32(at), uint32(len(str))
		out.Data = append(out.Data, str...)
		if !asciiCase(out.Data[at:], k.upper) {
			out.Data = unicodeCase(out.Data[:at], str, k.upper)
			out.Len[i] = uint32(len(out.Data) - at)
		}
	}
	return out, nil
}

// asciiCase changes the letters of s in place and reports whether s is ASCII; the rest is undefined if it is not.
func asciiCase(s []byte, upper bool) bool {
	const (
		ones = 0x0101010101010101
		high = highBits
	)
	// In each byte below 0x80, adding 0x80-first sets the high bit from first on, and 0x7f-last behind last.
	first, last := uint64('A'), uint64('Z')
	if upper {
		first, last = 'a', 'z'
	}
	lo, hi := (0x80-first)*ones, (0x7f-last)*ones
	for len(s) >= 8 {
		w := binary.LittleEndian.Uint64(s)
		if w&high != 0 {
			return false
		}
		letters := (w + lo) & ^(w + hi) & high
		binary.LittleEndian.PutUint64(s, w^letters>>2)
		s = s[8:]
	}
	for i, c := range s {
		if c >= utf8.RuneSelf {
			return false
		}
		if c >= byte(first) && c <= byte(last) {
			s[i] = c ^ 0x20
		}
	}
	return true
}

// unicodeCase appends s; the sharp s has two letters in upper case, a capital I with a dot keeps it as a mark of its own in lower
// case, and a sigma at the end of a word has another form there.
func unicodeCase(dst, s []byte, upper bool) []byte {
	letter := false // the character before is one
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		before := letter
		letter = unicode.IsLetter(r)
		switch {
		case !upper && r == 'İ':
			dst = append(dst, "i\u0307"...)
		case !upper && r == 'Σ' && before:
			if next, _ := utf8.DecodeRune(s[n:]); unicode.IsLetter(next) {
				dst = utf8.AppendRune(dst, 'σ')
			} else {
				dst = utf8.AppendRune(dst, 'ς')
			}
		case r == utf8.RuneError && n == 1:
			dst = append(dst, s[0])
		case upper && r == 'ß':
			dst = append(dst, "SS"...)
		case upper:
			dst = utf8.AppendRune(dst, unicode.ToUpper(r))
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		s = s[n:]
	}
	return dst
}

func initcap(k *rowKernel, i int) error {
	data := k.arena()
	inWord := false
	for _, c := range k.str(0, i) {
		// Words are of ASCII letters and digits, as in Flink: others end a word and stay as they are.
		small, capital := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z'
		if small && !inWord || capital && inWord {
			c ^= 0x20
		}
		inWord = small || capital || c >= '0' && c <= '9'
		data = append(data, c)
	}
	k.end(i, data)
	return nil
}

func concat(k *rowKernel, i int) error {
	data := k.arena()
	for _, v := range k.in {
		data = append(data, v.Bytes(i)...)
	}
	k.end(i, data)
	return nil
}

func concatWS(k *rowKernel, i int) error {
	if k.null(0, i) {
		return k.setNull(i)
	}
	sep, data, some := k.str(0, i), k.arena(), false
	for _, v := range k.in[1:] {
		if v.IsNull(i) {
			continue
		}
		if some {
			data = append(data, sep...)
		}
		data, some = append(data, v.Bytes(i)...), true
	}
	k.end(i, data)
	return nil
}

// trimSyntax is TRIM(s) and TRIM(side, chars, s).
func trimSyntax(c *compiler, e *scalar.Call, args []node) (node, error) {
	if len(args) == 1 {
		return trim(true, true)(c, e, args)
	}
	side := ""
	if l, ok := e.Args[0].(*scalar.Literal); ok {
		side, _ = l.Value.(string)
	}
	return trim(side != "TRAILING", side != "LEADING")(c, e, []node{args[2], args[1]})
}

func trim(start, end bool) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		blank := []byte{' '}
		k := newRows(e, args, func(k *rowKernel, i int) error {
			s, chars := k.str(0, i), blank
			if len(k.in) > 1 {
				chars = k.str(1, i)
			}
			from, to := trimmed(s, chars, start, end)
			k.part(i, from, to)
			return nil
		})
		k.view = 1
		return k, nil
	}
}

func trimmed(s, chars []byte, start, end bool) (from, to int) {
	from, to = 0, len(s)
	for start && from < to {
		n := runeLen(s[from:])
		if !bytes.Contains(chars, s[from:from+n]) {
			break
		}
		from += n
	}
	for end && from < to {
		_, n := utf8.DecodeLastRune(s[from:to])
		if !bytes.Contains(chars, s[to-n:to]) {
			break
		}
		to -= n
	}
	return from, to
}

// charAt is the byte offset of the character at n, counted from 0; the length of s behind its end.
func charAt(s []byte, n int64) int {
	if n >= int64(len(s)) {
		return len(s)
	}
	if n <= 0 {
		return 0
	}
	at := asciiPrefix(s[:n])
	for left := n - int64(at); left > 0 && at < len(s); left-- {
		at += runeLen(s[at:])
	}
	return at
}

const highBits = 0x8080808080808080

// asciiPrefix is the number of ASCII characters that s begins with, or somewhat fewer.
func asciiPrefix(s []byte) int {
	at := 0
	for len(s)-at >= 8 && binary.LittleEndian.Uint64(s[at:])&highBits == 0 {
		at += 8
	}
	for at < len(s) && s[at] < utf8.RuneSelf {
		at++
	}
	return at
}

// chars is the number of characters.
func chars(s []byte) int64 {
	n := 0
	// Every byte but 10xxxxxx begins a character of valid UTF-8.
	for ; len(s) >= 8; s = s[8:] {
		w := binary.LittleEndian.Uint64(s)
		n += 8 - bits.OnesCount64(w&^(w<<1)&highBits)
	}
	for _, c := range s {
		n += bit(c&0xc0 != 0x80)
	}
	return int64(n)
}

func substring(k *rowKernel, i int) error {
	s, start := k.str(0, i), k.int(1, i)
	length := int64(len(s))
	if len(k.in) > 2 {
		if length = k.int(2, i); length < 0 {
			return k.setNull(i)
		}
	}
	switch {
	case start > 0:
		start--
	case start < 0:
		if start += chars(s); start < 0 {
			length, start = 0, 0 // before the string: nothing
		}
	}
	from := charAt(s, start)
	k.part(i, from, from+charAt(s[from:], length))
	return nil
}

func left(k *rowKernel, i int) error {
	k.part(i, 0, charAt(k.str(0, i), max(k.int(1, i), 0)))
	return nil
}

func right(k *rowKernel, i int) error {
	s := k.str(0, i)
	k.part(i, charAt(s, max(chars(s)-max(k.int(1, i), 0), 0)), len(s))
	return nil
}

func charLength(k *rowKernel, i int) error {
	k.setInt(i, chars(k.str(0, i)))
	return nil
}

// indexFrom is where part begins in s at character start (from 0) or behind it, in characters from 1; 0 if nowhere.
func indexFrom(s, part []byte, start int64) int64 {
	if len(part) == 0 {
		return 1
	}
	start = max(start, 0)
	from := charAt(s, start)
	n := bytes.Index(s[from:], part)
	if n < 0 || start > 0 && from == len(s) && len(part) > 0 {
		return 0
	}
	return chars(s[:from+n]) + 1
}

// locate is POSITION and LOCATE; the numbers say which argument is the string, the part and the start.
func locate(str, part, start int) builder {
	return rows(func(k *rowKernel, i int) error {
		from := int64(1)
		if start < len(k.in) {
			from = k.int(start, i)
		}
		k.setInt(i, indexFrom(k.str(str, i), k.str(part, i), from-1))
		return nil
	})
}

func instr(k *rowKernel, i int) error {
	s, part, start, nth := k.str(0, i), k.str(1, i), int64(1), int64(1)
	if len(k.in) > 2 {
		start = k.int(2, i)
	}
	if len(k.in) > 3 {
		nth = k.int(3, i)
	}
	k.setInt(i, 0)
	if start == 0 || nth < 1 {
		return nil
	}
	if start < 0 {
		// Occurrences that begin at the character start or before it, from the end.
		limit := charAt(s, max(chars(s)+start, -1))
		if chars(s)+start < 0 {
			return nil
		}
		for ; ; nth-- {
			n := bytes.LastIndex(s[:min(limit+len(part), len(s))], part)
			if n < 0 {
				return nil
			}
			if nth == 1 {
				k.setInt(i, chars(s[:n])+1)
				return nil
			}
			if n == 0 {
				return nil
			}
			limit = n - 1
		}
	}
	for at := start; ; nth-- {
		n := indexFrom(s, part, at-1)
		if n == 0 || nth == 1 {
			k.setInt(i, n)
			return nil
		}
		at = n + 1
	}
}

func replace(k *rowKernel, i int) error {
	s, old, repl, data := k.str(0, i), k.str(1, i), k.str(2, i), k.arena()
	if len(old) == 0 { // before each character and at the end
		for len(s) > 0 {
			n := runeLen(s)
			data = append(append(data, repl...), s[:n]...)
			s = s[n:]
		}
		data = append(data, repl...)
	} else {
		for {
			n := bytes.Index(s, old)
			if n < 0 {
				break
			}
			data = append(append(data, s[:n]...), repl...)
			s = s[n+len(old):]
		}
	}
	k.end(i, append(data, s...))
	return nil
}

// maxString bounds what one call may make: beyond it a row would take the memory of the process.
const maxString = 64 << 20

func repeat(k *rowKernel, i int) error {
	s, n := k.str(0, i), max(k.int(1, i), 0)
	if int64(len(s))*n > maxString {
		return k.fail(i, "", "REPEAT of %d bytes %d times is longer than %d bytes", len(s), n, maxString)
	}
	data := k.arena()
	for ; n > 0; n-- {
		data = append(data, s...)
	}
	k.end(i, data)
	return nil
}

func reverse(k *rowKernel, i int) error {
	s, data := k.str(0, i), k.arena()
	for len(s) > 0 {
		_, n := utf8.DecodeLastRune(s)
		data = append(data, s[len(s)-n:]...)
		s = s[:len(s)-n]
	}
	k.end(i, data)
	return nil
}

func pad(atStart bool) func(k *rowKernel, i int) error {
	return func(k *rowKernel, i int) error {
		s, n, with := k.str(0, i), k.int(1, i), k.str(2, i)
		have := chars(s)
		if n < 0 || len(with) == 0 {
			return k.setNull(i)
		}
		if n > maxString {
			return k.fail(i, "", "padding to %d characters, more than %d", n, maxString)
		}
		data := k.arena()
		if n <= have {
			k.end(i, append(data, s[:charAt(s, n)]...))
			return nil
		}
		if !atStart {
			data = append(data, s...)
		}
		for missing := n - have; missing > 0; {
			part := with[:charAt(with, missing)]
			data = append(data, part...)
			missing -= chars(part)
		}
		if atStart {
			data = append(data, s...)
		}
		k.end(i, data)
		return nil
	}
}

func overlay(k *rowKernel, i int) error {
	s, repl, start := k.str(0, i), k.str(1, i), k.int(2, i)
	n := chars(repl)
	if len(k.in) > 3 {
		n = k.int(3, i)
	}
	if start <= 0 || start > chars(s) {
		k.setStr(i, s)
		return nil
	}
	from := charAt(s, start-1)
	to := len(s) // a length of 0 or less leaves nothing behind the new text, in Flink too
	if n > 0 {
		to = from + charAt(s[from:], n)
	}
	k.end(i, append(append(append(k.arena(), s[:from]...), repl...), s[to:]...))
	return nil
}

// splitIndex takes a separator as a string or as the number of a character.
func splitIndex(_ *compiler, e *scalar.Call, args []node) (node, error) {
	byNumber := !e.Args[1].Type().IsString()
	k := newRows(e, args, func(k *rowKernel, i int) error {
		s, n := k.str(0, i), k.int(2, i)
		var sep []byte
		if byNumber {
			var buf [4]byte
			c := k.int(1, i)
			if c < 0 || c > unicode.MaxRune {
				return k.setNull(i)
			}
			sep = utf8.AppendRune(buf[:0], rune(c))
		} else {
			sep = k.str(1, i)
		}
		if n < 0 || len(s) == 0 {
			return k.setNull(i)
		}
		size := len(sep)
		find := func(s []byte) int { return bytes.Index(s, sep) }
		if size == 0 { // an empty separator is any blank
			size = 1
			find = func(s []byte) int { return bytes.IndexAny(s, " \t\n\v\f\r") }
		}
		at := 0
		for ; n > 0; n-- {
			next := find(s[at:])
			if next < 0 {
				return k.setNull(i)
			}
			at += next + size
		}
		end := find(s[at:])
		if end < 0 {
			end = len(s) - at
		}
		k.part(i, at, at+end)
		return nil
	})
	k.view = 1
	return k, nil
}

func translate(k *rowKernel, i int) error {
	s, from, to, data := k.str(0, i), k.str(1, i), k.str(2, i), k.arena()
	for len(s) > 0 {
		n := runeLen(s)
		at := bytes.Index(from, s[:n])
		switch {
		case at < 0:
			data = append(data, s[:n]...)
		default:
			if rest := to[charAt(to, chars(from[:at])):]; len(rest) > 0 {
				data = append(data, rest[:runeLen(rest)]...)
			}
		}
		s = s[n:]
	}
	k.end(i, data)
	return nil
}

func elt(k *rowKernel, i int) error {
	if k.null(0, i) {
		return k.setNull(i)
	}
	n := k.int(0, i)
	if n < 1 || n >= int64(len(k.in)) || k.null(int(n), i) {
		return k.setNull(i)
	}
	k.setStr(i, k.str(int(n), i))
	return nil
}

func ascii(k *rowKernel, i int) error {
	s, n := k.str(0, i), int64(0)
	if len(s) > 0 {
		n = int64(int8(s[0]))
	}
	k.setInt(i, n)
	return nil
}

func chr(k *rowKernel, i int) error {
	n := k.int(0, i)
	if n < 0 {
		k.setStr(i, nil)
		return nil
	}
	k.end(i, utf8.AppendRune(k.arena(), rune(n&0xff)))
	return nil
}

// Character sets, by the names that the planner lets through.

func encode(k *rowKernel, i int) error {
	s, data := k.str(0, i), k.arena()
	charset := fn.Charset(string(k.str(1, i)))
	switch charset {
	case "":
		return unknownCharset(k, i)
	case "UTF-8":
		data = append(data, s...)
	case "US-ASCII", "ISO-8859-1":
		limit := rune(0x80)
		if charset == "ISO-8859-1" {
			limit = 0x100
		}
		for _, r := range string(s) {
			if r >= limit {
				r = '?'
			}
			data = append(data, byte(r))
		}
	default:
		if charset == "UTF-16" {
			data = append(data, 0xfe, 0xff)
		}
		for _, u := range utf16.Encode([]rune(string(s))) {
			if charset == "UTF-16LE" {
				data = append(data, byte(u), byte(u>>8))
			} else {
				data = append(data, byte(u>>8), byte(u))
			}
		}
	}
	k.end(i, data)
	return nil
}

func unknownCharset(k *rowKernel, i int) error {
	return k.fail(i, "use UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE or UTF-16LE", "there is no character set called '%s'", k.str(1, i))
}

func decode(k *rowKernel, i int) error {
	s, data := k.str(0, i), k.arena()
	charset := fn.Charset(string(k.str(1, i)))
	switch charset {
	case "":
		return unknownCharset(k, i)
	case "UTF-8":
		data = append(data, bytes.ToValidUTF8(s, []byte("\uFFFD"))...)
	case "US-ASCII", "ISO-8859-1":
		for _, b := range s {
			if b >= 0x80 && charset == "US-ASCII" {
				data = utf8.AppendRune(data, utf8.RuneError)
			} else {
				data = utf8.AppendRune(data, rune(b))
			}
		}
	default:
		little := charset == "UTF-16LE"
		if charset == "UTF-16" && len(s) >= 2 {
			switch {
			case s[0] == 0xfe && s[1] == 0xff:
				s = s[2:]
			case s[0] == 0xff && s[1] == 0xfe:
				s, little = s[2:], true
			}
		}
		units := make([]uint16, 0, len(s)/2)
		for ; len(s) >= 2; s = s[2:] {
			if little {
				units = append(units, uint16(s[0])|uint16(s[1])<<8)
			} else {
				units = append(units, uint16(s[1])|uint16(s[0])<<8)
			}
		}
		for _, r := range utf16.Decode(units) {
			data = utf8.AppendRune(data, r)
		}
	}
	k.end(i, data)
	return nil
}
