package avro

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/twmb/avro"

	"weir/connectors/formats"
	"weir/connectors/formats/literal"
	"weir/connectors/spec/avroschema"
	"weir/exec/batch"
	"weir/planner/types"
)

// target is what values are decoded into: a column, a field of a ROW, the elements of a list.
type target struct {
	path string // from the column on, for messages
	typ  types.Type
	vec  *batch.Vector // bound for one call of Decode
	view bool          // the bytes of vec are views into the payloads
	owns bool          // some writer's values are none of the payloads' bytes, so vec has an arena of its own
	// children are in the vector's order: the fields that are read of a ROW, the element of an ARRAY, key and value of a MAP or a MULTISET.
	children []*target
	names    []string // of a ROW's fields that are read
	index    int      // of a column, in the batch
}

// newTarget is a target for values of type t, of which read is read: t, or t with fewer fields.
func newTarget(path string, read types.Type) *target {
	t := &target{path: path, typ: read}
	switch read.Kind {
	case types.Array:
		t.children = []*target{newTarget(path, read.Nested.Elem)}
	case types.Map:
		t.children = []*target{newTarget(path, read.Nested.Key.NotNull()), newTarget(path, read.Nested.Elem)}
	case types.Multiset:
		t.children = []*target{newTarget(path, read.Nested.Elem.NotNull()), newTarget(path, types.TInt.NotNull())}
	case types.Row:
		for _, f := range read.Nested.Fields {
			t.children, t.names = append(t.children, newTarget(path+"."+f.Name, f.Type)), append(t.names, f.Name)
		}
	}
	return t
}

// bind points t at the vector that it fills during one call of Decode. Bytes become views into data where the vector is empty or
// already views into the same buffer.
func (t *target) bind(v *batch.Vector, data []byte) {
	t.vec = v
	if t.view = false; batch.ClassOf(t.typ) == batch.ClassBytes && len(data) > 0 && !t.owns {
		if v.Rows() == 0 && len(v.Data) == 0 {
			v.Share(data)
		}
		t.view = len(v.Data) == len(data) && &v.Data[0] == &data[0]
	}
	for i, c := range t.children {
		c.bind(v.Children[i], data)
	}
}

// code is what a step does.
type code uint8

const (
	skipNothing code = iota
	skipVarint
	skipBytes // its length, and as many bytes
	skipFixed // size bytes
	skipList  // blocks of ops[0]; of a MAP behind a text each
	readBool
	readInt // within lo and hi
	readTime
	readFloat
	readDouble
	readIntAsFloat // promoted
	readBytes
	readFixed
	readEnum
	readDecimal
	readFixedDecimal
	readList
	readNull
	readRecord  // ops, one after the other; of a ROW or of nothing
	readUnion   // the branch ops[n]
	readDefault // no bytes of the record but data, by ops[0]
	refuse      // what the writer has here cannot be read
)

// step is the plan of one value of the writer.
type step struct {
	code code
	to   *target // nil where the value is passed over
	ops  []*step
	min  int // the least number of bytes that the value takes

	or      bool  // the value is in a union with null
	null    int64 // the number of null in it
	size    int   // of a FIXED
	isMap   bool
	is32    bool // the writer's type is int
	lo, hi  int64
	mul     int64 // of readTime: microseconds of one unit, or
	div     int64 // units of a microsecond
	cut     bool  // the column has fewer digits
	scale   int   // of the writer's decimal
	symbols [][]byte
	data    []byte // of readDefault
	reason  string // of refuse
	help    string
}

// own makes t and what lies within keep their bytes themselves.
func (t *target) own() {
	t.owns = true
	for _, c := range t.children {
		c.own()
	}
}

// resolver makes steps for one writer's schema.
type resolver struct {
	writer, reader *avroschema.Tree
	skips          map[*avro.SchemaNode]*step // of records that are passed over, which may have themselves within
}

// A mismatchError is a writer's schema that a column cannot be read from.
type mismatchError struct{ column, reason, help string }

func (e *mismatchError) Error() string { return "column " + e.column + ": " + e.reason }

// plan is how the records of one writer's schema become rows.
type plan struct {
	top  *step
	null int64 // the number of null where the schema is a union of null and a record, whose null is no row; -1 where it is none
}

