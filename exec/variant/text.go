package variant

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// str takes the rest of a string, behind its opening quote: a part of the text, or without its escapes a part of b.text.
func (b *Builder) str() ([]byte, error) {
	start := b.at
	for b.at < len(b.src) {
		switch c := b.src[b.at]; {
		case c == '"':
			b.at++
			return b.src[start : b.at-1], nil
		case c == '\\':
			return b.escaped(start)
		case c < ' ':
			return nil, b.syntax("a string has the character %q, which must be written as an escape", rune(c))
		}
		b.at++
	}
	return nil, b.unexpected("the end of a string")
}

// escaped goes on in a string at its first escape.
func (b *Builder) escaped(start int) ([]byte, error) {
	from := len(b.text)
	b.text = append(b.text, b.src[start:b.at]...)
	for b.at < len(b.src) {
		c := b.src[b.at]
		b.at++
		switch {
		case c == '"':
			return b.text[from:len(b.text):len(b.text)], nil
		case c < ' ':
			b.at--
			return nil, b.syntax("a string has the character %q, which must be written as an escape", rune(c))
		case c != '\\':
			b.text = append(b.text, c)
			continue
		}
		if b.at >= len(b.src) {
			break
		}
		c = b.src[b.at]
		b.at++
		if c == 'u' {
			if err := b.unicode(); err != nil {
				return nil, err
			}
			continue
		}
		const escapes, means = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
		i := bytes.IndexByte([]byte(escapes), c)
		if i < 0 {
			b.at--
			return nil, b.unexpected("an escape")
		}
		b.text = append(b.text, means[i])
	}
	return nil, b.unexpected("the end of a string")
}

// unicode takes the four digits behind \u, and those of the other half of a pair. A half alone is no character: a question mark, as in Flink.
func (b *Builder) unicode() error {
	r, err := b.hex()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		at := b.at
		other := rune(-1)
		if bytes.HasPrefix(b.src[b.at:], []byte(`\u`)) {
			b.at += 2
			if other, err = b.hex(); err != nil {
				return err
			}
		}
		if r = utf16.DecodeRune(r, other); r == utf8.RuneError {
			b.at, r = at, '?'
		}
	}
	b.text = utf8.AppendRune(b.text, r)
	return nil
}

func (b *Builder) hex() (r rune, err error) {
	for range 4 {
		c := b.peek()
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, b.unexpected("a hexadecimal digit")
		}
		r = r<<4 | rune(c)
		b.at++
	}
	return r, nil
}

// compareNames orders names as Java's strings: by their UTF-16, in which what lies beyond 16 bits comes before U+E000.
func compareNames(x, y []byte) int {
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	if n < len(x) && n < len(y) && (x[n] >= 0xee || y[n] >= 0xee) && x[n] < 0xf8 && y[n] < 0xf8 {
		if a, b := x[n] >= 0xf0, y[n] >= 0xf0; a != b { // first bytes of characters: 0xee and 0xef are U+E000 and up, 0xf0 and more beyond 16 bits
			if a {
				return -1
			}
			return 1
		}
	}
	return bytes.Compare(x[n:], y[n:])
}
