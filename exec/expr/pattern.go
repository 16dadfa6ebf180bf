package expr

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	"weir/exec/batch"
	"weir/planner/fn"
	"weir/planner/scalar"
	"weir/planner/types"
)

var patternKernels = map[string]builder{
	"LIKE": like, "SIMILAR TO": similar, "REGEXP": regexpMatch, "REGEXP_REPLACE": regexpReplace, "REGEXP_EXTRACT": regexpExtract,
	"REGEXP_COUNT": regexpCount, "REGEXP_INSTR": regexpInstr, "REGEXP_SUBSTR": regexpExtract, "REGEXP_EXTRACT_ALL": regexpExtractAll,
	"STR_TO_MAP": strToMap,
}

// likeShape is what a pattern of LIKE comes down to.
type likeShape uint8

const (
	likeEqual    likeShape = iota // no wildcard
	likePrefix                    // abc%
	likeSuffix                    // %abc
	likeContains                  // %abc%
	likeParts                     // a%b%c: literal parts in order
	likeGeneral                   // with _
)

// likeMatcher is a compiled pattern of LIKE.
type likeMatcher struct {
	shape       likeShape
	text        []byte   // of the first four shapes
	parts       [][]byte // likeParts: what stands between the %
	first, last bool     // the first part is at the start, the last one at the end
	elems       []likeElem
}

type likeElem struct {
	lit      []byte // one character
	any, one bool   // %, _
}

// compileLike reads a pattern; escape is 0 for none. The error is the reason only.
func compileLike(pattern []byte, escape rune) (*likeMatcher, error) {
	m := &likeMatcher{}
	escaped, general := false, false
	for p := pattern; len(p) > 0; {
		r, n := utf8.DecodeRune(p)
		switch {
		case escaped:
			if r != '%' && r != '_' && r != escape {
				return nil, errEscape
			}
			m.elems, escaped = append(m.elems, likeElem{lit: p[:n]}), false
		case escape != 0 && r == escape:
			escaped = true
		case r == '%':
			m.elems = append(m.elems, likeElem{any: true})
		case r == '_':
			m.elems, general = append(m.elems, likeElem{one: true}), true
		default:
			m.elems = append(m.elems, likeElem{lit: p[:n]})
		}
		p = p[n:]
	}
	if escaped {
		return nil, errEscape
	}
	if general {
		m.shape = likeGeneral
		return m, nil
	}
	m.split()
	return m, nil
}

// split finds the shape of a pattern without _.
func (m *likeMatcher) split() {
	m.first, m.last = true, true
	var part []byte
	for i, e := range m.elems {
		if !e.any {
			part = append(part, e.lit...)
			m.last = true
			continue
		}
		if i == 0 {
			m.first = false
		}
		m.last = false
		if len(part) > 0 {
			m.parts, part = append(m.parts, part), nil
		}
	}
	if len(part) > 0 {
		m.parts = append(m.parts, part)
	}
	if len(m.parts) == 1 {
		m.text = m.parts[0]
	}
	switch wild := len(m.elems) > 0 && (!m.first || !m.last); {
	case len(m.parts) > 1:
		m.shape = likeParts
	case !wild:
		m.shape = likeEqual
	case m.first:
		m.shape = likePrefix
	case m.last && len(m.parts) == 1:
		m.shape = likeSuffix
	default:
		m.shape = likeContains
	}
}

func (m *likeMatcher) match(s []byte) bool {
	switch m.shape {
	case likeEqual:
		return string(s) == string(m.text)
	case likePrefix:
		return bytes.HasPrefix(s, m.text)
	case likeSuffix:
		return bytes.HasSuffix(s, m.text)
	case likeContains:
		return bytes.Contains(s, m.text)
	case likeParts:
		return m.matchParts(s)
	}
	return m.matchGeneral(s)
}

func (m *likeMatcher) matchParts(s []byte) bool {
	parts := m.parts
	if m.first {
		if !bytes.HasPrefix(s, parts[0]) {
			return false
		}
		s, parts = s[len(parts[0]):], parts[1:]
	}
	if m.last {
		end := parts[len(parts)-1]
		if !bytes.HasSuffix(s, end) {
			return false
		}
		s, parts = s[:len(s)-len(end)], parts[:len(parts)-1]
	}
	for _, p := range parts {
		n := bytes.Index(s, p)
		if n < 0 {
			return false
		}
		s = s[n+len(p):]
	}
	return true
}

