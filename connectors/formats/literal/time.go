package literal

import (
	"weir/planner/datetime"
	"weir/planner/types"
)

// Microseconds of a second and a day.
const (
	Second = int64(1_000_000)
	Day    = 86400 * Second
)

// MinTimestamp and MaxTimestamp are the first and last microsecond of the years 0000 to 9999.
const (
	MinTimestamp = -62167219200 * Second
	MaxTimestamp = 253402300800*Second - 1
)

// Separators between date and time.
const (
	SQL = ' ' // 2026-01-01 00:00:00.123
	ISO = 'T' // 2026-01-01T00:00:00.123
)

// digits reads n decimal digits at b[i:]; ok is false if one is none. The caller has checked the length.
func digits(b []byte, i, n int) (v int, ok bool) {
	for _, c := range b[i : i+n] {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		v = v*10 + int(d)
	}
	return v, true
}

// ParseDate reads yyyy-MM-dd as days from 1970-01-01. With clamp a day beyond the end of its month (but not
// beyond 31) means the month's last day, as java.time's smart resolver has it.
func ParseDate(b []byte, clamp bool) (days int64, ok bool) {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	y, ok1 := digits(b, 0, 4)
	m, ok2 := digits(b, 5, 2)
	d, ok3 := digits(b, 8, 2)
	if !ok1 || !ok2 || !ok3 || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, false
	}
	if last := datetime.MonthDays(int64(y), m); d > last {
		if !clamp {
			return 0, false
		}
		d = last
	}
	return datetime.Days(int64(y), m, d), true
}

// ParseTime reads HH:mm:ss with an optional fraction of up to 9 digits, as microseconds (further
// digits are cut). With short, HH:mm is a time too.
func ParseTime(b []byte, short bool) (micros int64, ok bool) {
	if len(b) < 5 || b[2] != ':' {
		return 0, false
	}
	h, ok1 := digits(b, 0, 2)
	m, ok2 := digits(b, 3, 2)
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, false
	}
	micros = int64(h*3600+m*60) * Second
	if len(b) == 5 {
		return micros, short
	}
	if len(b) < 8 || b[5] != ':' {
		return 0, false
	}
	s, ok := digits(b, 6, 2)
	if !ok || s > 59 {
		return 0, false
	}
	micros += int64(s) * Second
	if len(b) == 8 {
		return micros, true
	}
	if b[8] != '.' || len(b) > 18 {
		return 0, false
	}
	unit := int64(100_000)
	for _, c := range b[9:] {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		micros += int64(d) * unit
		unit /= 10
	}
	return micros, true
}

// ParseTimestamp reads a date, sep and a time as microseconds from 1970-01-01 00:00:00. The SQL form wants
// seconds and takes a day such as 02-30 as the month's last, the ISO form is the other way about: both
// as Flink's formats have it.
func ParseTimestamp(b []byte, sep byte) (micros int64, ok bool) {
	return parseTimestamp(b, sep, sep == SQL)
}

func parseTimestamp(b []byte, sep byte, clamp bool) (micros int64, ok bool) {
	if len(b) < 16 || b[10] != sep {
		return 0, false
	}
	days, ok := ParseDate(b[:10], clamp)
	if !ok {
		return 0, false
	}
	t, ok := ParseTime(b[11:], sep == ISO)
	return days*Day + t, ok
}

// ParseTimestampZ is ParseTimestamp for a text that ends in Z, the form of TIMESTAMP_LTZ.
func ParseTimestampZ(b []byte, sep byte) (micros int64, ok bool) {
	if len(b) == 0 || b[len(b)-1] != 'Z' {
		return 0, false
	}
	return parseTimestamp(b[:len(b)-1], sep, true)
}

// ParseTimestampOffset is ParseTimestamp in the ISO form for a text that may end in Z or an offset such as
// +02:00; without one the time is UTC.
func ParseTimestampOffset(b []byte) (micros int64, ok bool) {
	n := len(b)
	if n > 0 && b[n-1] == 'Z' {
		return parseTimestamp(b[:n-1], ISO, true)
	}
	if n > 16 && (b[n-6] == '+' || b[n-6] == '-') && b[n-3] == ':' {
		h, ok1 := digits(b, n-5, 2)
		m, ok2 := digits(b, n-2, 2)
		if !ok1 || !ok2 || m > 59 || h > 18 || h == 18 && m > 0 {
			return 0, false
		}
		off := int64(h*3600+m*60) * Second
		if b[n-6] == '-' {
			off = -off
		}
		v, ok := parseTimestamp(b[:n-6], ISO, true)
		return v - off, ok
	}
	return parseTimestamp(b, ISO, true)
}

var powers = [...]int64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000}

