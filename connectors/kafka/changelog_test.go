package kafka

import (
	"slices"
	"testing"

	"weir/connectors/formats/json"
	"weir/connectors/kafka/kafkatest"
)

func init() {
	for _, f := range json.Changelogs() {
		plain[f.Name] = f
	}
}

func TestChangesAreReadWithTheFormatsAndTheRecordsMetadata(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "changes", 1)
		b.Produce(t, topic, append(kafkatest.Lines(
			`{"before":null,"after":{"id":1,"name":"a"},"source":{"table":"t1"},"op":"c","ts_ms":1000}`,
			`{"before":{"id":1,"name":"a"},"after":{"id":1,"name":"b"},"source":{"table":"t2"},"op":"u"}`,
			`{"before":{"id":1,"name":"b"},"after":null,"op":"d","ts_ms":2000}`),
			kafkatest.Record{Key: []byte(`{"id":1}`), Value: nil})...)
		tab := table("kafka", []string{"id BIGINT", "name STRING", "of STRING value.source.table", "off BIGINT offset", "at LTZ value.ingestion-timestamp"},
			"connector", "kafka", "topic", topic, "properties.bootstrap.servers", b.Addr, "scan.startup.mode", "earliest-offset", "format", "debezium-json")
		s := openSource(t, tab)
		r := openReader(t, s, discover(t, s, nil))
		want := []string{"+I[1, a, t1, 0, 1000000]", `-U[1, a, t2, 1, \N]`, `+U[1, b, t2, 1, \N]`, `-D[1, b, \N, 2, 2000000]`}
		if got := readRows(t, r, 4); !slices.Equal(got, want) {
			t.Fatalf("read %q, want %q", got, want)
		}
	})
}

func TestChangesAreWrittenWithTheirKeys(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "written-changes", 1)
		tab := table("kafka", []string{"id BIGINT", "n BIGINT"}, "connector", "kafka", "topic", topic, "properties.bootstrap.servers", b.Addr,
			"format", "canal-json", "key.format", "plain", "key.fields", "id")
		writeAll(t, openSink(t, tab), tab, 0, []string{"+I1|10", "-U1|10", "+U1|11", "-D1|11"})
		var got []string
		for _, r := range b.Read(t, topic, "read_committed") {
			got = append(got, string(r.Key)+" "+string(r.Value))
		}
		want := []string{`1 {"data":[{"id":1,"n":10}],"type":"INSERT"}`, `1 {"data":[{"id":1,"n":10}],"type":"DELETE"}`,
			`1 {"data":[{"id":1,"n":11}],"type":"INSERT"}`, `1 {"data":[{"id":1,"n":11}],"type":"DELETE"}`}
		if !slices.Equal(got, want) {
			t.Fatalf("written %q, want %q", got, want)
		}
	})
}
