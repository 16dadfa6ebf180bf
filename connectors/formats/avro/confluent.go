package avro

import (
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
	return formats.Format{Name: "avro-confluent", Decoder: newConfluentDecoder, Encoder: newConfluentEncoder}
}

// schemaOf is the schema of a table: that of the options, or the one that follows from its columns.
func schemaOf(o catalog.Options, fields []types.Field) (text string, tree *avroschema.Tree, err error) {
	given := spec.RegistryOption(o, "schema")
	if text = avroschema.Of(fields, true); given != nil {
		text = given.Value
	}
	s, err := avroschema.Parse(text, false)
	if err != nil {
		return "", nil, fmt.Errorf("format 'avro-confluent': schema: %w", err)
	}
	tree = avroschema.TreeOf(s)
	if given != nil {
		if _, differs, _ := avroschema.Match(tree, fields); differs != "" {
			return "", nil, fmt.Errorf("format 'avro-confluent': the schema does not match the table: %s", differs)
		}
	}
	return text, tree, nil
}

// confluentDecoder decodes records that begin with the number of their schema.
type confluentDecoder struct {
	table    *table
	registry *registry.Client
	plans    map[int32]*plan
	id       int32 // of last
	last     *plan // nil before the first record
	machine
}

func newConfluentDecoder(ds formats.DecoderSpec) (formats.Decoder, error) {
	_, tree, err := schemaOf(ds.Options, fieldsOf(ds.Schema))
	if err != nil {
		return nil, err
	}
	client, err := registry.New(ds.Options)
	if err != nil {
		return nil, err
	}
	return &confluentDecoder{table: newTable(ds, tree), registry: client, plans: map[int32]*plan{}}, nil
}

// Decode implements formats.Decoder.
func (d *confluentDecoder) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error) {
	row := dst.N
	d.table.begin(p.Data, dst, row+to-from)
	for k := from; k < to; k++ {
		if p.Len[k] == formats.NullLen {
			continue
		}
		start, n := int(p.Off[k]), int(p.Len[k])
		d.load(p.Data, start, headLen, start+n)
		var bad *formats.RecordError
		if n < headLen || p.Data[start] != 0 {
			bad = d.headless(k)
		} else if id := int32(binary.BigEndian.Uint32(p.Data[start+1:])); d.last == nil || id != d.id {
			bad = d.writer(k, id)
		}
		if bad == nil {
			null, ok := d.record(d.last, row)
			switch {
			case !ok:
				bad = d.error(k)
			case !null:
				src = append(src, int32(k))
				row++
			}
		}
		if bad != nil {
			d.table.undo(row)
			d.table.end(dst, row)
			return src, 0, bad
		}
	}
	d.table.end(dst, row)
	return src, 0, nil
}

// headless words a record that does not begin as the registry's records do.
func (d *confluentDecoder) headless(k int) *formats.RecordError {
	b := d.b[d.start:]
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

// writer makes the plan for records of schema id the current one.
func (d *confluentDecoder) writer(k int, id int32) *formats.RecordError {
	p, ok := d.plans[id]
	if !ok {
		s, err := d.registry.Schema(id)
		if err != nil {
			e := &formats.RecordError{Payload: k, At: 1, Reason: err.Error(), Cause: err}
			if x := new(exec.Error); errors.As(err, &x) {
				e.Help = x.Help
			}
			return e
		}
		if p, err = d.table.resolve(avroschema.TreeOf(s)); err != nil {
			e := &formats.RecordError{Payload: k, At: 1, Reason: fmt.Sprintf("schema %d: %v", id, err)}
			if m := new(mismatchError); errors.As(err, &m) {
				e.Column, e.Reason, e.Help = m.column, fmt.Sprintf("schema %d: %s", id, m.reason), m.help
			}
			return e
		}
		d.plans[id] = p
	}
	d.id, d.last = id, p
	return nil
}

// confluentEncoder registers its schema with the first row.
type confluentEncoder struct {
	*encoder
	registry *registry.Client
	subject  string
	schema   string
	register bool
	known    bool // the number of the schema is in the head
}

func newConfluentEncoder(es formats.EncoderSpec) (formats.Encoder, error) {
	text, tree, err := schemaOf(es.Options, fieldsOf(es.Columns))
	if err != nil {
		return nil, err
	}
	subject := spec.RegistryOption(es.Options, "subject")
	if subject == nil {
		return nil, errors.New("format 'avro-confluent' needs the option 'subject' to write")
	}
	e := &confluentEncoder{subject: subject.Value, schema: text, register: true}
	if o := spec.RegistryOption(es.Options, "auto.register.schemas"); o != nil {
		e.register = strings.EqualFold(o.Value, "true")
	}
	if e.registry, err = registry.New(es.Options); err != nil {
		return nil, err
	}
	e.encoder, err = newEncoder("avro-confluent", es.Columns, tree)
	return e, err
}

func (e *confluentEncoder) number() error {
	if e.known {
		return nil
	}
	id, err := e.registry.Register(e.subject, e.schema, e.register)
	if err != nil {
		return err
	}
	e.head = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), e.head...)
	e.known = true
	return nil
}

// Encode implements formats.Encoder.
func (e *confluentEncoder) Encode(dst []byte, b *batch.Batch, i int) (out []byte, null bool, err error) {
	if err := e.number(); err != nil {
		return dst, false, err
	}
	return e.encoder.Encode(dst, b, i)
}

// EncodeAll implements formats.Encoder.
func (e *confluentEncoder) EncodeAll(p *formats.Payloads, b *batch.Batch) error {
	if err := e.number(); err != nil {
		return err
	}
	return e.encoder.EncodeAll(p, b)
}
