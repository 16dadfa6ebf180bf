package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sort"
	"strings"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/formats"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/physical"
)

// sample decodes the newest records of a topic as the table would.
func (c *clusterCheck) sample(ctx context.Context, d ck.TopicDescription) {
	if c.o.Records == 0 {
		return
	}
	t := c.use.Table
	subject, name := "table "+t.Name, "records of topic "+d.Name
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	sampled := *t
	if t.Connector == "kafka" { // where the job starts does not matter here
		sampled.Options = append(slices.Clone(t.Options), catalog.Option{Key: "scan.startup.mode", Value: "earliest-offset"})
	}
	scan := &physical.Scan{Table: &sampled}
	for i := range t.Columns {
		if t.Columns[i].Kind == catalog.Physical {
			scan.Fields = append(scan.Fields, i)
			scan.Columns = append(scan.Columns, physical.Column{Name: t.Columns[i].Name, Type: t.Columns[i].Type})
		}
	}
	src, err := newSource(scan, c.o.Config, log, c.o.Formats)
	if err == nil {
		defer src.Close() //nolint:errcheck // it has opened nothing
	}
	var dec *decoder
	if err == nil {
		dec, err = newDecoder(ctx, src)
	}
	if err != nil {
		c.skip(subject, name, "", "they cannot be decoded here: %s", err)
		return
	}
	msgs, err := c.newest(ctx, src, d)
	if err != nil {
		c.skip(subject, name, "", "they cannot be read: %s", brief(err))
		return
	}
	if len(msgs) == 0 {
		c.ok(subject, name, "there are none yet")
		return
	}
	c.judge(dec, msgs, subject, name, d.Name)
}

// newest reads the last records of every partition, some Records in all.
func (c *clusterCheck) newest(ctx context.Context, src *source, d ck.TopicDescription) ([]*ck.Message, error) {
	cm := with(src.props, "go.logs.channel.enable", false)
	consumer, err := ck.NewConsumer(&cm)
	if err != nil {
		return nil, err
	}
	defer consumer.Close() //nolint:errcheck // it has joined and committed nothing
	ctx, cancel := c.limit(ctx)
	defer cancel()
	share := int64(max(1, c.o.Records/max(1, len(d.Partitions))))
	var parts []ck.TopicPartition
	for _, p := range d.Partitions {
		low, high, err := consumer.QueryWatermarkOffsets(d.Name, int32(p.Partition), int(c.o.Timeout/time.Millisecond))
		if err != nil {
			return nil, err
		}
		if high > low {
			parts = append(parts, ck.TopicPartition{Topic: &d.Name, Partition: int32(p.Partition), Offset: ck.Offset(max(low, high-share))})
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	if err := consumer.Assign(parts); err != nil {
		return nil, err
	}
	var out []*ck.Message
	ended := map[int32]bool{}
	for len(ended) < len(parts) && len(out) < c.o.Records+len(parts) {
		if ctx.Err() != nil {
			break // an open transaction holds the end back: what came is enough
		}
		switch e := consumer.Poll(100).(type) {
		case *ck.Message:
			if e.TopicPartition.Error != nil {
				return nil, e.TopicPartition.Error
			}
			out = append(out, e)
		case ck.PartitionEOF:
			ended[e.Partition] = true
		case ck.Error:
			if e.IsFatal() || fatalCode(e.Code()) {
				return nil, e
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].TopicPartition.Partition < out[j].TopicPartition.Partition })
	return out, nil
}

// badRecords is records that fail for the same column.
type badRecords struct {
	column string
	n      int
	where  string // the first one's
	err    error
}

// judge decodes each record by itself and says how many can be, which columns fail, and on what.
func (c *clusterCheck) judge(dec *decoder, msgs []*ck.Message, subject, name, topic string) {
	var bad []*badRecords
	good, skipped := 0, 0
	for _, m := range msgs {
		err := decodeOne(dec, m)
		if err == nil {
			good++
			skipped += dec.skipped
			continue
		}
		column := ""
		var re *formats.RecordError
		if errors.As(err, &re) {
			column = re.Column
		}
		i := sort.Search(len(bad), func(i int) bool { return bad[i].column >= column })
		if i == len(bad) || bad[i].column != column {
			bad = append(bad[:i], append([]*badRecords{{column: column, where: fmt.Sprintf("%s offset %d", partitionText(topic, m.TopicPartition.Partition), m.TopicPartition.Offset), err: err}}, bad[i:]...)...)
		}
		bad[i].n++
	}
	t := c.use.Table
	switch {
	case len(bad) == 0 && skipped == 0:
		c.ok(subject, name, "the newest %d decode", len(msgs))
	case len(bad) == 0:
		c.fail(codeRecords, diag.Warning, t.NameSpan, subject, name, fmt.Sprintf("%d of the newest %d records give no row, as the table's options say", skipped, len(msgs)), "")
	}
	for _, b := range bad {
		at := t.NameSpan
		if c := t.Column(b.column); c != nil && !c.Span.IsZero() {
			at = c.Span
		}
		d := c.fail(codeRecords, diag.Error, at, subject, name, fmt.Sprintf("%d of the newest %d records of topic %s do not decode", b.n, len(msgs), topic), helpOf(b.err))
		d.At("%s", strings.TrimPrefix(b.err.Error(), "column "+b.column+": ")).Note("the first is %s", b.where)
		last := &c.out.Answers[len(c.out.Answers)-1]
		last.Detail = fmt.Sprintf("%d of the newest %d do not decode: %s, at %s", b.n, len(msgs), b.err, b.where)
	}
	if good > 0 && len(bad) > 0 {
		c.ok(subject, name, "%d of the newest %d decode", good, len(msgs))
	}
}

// decodeOne decodes a record as a batch of its own.
func decodeOne(dec *decoder, m *ck.Message) error {
	data := make([]byte, 0, len(m.Key)+len(m.Value))
	put := func(b []byte) formats.Payloads {
		p := formats.Payloads{Off: []uint32{uint32(len(data))}, Len: []uint32{uint32(len(b))}}
		if b == nil {
			p.Len[0] = formats.NullLen
		}
		data = append(data, b...)
		return p
	}
	r := &records{n: 1, offset: []int64{int64(m.TopicPartition.Offset)}, runs: []run{{to: 1, leader: -1}}}
	r.keys, r.values = put(m.Key), put(m.Value)
	r.data, r.keys.Data, r.values.Data = data, data, data
	dec.reset()
	_, err := dec.decode(r, []span{{0, 0, 1}}, 1)
	return err
}
