package fn

import (
	"fmt"
	"strings"

	"weir/planner/types"
)

func stringFuncs() []*Func {
	f := func(name, syntax, doc string, r ResolveFunc, ex ...string) *Func {
		return &Func{Name: name, Family: "string", Syntax: syntax, Doc: doc, Deterministic: true, Resolve: r, Examples: examples(ex...)}
	}
	str, num := is(types.TString), is(types.TInt)
	charLength := f("CHAR_LENGTH", "CHAR_LENGTH(s)", "The number of characters.", resolve(form(num, aString)), "CHAR_LENGTH('grün')", "4", "CHAR_LENGTH('')", "0")
	substring := f("SUBSTRING", "SUBSTRING(s FROM start [FOR length])",
		"The part of s from a character, counted from 1, or from the end if negative, on. Empty where there is nothing; an error for a negative length is not made: the result is NULL.",
		resolve(form(varying(0), aString, anInt, anInt).opt(1).nulls(always)),
		"SUBSTRING('weir stream' FROM 6)", "stream", "SUBSTRING('grün' FROM 3 FOR 1)", "ü", "SUBSTRING('abc' FROM -2)", "bc", "SUBSTRING('abc' FROM 2 FOR 0)", "", "SUBSTRING('abc' FROM 9)", "")
	return []*Func{
		f("UPPER", "UPPER(s)", "s in upper case.", resolve(form(arg(0), aString)), "UPPER('Grün')", "GRÜN"),
		f("LOWER", "LOWER(s)", "s in lower case.", resolve(form(arg(0), aString)), "LOWER('GRÜN')", "grün"),
		f("INITCAP", "INITCAP(s)", "The first letter of each word in upper case and the others in lower case; a word is ASCII letters and digits.",
			resolve(form(arg(0), aString)), "INITCAP('hello wORLD-x2y')", "Hello World-X2y"),
		f("||", "a || b", "The two strings, one behind the other.", resolve(form(joined, aString, aString), form(joinedBytes, aBinary, aBinary)), "'a' || 'bc'", "abc", "'a' || CAST(NULL AS STRING)", "NULL"),
		f("CONCAT", "CONCAT(s, ...)", "The strings one behind the other; NULL if any is NULL.", resolve(form(str, aString).variadic(aString)),
			"CONCAT('AA', 'BB', 'CC')", "AABBCC", "CONCAT('A', CAST(NULL AS STRING))", "NULL"),
		{
			Name: "CONCAT_WS", Family: "string", Syntax: "CONCAT_WS(separator, s, ...)", Deterministic: true, Nulls: NullsToKernel,
			Doc:      "The strings with a separator between them, without those that are NULL; NULL if the separator is NULL.",
			Resolve:  resolve(form(str, aString).variadic(aString).nulls(func(a []Arg) bool { return a[0].Type.Nullable })),
			Examples: examples("CONCAT_WS('~', 'AA', CAST(NULL AS STRING), 'BB', '', 'CC')", "AA~BB~~CC", "CONCAT_WS('-')", "", "CONCAT_WS(CAST(NULL AS STRING), 'a')", "NULL"),
		},
		f("TRIM", "TRIM([BOTH | LEADING | TRAILING] [chars] FROM s)", "s without the characters chars, a blank when not given, at its ends.",
			resolve(form(varying(0), aString), form(varying(2), word("BOTH, LEADING or TRAILING", "BOTH", "LEADING", "TRAILING"), aString, aString)),
			"TRIM('  a b ')", "a b", "TRIM(LEADING 'x' FROM 'xxaxx')", "axx", "TRIM(BOTH 'xy' FROM 'yxaxy')", "a"),
		f("LTRIM", "LTRIM(s [, chars])", "s without the characters chars, a blank when not given, at its start.", resolve(form(varying(0), aString, aString).opt(1)),
			"LTRIM('  a ')", "a ", "LTRIM('xyax', 'yx')", "ax"),
		f("RTRIM", "RTRIM(s [, chars])", "s without the characters chars, a blank when not given, at its end.", resolve(form(varying(0), aString, aString).opt(1)),
			"RTRIM(' a  ')", " a", "RTRIM('xaxy', 'yx')", "xa"),
		f("BTRIM", "BTRIM(s [, chars])", "s without the characters chars, a blank when not given, at both ends.", resolve(form(str, aString, aString).opt(1)),
			"BTRIM('  a  ')", "a", "BTRIM('xaxy', 'yx')", "a"),
		substring, alias(substring, "SUBSTR", "SUBSTR(s, start [, length])", "SUBSTR('abc', 2)", "bc", "SUBSTR('abc', 0, 2)", "ab"),
		f("LEFT", "LEFT(s, n)", "The first n characters.", resolve(form(varying(0), aString, anInt).nulls(always)), "LEFT('grün', 3)", "grü", "LEFT('a', -1)", ""),
		f("RIGHT", "RIGHT(s, n)", "The last n characters.", resolve(form(varying(0), aString, anInt).nulls(always)), "RIGHT('grün', 2)", "ün", "RIGHT('a', 5)", "a"),
		charLength,
		alias(charLength, "CHARACTER_LENGTH", "CHARACTER_LENGTH(s)", "CHARACTER_LENGTH('ab')", "2"),
		f("POSITION", "POSITION(part IN s)", "Where part begins in s, counted from 1; 0 if nowhere.", resolve(form(num, aString, aString, anInt).opt(1)),
			"POSITION('ü' IN 'grün')", "3", "POSITION('x' IN 'a')", "0"),
		f("INSTR", "INSTR(s, part [, start [, n]])", "Where part, or its n-th occurrence from character start on, begins in s, counted from 1; 0 if nowhere. A negative start searches from the end.",
			resolve(form(num, aString, aString, anInt, anInt).opt(2)), "INSTR('Corporate Floor', 'or')", "2", "INSTR('Corporate Floor', 'or', 3, 2)", "14", "INSTR('Corporate Floor', 'or', -3, 2)", "2"),
		f("LOCATE", "LOCATE(part, s [, start])", "Where part begins in s at character start or behind it, counted from 1; 0 if nowhere.",
			resolve(form(num, aString, aString, anInt).opt(1)), "LOCATE('a', 'banana')", "2", "LOCATE('a', 'banana', 3)", "4", "LOCATE('x', 'banana')", "0"),
		f("REPLACE", "REPLACE(s, old, new)", "s with every old replaced by new.", resolve(form(str, aString, aString, aString)),
			"REPLACE('hello world', 'world', 'weir')", "hello weir", "REPLACE('ababab', 'abab', 'z')", "zab"),
		f("REPEAT", "REPEAT(s, n)", "s n times.", resolve(form(str, aString, anInt)), "REPEAT('ab', 3)", "ababab", "REPEAT('ab', -1)", ""),
		f("REVERSE", "REVERSE(s)", "The characters in reverse order.", resolve(form(str, aString)), "REVERSE('grün')", "nürg"),
		f("LPAD", "LPAD(s, n, pad)", "s filled up at its start with pad to n characters, or cut to n; NULL for a negative n or nothing to fill with.",
			resolve(form(str, aString, anInt, aString).nulls(always)), "LPAD('hi', 4, '??')", "??hi", "LPAD('hi', 1, '??')", "h", "LPAD('hi', 5, 'xy')", "xyxhi", "LPAD('hi', -1, '?')", "NULL"),
		f("RPAD", "RPAD(s, n, pad)", "s filled up at its end with pad to n characters, or cut to n; NULL for a negative n or nothing to fill with.",
			resolve(form(str, aString, anInt, aString).nulls(always)), "RPAD('hi', 4, '??')", "hi??", "RPAD('hi', 1, '??')", "h", "RPAD('hi', 4, '')", "NULL"),
		f("OVERLAY", "OVERLAY(s PLACING new FROM start [FOR length])", "s with length characters from start on, as many as new has when not given, replaced by new.",
			resolve(form(overlaid, aString, aString, anInt, anInt).opt(1)), "OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6)", "xxxxxxxxx", "OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6 FOR 2)", "xxxxxxxxxst"),
		f("SPLIT_INDEX", "SPLIT_INDEX(s, separator, n)", "The n-th part of s, counted from 0, between separators; NULL if there is none.",
			resolve(form(str, aString, aString, anInt).nulls(always), form(str, aString, anInt, anInt).nulls(always)),
			"SPLIT_INDEX('a,b,c', ',', 1)", "b", "SPLIT_INDEX('a,b', ',', 5)", "NULL", "SPLIT_INDEX('a,,c', ',', 1)", "", "SPLIT_INDEX('a,b', 44, 0)", "a"),
		f("STARTSWITH", "STARTSWITH(s, prefix)", "TRUE if s begins with prefix.", resolve(form(is(types.TBoolean), aString, aString), form(is(types.TBoolean), aBinary, aBinary)), "STARTSWITH('order-7', 'order-')", "TRUE"),
		f("ENDSWITH", "ENDSWITH(s, suffix)", "TRUE if s ends with suffix.", resolve(form(is(types.TBoolean), aString, aString), form(is(types.TBoolean), aBinary, aBinary)), "ENDSWITH('order-7', '-8')", "FALSE"),
		f("TRANSLATE", "TRANSLATE(s, from, to)", "s with each character of from replaced by the one at the same place in to, or left out where there is none.",
			resolve(form(str, aString, aString, aString)), "TRANSLATE('banana', 'an', 'o')", "booo"),
		f("ELT", "ELT(n, s, ...)", "The n-th of the strings, counted from 1; NULL if there is none.", resolveElt,
			"ELT(2, 'a', 'b')", "b", "ELT(3, 'a', 'b')", "NULL"),
		f("ASCII", "ASCII(s)", "The first byte of s in UTF-8 as a signed number, 0 of an empty string.", resolve(form(num, aString)), "ASCII('abc')", "97", "ASCII('')", "0"),
		f("CHR", "CHR(n)", "The character of a number; n modulo 256 if larger, nothing if negative.", resolve(form(str, anInt).nulls(always)), "CHR(97)", "a", "CHR(353)", "a", "CHR(-1)", ""),
		f("TO_BASE64", "TO_BASE64(s)", "s, in UTF-8, as base64.", resolve(form(str, aString), form(str, aBinary)), "TO_BASE64('hello world')", "aGVsbG8gd29ybGQ="),
		f("FROM_BASE64", "FROM_BASE64(s)", "The string that base64 stands for; an error if s is not base64.", resolve(form(str, aString).nulls(always)), "FROM_BASE64('aGVsbG8gd29ybGQ=')", "hello world"),
		f("PARSE_URL", "PARSE_URL(url, part [, key])", "A part of a URL: HOST, PATH, QUERY, REF, PROTOCOL, AUTHORITY, FILE or USERINFO; of QUERY also the value of one key. NULL if there is no such part.",
			resolve(form(str, aString, aString, aString).opt(1).nulls(always)),
			"PARSE_URL('http://example.org/path1/p.php?k1=v1&k2=v2#Ref1', 'HOST')", "example.org",
			"PARSE_URL('http://example.org/path1/p.php?k1=v1&k2=v2#Ref1', 'QUERY', 'k2')", "v2",
			"PARSE_URL('http://u:p@example.org:8080/a?b=c', 'FILE')", "/a?b=c", "PARSE_URL('http://example.org/', 'REF')", "NULL"),
		f("URL_ENCODE", "URL_ENCODE(s)", "s for a form or query of a URL: + for a blank, %XX for bytes that are not letters, digits or one of . - * _.",
			resolve(form(str, aString)), "URL_ENCODE('a b&c')", "a+b%26c"),
		f("URL_DECODE", "URL_DECODE(s)", "What URL_ENCODE made s of; NULL if it is not of that form.", resolve(form(str, aString).nulls(always)), "URL_DECODE('a+b%26c')", "a b&c", "URL_DECODE('%zz')", "NULL"),
		{
			Name: "PRINTF", Family: "string", Syntax: "PRINTF(format, x, ...)", Deterministic: true, Nulls: NullsToKernel,
			Doc:      "The values in a format as Java's String.format has it: %s, %d, %x, %o, %c, %b, %e, %f with flags, width and precision. NULL if a value does not fit its place.",
			Resolve:  resolve(form(str, aString).variadic(printable).nulls(always)),
			Examples: examples("PRINTF('%s-%03d', 'a', 7)", "a-007", "PRINTF('%.2f|%,d', CAST(3.14159 AS DOUBLE), 1234567)", "3.14|1,234,567", "PRINTF('%d', 'a')", "NULL", "PRINTF('%s', CAST(NULL AS STRING))", "null"),
		},
		f("ENCODE", "ENCODE(s, charset)", "s as bytes in UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE or UTF-16LE.", charset(resolve(form(is(types.TBytes), aString, aString).nulls(always))), "HEX(DECODE(ENCODE('ä', 'ISO-8859-1'), 'ISO-8859-1'))", "C3A4"),
		f("DECODE", "DECODE(bytes, charset)", "The string that bytes are in a character set, see ENCODE.", charset(resolve(form(str, aBinary, aString).nulls(always))), "DECODE(ENCODE('grün', 'UTF-16'), 'UTF-16')", "grün"),
	}
}

