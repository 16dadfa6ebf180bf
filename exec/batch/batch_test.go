package batch

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"weir/planner/types"
	"weir/state"
)

// anyType draws a type of any class, nested to a depth.
func anyType(t *rapid.T, depth int) types.Type {
	n := 7
	if depth > 0 {
		n = 10
	}
	switch rapid.IntRange(0, n).Draw(t, "kind") {
	case 0:
		return types.TBoolean
	case 1:
		return types.TBigInt
	case 2:
		return types.TDouble
	case 3:
		return types.MakeDecimal(30, 4)
	case 4:
		return types.TString
	case 5:
		return types.TBytes
	case 6:
		return types.TDate
	case 7:
		return types.TNull
	case 8:
		return types.Type{Kind: types.Array, Nullable: true, Nested: &types.Nested{Elem: anyType(t, depth-1)}}
	case 9:
		return types.Type{Kind: types.Map, Nullable: true, Nested: &types.Nested{Key: types.TString.NotNull(), Elem: anyType(t, depth-1)}}
	}
	return types.Type{Kind: types.Row, Nullable: true, Nested: &types.Nested{Fields: []types.Field{
		{Name: "a", Type: anyType(t, depth-1)}, {Name: "b", Type: anyType(t, depth-1)},
	}}}
}

// anyValue draws a value from few, so that equal ones and tricky neighbours come often.
func anyValue(t *rapid.T, ty types.Type) types.Value {
	if ty.Kind == types.Null || rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		return nil
	}
	small := rapid.IntRange(0, 2)
	switch ClassOf(ty) {
	case ClassBool:
		return rapid.Bool().Draw(t, "bool")
	case ClassInt:
		return int64(small.Draw(t, "int") - 1)
	case ClassFloat:
		return float64(small.Draw(t, "float")) / 2
	case ClassDec:
		return types.Dec{Hi: int64(small.Draw(t, "hi") - 1), Lo: uint64(small.Draw(t, "lo"))}
	case ClassBytes:
		s := rapid.StringOfN(rapid.SampledFrom([]rune("a\x00\x01")), 0, 3, -1).Draw(t, "s")
		if ty.IsBinary() {
			return []byte(s)
		}
		return s
	case ClassList:
		n := small.Draw(t, "n")
		if ty.Kind == types.Map {
			m := make([][2]types.Value, 0)
			for range n {
				k := anyValue(t, types.TString)
				if k == nil {
					k = ""
				}
				m = append(m, [2]types.Value{k, anyValue(t, ty.Nested.Elem)})
			}
			return m
		}
		l := make([]types.Value, 0)
		for range n {
			l = append(l, anyValue(t, ty.Nested.Elem))
		}
		return l
	}
	row := make([]types.Value, 0)
	for _, f := range ty.Nested.Fields {
		row = append(row, anyValue(t, f.Type))
	}
	return row
}

func anyBatch(t *rapid.T, cols int) (*Batch, [][]types.Value) {
	ts := make([]types.Type, cols)
	for i := range ts {
		ts[i] = anyType(t, 2)
	}
	b := New(ts, 4)
	n := rapid.IntRange(0, 80).Draw(t, "rows")
	rows := make([][]types.Value, n)
	for r := range n {
		rows[r] = make([]types.Value, cols)
		for c := range cols {
			rows[r][c] = anyValue(t, ts[c])
			b.Cols[c].AppendValue(rows[r][c])
		}
		b.N++
		b.SetKind(b.N-1, ChangeKind(rapid.IntRange(0, 40).Draw(t, "change")%4))
	}
	if rapid.Bool().Draw(t, "selected") {
		b.Sel = []int32{}
		for r := range n {
			if rapid.Bool().Draw(t, "keep") {
				b.Sel = append(b.Sel, int32(r))
			}
		}
	}
	return b, rows
}

func selected(b *Batch, k int) int {
	if b.Sel != nil {
		return int(b.Sel[k])
	}
	return k
}

func rowOf(b *Batch, i int) []types.Value {
	row := make([]types.Value, len(b.Cols))
	for c, v := range b.Cols {
		row[c] = v.Value(i)
	}
	return row
}

func TestAppendedRowsAreTheRowsThatWereThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, rows := anyBatch(t, rapid.IntRange(0, 4).Draw(t, "cols"))
		many, single := New(b.Types(), 0), New(b.Types(), 0)
		for round := range 2 {
			many.Reset()
			single.Reset()
			many.AppendRows(b, b.Sel)
			for k := range b.Rows() {
				single.AppendRow(b, selected(b, k))
			}
			for _, c := range []*Batch{many, single} {
				if c.N != b.Rows() {
					t.Fatalf("round %d: %d rows of %d", round, c.N, b.Rows())
				}
				for k := range c.N {
					i := selected(b, k)
					if got, want := rowOf(c, k), rows[i]; !reflect.DeepEqual(got, want) {
						t.Fatalf("round %d row %d: got %v, want %v", round, k, got, want)
					}
					if c.Kind(k) != b.Kind(i) {
						t.Fatalf("round %d row %d: kind %s, want %s", round, k, c.Kind(k), b.Kind(i))
					}
				}
			}
		}
	})
}

