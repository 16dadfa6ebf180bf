package avro

import (
	"fmt"
	"slices"

	"github.com/twmb/avro"

	"weir/connectors/formats"
	"weir/connectors/spec"
	"weir/connectors/spec/avroschema"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/types"
)

// Debezium is the format debezium-avro-confluent for a formats.Registry.
func Debezium() formats.Format {
	return formats.Format{Name: spec.DebeziumAvro, Decoder: newDebeziumDecoder, Encoder: newDebeziumEncoder}
}

// The fields of an envelope that count.
const (
	oldField = iota
	newField
	opField
	otherField
)

var envelopeFields = []string{"before", "after", "op"}

// envelope is how the records of one writer's schema become changes.
type envelope struct {
	null   int64 // the number of null where the schema is a union of null and a record; -1 where it is none
	fields []envelopeField
	rows   [2]*plan // of before and after
	op     *step    // of op
}

type envelopeField struct {
	what int
	skip *step
}

// debeziumDecoder goes over an envelope twice: what happened to a row stands behind the row.
type debeziumDecoder struct {
	schemas schemas[*envelope]
	op      *target // what the operation is read into, one row
	at      [3]int  // where the fields of the envelope under way begin, in the payloads
	recordLoop
}

func newDebeziumDecoder(ds formats.DecoderSpec) (formats.Decoder, error) {
	_, tree, err := envelopeSchema(ds.Options, fieldsOf(ds.Schema))
	if err != nil {
		return nil, err
	}
	d := &debeziumDecoder{op: newTarget("op", types.TString.NotNull()), recordLoop: recordLoop{head: headLen, most: 2}}
	d.op.own()
	d.op.bind(batch.NewVector(d.op.typ, 1), nil)
	// The reader's schema of a row is that of after; before has the same fields.
	root, _ := tree.Nullable(tree.Root)
	rows := *tree
	rows.Root = &fieldOf(root, "after").Type
	d.table = newTable(ds, &rows)
	d.schemas, err = newSchemas(ds.Asking, spec.DebeziumAvro, ds.Options, d.resolve)
	return d, err
}

// resolve plans how envelopes of a writer's schema are read.
func (d *debeziumDecoder) resolve(writer *avroschema.Tree) (*envelope, error) {
	root, null := writer.Nullable(writer.Root)
	none := &mismatchError{reason: fmt.Sprintf("the writer's schema is %s, and Debezium writes a record with the fields before, after and op", describe(root)),
		help: "rows without an envelope are read with format 'avro-confluent'"}
	if root.Type != "record" && root.Type != "error" {
		return nil, none
	}
	e := &envelope{null: int64(null)}
	r := &resolver{writer, d.table.reader, map[*avro.SchemaNode]*step{}}
	for i := range root.Fields {
		f := &root.Fields[i]
		what := slices.Index(envelopeFields, f.Name)
		switch what {
		case oldField, newField:
			of := *writer
			of.Root = &f.Type
			var err error
			if e.rows[what], err = d.table.resolve(&of); err != nil {
				return nil, err
			}
		case opField:
			e.op = r.value(&f.Type, nil, d.op)
			if e.op.code == refuse {
				return nil, &mismatchError{"op", e.op.reason, ""}
			}
		default:
			what = otherField
		}
		e.fields = append(e.fields, envelopeField{what, r.skip(&f.Type)})
	}
	if e.rows[oldField] == nil || e.rows[newField] == nil || e.op == nil {
		return nil, none
	}
	return e, nil
}

// Decode implements formats.Decoder.
func (d *debeziumDecoder) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error) {
	for len(dst.Kinds) < dst.N {
		dst.Kinds = append(dst.Kinds, batch.Insert)
	}
	d.begin(p, from, to, dst, src)
	for d.next() {
		if d.start == len(d.b) {
			continue // what is left of a deleted row in a compacted topic
		}
		e, bad := d.schemas.of(&d.machine, d.k)
		if bad != nil {
			return d.end(bad)
		}
		n, ok := d.changes(e, d.row)
		if !ok {
			dst.Kinds = dst.Kinds[:d.row]
			return d.end(d.error(d.k))
		}
		d.keep(n)
	}
	return d.end(nil)
}

