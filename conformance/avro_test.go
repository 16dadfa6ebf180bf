package conformance

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"weir/conformance/flink"
	"weir/connectors/formats"
	"weir/connectors/formats/avro/registry/registrytest"
	"weir/connectors/formats/formattest"
	"weir/connectors/kafka/kafkatest/realkafka"
	"weir/connectors/spec"
	"weir/connectors/spec/avroschema"
	"weir/planner/types"
)

// TestAvroOnFlink gives the text cases of avro and avro-confluent to Flink and to Java's Avro, over a topic: what Flink writes has to be
// the bytes that the cases expect, with the schema that weir registers, and what it reads of a record the same values, but for the cases
// whose comment says how Flink differs.
func TestAvroOnFlink(t *testing.T) {
	r := startFlink(t)
	broker, err := realkafka.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	files, err := filepath.Glob("../connectors/formats/avro/testdata/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, f := range files {
		reg := registrytest.Start()
		defer reg.Close()
		a := &avroCases{flink: r, reg: reg, broker: broker.Addr, format: "avro", schemas: map[string]*avro.Schema{}}
		switch filepath.Base(filepath.Dir(f)) {
		case "confluent":
			a.format = spec.ConfluentAvro
		case "debezium":
			a.format = spec.DebeziumAvro
		}
		for _, c := range textCases(t, f) {
			switch c.command {
			case "schema":
				a.schema = c.input
			case "options":
				a.options = c.input
			case "writer":
				text := strings.Join(c.input, "\n")
				a.schemas[strconv.Itoa(reg.Add("w", text))] = avro.MustParse(text)
			case "registry":
				reg.Down(c.input[0] == "down")
				_, user, _ := strings.Cut(c.input[0], "only ")
				reg.Only(user)
			case "decode", "encode":
				t.Run(fmt.Sprintf("%s/%s:%d", a.format, filepath.Base(f), c.line), func(t *testing.T) { a.run(t, c) })
			}
		}
	}
}

type avroCases struct {
	flink   *flink.Runner
	reg     *registrytest.Server
	broker  string
	format  string
	schema  []string
	options []string
	schemas map[string]*avro.Schema
	topics  int
}

func (a *avroCases) run(t *testing.T, c textCase) {
	if strings.Contains(strings.Join(a.schema, " "), "MULTISET") {
		t.Skip("NOT RUN: Flink has no literal of a MULTISET")
	}
	a.topics++
	topic := fmt.Sprintf("%s-%d-%d", a.format, c.line, len(a.schemas)*1000+a.topics)
	script := "CREATE TABLE f (" + columns(readTypes(a.schema)) + ") WITH ('connector' = 'kafka', 'topic' = '" + topic + "', 'properties.bootstrap.servers' = '" + a.broker +
		"', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = '" + a.format + "'"
	url := a.reg.URL
	for _, o := range a.options {
		k, v, _ := strings.Cut(o, " = ")
		switch {
		case k == "auto.register.schemas":
			t.Skip("NOT RUN: Flink 2.2 has no such option")
		case k == "url":
			url = v
		default:
			script += fmt.Sprintf(", '%s.%s' = '%s'", a.format, k, v)
		}
	}
	if a.format != "avro" {
		script += ", '" + a.format + ".url' = '" + url + "'"
	}
	script += ");\n"
	client, err := kgo.NewClient(kgo.SeedBrokers(a.broker), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	req := kmsg.NewCreateTopicsRequest()
	req.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}}
	if _, err := req.RequestWith(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	var failed string
	if c.command == "encode" {
		want = a.expectedRecords(c)
		got, failed = a.written(t, client, script, topic, c)
	} else {
		want = c.expected()
		for i, row := range want {
			want[i] = plainMaps(row)
		}
		got, failed = a.read(t, client, script, topic, c)
	}
	if failed != "" {
		got = []string{"an error"}
	}
	if same := slices.Equal(got, want); same == c.differs {
		t.Errorf("expected\n%s\nFlink %s\n%s", strings.Join(want, "\n"), failed, strings.Join(got, "\n"))
	}
}

var between = regexp.MustCompile(`([a-z]) ?[:=] ?`)

// plainMaps is values without what stands between the keys and the values of a MAP, in small letters.
func plainMaps(row string) string {
	return strings.TrimSpace(strings.ToLower(between.ReplaceAllString(row, "$1 ")))
}

// readTypes is what is read of a schema: for Flink the table has nothing else.
func readTypes(schema []string) (out []string) {
	for _, c := range schema {
		if whole, read, some := strings.Cut(c, " => "); some {
			name, _, _ := strings.Cut(whole, " ")
			c = name + " " + read
		}
		if !strings.HasSuffix(c, " skip") {
			out = append(out, c)
		}
	}
	return out
}

