package expr

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The text that a match must have is found, and how far before it a match begins.
func TestWhatEveryMatchHasIsKnown(t *testing.T) {
	for _, c := range []struct {
		re, must string
		before   int
	}{
		{`(&|^)channel_id=([^&]*)`, "channel_id=", 4},
		{`abc`, "abc", 0},
		{`^abc$`, "abc", 0},
		{`a+bcd`, "bcd", -1},
		{`a?(bcd)e*`, "bcd", 4},
		{`ab|cd`, "", 0},
		{`(?i)abc`, "", 0},
		{`[0-9]{1,3}-x`, "-x", -1},
		{``, "", 0},
	} {
		p := newPattern(regexp.MustCompile(c.re))
		if string(p.must) != c.must || p.must != nil && p.before != c.before {
			t.Errorf("%s: %q, %d before it; want %q, %d", c.re, p.must, p.before, c.must, c.before)
		}
	}
}

func TestPatternsMatchAsTheirExpressionsDo(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "ab", "ä", "(a|b)", "(^|a)", "(&|^)", "b*", "[^a]", "c?", `\b`, "$", "(ab)+", ".", "abc", "(?m)^", `\Bc`, "(?i)b", "\uFFFD"})
	text := rapid.SampledFrom([]string{"a", "b", "c", "ab", "abc", "ä", "&", "\n", " ", "B", "\xff"})
	rapid.Check(t, func(t *rapid.T) {
		var expression, s string
		for _, p := range rapid.SliceOfN(piece, 1, 5).Draw(t, "pieces") {
			expression += p
		}
		for _, p := range rapid.SliceOfN(text, 0, 12).Draw(t, "text") {
			s += p
		}
		re, err := regexp.Compile(expression)
		if err != nil {
			t.Skip(err)
		}
		p := newPattern(re)
		if got, want := p.FindSubmatchIndex([]byte(s)), re.FindStringSubmatchIndex(s); !slices.Equal(got, want) {
			t.Fatalf("%s in %q: %v, want %v", expression, s, got, want)
		}
		if got, want := p.Match([]byte(s)), re.MatchString(s); got != want {
			t.Fatal(fmt.Sprintf("%s in %q: %v", expression, s, got))
		}
	})
}