// matchGeneral goes back to the last % only: a later one covers whatever an earlier one could.
func (m *likeMatcher) matchGeneral(s []byte) bool {
	at, e := 0, 0
	backAt, backElem := -1, 0
	for at < len(s) {
		n := runeLen(s[at:])
		if e < len(m.elems) {
			switch el := m.elems[e]; {
			case el.any:
				backAt, backElem = at, e
				e++
				continue
			case el.one, string(el.lit) == string(s[at:at+n]):
				at, e = at+n, e+1
				continue
			}
		}
		if backAt < 0 {
			return false
		}
		backAt += runeLen(s[backAt:])
		at, e = backAt, backElem+1
	}
	for e < len(m.elems) && m.elems[e].any {
		e++
	}
	return e == len(m.elems)
}

type reason string

func (r reason) Error() string { return string(r) }

const (
	errEscape     = reason("the escape character must stand before %, _ or itself")
	errEscapeChar = reason("the escape must be one character")
)

// escapeOf reads the third argument of LIKE and SIMILAR TO.
func escapeOf(s []byte) (rune, error) {
	r, n := utf8.DecodeRune(s)
	if n == 0 || n != len(s) {
		return 0, errEscapeChar
	}
	return r, nil
}

// constBytes is the value of a constant string.
func constBytes(n node) (s []byte, ok bool) {
	c := constOf(n)
	if c == nil || c.null() {
		return nil, false
	}
	return c.v.Bytes(0), true
}

// likeEscape is the escape character of a LIKE that names none. In a constant pattern without _ it means nothing: that
// is how Flink has it.
const likeEscape = '\\'

// constLike is the matcher of a LIKE whose pattern and escape are constants; nil otherwise.
func constLike(e *scalar.Call, args []node) (*likeMatcher, error) {
	p, ok := constBytes(args[1])
	if !ok {
		return nil, nil
	}
	esc := rune(0)
	if bytes.IndexByte(p, '_') >= 0 {
		esc = likeEscape
	}
	if len(args) > 2 {
		s, ok := constBytes(args[2])
		if !ok {
			return nil, nil
		}
		var err error
		if esc, err = escapeOf(s); err != nil {
			return nil, &RowError{Span: e.Sp, Reason: "the pattern " + quoted(p) + ": " + err.Error()}
		}
	}
	m, err := compileLike(p, esc)
	if err != nil {
		return nil, &RowError{Span: e.Sp, Reason: "the pattern " + quoted(p) + ": " + err.Error()}
	}
	return m, nil
}

func like(_ *compiler, e *scalar.Call, args []node) (node, error) {
	m, err := constLike(e, args)
	if err != nil {
		return nil, err
	}
	if m != nil {
		return newRows(e, args[:1], func(k *rowKernel, i int) error { k.setBool(i, m.match(k.str(0, i))); return nil }), nil
	}
	return newRows(e, args, func(k *rowKernel, i int) error {
		esc := likeEscape
		var err error
		if len(k.in) > 2 {
			esc, err = escapeOf(k.str(2, i))
		}
		if err == nil {
			var m *likeMatcher
			if m, err = compileLike(k.str(1, i), esc); err == nil {
				k.setBool(i, m.match(k.str(0, i)))
				return nil
			}
		}
		return k.fail(i, "", "the pattern %s: %s", quoted(k.str(1, i)), err)
	}), nil
}

// likePred is LIKE or NOT LIKE with a constant pattern as a filter.
type likePred struct {
	a   node
	m   *likeMatcher
	not bool
}

func (c *compiler) likePred(e *scalar.Call, not bool) (pred, error) {
	args, err := c.nodes(e.Args)
	if err != nil {
		return nil, err
	}
	m, err := constLike(e, args)
	if err != nil {
		return nil, err
	}
	if m != nil {
		return &likePred{args[0], m, not}, nil
	}
	n, err := like(c, e, args)
	if err != nil {
		return nil, err
	}
	if not {
		n = notOf(n, e)
	}
	return &boolPred{n}, nil
}

