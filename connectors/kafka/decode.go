package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/connectors/formats"
	"weir/connectors/spec"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/types"
)

// decoder turns consumed records into the columns of a Scan. It belongs to one reader.
type decoder struct {
	want  wanted
	value formats.Decoder
	key   formats.Decoder // nil: no column comes from the key

	upsert  bool
	batch   *batch.Batch
	src     []int32 // the record of every row
	rows    []int32 // scratch
	spans   []span  // what is decoded, by split
	skipped int

	keyRows  *batch.Batch // decoded keys
	keySrc   []int32
	keyOf    []int32  // record -> row of keyRows, -1 for none
	fromKey  [][2]int // column of the batch that comes from the key alone, and its column in keyRows
	tombKeys [][2]int // column of the batch that comes from the key in a tombstone: with the key in the value too
	inValue  []int    // columns of the batch that the value decoder fills
	meta     []metaColumn
	kinds    []batch.ChangeKind
}

// metaColumn fills one metadata column for all rows.
type metaColumn struct {
	col  int
	fill func(v *batch.Vector, r *records, src []int32, runs []run)
}

// formatOf is the name of a side's format and its options.
func formatOf(o catalog.Options, side string) (string, catalog.Options) {
	name, ok := "", false
	prefix := ""
	if side == "value" {
		name, ok = o.Get("format")
	}
	if !ok {
		name, _ = o.Get(side + ".format")
		prefix = side + "."
	}
	of := o.WithPrefix(prefix + name + ".")
	if (name == spec.ConfluentAvro || name == spec.DebeziumAvro) && spec.RegistryOption(of, "subject") == nil {
		if topic, ok := spec.SingleTopic(o); ok {
			of = append(of, catalog.Option{Key: "subject", Value: spec.Subject(topic, side)})
		}
	}
	return name, of
}

func newDecoder(asking context.Context, s *source) (*decoder, error) {
	t, scan := s.table, s.scan
	d := &decoder{upsert: s.upsert}
	at := map[int]int{} // table column -> column of the batch
	ts := make([]types.Type, len(scan.Fields))
	for i, f := range scan.Fields {
		at[f] = i
		ts[i] = scan.Columns[i].Type
	}
	d.batch = batch.New(ts, batch.TargetRows)
	d.want.values = true

	keyFields, valueFields := spec.KafkaKeyFields(t), spec.KafkaValueFields(t)
	inValue := map[int]bool{}
	ds := formats.DecoderSpec{TimeZone: s.cfg.Zone(), Asking: asking, Metadata: formats.FormatMetadata(scan)}
	for _, f := range valueFields {
		c := formats.Column{Name: t.Columns[f].Name, Type: t.Columns[f].Type, Index: -1}
		if i, ok := at[f]; ok {
			c.Index, c.Read = i, ts[i]
			d.inValue = append(d.inValue, i)
		}
		inValue[f] = true
		ds.Schema = append(ds.Schema, c)
	}
	name, opts := formatOf(t.Options, "value")
	f, ok := s.fmts[name]
	if !ok || f.Decoder == nil {
		return nil, fmt.Errorf("this build cannot read format '%s'", name)
	}
	ds.Options = opts
	var err error
	if d.value, err = f.Decoder(ds); err != nil {
		return nil, err
	}

	prefix, _ := t.Options.Get("key.fields-prefix")
	ks := formats.DecoderSpec{TimeZone: s.cfg.Zone(), Asking: asking}
	var kts []types.Type
	for _, f := range keyFields {
		c := formats.Column{Name: strings.TrimPrefix(t.Columns[f].Name, prefix), Type: t.Columns[f].Type, Index: -1}
		if i, ok := at[f]; ok && (!inValue[f] || d.upsert) {
			c.Index, c.Read = len(kts), ts[i]
			kts = append(kts, c.Read)
			if inValue[f] {
				d.tombKeys = append(d.tombKeys, [2]int{i, c.Index})
			} else {
				d.fromKey = append(d.fromKey, [2]int{i, c.Index})
			}
		}
		ks.Schema = append(ks.Schema, c)
	}
	if len(kts) > 0 {
		name, opts := formatOf(t.Options, "key")
		f, ok := s.fmts[name]
		if !ok || f.Decoder == nil {
			return nil, fmt.Errorf("this build cannot read format '%s'", name)
		}
		ks.Options = opts
		if d.key, err = f.Decoder(ks); err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		d.want.keys = true
		d.keyRows = batch.New(kts, batch.TargetRows)
	}

	keys, index := formats.MetadataColumns(scan)
	for k, i := range index {
		fill, err := d.metadata(t.Columns[scan.Fields[i]].Name, keys[k], ts[i], s.cfg.Zone())
		if err != nil {
			return nil, err
		}
		d.meta = append(d.meta, metaColumn{i, fill})
	}
	return d, nil
}