// resolve plans how records of the writer's schema become rows of t.
func (t *table) resolve(writer *avroschema.Tree) (*plan, error) {
	r := &resolver{writer, t.reader, map[*avro.SchemaNode]*step{}}
	root, null := writer.Nullable(writer.Root)
	if union := null < 0 && writer.Root.Type == "union"; union || root.Type != "record" && root.Type != "error" {
		return nil, &mismatchError{reason: fmt.Sprintf("the writer's schema is %s, and a row needs a record", describe(writer.Root)), help: "read such records with format 'raw', as one column of BYTES"}
	}
	want, _ := t.reader.Nullable(t.reader.Root)
	top, err := r.record(root, want, nil, t.names, t.columns)
	if err != nil {
		return nil, err
	}
	return &plan{top, int64(null)}, nil
}

// record plans a record: its fields in the writer's order, then those that only the table has.
func (r *resolver) record(w, reader *avro.SchemaNode, to *target, names []string, columns []*target) (*step, error) {
	s := &step{code: readRecord, to: to}
	found := make([]bool, len(columns))
	for i := range w.Fields {
		f := &w.Fields[i]
		at := slices.Index(names, f.Name)
		if at < 0 { // renamed: the reader's schema has its former name
			at = slices.IndexFunc(names, func(name string) bool {
				rf := fieldOf(reader, name)
				return rf != nil && slices.Contains(rf.Aliases, f.Name)
			})
		}
		var op *step
		if at < 0 || columns[at] == nil {
			op = r.skip(&f.Type)
		} else {
			found[at] = true
			rf := fieldOf(reader, names[at])
			var rt *avro.SchemaNode
			if rf != nil {
				rt = &rf.Type
			}
			op = r.value(&f.Type, rt, columns[at])
			if op.code == refuse {
				return nil, &mismatchError{columns[at].path, op.reason, op.help}
			}
		}
		s.ops = append(s.ops, op)
		s.min += op.min
	}
	for i, c := range columns {
		if c == nil || found[i] {
			continue
		}
		op, err := r.missing(fieldOf(reader, names[i]), c, w)
		if err != nil {
			return nil, err
		}
		s.ops = append(s.ops, op)
	}
	return s, nil
}

func fieldOf(record *avro.SchemaNode, name string) *avro.SchemaField {
	for i := range record.Fields {
		if record.Fields[i].Name == name {
			return &record.Fields[i]
		}
	}
	return nil
}

// missing plans a field that the writer has not: its default.
func (r *resolver) missing(f *avro.SchemaField, to *target, w *avro.SchemaNode) (*step, error) {
	if f != nil && f.HasDefault && f.Default != nil {
		s, err := f.Type.Schema()
		if err != nil {
			return nil, fmt.Errorf("column %s: its default: %w", to.path, err)
		}
		data, err := s.AppendEncode(nil, f.Default)
		if err != nil {
			return nil, fmt.Errorf("column %s: its default: %w", to.path, err)
		}
		to.own()
		own := &resolver{r.reader, r.reader, map[*avro.SchemaNode]*step{}}
		return &step{code: readDefault, ops: []*step{own.value(&f.Type, &f.Type, to)}, data: data}, nil
	}
	if to.typ.Nullable {
		return &step{code: readNull, to: to}, nil
	}
	has := make([]string, 0, len(w.Fields))
	for i := range w.Fields {
		has = append(has, w.Fields[i].Name)
	}
	return nil, &mismatchError{to.path, fmt.Sprintf("the writer's schema %s has no such field (it has %s), and the column is NOT NULL", avroschema.FullName(w), list(has)),
		"declare the column without NOT NULL, and it is NULL in such records; or give the schema in the format's option 'schema' a default for it"}
}

// list is names for a message, the first few of them.
func list(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + fmt.Sprintf(" and %d more", len(names)-8)
	}
	return strings.Join(names, ", ")
}

