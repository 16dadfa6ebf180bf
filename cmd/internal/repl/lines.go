package repl

import (
	"bufio"
	"encoding/base64"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"weir/exec/batch"
	"weir/planner/types"
)

// jsonView shows every change as a JSON object on a line of its own, in an array where that is asked for. Where the query
// updates its rows, the first member is "op".
type jsonView struct {
	r     *result
	out   *bufio.Writer
	array bool
	n     int64
	names [][]byte // `"name":`
	line  []byte
}

func newJSONView(r *result, out io.Writer, array bool) *jsonView {
	v := &jsonView{r: r, out: bufio.NewWriterSize(out, 64<<10), array: array}
	for i := range r.columns {
		v.names = append(v.names, append(appendJSONString(nil, r.columns[i].Name), ':'))
	}
	return v
}

func (v *jsonView) change(b *batch.Batch, i int) {
	l := v.line[:0]
	if v.array {
		sep := "[\n "
		if v.n > 0 {
			sep = ",\n "
		}
		l = append(l, sep...)
	}
	v.n++
	start := len(l) + 1
	l = append(l, '{')
	if v.r.updating() {
		l = append(l, `"op":"`...)
		l = append(l, b.Kind(i).String()...)
		l = append(l, '"')
	}
	for c, col := range b.Cols {
		if len(l) > start {
			l = append(l, ',')
		}
		l = append(l, v.names[c]...)
		l = v.r.appendJSON(l, col, i)
	}
	l = append(l, '}')
	if !v.array {
		l = append(l, '\n')
	}
	v.line = l
	v.out.Write(l)
}

func (v *jsonView) flush() error { return v.out.Flush() }

func (v *jsonView) end(int64, ending, time.Duration) error {
	switch {
	case v.array && v.n == 0:
		v.out.WriteString("[]\n")
	case v.array:
		v.out.WriteString("\n]\n")
	}
	return v.out.Flush()
}

// appendJSON appends the value of v at i: numbers and booleans as such, bytes in base64, nested values as objects and
// arrays, a VARIANT as the JSON that it says, everything else as its text.
func (r *result) appendJSON(dst []byte, v *batch.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch t := v.Type; {
	case t.Kind == types.Boolean:
		return strconv.AppendBool(dst, v.Bool[i])
	case t.IsInteger():
		return strconv.AppendInt(dst, v.Int[i], 10)
	case t.IsApprox():
		bits := 64
		if t.Kind == types.Float {
			bits = 32
		}
		if f := v.Flt[i]; !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(dst, f, 'g', -1, bits)
		}
		return appendJSONText(dst, r.appendText(nil, v, i))
	case t.Kind == types.Decimal, t.Kind == types.Variant:
		return r.appendText(dst, v, i)
	case t.IsBinary():
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes(i))
		return append(dst, '"')
	case t.IsString():
		return appendJSONText(dst, v.Bytes(i))
	case t.Kind == types.Array, t.Kind == types.Multiset:
		return r.appendJSONList(dst, v, i)
	case t.Kind == types.Map:
		return r.appendJSONMap(dst, v, i)
	case t.Kind == types.Row:
		dst = append(dst, '{')
		for f, child := range v.Children {
			if f > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendJSONString(dst, t.Nested.Fields[f].Name), ':')
			dst = r.appendJSON(dst, child, i)
		}
		return append(dst, '}')
	}
	return appendJSONText(dst, r.appendText(nil, v, i))
}

func (r *result) appendJSONList(dst []byte, v *batch.Vector, i int) []byte {
	dst = append(dst, '[')
	n := 0
	for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
		times := int64(1)
		if v.Type.Kind == types.Multiset {
			times = v.Children[1].Int[j]
		}
		for ; times > 0; times-- {
			if n > 0 {
				dst = append(dst, ',')
			}
			n++
			dst = r.appendJSON(dst, v.Children[0], j)
		}
	}
	return append(dst, ']')
}

