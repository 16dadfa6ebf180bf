package kafka

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"weir/connectors/formats"
	"weir/connectors/kafka/kafkatest"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

func TestMain(m *testing.M) {
	code := m.Run()
	kafkatest.Shutdown()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// The tests' own format "plain": one column is the payload itself; several are separated by '|', "\N" is
// NULL, and a payload that begins with '!' is bad.
var plain = formats.Registry{"plain": formats.Format{
	Name:    "plain",
	Decoder: func(s formats.DecoderSpec) (formats.Decoder, error) { return &plainFormat{cols: s.Schema}, nil },
	Encoder: func(s formats.EncoderSpec) (formats.Encoder, error) { return &plainFormat{cols: s.Columns}, nil },
}}

type plainFormat struct{ cols []formats.Column }

func (f *plainFormat) Decode(p *formats.Payloads, from, to int, dst *batch.Batch, src []int32) ([]int32, int, error) {
	for i := from; i < to; i++ {
		b, null := p.Get(i)
		if null {
			continue
		}
		if bytes.HasPrefix(b, []byte("!")) {
			return src, 0, &formats.RecordError{Payload: i, Column: f.cols[0].Name, At: 0, Excerpt: string(b), Reason: "a bad record", Help: "set plain.ignore"}
		}
		parts := strings.Split(string(b), "|")
		for k, c := range f.cols {
			if c.Index < 0 {
				continue
			}
			v := dst.Cols[c.Index]
			switch {
			case k >= len(parts) || parts[k] == `\N`:
				v.AppendNull()
			case batch.ClassOf(c.Type) == batch.ClassInt:
				n, err := strconv.ParseInt(parts[k], 10, 64)
				if err != nil {
					return src, 0, &formats.RecordError{Payload: i, Column: c.Name, Excerpt: parts[k], Reason: "not a number"}
				}
				v.AppendInt(n)
			default:
				v.AppendString(parts[k])
			}
		}
		dst.N++
		src = append(src, int32(i))
	}
	return src, 0, nil
}

func (f *plainFormat) Encode(dst []byte, b *batch.Batch, i int) ([]byte, bool, error) {
	for k, c := range f.cols {
		if k > 0 {
			dst = append(dst, '|')
		}
		dst = append(dst, cell(b.Cols[c.Index], i)...)
	}
	return dst, false, nil
}

func (f *plainFormat) EncodeAll(p *formats.Payloads, b *batch.Batch) error {
	for r := range b.Rows() {
		at := len(p.Data)
		p.Data, _, _ = f.Encode(p.Data, b, b.At(r))
		p.Off, p.Len = append(p.Off, uint32(at)), append(p.Len, uint32(len(p.Data)-at))
	}
	return nil
}

func cell(v *batch.Vector, i int) string {
	if v.IsNull(i) {
		return `\N`
	}
	switch batch.ClassOf(v.Type) {
	case batch.ClassInt:
		return strconv.FormatInt(v.Int[i], 10)
	case batch.ClassBytes:
		return string(v.Bytes(i))
	}
	return fmt.Sprint(v.Value(i))
}

// table makes a table of physical columns "name TYPE", metadata columns "name TYPE key" and options.
func table(connector string, cols []string, options ...string) *catalog.Table {
	t := &catalog.Table{Name: "t", Connector: connector}
	for _, c := range cols {
		w := strings.Fields(c)
		col := catalog.Column{Name: w[0]}
		switch w[1] {
		case "STRING":
			col.Type = types.TString
		case "BIGINT":
			col.Type = types.TBigInt
		case "INT":
			col.Type = types.TInt
		case "LTZ":
			col.Type = types.MakeTimestampLTZ(3)
		case "MAP":
			col.Type = types.Type{Kind: types.Map, Nullable: true, Nested: &types.Nested{Key: types.TString, Elem: types.TBytes}}
		case "KEY":
			col.Type = types.TString.NotNull()
			t.PrimaryKey = append(t.PrimaryKey, len(t.Columns))
		}
		if len(w) > 2 {
			col.Kind, col.MetadataKey = catalog.Metadata, w[2]
		}
		t.Columns = append(t.Columns, col)
	}
	for i := 0; i+1 < len(options); i += 2 {
		t.Options = append(t.Options, catalog.Option{Key: options[i], Value: options[i+1]})
	}
	return t
}

func fields(t *catalog.Table) (out []int, cols []physical.Column) {
	for i, c := range t.Columns {
		out = append(out, i)
		cols = append(cols, physical.Column{Name: c.Name, Type: c.Type})
	}
	return out, cols
}

func conf(t testing.TB, pairs ...string) *config.Config {
	t.Helper()
	c := config.New()
	pairs = append([]string{config.PipelineName, "test job", config.ConnectTimeout, fmt.Sprintf("%.0f s", kafkatest.Patience.Seconds()), config.LocalTimeZone, "UTC"}, pairs...)
	for i := 0; i < len(pairs); i += 2 {
		if err := c.Set(pairs[i], pairs[i+1], config.FromFile); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// logText gathers log lines.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func logger() (*slog.Logger, *logText) {
	l := &logText{}
	return slog.New(slog.NewTextHandler(l, nil)), l
}

func taskContext(t testing.TB, ctx context.Context, cfg *config.Config, subtask, parallelism int) *exec.TaskContext {
	log, _ := logger()
	return &exec.TaskContext{Ctx: ctx, Job: "test", Operator: "op", Subtask: subtask, Parallelism: parallelism, Config: cfg, Log: log, Metrics: exec.NewMetrics()}
}

func openSource(t testing.TB, tab *catalog.Table, settings ...string) *source {
	t.Helper()
	s, err := trySource(t, tab, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func trySource(t testing.TB, tab *catalog.Table, settings ...string) (*source, error) {
	log, _ := logger()
	f, cols := fields(tab)
	s, err := newSource(&physical.Scan{Props: physical.Props{ID: "src", Columns: cols}, Table: tab, Fields: f}, conf(t, settings...), log, plain)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

func discover(t testing.TB, s *source, known []exec.Split) []exec.Split {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
	defer cancel()
	out, err := s.Discover(ctx, known)
	if err != nil {
		t.Fatalf("discover: %v", err)
	}
	return out
}

func openReader(t testing.TB, s *source, splits []exec.Split) *reader {
	t.Helper()
	r, err := s.Reader(taskContext(t, context.Background(), s.cfg, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if err := r.AddSplits(splits); err != nil {
		t.Fatal(err)
	}
	return r.(*reader)
}

// rowsOf renders the rows of a batch: kind, then cells.
func rowsOf(b *batch.Batch) []string {
	var out []string
	for r := range b.Rows() {
		i := b.At(r)
		var cells []string
		for _, v := range b.Cols {
			cells = append(cells, cell(v, i))
		}
		out = append(out, b.Kind(i).String()+"["+strings.Join(cells, ", ")+"]")
	}
	return out
}

// readRows polls until n rows came, or all splits are done, or the limit is over.
func readRows(t testing.TB, r *reader, n int) []string {
	t.Helper()
	var out []string
	limit := time.Now().Add(kafkatest.Patience)
	for len(out) < n && time.Now().Before(limit) && len(r.Done()) < len(r.splits) {
		b, err := r.Poll(context.Background(), 100*time.Millisecond)
		if err != nil {
			t.Fatalf("poll: %v", err)
		}
		if b != nil {
			out = append(out, rowsOf(b.Batch)...)
		}
	}
	return out
}

// pollError polls until an error comes, and gives the rows before it.
func pollError(t testing.TB, r *reader) ([]string, error) {
	t.Helper()
	var out []string
	for limit := time.Now().Add(kafkatest.Patience); time.Now().Before(limit); {
		b, err := r.Poll(context.Background(), 100*time.Millisecond)
		if err != nil {
			return out, err
		}
		if b != nil {
			out = append(out, rowsOf(b.Batch)...)
		}
	}
	t.Fatal("no error came")
	return nil, nil
}

func trySink(t testing.TB, tab *catalog.Table, settings ...string) (*sink, error) {
	log, _ := logger()
	f, cols := fields(tab)
	return newSink(&physical.Sink{Props: physical.Props{ID: "sink", Columns: cols}, Table: tab, Fields: f}, conf(t, settings...), log, plain)
}

func openSink(t testing.TB, tab *catalog.Table, settings ...string) *sink {
	t.Helper()
	s, err := trySink(t, tab, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance is a running job's commit point and one writer.
type instance struct {
	c      *committer
	w      *writer
	id     []byte
	marker exec.Marker
	found  bool
	log    *logText
}

func openInstance(t testing.TB, s *sink, name string, fixed []byte) *instance {
	t.Helper()
	i, err := tryInstance(t, s, name, fixed)
	if err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	return i
}

func tryInstance(t testing.TB, s *sink, name string, fixed []byte) (*instance, error) {
	t.Helper()
	log, text := logger()
	ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
	defer cancel()
	c, err := s.Transactional().Open(ctx, &exec.JobContext{Name: "test", Instance: name, Config: s.cfg, Log: log})
	if err != nil {
		return nil, err
	}
	in := &instance{c: c.(*committer), log: text}
	t.Cleanup(func() { in.c.Close() })
	if in.id, err = c.Identity(ctx, fixed); err != nil {
		return in, err
	}
	if _, _, err = c.Peek(ctx); err != nil {
		return in, err
	}
	if in.marker, in.found, err = c.Claim(ctx); err != nil {
		return in, err
	}
	w, err := s.Writer(taskContext(t, context.Background(), s.cfg, 0, 1), c)
	if err != nil {
		return in, err
	}
	in.w = w.(*writer)
	return in, nil
}

func stringBatch(tab *catalog.Table, rows ...string) *batch.Batch {
	_, cols := fields(tab)
	var ts []types.Type
	for _, c := range cols {
		ts = append(ts, c.Type)
	}
	b := batch.New(ts, len(rows))
	for n, r := range rows {
		kind := batch.Insert
		for k := batch.Insert; k <= batch.Delete; k++ {
			if rest, ok := strings.CutPrefix(r, k.String()); ok {
				r, kind = rest, k
				break
			}
		}
		for i, s := range strings.Split(r, "|") {
			switch {
			case s == `\N`:
				b.Cols[i].AppendNull()
			case batch.ClassOf(ts[i]) == batch.ClassInt:
				x, err := strconv.ParseInt(s, 10, 64)
				if err != nil {
					panic(err)
				}
				b.Cols[i].AppendInt(x)
			case batch.ClassOf(ts[i]) == batch.ClassList:
				b.Cols[i].BeginList()
				for _, kv := range strings.Split(s, ",") {
					k, v, _ := strings.Cut(kv, "=")
					b.Cols[i].Children[0].AppendString(k)
					b.Cols[i].Children[1].AppendString(v)
				}
				b.Cols[i].EndList()
			default:
				b.Cols[i].AppendString(s)
			}
		}
		b.N++
		if kind != batch.Insert || b.Kinds != nil {
			b.SetKind(n, kind)
		}
	}
	return b
}

func (in *instance) epoch(t testing.TB, n exec.Epoch, tab *catalog.Table, rows ...string) error {
	t.Helper()
	if len(rows) > 0 {
		if err := in.w.Write(stringBatch(tab, rows...)); err != nil {
			return err
		}
	}
	return in.commit(n)
}

func (in *instance) commit(n exec.Epoch) error {
	if err := in.w.Barrier(n); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), kafkatest.Patience)
	defer cancel()
	if _, err := in.w.Flush(ctx, n); err != nil {
		return err
	}
	if err := in.c.Commit(ctx, exec.Marker{Job: "job-1", Epoch: n, Nonce: state.Nonce(fmt.Sprintf("nonce-%d", n))}); err != nil {
		return err
	}
	return in.c.Release()
}