// value plans a value of the writer's type w. The reader's rd may be nil within types that the table's schema does not name.
func (r *resolver) value(w, rd *avro.SchemaNode, to *target) *step {
	w = r.writer.Resolve(w)
	if w.Type == "union" {
		return r.union(w, rd, to)
	}
	if rd != nil {
		rd, _ = r.reader.Nullable(rd)
	}
	s := &step{to: to}
	no := func() *step {
		return &step{code: refuse, to: to, reason: fmt.Sprintf("the writer has %s here, which cannot be read as %s", describe(w), to.typ.WithNullable(true)), help: instead(w)}
	}
	switch k := to.typ.Kind; k {
	case types.Boolean:
		if w.Type != "boolean" {
			return no()
		}
		s.code, s.min = readBool, 1
	case types.TinyInt, types.SmallInt, types.Int, types.Date:
		if w.Type != "int" {
			return no()
		}
		s.code, s.min, s.is32 = readInt, 1, true
		s.lo, s.hi = literal.Range(types.Int)
		if k != types.Date {
			s.lo, s.hi = literal.Range(k)
		}
	case types.BigInt:
		if w.Type != "int" && w.Type != "long" {
			return no()
		}
		s.code, s.min, s.is32 = readInt, 1, w.Type == "int"
		s.lo, s.hi = literal.Range(k)
	case types.Time:
		s.code, s.min, s.mul, s.div = readTime, 1, 1000, 1
		switch {
		case w.Type == "int":
			s.is32 = true
		case w.Type == "long" && w.LogicalType == "time-micros":
			s.mul = 1
		default:
			return no()
		}
		s.lo, s.hi = 0, 24*60*60*1_000_000/s.mul-1
		s.cut = s.mul < microsOf(to.typ.Prec)
	case types.Timestamp, types.TimestampLTZ:
		if w.Type != "int" && w.Type != "long" {
			return no()
		}
		s.code, s.min, s.is32 = readTime, 1, w.Type == "int"
		s.mul, s.div = units(w.LogicalType)
		if s.mul == 0 { // a plain number is in the unit of the table's schema
			s.mul, s.div = 1000, 1
			if rd != nil {
				if mul, div := units(rd.LogicalType); mul != 0 {
					s.mul, s.div = mul, div
				}
			}
		}
		s.lo, s.hi = math.MinInt64/s.mul, math.MaxInt64/s.mul
		s.cut = s.mul < microsOf(to.typ.Prec)
	case types.Float, types.Double:
		switch {
		case w.Type == "float":
			s.code, s.min = readFloat, 4
		case w.Type == "double" && k == types.Double:
			s.code, s.min = readDouble, 8
		case w.Type == "int" || w.Type == "long":
			s.code, s.min, s.is32 = readIntAsFloat, 1, w.Type == "int"
		default:
			return no()
		}
	case types.Char, types.VarChar, types.Binary, types.VarBinary:
		switch {
		case w.Type == "string" || w.Type == "bytes" && w.LogicalType != "decimal":
			s.code, s.min = readBytes, 1
		case w.Type == "enum" && to.typ.IsString():
			s.code, s.min = readEnum, 1
			to.own()
			for _, symbol := range w.Symbols {
				s.symbols = append(s.symbols, []byte(symbol))
			}
		case w.Type == "fixed" && to.typ.IsBinary():
			s.code, s.min, s.size = readFixed, w.Size, w.Size
		default:
			return no()
		}
	case types.Decimal:
		s.scale = to.typ.Scale
		if w.LogicalType == "decimal" {
			s.scale = w.Scale
		}
		switch w.Type {
		case "bytes":
			s.code, s.min = readDecimal, 1
		case "fixed":
			s.code, s.min, s.size = readFixedDecimal, w.Size, w.Size
		default:
			return no()
		}
	case types.Array:
		if w.Type != "array" {
			return no()
		}
		return r.list(s, w.Items, itemsOf(rd), to, to.children[0])
	case types.Map, types.Multiset:
		if w.Type != "map" {
			return no()
		}
		s.isMap = true
		return r.list(s, w.Values, itemsOf(rd), to, to.children[1])
	case types.Row:
		if w.Type != "record" && w.Type != "error" {
			return no()
		}
		if rd == nil {
			rd = &avro.SchemaNode{}
		}
		row, err := r.record(w, rd, to, to.names, to.children)
		if err != nil {
			reason, help := err.Error(), ""
			if m, ok := err.(*mismatchError); ok {
				reason, help = strings.TrimPrefix(m.Error(), "column "), m.help
			}
			return &step{code: refuse, to: to, reason: reason, help: help}
		}
		return row
	case types.Null:
		if w.Type != "null" {
			return no()
		}
		s.code = readNull
	default:
		return no()
	}
	return s
}

func itemsOf(rd *avro.SchemaNode) *avro.SchemaNode {
	switch {
	case rd == nil:
		return nil
	case rd.Type == "map":
		return rd.Values
	}
	return rd.Items
}

// units is how many microseconds a unit of a writer's time has, or units a microsecond; 0 for what is no such time.
func units(logical string) (mul, div int64) {
	switch logical {
	case "timestamp-millis", "local-timestamp-millis":
		return 1000, 1
	case "timestamp-micros", "local-timestamp-micros":
		return 1, 1
	case "timestamp-nanos", "local-timestamp-nanos":
		return 1, 1000
	}
	return 0, 0
}

// microsOf is the microseconds of the last of some digits of a second.
func microsOf(digits int) int64 {
	n := int64(1)
	for ; digits < 6; digits++ {
		n *= 10
	}
	return n
}

func (r *resolver) list(s *step, w, rd *avro.SchemaNode, to, elem *target) *step {
	op := r.value(w, rd, elem)
	if op.code == refuse {
		return op
	}
	s.code, s.min, s.ops = readList, 1, []*step{op}
	return s
}

