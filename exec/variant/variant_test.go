package variant

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/planner/decimal"
)

// TestText runs the text cases. parse gives the encoding of a text and what is read from it, member and element a part as a value of its own.
func TestText(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var b Builder
			data, err := b.Parse(nil, []byte(d.Input), d.HasArg("twice"))
			if err != nil {
				return err.Error()
			}
			v := Of(data)
			switch d.Cmd {
			case "member":
				var name string
				d.ScanArgs(t, "name", &name)
				m, ok := v.Get([]byte(name))
				if !ok {
					return "none"
				}
				v = Of(m.Append(nil))
			case "element":
				var at int
				d.ScanArgs(t, "at", &at)
				e, ok := v.Elem(at)
				if !ok {
					return "none"
				}
				v = Of(e.Append(nil))
			}
			return fmt.Sprintf("%s | %s\n%s", hex.EncodeToString(v.names), hex.EncodeToString(v.data), read(v))
		})
	})
}

// read is what v says, with the kinds of its scalars.
func read(v Value) string {
	switch v.Kind() {
	case Bool:
		return strconv.FormatBool(v.Bool())
	case Int:
		return fmt.Sprint(v.Int())
	case Double:
		return fmt.Sprintf("double %v", v.Double())
	case Decimal:
		d, scale := v.Decimal()
		return "decimal " + decimal.String(d, scale)
	case Text:
		return strconv.Quote(string(v.Text()))
	case Object:
		var parts []string
		for i := range v.Len() {
			name, m := v.Member(i)
			parts = append(parts, fmt.Sprintf("%q: %s", name, read(m)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case Array:
		var parts []string
		for i := range v.Len() {
			e, _ := v.Elem(i)
			parts = append(parts, read(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "null"
}

// Widths of sizes and places change at 256 members, and at 256 and 65536 bytes.
func TestLargeValuesReadBack(t *testing.T) {
	for _, n := range []int{255, 256, 300, 70000} {
		var src bytes.Buffer
		src.WriteByte('{')
		for i := range n {
			fmt.Fprintf(&src, `"m%05d": [%d, "%s"],`, n-i, i, strings.Repeat("x", i%80))
		}
		src.WriteString(`"z": null}`)
		var b Builder
		data, err := b.Parse(nil, src.Bytes(), false)
		if err != nil {
			t.Fatalf("%d members: %v", n, err)
		}
		v := Of(data)
		if v.Len() != n+1 || v.size() != len(v.data) {
			t.Fatalf("%d members: %d members of %d bytes, and %d bytes are there", n, v.Len(), v.size(), len(v.data))
		}
		for i := range n {
			m, ok := v.Get(fmt.Appendf(nil, "m%05d", n-i))
			want := fmt.Sprintf("[%d, %q]", i, strings.Repeat("x", i%80))
			if !ok || read(m) != want {
				t.Fatalf("%d members: member %d is %s, want %s", n, n-i, read(m), want)
			}
		}
		if own := Of(v.Append(nil)); n < 1000 && read(own) != read(v) {
			t.Fatalf("%d members: a copy reads back as something else", n)
		}
	}
}

func TestLimits(t *testing.T) {
	var b Builder
	for _, c := range []struct{ src, want string }{
		{strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), ""},
		{strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), "nested more than 1000 levels deep at byte 1001"},
		{strings.Repeat("7", maxDigits+1), "a number has more than 1000 digits at byte 1"},
		{`["` + strings.Repeat("x", sizeLimit) + `"]`, ErrTooLarge.Error()},
	} {
		_, err := b.Parse(nil, []byte(c.src), false)
		if fmt.Sprint(err) != c.want && !(err == nil && c.want == "") {
			t.Errorf("%.20s...: %v, want %q", c.src, err, c.want)
		}
	}
	data, err := b.Parse(nil, []byte("1e400"), false)
	if err != nil || !math.IsInf(Of(data).Double(), 1) {
		t.Errorf("1e400 is %v, want infinite", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":[1,2.5,"x"],"a":null}`, `[[],{},-0.10,1e9]`, `"\ud83d\ude00\n"`, `{"a":{"b":{}},"c":12345678901234567890}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b Builder
		data, err := b.Parse(nil, []byte(s), true)
		if err != nil {
			return
		}
		v := Of(data)
		if v.size() != len(v.data) {
			t.Fatalf("%q: a value of %d bytes in %d", s, v.size(), len(v.data))
		}
		if own := Of(v.Append(nil)); read(own) != read(v) {
			t.Fatalf("%q: %s, as a value of its own %s", s, read(v), read(own))
		}
	})
}
