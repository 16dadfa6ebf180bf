package avro

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"weir/connectors/formats"
	"weir/connectors/formats/avro/registry"
	"weir/connectors/spec"
	"weir/connectors/spec/avroschema"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/types"
)

// headLen is how many bytes a record has in front: 0, and the number of its schema.
const headLen = 5

// Confluent is the format avro-confluent for a formats.Registry.
func Confluent() formats.Format {
	return formats.Format{Name: spec.ConfluentAvro, Decoder: newConfluentDecoder, Encoder: newConfluentEncoder}
}

// schemaOf is the schema of records of fields: that of the options, or the one that follows from them, in a union with null where
// nullable says so.
func schemaOf(format string, o catalog.Options, fields []types.Field, nullable bool) (text string, tree *avroschema.Tree, err error) {
	if text = avroschema.Of(fields, true); nullable {
		text = `["null",` + text + `]`
	}
	given := spec.RegistryOption(o, "schema")
	if given != nil {
		text = given.Value
	}
	s, err := avroschema.Parse(text, false)
	if err != nil {
		return "", nil, fmt.Errorf("format '%s': schema: %w", format, err)
	}
	tree = avroschema.TreeOf(s)
	if given != nil {
		if _, differs, _ := avroschema.Match(tree, fields, nullable); differs != "" {
			return "", nil, fmt.Errorf("format '%s': the schema does not match the table: %s", format, differs)
		}
	}
	return text, tree, nil
}

// schemas is what records of the schemas seen so far become: a P each.
type schemas[P any] struct {
	registry *registry.Client
	format   string
	resolve  func(writer *avroschema.Tree) (P, error)
	byID     map[int32]P
	id       int32 // of last
	last     P
	some     bool // there is a last one
}

func newSchemas[P any](ctx context.Context, format string, o catalog.Options, resolve func(*avroschema.Tree) (P, error)) (schemas[P], error) {
	client, err := registry.New(ctx, format, o)
	return schemas[P]{registry: client, format: format, resolve: resolve, byID: map[int32]P{}}, err
}

// of is what the record that m is at becomes, payload k, by the number of its schema.
func (s *schemas[P]) of(m *machine, k int) (P, *formats.RecordError) {
	b := m.b[m.start:]
	if len(b) < headLen || b[0] != 0 {
		return s.last, headless(b, k)
	}
	if id := int32(binary.BigEndian.Uint32(b[1:])); !s.some || id != s.id {
		p, ok := s.byID[id]
		if !ok {
			var err *formats.RecordError
			if p, err = s.ask(id, k); err != nil {
				return p, err
			}
			s.byID[id] = p
		}
		s.id, s.last, s.some = id, p, true
	}
	return s.last, nil
}

// headless words a record that does not begin as the registry's records do.
func headless(b []byte, k int) *formats.RecordError {
	e := &formats.RecordError{Payload: k, At: 0, Excerpt: formats.Excerpt(b, 0), Reason: "not a record of a schema registry: it does not begin with 0 and the number of a schema"}
	switch {
	case len(b) > 0 && b[0] == 0:
		e.Reason = fmt.Sprintf("the record ends in its head: 0 and the number of a schema are %d bytes", headLen)
	case looksLikeJSON(b):
		e.Help = "the record looks like JSON: read it with format 'json'"
	case len(b) == 0:
		e.Reason = "the record is empty"
	default:
		e.Help = "if it is Avro without a schema's number, read it with format 'avro'"
	}
	return e
}

// ask reads a schema that is seen for the first time.
func (s *schemas[P]) ask(id int32, k int) (p P, failed *formats.RecordError) {
	schema, err := s.registry.Schema(id)
	if err != nil {
		failed = &formats.RecordError{Payload: k, At: 1, Reason: err.Error(), Cause: err}
		if x := new(exec.Error); errors.As(err, &x) {
			failed.Help = x.Help
		}
		return p, failed
	}
	if p, err = s.resolve(avroschema.TreeOf(schema)); err != nil {
		failed = &formats.RecordError{Payload: k, At: 1, Reason: fmt.Sprintf("schema %d: %v", id, err)}
		if m := new(mismatchError); errors.As(err, &m) {
			failed.Column, failed.Reason, failed.Help = m.column, fmt.Sprintf("schema %d: %s", id, m.reason), m.help
		}
	}
	return p, failed
}

