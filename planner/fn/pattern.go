package fn

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"weir/planner/types"
)

func patternFuncs() []*Func {
	f := func(name, syntax, doc string, r ResolveFunc, ex ...string) *Func {
		return &Func{Name: name, Family: "pattern", Syntax: syntax, Doc: doc, Deterministic: true, Resolve: r, Examples: examples(ex...)}
	}
	aRegexp := param{what: "a regular expression", ok: types.Type.IsString, null: types.TString, check: checkRegexp}
	aSimilar := param{what: "a pattern", ok: types.Type.IsString, null: types.TString}
	regexpFunc := f("REGEXP", "REGEXP(s, regex)", "TRUE if a part of s matches a regular expression.", resolve(form(is(types.TBoolean), aString, aRegexp)),
		"REGEXP('foobar', 'o+b')", "TRUE", "REGEXP('foobar', '^bar')", "FALSE")
	return []*Func{
		f("LIKE", "s [NOT] LIKE pattern [ESCAPE c]", "TRUE if s matches the pattern as a whole: % is any characters, _ is one.",
			resolve(form(is(types.TBoolean), aString, aString, aString).opt(1)),
			"'sku-purple-1' LIKE '%-purple-%'", "TRUE", "'abc' LIKE 'a_c'", "TRUE", "'abc' NOT LIKE 'ab'", "TRUE", "'5%' LIKE '5!%' ESCAPE '!'", "TRUE", "'ab' LIKE CAST(NULL AS STRING)", "NULL"),
		f("SIMILAR TO", "s [NOT] SIMILAR TO pattern [ESCAPE c]", "TRUE if s matches an SQL regular expression as a whole: % and _ as in LIKE, and | * + ? {m,n} ( ) [ ] of regular expressions.",
			resolve(form(is(types.TBoolean), aString, aSimilar, aString).opt(1)), "'abc' SIMILAR TO '(a|b)%'", "TRUE", "'abc' SIMILAR TO 'b'", "FALSE", "'aab' SIMILAR TO 'a{2}_'", "TRUE"),
		regexpFunc,
		f("REGEXP_REPLACE", "REGEXP_REPLACE(s, regex, new)", "s with every match of a regular expression replaced by new, as it stands: $ and \\ mean nothing in it.",
			resolve(form(is(types.TString), aString, aRegexp, aString).nulls(always)), "REGEXP_REPLACE('foobar', 'oo|ar', '')", "fb", "REGEXP_REPLACE('a1b2', '[0-9]', '$1')", "a$1b$1"),
		f("REGEXP_COUNT", "REGEXP_COUNT(s, regex)", "How often a regular expression matches in s.", resolve(form(is(types.TInt), aString, aRegexp)), "REGEXP_COUNT('aXbX', 'X')", "2", "REGEXP_COUNT('a', 'X')", "0"),
		f("REGEXP_INSTR", "REGEXP_INSTR(s, regex)", "Where the first match of a regular expression begins in s, counted from 1; 0 if nowhere.",
			resolve(form(is(types.TInt), aString, aRegexp)), "REGEXP_INSTR('aXbX', 'X')", "2", "REGEXP_INSTR('a', 'X')", "0"),
		f("REGEXP_SUBSTR", "REGEXP_SUBSTR(s, regex)", "The first match of a regular expression in s; NULL if nothing matches.",
			resolve(form(is(types.TString), aString, aRegexp).nulls(always)), "REGEXP_SUBSTR('aXbX', 'X.')", "Xb", "REGEXP_SUBSTR('a', 'X')", "NULL"),
		f("REGEXP_EXTRACT", "REGEXP_EXTRACT(s, regex [, group])", "What a group of the first match of a regular expression matched; the whole match for group 0 and when not given; NULL if nothing matches.",
			resolve(form(is(types.TString), aString, aRegexp, anInt).opt(1).nulls(always)), "REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2)", "bar", "REGEXP_EXTRACT('foothebar', 'x')", "NULL"),
		f("REGEXP_EXTRACT_ALL", "REGEXP_EXTRACT_ALL(s, regex [, group])", "What a group of each match of a regular expression matched, as an ARRAY: the first group when not given, the whole matches for group 0; NULL if there is no such group.",
			resolve(form(is(arrayOf(types.TString)), aString, aRegexp, anInt).opt(1).nulls(always)),
			"REGEXP_EXTRACT_ALL('a1b22', '([a-z])([0-9]+)')", "[a, b]", "REGEXP_EXTRACT_ALL('a1b22', '[0-9]+', 0)", "[1, 22]", "REGEXP_EXTRACT_ALL('abc', '([0-9])')", "[]", "REGEXP_EXTRACT_ALL('a1', '[0-9]')", "NULL"),
		strToMap(f, aRegexp),
	}
}

