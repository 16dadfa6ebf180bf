package kafka

import (
	"context"
	"strings"
	"testing"
	"time"

	"weir/connectors/kafka/kafkatest"
)

func inspect(t *testing.T, uses ...TableUse) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
	defer cancel()
	var b strings.Builder
	for _, a := range Inspect(ctx, uses, InspectOptions{Config: conf(t), Formats: plain, Records: 10, Timeout: time.Minute}).Answers {
		status := "ok"
		switch {
		case a.Skipped:
			status = "skipped"
		case a.Finding != nil:
			status = a.Finding.Severity.String() + " " + a.Finding.Code
		}
		b.WriteString(status + ": " + a.Subject + ": " + a.Name + ": " + a.Detail + " " + a.Hint + "\n")
	}
	return b.String()
}

// TestInspectNamesMissingPermissions grants one permission after the other: each answer changes when its own is there.
func TestInspectNamesMissingPermissions(t *testing.T) {
	b := kafkatest.Real(t)
	topic := b.Topic(t, "inspected", 2)
	b.Produce(t, topic, kafkatest.Lines("a")...)
	tab := table("kafka", []string{"line STRING"}, alice(b, topic, "secret", "sink.delivery-guarantee", "exactly-once", "sink.transactional-id-prefix", "inspected-")...)
	see := func(want ...string) {
		t.Helper()
		got := inspect(t, TableUse{Table: tab, Wrote: true})
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("no %q in\n%s", w, got)
			}
		}
	}
	see("error SQ6203: topic "+topic+": exists: it may not be described", "--allow-principal User:alice --operation Describe --topic "+topic,
		"error SQ6203: group weir.inspected-: READ: READ is not granted", "skipped: transactional id inspected-weir: WRITE:")
	b.Grant(t, "alice", "topic", topic, "WRITE")
	see("error SQ6203: topic "+topic+": READ: READ is not granted", "ok: topic "+topic+": exists: 2 partitions, replication factor 1")
	b.Grant(t, "alice", "group", "weir.inspected-", "DESCRIBE")
	see("error SQ6203: group weir.inspected-: READ: READ is not granted")
	b.Grant(t, "alice", "group", "weir.inspected-", "READ")
	b.Grant(t, "alice", "topic", topic, "READ")
	see("ok: topic "+topic+": permissions: WRITE, READ", "ok: group weir.inspected-: READ:")
	if got := inspect(t, TableUse{Table: tab, Read: true}); !strings.Contains(got, "ok: table t: records of topic "+topic+": the newest 1 decode") {
		t.Error(got)
	}
	wrong := table("kafka", []string{"line STRING"}, alice(b, topic, "wrong")...)
	if got := inspect(t, TableUse{Table: wrong, Read: true}); !strings.Contains(got, "error SQ6201") || !strings.Contains(got, "the broker refuses the credentials") {
		t.Error(got)
	}
}

// TestInspectComparesWithTheBrokersOwnLimits asks a user who may do everything.
func TestInspectComparesWithTheBrokersOwnLimits(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "limits", 1, "min.insync.replicas", "2")
		tab := table("kafka", []string{"line STRING"}, sourceOptions(b, topic, "sink.delivery-guarantee", "exactly-once", "sink.transactional-id-prefix", "limits-",
			"properties.transaction.timeout.ms", "1800000")...)
		got := inspect(t, TableUse{Table: tab, Wrote: true})
		for _, w := range []string{"error SQ6204: table t: transaction timeout: 'properties.transaction.timeout.ms' is 1800000, and the broker's transaction.max.timeout.ms is 900000",
			"error SQ6206: topic limits: replication: replication factor 1, min.insync.replicas 2: it can never be written with acks=all"} {
			if !strings.Contains(got, w) {
				t.Errorf("no %q in\n%s", w, got)
			}
		}
	})
}
