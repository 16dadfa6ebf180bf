package expr

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/planner/catalog"
	"weir/planner/datetime"
	"weir/planner/types"
)

var randomColumns = []catalog.Column{
	{Name: "b", Type: types.TBoolean}, {Name: "i8", Type: types.Type{Kind: types.TinyInt, Nullable: true}}, {Name: "i", Type: types.TInt},
	{Name: "l", Type: types.TBigInt}, {Name: "f", Type: types.TFloat}, {Name: "d", Type: types.TDouble}, {Name: "m", Type: types.MakeDecimal(10, 2)},
	{Name: "m0", Type: types.MakeDecimal(38, 0)}, {Name: "s", Type: types.TString}, {Name: "c", Type: types.Type{Kind: types.Char, Len: 3, Nullable: true}},
	{Name: "x", Type: types.TBytes}, {Name: "dt", Type: types.TDate}, {Name: "tm", Type: types.Type{Kind: types.Time, Nullable: true}},
	{Name: "ts", Type: types.MakeTimestamp(3)}, {Name: "z", Type: types.MakeTimestampLTZ(3)},
}

// genres of expressions, each with its leaves and forms; %X stands for an expression of genre X.
var grammar = map[byte][]string{
	'B': {"b", "TRUE", "CAST(NULL AS BOOLEAN)", "(%N < %N)", "(%N = %N)", "(%N >= 1)", "(%S = %S)", "(%S <> 'a')", "(%S > 'b')", "(%D <= %D)", "(%T > %T)", "(%B AND %B)", "(%B OR %B)",
		"(NOT %B)", "(%N IS NULL)", "(%B IS NOT TRUE)", "(%S LIKE 'a%')", "(%S NOT LIKE '%b%')", "(%S LIKE '_b%')", "(%I IN (1, 2, NULL))", "(%S NOT IN ('a', 'ab'))", "(%N IS DISTINCT FROM %N)",
		"COALESCE(%B, %B)", "CASE WHEN %B THEN %B ELSE %B END", "(%N BETWEEN %N AND %N)", "(%S SIMILAR TO '(a|b)+')", "REGEXP(%S, 'a.')", "STARTSWITH(%S, %S)", "(m = m0)", "(m > 1.5)", "TRY_CAST(%S AS BOOLEAN)"},
	'I': {"i8", "i", "l", "0", "1", "7", "CAST(NULL AS INT)", "(%I + %I)", "(%I - %I)", "(%I * %I)", "(%I / %I)", "(%I % %I)", "(- %I)", "ABS(%I)", "CHAR_LENGTH(%S)", "COALESCE(%I, %I)", "NULLIF(%I, %I)",
		"CASE WHEN %B THEN %I WHEN %B THEN %I END", "CAST(%N AS INT)", "CAST(%B AS INT)", "TRY_CAST(%S AS BIGINT)", "ROUND(%I, -1)", "POSITION(%S IN %S)", "EXTRACT(DAY FROM %D)", "YEAR(%T)", "HOUR(%T)",
		"GREATEST(%I, %I)", "TIMESTAMPDIFF(HOUR, %T, %T)", "SIGN(%I)", "INSTR(%S, %S, %I)", "IF(%B, %I, %I)", "LOCATE(%S, %S, 2)", "EXTRACT(WEEK FROM z)"},
	'N': {"%I", "f", "d", "m", "m0", "1.5", "CAST(2.25 AS DOUBLE)", "(%N + %N)", "(%N - 1)", "(2 - %N)", "(%N * %N)", "(%N / %N)", "ROUND(%N, 1)", "TRUNCATE(%N)", "FLOOR(%N)", "CEIL(%N)", "ABS(%N)", "(- %N)",
		"CAST(%N AS DOUBLE)", "CAST(%N AS DECIMAL(12, 3))", "CASE WHEN %B THEN %N ELSE %N END", "COALESCE(%N, %N)", "SIGN(%N)", "SQRT(ABS(%N))", "LEAST(%N, %N)", "TRY_CAST(%S AS DOUBLE)", "TRY_CAST(%S AS DECIMAL(5, 1))", "NULLIF(%N, %N)"},
	'S': {"s", "c", "'a'", "''", "'ab%'", "CAST(NULL AS STRING)", "UPPER(%S)", "LOWER(%S)", "(%S || %S)", "CONCAT_WS('-', %S, %S, c)", "SUBSTRING(%S, %I)", "SUBSTRING(%S, %I, %I)", "LEFT(%S, %I)", "RIGHT(%S, 2)",
		"TRIM(%S)", "LTRIM(%S, 'a')", "REPLACE(%S, 'a', %S)", "REVERSE(%S)", "LPAD(%S, 4, 'xy')", "CAST(%N AS STRING)", "CAST(%T AS STRING)", "CAST(%B AS STRING)", "CAST(%D AS STRING)", "CASE WHEN %B THEN %S WHEN %B THEN 'lit' ELSE %S END",
		"COALESCE(%S, %S)", "SPLIT_INDEX(%S, 'a', 1)", "CAST(x AS STRING)", "CAST(%S AS VARCHAR(2))", "CAST(%S AS CHAR(3))", "INITCAP(%S)", "NULLIF(%S, %S)", "REGEXP_EXTRACT(%S, 'a(b)?', 1)", "DATE_FORMAT(%T, 'yyyy-MM')",
		"OVERLAY(%S PLACING %S FROM 2)", "TRANSLATE(%S, 'ab', 'c')", "IF(%B, %S, %S)", "REGEXP_REPLACE(%S, 'a', '[$0]')", "MD5(%S)", "ELT(%I, %S, %S)", "CAST(z AS STRING)", "CAST(tm AS STRING)"},
	'D': {"dt", "DATE '2024-02-29'", "CAST(NULL AS DATE)", "(%D + INTERVAL '1' MONTH)", "(%D - INTERVAL '1' DAY)", "CAST(%T AS DATE)", "COALESCE(%D, %D)", "FLOOR(%D TO MONTH)", "TRY_CAST(%S AS DATE)", "CASE WHEN %B THEN %D END", "TO_DATE(%S)", "TIMESTAMPADD(MONTH, %I, %D)"},
	'T': {"ts", "TIMESTAMP '2026-03-29 02:30:00'", "(%T + INTERVAL '1' SECOND)", "(%T - INTERVAL '2' YEAR)", "CAST(%D AS TIMESTAMP(3))", "COALESCE(%T, %T)", "FLOOR(%T TO HOUR)", "CEIL(%T TO DAY)", "CAST(z AS TIMESTAMP(3))", "CASE WHEN %B THEN %T ELSE %T END"},
}