// strToMap is STR_TO_MAP, whose separators come both or not at all.
func strToMap(f func(name, syntax, doc string, r ResolveFunc, ex ...string) *Func, separator param) *Func {
	out := is(mapOf(types.TString, types.TString))
	return f("STR_TO_MAP", "STR_TO_MAP(s [, between entries, between key and value])", "A MAP of a text such as a=1,b=2. The separators are regular expressions, a comma and = when not given. A key without a value has NULL.",
		resolve(form(out, aString).nulls(always), form(out, aString, separator, separator).nulls(always)),
		"STR_TO_MAP('a=1,b=2')", "{a=1, b=2}", "STR_TO_MAP('a:1;b', ';', ':')", "{a=1, b=NULL}")
}

func checkRegexp(v types.Value) error {
	_, err := Regexp(v.(string))
	return err
}

// javaOnly is what Java's regular expressions have and RE2 has not, in the order they are looked for.
var javaOnly = []struct{ text, name string }{
	{"(?=", "lookahead (?=...)"}, {"(?!", "negative lookahead (?!...)"}, {"(?<=", "lookbehind (?<=...)"},
	{"(?<!", "negative lookbehind (?<!...)"}, {"(?>", "atomic group (?>...)"}, {"*+", "possessive *+"}, {"++", "possessive ++"}, {"?+", "possessive ?+"}, {"}+", "possessive {}+"},
	{"&&", "intersection && in [...]"}, {"\\G", "\\G"}, {"\\Z", "\\Z (use \\z)"}, {"\\h", "\\h (use [ \\t])"}, {"\\R", "\\R (use \\r?\\n)"},
}

// Regexp compiles a regular expression as Java writes it. The engine is RE2: every match takes time linear in
// the text. What only Java has (look-around, back references, possessive quantifiers) is an error that says so.
func Regexp(s string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(s)
	if err == nil {
		return re, nil
	}
	for _, j := range javaOnly {
		if strings.Contains(s, j.text) {
			return nil, fmt.Errorf("the regular expression '%s' has a %s, which Java knows and the linear-time engine of weir does not; write it without", s, j.name)
		}
	}
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '\\' {
			if s[i+1] >= '1' && s[i+1] <= '9' {
				return nil, fmt.Errorf("the regular expression '%s' has the back reference %s, which the linear-time engine of weir does not know; write it without", s, s[i:i+2])
			}
			i++
		}
	}
	var why string
	if se := (*syntax.Error)(nil); errors.As(err, &se) {
		why = se.Code.String()
		if se.Expr != "" {
			why += ": " + se.Expr
		}
	} else {
		why = err.Error()
	}
	return nil, fmt.Errorf("'%s' is no regular expression: %s", s, why)
}

// className is a named class in a pattern of SIMILAR TO, where it may be in capitals.
var className = regexp.MustCompile(`\[:[A-Za-z]+:\]`)

// Similar is the regular expression of a SIMILAR TO pattern. escape is the escape character, 0 for none.
func Similar(pattern string, escape rune) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`(?s)\A(?:`)
	inClass, named, bare, escaped := false, false, false, false // in [...], in [:...:], in one that stands alone, behind the escape character
	last := rune(0)
	for i, c := range pattern {
		before := last
		last = c
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(c)))
			escaped = false
		case escape != 0 && c == escape:
			escaped = true
		case inClass:
			if c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteRune(c)
			switch {
			case c == ':' && before == '[':
				named = true
			case c == ']' && named:
				named = before != ':'
				if bare && !named {
					b.WriteByte(']')
					inClass, bare = false, false
				}
			case c == ']':
				inClass = false
			}
		case c == '[':
			b.WriteRune(c)
			inClass = true
			if bare = strings.HasPrefix(pattern[i:], "[:"); bare {
				b.WriteByte('[')
			}
		case c == '%':
			b.WriteString(".*")
		case c == '_':
			b.WriteByte('.')
		case c == '\\':
			b.WriteString(`\\`)
		default: // also . ^ and $, which the standard takes for themselves and Flink does not
			b.WriteRune(c)
		}
	}
	if escaped {
		return nil, fmt.Errorf("the pattern '%s' ends with its escape character", pattern)
	}
	b.WriteString(`)\z`)
	re, err := regexp.Compile(className.ReplaceAllStringFunc(b.String(), strings.ToLower))
	if err != nil {
		return nil, fmt.Errorf("'%s' is no pattern of SIMILAR TO: %w", pattern, err)
	}
	return re, nil
}
