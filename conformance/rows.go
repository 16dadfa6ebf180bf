package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"weir/connectors/formats"
	formatjson "weir/connectors/formats/json"
	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/exec/runtime/runtimetest"
	"weir/planner/catalog"
	"weir/planner/datetime"
	"weir/planner/types"
)

// step is one thing that a table is given, as weir and as Flink take it.
type step struct {
	runtimetest.Entry
	table string
	json  json.RawMessage // the row, as Flink's json format reads it
}

var kinds = map[string]batch.ChangeKind{"+I": batch.Insert, "-U": batch.UpdateBefore, "+U": batch.UpdateAfter, "-D": batch.Delete}

// parseStep reads a line of a rows block:
//
//	orders | 1 | x | 0:05       a row
//	orders -U | 1 | x | 0:05    a change
//	orders watermark 0:10       a watermark of its own
//	orders idle
func parseStep(line string, tables func(string) *catalog.Table) (step, error) {
	words := strings.Split(line, "|")
	head := strings.Fields(words[0])
	if len(head) == 0 {
		return step{}, fmt.Errorf("%q names no table", line)
	}
	s := step{table: head[0]}
	t := tables(s.table)
	if t == nil {
		return s, fmt.Errorf("%q: there is no table %s", line, s.table)
	}
	if len(words) == 1 {
		switch {
		case len(head) == 2 && head[1] == "idle":
			s.Idle = true
			return s, nil
		case len(head) == 3 && head[1] == "watermark":
			micros, err := moment(head[2])
			s.Watermark = micros
			return s, err
		}
		return s, fmt.Errorf("%q is no row: write table | value | value", line)
	}
	if len(head) == 2 {
		kind, ok := kinds[head[1]]
		if !ok {
			return s, fmt.Errorf("%q: a change is +I, -U, +U or -D", line)
		}
		s.Kind = kind
	}
	var cols []catalog.Column
	var at []int
	for i, c := range t.Columns {
		if c.Kind != catalog.Computed {
			cols, at = append(cols, c), append(at, i)
		}
	}
	if len(words)-1 != len(cols) {
		return s, fmt.Errorf("%q has %d values, table %s has %d columns", line, len(words)-1, s.table, len(cols))
	}
	var b bytes.Buffer
	schema := make([]formats.Column, len(cols))
	ts := make([]types.Type, len(cols))
	for i, c := range cols {
		b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		b.Write(text.AppendJSONString(nil, []byte(c.Name)))
		b.WriteByte(':')
		if err := appendValue(&b, strings.TrimSpace(words[i+1]), c.Type); err != nil {
			return s, fmt.Errorf("%q, column %s: %w", line, c.Name, err)
		}
		schema[i], ts[i] = formats.Column{Name: c.Name, Type: c.Type, Index: i}, c.Type
	}
	b.WriteByte('}')
	s.json = bytes.Clone(b.Bytes())
	d, err := formatjson.NewDecoder(formats.DecoderSpec{Schema: schema, TimeZone: zone.Location()})
	if err != nil {
		return s, err
	}
	out := batch.New(ts, 1)
	if _, _, err := d.Decode(&formats.Payloads{Data: b.Bytes(), Off: []uint32{0}, Len: []uint32{uint32(b.Len())}}, 0, 1, out, nil); err != nil {
		return s, fmt.Errorf("%q: %w", line, err)
	}
	s.Row = make([]types.Value, len(t.Columns))
	for i, v := range out.Cols {
		s.Row[at[i]] = v.Value(0)
	}
	return s, nil
}

// appendValue appends a value of a rows block as JSON.
func appendValue(b *bytes.Buffer, s string, t types.Type) error {
	switch {
	case s == "NULL":
		b.WriteString("null")
	case t.IsTimestamp() || t.Kind == types.TimestampLTZ:
		micros, err := moment(s)
		if err != nil {
			return err
		}
		v := datetime.AppendTimestamp(nil, micros, t.Prec, ' ')
		if t.Kind == types.TimestampLTZ {
			v = append(v, 'Z')
		}
		b.Write(text.AppendJSONString(nil, v))
	case !t.IsString() && json.Valid([]byte(s)): // a number, a Boolean, an array or an object
		b.WriteString(s)
	default:
		b.Write(text.AppendJSONString(nil, []byte(s)))
	}
	return nil
}

// moment reads 0:05 (five seconds past midnight), 1:00:05, 0:05.250 or a time with its date.
func moment(s string) (int64, error) {
	if strings.Contains(s, "-") {
		if m, ok := datetime.ParseTimestamp([]byte(s), ' '); ok {
			return m, nil
		}
		return 0, fmt.Errorf("%q is no time", s)
	}
	if strings.Count(s, ":") == 1 {
		s = "0:" + s
	}
	whole, frac, _ := strings.Cut(s, ".")
	var h, m, sec int
	if _, err := fmt.Sscanf(whole, "%d:%d:%d", &h, &m, &sec); err != nil {
		return 0, fmt.Errorf("%q is no time: write 0:05 for five seconds past midnight", s)
	}
	micros, ok := datetime.ParseTimestamp(fmt.Appendf(nil, "%s %02d:%02d:%02d.%s", day, h, m, sec, frac+"0"), ' ')
	if !ok {
		return 0, fmt.Errorf("%q is no time", s)
	}
	return micros, nil
}
