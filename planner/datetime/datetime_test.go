package datetime

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var anyMicros = rapid.Int64Range(time.Date(-1000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMicro())

func TestCalendarAgreesWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micros := anyMicros.Draw(t, "micros")
		at := time.UnixMicro(micros).UTC()
		y, m, d := Civil(DaysOf(micros))
		if int(y) != at.Year() || m != int(at.Month()) || d != at.Day() || Days(y, m, d) != DaysOf(micros) {
			t.Fatalf("%s: %d-%d-%d", at, y, m, d)
		}
		wy, w := at.ISOWeek()
		iy, iw := ISOWeek(DaysOf(micros))
		if int(iy) != wy || iw != w || Weekday(DaysOf(micros)) != int(at.Weekday()) || YearDay(DaysOf(micros)) != at.YearDay() {
			t.Fatalf("%s: week %d-%d weekday %d day %d", at, iy, iw, Weekday(DaysOf(micros)), YearDay(DaysOf(micros)))
		}
		if Part(HourUnit, micros) != int64(at.Hour()) || Part(MinuteUnit, micros) != int64(at.Minute()) || Part(SecondUnit, micros) != int64(at.Second()) || Part(Epoch, micros) != at.Unix() {
			t.Fatalf("%s: parts", at)
		}
		for u := Millennium; u <= Millisecond; u++ {
			if u == ISOYear || u >= DOY && u <= ISODOW {
				continue
			}
			f, c := Floor(u, micros), Ceil(u, micros)
			if f > micros || c < micros || Floor(u, f) != f || Ceil(u, c) != c || (f == micros) != (c == micros) || f != micros && Floor(u, c-1) != f {
				t.Fatalf("%s to %s: %s and %s", at, u, time.UnixMicro(f).UTC(), time.UnixMicro(c).UTC())
			}
		}
		n := rapid.Int64Range(-500, 500).Draw(t, "n")
		if got := MonthsBetween(micros, AddMonthsTime(micros, n)); n >= 0 && got != n {
			t.Fatalf("%s and %d months: %d between", at, n, got)
		}
	})
}

func TestTextsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micros := rapid.Int64Range(-62135596800000000, 253402300799999999).Draw(t, "micros")
		s := AppendTimestamp(nil, micros, 6, 'T')
		if want := time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.000000"); string(s) != want {
			t.Fatalf("%s, want %s", s, want)
		}
		if got, ok := ParseTimestamp(s, 'T'); !ok || got != micros {
			t.Fatalf("%s reads back as %d, %v", s, got, ok)
		}
		if d, ok := ParseDate(AppendDate(nil, DaysOf(micros))); !ok || d != DaysOf(micros) {
			t.Fatalf("date of %s", s)
		}
		if c, ok := ParseTime(AppendTime(nil, TimeOf(micros), 6)); !ok || c != TimeOf(micros) {
			t.Fatalf("time of %s", s)
		}
		p, err := CompilePattern("yyyy-MM-dd'T'HH:mm:ss.SSSSSS")
		if err != nil {
			t.Fatal(err)
		}
		if string(p.Append(nil, micros, 0, "")) != string(s) {
			t.Fatalf("pattern gives %s, not %s", p.Append(nil, micros, 0, ""), s)
		}
		if r, ok := p.Parse(s); !ok || r.Local != micros {
			t.Fatalf("pattern reads %s as %v", s, r)
		}
	})
}

