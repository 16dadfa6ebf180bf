package avro

import (
	"strings"

	"weir/connectors/formats"
	"weir/connectors/spec/avroschema"
	"weir/exec/batch"
)

// Format is the format avro for a formats.Registry.
func Format() formats.Format {
	return formats.Format{Name: "avro", Decoder: NewDecoder, Encoder: NewEncoder}
}

// NewDecoder makes a decoder of records that were written with the schema of their table.
func NewDecoder(spec formats.DecoderSpec) (formats.Decoder, error) {
	text := avroschema.Of(fieldsOf(spec.Schema), formats.Flag(spec.Options, "timestamp_mapping.legacy", true))
	s, err := avroschema.Parse(text, false)
	if err != nil {
		return nil, err
	}
	tree := avroschema.TreeOf(s)
	d, err := newDecoder(newTable(spec, tree), tree)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(formats.Text(spec.Options, "encoding", "binary"), "json") {
		return newJSONDecoder(text, d)
	}
	return d, nil
}

// decoder decodes records of one schema.
type decoder struct {
	plan *plan
	recordLoop
}

func newDecoder(t *table, writer *avroschema.Tree) (*decoder, error) {
	p, err := t.resolve(writer)
	return &decoder{p, recordLoop{table: t, most: 1}}, err
}

// Decode implements formats.Decoder.
func (d *decoder) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error) {
	d.begin(p, from, to, dst, src)
	for d.next() {
		n, ok := d.record(d.plan, d.row)
		if !ok {
			return d.end(d.foreign(d.error(d.k)))
		}
		d.keep(n)
	}
	return d.end(nil)
}

// foreign says of a record that cannot be decoded what it looks like.
func (d *decoder) foreign(e *formats.RecordError) *formats.RecordError {
	switch b := d.b[d.start:]; {
	case looksLikeJSON(b):
		e.Help = "the record looks like JSON: read it with format 'json'"
	case len(b) > 5 && b[0] == 0 && b[1] == 0:
		e.Help = "the record begins with 0 and four bytes, as those that a schema registry knows the schema of: read it with format 'avro-confluent'"
	case len(b) > 4 && string(b[:4]) == "Obj\x01":
		e.Help = "the record is a container file of Avro, of which only single records can be read"
	}
	return e
}

// looksLikeJSON reports an object or an array of JSON.
func looksLikeJSON(b []byte) bool {
	return len(b) >= 2 && (b[0] == '{' && b[len(b)-1] == '}' || b[0] == '[' && b[len(b)-1] == ']')
}