// record is the payload of a line.
func (a *avroCases) record(t *testing.T, line string) []byte {
	id, value, _ := strings.Cut(line, " ")
	if s := a.schemas[id]; s != nil {
		var v any
		if err := s.DecodeJSON([]byte(value), &v); err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(id)
		b, err := s.AppendEncode(binary.BigEndian.AppendUint32([]byte{0}, uint32(n)), v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if quoted, is := strings.CutPrefix(line, "go:"); is {
		line, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(line)
	}
	if line == "<null>" {
		return nil
	}
	return []byte(line)
}

// read is what Flink reads of the records of a decode case.
func (a *avroCases) read(t *testing.T, client *kgo.Client, script, topic string, c textCase) (got []string, failed string) {
	for _, line := range c.input {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: a.record(t, line)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	res, err := a.flink.Run(flink.Case{ID: t.Name(), Script: script + "SELECT * FROM f;", Files: true, End: true})
	if err != nil {
		t.Fatal(err)
	}
	if res.Error != nil {
		return nil, res.Error.Error()
	}
	for _, ch := range res.Tables["query"].Changes {
		var row []string
		if a.format == spec.DebeziumAvro {
			row = append(row, ch.Kind)
		}
		for _, v := range ch.Row {
			if v == nil {
				row = append(row, "NULL")
			} else {
				row = append(row, *v)
			}
		}
		got = append(got, plainMaps(plainText(strings.Join(row, " "))))
	}
	return got, ""
}

// expectedRecords is the records of an encode case; of a schema's number only that there is one.
func (a *avroCases) expectedRecords(c textCase) (out []string) {
	for i, line := range c.output {
		if strings.HasPrefix(line, "error:") || strings.HasPrefix(line, "refused:") {
			return []string{"an error"}
		}
		if kind, _ := kindOf(c.input[i]); strings.HasPrefix(kind, "-") {
			continue // a constant table has none
		}
		if quoted, is := strings.CutPrefix(line, "go:"); is {
			line, _ = strconv.Unquote(quoted)
		}
		out = append(out, strconv.Quote(line[a.head():]))
	}
	return out
}

// head is how many bytes stand before a record.
func (a *avroCases) head() int {
	if a.format != "avro" {
		return 5
	}
	return 0
}

// written is the records that Flink writes.
func (a *avroCases) written(t *testing.T, client *kgo.Client, script, topic string, c textCase) (got []string, failed string) {
	cols := formattest.Schema(t, strings.Join(a.schema, "\n"))
	rows := 0
	for _, line := range c.input {
		kind, line := kindOf(line)
		if strings.HasPrefix(kind, "-") {
			continue
		}
		rows++
		var values []string
		for i, v := range strings.Split(line, " | ") {
			values = append(values, literal(cols[i].Type, formattest.Value(t, cols[i].Type, v)))
		}
		res, err := a.flink.Run(flink.Case{ID: t.Name(), Files: true, End: true, Script: script + "INSERT INTO f VALUES (" + strings.Join(values, ", ") + ");"})
		if err != nil {
			t.Fatal(err)
		}
		if res.Error != nil {
			return nil, res.Error.Error()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(got) < rows && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got = append(got, strconv.Quote(string(r.Value[a.head():]))) })
	}
	switch subject, own := strings.CutPrefix(strings.Join(a.options, "\n"), "subject = "); {
	case a.format == "avro":
	case own && !strings.Contains(subject, "\n"):
		a.sameSchema(t, subject, cols)
	case len(a.options) == 0:
		a.sameSchema(t, topic+"-value", cols)
	}
	return got, ""
}

// sameSchema holds that weir registers what Flink has registered.
func (a *avroCases) sameSchema(t *testing.T, subject string, cols []formats.Column) {
	schema, _ := a.reg.Latest(subject)
	fields := make([]types.Field, len(cols))
	for i, c := range cols {
		fields[i] = types.Field{Name: c.Name, Type: c.Type}
	}
	want := avroschema.Of(fields, true)
	if a.format == spec.DebeziumAvro {
		want = `["null",` + avroschema.Of(avroschema.Envelope(fields), true) + "]"
	}
	if schema != want {
		t.Errorf("Flink registers\n%s\nweir\n%s", schema, want)
	}
}

// literal is a value in SQL.
func literal(t types.Type, v types.Value) string {
	name := t.WithNullable(true).String()
	switch x := v.(type) {
	case nil:
		return "CAST(NULL AS " + name + ")"
	case []byte:
		return fmt.Sprintf("CAST(x'%x' AS %s)", x, name)
	case []types.Value:
		parts := make([]string, len(x))
		for i, e := range x {
			of := t.Nested.Elem
			if t.Kind == types.Row {
				of = t.Nested.Fields[i].Type
			}
			parts[i] = literal(of, e)
		}
		if t.Kind == types.Row {
			return "CAST(ROW(" + strings.Join(parts, ", ") + ") AS " + name + ")"
		}
		if len(parts) == 0 {
			return noElements(t.Nested.Elem)
		}
		return "ARRAY[" + strings.Join(parts, ", ") + "]"
	case [][2]types.Value:
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = literal(t.Nested.Key, e[0]) + ", " + literal(t.Nested.Elem, e[1])
		}
		if len(parts) == 0 {
			return "MAP_FROM_ARRAYS(" + noElements(t.Nested.Key) + ", " + noElements(t.Nested.Elem) + ")"
		}
		return "MAP[" + strings.Join(parts, ", ") + "]"
	case string:
		return "'" + x + "'"
	}
	return "CAST('" + formattest.Show(t, v) + "' AS " + name + ")"
}

// noElements is an empty ARRAY, which has no literal in Flink.
func noElements(t types.Type) string {
	null := literal(t, nil)
	return "ARRAY_REMOVE(ARRAY[" + null + "], " + null + ")"
}