// union plans a union of the writer. A branch that the column cannot take fails only where it occurs.
func (r *resolver) union(w, rd *avro.SchemaNode, to *target) *step {
	s := &step{code: readUnion, to: to, min: 1}
	null, fits := -1, false
	for i := range w.Branches {
		b := r.writer.Resolve(&w.Branches[i])
		var op *step
		switch {
		case b.Type == "null" && to.typ.Nullable:
			op, null = &step{code: readNull, to: to}, i
		case b.Type == "null":
			op = &step{code: refuse, to: to, reason: "NULL in a column that is NOT NULL", help: "declare the column without NOT NULL"}
		default:
			op = r.value(b, rd, to)
			fits = fits || op.code != refuse
		}
		s.ops = append(s.ops, op)
	}
	for i, op := range s.ops {
		switch {
		case i == null || len(s.ops) != 2:
		case op.code == refuse && !fits && op.reason != "NULL in a column that is NOT NULL":
			return op
		case null >= 0:
			op.or, op.null, op.min = true, int64(null), 1
			return op
		}
	}
	return s
}

// skip plans a value that is passed over.
func (r *resolver) skip(w *avro.SchemaNode) *step {
	w = r.writer.Resolve(w)
	switch w.Type {
	case "null":
		return &step{code: skipNothing}
	case "boolean":
		return &step{code: skipFixed, size: 1, min: 1}
	case "float":
		return &step{code: skipFixed, size: 4, min: 4}
	case "double":
		return &step{code: skipFixed, size: 8, min: 8}
	case "fixed":
		return &step{code: skipFixed, size: w.Size, min: w.Size}
	case "string", "bytes":
		return &step{code: skipBytes, min: 1}
	case "array":
		return &step{code: skipList, ops: []*step{r.skip(w.Items)}, min: 1}
	case "map":
		return &step{code: skipList, isMap: true, ops: []*step{r.skip(w.Values)}, min: 1}
	case "union":
		if value, null := r.writer.Nullable(w); null >= 0 && value.Type != "record" && value.Type != "error" { // those may stand in several places
			s := r.skip(value)
			s.or, s.null, s.min = true, int64(null), 1
			return s
		}
		s := &step{code: readUnion, min: 1}
		for i := range w.Branches {
			s.ops = append(s.ops, r.skip(&w.Branches[i]))
		}
		return s
	case "record", "error":
		if s, ok := r.skips[w]; ok {
			return s
		}
		s := &step{code: readRecord}
		r.skips[w] = s
		for i := range w.Fields {
			op := r.skip(&w.Fields[i].Type)
			s.ops, s.min = append(s.ops, op), s.min+op.min
		}
		return s
	}
	return &step{code: skipVarint, min: 1} // int, long, enum
}

// describe is a type of a schema in a few words.
func describe(n *avro.SchemaNode) string {
	name := n.Type
	switch n.Type {
	case "record", "error", "enum", "fixed":
		name += " " + avroschema.FullName(n)
	case "union":
		parts := make([]string, len(n.Branches))
		for i := range n.Branches {
			parts[i] = n.Branches[i].Type
		}
		return "a union of " + list(parts)
	}
	if n.LogicalType != "" {
		name += " (" + n.LogicalType + ")"
	}
	if strings.IndexByte("aeiou", name[0]) >= 0 {
		return "an " + name
	}
	return "a " + name
}

// instead is what to declare a column as that gets values of a writer's type.
func instead(w *avro.SchemaNode) string {
	what := map[string]string{"boolean": "BOOLEAN", "int": "INT", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "string": "STRING", "enum": "STRING", "bytes": "BYTES", "fixed": "BYTES",
		"array": "ARRAY<...>", "map": "MAP<STRING, ...>", "record": "ROW<...>"}[w.Type]
	switch w.LogicalType {
	case "decimal":
		what = fmt.Sprintf("DECIMAL(%d, %d)", w.Precision, w.Scale)
	case "date":
		what = "DATE"
	case "time-millis", "time-micros":
		what = "TIME(3)"
	case "timestamp-millis", "timestamp-micros", "timestamp-nanos", "local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos":
		what = "TIMESTAMP(3)"
	}
	if what == "" {
		return ""
	}
	return "declare the column as " + what + ", and convert it in the query"
}

// fieldsOf is the fields of a table's records, by the columns that carry them.
func fieldsOf(columns []formats.Column) []types.Field {
	out := make([]types.Field, len(columns))
	for i, c := range columns {
		out[i] = types.Field{Name: c.Name, Type: c.Type}
	}
	return out
}
