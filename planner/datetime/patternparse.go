package datetime

import "bytes"

// Parsed is what a text says in a pattern.
type Parsed struct {
	Local     int64 // the local clock, microseconds
	Offset    int64 // from UTC, microseconds
	HasOffset bool
}

// Parse reads a text in the pattern. What the pattern does not have is that of 1970-01-01 00:00:00.
func (p *Pattern) Parse(s []byte) (r Parsed, ok bool) {
	f, rest, ok := p.fields(s, &exactly)
	if !ok || len(rest) > 0 {
		return r, false
	}
	if f.yearLetters == 2 {
		f.year += 2000
	}
	hour, ok := f.exactHour()
	if !ok || f.month < 1 || f.month > 12 || f.day < 1 || int(f.day) > MonthDays(f.year, int(f.month)) || f.yearDay > 366 || f.minute > 59 || f.second > 59 {
		return r, false
	}
	days := Days(f.year, int(f.month), int(f.day))
	if f.yearDay > 0 {
		days = Days(f.year, 1, 1) + f.yearDay - 1
	}
	return f.at(days, hour), true
}

// exactHour is the hour of the day. Fields that contradict each other are none; without an hour, AM and PM stand for their middle, and
// an hour of one or the other for nothing.
func (f *fields) exactHour() (hour int64, ok bool) {
	switch {
	case f.halfHour > 11:
		return 0, false
	case f.hasHour:
		return f.hour, f.hour <= 23 && (!f.hasHalf || f.hour/12 == f.half) && (!f.hasHalfHour || f.hour%12 == f.halfHour)
	case f.hasHalf && f.hasHalfHour:
		return f.halfHour + 12*f.half, true
	case f.hasHalf:
		return 6 + 12*f.half, true
	}
	return 0, true
}

// fields is what the fields of a text say. Those that the pattern does not have are of 1970-01-01 00:00:00.
type fields struct {
	year, month, day, yearDay     int64 // yearDay is 0 where the pattern has none
	yearLetters, yearDigits       int   // of the pattern, and of the text
	hour, half, halfHour          int64 // of the day; 0 for AM, 1 for PM; of that half
	hasHour, hasHalf, hasHalfHour bool
	minute, second, micros        int64
	offset                        int64 // from UTC, microseconds
	hasOffset                     bool
}

// way is how a field is taken from the beginning of a text.
type way struct {
	blanks bool // those before a field are passed over
	// number takes the number of it, in front of which were so many blanks. What follows it in the pattern is next.
	number func(it, next item, blanks int, s []byte) (v int64, rest []byte, ok bool)
	name   func(it item, names []string, s []byte) (i int, rest []byte, ok bool)
}

// fields takes the fields of the pattern from s, one after the other.
func (p *Pattern) fields(s []byte, w *way) (f fields, rest []byte, ok bool) {
	f = fields{year: 1970, month: 1, day: 1}
	for i, it := range p.items {
		if it.letter == 0 {
			if len(s) < len(it.lit) || string(s[:len(it.lit)]) != it.lit {
				return f, s, false
			}
			s = s[len(it.lit):]
			continue
		}
		var next item
		if i+1 < len(p.items) {
			next = p.items[i+1]
		}
		before := len(s)
		if w.blanks {
			s = bytes.TrimLeft(s, " \t")
		}
		var v int64
		var n int
		switch {
		case it.numeric():
			digits := len(s)
			v, s, ok = w.number(it, next, before-len(s), s)
			digits -= len(s)
			if it.letter == 'y' || it.letter == 'u' {
				f.yearLetters, f.yearDigits = it.n, digits
			}
		case it.letter == 'M' || it.letter == 'L':
			n, s, ok = w.name(it, monthNames[:], s)
			v = int64(n + 1)
		case it.letter == 'E':
			_, s, ok = w.name(it, dayNames[:], s)
		case it.letter == 'a':
			n, s, ok = w.name(it, halfNames[:], s)
			v = int64(n)
		default:
			f.offset, s, ok = it.takeOffset(s)
			f.hasOffset = true
		}
		if !ok {
			return f, s, false
		}
		f.set(it.letter, v)
	}
	return f, s, true
}

func (f *fields) set(letter byte, v int64) {
	switch letter {
	case 'y', 'u':
		f.year = v
	case 'M', 'L':
		f.month = v
	case 'd':
		f.day = v
	case 'D':
		f.yearDay = v
	case 'H':
		f.hour, f.hasHour = v, true
	case 'k':
		f.hour, f.hasHour = zeroFor(24, v), true
	case 'h':
		f.halfHour, f.hasHalfHour = zeroFor(12, v), true
	case 'K':
		f.halfHour, f.hasHalfHour = v, true
	case 'a':
		f.half, f.hasHalf = v, true
	case 'm':
		f.minute = v
	case 's':
		f.second = v
	case 'S':
		f.micros = v
	}
}

// zeroFor is v on a clock that begins with 1, and shows last instead of 0.
func zeroFor(last, v int64) int64 {
	if v == last {
		return 0
	}
	return v
}

// at is the text's time at an hour of a day since 1970.
func (f *fields) at(days, hour int64) Parsed {
	local := days*Day + (hour*3600+f.minute*60+f.second)*Second + f.micros
	return Parsed{Local: local, Offset: f.offset, HasOffset: f.hasOffset}
}

// numeric reports that a field is digits.
func (it item) numeric() bool {
	switch it.letter {
	case 0, 'E', 'a', 'X', 'x', 'Z', 'z':
		return false
	case 'M', 'L':
		return it.n < 3
	}
	return true
}

// exactly is the way of Java's DateTimeFormatter.
var exactly = way{number: exactNumber, name: exactName}

// exactNumber takes as many digits as there are letters, and more for a field of one letter.
func exactNumber(it, next item, _ int, s []byte) (v int64, rest []byte, ok bool) {
	least, most := it.n, it.n
	switch isYear := it.letter == 'y' || it.letter == 'u'; {
	case it.letter == 'S':
		return fractionOf(it.n, s)
	case it.letter == 'D':
		least, most = 1, 3
	case isYear && it.n > 2:
		most = max(it.n, 4)
	case isYear && it.n == 1:
		most = 9
	case it.n == 1:
		most = 4
	}
	if next.letter != 0 && it.n > 1 { // fields that touch each other
		most = it.n
	}
	negative := false
	if it.n >= 4 && len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative, s = s[0] == '-', s[1:]
	}
	if v, rest, ok = digits(s, least, most); negative {
		v = -v
	}
	return v, rest, ok
}

// fractionOf takes n digits behind the point of a second, as microseconds.
func fractionOf(n int, s []byte) (micros int64, rest []byte, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for k, c := range s[:n] {
		if c < '0' || c > '9' {
			return 0, s, false
		}
		if k < 6 {
			micros += int64(c-'0') * powers[k+1]
		}
	}
	return micros, s[n:], true
}

// exactName takes one of names as it stands there, or its first three letters.
func exactName(it item, names []string, s []byte) (int, []byte, bool) {
	for i, n := range names {
		if it.n < 4 {
			n = n[:min(3, len(n))]
		}
		if len(s) >= len(n) && string(s[:len(n)]) == n {
			return i, s[len(n):], true
		}
	}
	return 0, s, false
}

// takeOffset takes the zone that a field stands for: z by its name, the others by its distance from UTC.
func (it item) takeOffset(s []byte) (int64, []byte, bool) {
	if it.letter == 'z' {
		return takeZone(s)
	}
	return takeOffset(s)
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