func TestWhatIsNoTimeIsRefused(t *testing.T) {
	for _, s := range []string{"", "x", " 2026-02-03 04:05:06", "2026-13-01", "2026-02-32", "2026-02-03T00:00:00", "2026-02-03 24:00:01", "10000-01-01", "2026-02-03 00:60:00", "2026-02-03 00:00", "2026-02-03 00:00:00.1234567890", "2026-02-03 00:00:00x", "2026-02", "26-2-3-4"} {
		if v, ok := ParseTimestamp([]byte(s), ' '); ok {
			t.Errorf("%q is read as %s", s, AppendTimestamp(nil, v, 6, ' '))
		}
	}
	for in, want := range map[string]string{
		"2026-2-3": "2026-02-03 00:00:00.000", "2026-02-03 4:5:6": "2026-02-03 04:05:06.000", "2026-02-03 04:05:06.7": "2026-02-03 04:05:06.700", "2026-02-03 04:05:06.123456789": "2026-02-03 04:05:06.123",
		"2026-02-30 04:05:06": "2026-02-28 04:05:06.000", "2026-02-28 24:00:00": "2026-03-01 00:00:00.000", "2026-02-03 00:00:00.": "2026-02-03 00:00:00.000",
	} {
		if v, ok := ParseTimestamp([]byte(in), ' '); !ok || string(AppendTimestamp(nil, v, 3, ' ')) != want {
			t.Errorf("%q: %s %v, want %s", in, AppendTimestamp(nil, v, 3, ' '), ok, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	at := time.Date(2026, 2, 3, 16, 5, 6, 789123000, time.UTC).UnixMicro()
	for pattern, want := range map[string]string{
		"yyyyMMddHHmmss": "20260203160506", "d.M.yy h:mm a": "3.2.26 4:05 PM", "EEEE, d MMMM yyyy": "Tuesday, 3 February 2026", "EEE MMM dd": "Tue Feb 03", "D DDD": "34 034",
		"HH:mm:ss.SSS": "16:05:06.789", "SSSSSSSSS": "789123000", "'day' d 'o''clock'": "day 3 o'clock", "yyyy-MM-dd''HH": "2026-02-03'16", "X XX XXX x Z": "Z Z Z +00 +0000", "kk K": "16 4",
	} {
		p, err := CompilePattern(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got := string(p.Append(nil, at, 0, "UTC")); got != want {
			t.Errorf("%s: %s, want %s", pattern, got, want)
		}
	}
	for _, c := range []struct{ pattern, in, want string }{
		{"yyyyMMdd", "20260203", "2026-02-03 00:00:00.000"}, {"dd/MMM/yyyy:HH:mm:ss", "03/Feb/2026:04:05:06", "2026-02-03 04:05:06.000"}, {"yyyy-MM-dd hh:mm a", "2026-02-03 12:05 AM", "2026-02-03 00:05:00.000"},
		{"yyyy-MM-dd HH:mm:ss.SSS", "2026-02-03 04:05:06.78", ""}, {"yyyy-MM-dd", "2026-2-3", ""}, {"y-M-d", "2026-2-3", "2026-02-03 00:00:00.000"}, {"HH:mm", "04:05", "1970-01-01 04:05:00.000"},
		{"yyyy-MM-dd", "2026-02-03x", ""}, {"yyyy-MM-dd'T'HH:mm:ssX", "2026-02-03T04:05:06Z", "2026-02-03 04:05:06.000"}, {"yyyyDDD", "2026034", "2026-02-03 00:00:00.000"},
	} {
		p, err := CompilePattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		got := ""
		if r, ok := p.Parse([]byte(c.in)); ok {
			got = string(AppendTimestamp(nil, r.Local, 3, ' '))
		}
		if got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.pattern, c.in, got, c.want)
		}
	}
	for _, bad := range []string{"yyyy-ww", "[HH]", "'open", "n"} {
		if _, err := CompilePattern(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// In Berlin 2026-03-29 02:00 becomes 03:00 and 2026-10-25 03:00 becomes 02:00.
func TestZoneGapsAndOverlaps(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	z := NewZone(loc)
	for in, want := range map[string]string{
		"2026-03-29 01:59:59": "2026-03-29 00:59:59", "2026-03-29 02:30:00": "2026-03-29 01:30:00", "2026-03-29 03:00:00": "2026-03-29 01:00:00",
		"2026-10-25 02:30:00": "2026-10-25 00:30:00", "2026-10-25 03:00:00": "2026-10-25 02:00:00", "2026-01-01 00:00:00": "2025-12-31 23:00:00",
	} {
		v, _ := ParseTimestamp([]byte(in), ' ')
		if got := string(AppendTimestamp(nil, z.UTC(v), 0, ' ')); got != want {
			t.Errorf("%s is %s in UTC, want %s", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		micros := rapid.Int64Range(0, 4102444800000000).Draw(t, "micros")
		_, off := time.UnixMicro(micros).In(loc).Zone()
		if got := z.Local(micros); got != micros+int64(off)*Second {
			t.Fatalf("local of %d is %d", micros, got)
		}
		// Back again, but for the hour that is there twice.
		if back := z.UTC(z.Local(micros)); back != micros && back != micros-Hour {
			t.Fatalf("%d comes back as %d", micros, back)
		}
	})
}

func TestIntervalsPrintAsFlinkCastsThem(t *testing.T) {
	if got := string(AppendInterval(nil, 14, true)); got != "+1-02" {
		t.Error(got)
	}
	if got := string(AppendInterval(nil, -(Day + 2*Hour + 3*Minute + 4*Second + 5000), false)); got != "-1 02:03:04.005" {
		t.Error(got)
	}
}
