// Package datetime is the calendar: days and microseconds to and from fields, texts, units and patterns of DATE,
// TIME, TIMESTAMP, TIMESTAMP_LTZ and INTERVAL. It needs no allocation but where a pattern is compiled.
//
// A DATE is days since 1970-01-01, a TIME microseconds since midnight, a TIMESTAMP microseconds of
// a clock without a zone since 1970-01-01 00:00:00, a TIMESTAMP_LTZ microseconds since that time in UTC. The
// calendar is the Gregorian one, before 1582 as well.
package datetime

import "fmt"

// Microseconds of the fixed units.
const (
	Second = 1000000
	Minute = 60 * Second
	Hour   = 60 * Minute
	Day    = 24 * Hour
)

// floorDiv and floorMod round towards minus infinity; b is positive.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 {
	r := a % b
	if r < 0 {
		r += b
	}
	return r
}

// DaysOf is the day that a timestamp lies in.
func DaysOf(micros int64) int64 { return floorDiv(micros, Day) }

// TimeOf is a timestamp's time of day.
func TimeOf(micros int64) int64 { return floorMod(micros, Day) }

// Civil is the year, month and day of a DATE. The algorithm counts in years that begin in March.
func Civil(days int64) (y int64, m, d int) {
	days += 719468
	era := floorDiv(days, 146097)
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1)
	m = int(mp + 3)
	if m > 12 {
		m -= 12
	}
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