func (d *decoder) reset() {
	d.batch.Reset()
	d.batch.Sel = nil
	d.src = d.src[:0]
	d.skipped = 0
}

// decode fills the batch with the rows of the spans' records below limit. After an error it returns the record that
// failed, and the batch holds the rows before it.
func (d *decoder) decode(r *records, spans []span, limit int) (bad int, err error) {
	bad = limit
	if d.key != nil {
		if bad, err = d.keys(r, spans, limit); err != nil {
			limit = bad
		}
	}
	d.kinds = d.kinds[:0]
	// Neighbouring spans are decoded in one call: what separates them is only the partition.
	for i := 0; i < len(spans); {
		from, to := spans[i].from, spans[i].to
		for i++; i < len(spans) && spans[i].from == to; i++ {
			to = spans[i].to
		}
		to = min(to, limit)
		for from < to {
			end := to
			if d.upsert {
				if r.values.Len[from] == formats.NullLen {
					d.tombstone(int32(from))
					from++
					continue
				}
				for end = from + 1; end < to && r.values.Len[end] != formats.NullLen; end++ {
				}
			}
			rows, skipped, e := d.value.Decode(&r.values, from, end, d.batch, d.src)
			d.src, d.skipped = rows, d.skipped+skipped
			if d.upsert {
				for len(d.kinds) < d.batch.N {
					d.kinds = append(d.kinds, batch.UpdateAfter)
				}
			}
			if e != nil {
				var re *formats.RecordError
				if !errors.As(e, &re) {
					re = &formats.RecordError{Payload: from}
				}
				d.finish(r)
				return re.Payload, e
			}
			from = end
		}
	}
	d.finish(r)
	return bad, err
}

// keys decodes the keys of all records; keyOf then says which row of keyRows belongs to a record.
func (d *decoder) keys(r *records, spans []span, limit int) (int, error) {
	d.keyRows.Reset()
	d.keySrc = d.keySrc[:0]
	d.keyOf = grow(d.keyOf, r.n)
	for i := range d.keyOf {
		d.keyOf[i] = -1
	}
	var fail error
	for i := 0; i < len(spans) && fail == nil; {
		from, to := spans[i].from, spans[i].to
		for i++; i < len(spans) && spans[i].from == to; i++ {
			to = spans[i].to
		}
		to = min(to, limit)
		if from >= to {
			break
		}
		var err error
		if d.keySrc, _, err = d.key.Decode(&r.keys, from, to, d.keyRows, d.keySrc); err != nil {
			var re *formats.RecordError
			if !errors.As(err, &re) {
				re = &formats.RecordError{Payload: from}
			}
			limit, fail = re.Payload, fmt.Errorf("key: %w", err)
		}
	}
	for row, rec := range d.keySrc {
		if d.keyOf[rec] >= 0 {
			return int(rec), errors.New("key: the key holds several rows")
		}
		d.keyOf[rec] = int32(row)
	}
	return limit, fail
}

// tombstone appends the row of a null value: a delete by key.
func (d *decoder) tombstone(rec int32) {
	if d.key != nil && d.keyOf[rec] < 0 {
		d.skipped++ // no key either: it deletes nothing
		return
	}
	for _, i := range d.inValue {
		fromKey := false
		for _, k := range d.tombKeys {
			if k[0] == i {
				d.batch.Cols[i].AppendFrom(d.keyRows.Cols[k[1]], int(d.keyOf[rec]))
				fromKey = true
			}
		}
		if !fromKey {
			d.batch.Cols[i].AppendNull()
		}
	}
	d.batch.N++
	d.src = append(d.src, rec)
	d.kinds = append(d.kinds, batch.Delete)
}

