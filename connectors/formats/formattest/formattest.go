// Package formattest runs the text cases of the formats.
//
// A file is a list of commands for datadriven:
//
//	schema      columns, one a line: name TYPE [skip | => TYPE]; skip is not read by the query, behind => stands what is read
//	            of a ROW
//	metadata    the format's metadata columns, one a line: key TYPE
//	options     key = value, one a line; replaces the options before
//	decode      payloads, one a line; <null> is a null payload, go:"..." a Go string
//	encode      rows, one a line: values separated by ' | ' as Value reads them, behind -D or the like and a space for a change
//
// decode prints the rows with the number of their payload, and their kind where the format gives one; encode the payloads.
package formattest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/connectors/formats"
	"weir/connectors/formats/literal"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/types"
)

// Run runs every file of dir against format.
func Run(t *testing.T, dir string, format formats.Format) {
	datadriven.Walk(t, dir, func(t *testing.T, path string) {
		var columns, meta []formats.Column
		var opts catalog.Options
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "schema":
				columns = Schema(t, d.Input)
				return ""
			case "metadata":
				if meta = nil; strings.TrimSpace(d.Input) != "" {
					meta = Schema(t, d.Input)
				}
				return ""
			case "options":
				opts = Options(d.Input)
				return ""
			case "decode":
				return Decode(format, columns, meta, opts, d.Input)
			case "encode":
				return Encode(t, format, columns, opts, d.Input)
			}
			t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
			return ""
		})
	})
}

// Schema reads columns, one a line.
func Schema(t testing.TB, text string) (columns []formats.Column) {
	t.Helper()
	at := 0
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		name, typ, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			t.Fatalf("not a column: %q", line)
		}
		typ, skip := strings.CutSuffix(typ, " skip")
		typ, read, some := strings.Cut(typ, " => ")
		c := formats.Column{Name: name, Type: Type(t, typ), Index: at}
		c.Read = c.Type
		if some {
			c.Read = Type(t, read)
		}
		if skip {
			c.Index = -1
		} else {
			at++
		}
		columns = append(columns, c)
	}
	return columns
}

// Options reads key = value, one a line.
func Options(text string) (o catalog.Options) {
	for _, line := range strings.Split(text, "\n") {
		if k, v, ok := strings.Cut(line, "="); ok {
			o = append(o, catalog.Option{Key: strings.TrimSpace(k), Value: strings.TrimSpace(v)})
		}
	}
	return o
}

var plainTypes = map[string]types.Type{
	"BOOLEAN": types.TBoolean, "TINYINT": {Kind: types.TinyInt, Nullable: true}, "SMALLINT": {Kind: types.SmallInt, Nullable: true},
	"INT": types.TInt, "BIGINT": types.TBigInt, "FLOAT": types.TFloat, "DOUBLE": types.TDouble, "STRING": types.TString,
	"BYTES": types.TBytes, "DATE": types.TDate, "NULL": types.TNull,
	"INTERVAL_DAY": {Kind: types.IntervalDaySecond, Nullable: true}, "INTERVAL_MONTH": {Kind: types.IntervalYearMonth, Nullable: true},
}

// Type reads the name of a type: BIGINT NOT NULL, DECIMAL(5,2), ARRAY<INT>, MAP<STRING,INT>, ROW<a INT,b STRING>.
func Type(t testing.TB, s string) types.Type {
	t.Helper()
	s = strings.TrimSpace(s)
	if s == "ROW<>" {
		return types.Type{Kind: types.Row, Nullable: true, Nested: &types.Nested{}}
	}
	if bare, ok := strings.CutSuffix(s, " NOT NULL"); ok {
		return Type(t, bare).NotNull()
	}
	if p, ok := plainTypes[s]; ok {
		return p
	}
	if i := strings.IndexByte(s, '<'); i > 0 && strings.HasSuffix(s, ">") {
		parts := split(s[i+1 : len(s)-1])
		n := &types.Nested{}
		switch s[:i] {
		case "ARRAY":
			n.Elem = Type(t, parts[0])
			return types.Type{Kind: types.Array, Nullable: true, Nested: n}
		case "MULTISET":
			n.Elem = Type(t, parts[0])
			return types.Type{Kind: types.Multiset, Nullable: true, Nested: n}
		case "MAP":
			n.Key, n.Elem = Type(t, parts[0]), Type(t, parts[1])
			return types.Type{Kind: types.Map, Nullable: true, Nested: n}
		case "ROW":
			for _, p := range parts {
				name, typ, _ := strings.Cut(strings.TrimSpace(p), " ")
				n.Fields = append(n.Fields, types.Field{Name: name, Type: Type(t, typ)})
			}
			return types.Type{Kind: types.Row, Nullable: true, Nested: n}
		}
	}
	if i := strings.IndexByte(s, '('); i > 0 && strings.HasSuffix(s, ")") {
		var a, b int
		parts := strings.Split(s[i+1:len(s)-1], ",")
		a, _ = strconv.Atoi(strings.TrimSpace(parts[0]))
		if len(parts) > 1 {
			b, _ = strconv.Atoi(strings.TrimSpace(parts[1]))
		}
		switch s[:i] {
		case "DECIMAL":
			return types.MakeDecimal(a, b)
		case "TIMESTAMP":
			return types.MakeTimestamp(a)
		case "TIMESTAMP_LTZ":
			return types.MakeTimestampLTZ(a)
		case "TIME":
			return types.Type{Kind: types.Time, Nullable: true, Prec: a}
		case "CHAR":
			return types.Type{Kind: types.Char, Nullable: true, Len: a}
		case "VARCHAR":
			return types.Type{Kind: types.VarChar, Nullable: true, Len: a}
		case "VARBINARY":
			return types.Type{Kind: types.VarBinary, Nullable: true, Len: a}
		case "BINARY":
			return types.Type{Kind: types.Binary, Nullable: true, Len: a}
		}
	}
	t.Fatalf("not a type: %q", s)
	return types.Type{}
}