func randomSQL(t *rapid.T, genre byte, depth int) string {
	forms := grammar[genre]
	form := rapid.SampledFrom(forms).Draw(t, "form")
	if depth == 0 {
		leaves := forms[:0:0]
		for _, f := range forms {
			if !containsHole(f) {
				leaves = append(leaves, f)
			}
		}
		form = rapid.SampledFrom(leaves).Draw(t, "leaf")
	}
	out := ""
	for i := 0; i < len(form); i++ {
		if form[i] == '%' && i+1 < len(form) && grammar[form[i+1]] != nil {
			out += randomSQL(t, form[i+1], depth-1)
			i++
			continue
		}
		out += form[i : i+1]
	}
	return out
}

func containsHole(f string) bool {
	for i := 0; i+1 < len(f); i++ {
		if f[i] == '%' && grammar[f[i+1]] != nil {
			return true
		}
	}
	return false
}

func randomBatch(t *rapid.T, n int) *batch.Batch {
	ts := make([]types.Type, len(randomColumns))
	for i, c := range randomColumns {
		ts[i] = c.Type
	}
	b := batch.New(ts, n)
	pick := func(v *batch.Vector, values ...types.Value) {
		v.AppendValue(rapid.SampledFrom(append(values, nil)).Draw(t, "v"))
	}
	for range n {
		pick(b.Cols[0], true, false)
		pick(b.Cols[1], int64(0), int64(1), int64(-128), int64(127))
		pick(b.Cols[2], int64(0), int64(2), int64(-1<<31), int64(1<<31-1))
		pick(b.Cols[3], int64(0), int64(3), int64(-5), int64(1<<62))
		pick(b.Cols[4], 0.0, 1.5, -2.25, float64(float32(0.1)))
		pick(b.Cols[5], 0.0, 2.5, -0.125, 1e300, 1e-5)
		pick(b.Cols[6], types.Dec{Lo: 150}, types.Dec{Hi: -1, Lo: 1<<64 - 5}, types.Dec{Lo: 99})
		pick(b.Cols[7], types.Dec{Lo: 1}, types.Dec{Hi: 1 << 60}, types.Dec{})
		pick(b.Cols[8], "", "a", "ab", "äbß", "12", "2026-02-03", "true", " x ")
		pick(b.Cols[9], "a  ", "äöü", "123")
		pick(b.Cols[10], []byte("ab"), []byte{0xff})
		pick(b.Cols[11], int64(0), int64(19782), int64(-1))
		pick(b.Cols[12], int64(0), int64(86399000000))
		pick(b.Cols[13], int64(0), int64(1767225600123000), int64(-1))
		pick(b.Cols[14], int64(1774747800000000), int64(0))
		b.N++
	}
	return b
}