// finish fills what does not come from the value: key columns, metadata, kinds.
func (d *decoder) finish(r *records) {
	if len(d.fromKey) > 0 {
		d.rows = grow(d.rows, len(d.src))
		var sel []int32
		for i, rec := range d.src {
			k := d.keyOf[rec]
			if k < 0 && sel == nil { // rows without a key are left out, as Flink does
				sel = make([]int32, 0, len(d.src))
				for j := 0; j < i; j++ {
					sel = append(sel, int32(j))
				}
			}
			if k >= 0 && sel != nil {
				sel = append(sel, int32(i))
			}
			d.rows[i] = max(k, 0)
		}
		if sel != nil {
			d.skipped += len(d.src) - len(sel)
			d.batch.Sel = sel
		}
		for _, k := range d.fromKey {
			v := d.batch.Cols[k[0]]
			if d.keyRows.N == 0 {
				for range d.src {
					v.AppendNull()
				}
				continue
			}
			v.AppendMany(d.keyRows.Cols[k[1]], d.rows, 0)
		}
	}
	for _, m := range d.meta {
		m.fill(d.batch.Cols[m.col], r, d.src, r.runs)
	}
	if d.upsert {
		d.batch.Kinds = d.kinds
	}
}

// runs says which rows come from which split.
func (d *decoder) runs(out []exec.SplitRun) []exec.SplitRun {
	row := 0
	for _, s := range d.spans {
		from := row
		for row < len(d.src) && int(d.src[row]) < s.to {
			row++
		}
		if row > from {
			out = append(out, exec.SplitRun{Split: s.split, From: from, To: row})
		}
	}
	return out
}

// helpOf is the help of a format's error.
func helpOf(err error) string {
	var re *formats.RecordError
	if errors.As(err, &re) {
		return re.Help
	}
	return ""
}

// eachRun calls f for the rows of each run of records.
func eachRun(src []int32, runs []run, f func(run *run, from, to int)) {
	row := 0
	for i := range runs {
		if runs[i].err != 0 {
			continue
		}
		from := row
		for row < len(src) && int(src[row]) < runs[i].to {
			row++
		}
		if row > from {
			f(&runs[i], from, row)
		}
	}
}

