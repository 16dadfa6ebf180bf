package kafka

import (
	"context"
	"testing"

	"weir/connectors/kafka/kafkatest"
	"weir/exec"
)

// Rows keep coming while an epoch is flushed: the flush waits for the rows before the barrier, not for those.
func TestFlushEndsUnderLoad(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, "load", 2)
		tab := table("kafka", []string{"line STRING"}, "connector", "kafka", "topic", topic, "format", "plain",
			"properties.bootstrap.servers", b.Addr, "sink.delivery-guarantee", "at-least-once", "properties.linger.ms", "5")
		s := openSink(t, tab)
		ctx, cancel := context.WithCancel(context.Background())
		w, err := s.Writer(taskContext(t, ctx, s.cfg, 0, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		rows := make([]string, 500)
		for i := range rows {
			rows[i] = "a row of some length, so that a batch of them is something to send"
		}
		batch := stringBatch(tab, rows...)
		barrier := make(chan exec.Epoch)
		done := make(chan error, 1)
		go func() { // the task
			defer close(done)
			for {
				select {
				case e := <-barrier:
					if err := w.Barrier(e); err != nil {
						done <- err
						return
					}
				case <-ctx.Done():
					return
				default:
					if err := w.Write(batch); err != nil {
						if ctx.Err() == nil {
							done <- err
						}
						return
					}
				}
			}
		}()
		for e := exec.Epoch(1); e <= 5; e++ {
			barrier <- e
			limit, stop := context.WithTimeout(ctx, kafkatest.Patience)
			if _, err := w.Flush(limit, e); err != nil {
				t.Fatalf("flush of epoch %d: %v", e, err)
			}
			stop()
			if err := w.Commit(ctx, e, nil); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// At least once too, rows behind a barrier wait for the flush: else the queue would rarely be empty, which is what a flush waits for.
func TestRowsBehindABarrierWaitForTheFlush(t *testing.T) {
	b := kafkatest.Fake(t)
	topic := b.Topic(t, "behind", 1)
	tab := table("kafka", []string{"line STRING"}, "connector", "kafka", "topic", topic, "format", "plain",
		"properties.bootstrap.servers", b.Addr, "sink.delivery-guarantee", "at-least-once")
	s := openSink(t, tab)
	var ws []*writer
	for range 2 {
		w, err := s.Writer(taskContext(t, context.Background(), s.cfg, 0, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		ws = append(ws, w.(*writer))
	}
	for _, w := range ws {
		for _, step := range []func() error{
			func() error { return w.Write(stringBatch(tab, "before")) },
			func() error { return w.Barrier(1) },
			func() error { return w.Write(stringBatch(tab, "behind")) },
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		if len(w.queue) != 1 {
			t.Fatalf("%d chunks are held", len(w.queue))
		}
	}
	for _, w := range ws {
		if _, err := w.Flush(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		if len(w.queue) != 0 || w.blocked {
			t.Fatalf("%d chunks are held after the flush", len(w.queue))
		}
	}
	for _, w := range ws {
		if err := w.Barrier(2); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range ws {
		if _, err := w.Flush(context.Background(), 2); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.Read(t, topic, "read_committed"); len(got) != 4 {
		t.Fatalf("%q", kafkatest.Values(got))
	}
}