// split cuts s at the commas outside of brackets.
func split(s string) (parts []string) {
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '<', '(', '[':
			depth++
		case '>', ')', ']':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, s[from:i])
				from = i + 1
			}
		}
	}
	return append(parts, s[from:])
}

// Value reads a constant of a type: NULL, true, 12, "text" in Go's quoting, 12.50, 2026-01-01 00:00:00,
// [1,2] for ARRAY and ROW, [k:v,k:v] for MAP and MULTISET.
func Value(t testing.TB, typ types.Type, s string) types.Value {
	t.Helper()
	s = strings.TrimSpace(s)
	if s == "NULL" {
		return nil
	}
	bad := func(ok bool) {
		t.Helper()
		if !ok {
			t.Fatalf("not a %s: %q", typ, s)
		}
	}
	list := func() []string {
		bad(strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]"))
		if s == "[]" {
			return nil
		}
		return split(s[1 : len(s)-1])
	}
	switch typ.Kind {
	case types.Boolean:
		return s == "true"
	case types.Float, types.Double:
		v, ok := literal.ParseFloat([]byte(s), 64)
		bad(ok)
		return v
	case types.Decimal:
		v, ok, in := literal.ParseDecimal([]byte(s), typ.Prec, typ.Scale)
		bad(ok && in)
		return v
	case types.Char, types.VarChar, types.Binary, types.VarBinary:
		v := s
		if strings.HasPrefix(s, `"`) {
			var err error
			v, err = strconv.Unquote(s)
			bad(err == nil)
		}
		if typ.IsBinary() {
			return []byte(v)
		}
		return v
	case types.Date:
		v, ok := literal.ParseDate([]byte(s), false)
		bad(ok)
		return v
	case types.Time:
		v, ok := literal.ParseTime([]byte(s), true)
		bad(ok)
		return v
	case types.Timestamp, types.TimestampLTZ:
		v, ok := literal.ParseTimestamp([]byte(s), literal.SQL)
		bad(ok)
		return v
	case types.Array:
		out := []types.Value{}
		for _, e := range list() {
			out = append(out, Value(t, typ.Nested.Elem, e))
		}
		return out
	case types.Row:
		out := []types.Value{}
		for i, e := range list() {
			out = append(out, Value(t, typ.Nested.Fields[i].Type, e))
		}
		return out
	case types.Map, types.Multiset:
		key, elem := typ.Nested.Key, typ.Nested.Elem
		if typ.Kind == types.Multiset {
			key, elem = typ.Nested.Elem, types.TInt
		}
		out := [][2]types.Value{}
		for _, e := range list() {
			k, v, _ := strings.Cut(e, ":")
			out = append(out, [2]types.Value{Value(t, key, k), Value(t, elem, v)})
		}
		return out
	}
	v, err := strconv.ParseInt(s, 10, 64)
	bad(err == nil)
	return v
}