// metadata makes the function that fills a metadata column of type t.
func (d *decoder) metadata(column, key string, t types.Type, zone *time.Location) (func(*batch.Vector, *records, []int32, []run), error) {
	wrong := func(want string) error {
		return fmt.Errorf("metadata column %s of '%s' is %s, not %s", column, key, want, t)
	}
	class := batch.ClassOf(t)
	ints := func(f func(v *batch.Vector, r *records, src []int32, runs []run)) (func(*batch.Vector, *records, []int32, []run), error) {
		if !t.IsInteger() {
			return nil, wrong("a number")
		}
		return f, nil
	}
	switch key {
	case "topic":
		if class != batch.ClassBytes {
			return nil, wrong("STRING")
		}
		return func(v *batch.Vector, r *records, src []int32, runs []run) {
			eachRun(src, runs, func(run *run, from, to int) {
				v.AppendString(run.topic)
				off, n := v.Off[len(v.Off)-1], v.Len[len(v.Len)-1]
				for i := from + 1; i < to; i++ {
					v.AppendView(off, n)
				}
			})
		}, nil
	case "partition":
		return ints(func(v *batch.Vector, r *records, src []int32, runs []run) {
			eachRun(src, runs, func(run *run, from, to int) {
				for i := from; i < to; i++ {
					v.AppendInt(int64(run.partition))
				}
			})
		})
	case "offset":
		return ints(func(v *batch.Vector, r *records, src []int32, runs []run) {
			for _, rec := range src {
				v.AppendInt(r.offset[rec])
			}
		})
	case "leader-epoch":
		d.want.leaders = true
		return ints(func(v *batch.Vector, r *records, src []int32, runs []run) {
			for _, rec := range src {
				if r.leader[rec] < 0 {
					v.AppendNull()
				} else {
					v.AppendInt(int64(r.leader[rec]))
				}
			}
		})
	case "timestamp":
		d.want.timestamps = true
		if t.Kind == types.Timestamp {
			return func(v *batch.Vector, r *records, src []int32, runs []run) {
				for _, rec := range src {
					ms := r.timestamp[rec]
					_, off := time.UnixMilli(ms).In(zone).Zone()
					v.AppendInt((ms + int64(off)*1000) * 1000)
				}
			}, nil
		}
		if t.Kind != types.TimestampLTZ {
			return nil, wrong("TIMESTAMP_LTZ(3)")
		}
		unit := int64(1)
		if t.Prec == 0 {
			unit = 1000
		}
		return func(v *batch.Vector, r *records, src []int32, runs []run) {
			for _, rec := range src {
				ms := r.timestamp[rec]
				v.AppendInt((ms - mod(ms, unit)) * 1000)
			}
		}, nil
	case "timestamp-type":
		d.want.timestamps = true
		if class != batch.ClassBytes {
			return nil, wrong("STRING")
		}
		names := [...]string{"NoTimestampType", "CreateTime", "LogAppendTime"}
		return func(v *batch.Vector, r *records, src []int32, runs []run) {
			var off [3]int
			for i := range off {
				off[i] = -1
			}
			for _, rec := range src {
				k := r.timestampType[rec]
				if off[k] < 0 {
					v.AppendString(names[k])
					off[k] = int(v.Off[len(v.Off)-1])
				} else {
					v.AppendView(uint32(off[k]), uint32(len(names[k])))
				}
			}
		}, nil
	case "headers":
		d.want.headers = true
		if t.Kind != types.Map {
			return nil, wrong("MAP<STRING, BYTES>")
		}
		return headerMap, nil
	case "header-list":
		d.want.headers = true
		if t.Kind != types.Array {
			return nil, wrong("ARRAY<ROW<key STRING, value BYTES>>")
		}
		return headerList, nil
	}
	return nil, fmt.Errorf("column %s: kafka has no metadata '%s'", column, key)
}

func mod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

func (r *records) headerRange(rec int32) (from, to uint32) {
	if rec > 0 {
		from = r.headers[rec-1]
	}
	return from, r.headers[rec]
}

func (r *records) headerName(h uint32) []byte {
	return r.data[r.hNameOff[h] : r.hNameOff[h]+r.hNameLen[h]]
}

// headerMap fills MAP<STRING, BYTES>: of headers with the same key the last one counts, as in Flink.
func headerMap(v *batch.Vector, r *records, src []int32, _ []run) {
	for _, rec := range src {
		v.BeginList()
		from, to := r.headerRange(rec)
		for h := from; h < to; h++ {
			later := false
			for j := h + 1; j < to && !later; j++ {
				later = string(r.headerName(j)) == string(r.headerName(h))
			}
			if later {
				continue
			}
			v.Children[0].AppendBytes(r.headerName(h))
			headerValue(v.Children[1], r, h)
		}
		v.EndList()
	}
}

func headerValue(v *batch.Vector, r *records, h uint32) {
	if r.hValLen[h] == formats.NullLen {
		v.AppendNull()
		return
	}
	v.AppendBytes(r.data[r.hValOff[h] : r.hValOff[h]+r.hValLen[h]])
}

// headerList fills ARRAY<ROW<key, value>>, in order, with duplicates.
func headerList(v *batch.Vector, r *records, src []int32, _ []run) {
	for _, rec := range src {
		v.BeginList()
		from, to := r.headerRange(rec)
		for h := from; h < to; h++ {
			v.Children[0].Children[0].AppendBytes(r.headerName(h))
			headerValue(v.Children[0].Children[1], r, h)
		}
		v.EndList()
	}
}

// partitionText is "topic_1 partition 3", for messages.
func partitionText(topic string, partition int32) string {
	return topic + " partition " + strconv.Itoa(int(partition))
}
