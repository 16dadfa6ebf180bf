// Package formats is the contract between connectors and the encodings of their records:
// json, csv, raw, avro (in sub-packages). A format is a decoder from payload bytes straight into
// column vectors, and an encoder from vectors into a buffer of records.
package formats

import (
	"context"
	"fmt"
	"time"

	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/types"
)

// NullLen marks a null payload (a Kafka tombstone), as against an empty one.
const NullLen = ^uint32(0)

// Payloads is a number of record payloads in one buffer: payload i is Data[Off[i]:Off[i]+Len[i]],
// or null when Len[i] is NullLen. Data may become the arena of the decoded strings, so that its
// owner must not reuse it before the batch is done with. A decoder may rewrite the bytes of a
// payload that it has decoded (escapes are undone in place): a payload is decoded once. One that
// failed with a RecordError is as it was.
type Payloads struct {
	Data     []byte
	Off, Len []uint32
}

// Get is payload i; null is true for a null payload.
func (p *Payloads) Get(i int) (b []byte, null bool) {
	if p.Len[i] == NullLen {
		return nil, true
	}
	return p.Data[p.Off[i] : p.Off[i]+p.Len[i] : p.Off[i]+p.Len[i]], false
}

// Column is one column that a decoder fills or an encoder writes.
type Column struct {
	Name  string // as in the payload (key.fields-prefix already stripped)
	Type  types.Type
	Index int // the column's position in the batch
	// Read is the type of the column in the batch that a decoder fills: Type, or Type with some fields of its ROWs left out, which
	// only a format is asked for whose spec says that it can. The zero Type is Type.
	Read types.Type
}

// DecoderSpec says what to decode.
type DecoderSpec struct {
	// Schema is all physical columns that the payload holds by the table's definition, in
	// order (csv needs them all); Index is -1 for a column that the query does not read.
	Schema []Column
	// Metadata is the columns that the format's own metadata fills: Name is the key without "value.", Type the type that
	// the format's description has for it.
	Metadata []Column
	Options  catalog.Options // with the format's prefix stripped: "ignore-parse-errors"
	TimeZone *time.Location  // table.local-time-zone, for TIMESTAMP_LTZ without a zone
	// Asking ends what the decoder asks others (exec.TaskContext.Asking). nil: nothing does.
	Asking context.Context
}

// Decoder turns payloads into rows. It belongs to one goroutine.
type Decoder interface {
	// Decode appends the rows of payloads from .. to-1 to the wanted columns of dst, raises dst.N, and appends
	// to src the payload number of every row. A payload may give no row (null, or skipped and
	// counted in skipped) or several. dst.Kinds is appended to only by changelog formats. On a bad
	// payload that the options do not skip it returns a *RecordError; dst then holds the rows
	// before it.
	Decode(p *Payloads, from, to int, dst *batch.Batch, src []int32) (rows []int32, skipped int, err error)
}

// RecordError is a payload that could not be decoded. The connector adds topic, partition and offset.
type RecordError struct {
	Payload int    // number in the Payloads
	Column  string // the column that failed; empty when the payload as a whole did
	At      int    // byte offset in the payload, -1 when unknown
	Excerpt string // up to 80 bytes around the place, printable
	Reason  string // "expected a BIGINT, found \"abc\""
	Help    string // what to do: the option that skips such records, if the format has one
	// Cause is set where not the record is to blame but what decoding it needs, a schema registry: an *exec.Error with the reaction
	// that it demands.
	Cause error
}

// Unwrap makes errors.Is find the reaction.
func (e *RecordError) Unwrap() error { return e.Cause }

func (e *RecordError) Error() string {
	text := e.Reason
	if e.Column != "" {
		text = fmt.Sprintf("column %s: %s", e.Column, e.Reason)
	}
	if e.Excerpt != "" {
		text += " near " + e.Excerpt
	}
	return text
}

// EncoderSpec says what to encode.
type EncoderSpec struct {
	Columns  []Column
	Options  catalog.Options
	TimeZone *time.Location
	Asking   context.Context // as of DecoderSpec
}

// Encoder turns rows into payloads. It belongs to one goroutine.
type Encoder interface {
	// Encode appends the payload of the row at physical position i of b to dst. null reports a
	// null payload (raw format, NULL column).
	Encode(dst []byte, b *batch.Batch, i int) (out []byte, null bool, err error)
	// EncodeAll appends the payloads of all selected rows to dst, and to p.Off and p.Len their places, in order;
	// p.Data is dst's buffer. It is Encode for a whole batch and the fast way.
	EncodeAll(p *Payloads, b *batch.Batch) error
}

// Format makes decoders and encoders. The option table is in connectors/spec.
type Format struct {
	Name    string
	Decoder func(DecoderSpec) (Decoder, error)
	Encoder func(EncoderSpec) (Encoder, error)
}

// Registry finds formats by name: "json", "csv", "raw", "avro".
type Registry map[string]Format
