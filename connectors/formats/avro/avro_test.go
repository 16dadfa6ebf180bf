package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/avro"

	"weir/connectors/formats"
	"weir/connectors/formats/avro/registry/registrytest"
	"weir/connectors/formats/formattest"
	"weir/connectors/spec/avroschema"
	"weir/exec/batch"
	"weir/planner/catalog"
)

func TestText(t *testing.T) { formattest.Run(t, "testdata/avro", Format()) }

// TestRegistry runs the cases of avro-confluent and debezium-avro-confluent. Beside the commands of formattest:
//
//	writer      a schema, of which the number is printed
//	decode      payloads, one a line: the number of a schema and a value in Avro's JSON encoding, without the wrapping of unions; or what formattest takes
//	registry    up, down, or only user:password
//	asked       the requests since this was asked last
func TestRegistry(t *testing.T) {
	for dir, f := range map[string]formats.Format{"confluent": Confluent(), "debezium": Debezium()} {
		testRegistry(t, "testdata/"+dir, f)
	}
}

func testRegistry(t *testing.T, dir string, f formats.Format) {
	datadriven.Walk(t, dir, func(t *testing.T, path string) {
		reg := registrytest.Start()
		defer reg.Close()
		var columns []formats.Column
		var opts catalog.Options
		schemas := map[string]*avro.Schema{}
		asked := 0
		options := func(text string) {
			opts = append(formattest.Options("url = "+reg.URL+"\nsubject = t-value"), formattest.Options(text)...)
		}
		options("")
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out := ""
			switch d.Cmd {
			case "schema":
				columns = formattest.Schema(t, d.Input)
			case "options":
				options(d.Input)
			case "writer":
				s, err := avro.Parse(d.Input)
				if err != nil {
					t.Fatal(err)
				}
				id := strconv.Itoa(reg.Add("w", d.Input))
				schemas[id] = s
				out = id + "\n"
			case "registry":
				reg.Down(strings.HasPrefix(d.Input, "down"))
				reg.Only("")
				if _, user, ok := strings.Cut(d.Input, "only "); ok {
					reg.Only(user)
				}
			case "asked":
				all := reg.Asked()
				out, asked = strings.Join(all[asked:], "\n")+"\n", len(all)
			case "registered":
				schema, id := reg.Latest(d.Input)
				out = fmt.Sprintf("%d %s\n", id, schema)
			case "decode":
				out = formattest.Decode(f, columns, nil, opts, payloads(t, schemas, d.Input))
			case "encode":
				out = formattest.Encode(t, f, columns, opts, d.Input)
			default:
				t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
			}
			return strings.ReplaceAll(out, reg.URL, "http://registry")
		})
	})
}

func payloads(t *testing.T, schemas map[string]*avro.Schema, input string) string {
	var out []string
	for _, line := range strings.Split(input, "\n") {
		id, value, _ := strings.Cut(line, " ")
		s := schemas[id]
		if s == nil {
			out = append(out, line)
			continue
		}
		var v any
		if err := s.DecodeJSON([]byte(value), &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		n, _ := strconv.Atoi(id)
		b, err := s.AppendEncode(binary.BigEndian.AppendUint32([]byte{0}, uint32(n)), v)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, "go:"+strconv.Quote(string(b)))
	}
	return strings.Join(out, "\n")
}

const benchSchema = "user_id BIGINT\nitem STRING\nprice DOUBLE\nts TIMESTAMP(3)"

// benchBatch is the rows of json's benchmark.
func benchBatch(b testing.TB, cols []formats.Column, n int) *batch.Batch {
	colours := []string{"red", "green", "blue", "purple", "black", "white", "orange", "yellow"}
	sizes := []string{"s", "m", "l", "xl"}
	out := formattest.Batch(cols)
	for i := range n {
		out.Cols[0].AppendInt(int64(i * 7919 % 100000))
		out.Cols[1].AppendString(fmt.Sprintf("sku-%05d-widget-%s-%s", i*31%100000, colours[i%8], sizes[i%4]))
		out.Cols[2].AppendFloat(float64(i*13%1000) + float64(i*17%100)/100)
		out.Cols[3].AppendInt((1767225600000 + int64(i)/100) * 1000)
		out.N++
	}
	return out
}

