package avro

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/avro"

	"weir/connectors/formats"
	"weir/connectors/spec/avroschema"
	"weir/exec/batch"
)

// Avro's JSON encoding goes by way of the binary one: it is for people to read, and not for speed.

// rawSchema is a schema without what its numbers and bytes stand for, so that they pass as they are.
func rawSchema(text string) (*avro.Schema, error) {
	return avroschema.Parse(strings.ReplaceAll(text, `,"logicalType":`, `,"meaning":`), false)
}

type jsonDecoder struct {
	*decoder
	schema *avro.Schema
}

func newJSONDecoder(text string, d *decoder) (formats.Decoder, error) {
	s, err := rawSchema(text)
	return &jsonDecoder{d, s}, err
}

// Decode implements formats.Decoder.
func (d *jsonDecoder) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error) {
	binary := &formats.Payloads{} // its bytes become the batch's
	var bad error
	for k := range to {
		off, n := uint32(len(binary.Data)), uint32(formats.NullLen)
		if b, null := p.Get(k); k >= from && !null {
			var v any
			if err := d.schema.DecodeJSON(b, &v, avro.TaggedUnions()); err != nil {
				bad, to = notJSON(k, b, err), k
				break
			}
			if binary.Data, err = d.schema.AppendEncode(binary.Data, v); err != nil {
				bad, to = notJSON(k, b, err), k
				break
			}
			n = uint32(len(binary.Data)) - off
		}
		binary.Off, binary.Len = append(binary.Off, off), append(binary.Len, n)
	}
	rows, skipped, err = d.decoder.Decode(binary, from, to, dst, src)
	if err == nil {
		err = bad
	}
	return rows, skipped, err
}

func notJSON(k int, b []byte, err error) error {
	e := &formats.RecordError{Payload: k, At: 0, Excerpt: formats.Excerpt(b, 0), Reason: "not Avro in JSON: " + strings.TrimPrefix(err.Error(), "avro: "),
		Help: `Avro writes {"id": {"long": 7}} where a column may be NULL; plain JSON is format 'json'`}
	if m := new(avro.SemanticError); errors.As(err, &m) {
		e.Column = m.Field
	}
	return e
}

type jsonEncoder struct {
	*encoder
	schema *avro.Schema
	buf    []byte
}

func newJSONEncoder(text string, e *encoder) (formats.Encoder, error) {
	s, err := rawSchema(text)
	return &jsonEncoder{encoder: e, schema: s}, err
}

// Encode implements formats.Encoder.
func (e *jsonEncoder) Encode(dst []byte, b *batch.Batch, i int) (out []byte, null bool, err error) {
	if e.buf, _, err = e.encoder.Encode(e.buf[:0], b, i); err != nil {
		return dst, false, err
	}
	var v any
	if _, err := e.schema.Decode(e.buf, &v, avro.TaggedUnions()); err != nil {
		return dst, false, fmt.Errorf("internal error: a record that was written cannot be read: %w", err)
	}
	out, err = e.schema.AppendEncodeJSON(dst, v, avro.TaggedUnions())
	return out, false, err
}

// EncodeAll implements formats.Encoder.
func (e *jsonEncoder) EncodeAll(p *formats.Payloads, b *batch.Batch) error { return encodeAll(e, p, b) }