// confluentDecoder decodes records that begin with the number of their schema.
type confluentDecoder struct {
	schemas schemas[*plan]
	recordLoop
}

func newConfluentDecoder(ds formats.DecoderSpec) (formats.Decoder, error) {
	_, tree, err := schemaOf(spec.ConfluentAvro, ds.Options, fieldsOf(ds.Schema), false)
	if err != nil {
		return nil, err
	}
	d := &confluentDecoder{recordLoop: recordLoop{table: newTable(ds, tree), head: headLen, most: 1}}
	d.schemas, err = newSchemas(ds.Asking, spec.ConfluentAvro, ds.Options, d.table.resolve)
	return d, err
}

// Decode implements formats.Decoder.
func (d *confluentDecoder) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error) {
	d.begin(p, from, to, dst, src)
	for d.next() {
		plan, bad := d.schemas.of(&d.machine, d.k)
		if bad != nil {
			return d.end(bad)
		}
		n, ok := d.record(plan, d.row)
		if !ok {
			return d.end(d.error(d.k))
		}
		d.keep(n)
	}
	return d.end(nil)
}

// number is what a record begins with: 0 and the number of its schema, which is registered with the first row.
type number struct {
	registry *registry.Client
	subject  string
	schema   string
	register bool
	bytes    []byte // what stands in front of a record, once the number is known
	union    []byte // of that what stands behind the number
}

func newNumber(ctx context.Context, format string, o catalog.Options, schema string) (n number, err error) {
	subject := spec.RegistryOption(o, "subject")
	if subject == nil {
		return n, fmt.Errorf("format '%s' needs the option 'subject' to write", format)
	}
	n = number{subject: subject.Value, schema: schema, register: true}
	if o := spec.RegistryOption(o, "auto.register.schemas"); o != nil {
		n.register = strings.EqualFold(o.Value, "true")
	}
	n.registry, err = registry.New(ctx, format, o)
	return n, err
}

// behind says that records are in a union, in which null is the number of null; -1 where they are not.
func (n *number) behind(null int) {
	if null >= 0 {
		n.union = appendLong(nil, int64(1-null))
	}
}

// head writes what stands in front of a record.
func (n *number) head(dst []byte) ([]byte, error) {
	if n.bytes == nil {
		id, err := n.registry.Register(n.subject, n.schema, n.register)
		if err != nil {
			return dst, err
		}
		n.bytes = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), n.union...)
	}
	return append(dst, n.bytes...), nil
}

// confluentEncoder writes records of one schema behind its number.
type confluentEncoder struct {
	number
	row *encoder
}

func newConfluentEncoder(es formats.EncoderSpec) (formats.Encoder, error) {
	text, tree, err := schemaOf(spec.ConfluentAvro, es.Options, fieldsOf(es.Columns), false)
	if err != nil {
		return nil, err
	}
	e := &confluentEncoder{}
	if e.number, err = newNumber(es.Asking, spec.ConfluentAvro, es.Options, text); err != nil {
		return nil, err
	}
	e.row, err = newEncoder(spec.ConfluentAvro, es.Columns, tree)
	return e, err
}

// Encode implements formats.Encoder.
func (e *confluentEncoder) Encode(dst []byte, b *batch.Batch, i int) (out []byte, null bool, err error) {
	if dst, err = e.head(dst); err != nil {
		return dst, false, err
	}
	return e.row.Encode(dst, b, i)
}

// EncodeAll implements formats.Encoder.
func (e *confluentEncoder) EncodeAll(p *formats.Payloads, b *batch.Batch) error {
	return encodeAll(e, p, b)
}