func (p *likePred) filter(x *ctx, sel, dst []int32) ([]int32, error) {
	v, err := p.a.eval(x, sel)
	if err != nil {
		return dst, err
	}
	n := x.n
	if sel != nil {
		n = len(sel)
	}
	dst = dst[:n]
	m, not, nulls := p.m, p.not, v.Nulls
	if m.shape == likeContains && len(m.text) > 0 {
		return m.contains(v, sel, dst, not), nil
	}
	return filterRows(dst, v, sel, func(i int) bool { return !nulls.Has(i) && m.match(v.Bytes(i)) != not }), nil
}

// contains is the loop of %text%.
func (m *likeMatcher) contains(v *batch.Vector, sel, dst []int32, not bool) []int32 {
	k, data, nulls := 0, v.Data, v.Nulls
	for s := range dst {
		i := int32(s)
		if sel != nil {
			i = sel[s]
		}
		if nulls.Has(int(i)) {
			continue
		}
		o, l := v.Off[i], v.Len[i]
		dst[k] = i
		k += bit(bytes.Contains(data[o:o+l], m.text) != not)
	}
	return dst[:k]
}

func notOf(n node, e *scalar.Call) node { return &not{newResult(e.Typ), n} }

// regexps compiles patterns that come in rows, and keeps the last ones.
type regexps struct {
	seen map[string]*pattern
}

const keptRegexps = 256

func (r *regexps) get(s []byte, compile func(string) (*regexp.Regexp, error)) (*pattern, error) {
	if re, ok := r.seen[string(s)]; ok {
		return re, nil
	}
	re, err := compile(string(s))
	if err != nil {
		return nil, err
	}
	if r.seen == nil || len(r.seen) >= keptRegexps {
		r.seen = map[string]*pattern{}
	}
	p := newPattern(re)
	r.seen[string(s)] = p
	return p, nil
}

// withRegexp makes a kernel whose argument 1 is a regular expression; a constant one is compiled now.
func withRegexp(e *scalar.Call, args []node, compile func(string) (*regexp.Regexp, error), f func(k *rowKernel, i int, re *pattern) error) (node, error) {
	if p, ok := constBytes(args[1]); ok {
		re, err := compile(string(p))
		if err != nil {
			return nil, &RowError{Span: e.Sp, Reason: err.Error()}
		}
		p := newPattern(re)
		return newRows(e, args, func(k *rowKernel, i int) error { return f(k, i, p) }), nil
	}
	cache := &regexps{}
	return newRows(e, args, func(k *rowKernel, i int) error {
		re, err := cache.get(k.str(1, i), compile)
		if err != nil {
			return k.fail(i, "", "%s", err)
		}
		return f(k, i, re)
	}), nil
}

func similar(_ *compiler, e *scalar.Call, args []node) (node, error) {
	esc := rune(0)
	if len(args) > 2 {
		s, _ := constBytes(args[2])
		var err error
		if esc, err = escapeOf(s); err != nil {
			return nil, &RowError{Span: e.Sp, Reason: "SIMILAR TO: " + err.Error() + ", a constant"}
		}
	}
	compile := func(s string) (*regexp.Regexp, error) { return fn.Similar(s, esc) }
	return withRegexp(e, args, compile, func(k *rowKernel, i int, re *pattern) error {
		k.setBool(i, re.Match(k.str(0, i)))
		return nil
	})
}

func regexpMatch(_ *compiler, e *scalar.Call, args []node) (node, error) {
	return withRegexp(e, args, fn.Regexp, func(k *rowKernel, i int, re *pattern) error {
		// The empty expression matches nothing, in Flink too.
		k.setBool(i, len(k.str(1, i)) > 0 && re.Match(k.str(0, i)))
		return nil
	})
}

// regexpReplace puts the new text in as it is, as Flink does.
func regexpReplace(_ *compiler, e *scalar.Call, args []node) (node, error) {
	return withRegexp(e, args, fn.Regexp, func(k *rowKernel, i int, re *pattern) error {
		s, repl, data, at := k.str(0, i), k.str(2, i), k.arena(), 0
		for _, m := range re.FindAllIndex(s, -1) {
			data = append(append(data, s[at:m[0]]...), repl...)
			at = m[1]
		}
		k.end(i, append(data, s[at:]...))
		return nil
	})
}

