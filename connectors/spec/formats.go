package spec

import (
	"strings"
	"unicode/utf8"

	"weir/parser/diag"
	c "weir/planner/catalog"
	"weir/planner/types"
)

func json() *c.FormatSpec {
	return &c.FormatSpec{
		Name: "json", Doc: "One JSON object a record, its members by column name; an array at the top gives several rows.", Fields: true,
		Options: []c.OptionSpec{
			opt("fail-on-missing-field", c.OptBool, "false", "Whether a member that is missing is an error instead of NULL.", "true"),
			opt("ignore-parse-errors", c.OptBool, "false", "Whether a member that cannot be understood is NULL, and a record that is no JSON is skipped and counted.", "true"),
			enum("timestamp-format.standard", "SQL", "How timestamps are written: '2026-01-01 00:00:00.123' or '2026-01-01T00:00:00.123', TIMESTAMP_LTZ with Z.",
				"SQL", "ISO-8601", "ISO-8601-WITH-OFFSET"),
			enum("map-null-key.mode", "FAIL", "What a NULL key of a MAP does when written.", "FAIL", "DROP", "LITERAL"),
			opt("map-null-key.literal", c.OptString, "null", "The text for a NULL key with 'LITERAL'.", "none"),
			opt("encode.decimal-as-plain-number", c.OptBool, "false", "Whether DECIMAL is written without an exponent always.", "true"),
			opt("encode.ignore-null-fields", c.OptBool, "false", "Whether NULL columns are left out of the object.", "true"),
			opt("decode.json-parser.enabled", c.OptBool, "true", "Accepted for compatibility; there is one decoder.", "true"),
			enum("zero-timestamp.behavior", "FAIL", "What a timestamp 0000-00-00 00:00:00 does.", "FAIL", "CONVERT_TO_NULL"),
		},
		Check: checkJSON,
	}
}

func checkJSON(t *c.Table, columns []int, opts c.Options, use c.Use, diags *diag.List) {
	if use != c.UseDefine {
		return
	}
	if o := opts.Lookup("decode.json-parser.enabled"); o != nil {
		diags.Warnf(CodeOptionNoEffect, o.KeySpan, "json: 'decode.json-parser.enabled' has no effect: there is one decoder")
	}
	missing, _ := opts.Get("fail-on-missing-field")
	ignore, _ := opts.Get("ignore-parse-errors")
	if strings.EqualFold(missing, "true") && strings.EqualFold(ignore, "true") {
		o := opts.Lookup("fail-on-missing-field")
		diags.Errorf(CodeOptionCombination, o.ValueSpan, "json: 'fail-on-missing-field' and 'ignore-parse-errors' cannot both be true").
			Label(opts.Lookup("ignore-parse-errors").ValueSpan, "errors are already ignored here").
			Help("keep one of them")
	}
	for _, i := range columns {
		if why := jsonType(t.Columns[i].Type); why != "" {
			diags.Errorf(CodeFormatColumn, t.Columns[i].Span, "column %s %s: format 'json' %s", t.Columns[i].Name, t.Columns[i].Type, why).
				Help("declare the keys of a MAP, and the elements of a MULTISET, as STRING")
		}
	}
}

// jsonType says why JSON cannot carry t; empty when it can.
func jsonType(t types.Type) string {
	switch t.Kind {
	case types.Array:
		return jsonType(t.Nested.Elem)
	case types.Map:
		if !t.Nested.Key.IsString() {
			return "knows only text as the key of a MAP, not " + t.Nested.Key.WithNullable(true).String()
		}
		return jsonType(t.Nested.Elem)
	case types.Multiset:
		if !t.Nested.Elem.IsString() {
			return "knows only text as the element of a MULTISET, not " + t.Nested.Elem.WithNullable(true).String()
		}
	case types.Row:
		for _, f := range t.Nested.Fields {
			if why := jsonType(f.Type); why != "" {
				return why
			}
		}
	}
	return ""
}

