package literal

import (
	"math"
	"strconv"
	"testing"

	"weir/planner/datetime"
	"weir/planner/types"
)

func TestYearsBeyondFourDigitsHaveASign(t *testing.T) {
	for days, want := range map[int64]string{datetime.Days(10000, 1, 1): "+10000-01-01", datetime.Days(-1, 12, 31): "-0001-12-31", datetime.Days(0, 1, 1): "0000-01-01", datetime.Days(-12345, 1, 2): "-12345-01-02"} {
		if got := string(AppendDate(nil, days)); got != want {
			t.Errorf("%d is written %s, want %s", days, got, want)
		}
	}
}

// The texts are those of Java's Double.toString.
func TestFloatsAreWrittenAsJavaDoes(t *testing.T) {
	for want, v := range map[string]float64{
		"0.0": 0, "1.0": 1, "-1.5": -1.5, "0.001": 0.001, "9.99E-4": 0.000999, "1.0E7": 1e7, "9999999.0": 9999999, "1.2345678E7": 12345678,
		"0.1": 0.1, "0.30000000000000004": 0.30000000000000004, "4.9E-324": 5e-324, "1.7976931348623157E308": math.MaxFloat64, "1.0E-5": 1e-5, "123456.78": 123456.78,
		"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "-0.0": math.Copysign(0, -1), "100.0": 100, "0.05": 0.05, "2.5E-8": 2.5e-8,
	} {
		if got := string(AppendFloat(nil, v, 64)); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	if got := string(AppendFloat(nil, float64(float32(3.4028235e38)), 32)); got != "3.4028235E38" {
		t.Error(got)
	}
}

func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		in          string
		prec, scale int
		want        string // empty: no number; "-": does not fit
	}{
		{"12.345", 5, 2, "12.35"}, {"12.344999", 5, 2, "12.34"}, {"-12.345", 5, 2, "-12.35"}, {"999.995", 5, 2, "-"}, {"1e3", 5, 2, "-"}, {"1e2", 5, 2, "100.00"},
		{"0.004", 5, 2, "0.00"}, {"0.005", 5, 2, "0.01"}, {"5e-3", 5, 2, "0.01"}, {"5e-4", 5, 2, "0.00"}, {".5", 5, 2, "0.50"}, {"5.", 5, 2, "5.00"},
		{"99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999"}, {"100000000000000000000000000000000000000", 38, 0, "-"},
		{"0.00000000000000000000000000000000000001", 38, 38, "0.00000000000000000000000000000000000001"}, {"1e-1000000", 5, 2, "0.00"}, {"0e999999", 5, 2, "0.00"},
		{"", 5, 2, ""}, {".", 5, 2, ""}, {"1.2.3", 5, 2, ""}, {"x", 5, 2, ""}, {"1e", 5, 2, ""}, {"1ex", 5, 2, ""}, {"--1", 5, 2, ""}, {"000000000000000000000000000000000000000000001", 5, 0, "1"},
		{"1234567890123456789012345678901234567890123456789", 5, 0, "-"},
	} {
		v, ok, in := ParseDecimal([]byte(c.in), c.prec, c.scale)
		got := ""
		switch {
		case ok && in:
			got = string(AppendDecimal(nil, v, c.scale))
		case ok:
			got = "-"
		}
		if got != c.want {
			t.Errorf("%q as DECIMAL(%d, %d) is %q, want %q", c.in, c.prec, c.scale, got, c.want)
		}
	}
}

// The texts are those of Java's BigDecimal.toString.
func TestBigDecimals(t *testing.T) {
	for _, c := range []struct {
		unscaled int64
		scale    int
		plain    string
		exponent string // trailing zeros stripped
	}{
		{1250, 2, "12.50", "12.5"}, {27, 9, "2.7E-8", "2.7E-8"}, {10000000, 2, "100000.00", "1E+5"}, {0, 2, "0.00", "0"}, {-5, 6, "-0.000005", "-0.000005"},
		{5, 7, "5E-7", "5E-7"}, {120, 0, "120", "1.2E+2"}, {0, 8, "0E-8", "0"}, {123, 0, "123", "123"},
	} {
		v := types.Dec{Lo: uint64(c.unscaled)}
		if c.unscaled < 0 {
			v.Hi = -1
		}
		if got := string(AppendBigDecimal(nil, v, c.scale, false)); got != c.plain {
			t.Errorf("%d at scale %d is %s, want %s", c.unscaled, c.scale, got, c.plain)
		}
		if got := string(AppendBigDecimal(nil, v, c.scale, true)); got != c.exponent {
			t.Errorf("%d at scale %d, stripped, is %s, want %s", c.unscaled, c.scale, got, c.exponent)
		}
	}
}

func TestTruncateGoesTowardsThePast(t *testing.T) {
	for _, c := range []struct {
		in   int64
		prec int
		want int64
	}{{1_999_999, 0, 1_000_000}, {-1, 3, -1000}, {-1000, 3, -1000}, {123_456, 3, 123_000}, {123_456, 6, 123_456}} {
		if got := Truncate(c.in, c.prec); got != c.want {
			t.Errorf("%d to %d digits is %d, want %d", c.in, c.prec, got, c.want)
		}
	}
}

func FuzzFloat(f *testing.F) {
	for _, s := range []string{"1.5", "-0", "1e400", "123456789.123456", "0.1d", ".5", "5.", "9007199254740993", "00001.50"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := strconv.ParseFloat(s, 64)
		got, ok := ParseFloat([]byte(s), 64)
		if err == nil && ok && got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%q is %v, want %v", s, got, want)
		}
		if ok && !math.IsNaN(got) {
			text := AppendFloat(nil, got, 64)
			if back, ok := ParseFloat(text, 64); !ok || back != got {
				t.Fatalf("%v is written %s, which is %v", got, text, back)
			}
		}
	})
}