func regexpExtract(_ *compiler, e *scalar.Call, args []node) (node, error) {
	n, err := withRegexp(e, args, fn.Regexp, func(k *rowKernel, i int, re *pattern) error {
		group := int64(0)
		if len(k.in) > 2 {
			group = k.int(2, i)
		}
		if group < 0 || group > int64(re.NumSubexp()) {
			return k.setNull(i)
		}
		m := re.FindSubmatchIndex(k.str(0, i))
		if m == nil || m[2*group] < 0 {
			return k.setNull(i)
		}
		k.part(i, m[2*group], m[2*group+1])
		return nil
	})
	if k, ok := n.(*rowKernel); ok {
		k.view = 1
	}
	return n, err
}

func regexpExtractAll(_ *compiler, e *scalar.Call, args []node) (node, error) {
	return withRegexp(e, args, fn.Regexp, func(k *rowKernel, i int, re *pattern) error {
		group := int64(1)
		if len(k.in) > 2 {
			group = k.int(2, i)
		}
		if group < 0 || group > int64(re.NumSubexp()) {
			return k.setNull(i)
		}
		s, out := k.str(0, i), k.out.Children[0]
		return k.list(i, func() {
			for _, m := range re.FindAllSubmatchIndex(s, -1) {
				if from := m[2*group]; from >= 0 {
					out.AppendBytes(s[from:m[2*group+1]])
				} else {
					out.AppendNull()
				}
			}
		})
	})
}

// strToMap cuts a text by two regular expressions.
func strToMap(_ *compiler, e *scalar.Call, args []node) (node, error) {
	separators := [2]regexps{}
	between := func(k *rowKernel, i, a int) (*pattern, error) {
		s := []byte{",="[a]}
		if len(k.in) > 1 {
			s = k.str(1+a, i)
		}
		re, err := separators[a].get(s, fn.Regexp)
		if err != nil {
			return nil, k.fail(i, "", "%s", err)
		}
		return re, nil
	}
	pair := [2]*batch.Vector{batch.NewVector(types.TString, 1), batch.NewVector(types.TString, 1)}
	return newRows(e, args, func(k *rowKernel, i int) error {
		entries, err := between(k, i, 0)
		if err != nil {
			return err
		}
		values, err := between(k, i, 1)
		if err != nil {
			return err
		}
		s := k.str(0, i)
		return k.list(i, func() {
			if len(s) == 0 {
				return
			}
			for _, entry := range splitAsJava(entries, s, 0) {
				kv := splitAsJava(values, entry, 2)
				pair[0].Reset()
				pair[1].Reset()
				pair[0].AppendBytes(kv[0])
				if len(kv) > 1 {
					pair[1].AppendBytes(kv[1])
				} else {
					pair[1].AppendNull()
				}
				k.entry(pair[0], 0, pair[1], 0)
			}
		})
	}), nil
}

// splitAsJava cuts s as Java's String.split does: an empty match at the beginning cuts nothing off. With limit 0 there are any
// number of parts, and empty ones at the end are left out.
func splitAsJava(re *pattern, s []byte, limit int) [][]byte {
	var parts [][]byte
	from := 0
	for _, m := range re.FindAllIndex(s, -1) {
		if m[1] == 0 || m[0] == len(s) && m[0] == m[1] && limit == 0 {
			continue
		}
		if limit > 0 && len(parts) == limit-1 {
			break
		}
		parts = append(parts, s[from:m[0]])
		from = m[1]
	}
	parts = append(parts, s[from:])
	for limit == 0 && len(parts) > 0 && len(parts[len(parts)-1]) == 0 && len(s) > 0 {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func regexpCount(_ *compiler, e *scalar.Call, args []node) (node, error) {
	return withRegexp(e, args, fn.Regexp, func(k *rowKernel, i int, re *pattern) error {
		k.setInt(i, int64(len(re.FindAllIndex(k.str(0, i), -1))))
		return nil
	})
}

func regexpInstr(_ *compiler, e *scalar.Call, args []node) (node, error) {
	return withRegexp(e, args, fn.Regexp, func(k *rowKernel, i int, re *pattern) error {
		s, n := k.str(0, i), int64(0)
		if m := re.FindIndex(s); m != nil {
			n = chars(s[:m[0]]) + 1
		}
		k.setInt(i, n)
		return nil
	})
}