// Truncate cuts microseconds to prec digits of a second, towards the past.
func Truncate(micros int64, prec int) int64 {
	if prec >= 6 {
		return micros
	}
	unit := powers[6-max(prec, 0)]
	r := micros % unit
	if r < 0 {
		r += unit
	}
	return micros - r
}

// Split takes microseconds apart into days and microseconds of the day.
func Split(micros int64) (days, ofDay int64) {
	days = micros / Day
	ofDay = micros - days*Day
	if ofDay < 0 {
		days--
		ofDay += Day
	}
	return days, ofDay
}

func two(dst []byte, v int) []byte { return append(dst, pairs[v*2], pairs[v*2+1]) }

// AppendDate writes days from 1970-01-01 as yyyy-MM-dd; years of more than four digits get a sign, as java.time has it.
func AppendDate(dst []byte, days int64) []byte {
	year, m, d := datetime.Civil(days)
	y := int(year)
	switch {
	case y > 9999:
		dst = append(dst, '+')
		dst = AppendInt(dst, year)
	case y < 0:
		dst = append(dst, '-')
		for p := 1000; p > 1 && -y < p; p /= 10 {
			dst = append(dst, '0')
		}
		dst = AppendInt(dst, -year)
	default:
		dst = two(two(dst, y/100), y%100)
	}
	dst = append(dst, '-')
	dst = two(dst, m)
	dst = append(dst, '-')
	return two(dst, d)
}

// AppendTime writes microseconds of a day as HH:mm:ss and, when there is one, a fraction without trailing zeros.
func AppendTime(dst []byte, ofDay int64) []byte {
	sec := int(ofDay / Second)
	dst = two(dst, sec/3600)
	dst = append(dst, ':')
	dst = two(dst, sec/60%60)
	dst = append(dst, ':')
	dst = two(dst, sec%60)
	return appendFraction(dst, int(ofDay%Second))
}

func appendFraction(dst []byte, frac int) []byte {
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	dst = two(dst, frac/10000)
	dst = two(dst, frac/100%100)
	dst = two(dst, frac%100)
	n := len(dst)
	for dst[n-1] == '0' {
		n--
	}
	return dst[:n]
}

// AppendTimestamp writes microseconds from 1970-01-01 00:00:00 as date, sep and time.
func AppendTimestamp(dst []byte, micros int64, sep byte) []byte {
	days, t := Split(micros)
	return AppendTime(append(AppendDate(dst, days), sep), t)
}

// AppendLocalTime writes microseconds of a day as java.time.LocalTime.toString does: HH:mm, seconds only if
// they or the fraction are not zero, the fraction in groups of three digits.
func AppendLocalTime(dst []byte, ofDay int64) []byte {
	sec, frac := int(ofDay/Second), int(ofDay%Second)
	dst = two(dst, sec/3600)
	dst = append(dst, ':')
	dst = two(dst, sec/60%60)
	if sec%60 == 0 && frac == 0 {
		return dst
	}
	dst = append(dst, ':')
	dst = two(dst, sec%60)
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	ms, us := frac/1000, frac%1000
	dst = two(append(dst, byte('0'+ms/100)), ms%100)
	if us != 0 {
		dst = two(append(dst, byte('0'+us/100)), us%100)
	}
	return dst
}

// AppendLocalDateTime writes microseconds from 1970-01-01 00:00:00 as java.time.LocalDateTime.toString does.
func AppendLocalDateTime(dst []byte, micros int64) []byte {
	days, t := Split(micros)
	return AppendLocalTime(append(AppendDate(dst, days), 'T'), t)
}

// AppendInstant writes microseconds from 1970-01-01 00:00:00 UTC as java.time.Instant.toString does:
// seconds always, the fraction in groups of three digits, Z.
func AppendInstant(dst []byte, micros int64) []byte {
	days, t := Split(micros)
	dst = append(AppendDate(dst, days), 'T')
	sec, frac := int(t/Second), int(t%Second)
	dst = append(two(dst, sec/3600), ':')
	dst = append(two(dst, sec/60%60), ':')
	dst = two(dst, sec%60)
	if frac != 0 {
		ms, us := frac/1000, frac%1000
		dst = append(dst, '.', byte('0'+ms/100))
		dst = two(dst, ms%100)
		if us != 0 {
			dst = two(append(dst, byte('0'+us/100)), us%100)
		}
	}
	return append(dst, 'Z')
}

// Range is the least and greatest value of an integer kind.
func Range(k types.Kind) (lo, hi int64) {
	switch k {
	case types.TinyInt:
		return -1 << 7, 1<<7 - 1
	case types.SmallInt:
		return -1 << 15, 1<<15 - 1
	case types.Int, types.IntervalYearMonth:
		return -1 << 31, 1<<31 - 1
	}
	return -1 << 63, 1<<63 - 1
}
