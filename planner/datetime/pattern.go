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
			dst = append(dst, [...]string{"AM", "PM"}[t/Hour/12]...)
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

// Parsed is what a text says in a pattern.
type Parsed struct {
	Local     int64 // the local clock, microseconds
	Offset    int64 // from UTC, microseconds
	HasOffset bool
}

// Parse reads a text in the pattern. What the pattern does not have is that of 1970-01-01 00:00:00.
func (p *Pattern) Parse(s []byte) (r Parsed, ok bool) {
	y, m, d, doy := int64(1970), int64(1), int64(1), int64(0)
	var h, h12, min, sec, frac int64
	pm, half := int64(0), false
	for i, it := range p.items {
		// Fields that touch each other have exactly as many digits as letters.
		touches := i+1 < len(p.items) && p.items[i+1].letter != 0 && it.n > 1
		number := func(least, most int) (v int64) {
			if touches {
				most = it.n
			}
			if len(s) > 0 && (s[0] == '-' || s[0] == '+') && it.n >= 4 {
				neg := s[0] == '-'
				v, s, ok = digits(s[1:], least, most)
				if neg {
					v = -v
				}
				return v
			}
			v, s, ok = digits(s, least, most)
			return v
		}
		// One letter takes any number of digits, several exactly as many.
		field := func() int64 {
			if it.n == 1 {
				return number(1, 4)
			}
			return number(it.n, it.n)
		}
		ok = true
		switch it.letter {
		case 0:
			ok = len(s) >= len(it.lit) && string(s[:len(it.lit)]) == it.lit
			if ok {
				s = s[len(it.lit):]
			}
		case 'y', 'u':
			switch it.n {
			case 2:
				y = 2000 + number(2, 2)
			case 1:
				y = number(1, 9)
			default:
				y = number(it.n, max(it.n, 4))
			}
		case 'M', 'L':
			if it.n < 3 {
				m = field()
			} else {
				var n int
				n, s, ok = takeName(s, monthNames[:], it.n == 3)
				m = int64(n + 1)
			}
		case 'd':
			d = field()
		case 'D':
			doy = number(1, 3)
		case 'E':
			_, s, ok = takeName(s, dayNames[:], it.n < 4)
		case 'H':
			h = field()
		case 'k':
			h = field() % 24
		case 'h':
			h12, half = field()%12, true
		case 'K':
			h12, half = field(), true
		case 'a':
			half = true
			pm, s, ok = takeHalf(s)
		case 'm':
			min = field()
		case 's':
			sec = field()
		case 'S':
			n := it.n
			if len(s) < n {
				return r, false
			}
			for k := range n {
				c := s[k] - '0'
				if c > 9 {
					return r, false
				}
				if k < 6 {
					frac += int64(c) * powers[k+1]
				}
			}
			s = s[n:]
		default:
			r.Offset, s, ok = it.takeOffset(s)
			r.HasOffset = true
		}
		if !ok {
			return r, false
		}
	}
	if half {
		h = h12 + 12*pm
	}
	if len(s) > 0 || m < 1 || m > 12 || d < 1 || int(d) > MonthDays(y, int(m)) || h > 23 || min > 59 || sec > 59 || h12 > 11 {
		return r, false
	}
	days := Days(y, int(m), int(d))
	if doy > 0 {
		if doy > 366 {
			return r, false
		}
		days = Days(y, 1, 1) + doy - 1
	}
	r.Local = days*Day + (h*3600+min*60+sec)*Second + frac
	return r, true
}

// takeOffset takes the zone that a field stands for: z by its name, the others by its distance from UTC.
func (it item) takeOffset(s []byte) (int64, []byte, bool) {
	if it.letter == 'z' {
		return takeZone(s)
	}
	return takeOffset(s)
}

// takeHalf takes AM or PM, in capitals or not; pm is 1 for the latter.
func takeHalf(s []byte) (pm int64, rest []byte, ok bool) {
	if len(s) < 2 || s[0]|0x20 != 'a' && s[0]|0x20 != 'p' || s[1]|0x20 != 'm' {
		return 0, s, false
	}
	return int64(s[0]|0x20-'a') / ('p' - 'a'), s[2:], true
}

func takeName(s []byte, names []string, short bool) (int, []byte, bool) {
	for i, n := range names {
		if short {
			n = n[:3]
		}
		if len(s) >= len(n) && string(s[:len(n)]) == n {
			return i, s[len(n):], true
		}
	}
	return 0, s, false
}

// zoneHours are the zones that z knows by their abbreviations, in hours from UTC.
var zoneHours = map[string]int64{
	"PST": -8, "PDT": -7, "MST": -7, "MDT": -6, "CST": -6, "CDT": -5, "EST": -5, "EDT": -4,
	"WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9,
}

// takeZone reads the abbreviation of a zone, or what takeOffset reads.
func takeZone(s []byte) (off int64, rest []byte, ok bool) {
	n := 0
	for n < len(s) && s[n] >= 'A' && s[n] <= 'Z' {
		n++
	}
	if h, known := zoneHours[string(s[:n])]; known {
		return h * Hour, s[n:], true
	}
	if string(s[:n]) == "GMT" && n < len(s) { // GMT+02:00
		if off, rest, ok := takeOffset(s[n:]); ok && (s[n] == '+' || s[n] == '-') {
			return off, rest, true
		}
	}
	return takeOffset(s)
}

// takeOffset reads Z, UTC, GMT, +hh, +hhmm, +hh:mm.
func takeOffset(s []byte) (off int64, rest []byte, ok bool) {
	for _, z := range []string{"Z", "UTC", "GMT"} {
		if len(s) >= len(z) && string(s[:len(z)]) == z {
			return 0, s[len(z):], true
		}
	}
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, s, false
	}
	neg := s[0] == '-'
	h, s, ok := digits(s[1:], 2, 2)
	if !ok || h > 18 {
		return 0, s, false
	}
	var m int64
	t := s
	if len(t) > 0 && t[0] == ':' {
		t = t[1:]
	}
	if v, after, ok := digits(t, 2, 2); ok {
		m, s = v, after
	}
	off = h*Hour + m*Minute
	if neg {
		off = -off
	}
	return off, s, m < 60
}
