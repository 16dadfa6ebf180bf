package json

import (
	stdjson "encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"weir/connectors/formats"
	"weir/connectors/formats/formattest"
)

func TestText(t *testing.T) { formattest.Run(t, "testdata", Format()) }

func TestChangelogs(t *testing.T) {
	for _, f := range Changelogs() {
		tool, _, _ := strings.Cut(f.Name, "-")
		formattest.Run(t, "testdata-changelog/"+tool+".txt", f)
	}
}

const benchSchema = "user_id BIGINT\nitem STRING\nprice DOUBLE\nts TIMESTAMP(3)"

func benchRecords(n int) [][]byte {
	colours := []string{"red", "green", "blue", "purple", "black", "white", "orange", "yellow"}
	sizes := []string{"s", "m", "l", "xl"}
	out := make([][]byte, n)
	for i := range out {
		out[i] = fmt.Appendf(nil, `{"user_id":%d,"item":"sku-%05d-widget-%s-%s","price":%d.%02d,"ts":"%s"}`, i*7919%100000, i*31%100000,
			colours[i%8], sizes[i%4], i*13%1000, i*17%100, time.UnixMilli(1767225600000+int64(i)/100).UTC().Format("2006-01-02 15:04:05.000"))
	}
	return out
}

func BenchmarkDecode(b *testing.B) { benchmarkDecode(b, benchSchema, benchRecords(2048)) }

// BenchmarkDecodeNested reads the same values out of an object within the record: all of them, and one of them.
func BenchmarkDecodeNested(b *testing.B) {
	row := "ROW<user_id BIGINT,item STRING,price DOUBLE,ts TIMESTAMP(3)>"
	records := benchRecords(2048)
	for i, r := range records {
		records[i] = fmt.Appendf(nil, `{"order":%s}`, r)
	}
	b.Run("all", func(b *testing.B) { benchmarkDecode(b, "order "+row, records) })
	b.Run("one", func(b *testing.B) { benchmarkDecode(b, "order "+row+" => ROW<price DOUBLE>", records) })
	b.Run("none", func(b *testing.B) { benchmarkDecode(b, "order "+row+" => ROW<>", records) })
}

// BenchmarkDecodeWide reads three of fifty numbers, the first ones: of the time most is what is passed over.
func BenchmarkDecodeWide(b *testing.B) {
	var schema []string
	for c := range 50 {
		schema = append(schema, fmt.Sprintf("c%d BIGINT%s", c, map[bool]string{true: " skip"}[c >= 3]))
	}
	records := make([][]byte, 2048)
	for i := range records {
		records[i] = []byte{'{'}
		for c := range 50 {
			records[i] = fmt.Appendf(records[i], `"c%d":%d,`, c, 1000000+i+c)
		}
		records[i][len(records[i])-1] = '}'
	}
	benchmarkDecode(b, strings.Join(schema, "\n"), records)
}

