package decimal

import (
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// draw gives a DECIMAL and its exact value.
func draw(t *rapid.T, name string) (Dec, int, *big.Rat) {
	digits := rapid.IntRange(1, MaxPrecision).Draw(t, name+"-digits")
	scale := rapid.IntRange(0, MaxPrecision).Draw(t, name+"-scale")
	s := rapid.StringOfN(rapid.SampledFrom([]rune("0123456789")), digits, digits, -1).Draw(t, name)
	if rapid.Bool().Draw(t, name+"-neg") {
		s = "-" + s
	}
	z, _ := new(big.Int).SetString(s, 10)
	d, ok := fromBig(new(big.Int).Set(z), 0, MaxPrecision, 0)
	if !ok {
		t.Fatalf("%s does not fit", s)
	}
	return d, scale, new(big.Rat).SetFrac(z, bigPow(scale))
}

// round is r as DECIMAL(prec, scale) by arithmetic of fractions.
func round(r *big.Rat, prec, scale int) (string, bool) {
	n := new(big.Int).Mul(new(big.Int).Abs(r.Num()), bigPow(scale))
	q := roundQuo(n, r.Denom())
	if len(q.String()) > prec && q.Sign() != 0 {
		return "", false
	}
	s := q.String()
	if scale > 0 {
		if len(s) <= scale {
			s = strings.Repeat("0", scale+1-len(s)) + s
		}
		s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	}
	if r.Sign() < 0 && q.Sign() != 0 {
		s = "-" + s
	}
	return s, true
}

func same(t *rapid.T, what string, d Dec, ok bool, want *big.Rat, prec, scale int) {
	text, fits := round(want, prec, scale)
	if ok != fits {
		t.Fatalf("%s: fits %v, want %v (%s)", what, ok, fits, want.RatString())
	}
	if ok && String(d, scale) != text {
		t.Fatalf("%s = %s, want %s", what, String(d, scale), text)
	}
}

func TestArithmeticIsExactAndRoundsHalfUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, sa, ra := draw(t, "a")
		b, sb, rb := draw(t, "b")
		prec := rapid.IntRange(1, MaxPrecision).Draw(t, "prec")
		scale := rapid.IntRange(0, prec).Draw(t, "scale")
		d, ok := AddTo(a, sa, b, sb, prec, scale)
		same(t, "a + b", d, ok, new(big.Rat).Add(ra, rb), prec, scale)
		d, ok = MulTo(a, sa, b, sb, prec, scale)
		same(t, "a * b", d, ok, new(big.Rat).Mul(ra, rb), prec, scale)
		d, ok = Convert(a, sa, prec, scale)
		same(t, "a", d, ok, ra, prec, scale)
		if got, want := CmpScaled(a, sa, b, sb), ra.Cmp(rb); got != want {
			t.Fatalf("compare: %d, want %d", got, want)
		}
		if rb.Sign() != 0 {
			d, ok = DivTo(a, sa, b, sb, prec, scale)
			same(t, "a / b", d, ok, new(big.Rat).Quo(ra, rb), prec, scale)
			q := new(big.Rat).Quo(ra, rb)
			whole := new(big.Rat).SetInt(new(big.Int).Quo(q.Num(), q.Denom()))
			d, ok = ModTo(a, sa, b, sb, prec, scale)
			same(t, "a % b", d, ok, new(big.Rat).Sub(ra, whole.Mul(whole, rb)), prec, scale)
		}
		f, _ := ra.Float64()
		if got := Float(a, sa); got != f {
			t.Fatalf("Float: %v, want %v", got, f)
		}
		if back, ok := Parse([]byte(String(a, sa)), MaxPrecision, min(sa, MaxPrecision)); ok && Cmp(back, a) != 0 {
			t.Fatalf("parsed back %s as %s", String(a, sa), String(back, sa))
		}
		floor := new(big.Int).Div(ra.Num(), ra.Denom()) // Euclidean: rounds down for a positive divisor
		if got := String(Floor(a, sa), 0); got != floor.String() {
			t.Fatalf("floor %s, want %s", got, floor)
		}
		ceil := new(big.Int).Neg(new(big.Int).Div(new(big.Int).Neg(ra.Num()), ra.Denom()))
		if got := String(Ceil(a, sa), 0); got != ceil.String() {
			t.Fatalf("ceil %s, want %s", got, ceil)
		}
	})
}

func TestParseReadsWhatSQLWrites(t *testing.T) {
	nines := strings.Repeat("9", 38)
	for _, c := range []struct {
		in          string
		prec, scale int
		want        string
	}{
		{"1", 5, 2, "1.00"},
		{" -12.345 ", 5, 2, "-12.35"},
		{"12.344999999999999999999999999999999999999999999", 5, 2, "12.34"},
		{"12.345000000000000000000000000000000000000000000", 5, 2, "12.35"},
		{"1e3", 4, 0, "1000"},
		{"1E3", 3, 0, ""},
		{"1.5e-1", 3, 2, "0.15"},
		{"+.5", 3, 1, "0.5"},
		{"5.", 3, 1, "5.0"},
		{nines, 38, 0, nines},
		{nines + "9", 38, 0, ""},
		{"0." + nines + "9", 38, 38, ""},
		{"1e-999999999999", 38, 0, "0"},
		{"1e999999999999", 38, 0, ""},
		{"0e999999999999", 38, 0, "0"},
		{"", 38, 0, ""},
		{".", 38, 0, ""},
		{"1e", 38, 0, ""},
		{"1.2.3", 38, 0, ""},
		{"--1", 38, 0, ""},
		{"1 2", 38, 0, ""},
	} {
		d, ok := Parse([]byte(c.in), c.prec, c.scale)
		got := ""
		if ok {
			got = String(d, c.scale)
		}
		if got != c.want {
			t.Errorf("Parse(%q, %d, %d) = %q, want %q", c.in, c.prec, c.scale, got, c.want)
		}
	}
}

func TestFromFloatGoesByTheShortestText(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{{1.005, "1.01"}, {0.1, "0.10"}, {-2.5, "-2.50"}, {1e20, ""}} {
		d, ok := FromFloat(c.f, 10, 2)
		got := ""
		if ok {
			got = String(d, 2)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", strconv.FormatFloat(c.f, 'g', -1, 64), got, c.want)
		}
	}
}

func TestTruncateCutsTowardsZero(t *testing.T) {
	d, _ := Parse([]byte("-42.329"), 5, 3)
	if got := String(Truncate(d, 3, 2), 3); got != "-42.320" {
		t.Error(got)
	}
	if got := String(Truncate(d, 3, -1), 3); got != "-40.000" {
		t.Error(got)
	}
}

func BenchmarkMulTo(b *testing.B) {
	x, _ := Parse([]byte("123456.78"), 10, 2)
	y, _ := Parse([]byte("1.20"), 3, 2)
	for b.Loop() {
		_, _ = MulTo(x, 2, y, 2, 14, 4)
	}
}
