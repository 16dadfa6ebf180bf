// Package avroschema gives tables the Avro schemas that Flink gives them, and compares them with schemas that users write.
package avroschema

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/avro"

	"weir/planner/types"
)

// RecordName is the full name of the record that stands for a row; records within have names that begin with it.
const RecordName = namespace + "." + recordName

const (
	namespace  = "org.apache.flink.avro.generated"
	recordName = "record"
)

// Of is the schema of a row of fields, as Java's Avro prints it. legacy is the option timestamp_mapping.legacy. The fields must
// have passed Refuse.
func Of(fields []types.Field, legacy bool) string {
	var b strings.Builder
	writeRecord(&b, fields, recordName, true, legacy)
	return b.String()
}

// Envelope is the fields of a record that says what happened to a row of fields, as Debezium writes it.
func Envelope(fields []types.Field) []types.Field {
	row := types.Type{Kind: types.Row, Nullable: true, Nested: &types.Nested{Fields: fields}}
	return []types.Field{{Name: "before", Type: row}, {Name: "after", Type: row}, {Name: "op", Type: types.TString}}
}

func writeRecord(b *strings.Builder, fields []types.Field, name string, top, legacy bool) {
	b.WriteString(`{"type":"record","name":"` + name + `"`)
	if top {
		b.WriteString(`,"namespace":"` + namespace + `"`)
	}
	b.WriteString(`,"fields":[`)
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"name":"` + f.Name + `","type":`)
		write(b, f.Type, name+"_"+f.Name, legacy)
		if f.Type.Nullable {
			b.WriteString(`,"default":null`)
		}
		b.WriteByte('}')
	}
	b.WriteString(`]}`)
}

// write writes the schema of a value. Within ARRAY and MAP Flink takes the legacy mapping whatever the option says.
func write(b *strings.Builder, t types.Type, name string, legacy bool) {
	if t.Nullable && t.Kind != types.Null {
		b.WriteString(`["null",`)
		defer b.WriteByte(']')
	}
	logical := func(base, name string) { b.WriteString(`{"type":"` + base + `","logicalType":"` + name + `"}`) }
	micros := func(prefix string) {
		if t.Prec <= 3 {
			logical("long", prefix+"timestamp-millis")
		} else {
			logical("long", prefix+"timestamp-micros")
		}
	}
	switch t.Kind {
	case types.Null:
		b.WriteString(`"null"`)
	case types.Boolean:
		b.WriteString(`"boolean"`)
	case types.TinyInt, types.SmallInt, types.Int:
		b.WriteString(`"int"`)
	case types.BigInt:
		b.WriteString(`"long"`)
	case types.Float:
		b.WriteString(`"float"`)
	case types.Double:
		b.WriteString(`"double"`)
	case types.Char, types.VarChar:
		b.WriteString(`"string"`)
	case types.Binary, types.VarBinary:
		b.WriteString(`"bytes"`)
	case types.Timestamp:
		if legacy {
			logical("long", "timestamp-millis")
		} else {
			micros("local-")
		}
	case types.TimestampLTZ:
		micros("")
	case types.Date:
		logical("int", "date")
	case types.Time:
		logical("int", "time-millis")
	case types.Decimal:
		b.WriteString(`{"type":"bytes","logicalType":"decimal","precision":` + strconv.Itoa(t.Prec) + `,"scale":` + strconv.Itoa(t.Scale) + `}`)
	case types.Row:
		writeRecord(b, t.Nested.Fields, name, false, legacy)
	case types.Array:
		b.WriteString(`{"type":"array","items":`)
		write(b, t.Nested.Elem, name, true)
		b.WriteByte('}')
	case types.Map:
		b.WriteString(`{"type":"map","values":`)
		write(b, t.Nested.Elem, name, true)
		b.WriteByte('}')
	case types.Multiset:
		b.WriteString(`{"type":"map","values":["null","int"]}`)
	}
}

// Refuse says why Avro cannot carry t as Flink maps it, and what to do; both are empty when it can. mapping is whether the format
// has the option timestamp_mapping.legacy, of which legacy is the value.
func Refuse(t types.Type, legacy, mapping bool) (why, help string) {
	return refuse(t, legacy, mapping, false)
}

func refuse(t types.Type, legacy, mapping, within bool) (why, help string) {
	switch t.Kind {
	case types.Timestamp:
		if legacy && t.Prec > 3 {
			help = "declare it as TIMESTAMP(3)"
			if mapping && !within {
				help += ", or set 'timestamp_mapping.legacy' of the format to 'false'"
			}
			return "carries TIMESTAMP with at most 3 digits, and this one has " + strconv.Itoa(t.Prec), help
		}
	case types.TimestampLTZ:
		switch {
		case legacy && within && mapping:
			return "cannot carry TIMESTAMP_LTZ inside of an ARRAY or a MAP", "declare it as TIMESTAMP(3), which then is the time in UTC"
		case legacy && mapping:
			return "cannot carry TIMESTAMP_LTZ in its legacy mapping of times", "set 'timestamp_mapping.legacy' of the format to 'false', or declare it as TIMESTAMP(3), which then is the time in UTC"
		case legacy:
			return "cannot carry TIMESTAMP_LTZ", "declare it as TIMESTAMP(3), which then is the time in UTC, and convert it in the query"
		}
	case types.Time:
		if t.Prec > 3 {
			return "carries TIME with at most 3 digits", "declare it as TIME(3)"
		}
	case types.IntervalYearMonth, types.IntervalDaySecond:
		return "cannot carry an INTERVAL", "declare it as BIGINT"
	case types.Variant:
		return "cannot carry VARIANT", "declare it as STRING and convert it in the query: PARSE_JSON, JSON_STRING"
	case types.Invalid:
		return "cannot carry " + t.String(), ""
	case types.Map, types.Multiset:
		key, what := t.Nested.Key, "the key of a MAP"
		if t.Kind == types.Multiset {
			key, what = t.Nested.Elem, "the element of a MULTISET"
		}
		if !key.IsString() {
			return "knows only text as " + what + ", not " + key.WithNullable(true).String(), "declare it as STRING"
		}
		if t.Kind == types.Map {
			return refuse(t.Nested.Elem, true, mapping, true)
		}
	case types.Array:
		return refuse(t.Nested.Elem, true, mapping, true)
	case types.Row:
		seen := map[string]bool{}
		for _, f := range t.Nested.Fields {
			if !Name(f.Name) {
				return fmt.Sprintf("cannot name a field %s: names are letters, digits and _, and begin with no digit", f.Name), "rename the field"
			}
			if seen[f.Name] {
				return "has two fields " + f.Name, "rename one of them"
			}
			seen[f.Name] = true
			if why, help = refuse(f.Type, legacy, mapping, within); why != "" {
				return why, help
			}
		}
	}
	return "", ""
}

// Name reports a name that Avro takes.
func Name(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// Parse reads a schema. Of what writers have registered names are not checked (lax).
func Parse(text string, lax bool) (*avro.Schema, error) {
	var opts []avro.SchemaOpt
	if lax {
		opts = append(opts, avro.WithLaxNames(func(string) error { return nil }))
	}
	s, err := avro.Parse(text, opts...)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "avro: "))
	}
	return s, nil
}

// Tree is a schema to walk through: its root, and what the names in it stand for.
type Tree struct {
	Root *avro.SchemaNode
	refs map[*avro.SchemaNode]*avro.SchemaNode
}

// TreeOf is the tree of s.
func TreeOf(s *avro.Schema) *Tree {
	t := &Tree{s.Root(), map[*avro.SchemaNode]*avro.SchemaNode{}}
	t.collect(t.Root, "", map[string]*avro.SchemaNode{})
	return t
}

// collect finds what the names below n stand for, which has to be defined before it is named. space is the namespace of what is around n.
func (t *Tree) collect(n *avro.SchemaNode, space string, names map[string]*avro.SchemaNode) {
	switch n.Type {
	case "record", "error", "enum", "fixed":
		full := FullName(n)
		names[full] = n
		space = ""
		if i := strings.LastIndexByte(full, '.'); i >= 0 {
			space = full[:i]
		}
		for i := range n.Fields {
			t.collect(&n.Fields[i].Type, space, names)
		}
	case "array":
		t.collect(n.Items, space, names)
	case "map":
		t.collect(n.Values, space, names)
	case "union":
		for i := range n.Branches {
			t.collect(&n.Branches[i], space, names)
		}
	default:
		for _, name := range []string{space + "." + n.Type, n.Type} {
			if d, ok := names[name]; ok {
				t.refs[n] = d
				return
			}
		}
	}
}

// Resolve is the definition that n names, or n itself.
func (t *Tree) Resolve(n *avro.SchemaNode) *avro.SchemaNode {
	if d, ok := t.refs[n]; ok {
		return d
	}
	return n
}

// FullName is the name of a record, an enum or a fixed with its namespace.
func FullName(n *avro.SchemaNode) string {
	if n.Namespace == "" || strings.Contains(n.Name, ".") {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

// Nullable takes a union of null and one other type apart: at is the number of null in it, -1 where n is no such union; value is the
// other type, or n.
func (t *Tree) Nullable(n *avro.SchemaNode) (value *avro.SchemaNode, at int) {
	n = t.Resolve(n)
	if n.Type != "union" {
		return n, -1
	}
	switch b := n.Branches; {
	case len(b) == 1:
		return t.Resolve(&b[0]), -1
	case len(b) == 2 && b[0].Type == "null":
		return t.Resolve(&b[1]), 0
	case len(b) == 2 && b[1].Type == "null":
		return t.Resolve(&b[0]), 1
	}
	return n, -1
}

// Match compares a schema that a user gives with the fields of a record: Flink takes it only if it stands for exactly these types, in a
// union with null where nullable says so. The result says what differs, and what to do; field is the number of the table's column, -1 where it is none.
func Match(t *Tree, fields []types.Field, nullable bool) (field int, differs, help string) {
	root, null := t.Nullable(t.Root)
	if nullable && null < 0 {
		return -1, "it is not in a union with null", `write ["null", {"type": "record", ...}]`
	}
	if null < 0 && t.Root.Type == "union" {
		root = t.Root
	}
	if root.Type != "record" && root.Type != "error" {
		return -1, "it is the schema of a " + root.Type, "a row is a record: {\"type\": \"record\", ...}"
	}
	row := types.Type{Kind: types.Row, Nested: &types.Nested{Fields: fields}}
	got, err := t.typeOf(root, map[*avro.SchemaNode]bool{})
	if err != nil {
		return -1, err.Error(), "leave the field out of the schema and of the table, or use another format"
	}
	have := got.Nested.Fields
	for i, f := range fields {
		if i >= len(have) {
			return i, fmt.Sprintf("it has no field for column %s", f.Name), "add the field to the schema, or remove the column"
		}
		if have[i].Name != f.Name {
			return i, fmt.Sprintf("its field %d is %s, and the table's column %d is %s", i+1, have[i].Name, i+1, f.Name), "columns and fields need the same names in the same order"
		}
		if !have[i].Type.Equal(f.Type) {
			return i, fmt.Sprintf("its field %s is %s, and the column is %s", f.Name, have[i].Type, f.Type), fmt.Sprintf("declare the column as %s %s", f.Name, have[i].Type)
		}
	}
	if len(have) > len(fields) {
		return -1, fmt.Sprintf("the table has no column for its field %s", have[len(fields)].Name), fmt.Sprintf("add the column %s %s", have[len(fields)].Name, have[len(fields)].Type)
	}
	if !got.Equal(row) {
		return -1, fmt.Sprintf("it stands for %s", got), "make the columns the same"
	}
	return -1, "", ""
}

// typeOf is the SQL type that Flink takes a schema for. within is the records around it.
func (t *Tree) typeOf(n *avro.SchemaNode, within map[*avro.SchemaNode]bool) (out types.Type, err error) {
	n = t.Resolve(n)
	value, null := t.Nullable(n)
	if value.Type == "union" {
		return out, errors.New("it has a union of several types, for which SQL has none")
	}
	sized := func(k types.Kind, prec int) types.Type { return types.Type{Kind: k, Prec: prec} }
	switch value.Type {
	case "record", "error":
		if within[value] {
			return out, fmt.Errorf("its record %s has itself within, for which SQL has no type", value.Name)
		}
		within[value] = true
		defer delete(within, value)
		nested := &types.Nested{}
		for i := range value.Fields {
			f := &value.Fields[i]
			ft, err := t.typeOf(&f.Type, within)
			if err != nil {
				return out, err
			}
			nested.Fields = append(nested.Fields, types.Field{Name: f.Name, Type: ft})
		}
		out = types.Type{Kind: types.Row, Nested: nested}
	case "enum", "string":
		out = types.TString
	case "array":
		elem, err := t.typeOf(value.Items, within)
		if err != nil {
			return out, err
		}
		out = types.Type{Kind: types.Array, Nested: &types.Nested{Elem: elem}}
	case "map":
		elem, err := t.typeOf(value.Values, within)
		if err != nil {
			return out, err
		}
		out = types.Type{Kind: types.Map, Nested: &types.Nested{Key: types.TString.NotNull(), Elem: elem}}
	case "fixed", "bytes":
		out = types.TBytes
		if value.Type == "fixed" {
			out.Len = value.Size
		}
		if value.LogicalType == "decimal" {
			out = types.MakeDecimal(value.Precision, value.Scale)
		}
	case "int":
		switch value.LogicalType {
		case "date":
			out = types.TDate
		case "time-millis":
			out = sized(types.Time, 3)
		default:
			out = types.TInt
		}
	case "long":
		switch value.LogicalType {
		case "timestamp-millis":
			out = sized(types.Timestamp, 3)
		case "timestamp-micros":
			out = sized(types.Timestamp, 6)
		case "time-micros":
			out = sized(types.Time, 6)
		default:
			out = types.TBigInt
		}
	case "float":
		out = types.TFloat
	case "double":
		out = types.TDouble
	case "boolean":
		out = types.TBoolean
	case "null":
		return types.TNull, nil
	default:
		return out, fmt.Errorf("it has a type %s", value.Type)
	}
	return out.WithNullable(null >= 0), nil
}
