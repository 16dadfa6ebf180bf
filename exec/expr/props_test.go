package expr

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"weir/exec/expr/text"
	"weir/planner/types"
)

func TestLikeIsTheRegularExpressionThatItStandsFor(t *testing.T) {
	letters := rapid.StringOfN(rapid.SampledFrom([]rune("ab日%_")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		pattern := letters.Draw(t, "pattern")
		s := rapid.StringOfN(rapid.SampledFrom([]rune("ab日%_")), 0, 8, -1).Draw(t, "s")
		m, err := compileLike([]byte(pattern), 0)
		if err != nil {
			t.Fatal(err)
		}
		re := "(?s)^" + strings.NewReplacer("%", ".*", "_", ".").Replace(pattern) + "$"
		if got, want := m.match([]byte(s)), regexp.MustCompile(re).MatchString(s); got != want {
			t.Fatalf("%q LIKE %q is %v", s, pattern, got)
		}
	})
}

func TestRoundFloatGoesByTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.OneOf(rapid.Float64Range(-1e6, 1e6), rapid.Custom(func(t *rapid.T) float64 {
			// Numbers of few digits, where the middle between two results is met.
			return float64(rapid.IntRange(-100000, 100000).Draw(t, "n")) / 1000
		})).Draw(t, "x")
		digits := rapid.Int64Range(-3, 6).Draw(t, "digits")
		half := rapid.Bool().Draw(t, "half")
		want := x
		if x != 0 {
			want = roundText(x, digits, half, false)
		}
		if got := roundFloat(x, digits, half, false); got != want {
			t.Fatalf("%v to %d digits (half up %v): %v, want %v", x, digits, half, got, want)
		}
	})
}

func TestWordsOfBytesDoAsTheLibraryDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := []byte(rapid.StringOfN(rapid.OneOf(rapid.RuneFrom([]rune("aAzZ@[`{09 ")), rapid.Rune()), 0, 30, -1).Draw(t, "s"))
		ascii := true
		for _, c := range s {
			ascii = ascii && c < utf8.RuneSelf
		}
		for _, upper := range []bool{true, false} {
			got := bytes.Clone(s)
			want := bytes.ToLower(s)
			if upper {
				want = bytes.ToUpper(s)
			}
			if ok := asciiCase(got, upper); ok != ascii || ok && !bytes.Equal(got, want) {
				t.Fatalf("%q: %q, want %q", s, got, want)
			}
		}
		if chars(s) != int64(utf8.RuneCount(s)) {
			t.Fatalf("%q: %d characters", s, chars(s))
		}
		n := rapid.Int64Range(0, 35).Draw(t, "n")
		runes := []rune(string(s))
		if got, want := charAt(s, n), len(string(runes[:min(int(n), len(runes))])); got != want {
			t.Fatalf("%q: character %d at %d, want %d", s, n, got, want)
		}
	})
}

func TestNumbersReadBackFromTheirText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64().Draw(t, "f")
		s := text.AppendFloat(nil, f, false)
		if g, ok := text.ParseFloat(s, false); !ok || g != f && f == f {
			t.Fatalf("%v prints as %s and reads as %v", f, s, g)
		}
		g := float64(float32(f))
		s = text.AppendFloat(nil, g, true)
		if h, ok := text.ParseFloat(s, true); !ok || h != g && g == g {
			t.Fatalf("FLOAT %v prints as %s and reads as %v", g, s, h)
		}
		n := rapid.Int64().Draw(t, "n")
		for k, bits := range map[types.Kind]int{types.TinyInt: 8, types.SmallInt: 16, types.Int: 32, types.BigInt: 64} {
			in := strconv.FormatInt(n, 10)
			_, err := strconv.ParseInt(in, 10, bits)
			got, ok, fits := text.ParseInt([]byte(in), k)
			if !ok || fits != (err == nil) || fits && got != n {
				t.Fatalf("%s as %s: %d %v %v", in, k, got, ok, fits)
			}
		}
	})
	if got := javaInt(math.NaN(), types.Int); got != 0 {
		t.Error(got)
	}
}