func benchEncoder(b testing.TB, cols []formats.Column) formats.Encoder {
	e, err := NewEncoder(formats.EncoderSpec{Columns: cols})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func BenchmarkDecode(b *testing.B) { benchmarkDecode(b, benchSchema, NewDecoder, 0) }

// BenchmarkDecodeOne reads one column of four.
func BenchmarkDecodeOne(b *testing.B) {
	benchmarkDecode(b, "user_id BIGINT skip\nitem STRING skip\nprice DOUBLE\nts TIMESTAMP(3) skip", NewDecoder, 0)
}

// BenchmarkDecodeConfluent reads records with the number of their schema in front.
func BenchmarkDecodeConfluent(b *testing.B) {
	reg := registrytest.Start()
	defer reg.Close()
	schema := avroschema.Of(fieldsOf(formattest.Schema(b, benchSchema)), true)
	id := reg.Add("t-value", schema)
	benchmarkDecode(b, benchSchema, func(ds formats.DecoderSpec) (formats.Decoder, error) {
		ds.Options = formattest.Options("url = " + reg.URL)
		return newConfluentDecoder(ds)
	}, id)
}

func benchmarkDecode(b *testing.B, schema string, decoder func(formats.DecoderSpec) (formats.Decoder, error), id int) {
	const n = 2048
	all := formattest.Schema(b, benchSchema)
	rows := benchBatch(b, all, n)
	enc := benchEncoder(b, all)
	var records [][]byte
	for i := range n {
		var head []byte
		if id > 0 {
			head = binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
		}
		r, _, err := enc.Encode(head, rows, i)
		if err != nil {
			b.Fatal(err)
		}
		records = append(records, r)
	}
	p := formattest.Payloads(records...)
	cols := formattest.Schema(b, schema)
	dec, err := decoder(formats.DecoderSpec{Schema: cols})
	if err != nil {
		b.Fatal(err)
	}
	dst := formattest.Batch(cols)
	src := make([]int32, 0, n)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += n {
		dst.Reset()
		if _, _, err := dec.Decode(p, 0, n, dst, src[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	const n = 2048
	cols := formattest.Schema(b, benchSchema)
	rows, enc := benchBatch(b, cols, n), benchEncoder(b, cols)
	var p formats.Payloads
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += n {
		p.Data, p.Off, p.Len = p.Data[:0], p.Off[:0], p.Len[:0]
		if err := enc.EncodeAll(&p, rows); err != nil {
			b.Fatal(err)
		}
	}
}

// fuzzTable has every kind of step.
const fuzzTable = "a INT\nb STRING NOT NULL\nc ARRAY<ROW<x BIGINT,y BYTES>>\nd MAP<STRING,DECIMAL(20,3)>\ne TIMESTAMP(3)\nf DOUBLE NOT NULL\ng BOOLEAN\nh STRING\ni FLOAT\nj DATE\nk TIME(3)"

// fuzzWriter has what the table has not, too: other orders, an enum, a fixed, a union, records within themselves, elements without bytes.
const fuzzWriter = `{"type":"record","name":"r","fields":[
  {"name":"tree","type":{"type":"record","name":"T","fields":[{"name":"left","type":["null","T"]},{"name":"v","type":{"type":"array","items":"null"}}]}},
  {"name":"h","type":{"type":"enum","name":"E","symbols":["p","q"]}},
  {"name":"b","type":["string","null"]},
  {"name":"c","type":{"type":"array","items":["null",{"type":"record","name":"R","fields":[{"name":"z","type":{"type":"fixed","name":"F","size":3}},{"name":"y","type":"bytes"},{"name":"x","type":"int"}]}]}},
  {"name":"d","type":{"type":"map","values":{"type":"fixed","name":"D","size":18,"logicalType":"decimal","precision":40,"scale":5}}},
  {"name":"e","type":["null",{"type":"long","logicalType":"timestamp-nanos"}]},
  {"name":"f","type":["int","float","double","string"]},
  {"name":"a","type":"int"},{"name":"i","type":"long"}]}`

// FuzzDecode: whatever the bytes are, nothing breaks, the records around them come out as they are, and memory stays within what the
// record's length allows. Where the record is good, so does github.com/twmb/avro find it.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "\x00", "\x02\x02\x06tea", "\x00\x01\x02\x00\x02a\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02", "\x00\x00\x02\x00\x02z\x02\x02abc\x02y\x04\x00\x00\x00\x06\x02s\x02\x04"} {
		f.Add([]byte(s))
	}
	cols := formattest.Schema(f, fuzzTable)
	table := avro.MustParse(avroschema.Of(fieldsOf(cols), true))
	plain, err := NewDecoder(formats.DecoderSpec{Schema: cols})
	if err != nil {
		f.Fatal(err)
	}
	writer := avro.MustParse(fuzzWriter)
	evolved, err := newDecoder(newTable(formats.DecoderSpec{Schema: cols}, avroschema.TreeOf(table)), avroschema.TreeOf(writer))
	if err != nil {
		f.Fatal(err)
	}
	neighbours := map[*avro.Schema]string{table: "", writer: ""}
	for s := range neighbours {
		v := map[string]any{"b": "neighbour", "f": 2.5, "a": nil}
		if s == writer {
			v = map[string]any{"b": "neighbour", "f": 2.5, "a": 7, "i": 8, "h": "q", "tree": map[string]any{"left": nil, "v": []any{}}, "c": []any{}, "d": map[string]any{}, "e": nil}
		}
		b, err := s.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		neighbours[s] = string(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 4096 {
			return
		}
		for s, d := range map[*avro.Schema]formats.Decoder{table: plain, writer: evolved} {
			around := []byte(neighbours[s])
			dst := formattest.Batch(cols)
			p := formattest.Payloads(around, append([]byte{}, in...), around)
			rows, _, err := d.Decode(p, 0, 3, dst, nil)
			if len(rows) != dst.N || dst.N != 3 && err == nil || dst.N != 1 && err != nil {
				t.Fatalf("%q: rows %v of %d, %v", in, rows, dst.N, err)
			}
			for _, i := range []int{0, dst.N - 1} {
				if string(dst.Cols[1].Bytes(i)) != "neighbour" && (i == 0 || err == nil) {
					t.Fatalf("%q: row %d was harmed", in, i)
				}
			}
			if n := dst.Size(); n > 1<<14+64*len(in)+200*maxEmpty {
				t.Fatalf("%q: %d bytes for a record of %d", in, n, len(in))
			}
			var v any
			rest, libErr := s.Decode(in, &v)
			if err == nil && (libErr != nil || len(rest) > 0) {
				t.Fatalf("%q is taken, and avro says %v, %d bytes left", in, libErr, len(rest))
			}
			if re := new(formats.RecordError); libErr == nil && len(rest) == 0 && err != nil && (!errors.As(err, &re) || strings.Contains(re.Reason, "not valid Avro") || strings.Contains(re.Reason, "ends inside")) {
				t.Fatalf("%q is valid: %v", in, err)
			}
		}
	})
}
