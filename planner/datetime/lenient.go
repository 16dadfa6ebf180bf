package datetime

import "bytes"

// ParseLenient reads a text as Java's SimpleDateFormat does, which is behind TO_DATE and UNIX_TIMESTAMP in Flink, and not as its
// DateTimeFormatter, of which Parse is. Blanks before a field are passed over, and a field takes all digits that are there unless another one touches it.
// Fields that are too large go on in the next larger one: the 31st of April is the 1st of May. Names are long or short, in capitals or not. A
// year of two letters and two digits lies in the 80 years before now, an instant in microseconds, or in the 20 behind it. S counts milliseconds. Text behind
// what the pattern takes is ignored.
func (p *Pattern) ParseLenient(s []byte, now int64) (r Parsed, ok bool) {
	f, _, ok := p.fields(s, &leniently)
	if !ok {
		return r, false
	}
	short := f.yearLetters <= 2 && f.yearDigits == 2 && f.year >= 0
	if short {
		f.year = centuryOf(f.year, now)
	}
	f.year, f.month = f.year+floorDiv(f.month-1, 12), floorMod(f.month-1, 12)+1
	days := Days(f.year, int(f.month), 1) + f.day - 1
	if f.yearDay != 0 {
		days = Days(f.year, 1, 1) + f.yearDay - 1
	}
	hour := f.halfHour + 12*f.half
	if f.hasHour && !f.hasHalfHour {
		hour = f.hour
	}
	if days < -farAway || days > farAway || hour < -farAway || hour > farAway {
		return r, false
	}
	r = f.at(days, hour)
	if begin := AddMonthsTime(now, -80*12); short && r.Local < begin { // the year that the 80 years begin in
		r.Local = AddMonthsTime(r.Local, 100*12)
	}
	return r, true
}

// farAway is as many days, or hours, as a field may say: microseconds of more have no room.
const farAway = 100_000_000

// centuryOf is the year of two digits that lies in the 80 years before now, or behind it.
func centuryOf(y, now int64) int64 {
	begin, _, _ := Civil(DaysOf(now))
	begin -= 80
	y += begin - begin%100
	if y < begin {
		y += 100
	}
	return y
}

// leniently is the way of Java's SimpleDateFormat.
var leniently = way{blanks: true, number: lenientNumber, name: lenientName}

// lenientNumber takes all digits that are there, unless they touch those of the next field.
func lenientNumber(it, next item, blanks int, s []byte) (v int64, rest []byte, ok bool) {
	most := 9
	if next.numeric() {
		if blanks+len(s) < it.n {
			return 0, s, false
		}
		most = it.n - blanks
	}
	unit := int64(1)
	if it.letter == 'S' {
		unit = 1000 // S counts milliseconds
	}
	if len(s) > 0 && s[0] == '-' && most > 1 {
		unit, s, most = -unit, s[1:], most-1
	}
	v, rest, ok = digits(s, 1, most)
	return unit * v, rest, ok
}

// lenientName takes one of names, long or its first three letters, in capitals or not.
func lenientName(_ item, names []string, s []byte) (int, []byte, bool) {
	for _, short := range []bool{false, true} {
		for i, n := range names {
			if short {
				n = n[:min(3, len(n))]
			}
			if len(s) >= len(n) && bytes.EqualFold(s[:len(n)], []byte(n)) {
				return i, s[len(n):], true
			}
		}
	}
	return 0, s, false
}
