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
	d := &decoder{}
	tree := avroschema.TreeOf(s)
	d.table = newTable(spec, tree)
	if d.plan, err = d.table.resolve(tree); err != nil {
		return nil, err
	}
	if strings.EqualFold(formats.Text(spec.Options, "encoding", "binary"), "json") {
		return newJSONDecoder(text, d)
	}
	return d, nil
}

// decoder decodes records of one schema.
type decoder struct {
	table *table
	plan  *plan
	machine
}

// Decode implements formats.Decoder.
func (d *decoder) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error) {
	row := dst.N
	d.table.begin(p.Data, dst, row+to-from)
	for k := from; k < to; k++ {
		if p.Len[k] == formats.NullLen {
			continue
		}
		start := int(p.Off[k])
		d.load(p.Data, start, 0, start+int(p.Len[k]))
		null, ok := d.record(d.plan, row)
		if !ok {
			d.table.undo(row)
			d.table.end(dst, row)
			return src, 0, d.foreign(d.error(k))
		}
		if !null {
			src = append(src, int32(k))
			row++
		}
	}
	d.table.end(dst, row)
	return src, 0, nil
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
