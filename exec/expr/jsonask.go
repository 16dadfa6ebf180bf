package expr

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"weir/exec/expr/text"
	"weir/planner/fn"
	"weir/planner/scalar"
	"weir/planner/types"
)

// A path of mode lax finds nothing where something is missing or has not the form that is asked for, and ON EMPTY says
// what then; without lax that is an error, and ON ERROR says what then.

// jsonAsk is what JSON_VALUE, JSON_QUERY and JSON_EXISTS share.
type jsonAsk struct {
	*rowKernel
	parser fastjson.Parser
	fixed  *fn.JSONPath // nil where the path is no constant
	walk   jsonWalk
	// onEmpty and onError are the words, empty and fallback the defaults as arguments of the kernel, -1 without.
	onEmpty, onError string
	empty, fallback  int
}

// newJSONAsk makes the kernel of f; further arguments than the text and the path are given to it after them.
func newJSONAsk(e *scalar.Call, args []node, f func(a *jsonAsk, i int) error, more ...node) (*jsonAsk, error) {
	a := &jsonAsk{onEmpty: "NULL", onError: "NULL", empty: -1, fallback: -1}
	if s, ok := constBytes(args[1]); ok {
		p, err := fn.ParseJSONPath(string(s))
		if err != nil {
			return nil, &RowError{Span: e.Sp, Reason: err.Error()}
		}
		a.fixed = p
	}
	a.rowKernel = newRows(e, append(args[:2:2], more...), func(k *rowKernel, i int) error {
		if k.null(0, i) || k.null(1, i) {
			return k.setNull(i)
		}
		return f(a, i)
	})
	a.nulls = true
	return a, nil
}

// find is what the path finds at row i: found is false where a value on the way is missing, or the text is no JSON.
func (a *jsonAsk) find(i int) (v *fastjson.Value, p *fn.JSONPath, found bool, err error) {
	p = a.fixed
	if p == nil {
		if p, err = fn.ParseJSONPath(string(a.str(1, i))); err != nil {
			return nil, p, false, a.fail(i, "", "%s", err)
		}
	}
	text := a.str(0, i)
	root, err := a.parser.ParseBytes(text)
	if first := firstJSON(text); err != nil && len(first) > 0 && len(first) < len(text) {
		root, err = a.parser.ParseBytes(first)
	}
	if err != nil {
		return nil, p, false, nil // no JSON is for ON ERROR, or ON EMPTY
	}
	v, found = a.walk.find(root, p)
	return v, p, found, nil
}

// firstJSON is the value that s begins with, for texts behind which something follows: as in Flink that is not looked at. A number must have a
// blank behind it, a word no letter. It is empty where there is none.
func firstJSON(s []byte) []byte {
	start := bytes.IndexFunc(s, func(r rune) bool { return r != ' ' && r != '\t' && r != '\n' && r != '\r' })
	if start < 0 {
		return nil
	}
	depth, quoted := 0, false
	switch s[start] {
	case '{', '[', '"':
		for i := start; i < len(s); i++ {
			switch c := s[i]; {
			case quoted && c == '\\':
				i++
				continue
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				depth--
			}
			if depth == 0 && !quoted {
				return s[:i+1]
			}
		}
		return nil
	}
	end := bytes.IndexAny(s[start:], " \t\n\r")
	if word := bytes.IndexAny(s[start:], "{}[]\","); word > 0 && (end < 0 || word < end) && s[start] >= 'a' {
		end = word
	}
	if end < 0 {
		return nil
	}
	return s[:start+end]
}

// found makes row i by set of what the path finds there, or what ON EMPTY or ON ERROR says where that is nothing or null. lax is the path's mode.
func (a *jsonAsk) found(i int, set func(v *fastjson.Value, lax bool) error) error {
	v, p, there, err := a.find(i)
	if err != nil {
		return err
	}
	if !there || v.Type() == fastjson.TypeNull {
		return a.instead(i, p.Lax, "there is no value")
	}
	return set(v, p.Lax)
}

// instead does what ON EMPTY (lax) or ON ERROR says.
func (a *jsonAsk) instead(i int, lax bool, what string) error {
	word, def, on := a.onError, a.fallback, "ERROR"
	if lax {
		word, def, on = a.onEmpty, a.empty, "EMPTY"
	}
	switch word {
	case "ERROR":
		return a.fail(i, "without ERROR ON "+on+" such a row gives NULL", "%s: %s in %s", a.name, what, quoted(a.str(0, i)))
	case "DEFAULT":
		if !a.null(def, i) {
			a.out.SetFrom(i, a.in[def], i)
			return nil
		}
	case "EMPTY ARRAY":
		if a.out.Type.Kind == types.Array {
			return a.list(i, func() {})
		}
		a.setStr(i, []byte("[]"))
		return nil
	case "EMPTY OBJECT":
		a.setStr(i, []byte("{}"))
		return nil
	case "TRUE", "FALSE":
		a.setBool(i, word == "TRUE")
		return nil
	}
	return a.setNull(i)
}

