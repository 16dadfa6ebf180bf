package datetime

import "strconv"

var powers = [...]int64{1000000, 100000, 10000, 1000, 100, 10, 1}

// Truncate cuts microseconds to prec digits of a second, towards the past.
func Truncate(micros int64, prec int) int64 {
	if prec >= 6 {
		return micros
	}
	return micros - floorMod(micros, powers[prec])
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendYear appends a year with at least 4 digits.
func appendYear(dst []byte, y int64) []byte {
	if y < 0 {
		dst, y = append(dst, '-'), -y
	}
	if y > 9999 {
		return strconv.AppendInt(dst, y, 10)
	}
	return append2(append2(dst, int(y/100)), int(y%100))
}

// AppendDate appends a DATE as yyyy-MM-dd.
func AppendDate(dst []byte, days int64) []byte {
	y, m, d := Civil(days)
	dst = append(appendYear(dst, y), '-')
	dst = append(append2(dst, m), '-')
	return append2(dst, d)
}

// AppendTime appends a TIME as HH:mm:ss and, with a precision, so many digits of the second behind a point.
func AppendTime(dst []byte, micros int64, prec int) []byte {
	s := int(micros / Second)
	dst = append(append2(dst, s/3600), ':')
	dst = append(append2(dst, s/60%60), ':')
	dst = append2(dst, s%60)
	if prec <= 0 {
		return dst
	}
	dst = append(dst, '.')
	frac := micros % Second
	for i := 1; i <= prec; i++ {
		if i > 6 {
			dst = append(dst, '0')
			continue
		}
		dst = append(dst, byte('0'+frac/powers[i]%10))
	}
	return dst
}

// AppendTimestamp appends a timestamp of a local clock as yyyy-MM-dd HH:mm:ss and prec digits of the second; sep
// stands between date and time, ' ' in SQL and 'T' in ISO 8601.
func AppendTimestamp(dst []byte, micros int64, prec int, sep byte) []byte {
	dst = append(AppendDate(dst, DaysOf(micros)), sep)
	return AppendTime(dst, TimeOf(micros), prec)
}

// AppendInterval appends an interval as CAST to STRING prints it: +1-02 of years and months, +1 02:03:04.005 of the others.
func AppendInterval(dst []byte, v int64, months bool) []byte {
	sign := byte('+')
	if v < 0 {
		sign, v = '-', -v
	}
	dst = append(dst, sign)
	if months {
		dst = append(strconv.AppendInt(dst, v/12, 10), '-')
		return append2(dst, int(v%12))
	}
	dst = append(strconv.AppendInt(dst, v/Day, 10), ' ')
	return AppendTime(dst, v%Day, 3)
}

func trim(s []byte) []byte {
	for len(s) > 0 && s[0] <= ' ' {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// digits reads least..most digits.
func digits(s []byte, least, most int) (n int64, rest []byte, ok bool) {
	i := 0
	for i < len(s) && i < most && s[i]-'0' <= 9 {
		n = n*10 + int64(s[i]-'0')
		i++
	}
	return n, s[i:], i >= least
}

// two reads the 2 digits s[i:i+2]; at least 100 when they are none.
func two(s []byte, i int) int {
	a, b := s[i]-'0', s[i+1]-'0'
	if a > 9 || b > 9 {
		return 1000
	}
	return int(a)*10 + int(b)
}

// ParseDate reads yyyy-M-d, also yyyy-M and yyyy; what follows a blank is ignored, as Flink does.
func ParseDate(s []byte) (days int64, ok bool) {
	s = trim(s)
	for i, c := range s {
		if c == ' ' {
			s = s[:i]
			break
		}
	}
	days, rest, ok := parseDate(s, true)
	return days, ok && len(rest) == 0
}

// parseDate reads a date; short is one that may lack its month and day, but has no day that its month does not have: in a
// timestamp the 30th of February is the last of the month.
func parseDate(s []byte, short bool) (days int64, rest []byte, ok bool) {
	if len(s) >= 10 && s[4] == '-' && s[7] == '-' {
		y, m, d := two(s, 0)*100+two(s, 2), two(s, 5), two(s, 8)
		if y <= 9999 && m >= 1 && m <= 12 && d >= 1 && d <= MonthDays(int64(y), m) {
			return Days(int64(y), m, d), s[10:], true
		}
	}
	m, d := int64(1), int64(1)
	y, s, ok := digits(s, 1, 6)
	if !ok || !short && (len(s) == 0 || s[0] != '-') {
		return 0, nil, false
	}
	if len(s) > 0 && s[0] == '-' {
		if m, s, ok = digits(s[1:], 1, 2); !ok {
			return 0, nil, false
		}
		if len(s) > 0 && s[0] == '-' {
			if d, s, ok = digits(s[1:], 1, 2); !ok {
				return 0, nil, false
			}
		} else if !short {
			return 0, nil, false
		}
	}
	if m < 1 || m > 12 || d < 1 || d > 31 || y > 9999 {
		return 0, nil, false
	}
	if most := int64(MonthDays(y, int(m))); d > most {
		if short {
			return 0, nil, false
		}
		d = most
	}
	return Days(y, int(m), int(d)), s, true
}

// ParseTime reads H:mm:ss and a fraction, also H:mm and H. Digits behind the sixth of the fraction are cut.
func ParseTime(s []byte) (micros int64, ok bool) {
	micros, rest, ok := parseTime(trim(s), 1)
	return micros, ok && len(rest) == 0
}

// parseTime reads a time with at least so many fields.
func parseTime(s []byte, fields int) (micros int64, rest []byte, ok bool) {
	if len(s) >= 8 && s[2] == ':' && s[5] == ':' {
		h, m, sec := two(s, 0), two(s, 3), two(s, 6)
		if h < 24 && m < 60 && sec < 60 {
			micros, s = int64(h*3600+m*60+sec)*Second, s[8:]
			frac, rest, ok := fraction(s)
			return micros + frac, rest, ok
		}
	}
	var f [3]int64
	limit := [3]int64{24, 60, 60}
	n := 0
	for ; n < 3; n++ {
		if n > 0 {
			if len(s) == 0 || s[0] != ':' {
				break
			}
			s = s[1:]
		}
		if f[n], s, ok = digits(s, 1, 2); !ok || f[n] >= limit[n] {
			return 0, nil, false
		}
	}
	micros = (f[0]*3600 + f[1]*60 + f[2]) * Second
	if n == 3 {
		frac, rest, ok := fraction(s)
		return micros + frac, rest, ok
	}
	return micros, s, n >= fields
}

// fraction reads .digits, or nothing.
func fraction(s []byte) (micros int64, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '.' {
		return 0, s, true
	}
	i, unit := 1, int64(100000)
	for i < len(s) && s[i]-'0' <= 9 {
		micros += int64(s[i]-'0') * unit
		unit /= 10
		i++
	}
	return micros, s[i:], i <= 10
}

// ParseTimestamp reads yyyy-M-d, and behind sep H:m:s and a fraction of up to 9 digits, of which 6 count. The time may be
// missing; 24:00:00 is the next day's midnight.
func ParseTimestamp(s []byte, sep byte) (micros int64, ok bool) {
	micros, rest, ok := parseTimestamp(s, sep)
	return micros, ok && len(rest) == 0
}

func parseTimestamp(s []byte, sep byte) (micros int64, rest []byte, ok bool) {
	days, s, ok := parseDate(s, false)
	if !ok || len(s) == 0 || s[0] != sep {
		return days * Day, s, ok
	}
	s = s[1:]
	if len(s) >= 8 && string(s[:8]) == "24:00:00" {
		if frac, rest, ok := fraction(s[8:]); ok && frac == 0 {
			return (days + 1) * Day, rest, true
		}
	}
	t, s, ok := parseTime(s, 3)
	return days*Day + t, s, ok
}
