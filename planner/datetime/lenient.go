package datetime

import "bytes"

// ParseLenient reads a text as Java's SimpleDateFormat does, which is behind TO_DATE and UNIX_TIMESTAMP in Flink, and not as its
// DateTimeFormatter, of which Parse is. Blanks before a field are passed over, and a field takes all digits that are there unless another one touches it.
// Fields that are too large go on in the next larger one: the 31st of April is the 1st of May. Names are long or short, in capitals or not. A
// year of two letters and two digits lies in the 80 years before now, an instant in microseconds, or in the 20 behind it. S counts milliseconds. Text behind
// what the pattern takes is ignored.
func (p *Pattern) ParseLenient(s []byte, now int64) (r Parsed, ok bool) {
	y, m, d, doy := int64(1970), int64(1), int64(1), int64(0)
	var h, h12, pm, min, sec, milli int64
	whole, half, short := false, false, false
	for i, it := range p.items {
		if it.letter == 0 {
			if !bytes.HasPrefix(s, []byte(it.lit)) {
				return r, false
			}
			s = s[len(it.lit):]
			continue
		}
		field := s
		s = bytes.TrimLeft(s, " \t")
		blanks := len(field) - len(s)
		number := func() (v int64) {
			most := 9
			if i+1 < len(p.items) && p.items[i+1].numeric() {
				if len(field) < it.n {
					ok = false
					return 0
				}
				most = it.n - blanks
			}
			sign := int64(1)
			if len(s) > 0 && s[0] == '-' && most > 1 {
				sign, s, most = -1, s[1:], most-1
			}
			v, s, ok = digits(s, 1, most)
			return sign * v
		}
		ok = true
		switch it.letter {
		case 'y', 'u':
			before := len(s)
			y = number()
			short = it.n <= 2 && before-len(s) == 2 && y >= 0
			if short {
				y = centuryOf(y, now)
			}
		case 'M', 'L':
			if it.n < 3 {
				m = number()
			} else {
				var n int
				n, s, ok = foldName(s, monthNames[:])
				m = int64(n + 1)
			}
		case 'd':
			d = number()
		case 'D':
			doy = number()
		case 'E':
			_, s, ok = foldName(s, dayNames[:])
		case 'H':
			h, whole = number(), true
		case 'k':
			h, whole = number()%24, true
		case 'h':
			h12, half = number(), true
			if h12 == 12 {
				h12 = 0
			}
		case 'K':
			h12, half = number(), true
		case 'a':
			pm, s, ok = takeHalf(s)
		case 'm':
			min = number()
		case 's':
			sec = number()
		case 'S':
			milli = number()
		default:
			r.Offset, s, ok = it.takeOffset(s)
			r.HasOffset = true
		}
		if !ok {
			return r, false
		}
	}
	if half || !whole {
		h = h12 + 12*pm
	}
	y, m = y+floorDiv(m-1, 12), floorMod(m-1, 12)+1
	days := Days(y, int(m), 1) + d - 1
	if doy != 0 {
		days = Days(y, 1, 1) + doy - 1
	}
	if days < -farAway || days > farAway || h < -farAway || h > farAway {
		return r, false
	}
	r.Local = days*Day + (h*3600+min*60+sec)*Second + milli*1000
	if begin := AddMonthsTime(now, -80*12); short && r.Local < begin { // the year that the 80 years begin in
		r.Local = AddMonthsTime(r.Local, 100*12)
	}
	return r, true
}

// farAway is as many days, or hours, as a field may say: microseconds of more have no room.
const farAway = 100_000_000

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

// foldName takes one of names, long or with three letters, as many letters as match.
func foldName(s []byte, names []string) (int, []byte, bool) {
	for _, length := range []int{0, 3} {
		for i, n := range names {
			if length > 0 {
				n = n[:length]
			}
			if len(s) >= len(n) && bytes.EqualFold(s[:len(n)], []byte(n)) {
				return i, s[len(n):], true
			}
		}
	}
	return 0, s, false
}