// jsonValueAt is JSON_VALUE.
func jsonValueAt(_ *compiler, e *scalar.Call, args []node) (node, error) {
	var defaults []node
	if len(args) > 2 {
		defaults = []node{args[4], args[6]}
	}
	a, err := newJSONAsk(e, args, func(a *jsonAsk, i int) error {
		return a.found(i, func(v *fastjson.Value, lax bool) error {
			if t := v.Type(); t == fastjson.TypeObject || t == fastjson.TypeArray {
				return a.instead(i, lax, "the value is an object or an array")
			}
			if !a.setScalar(i, v) {
				return a.instead(i, false, "the value is no "+a.out.Type.WithNullable(true).String())
			}
			return nil
		})
	}, defaults...)
	if err == nil && len(args) > 2 {
		a.onEmpty, a.onError, a.empty, a.fallback = wordOf(e.Args[3]), wordOf(e.Args[5]), 2, 3
	}
	return a, err
}

// setScalar makes row i the value v in the type of the result; false if it has no such form.
func (a *jsonAsk) setScalar(i int, v *fastjson.Value) bool {
	switch a.out.Type.Kind {
	case types.Boolean:
		if t := v.Type(); t != fastjson.TypeTrue && t != fastjson.TypeFalse {
			return false
		}
		a.setBool(i, v.Type() == fastjson.TypeTrue)
		return true
	case types.Int:
		n, err := v.Int64()
		if err != nil || int64(int32(n)) != n {
			return false
		}
		a.setInt(i, n)
		return true
	case types.Double:
		f, err := v.Float64()
		if err != nil {
			return false
		}
		a.setFlt(i, f)
		return true
	}
	from := len(a.arena())
	data := appendScalar(a.arena(), v)
	a.endCut(i, from, data)
	return true
}

// endCut makes row i what data has behind byte from, cut to the length of the result's type.
func (a *jsonAsk) endCut(i, from int, data []byte) {
	if n := a.out.Type.Len; n < types.MaxLen && len(data)-from > n {
		data = data[:from+cutRunes(data[from:], n)]
	}
	a.end(i, data)
}

// cutRunes is how many bytes the first n characters of s have.
func cutRunes(s []byte, n int) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, w := utf8.DecodeRune(s[at:])
		at += w
	}
	return at
}

// appendScalar appends what v says: a text without its quotes, all else as JSON.
func appendScalar(dst []byte, v *fastjson.Value) []byte {
	if v.Type() == fastjson.TypeString {
		return append(dst, v.GetStringBytes()...)
	}
	return appendJSON(dst, v)
}

// jsonQuery is JSON_QUERY.
func jsonQuery(_ *compiler, e *scalar.Call, args []node) (node, error) {
	wrapper := "WITHOUT"
	if len(args) > 2 {
		wrapper = wordOf(e.Args[3])
	}
	a, err := newJSONAsk(e, args, func(a *jsonAsk, i int) error {
		return a.found(i, func(v *fastjson.Value, lax bool) error {
			wrap := wrapper == "UNCONDITIONAL" || wrapper == "CONDITIONAL" && v.Type() != fastjson.TypeArray
			if !wrap && v.Type() != fastjson.TypeObject && v.Type() != fastjson.TypeArray {
				return a.instead(i, lax, "the value is no object or array")
			}
			if a.out.Type.Kind == types.Array {
				return a.setList(i, v, wrap)
			}
			from := len(a.arena())
			data := a.arena()
			if wrap {
				data = append(appendJSON(append(data, '['), v), ']')
			} else {
				data = appendJSON(data, v)
			}
			a.endCut(i, from, data)
			return nil
		})
	})
	if err == nil && len(args) > 2 {
		a.onEmpty, a.onError = wordOf(e.Args[4]), wordOf(e.Args[5])
	}
	return a, err
}

// setList makes row i the elements of v as texts, or v alone.
func (a *jsonAsk) setList(i int, v *fastjson.Value, wrap bool) error {
	elements := []*fastjson.Value{v}
	if !wrap {
		if v.Type() != fastjson.TypeArray {
			return a.instead(i, false, "the value is no array")
		}
		elements = v.GetArray()
	}
	out := a.out.Children[0]
	var buf []byte
	return a.list(i, func() {
		for _, e := range elements {
			if e.Type() == fastjson.TypeNull {
				out.AppendNull()
				continue
			}
			buf = appendScalar(buf[:0], e)
			out.AppendBytes(buf)
		}
	})
}

