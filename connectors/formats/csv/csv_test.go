package csv

import (
	"strings"
	"testing"
	"unicode/utf8"

	"weir/connectors/formats"
	"weir/connectors/formats/formattest"
)

func TestText(t *testing.T) { formattest.Run(t, "testdata", Format()) }

// FuzzRoundTrip: two texts that are written as a record are read back as they were, and a file of
// two such records is cut at the right place.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"", "plain", `q"uote`, `"`, "a,b", "line\nfeed", " spaces ", `back\slash`, "# comment", "ünïcödé", strings.Repeat("long ", 10)} {
		f.Add(s, "x")
		f.Add("y", s)
	}
	cols := formattest.Schema(f, "a STRING\nb STRING")
	for _, o := range []string{"", "escape-character = \\", "field-delimiter = ;\nquote-character = '", "field-delimiter = é"} {
		opts := formattest.Options(o)
		if _, err := newOptions(opts); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		for _, o := range []string{"", "escape-character = \\", "field-delimiter = ;\nquote-character = '", "field-delimiter = é"} {
			opts := formattest.Options(o)
			enc, _ := NewEncoder(formats.EncoderSpec{Columns: cols, Options: opts})
			dec, _ := NewDecoder(formats.DecoderSpec{Schema: cols, Options: opts})
			in := formattest.Batch(cols)
			in.Cols[0].AppendString(a)
			in.Cols[1].AppendString(b)
			in.N = 1
			out, _, err := enc.Encode(nil, in, 0)
			if err != nil {
				t.Fatal(err)
			}
			framing, _ := NewFraming(opts)
			if n := framing.Next([]byte(string(out) + "\nnext")); n != len(out) {
				t.Fatalf("%q %q, options %q: record %q ends at %d", a, b, o, out, n)
			}
			back := formattest.Batch(cols)
			if _, _, err := dec.Decode(formattest.Payloads(out), 0, 1, back, nil); err != nil {
				t.Fatalf("%q %q, options %q, written as %q: %v", a, b, o, out, err)
			}
			if string(back.Cols[0].Bytes(0)) != a || string(back.Cols[1].Bytes(0)) != b {
				t.Fatalf("%q %q, options %q, written as %q, became %q %q", a, b, o, out, back.Cols[0].Bytes(0), back.Cols[1].Bytes(0))
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	cols := formattest.Schema(b, "user_id BIGINT\nitem STRING\nprice DOUBLE\nts TIMESTAMP(3)")
	dec, err := NewDecoder(formats.DecoderSpec{Schema: cols})
	if err != nil {
		b.Fatal(err)
	}
	records := make([][]byte, 2048)
	for i := range records {
		records[i] = []byte("12345,sku-00042-widget-red-xl,123.45,2026-01-01 00:00:00.123")
	}
	p := formattest.Payloads(records...)
	dst := formattest.Batch(cols)
	src := make([]int32, 0, 2048)
	b.ReportAllocs()
	for n := 0; n < b.N; n += 2048 {
		dst.Reset()
		if _, _, err := dec.Decode(p, 0, 2048, dst, src[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	cols := formattest.Schema(b, "user_id BIGINT\nitem STRING\nprice DOUBLE\nts TIMESTAMP(3)")
	enc, err := NewEncoder(formats.EncoderSpec{Columns: cols})
	if err != nil {
		b.Fatal(err)
	}
	in := formattest.Batch(cols)
	for i := range 2048 {
		in.Cols[0].AppendInt(int64(i))
		in.Cols[1].AppendString("sku-00042-widget-red-xl")
		in.Cols[2].AppendFloat(float64(i) + 0.45)
		in.Cols[3].AppendInt(1767225600123000)
		in.N++
	}
	var p formats.Payloads
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += in.N {
		p.Data, p.Off, p.Len = p.Data[:0], p.Off[:0], p.Len[:0]
		if err := enc.EncodeAll(&p, in); err != nil {
			b.Fatal(err)
		}
	}
}