func benchmarkDecode(b *testing.B, schema string, records [][]byte) {
	cols := formattest.Schema(b, schema)
	dec, err := NewDecoder(formats.DecoderSpec{Schema: cols})
	if err != nil {
		b.Fatal(err)
	}
	p := formattest.Payloads(records...)
	dst := formattest.Batch(cols)
	src := make([]int32, 0, len(records))
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(records) {
		dst.Reset()
		if _, _, err := dec.Decode(p, 0, len(records), dst, src[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeDebezium: a record is an update of a row of the size of BenchmarkDecode's, so that two rows are decoded and the source
// is passed over.
func BenchmarkDecodeDebezium(b *testing.B) {
	cols := formattest.Schema(b, benchSchema)
	dec, err := debezium.newDecoder(formats.DecoderSpec{Schema: cols})
	if err != nil {
		b.Fatal(err)
	}
	records := benchRecords(1024)
	for i, r := range records {
		records[i] = fmt.Appendf(nil, `{"before":%s,"after":%s,"source":{"version":"2.7","connector":"postgresql","name":"shop","ts_ms":1767225600000,"db":"shop","table":"t"},"op":"u","ts_ms":1767225600123}`, r, r)
	}
	p := formattest.Payloads(records...)
	dst := formattest.Batch(cols)
	src := make([]int32, 0, 2048)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += 1024 {
		dst.Reset()
		if _, _, err := dec.Decode(p, 0, 1024, dst, src[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	cols := formattest.Schema(b, benchSchema)
	dec, _ := NewDecoder(formats.DecoderSpec{Schema: cols})
	enc, _ := NewEncoder(formats.EncoderSpec{Columns: cols})
	dst := formattest.Batch(cols)
	if _, _, err := dec.Decode(formattest.Payloads(benchRecords(2048)...), 0, 2048, dst, nil); err != nil {
		b.Fatal(err)
	}
	var p formats.Payloads
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += 2048 {
		p.Data, p.Off, p.Len = p.Data[:0], p.Off[:0], p.Len[:0]
		if err := enc.EncodeAll(&p, dst); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRoundTrip: what is written is read back as it was.
func TestBenchmarkRecordsSurviveDecodeAndEncode(t *testing.T) {
	cols := formattest.Schema(t, benchSchema)
	dec, _ := NewDecoder(formats.DecoderSpec{Schema: cols})
	enc, _ := NewEncoder(formats.EncoderSpec{Columns: cols})
	records := benchRecords(5000)
	dst := formattest.Batch(cols)
	if _, _, err := dec.Decode(formattest.Payloads(records...), 0, len(records), dst, nil); err != nil {
		t.Fatal(err)
	}
	var p formats.Payloads
	if err := enc.EncodeAll(&p, dst); err != nil {
		t.Fatal(err)
	}
	again := formattest.Batch(cols)
	if _, _, err := dec.Decode(&p, 0, len(p.Off), again, nil); err != nil {
		t.Fatal(err)
	}
	for i := range records {
		for c := range cols {
			if a, b := dst.Cols[c].Value(i), again.Cols[c].Value(i); a != b {
				t.Fatalf("record %s, column %s: %v became %v", records[i], cols[c].Name, a, b)
			}
		}
	}
}

// FuzzDecode compares with the standard library what is valid, and what text and numbers come out.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":"x","c":1.5}`, `{"b":"\u00e9\ud83d\ude00\n","a":-0}`, `[{"a":1},{"a":2,"b":null}]`, `{"a":12345678901234567890}`,
		`{"z":[1,{"y":[]},"\\"],"b":{"k" : [1 , 2]}}`, ` { "a" : 1 } `, `{"a":1}}`, `{"a":01}`, `{"a":1.}`, `{"b":"` + "\xff" + `"}`, `{"b":"\ud800"}`,
		`null`, `1`, `"x"`, `{"c":1e400}`, `{"c":"NaN"}`, `{"a":1,"a":2}`, `{"\u0061":7}`, `{"b":"\u0000"}`, "{\"b\":\"\t\"}", `{"a":true,"b":false}`,
	} {
		f.Add([]byte(s))
	}
	cols := formattest.Schema(f, "a BIGINT\nb STRING\nc DOUBLE")
	strict, _ := NewDecoder(formats.DecoderSpec{Schema: cols})
	lenient, _ := NewDecoder(formats.DecoderSpec{Schema: cols, Options: formattest.Options("ignore-parse-errors = true")})
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 4096 {
			return
		}
		valid := stdjson.Valid(in) && utf8.Valid(in) && !loneSurrogate(in)
		// Other records around it must not matter, nor be harmed.
		neighbour := []byte(`{"a":7,"b":"n\u0065ighbour","c":0.25}`)
		for _, dec := range []formats.Decoder{strict, lenient} {
			dst := formattest.Batch(cols)
			p := formattest.Payloads(neighbour, append([]byte{}, in...), neighbour)
			rows, skipped, err := dec.Decode(p, 0, 3, dst, nil)
			if err == nil && (len(rows) != dst.N || len(rows) < 2 || rows[0] != 0 || rows[len(rows)-1] != 2) {
				t.Fatalf("%q: rows %v of %d", in, rows, dst.N)
			}
			if dst.N > 0 && string(dst.Cols[1].Bytes(0)) != "neighbour" {
				t.Fatalf("%q: the record before was harmed", in)
			}
			if err == nil && string(dst.Cols[1].Bytes(dst.N-1)) != "neighbour" {
				t.Fatalf("%q: the record behind was harmed", in)
			}
			if !valid && err == nil && skipped == 0 {
				t.Fatalf("%q is not valid, and was taken", in)
			}
			if !valid && len(rows) > 2 {
				t.Fatalf("%q is not valid, and gave rows", in)
			}
			if re, ok := err.(*formats.RecordError); valid && ok && re.Column == "" && !strings.Contains(re.Reason, "expected an object") && !strings.Contains(re.Reason, "nested") {
				t.Fatalf("%q is valid: %v", in, err)
			}
			var object map[string]any
			if err == nil && valid && len(rows) == 3 && stdjson.Unmarshal(in, &object) == nil && object != nil {
				if s, ok := object["b"].(string); ok && !dst.Cols[1].IsNull(1) && string(dst.Cols[1].Bytes(1)) != s {
					t.Fatalf("%q: b is %q", in, dst.Cols[1].Bytes(1))
				}
				if x, ok := object["c"].(float64); ok && !dst.Cols[2].IsNull(1) && dst.Cols[2].Flt[1] != x {
					t.Fatalf("%q: c is %v", in, dst.Cols[2].Flt[1])
				}
			}
		}
	})
}

// loneSurrogate reports an escape of half a surrogate pair, which the standard library lets pass.
func loneSurrogate(in []byte) bool {
	for i := 0; i < len(in); i++ {
		if in[i] != '\\' {
			continue
		}
		i++
		if i+4 < len(in) && in[i] == 'u' {
			r := hexRune(in[i+1:])
			i += 4
			switch {
			case r >= 0xdc00 && r < 0xe000:
				return true
			case r >= 0xd800 && r < 0xdc00:
				if i+6 >= len(in) || in[i+1] != '\\' || in[i+2] != 'u' {
					return true
				}
				if lo := hexRune(in[i+3:]); lo < 0xdc00 || lo > 0xdfff {
					return true
				}
				i += 6
			}
		}
	}
	return false
}

// FuzzEncodeText: any text comes back from the object that it was written into.
func FuzzEncodeText(f *testing.F) {
	for _, s := range []string{"", "plain", "0123456789abcdef\"", "tab\there", "\x00\x1f\x7f", "ünïcödé 漢字 😀", `back\slash`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		out := appendString(nil, []byte(s))
		var back string
		if err := stdjson.Unmarshal(out, &back); err != nil || back != s {
			t.Fatalf("%q was written as %s", s, out)
		}
	})
}