// jsonExists is JSON_EXISTS.
func jsonExists(_ *compiler, e *scalar.Call, args []node) (node, error) {
	a, err := newJSONAsk(e, args, func(a *jsonAsk, i int) error {
		v, p, found, err := a.find(i)
		switch {
		case err != nil:
			return err
		case found:
			a.setBool(i, v.Type() != fastjson.TypeNull)
			return nil
		case p.Lax:
			a.setBool(i, false)
			return nil
		}
		return a.instead(i, false, "there is no value")
	})
	if err == nil {
		a.onError = "FALSE"
		if len(args) > 2 {
			a.onError = wordOf(e.Args[2])
		}
	}
	return a, err
}

// jsonWalk follows paths.
type jsonWalk struct {
	arena fastjson.Arena
	vals  []*fastjson.Value
}

// find is the value at p; for a path of many values an array of them. It is valid until the next find.
func (w *jsonWalk) find(root *fastjson.Value, p *fn.JSONPath) (*fastjson.Value, bool) {
	w.arena.Reset()
	return w.from(root, root, p)
}

func (w *jsonWalk) from(v, root *fastjson.Value, p *fn.JSONPath) (*fastjson.Value, bool) {
	// Up to the first step of many values there is one.
	n := 0
	for n < len(p.Steps) && single(&p.Steps[n]) {
		if v = one(v, &p.Steps[n], &w.arena); v == nil {
			if p.Many && p.Lax {
				return w.arena.NewArray(), true
			}
			return nil, false
		}
		n++
	}
	if p.Many {
		begin := len(w.vals)
		w.many(v, root, p.Steps[n:])
		out := w.arena.NewArray()
		for i, x := range w.vals[begin:] {
			out.SetArrayItem(i, x)
		}
		w.vals = w.vals[:begin]
		v = out
	}
	if p.Func != "" {
		return w.function(v, p.Func)
	}
	return v, true
}

// single reports a step to one value.
func single(s *fn.JSONStep) bool { return !s.Deep && (len(s.Keys) > 0 || len(s.Indexes) == 1) }

// one takes a single step; nil: there is nothing.
func one(v *fastjson.Value, s *fn.JSONStep, arena *fastjson.Arena) *fastjson.Value {
	switch {
	case len(s.Keys) > 0:
		if v.Type() != fastjson.TypeObject {
			return nil
		}
		if len(s.Keys) == 1 {
			return v.Get(s.Keys[0])
		}
		out := arena.NewObject()
		for _, k := range s.Keys {
			if x := v.Get(k); x != nil {
				out.Set(k, x)
			}
		}
		return out
	default:
		if v.Type() != fastjson.TypeArray {
			return nil
		}
		return element(v.GetArray(), s.Indexes[0])
	}
}

func element(list []*fastjson.Value, at int) *fastjson.Value {
	if at < 0 {
		at += len(list)
	}
	if at < 0 || at >= len(list) {
		return nil
	}
	return list[at]
}

// many collects what steps find from v on.
func (w *jsonWalk) many(v, root *fastjson.Value, steps []fn.JSONStep) {
	if len(steps) == 0 {
		w.vals = append(w.vals, v)
		return
	}
	s, rest := &steps[0], steps[1:]
	w.step(v, root, s, rest)
	if s.Deep {
		eachChild(v, func(child *fastjson.Value) { w.many(child, root, steps) })
	}
}

// step takes one step from v, and goes on.
func (w *jsonWalk) step(v, root *fastjson.Value, s *fn.JSONStep, rest []fn.JSONStep) {
	switch {
	case s.All:
		eachChild(v, func(child *fastjson.Value) { w.many(child, root, rest) })
	case s.Filter != nil:
		if v.Type() != fastjson.TypeArray {
			if w.holds(v, root, s.Filter) {
				w.many(v, root, rest)
			}
			return
		}
		for _, x := range v.GetArray() {
			if w.holds(x, root, s.Filter) {
				w.many(x, root, rest)
			}
		}
	case s.Slice != nil:
		if v.Type() == fastjson.TypeArray {
			for _, x := range slice(v.GetArray(), s.Slice) {
				w.many(x, root, rest)
			}
		}
	case len(s.Indexes) > 1:
		if v.Type() == fastjson.TypeArray {
			for _, n := range s.Indexes {
				if x := element(v.GetArray(), n); x != nil {
					w.many(x, root, rest)
				}
			}
		}
	default:
		if x := one(v, s, &w.arena); x != nil {
			w.many(x, root, rest)
		}
	}
}

// eachChild visits the members of an object, or the elements of an array.
func eachChild(v *fastjson.Value, f func(*fastjson.Value)) {
	switch v.Type() {
	case fastjson.TypeObject:
		v.GetObject().Visit(func(_ []byte, child *fastjson.Value) { f(child) })
	case fastjson.TypeArray:
		for _, child := range v.GetArray() {
			f(child)
		}
	}
}

