package expr

import (
	"fmt"
	"testing"

	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/scalar"
	"weir/planner/types"
)

var benchColumns = []catalog.Column{
	{Name: "user_id", Type: types.TBigInt}, {Name: "item", Type: types.TString}, {Name: "price", Type: types.TDouble},
	{Name: "ts", Type: types.MakeTimestamp(3)}, {Name: "n", Type: types.TInt}, {Name: "amount", Type: types.MakeDecimal(10, 2)},
	{Name: "num", Type: types.TString}, {Name: "stamp", Type: types.TString},
}

// benchBatch is rows as the benchmark's topic has them.
func benchBatch() *batch.Batch {
	ts := make([]types.Type, len(benchColumns))
	for i, c := range benchColumns {
		ts[i] = c.Type
	}
	b := batch.New(ts, batch.TargetRows)
	colours := []string{"red", "blue", "green", "purple", "black", "white", "grey", "pink"}
	seed := uint64(1)
	for i := range batch.TargetRows {
		seed = seed*6364136223846793005 + 1442695040888963407
		r := seed >> 33
		b.Cols[0].AppendInt(int64(r % 100000))
		b.Cols[1].AppendString(fmt.Sprintf("sku-%05d-widget-%s-XL", r%100000, colours[r%8]))
		b.Cols[2].AppendFloat(float64(r%100000) / 100)
		b.Cols[3].AppendInt(1767225600000000 + int64(i)*10)
		b.Cols[4].AppendInt(int64(r % 1000))
		b.Cols[5].AppendDec(types.Dec{Lo: r % 100000})
		b.Cols[6].AppendString(fmt.Sprint(r % 1000000))
		b.Cols[7].AppendString(fmt.Sprintf("2026-01-01 00:%02d:%02d.%03d", r%60, r%59, r%1000))
		b.N++
	}
	return b
}

func BenchmarkKernel(b *testing.B) {
	in := benchBatch()
	for _, sql := range []string{
		"user_id + n", "price * 1.2", "n / 7", "amount * 1.2", "amount + amount", "ROUND(price * 1.2, 2)", "price > 500", "item = 'x'", "user_id = n", "amount > 12.5",
		"CASE WHEN price > 750 THEN 'hi' ELSE 'lo' END", "COALESCE(n, 0)", "user_id IN (1, 2, 3)", "n > 5 AND price < 3 OR item IS NULL",
		"UPPER(item)", "SUBSTRING(item, 5, 5)", "TRIM(item)", "CONCAT(item, '-', num)", "CHAR_LENGTH(item)", "REPLACE(item, 'widget', 'w')", "SPLIT_INDEX(item, '-', 2)",
		"item LIKE '%-purple-%'", "item LIKE 'sku-0%-%XL'", "REGEXP_EXTRACT(item, '[0-9]+')", "MD5(item)",
		"CAST(num AS BIGINT)", "CAST(n AS STRING)", "CAST(price AS STRING)", "CAST(stamp AS TIMESTAMP(3))", "CAST(ts AS STRING)", "CAST(price AS DECIMAL(10, 2))",
		"DATE_FORMAT(ts, 'yyyy-MM-dd HH:mm')", "TO_TIMESTAMP(stamp, 'yyyy-MM-dd HH:mm:ss.SSS')", "EXTRACT(HOUR FROM ts)", "ts - INTERVAL '1' SECOND", "FLOOR(ts TO DAY)", "YEAR(ts)",
	} {
		b.Run(sql, func(b *testing.B) {
			k, err := Compile(overTable(b, benchColumns, sql), Env{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Eval(in, nil); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b, in.N)
		})
	}
}

func perRow(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
}

func BenchmarkFilter(b *testing.B) {
	in := benchBatch()
	for _, sql := range []string{"price >= 500", "price >= 500 AND item NOT LIKE '%-purple-%'", "item <> 'x'", "n IN (1, 2, 3)", "item LIKE '%-purple-%'"} {
		b.Run(sql, func(b *testing.B) {
			f, err := CompileFilter(overTable(b, benchColumns, sql), Env{})
			if err != nil {
				b.Fatal(err)
			}
			var sel []int32
			b.ReportAllocs()
			for b.Loop() {
				if sel, err = f.Apply(in, sel[:0]); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b, in.N)
		})
	}
}

// BenchmarkJob is the filter and the columns of the benchmark's second job.
func BenchmarkJob(b *testing.B) {
	in := benchBatch()
	f, err := CompileFilter(overTable(b, benchColumns, "price >= 500 AND item NOT LIKE '%-purple-%'"), Env{})
	if err != nil {
		b.Fatal(err)
	}
	var es []scalar.Expr
	for _, sql := range []string{"user_id", "UPPER(item)", "ROUND(price * 1.2, 2)", "CASE WHEN price > 750 THEN 'hi' ELSE 'lo' END", "ts"} {
		es = append(es, overTable(b, benchColumns, sql))
	}
	p, err := CompileProjection(es, Env{})
	if err != nil {
		b.Fatal(err)
	}
	var sel []int32
	b.ReportAllocs()
	for b.Loop() {
		if sel, err = f.Apply(in, sel[:0]); err != nil {
			b.Fatal(err)
		}
		view := *in
		view.Sel = sel
		if _, err := p.Apply(&view); err != nil {
			b.Fatal(err)
		}
	}
	perRow(b, in.N)
}
