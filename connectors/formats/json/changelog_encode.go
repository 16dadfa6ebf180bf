package json

import (
	"errors"

	"weir/connectors/formats"
	"weir/exec/batch"
)

// changelogEncoder puts each row into the envelope of a dialect. Like Flink's, it never writes an update: the old row goes out as a
// deletion and the new one as an insertion.
type changelogEncoder struct {
	*encoder
	// What stands before and behind a row that is added, and one that is taken away.
	added, removed [2]string
}

func (x *dialect) newEncoder(es formats.EncoderSpec) (formats.Encoder, error) {
	if formats.Flag(es.Options, "schema-include", false) {
		return nil, errors.New("format '" + x.name + "': records with a schema can only be read")
	}
	e, err := newRowEncoder(x.name, es)
	if err != nil {
		return nil, err
	}
	c := &changelogEncoder{encoder: e}
	if x.partial {
		open, shut := `{"`+x.new+`":`, `,"`+x.op+`":"`
		if x.lists {
			open, shut = open+"[", "]"+shut
		}
		c.added, c.removed = [2]string{open, shut + x.insert + `"}`}, [2]string{open, shut + x.delete + `"}`}
		return c, nil
	}
	before, after := `"`+x.old+`":`, `"`+x.new+`":`
	noBefore, noAfter := before+"null,", ","+after+"null"
	if e.omitNulls {
		noBefore, noAfter = "", ""
	}
	c.added = [2]string{"{" + noBefore + after, `,"` + x.op + `":"` + x.insert + `"}`}
	c.removed = [2]string{"{" + before, noAfter + `,"` + x.op + `":"` + x.delete + `"}`}
	return c, nil
}

// Encode implements formats.Encoder. It never reports a null payload.
func (c *changelogEncoder) Encode(dst []byte, b *batch.Batch, i int) ([]byte, bool, error) {
	around := &c.removed
	if b.Kind(i).Adds() {
		around = &c.added
	}
	dst, err := c.row(append(dst, around[0]...), b, i)
	return append(dst, around[1]...), false, err
}

// EncodeAll implements formats.Encoder.
func (c *changelogEncoder) EncodeAll(p *formats.Payloads, b *batch.Batch) error {
	for r := range b.Rows() {
		i := b.At(r)
		start := len(p.Data)
		dst, _, err := c.Encode(p.Data, b, i)
		if err != nil {
			return err
		}
		p.Data = dst
		p.Off, p.Len = append(p.Off, uint32(start)), append(p.Len, uint32(len(dst)-start))
	}
	return nil
}