// printable is what PRINTF prints.
var printable = param{what: "a string, number or BOOLEAN", null: types.TString, ok: func(t types.Type) bool {
	return t.IsString() || t.IsNumeric() || t.Kind == types.Boolean
}}

// charset is the types of ENCODE and DECODE, whose second argument is looked at where it is a constant.
func charset(of ResolveFunc) ResolveFunc {
	return func(args []Arg) (types.Type, []types.Type, error) {
		t, casts, err := of(args)
		if err != nil {
			return t, casts, err
		}
		if name, ok := args[1].Value.(string); ok && Charset(name) == "" {
			return types.Type{}, nil, fmt.Errorf("there is no character set called '%s': use UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE or UTF-16LE", name)
		}
		return t, casts, nil
	}
}

// Charset is the name by which the kernels of ENCODE and DECODE know a character set, of any of the names that Java has for it; empty for
// one that they do not know.
func Charset(name string) string {
	switch strings.ToUpper(name) {
	case "UTF-8", "UTF8", "UNICODE-1-1-UTF-8":
		return "UTF-8"
	case "US-ASCII", "ASCII", "ISO646-US", "ANSI_X3.4-1968", "ISO_646.IRV:1991", "CP367", "IBM367", "646":
		return "US-ASCII"
	case "ISO-8859-1", "ISO8859-1", "ISO8859_1", "ISO_8859-1", "ISO_8859_1", "LATIN1", "L1", "819", "CP819", "IBM819", "IBM-819", "CSISOLATIN1", "ISO-IR-100":
		return "ISO-8859-1"
	case "UTF-16", "UTF16", "UTF_16", "UNICODE", "UNICODEBIG":
		return "UTF-16"
	case "UTF-16BE", "UTF_16BE", "UNICODEBIGUNMARKED", "X-UTF-16BE":
		return "UTF-16BE"
	case "UTF-16LE", "UTF_16LE", "UNICODELITTLEUNMARKED", "X-UTF-16LE":
		return "UTF-16LE"
	}
	return ""
}