// slice is [from:to] of list. As with Jayway an end below 0 counts from the end of the list only where there is no beginning.
func slice(list []*fastjson.Value, s *fn.JSONSlice) []*fastjson.Value {
	n := len(list)
	from, to := 0, n
	if s.From != nil {
		if from = *s.From; from < 0 {
			from += n
		}
	}
	if s.To != nil {
		if to = *s.To; to < 0 && s.From == nil {
			to += n
		}
	}
	from, to = max(from, 0), min(to, n)
	if from >= to {
		return nil
	}
	return list[from:to]
}

// function is .length() and its kin.
func (w *jsonWalk) function(v *fastjson.Value, name string) (*fastjson.Value, bool) {
	switch name {
	case "length", "size":
		switch v.Type() {
		case fastjson.TypeArray:
			return w.arena.NewNumberInt(len(v.GetArray())), true
		case fastjson.TypeObject:
			return w.arena.NewNumberInt(v.GetObject().Len()), true
		}
		return nil, false
	case "keys":
		if v.Type() != fastjson.TypeObject {
			return nil, false
		}
		out := w.arena.NewArray()
		v.GetObject().Visit(func(key []byte, _ *fastjson.Value) {
			out.SetArrayItem(len(out.GetArray()), w.arena.NewStringBytes(key))
		})
		return out, true
	}
	if v.Type() != fastjson.TypeArray {
		return nil, false
	}
	sum, least, most, n := 0.0, math.Inf(1), math.Inf(-1), 0
	for _, x := range v.GetArray() {
		if f, err := x.Float64(); err == nil {
			sum, least, most, n = sum+f, min(least, f), max(most, f), n+1
		}
	}
	if n == 0 {
		return nil, false
	}
	r := map[string]float64{"sum": sum, "min": least, "max": most, "avg": sum / float64(n)}[name]
	return w.arena.NewNumberString(string(text.AppendFloat(nil, r, false))), true
}

// holds reports whether a filter is true of v.
func (w *jsonWalk) holds(v, root *fastjson.Value, f *fn.JSONFilter) bool {
	switch f.Op {
	case "&&":
		return w.holds(v, root, f.L) && w.holds(v, root, f.R)
	case "||":
		return w.holds(v, root, f.L) || w.holds(v, root, f.R)
	case "!":
		return !w.holds(v, root, f.L)
	case "":
		_, there := w.operand(v, root, f.X)
		return there
	}
	l, lThere := w.operand(v, root, f.L.X)
	if f.Op == "=~" {
		re, ok := f.R.X.Value.(interface{ MatchString(string) bool })
		s, isText := l.(string)
		return ok && isText && re.MatchString(s)
	}
	r, rThere := w.operand(v, root, f.R.X)
	switch f.Op {
	case "==":
		return lThere && rThere && l == r
	case "!=":
		return !(lThere && rThere && l == r)
	case "in", "nin":
		in := false
		if f.R.X.Path == nil {
			list, _ := f.R.X.Value.([]any)
			for _, x := range list {
				in = in || lThere && x == l
			}
		}
		return lThere && in == (f.Op == "in")
	}
	c, ok := compareJSON(l, r)
	if !lThere || !rThere || !ok {
		return false
	}
	switch f.Op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// operand is the value of an operand: nil, bool, float64 or string; of objects and arrays their JSON in quotes of its own, which is
// equal to that of an equal one.
func (w *jsonWalk) operand(v, root *fastjson.Value, o fn.JSONOperand) (any, bool) {
	if o.Path == nil {
		if _, list := o.Value.([]any); list {
			return nil, true
		}
		return o.Value, true
	}
	if o.Root {
		v = root
	}
	x, found := w.from(v, root, o.Path)
	if !found {
		return nil, false
	}
	switch x.Type() {
	case fastjson.TypeNull:
		return nil, true
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return x.Type() == fastjson.TypeTrue, true
	case fastjson.TypeNumber:
		f, err := strconv.ParseFloat(string(x.MarshalTo(nil)), 64)
		return f, err == nil
	case fastjson.TypeString:
		return string(x.GetStringBytes()), true
	}
	return jsonText(appendJSON(nil, x)), true
}

// jsonText is an object or an array as an operand.
type jsonText string

// compareJSON orders two numbers, or two texts.
func compareJSON(a, b any) (int, bool) {
	switch a := a.(type) {
	case float64:
		if b, ok := b.(float64); ok {
			switch {
			case a < b:
				return -1, true
			case a > b:
				return 1, true
			}
			return 0, true
		}
	case string:
		if b, ok := b.(string); ok {
			return bytes.Compare([]byte(a), []byte(b)), true
		}
	}
	return 0, false
}
