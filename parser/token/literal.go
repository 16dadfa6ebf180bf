package token

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// QuoteString is s as a SQL string.
func QuoteString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// QuoteIdent is s as a quoted name.
func QuoteIdent(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// PlainIdent reports whether s may be written as a name without backticks.
func PlainIdent(s string) bool {
	if s == "" || Reserved(Upper(s)) || !utf8.ValidString(s) {
		return false
	}
	for i, r := range s {
		if !isWordPart(r) || i == 0 && !isWordStart(r) {
			return false
		}
	}
	return true
}

// Unquote is the value of a String or Quoted token's text.
func Unquote(text string) string {
	q := text[:1]
	return strings.ReplaceAll(text[1:len(text)-1], q+q, q)
}

// Hex is the value of a Binary token's text.
func Hex(text string) ([]byte, error) {
	digits := text[2 : len(text)-1]
	if len(digits)%2 != 0 {
		return nil, fmt.Errorf("it has %d digits; a byte takes two", len(digits))
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("it may hold the digits 0 to 9 and A to F only")
	}
	return b, nil
}

// Unicode is the value of a UString token's text: \XXXX is the character of that number
// and \\ is the escape itself, where \ stands for escape.
func Unicode(text string, escape byte) (string, error) {
	s := strings.ReplaceAll(text[3:len(text)-1], "''", "'")
	var b strings.Builder
	var high rune // first half of a surrogate pair
	for i := 0; i < len(s); {
		if s[i] != escape {
			if high != 0 {
				return "", fmt.Errorf("the surrogate \\%04X stands alone", high)
			}
			b.WriteByte(s[i])
			i++
			continue
		}
		if i+1 < len(s) && s[i+1] == escape {
			b.WriteByte(escape)
			i += 2
			continue
		}
		if i+5 > len(s) {
			return "", fmt.Errorf("%c takes four hexadecimal digits", escape)
		}
		n, err := strconv.ParseUint(s[i+1:i+5], 16, 32)
		if err != nil {
			return "", fmt.Errorf("%c takes four hexadecimal digits", escape)
		}
		r := rune(n)
		i += 5
		switch {
		case high != 0:
			pair := utf16.DecodeRune(high, r)
			if pair == utf8.RuneError {
				return "", fmt.Errorf("the surrogate \\%04X stands alone", high)
			}
			b.WriteRune(pair)
			high = 0
		case 0xD800 <= r && r < 0xDC00:
			high = r
		case utf16.IsSurrogate(r):
			return "", fmt.Errorf("the surrogate \\%04X stands alone", r)
		default:
			b.WriteRune(r)
		}
	}
	if high != 0 {
		return "", fmt.Errorf("the surrogate \\%04X stands alone", high)
	}
	return b.String(), nil
}