// resolveElt takes a whole number and strings, or BYTES, which get a common type.
func resolveElt(args []Arg) (types.Type, []types.Type, error) {
	t, casts, err := resolve(form(is(types.TString), anInt, aString).variadic(aString), form(is(types.TBytes), anInt, aBinary).variadic(aBinary))(args)
	if err != nil {
		return t, nil, err
	}
	t, values, err := castAll(args, 1)
	copy(casts[1:], values[1:])
	return t.WithNullable(true), casts, err
}

// overlaid is the type of OVERLAY: as long as both strings together.
func overlaid(a []Arg) types.Type { return varchar(min(a[0].Type.Len+a[1].Type.Len, types.MaxLen)) }

// joined is the type of a || b: as long as both together.
func joined(a []Arg) types.Type {
	x, y := a[0].Type, a[1].Type
	t := types.Type{Kind: types.VarChar, Len: min(x.Len+y.Len, types.MaxLen)}
	if x.Kind == types.Char && y.Kind == types.Char && t.Len < types.MaxLen {
		t.Kind = types.Char
	}
	return t
}

func joinedBytes(a []Arg) types.Type {
	x, y := a[0].Type, a[1].Type
	t := types.Type{Kind: types.VarBinary, Len: min(x.Len+y.Len, types.MaxLen)}
	if x.Kind == types.Binary && y.Kind == types.Binary && t.Len < types.MaxLen {
		t.Kind = types.Binary
	}
	return t
}
