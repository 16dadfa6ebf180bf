package datetime

import (
	"fmt"
	"strconv"
	"strings"
)

// Pattern is a compiled pattern of letters as Java's DateTimeFormatter has them. It is safe for concurrent use.
//
//	y u  year        M L  month         d  day          D  day of the year   E  day of the week
//	H    hour 0-23   h    hour 1-12     K  hour 0-11    k  hour 1-24         a  AM, PM
//	m    minute      s    second        S  fraction     X x Z z  offset      '...'  text
type Pattern struct {
	text  string
	items []item
}

type item struct {
	letter byte // 0: literal
	n      int
	lit    string
}

var (
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	dayNames   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	halfNames  = [...]string{"AM", "PM"}
)

// CompilePattern reads a pattern. A letter that weir does not know is an error that names it.
func CompilePattern(s string) (*Pattern, error) {
	p := &Pattern{text: s}
	lit := func(t string) {
		if n := len(p.items); n > 0 && p.items[n-1].letter == 0 {
			p.items[n-1].lit += t
			return
		}
		p.items = append(p.items, item{lit: t})
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\'':
			if strings.HasPrefix(s[i:], "''") {
				lit("'")
				i += 2
				continue
			}
			j := i + 1
			for {
				k := strings.IndexByte(s[j:], '\'')
				if k < 0 {
					return nil, fmt.Errorf("the pattern \"%s\" has a quote without its end", s)
				}
				lit(s[j : j+k])
				j += k + 1
				if j >= len(s) || s[j] != '\'' {
					break
				}
				lit("'")
				j++
			}
			i = j
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			j := i
			for j < len(s) && s[j] == c {
				j++
			}
			if !strings.ContainsRune("yuMLdDEHhKkamsSXxZz", rune(c)) {
				return nil, fmt.Errorf("the pattern '%s' has the letter %c, which is not supported; text goes in quotes", s, c)
			}
			p.items = append(p.items, item{letter: c, n: j - i})
			i = j
		case c == '[' || c == ']' || c == '{' || c == '}' || c == '#':
			return nil, fmt.Errorf("the pattern '%s' has a %c, which is not supported", s, c)
		default:
			lit(s[i : i+1])
			i++
		}
	}
	return p, nil
}

// String is the pattern as written.
func (p *Pattern) String() string { return p.text }

// Append appends a timestamp of a local clock whose offset from UTC is off microseconds; zone is what z prints.
func (p *Pattern) Append(dst []byte, local, off int64, zone string) []byte {
	days, t := DaysOf(local), TimeOf(local)
	y, m, d := Civil(days)
	for _, it := range p.items {
		switch it.letter {
		case 0:
			dst = append(dst, it.lit...)
		case 'y', 'u':
			if it.n == 2 {
				dst = append2(dst, int(floorMod(y, 100)))
			} else {
				dst = appendPadded(dst, y, it.n)
			}
		case 'M', 'L':
			dst = appendName(dst, int64(m), it.n, monthNames[m-1])
		case 'd':
			dst = appendPadded(dst, int64(d), it.n)
		case 'D':
			dst = appendPadded(dst, int64(YearDay(days)), it.n)
		case 'E':
			name := dayNames[Weekday(days)]
			if it.n < 4 {
				name = name[:3]
			}
			dst = append(dst, name...)
		case 'H':
			dst = appendPadded(dst, t/Hour, it.n)
		case 'k':
			dst = appendPadded(dst, (t/Hour+23)%24+1, it.n)
		case 'h':
			dst = appendPadded(dst, (t/Hour+11)%12+1, it.n)
		case 'K':
			dst = appendPadded(dst, t/Hour%12, it.n)
		case 'a':
			dst = append(dst, halfNames[t/Hour/12]...)
		case 'm':
			dst = appendPadded(dst, t/Minute%60, it.n)
		case 's':
			dst = appendPadded(dst, t/Second%60, it.n)
		case 'S':
			for i := 1; i <= it.n; i++ {
				c := byte('0')
				if i <= 6 {
					c = byte('0' + t%Second/powers[i]%10)
				}
				dst = append(dst, c)
			}
		case 'z':
			dst = append(dst, zone...)
		default:
			dst = appendOffset(dst, it, off)
		}
	}
	return dst
}

func appendPadded(dst []byte, v int64, n int) []byte {
	if v < 0 {
		dst, v = append(dst, '-'), -v
	}
	for limit, i := int64(10), 1; i < n; i, limit = i+1, limit*10 {
		if v < limit {
			dst = append(dst, '0')
		}
	}
	return strconv.AppendInt(dst, v, 10)
}

func appendName(dst []byte, v int64, n int, name string) []byte {
	switch {
	case n >= 4:
		return append(dst, name...)
	case n == 3:
		return append(dst, name[:3]...)
	}
	return appendPadded(dst, v, n)
}

// appendOffset prints X (Z for zero), x and Z (+0000).
func appendOffset(dst []byte, it item, off int64) []byte {
	if it.letter == 'X' && off == 0 {
		return append(dst, 'Z')
	}
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	h, m := int(off/Hour), int(off/Minute%60)
	dst = append2(append(dst, sign), h)
	colon := it.letter != 'Z' && it.n%2 == 1 && it.n > 1 || it.letter == 'Z' && it.n == 5
	if it.letter != 'Z' && it.n == 1 && m == 0 {
		return dst
	}
	if colon {
		dst = append(dst, ':')
	}
	return append2(dst, m)
}