func TestKeysAreEqualExactlyWhenValuesAreAndDecodeToThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, rows := anyBatch(t, rapid.IntRange(0, 4).Draw(t, "cols"))
		cols := make([]int, len(b.Cols))
		for i := range cols {
			cols[i] = i
		}
		keys := state.Keys{Data: []byte("old"), Off: []uint32{9, 9, 9}}
		hashes := EncodeKeys(b, cols, &keys, nil)
		back := New(b.Types(), 0)
		byKey := map[string]string{}
		byText := map[string]string{}
		for k := range b.Rows() {
			key := keys.At(k)
			if hashes[k] != state.Hash(key) {
				t.Fatalf("key %d: wrong hash", k)
			}
			row := rows[selected(b, k)]
			text := fmt.Sprintf("%#v", row)
			if other, ok := byKey[string(key)]; ok && other != text {
				t.Fatalf("one key of %s and %s", other, text)
			}
			if other, ok := byText[text]; ok && other != string(key) {
				t.Fatalf("two keys of %s: %x and %x", text, other, key)
			}
			byKey[string(key)], byText[text] = text, string(key)
			if err := DecodeKey(key, back.Cols); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if got := rowOf(back, k); !reflect.DeepEqual(got, row) {
				t.Fatalf("decoded %v, want %v", got, row)
			}
			back.N++
		}
	})
}

func TestRowsAreEqualExactlyWhenValuesAreAndDecodeToThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, rows := anyBatch(t, rapid.IntRange(0, 10).Draw(t, "cols"))
		cols := make([]int, len(b.Cols))
		for i := range cols {
			cols[i] = i
		}
		kept := state.Keys{Data: []byte("old"), Off: []uint32{9, 9, 9}}
		EncodeRows(b, cols, &kept)
		back := New(b.Types(), 0)
		byBytes, byText := map[string]string{}, map[string]string{}
		for k := range b.Rows() {
			bytes := string(kept.At(k))
			row := rows[selected(b, k)]
			text := fmt.Sprintf("%#v", row)
			if other, ok := byBytes[bytes]; ok && other != text {
				t.Fatalf("the same bytes for %s and %s", other, text)
			}
			if other, ok := byText[text]; ok && other != bytes {
				t.Fatalf("%x and %x for %s", other, bytes, text)
			}
			byBytes[bytes], byText[text] = text, bytes
			if err := DecodeRow([]byte(bytes), back.Cols); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if got := rowOf(back, k); !reflect.DeepEqual(got, row) {
				t.Fatalf("decoded %v, want %v", got, row)
			}
			back.N++
		}
	})
}

func TestForeignBytesAreNoRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ts := []types.Type{anyType(t, 1), anyType(t, 1)}
		row := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		_ = DecodeRow(row, New(ts, 1).Cols) // no panic, no endless memory
	})
	for name, row := range map[string][]byte{"nothing": {}, "cut off": {0, 0x80}, "too long": {0, 2, 7}} {
		if err := DecodeRow(row, New([]types.Type{types.TInt}, 1).Cols); err == nil {
			t.Errorf("%s: % x is taken for a row of an INT", name, row)
		}
	}
}

func TestForeignBytesAreNoKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ts := []types.Type{anyType(t, 1), anyType(t, 1)}
		key := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		b := New(ts, 1)
		// Bytes that happen to be a key are fine; a panic or endless memory is not.
		_ = DecodeKey(key, b.Cols)
	})
	if err := DecodeKey([]byte{1, 2, 3}, New([]types.Type{types.TInt}, 1).Cols); err == nil {
		t.Error("3 bytes are no key of an INT")
	}
}

func TestSharedArenaIsNeverWritten(t *testing.T) {
	payload := append(make([]byte, 0, 100), "abcdef"...)
	v := NewVector(types.TString, 4)
	v.Share(payload)
	v.AppendView(1, 2)
	v.Reset()
	v.AppendString("XYZ")
	if !bytes.Equal(payload[:6], []byte("abcdef")) || string(v.Bytes(0)) != "XYZ" {
		t.Errorf("payload %q, value %q", payload[:6], v.Bytes(0))
	}
}

func BenchmarkEncodeKeys(b *testing.B) {
	bb := New([]types.Type{types.TBigInt, types.TString, types.MakeTimestamp(3)}, TargetRows)
	for i := range TargetRows {
		bb.Cols[0].AppendInt(int64(i * 7919))
		bb.Cols[1].AppendString(fmt.Sprintf("sku-%05d-widget", i))
		bb.Cols[2].AppendInt(int64(i))
		bb.N++
	}
	for name, cols := range map[string][]int{"int": {0}, "string": {1}, "int-time": {0, 2}, "int-string-time": {0, 1, 2}} {
		b.Run(name, func(b *testing.B) {
			var keys state.Keys
			var hashes []uint64
			b.ReportAllocs()
			for b.Loop() {
				hashes = EncodeKeys(bb, cols, &keys, hashes)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*TargetRows), "ns/row")
		})
	}
}
