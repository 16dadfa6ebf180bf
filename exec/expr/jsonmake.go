package expr

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/valyala/fastjson"

	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/planner/datetime"
	"weir/planner/fn"
	"weir/planner/scalar"
	"weir/planner/types"
)

// jsonString is a value as JSON.
func jsonString(k *rowKernel, i int) error {
	k.end(i, appendJSONOf(k.arena(), k.in[0], i, k.x.zone))
	return nil
}

// appendJSONTime appends a time with as many digits of its second as there are but for zeros at the end.
func appendJSONTime(dst []byte, micros int64) []byte {
	if micros%datetime.Second == 0 {
		return datetime.AppendTimestamp(dst, micros, 0, 'T')
	}
	return bytes.TrimRight(datetime.AppendTimestamp(dst, micros, 6, 'T'), "0")
}

// appendJSONOf appends row i of v as JSON: strings and times in quotes, bytes in base64, maps and rows as objects with their
// keys in order, NULL as null.
func appendJSONOf(dst []byte, v *batch.Vector, i int, zone *datetime.Zone) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch t := v.Type; {
	case t.IsString():
		return text.AppendJSONString(dst, v.Bytes(i))
	case t.IsBinary():
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes(i)), '"')
	case t.Kind == types.Boolean:
		return strconv.AppendBool(dst, v.Bool[i])
	case t.IsApprox():
		f := v.Flt[i] + 0 // a zero has no sign there
		if f != f || math.IsInf(f, 0) {
			return append(text.AppendFloat(append(dst, '"'), f, false), '"')
		}
		return appendNumber(dst, string(text.AppendFloat(nil, f, false))) // a FLOAT with the digits of a DOUBLE, as Flink has it
	case t.Kind == types.TimestampLTZ:
		return append(appendJSONTime(append(dst, '"'), v.Int[i]), `Z"`...)
	case t.Kind == types.Timestamp:
		return append(appendJSONTime(append(dst, '"'), v.Int[i]), '"')
	case t.Kind == types.Array:
		dst = append(dst, '[')
		for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
			if j > int(v.Off[i]) {
				dst = append(dst, ',')
			}
			dst = appendJSONOf(dst, v.Children[0], j, zone)
		}
		return append(dst, ']')
	case t.Kind == types.Map || t.Kind == types.Multiset:
		var o jsonMembers
		for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
			o.add(v.Children[0].Bytes(j), j)
		}
		return o.append(dst, func(dst []byte, j int) []byte { return appendJSONOf(dst, v.Children[1], j, zone) })
	case t.Kind == types.Row:
		var o jsonMembers
		for f := range v.Children {
			o.add([]byte(t.Nested.Fields[f].Name), f)
		}
		return o.append(dst, func(dst []byte, f int) []byte { return appendJSONOf(dst, v.Children[f], i, zone) })
	}
	return text.AppendValue(dst, v, i, zone)
}

// jsonMembers is the members of an object under way.
type jsonMembers []jsonMember

type jsonMember struct {
	key   []byte
	value int // whatever finds the value
}

func (o *jsonMembers) add(key []byte, value int) { *o = append(*o, jsonMember{key, value}) }

// order puts the keys in order; of those that are there twice the last one stays.
func (o *jsonMembers) order() {
	all := *o
	slices.SortStableFunc(all, func(a, b jsonMember) int { return bytes.Compare(a.key, b.key) })
	out := all[:0]
	for i, m := range all {
		if i+1 == len(all) || !bytes.Equal(m.key, all[i+1].key) {
			out = append(out, m)
		}
	}
	*o = out
}

// append puts the members in order and appends the object.
func (o *jsonMembers) append(dst []byte, value func(dst []byte, at int) []byte) []byte {
	o.order()
	dst = append(dst, '{')
	for i, m := range *o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(text.AppendJSONString(dst, m.key), ':')
		dst = value(dst, m.value)
	}
	return append(dst, '}')
}

// rawJSON is JSON(s): s with its members in order; nothing at all is NULL.
func rawJSON(k *rowKernel, i int) error {
	s := k.str(0, i)
	if len(bytes.TrimSpace(s)) == 0 {
		return k.setNull(i)
	}
	v, err := fastjson.ParseBytes(s)
	if err != nil || !json.Valid(s) {
		return k.fail(i, "", "JSON takes a text that is JSON, not %s", quoted(s))
	}
	k.end(i, appendJSON(k.arena(), v))
	return nil
}

// jsonValue is one value of JSON_OBJECT or JSON_ARRAY.
type jsonValue struct {
	arg int
	raw bool // it is JSON
}

func (v jsonValue) append(dst []byte, k *rowKernel, i int) []byte {
	if v.raw && !k.null(v.arg, i) {
		return append(dst, k.str(v.arg, i)...)
	}
	return appendJSONOf(dst, k.in[v.arg], i, k.x.zone)
}

// wordOf is a literal among the arguments.
func wordOf(e scalar.Expr) string {
	s, _ := e.(*scalar.Literal).Value.(string)
	return s
}

// jsonObject puts the members of constant keys in order once.
func jsonObject(_ *compiler, e *scalar.Call, args []node) (node, error) {
	absent := wordOf(e.Args[0]) == fn.JSONAbsentOnNull
	var given []node
	var values []jsonValue
	var fixed jsonMembers
	constant := true
	for a := 1; a < len(args); a += 3 {
		c := constOf(args[a])
		constant = constant && c != nil && !c.null()
		if constant {
			fixed.add([]byte(c.value.(string)), len(values))
		}
		values = append(values, jsonValue{arg: len(given) + 1, raw: wordOf(e.Args[a+1]) == fn.JSONRaw})
		given = append(given, args[a], args[a+2])
	}
	if constant {
		fixed.order()
	}
	var members, left jsonMembers
	k := newRows(e, given, func(k *rowKernel, i int) error {
		members = fixed
		if !constant {
			members = left[:0]
			for n, v := range values {
				if k.null(v.arg-1, i) {
					return k.fail(i, "write COALESCE(key, '...'), or leave such rows out", "a key of JSON_OBJECT is NULL")
				}
				members.add(k.str(v.arg-1, i), n)
			}
			members.order()
			left = members
		}
		dst := append(k.arena(), '{')
		begin := len(dst)
		for _, m := range members {
			v := values[m.value]
			if absent && k.null(v.arg, i) {
				continue
			}
			if len(dst) > begin {
				dst = append(dst, ',')
			}
			dst = append(text.AppendJSONString(dst, m.key), ':')
			dst = v.append(dst, k, i)
		}
		k.end(i, append(dst, '}'))
		return nil
	})
	k.nulls = true
	return k, nil
}

func jsonArray(_ *compiler, e *scalar.Call, args []node) (node, error) {
	absent := wordOf(e.Args[0]) == fn.JSONAbsentOnNull
	var given []node
	var values []jsonValue
	for a := 1; a < len(args); a += 2 {
		values = append(values, jsonValue{arg: len(given), raw: wordOf(e.Args[a]) == fn.JSONRaw})
		given = append(given, args[a+1])
	}
	k := newRows(e, given, func(k *rowKernel, i int) error {
		dst := append(k.arena(), '[')
		begin := len(dst)
		for _, v := range values {
			if absent && k.null(v.arg, i) {
				continue
			}
			if len(dst) > begin {
				dst = append(dst, ',')
			}
			dst = v.append(dst, k, i)
		}
		k.end(i, append(dst, ']'))
		return nil
	})
	k.nulls = true
	return k, nil
}