func (r *result) appendJSONMap(dst []byte, v *batch.Vector, i int) []byte {
	dst = append(dst, '{')
	for j := int(v.Off[i]); j < int(v.Off[i]+v.Len[i]); j++ {
		if j > int(v.Off[i]) {
			dst = append(dst, ',')
		}
		key := []byte("null")
		if !v.Children[0].IsNull(j) {
			key = r.appendText(nil, v.Children[0], j)
		}
		dst = append(appendJSONText(dst, key), ':')
		dst = r.appendJSON(dst, v.Children[1], j)
	}
	return append(dst, '}')
}

func appendJSONString(dst []byte, s string) []byte { return appendJSONText(dst, []byte(s)) }

const hexDigits = "0123456789abcdef"

// appendJSONText appends s as a JSON string; what is not UTF-8 becomes U+FFFD.
func appendJSONText(dst, s []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}

// csvView shows changes as comma-separated values with a header. NULL is an empty field, the empty string a
// quoted one. Where the query updates its rows, the first column is op.
type csvView struct {
	r      *result
	out    *bufio.Writer
	headed bool
	field  []byte
}

func newCSVView(r *result, out io.Writer) *csvView {
	return &csvView{r: r, out: bufio.NewWriterSize(out, 64<<10)}
}

func (v *csvView) header() {
	if v.headed {
		return
	}
	v.headed = true
	if v.r.updating() {
		v.out.WriteString("op,")
	}
	for c := range v.r.columns {
		if c > 0 {
			v.out.WriteByte(',')
		}
		v.put([]byte(v.r.columns[c].Name))
	}
	v.out.WriteByte('\n')
}

func (v *csvView) change(b *batch.Batch, i int) {
	v.header()
	if v.r.updating() {
		v.out.WriteString(b.Kind(i).String())
		v.out.WriteByte(',')
	}
	for c, col := range b.Cols {
		if c > 0 {
			v.out.WriteByte(',')
		}
		if !col.IsNull(i) {
			v.field = v.r.appendText(v.field[:0], col, i)
			v.put(v.field)
		}
	}
	v.out.WriteByte('\n')
}

func (v *csvView) put(s []byte) {
	quote := len(s) == 0
	for _, c := range s {
		quote = quote || c == ',' || c == '"' || c == '\n' || c == '\r'
	}
	if !quote {
		v.out.Write(s)
		return
	}
	v.out.WriteByte('"')
	for _, c := range s {
		if c == '"' {
			v.out.WriteByte('"')
		}
		v.out.WriteByte(c)
	}
	v.out.WriteByte('"')
}

func (v *csvView) flush() error { return v.out.Flush() }

func (v *csvView) end(int64, ending, time.Duration) error {
	v.header()
	return v.out.Flush()
}

// markdownView shows changes as a table of GitHub's markdown, numbers to the right. Where the query updates its rows, the
// first column is op.
type markdownView struct {
	r      *result
	out    *bufio.Writer
	headed bool
	text   []byte
}

func newMarkdownView(r *result, out io.Writer) *markdownView {
	return &markdownView{r: r, out: bufio.NewWriterSize(out, 64<<10)}
}

func (v *markdownView) header() {
	if v.headed {
		return
	}
	v.headed = true
	rule := "|"
	v.out.WriteByte('|')
	if v.r.updating() {
		v.out.WriteString(" op |")
		rule += " --- |"
	}
	for _, c := range v.r.columns {
		v.out.WriteString(" " + markdownText(clean(c.Name)) + " |")
		if rightAligned(c.Type) {
			rule += " ---: |"
		} else {
			rule += " --- |"
		}
	}
	v.out.WriteString("\n" + rule + "\n")
}

func (v *markdownView) change(b *batch.Batch, i int) {
	v.header()
	v.out.WriteByte('|')
	if v.r.updating() {
		v.out.WriteString(" " + b.Kind(i).String() + " |")
	}
	for _, col := range b.Cols {
		v.out.WriteString(" " + markdownText(v.r.cell(col, i, &v.text).text) + " |")
	}
	v.out.WriteByte('\n')
}

// markdownText is s, which is one line, in a cell: what markdown would take for its own is escaped.
func markdownText(s string) string {
	return markdownEscapes.Replace(s)
}

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "<", "&lt;")

func (v *markdownView) flush() error { return v.out.Flush() }

func (v *markdownView) end(int64, ending, time.Duration) error {
	v.header()
	return v.out.Flush()
}