// changes decodes an envelope into row and the one behind it, and says how many rows it gives.
func (d *debeziumDecoder) changes(e *envelope, row int) (n int, ok bool) {
	if e.null >= 0 {
		if null, ok := d.branch(nil, e.null); null || !ok {
			return 0, ok
		}
	}
	for _, f := range e.fields {
		if f.what != otherField {
			d.at[f.what] = d.i
		}
		if !d.run(f.skip, 0) {
			return 0, false
		}
	}
	if !d.atEnd() {
		return 0, false
	}
	d.i = d.at[opField]
	d.op.vec.Data = d.op.vec.Data[:0]
	d.op.vec.Resize(1)
	if !d.run(e.op, 0) {
		return 0, false
	}
	switch op := d.op.vec.Bytes(0); string(op) {
	case "c", "r":
		return 1, d.change(e, newField, row, batch.Insert)
	case "u":
		return 2, d.change(e, oldField, row, batch.UpdateBefore) && d.change(e, newField, row+1, batch.UpdateAfter)
	case "d":
		return 1, d.change(e, oldField, row, batch.Delete)
	default:
		return 0, d.bad(nil, "\"op\" is \"%s\", which Debezium does not write", formats.Excerpt(op, 0))
	}
}

// change decodes one of the rows of an envelope.
func (d *debeziumDecoder) change(e *envelope, what, row int, kind batch.ChangeKind) bool {
	p := e.rows[what]
	d.i = d.at[what]
	if p.null >= 0 {
		null, ok := d.branch(p.top, p.null)
		if !ok {
			return false
		}
		if null {
			if what == oldField {
				d.help = "in Postgres ALTER TABLE ... REPLICA IDENTITY FULL makes old rows whole"
			}
			return d.bad(nil, "the \"%s\" of the record is null", envelopeFields[what])
		}
	}
	d.dst.Kinds = append(d.dst.Kinds, kind)
	return d.run(p.top, row)
}

// debeziumEncoder puts each row into an envelope. Like Flink's, it never writes an update: the old row goes out as a deletion and the new
// one as an insertion.
type debeziumEncoder struct {
	number
	rows   [2]*encoder // of before and after
	unions [2]*part
	ops    [2][]byte // op as it is written, by the field that has the row
}

// envelopeSchema is the schema of the envelopes of a table's rows.
func envelopeSchema(o catalog.Options, fields []types.Field) (text string, tree *avroschema.Tree, err error) {
	return schemaOf(spec.DebeziumAvro, o, avroschema.Envelope(fields), true)
}

func newDebeziumEncoder(es formats.EncoderSpec) (formats.Encoder, error) {
	fields := fieldsOf(es.Columns)
	text, tree, err := envelopeSchema(es.Options, fields)
	if err != nil {
		return nil, err
	}
	e := &debeziumEncoder{}
	if e.number, err = newNumber(es.Asking, spec.DebeziumAvro, es.Options, text); err != nil {
		return nil, err
	}
	root, null := tree.Nullable(tree.Root)
	e.behind(null)
	row := types.Type{Kind: types.Row, Nullable: true, Nested: &types.Nested{Fields: fields}}
	for what := range e.rows {
		node := &root.Fields[what].Type
		if e.unions[what], err = newPart(envelopeFields[what], row, node, tree); err != nil {
			return nil, err
		}
		of := *tree
		of.Root, _ = tree.Nullable(node) // what stands in front of a row is written here
		if e.rows[what], err = newEncoder(spec.DebeziumAvro, es.Columns, &of); err != nil {
			return nil, err
		}
	}
	op, err := newPart("op", types.TString, &root.Fields[opField].Type, tree)
	if err != nil {
		return nil, err
	}
	v := batch.NewVector(types.TString, 2)
	v.AppendString("d")
	v.AppendString("c")
	for what := range e.ops {
		if e.ops[what], err = op.append(nil, v, what); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Encode implements formats.Encoder.
func (e *debeziumEncoder) Encode(dst []byte, b *batch.Batch, i int) (out []byte, null bool, err error) {
	if dst, err = e.head(dst); err != nil {
		return dst, false, err
	}
	what := oldField
	if b.Kind(i).Adds() {
		what = newField
	}
	for f, u := range e.unions {
		if f != what {
			dst = append(dst, u.null...)
			continue
		}
		if dst, _, err = e.rows[f].Encode(append(dst, u.value...), b, i); err != nil {
			return dst, false, err
		}
	}
	return append(dst, e.ops[what]...), false, nil
}

// EncodeAll implements formats.Encoder.
func (e *debeziumEncoder) EncodeAll(p *formats.Payloads, b *batch.Batch) error {
	return encodeAll(e, p, b)
}