// Days is the DATE of a year, month 1..12 and day; it does not check them.
func Days(y int64, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	mp := int64(m+9) % 12
	doy := (153*mp+2)/5 + int64(d) - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

// MonthDays is the number of days of a month.
func MonthDays(y int64, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// AddMonths moves a DATE by months; a day that the month does not have becomes its last one.
func AddMonths(days, months int64) int64 {
	y, m, d := Civil(days)
	n := y*12 + int64(m-1) + months
	y, m = floorDiv(n, 12), int(floorMod(n, 12))+1
	return Days(y, m, min(d, MonthDays(y, m)))
}

// AddMonthsTime is AddMonths for a timestamp.
func AddMonthsTime(micros, months int64) int64 {
	return AddMonths(DaysOf(micros), months)*Day + TimeOf(micros)
}

// MonthsBetween is how many whole months timestamp b is after a. A month after the 31st of January is the last of February.
// Times of day count on the day itself only and downwards, as in Flink: from noon of the 1st of March back to the
// 1st of February it is -1 month from noon on, and -2 before.
func MonthsBetween(a, b int64) int64 {
	from, to := DaysOf(a), DaysOf(b)
	n := daysMonthsBetween(from, to)
	if AddMonths(from, n) == to && b-to*Day < a-from*Day {
		n--
	}
	return n
}

// daysMonthsBetween is MonthsBetween of two days.
func daysMonthsBetween(from, to int64) int64 {
	if to < from {
		return -daysMonthsBetween(to, from)
	}
	y0, m0, _ := Civil(from)
	y1, m1, _ := Civil(to)
	n := (y1-y0)*12 + int64(m1-m0)
	if AddMonths(from, n) > to {
		n--
	}
	return n
}

// Weekday is the day of the week, 0 for Sunday.
func Weekday(days int64) int { return int(floorMod(days+4, 7)) }

// YearDay is the day of the year, from 1.
func YearDay(days int64) int {
	y, _, _ := Civil(days)
	return int(days-Days(y, 1, 1)) + 1
}

// ISOWeek is the ISO year and week of a DATE.
func ISOWeek(days int64) (year int64, week int) {
	// The week belongs to the year that its Thursday is in.
	thursday := days - floorMod(days+3, 7) + 3
	year, _, _ = Civil(thursday)
	return year, int(thursday-Days(year, 1, 1))/7 + 1
}

// Unit is a unit or part of time.
type Unit uint8

// The units, from the largest.
const (
	Millennium Unit = iota
	Century
	Decade
	Year
	ISOYear
	Quarter
	Month
	Week
	DayUnit
	DOY
	DOW
	ISODOW
	HourUnit
	MinuteUnit
	SecondUnit
	Millisecond
	Microsecond
	Epoch
)

var unitNames = [...]string{
	"MILLENNIUM", "CENTURY", "DECADE", "YEAR", "ISOYEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOY", "DOW", "ISODOW",
	"HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "EPOCH",
}

func (u Unit) String() string { return unitNames[u] }

// UnitOf finds a unit by its upper-case name.
func UnitOf(name string) (Unit, error) {
	for i, n := range unitNames {
		if n == name {
			return Unit(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no unit of time", name)
}

// size is the microseconds of a unit of fixed length, months the months of a longer one.
func (u Unit) size() int64 {
	return [...]int64{Week: 7 * Day, DayUnit: Day, HourUnit: Hour, MinuteUnit: Minute, SecondUnit: Second, Millisecond: 1000, Microsecond: 1, Epoch: 0}[u]
}

func (u Unit) months() int64 {
	return [...]int64{Millennium: 12000, Century: 1200, Decade: 120, Year: 12, Quarter: 3, Month: 1, Epoch: 0}[u]
}

// Part is the part u of a timestamp of a local clock.
func Part(u Unit, micros int64) int64 {
	switch u {
	case HourUnit:
		return TimeOf(micros) / Hour
	case MinuteUnit:
		return TimeOf(micros) / Minute % 60
	case SecondUnit:
		return TimeOf(micros) / Second % 60
	case Millisecond:
		return TimeOf(micros) % Second / 1000 // of the second, as in Flink
	case Microsecond:
		return TimeOf(micros) % Second
	case Epoch:
		return floorDiv(micros, Second)
	}
	return DatePart(u, DaysOf(micros))
}

// DatePart is the part u of a DATE.
func DatePart(u Unit, days int64) int64 {
	switch u {
	case Week:
		_, w := ISOWeek(days)
		return int64(w)
	case ISOYear:
		y, _ := ISOWeek(days)
		return y
	case DOY:
		return int64(YearDay(days))
	case DOW:
		return int64(Weekday(days)) + 1
	case ISODOW:
		return floorMod(days+3, 7) + 1
	case Epoch:
		return days * 86400
	case HourUnit, MinuteUnit, SecondUnit, Millisecond, Microsecond:
		return 0
	}
	y, m, d := Civil(days)
	switch u {
	case Year:
		return y
	case Quarter:
		return int64(m+2) / 3
	case Month:
		return int64(m)
	case Decade:
		return floorDiv(y, 10)
	case Century:
		return floorDiv(y+99, 100)
	case Millennium:
		return floorDiv(y+999, 1000)
	}
	return int64(d)
}

// IntervalPart is the part u of an interval: of months where it is one of years and months.
func IntervalPart(u Unit, v int64, months bool) int64 {
	if months {
		switch u {
		case Year:
			return v / 12
		case Quarter:
			return v%12/3 + 1
		case Month:
			return v % 12
		case Decade:
			return v / 120
		case Century:
			return v / 1200
		case Millennium:
			return v / 12000
		}
		return 0
	}
	switch u {
	case DayUnit:
		return v / Day
	case HourUnit:
		return v % Day / Hour
	case MinuteUnit:
		return v % Hour / Minute
	case SecondUnit:
		return v % Minute / Second
	case Millisecond:
		return v % Minute / 1000
	case Microsecond:
		return v % Minute
	case Epoch:
		return v / Second
	}
	return 0
}

// Floor moves a timestamp down to the start of a unit. Weeks begin on Sunday.
func Floor(u Unit, micros int64) int64 {
	switch {
	case u == Week:
		return FloorDate(u, DaysOf(micros)) * Day
	case u.size() > 0:
		return micros - floorMod(micros, u.size())
	}
	return FloorDate(u, DaysOf(micros)) * Day
}

// Ceil moves a timestamp up to the start of a unit, where it does not lie on one.
func Ceil(u Unit, micros int64) int64 {
	f := Floor(u, micros)
	if f == micros {
		return micros
	}
	if u.size() > 0 {
		return f + u.size()
	}
	return AddMonthsTime(f, u.months())
}

// FloorDate moves a DATE down to the start of a unit.
func FloorDate(u Unit, days int64) int64 {
	y, m, _ := Civil(days)
	switch u {
	case Week:
		return days - int64(Weekday(days))
	case Month:
		return Days(y, m, 1)
	case Quarter:
		return Days(y, (m-1)/3*3+1, 1)
	case Year:
		return Days(y, 1, 1)
	case Decade:
		return Days(floorDiv(y, 10)*10, 1, 1)
	case Century:
		return Days(floorDiv(y-1, 100)*100+1, 1, 1)
	case Millennium:
		return Days(floorDiv(y-1, 1000)*1000+1, 1, 1)
	}
	return days
}

// CeilDate moves a DATE up to the start of a unit.
func CeilDate(u Unit, days int64) int64 {
	f := FloorDate(u, days)
	switch {
	case f == days:
		return days
	case u == Week:
		return f + 7
	}
	return AddMonths(f, u.months())
}

// Add moves a timestamp by n units.
func Add(u Unit, n, micros int64) int64 {
	if m := u.months(); m > 0 {
		return AddMonthsTime(micros, n*m)
	}
	return micros + n*u.size()
}

// Between is how many whole units timestamp b is after a.
func Between(u Unit, a, b int64) int64 {
	if m := u.months(); m > 0 {
		return MonthsBetween(a, b) / m
	}
	return (b - a) / u.size()
}