func csv() *c.FormatSpec {
	return &c.FormatSpec{
		Name: "csv", Doc: "Fields of a line, separated by a character, in the order of the columns.",
		Options: []c.OptionSpec{
			opt("field-delimiter", c.OptString, ",", "The character between fields; \\t is a tab.", ";"),
			opt("disable-quote-character", c.OptBool, "false", "Whether fields are never quoted.", "true"),
			opt("quote-character", c.OptString, `"`, "The character around fields that hold delimiters.", "|"),
			opt("allow-comments", c.OptBool, "false", "Whether lines that begin with # are skipped.", "true"),
			opt("ignore-parse-errors", c.OptBool, "false", "Whether a field that cannot be understood is NULL, and a record that is no CSV is skipped and counted.", "true"),
			opt("array-element-delimiter", c.OptString, ";", "The text between the elements of an ARRAY and the fields of a ROW.", "|"),
			opt("escape-character", c.OptString, "", "The character that takes the special meaning of the next one; none by default.", `\`),
			opt("null-literal", c.OptString, "", "The text that stands for NULL; none by default.", "n/a"),
			opt("write-bigdecimal-in-scientific-notation", c.OptBool, "true", "Whether DECIMAL may be written with an exponent: 1E+5.", "false"),
			opt("trim-spaces", c.OptBool, "false", "Whether spaces around unquoted fields are dropped.", "true"),
			opt("ignore-trailing-unmappable", c.OptBool, "false", "Whether fields behind the last column are ignored.", "true"),
			opt("allow-trailing-comma", c.OptBool, "true", "Whether one delimiter behind the last field is allowed.", "false"),
			opt("fail-on-missing-columns", c.OptBool, "false", "With ignore-parse-errors: whether a line with fewer fields than columns is dropped; otherwise what is missing is NULL.", "true"),
			opt("empty-string-as-null", c.OptBool, "false", "Whether an empty field is NULL.", "true"),
			opt("ignore-first-line", c.OptBool, "false", "Whether the first line of each file is skipped.", "true"),
		},
		Check: checkCSV,
	}
}

// Character is the one character that a csv option names; \t and the like are understood.
func Character(v string) (r rune, ok bool) {
	switch v {
	case `\t`:
		return '\t', true
	case `\\`:
		return '\\', true
	case `\b`:
		return '\b', true
	case `\f`:
		return '\f', true
	case `\0`:
		return 0, true
	}
	r, n := utf8.DecodeRuneInString(v)
	return r, n > 0 && n == len(v) && !(r == utf8.RuneError && n == 1)
}

func checkCSV(t *c.Table, columns []int, opts c.Options, use c.Use, diags *diag.List) {
	if use != c.UseDefine {
		return
	}
	chars := map[rune]string{}
	disabled, _ := opts.Get("disable-quote-character")
	for _, ch := range []struct{ key, def string }{{"field-delimiter", ","}, {"quote-character", `"`}, {"escape-character", ""}} {
		v, given := opts.Get(ch.key)
		if ch.key == "quote-character" && strings.EqualFold(disabled, "true") {
			if given {
				diags.Errorf(CodeOptionCombination, opts.Lookup(ch.key).KeySpan, "csv: 'quote-character' and 'disable-quote-character' = 'true' contradict each other").
					Help("keep one of them")
			}
			continue
		}
		if !given {
			v = ch.def
		}
		if v == "" && !given {
			continue
		}
		r, ok := Character(v)
		switch {
		case !ok:
			diags.Errorf(CodeFormatOption, opts.Lookup(ch.key).ValueSpan, "csv: '%s' must be one character, found '%s'", ch.key, v).
				Help(`write the character itself, \t for a tab`)
		case r == '\n' || r == '\r':
			diags.Errorf(CodeFormatOption, opts.Lookup(ch.key).ValueSpan, "csv: '%s' cannot be the end of a line", ch.key)
		case chars[r] != "":
			o := opts.Lookup(ch.key)
			if o == nil {
				o = opts.Lookup(chars[r])
			}
			diags.Errorf(CodeFormatOption, o.ValueSpan, "csv: '%s' and '%s' are the same character", chars[r], ch.key)
		}
		chars[r] = ch.key
	}
	if v, ok := opts.Get("array-element-delimiter"); ok && v == "" {
		diags.Errorf(CodeFormatOption, opts.Lookup("array-element-delimiter").ValueSpan, "csv: 'array-element-delimiter' is empty")
	}
	if v, _ := opts.Get("ignore-first-line"); strings.EqualFold(v, "true") && t.Connector != "filesystem" {
		diags.Errorf(CodeOptionRefused, opts.Lookup("ignore-first-line").KeySpan, "csv: 'ignore-first-line' works for files only, not for connector '%s'", t.Connector).
			Help("remove it")
	}
	for _, i := range columns {
		if why := csvType(t.Columns[i].Type, 0); why != "" {
			diags.Errorf(CodeFormatColumn, t.Columns[i].Span, "column %s %s: format 'csv' %s", t.Columns[i].Name, t.Columns[i].Type, why).
				Help("use format 'json' for it")
		}
	}
}

// csvType says why CSV cannot carry t at a nesting depth; empty when it can.
func csvType(t types.Type, depth int) string {
	switch t.Kind {
	case types.Map, types.Multiset, types.Variant:
		return "cannot carry " + t.Kind.String()
	case types.Time:
		if t.Prec > 3 {
			return "carries TIME with at most 3 digits"
		}
	case types.Array:
		if depth > 0 {
			return "cannot carry an ARRAY inside of another column"
		}
		return csvType(t.Nested.Elem, 1)
	case types.Row:
		if depth > 0 {
			return "cannot carry a ROW inside of another column"
		}
		for _, f := range t.Nested.Fields {
			if why := csvType(f.Type, 1); why != "" {
				return why
			}
		}
	}
	return ""
}

func raw() *c.FormatSpec {
	return &c.FormatSpec{
		Name: "raw", Doc: "The bytes of the record as one column.",
		Options: []c.OptionSpec{
			opt("charset", c.OptString, "UTF-8", "Encoding of text.", "ISO-8859-1"),
			enum("endianness", "big-endian", "Order of the bytes of numbers.", "big-endian", "little-endian"),
			opt("line-delimiter", c.OptString, "", "Splits a record into rows, and is put behind every written row; none by default.", `\n`),
		},
		Check: checkRaw,
	}
}

// Charsets lists the encodings that format raw knows, by Java's names in upper case.
var Charsets = []string{"UTF-8", "UTF-16", "UTF-16BE", "UTF-16LE", "US-ASCII", "ISO-8859-1", "ISO-8859-2", "ISO-8859-15",
	"WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "KOI8-R", "SHIFT_JIS", "EUC-JP", "EUC-KR", "GBK", "GB18030", "BIG5"}

func checkRaw(t *c.Table, columns []int, opts c.Options, use c.Use, diags *diag.List) {
	if use != c.UseDefine {
		return
	}
	if len(columns) != 1 {
		names := make([]string, 0, len(columns))
		for _, i := range columns {
			names = append(names, t.Columns[i].Name)
		}
		at := t.NameSpan
		if len(columns) > 1 {
			at = t.Columns[columns[1]].Span
		}
		diags.Errorf(CodeFormatColumn, at, "format 'raw' carries exactly one column, and table %s gives it %d (%s)", t.Name, len(columns), strings.Join(names, ", ")).
			Help("use 'json' or 'csv', or leave one physical column; the record's key, time and partition are METADATA columns")
	}
	for _, i := range columns {
		switch k := t.Columns[i].Type.Kind; k {
		case types.Char, types.VarChar, types.Binary, types.VarBinary, types.Boolean, types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double:
		default:
			diags.Errorf(CodeFormatColumn, t.Columns[i].Span, "column %s %s: format 'raw' cannot carry %s", t.Columns[i].Name, t.Columns[i].Type, k).
				Help("declare it as STRING or BYTES and convert it in the query")
		}
	}
	if v, ok := opts.Get("charset"); ok && !knownCharset(v) {
		d := diags.Errorf(CodeFormatOption, opts.Lookup("charset").ValueSpan, "raw: charset '%s' is not known", v)
		if s, ok := diag.Suggest(v, Charsets); ok {
			d.Help("did you mean '%s'?", s)
		} else {
			d.Help("known are %s", strings.Join(Charsets, ", "))
		}
	}
}

func knownCharset(v string) bool {
	switch strings.ToUpper(v) {
	case "UTF8", "ASCII", "LATIN1":
		return true
	}
	for _, s := range Charsets {
		if strings.EqualFold(s, v) {
			return true
		}
	}
	return false
}