// Show is the text of a constant, times and decimals readable, text quoted.
func Show(typ types.Type, v types.Value) string {
	switch x := v.(type) {
	case nil:
		return "NULL"
	case string:
		return strconv.Quote(x)
	case []byte:
		return fmt.Sprintf("x'%x'", x)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case types.Dec:
		return string(literal.AppendDecimal(nil, x, typ.Scale))
	case int64:
		switch typ.Kind {
		case types.Date:
			return string(literal.AppendDate(nil, x))
		case types.Time:
			return string(literal.AppendTime(nil, x))
		case types.Timestamp, types.TimestampLTZ:
			return string(literal.AppendTimestamp(nil, x, literal.SQL))
		}
	case []types.Value:
		parts := make([]string, len(x))
		for i, e := range x {
			if typ.Kind == types.Row {
				parts[i] = Show(typ.Nested.Fields[i].Type, e)
			} else {
				parts[i] = Show(typ.Nested.Elem, e)
			}
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case [][2]types.Value:
		key, elem := typ.Nested.Key, typ.Nested.Elem
		if typ.Kind == types.Multiset {
			key, elem = typ.Nested.Elem, types.TInt
		}
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = Show(key, e[0]) + ":" + Show(elem, e[1])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(v)
}

// Payloads puts records into one buffer; nil is a null payload.
func Payloads(records ...[]byte) *formats.Payloads {
	p := &formats.Payloads{}
	for _, r := range records {
		n := uint32(len(r))
		if r == nil {
			n = formats.NullLen
		}
		p.Off, p.Len = append(p.Off, uint32(len(p.Data))), append(p.Len, n)
		p.Data = append(p.Data, r...)
	}
	return p
}

// Batch is an empty batch for the columns that are read.
func Batch(columns []formats.Column) *batch.Batch {
	var ts []types.Type
	for _, c := range columns {
		if c.Index >= 0 {
			ts = append(ts, c.Read)
		}
	}
	return batch.New(ts, 16)
}

// Decode decodes payloads, one a line, and prints the rows: the command decode.
func Decode(format formats.Format, columns, meta []formats.Column, opts catalog.Options, input string) string {
	ds := formats.DecoderSpec{Schema: columns, Options: opts, TimeZone: time.UTC}
	all := columns
	for _, m := range meta {
		m.Index = len(Batch(all).Cols)
		ds.Metadata, all = append(ds.Metadata, m), append(all[:len(all):len(all)], m)
	}
	dec, err := format.Decoder(ds)
	if err != nil {
		return "refused: " + err.Error()
	}
	var records [][]byte
	for _, line := range strings.Split(input, "\n") {
		switch {
		case line == "<null>":
			records = append(records, nil)
		case strings.HasPrefix(line, "go:"):
			s, err := strconv.Unquote(line[3:])
			if err != nil {
				return "bad Go string: " + line
			}
			records = append(records, []byte(s))
		default:
			records = append(records, []byte(line))
		}
	}
	b := Batch(all)
	p := Payloads(records...)
	rows, skipped, err := dec.Decode(p, 0, len(records), b, nil)
	var out strings.Builder
	for i := range b.N {
		fmt.Fprintf(&out, "%d:", rows[i])
		if b.Kinds != nil {
			out.WriteString(" " + b.Kind(i).String())
		}
		for _, c := range b.Cols {
			out.WriteString(" " + Show(c.Type, c.Value(i)))
		}
		out.WriteByte('\n')
	}
	if len(rows) != b.N {
		fmt.Fprintf(&out, "%d rows, but %d sources\n", b.N, len(rows))
	}
	if skipped > 0 {
		fmt.Fprintf(&out, "skipped %d\n", skipped)
	}
	var re *formats.RecordError
	switch {
	case errors.As(err, &re):
		fmt.Fprintf(&out, "error in %d at %d: %s\n", re.Payload, re.At, re)
		if re.Help != "" {
			fmt.Fprintf(&out, "  help: %s\n", re.Help)
		}
	case err != nil:
		fmt.Fprintf(&out, "error: %s\n", err)
	}
	return out.String()
}

// Encode encodes rows, one a line, and prints the payloads: the command encode.
func Encode(t *testing.T, format formats.Format, columns []formats.Column, opts catalog.Options, input string) string {
	enc, err := format.Encoder(formats.EncoderSpec{Columns: columns, Options: opts, TimeZone: time.UTC})
	if err != nil {
		return "refused: " + err.Error()
	}
	b := Batch(columns)
	for _, line := range strings.Split(input, "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		for k := batch.Insert; k <= batch.Delete; k++ {
			if kind == k.String() {
				line = rest
				b.SetKind(b.N, k)
			}
		}
		for i, s := range strings.Split(line, " | ") {
			b.Cols[i].AppendValue(Value(t, b.Cols[i].Type, s))
		}
		b.N++
	}
	var p formats.Payloads
	err = enc.EncodeAll(&p, b)
	var out strings.Builder
	for i := range p.Off {
		r, null := p.Get(i)
		one, oneNull, oneErr := enc.Encode(nil, b, i)
		switch {
		case oneErr != nil || oneNull != null || string(one) != string(r):
			fmt.Fprintf(&out, "Encode gives %q, EncodeAll %q\n", one, r)
		case null:
			out.WriteString("<null>\n")
		default:
			for _, c := range r {
				if c < ' ' || c > '~' {
					fmt.Fprintf(&out, "go:")
					r = []byte(strconv.Quote(string(r)))
					break
				}
			}
			fmt.Fprintf(&out, "%s\n", r)
		}
	}
	if err != nil {
		fmt.Fprintf(&out, "error: %s\n", err)
	}
	return out.String()
}
