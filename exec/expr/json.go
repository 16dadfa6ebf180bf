package expr

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"weir/exec/expr/text"
	"weir/planner/scalar"
)

var jsonKernels = map[string]builder{
	"JSON_VALUE": jsonValueAt, "JSON_QUERY": jsonQuery, "JSON_EXISTS": jsonExists,
	"IS JSON": isJSON(func(fastjson.Type) bool { return true }), "IS JSON VALUE": isJSON(func(fastjson.Type) bool { return true }),
	"IS JSON SCALAR": isJSON(func(t fastjson.Type) bool { return t != fastjson.TypeObject && t != fastjson.TypeArray }),
	"IS JSON ARRAY":  isJSON(func(t fastjson.Type) bool { return t == fastjson.TypeArray }),
	"IS JSON OBJECT": isJSON(func(t fastjson.Type) bool { return t == fastjson.TypeObject }),
	"JSON_QUOTE": rows(func(k *rowKernel, i int) error {
		k.end(i, appendASCII(k.arena(), k.str(0, i)))
		return nil
	}),
	"JSON_UNQUOTE": rows(unquote), "JSON_STRING": rows(jsonString), "PARSE_JSON": parseJSON(false), "TRY_PARSE_JSON": parseJSON(true), "JSON": rows(rawJSON), "JSON_OBJECT": jsonObject, "JSON_ARRAY": jsonArray,
}

// appendNumber appends a JSON number as Flink prints it: one with an exponent as Java's BigDecimal does, 1E+5.
func appendNumber(dst []byte, s string) []byte {
	m, e, found := strings.Cut(strings.ToUpper(s), "E")
	if !found {
		return append(dst, s...)
	}
	exp, err := strconv.Atoi(e)
	if err != nil {
		return append(dst, s...)
	}
	sign := ""
	if m[0] == '-' {
		sign, m = "-", m[1:]
	}
	whole, frac, _ := strings.Cut(m, ".")
	digits := strings.TrimLeft(whole+frac, "0")
	if digits == "" {
		digits = "0"
	}
	scale := len(frac) - exp
	dst = append(dst, sign...)
	at := len(digits) - scale // digits before the point
	switch {
	case scale == 0:
		return append(dst, digits...)
	case scale > 0 && at-1 >= -6:
		if at <= 0 {
			digits, at = strings.Repeat("0", 1-at)+digits, 1
		}
		return append(append(append(dst, digits[:at]...), '.'), digits[at:]...)
	}
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(append(dst, '.'), digits[1:]...)
	}
	dst = append(dst, 'E')
	if at-1 >= 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(at-1), 10)
}

// appendJSON appends v with the members of its objects in the order of their keys, as Flink does.
func appendJSON(dst []byte, v *fastjson.Value) []byte {
	switch v.Type() {
	case fastjson.TypeObject:
		o := v.GetObject()
		keys := make([]string, 0, o.Len())
		seen := map[string]*fastjson.Value{}
		o.Visit(func(key []byte, member *fastjson.Value) {
			k := string(key)
			if seen[k] == nil {
				keys = append(keys, k)
			}
			seen[k] = member
		})
		slices.Sort(keys)
		dst = append(dst, '{')
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(text.AppendJSONString(dst, []byte(k)), ':')
			dst = appendJSON(dst, seen[k])
		}
		return append(dst, '}')
	case fastjson.TypeArray:
		dst = append(dst, '[')
		for i, e := range v.GetArray() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, e)
		}
		return append(dst, ']')
	case fastjson.TypeString:
		return text.AppendJSONString(dst, v.GetStringBytes())
	case fastjson.TypeNumber:
		return appendNumber(dst, string(v.MarshalTo(nil)))
	}
	return v.MarshalTo(dst)
}

// isJSON is IS JSON of some kinds of values.
func isJSON(kind func(fastjson.Type) bool) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		p := &fastjson.Parser{}
		k := newRows(e, args, func(k *rowKernel, i int) error {
			ok := false
			if !k.null(0, i) && json.Valid(k.str(0, i)) {
				v, err := p.ParseBytes(k.str(0, i))
				ok = err == nil && kind(v.Type())
			}
			k.setBool(i, ok)
			return nil
		})
		k.nulls = true
		return k, nil
	}
}

// appendASCII appends s as a JSON string in which everything beyond ASCII, and the slash, is escaped.
func appendASCII(dst, s []byte) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		s = s[n:]
		switch {
		case r == '/':
			dst = append(dst, `\/`...)
		case r < utf8.RuneSelf:
			at := len(dst)
			dst = text.AppendJSONString(dst, []byte{byte(r)})
			dst = append(dst[:at], dst[at+1:len(dst)-1]...) // without its quotes
		default:
			for _, u := range utf16.Encode([]rune{r}) {
				dst = fmt.Appendf(dst, "\\u%04x", u)
			}
		}
	}
	return append(dst, '"')
}

// unquote gives what a JSON string says, and anything else as it is.
func unquote(k *rowKernel, i int) error {
	s := k.str(0, i)
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		if v, err := fastjson.ParseBytes(s); err == nil && json.Valid(s) && v.Type() == fastjson.TypeString {
			k.setStr(i, v.GetStringBytes())
			return nil
		}
	}
	k.setStr(i, s)
	return nil
}
