package kafka

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"weir/connectors/formats"
	"weir/connectors/kafka/kafkatest"
	"weir/exec"
	"weir/exec/batch"
)

// viewFormat is plain without its costs, so that the benchmarks below measure the connector: the one column is the payload.
type viewFormat struct{}

func (viewFormat) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) ([]int32, int, error) {
	v := dst.Cols[0]
	if v.Rows() == 0 {
		v.Share(p.Data)
	}
	for i := from; i < to; i++ {
		v.AppendView(p.Off[i], p.Len[i])
		src = append(src, int32(i))
	}
	dst.N += to - from
	return src, 0, nil
}

func (viewFormat) Encode(dst []byte, b *batch.Batch, i int) ([]byte, bool, error) {
	return append(dst, b.Cols[0].Bytes(i)...), false, nil
}

func (viewFormat) EncodeAll(p *formats.Payloads, b *batch.Batch) error {
	v := b.Cols[0]
	for r := range b.Rows() {
		x := v.Bytes(b.At(r))
		p.Off, p.Len = append(p.Off, uint32(len(p.Data))), append(p.Len, uint32(len(x)))
		p.Data = append(p.Data, x...)
	}
	return nil
}

var view = formats.Registry{"plain": formats.Format{
	Name:    "plain",
	Decoder: func(formats.DecoderSpec) (formats.Decoder, error) { return viewFormat{}, nil },
	Encoder: func(formats.EncoderSpec) (formats.Encoder, error) { return viewFormat{}, nil },
}}

const benchRecord = `{"user_id":12345,"item":"sku-01234-widget-purple-XL","price":123.45,"ts":"2026-01-01 00:00:00.000"}`

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func fill(b *testing.B, w *writer, n int) {
	tab := table("kafka", []string{"line STRING"})
	rows := make([]string, batch.TargetRows)
	for i := range rows {
		rows[i] = benchRecord
	}
	full := stringBatch(tab, rows...)
	for ; n > 0; n -= batch.TargetRows {
		if n < batch.TargetRows {
			full = stringBatch(tab, rows[:n]...)
		}
		if err := w.Write(full); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Barrier(1); err != nil {
		b.Fatal(err)
	}
	if _, err := w.Flush(context.Background(), 1); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkProduce and BenchmarkConsume report wall-clock and CPU nanoseconds of this process for one record of 101 bytes:
// go test -run '^$' -bench . -benchtime 2000000x ./connectors/kafka
func BenchmarkProduce(b *testing.B) {
	k := kafkatest.Real(b)
	topic := k.Topic(b, fmt.Sprintf("bench-produce-%d", b.N), 4)
	s := openSink(b, table("kafka", []string{"line STRING"}, sourceOptions(k, topic)...))
	s.fmts = view
	w, err := s.Writer(taskContext(b, context.Background(), s.cfg, 0, 1), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	b.ResetTimer()
	at := cpu()
	fill(b, w.(*writer), b.N)
	b.ReportMetric(float64(cpu()-at)/float64(b.N), "cpu-ns/op")
}

func BenchmarkConsume(b *testing.B) {
	k := kafkatest.Real(b)
	topic := k.Topic(b, fmt.Sprintf("bench-consume-%d", b.N), 4)
	s := openSink(b, table("kafka", []string{"line STRING"}, sourceOptions(k, topic)...))
	s.fmts = view
	w, err := s.Writer(taskContext(b, context.Background(), s.cfg, 0, 1), nil)
	if err != nil {
		b.Fatal(err)
	}
	fill(b, w.(*writer), b.N)
	w.Close()
	src := openSource(b, table("kafka", []string{"line STRING"}, sourceOptions(k, topic, "scan.startup.mode", "earliest-offset", "scan.bounded.mode", "latest-offset")...))
	src.fmts = view
	splits := discover(b, src, nil)
	r := openReader(b, src, splits)
	b.ResetTimer()
	at := cpu()
	n := 0
	for len(r.Done()) < len(splits) {
		sb, err := r.Poll(context.Background(), time.Second)
		if err != nil {
			b.Fatal(err)
		}
		if sb != nil {
			n += sb.Batch.Rows()
		}
	}
	b.ReportMetric(float64(cpu()-at)/float64(b.N), "cpu-ns/op")
	if n != b.N {
		b.Fatalf("%d rows of %d", n, b.N)
	}
}

// BenchmarkPassthrough reads and writes exactly once, an epoch every half second, as a job does without its operators.
func BenchmarkPassthrough(b *testing.B) {
	k := kafkatest.Real(b)
	from, to := k.Topic(b, fmt.Sprintf("bench-from-%d", b.N), 4), k.Topic(b, fmt.Sprintf("bench-to-%d", b.N), 4)
	s := openSink(b, table("kafka", []string{"line STRING"}, sourceOptions(k, from)...))
	s.fmts = view
	w, err := s.Writer(taskContext(b, context.Background(), s.cfg, 0, 1), nil)
	if err != nil {
		b.Fatal(err)
	}
	fill(b, w.(*writer), b.N)
	w.Close()
	src := openSource(b, table("kafka", []string{"line STRING"}, sourceOptions(k, from, "scan.startup.mode", "earliest-offset", "scan.bounded.mode", "latest-offset")...))
	src.fmts = view
	splits := discover(b, src, nil)
	r := openReader(b, src, splits)
	out := openSink(b, exactlyOnce(k, to, "bench-"))
	out.fmts = view
	in := openInstance(b, out, "bench", nil)
	b.ResetTimer()
	at, epoch, cut := cpu(), exec.Epoch(1), time.Now()
	for len(r.Done()) < len(splits) {
		sb, err := r.Poll(context.Background(), time.Second)
		if err != nil {
			b.Fatal(err)
		}
		if sb != nil {
			if err := in.w.Write(sb.Batch); err != nil {
				b.Fatal(err)
			}
		}
		if time.Since(cut) > 500*time.Millisecond {
			if err := in.commit(epoch); err != nil {
				b.Fatal(err)
			}
			epoch, cut = epoch+1, time.Now()
		}
	}
	if err := in.commit(epoch); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpu()-at)/float64(b.N), "cpu-ns/op")
}
