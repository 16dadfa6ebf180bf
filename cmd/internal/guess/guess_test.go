package guess

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/connectors/kafka/kafkatest"
	"weir/connectors/kafka/peek"
	"weir/connectors/spec"
	"weir/parser/diag"
	"weir/parser/format"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/fn"
)

var client = catalog.Options{{Key: "properties.bootstrap.servers", Value: "localhost:9092"}}

// Each case is "guess topic=NAME" with a record a line: partition, key and value, a tab between them; "-" stands for none. \0 is
// a zero byte. Records are a second apart. The result is the definition; it must plan, and be laid out as weir fmt does it.
func TestGuesses(t *testing.T) {
	datadriven.RunTest(t, "testdata/guess", func(t *testing.T, d *datadriven.TestData) string {
		topic := &peek.Topic{}
		d.ScanArgs(t, "topic", &topic.Name)
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i, line := range strings.Split(d.Input, "\n") {
			f := strings.SplitN(line, "\t", 3)
			if len(f) != 3 {
				if line == "" {
					continue
				}
				d.Fatalf(t, "no record: %q", line)
			}
			r := peek.Record{Partition: int32(f[0][0] - '0'), Offset: int64(i), Timestamp: at.Add(time.Duration(i) * time.Second)}
			r.Key, r.Value = value(f[1]), value(f[2])
			topic.Records = append(topic.Records, r)
		}
		table, err := From(topic, client)
		if err != nil {
			return "error: " + err.Error()
		}
		sql := table.SQL()
		plans(t, sql, table.Name)
		return sql
	})
}

func value(s string) []byte {
	if s == "-" {
		return nil
	}
	return []byte(strings.ReplaceAll(strings.ReplaceAll(s, `\0`, "\x00"), `\xff`, "\xff"))
}

// plans fails unless sql defines a table that can be read.
func plans(t *testing.T, sql, table string) {
	t.Helper()
	f := &diag.File{Name: "guess.sql", Text: sql + "SELECT * FROM " + Quote(table) + ";\n"}
	_, diags := planner.Compile([]*diag.File{f}, planner.Options{Registry: spec.Registry(), Functions: fn.Builtins(), Config: config.New()})
	if len(diags.All) > 0 {
		var b strings.Builder
		diag.Render(&b, diags, diag.RenderOptions{}) //nolint:errcheck // into memory
		t.Fatalf("%s\n%s", sql, b.String())
	}
	if out, _ := format.Format(&diag.File{Name: "guess.sql", Text: sql}); out != sql {
		t.Errorf("weir fmt would lay it out as\n%s", out)
	}
}

func TestTopicOfABrokerIsLookedIntoAndGuessed(t *testing.T) {
	b := kafkatest.Fake(t)
	b.Topic(t, "orders", 2)
	b.Topic(t, "empty", 1)
	var rs []kafkatest.Record
	for i := range 100 {
		rs = append(rs, kafkatest.Record{Partition: int32(i % 2), Value: []byte(`{"id":` + string(rune('0'+i%10)) + `,"ts":"2026-01-01 00:00:0` + string(rune('0'+i/20)) + `"}`)})
	}
	b.Produce(t, "orders", rs...)
	b.Transaction(t, "tx", "abort", "orders", kafkatest.Lines(`{"id":"never seen"}`)...)
	o := peek.Options{Client: catalog.Options{{Key: "properties.bootstrap.servers", Value: b.Addr}}, Records: 20}
	topic, err := peek.Look(t.Context(), o, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if len(topic.Partitions) != 2 || topic.Partitions[1].High < 50 || len(topic.Records) < 18 || len(topic.Records) > 20 {
		t.Fatalf("%d partitions, %d records: %+v", len(topic.Partitions), len(topic.Records), topic.Partitions)
	}
	table, err := From(topic, o.Client)
	if err != nil {
		t.Fatal(err)
	}
	plans(t, table.SQL(), "orders")
	if c := table.Column("id"); c == nil || c.Decl != "BIGINT" {
		t.Errorf("id: %+v", c)
	}
	if table.Watermark == nil || table.Watermark.Column != "ts" {
		t.Errorf("watermark: %+v", table.Watermark)
	}
	if topic, err = peek.Look(t.Context(), o, "empty"); err != nil || topic.Total() != 0 {
		t.Fatalf("%+v, %v", topic, err)
	}
	if _, err := From(topic, o.Client); err != ErrNothing { //nolint:errorlint // it is returned as it is
		t.Errorf("an empty topic: %v", err)
	}
	if _, err := peek.Look(t.Context(), o, "ordres"); err == nil || !strings.Contains(err.Error(), "describe topic ordres on "+b.Addr) {
		t.Errorf("no such topic: %v", err)
	}
}