// TestVectorisedAndRowAtATimeAgree also covers that unselected rows and rows that a lazy operator leaves out do no harm.
func TestVectorisedAndRowAtATimeAgree(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	env := Env{Zone: berlin}
	zone := datetime.NewZone(berlin)
	compiled, failed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		genre := rapid.SampledFrom([]byte("BINSDT")).Draw(t, "genre")
		sql := randomSQL(t, genre, rapid.IntRange(0, 3).Draw(t, "depth"))
		e, diags := tryTable(randomColumns, sql)
		if e == nil {
			failed++
			if len(diags.All) == 0 {
				t.Fatalf("%s: refused without a word", sql)
			}
			t.Skip(diags.All[0].Title)
		}
		k, err := Compile(e, env)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		compiled++
		single, err := Compile(e, env)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second batch meets the memory of the first
			b := randomBatch(t, rapid.IntRange(1, 70).Draw(t, "rows"))
			var sel []int32
			if rapid.Bool().Draw(t, "selected") {
				sel = []int32{}
				for i := range b.N {
					if rapid.Bool().Draw(t, "keep") {
						sel = append(sel, int32(i))
					}
				}
			}
			v, vecErr := k.Eval(b, sel)
			rowsOf := sel
			if sel == nil {
				for i := range b.N {
					rowsOf = append(rowsOf, int32(i))
				}
			}
			one := batch.New(b.Types(), 1)
			var rowErr error
			var want []string
			for _, i := range rowsOf {
				one.Reset()
				one.AppendRow(b, int(i))
				w, err := single.Eval(one, nil)
				if err != nil {
					rowErr = errors.Join(rowErr, err)
					continue
				}
				want = append(want, string(text.AppendValue(nil, w, 0, zone)))
			}
			if (vecErr != nil) != (rowErr != nil) {
				t.Fatalf("%s: as a batch %v, by rows %v", sql, vecErr, rowErr)
			}
			if vecErr != nil {
				var re *RowError
				if !errors.As(vecErr, &re) || re.Reason == "" {
					t.Fatalf("%s: %v is no RowError", sql, vecErr)
				}
				continue
			}
			for s, i := range rowsOf {
				if got := string(text.AppendValue(nil, v, int(i), zone)); got != want[s] {
					t.Fatalf("%s: row %d of %v is %s, alone %s", sql, i, sel, got, want[s])
				}
			}
			if genre == 'B' {
				checkFilter(t, sql, b, sel, v, env)
			}
		}
	})
	t.Logf("%d expressions, %d refused", compiled, failed)
}

// checkFilter compares a filter with the condition's values.
func checkFilter(t *rapid.T, sql string, b *batch.Batch, sel []int32, v *batch.Vector, env Env) {
	e, _ := tryTable(randomColumns, sql)
	f, err := CompileFilter(e, env)
	if err != nil {
		t.Fatal(err)
	}
	view := *b
	view.Sel = sel
	got, err := f.Apply(&view, []int32{-7})
	if err != nil {
		t.Fatalf("%s: the filter fails: %v", sql, err)
	}
	want := []int32{-7}
	for s := range view.Rows() {
		i := int32(s)
		if sel != nil {
			i = sel[s]
		}
		if !v.IsNull(int(i)) && v.Bool[i] {
			want = append(want, i)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s: the filter keeps %v, not %v", sql, got, want)
	}
}
