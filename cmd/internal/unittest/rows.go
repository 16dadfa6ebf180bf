package unittest

import (
	"bytes"
	"encoding/csv"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weir/connectors/formats"
	"weir/connectors/formats/json"
	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/exec/runtime/runtimetest"
	"weir/parser/diag"
	"weir/planner/config"
	"weir/planner/datetime"
	"weir/planner/types"
)

// column is a column as tests see it.
type column struct {
	Name string
	Type types.Type
}

// entry is one thing that a test gives a table, with the place where it is written.
type entry struct {
	runtimetest.Entry
	at   *yaml.Node
	json []byte // the row, as Flink's json format reads it
}

// change is one change of an output, given or expected, in text.
type change struct {
	kind  batch.ChangeKind
	any   bool          // expected: +I or +U
	cells []cell        // one a column
	node  *yaml.Node    // expected: where it is written
	made  []types.Value // given by a job
}

// cell is one value as CAST(x AS STRING) prints it.
type cell struct {
	text string
	null bool
	any  bool // expected: whatever stands here
}

func (c cell) String() string {
	switch {
	case c.any:
		return ""
	case c.null:
		return "NULL"
	}
	return c.text
}

// rower makes rows of what a file says, for one list of columns.
type rower struct {
	file    *File
	columns []column
	index   map[string]int
	zone    *datetime.Zone
	day     int64 // of bare times, microseconds
	table   string
	rowTime int     // the column of the watermark, -1 without one
	hidden  *column // that column, where it is computed: rows do not give it
}

func newRower(f *File, table string, columns []column, zone *time.Location, now time.Time) *rower {
	r := &rower{file: f, columns: columns, index: map[string]int{}, zone: datetime.NewZone(zone), table: table, rowTime: -1}
	r.day = now.Truncate(24 * time.Hour).UnixMicro()
	for i, c := range columns {
		r.index[c.Name] = i
	}
	return r
}

func (r *rower) names() []string {
	out := make([]string, len(r.columns))
	for i, c := range r.columns {
		out[i] = c.Name
	}
	return out
}

// kinds are how tests write the kinds of changes.
var kinds = map[string]batch.ChangeKind{"+I": batch.Insert, "-U": batch.UpdateBefore, "+U": batch.UpdateAfter, "-D": batch.Delete}

// kinded takes the kind of a change off: `+U: {row}`; found is false for a bare row.
func (r *rower) kinded(n *yaml.Node) (kind batch.ChangeKind, row *yaml.Node, found bool) {
	if k, row := printedKind(n); k != "" {
		return kinds[k], r.named(row), true
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		if k, ok := kinds[n.Content[0].Value]; ok {
			if _, column := r.index[n.Content[0].Value]; !column {
				return k, r.named(n.Content[1]), true
			}
		}
	}
	return batch.Insert, r.named(n), false
}

// entries is what a list of rows says, generators and files resolved.
func (r *rower) entries(nodes []*yaml.Node) []entry {
	var out []entry
	for _, n := range nodes {
		switch first := key(n, 0); {
		case first == "rows" && r.free("rows"):
			out = append(out, r.generate(n)...)
		case first == "file" && r.free("file"):
			out = append(out, r.load(n)...)
		case first == "watermark" && r.free("watermark"):
			out = append(out, r.mark(n))
		case n.Kind == yaml.ScalarNode && n.Value == "idle":
			if r.rowTime < 0 {
				r.file.errorf(codeName, n, "table %s has no watermark to wait for", r.table)
				continue
			}
			out = append(out, entry{at: n, Entry: runtimetest.Entry{Idle: true}})
		default:
			kind, row, _ := r.kinded(n)
			if e, ok := r.entry(n, kind, row); ok {
				out = append(out, e)
			}
		}
	}
	return out
}

func key(n *yaml.Node, i int) string {
	if n.Kind != yaml.MappingNode || len(n.Content) <= 2*i {
		return ""
	}
	return n.Content[2*i].Value
}

// free reports that a word is no column of the table.
func (r *rower) free(word string) bool { _, column := r.index[word]; return !column }

func (r *rower) entry(at *yaml.Node, kind batch.ChangeKind, row *yaml.Node) (entry, bool) {
	payload, _, ok := r.object(row)
	if !ok {
		return entry{}, false
	}
	values, ok := r.decode(row, payload)
	return entry{at: at, json: payload, Entry: runtimetest.Entry{Kind: kind, Row: values}}, ok
}

// mark is `watermark: time`.
func (r *rower) mark(n *yaml.Node) entry {
	e := entry{at: n}
	v := n.Content[1]
	if r.rowTime < 0 {
		r.file.errorf(codeName, n, "table %s declares no WATERMARK", r.table).Help("give it one in its CREATE TABLE, or leave the line out")
		return e
	}
	c := r.hidden
	if c == nil {
		c = &r.columns[r.rowTime]
	}
	micros, ok := r.moment(v.Value, c.Type)
	if !ok {
		r.file.errorf(codeValue, v, "a watermark is a time, not %q", v.Value).Help("write it as 00:00:10 or 2026-01-01 00:00:10")
	}
	e.Watermark = micros
	return e
}

// generate is `rows: 8`, `first: {row}`, `then: {column: step}`.
func (r *rower) generate(n *yaml.Node) []entry {
	var count int
	var first *yaml.Node
	var then []pair
	kind := batch.Insert
	for _, p := range r.file.pairs(n, "a generator") {
		switch p.key.Value {
		case "rows":
			c, err := strconv.Atoi(p.value.Value)
			if err != nil || c < 1 || c > 1e6 {
				r.file.errorf(codeValue, p.value, "rows is how many to make, 1 to 1000000")
			}
			count = c
		case "first":
			kind, first, _ = r.kinded(p.value)
		case "then":
			then = r.file.pairs(p.value, "then")
		default:
			r.file.unknown(p.key, "a generator", []string{"rows", "first", "then"})
		}
	}
	if first == nil {
		r.file.errorf(codeForm, n, "a generator needs its first row").Help("write it as {rows: 8, first: {id: 1}, then: {id: +1}}")
		return nil
	}
	var out []entry
	for i := range count {
		row := *first
		row.Content = append([]*yaml.Node{}, first.Content...)
		for c := 0; c+1 < len(row.Content); c += 2 {
			v := *row.Content[c+1]
			if v.Kind == yaml.ScalarNode {
				v.Value = strings.ReplaceAll(v.Value, "{n}", strconv.Itoa(i+1))
			}
			row.Content[c+1] = &v
		}
		for _, p := range then {
			if !r.step(&row, p, i) {
				return out
			}
		}
		e, ok := r.entry(n, kind, &row)
		if !ok {
			return out
		}
		out = append(out, e)
	}
	return out
}

// step moves one column of a generated row on, i times.
func (r *rower) step(row *yaml.Node, p pair, i int) bool {
	c, ok := r.index[p.key.Value]
	if !ok {
		r.noColumn(p.key)
		return false
	}
	for k := 0; k+1 < len(row.Content); k += 2 {
		if row.Content[k].Value != p.key.Value {
			continue
		}
		v := row.Content[k+1]
		if t := r.columns[c].Type; t.IsTimestamp() || t.Kind == types.TimestampLTZ {
			d, err := config.ParseDuration(strings.TrimPrefix(p.value.Value, "+"))
			at, fine := r.moment(v.Value, t)
			if err != nil || !fine {
				r.file.errorf(codeValue, p.value, "%s moves on by a duration", p.key.Value).Help("write it as +1 s, +100 ms, +5 min")
				return false
			}
			v.Value = r.written(at+int64(i)*d.Microseconds(), t)
			return true
		}
		from, a := new(big.Rat).SetString(v.Value)
		by, b := new(big.Rat).SetString(strings.TrimPrefix(p.value.Value, "+"))
		if !a || !b {
			r.file.errorf(codeValue, p.value, "%s moves on by a number", p.key.Value).Help("write it as +1, -0.5")
			return false
		}
		from.Add(from, by.Mul(by, big.NewRat(int64(i), 1)))
		v.Value = from.FloatString(max(decimals(v.Value), decimals(p.value.Value)))
		return true
	}
	r.file.errorf(codeName, p.key, "the first row gives %s no value to go on from", p.key.Value)
	return false
}

func decimals(s string) int {
	_, frac, _ := strings.Cut(s, ".")
	return len(frac)
}

// load is `file: name`: JSON lines or CSV with a header, beside the test file.
func (r *rower) load(n *yaml.Node) []entry {
	v := n.Content[1]
	path := v.Value
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.file.Path), path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		r.file.errorf(codeName, v, "cannot read %s", path).Help("paths start at the folder of the test file")
		return nil
	}
	bad := func(line int, why error) {
		r.file.errorf(codeValue, v, "%s:%d: %v", path, line, why)
	}
	var out []entry
	add := func(line int, row *yaml.Node) bool {
		kind, row, _ := r.kinded(row)
		before := len(r.file.diags.All)
		e, ok := r.entry(n, kind, row)
		for _, d := range r.file.diags.All[before:] { // the place is in that file
			d.Span, d.Title = r.file.span(v), fmt.Sprintf("%s:%d: %s", path, line, d.Title)
		}
		if ok {
			out = append(out, e)
		}
		return ok
	}
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil || len(records) == 0 {
			bad(1, errors.Join(errors.New("no CSV with a header"), err))
			return nil
		}
		for i, rec := range records[1:] {
			row := &yaml.Node{Kind: yaml.MappingNode}
			for c, word := range rec {
				val := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: word}
				if word == "" {
					val.Tag = "!!null"
				}
				row.Content = append(row.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: records[0][c], Line: v.Line, Column: v.Column}, val)
			}
			if !add(i+2, row) {
				return out
			}
		}
		return out
	}
	for i, line := range bytes.Split(data, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var doc yaml.Node // JSON is YAML
		if err := yaml.Unmarshal(line, &doc); err != nil {
			bad(i+1, err)
			return out
		}
		if !add(i+1, doc.Content[0]) {
			return out
		}
	}
	return out
}

func (r *rower) noColumn(k *yaml.Node) {
	d := r.file.errorf(codeName, k, "%s has no column %s that rows give", r.table, k.Value)
	if near, ok := diag.Suggest(k.Value, r.names()); ok {
		d.Help("did you mean %s?", near)
	} else {
		d.Help("its columns are %s", strings.Join(r.names(), ", "))
	}
}

// object is a row as a JSON object with the values in the notation of Flink's json format; given says which columns it has.
func (r *rower) object(n *yaml.Node) (payload []byte, given []bool, ok bool) {
	given = make([]bool, len(r.columns))
	before := len(r.file.diags.All)
	var b bytes.Buffer
	b.WriteByte('{')
	for _, p := range r.file.pairs(n, "a row") {
		c, known := r.index[p.key.Value]
		if !known {
			r.noColumn(p.key)
			continue
		}
		if given[c] {
			r.file.errorf(codeForm, p.key, "the row gives %s twice", p.key.Value)
			continue
		}
		given[c] = true
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(text.AppendJSONString(nil, []byte(p.key.Value)))
		b.WriteByte(':')
		r.value(&b, p.value, r.columns[c].Type)
	}
	b.WriteByte('}')
	return b.Bytes(), given, len(r.file.diags.All) == before
}

// value appends a value as JSON.
func (r *rower) value(b *bytes.Buffer, n *yaml.Node, t types.Type) {
	switch n.Kind {
	case yaml.AliasNode:
		r.value(b, n.Alias, t)
		return
	case yaml.SequenceNode:
		if t.Nested != nil && t.Kind == types.Row {
			r.fields(b, n, t)
			return
		}
		elem := within(t)
		if t.Nested != nil && t.Kind == types.Array {
			elem = t.Nested.Elem
		}
		b.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			r.value(b, c, elem)
		}
		b.WriteByte(']')
		return
	case yaml.MappingNode:
		if e, ok := entryOf(t); ok {
			r.pairs(b, n, e)
			return
		}
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(text.AppendJSONString(nil, []byte(n.Content[i].Value)))
			b.WriteByte(':')
			r.value(b, n.Content[i+1], member(t, n.Content[i].Value))
		}
		b.WriteByte('}')
		return
	}
	s := n.Value
	switch {
	case n.Tag == "!!null":
		b.WriteString("null")
		return
	case t.Kind == types.Boolean && n.Tag == "!!bool":
		b.WriteString(strings.ToLower(s))
		return
	case t.IsTimestamp() || t.Kind == types.TimestampLTZ:
		micros, ok := r.moment(s, t)
		if !ok {
			r.file.errorf(codeValue, n, "%q is no %s", s, t).Help("write it as 2026-01-01 00:00:10, or 00:00:10 for a time of the test's day")
		}
		s = r.written(micros, t)
		if t.Kind == types.TimestampLTZ {
			s = r.utc(micros, t)
		}
	case t.Kind == types.Time:
		if micros, ok := datetime.ParseTime([]byte(s)); ok {
			s = string(datetime.AppendTime(nil, micros, t.Prec))
		}
	case !t.IsString() && stdjson.Valid([]byte(s)) && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0:
		b.WriteString(s) // a number
		return
	}
	b.Write(text.AppendJSONString(nil, []byte(s)))
}

// pairs appends a MAP or MULTISET whose keys are no text, as its entries.
func (r *rower) pairs(b *bytes.Buffer, n *yaml.Node, entry types.Type) {
	key, value := entry.Nested.Fields[0], entry.Nested.Fields[1]
	b.WriteByte('[')
	for i := 0; i+1 < len(n.Content); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "{%q:", key.Name)
		r.value(b, n.Content[i], key.Type)
		fmt.Fprintf(b, ",%q:", value.Name)
		r.value(b, n.Content[i+1], value.Type)
		b.WriteByte('}')
	}
	b.WriteByte(']')
}

// entryOf is the ROW of a key and a value that stands for an entry of t where JSON cannot say it: its keys are text only.
func entryOf(t types.Type) (types.Type, bool) {
	var key, value types.Type
	switch {
	case t.Kind == types.Map && !t.Nested.Key.IsString():
		key, value = t.Nested.Key, t.Nested.Elem
	case t.Kind == types.Multiset && !t.Nested.Elem.IsString():
		key, value = t.Nested.Elem, types.TInt
	default:
		return types.Type{}, false
	}
	return types.Type{Kind: types.Row, Nested: &types.Nested{Fields: []types.Field{{Name: "key", Type: key}, {Name: "value", Type: value}}}}, true
}

// inEntries is t with its MAPs and MULTISETs as ARRAYs of entries, where JSON needs that.
func inEntries(t types.Type) types.Type {
	if t.Nested == nil {
		return t
	}
	if e, ok := entryOf(t); ok {
		return types.Type{Kind: types.Array, Nullable: t.Nullable, Nested: &types.Nested{Elem: inEntries(e)}}
	}
	n := &types.Nested{Key: t.Nested.Key, Elem: inEntries(t.Nested.Elem)}
	for _, f := range t.Nested.Fields {
		n.Fields = append(n.Fields, types.Field{Name: f.Name, Type: inEntries(f.Type)})
	}
	t.Nested = n
	return t
}

// outOfEntries makes v, of type inEntries(t), a vector of t.
func outOfEntries(v *batch.Vector, t types.Type) {
	if t.Nested == nil {
		return
	}
	if _, ok := entryOf(t); ok {
		v.Children = v.Children[0].Children
	}
	v.Type = t
	like := batch.NewVector(t, 0)
	for i, c := range v.Children {
		outOfEntries(c, like.Children[i].Type)
	}
}

// fields appends a ROW that is given as a list of its fields' values.
func (r *rower) fields(b *bytes.Buffer, n *yaml.Node, t types.Type) {
	if len(n.Content) != len(t.Nested.Fields) {
		r.file.errorf(codeForm, n, "the list has %d values, and %s has %d fields", len(n.Content), t, len(t.Nested.Fields))
		b.WriteString("null")
		return
	}
	b.WriteByte('{')
	for i, f := range t.Nested.Fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(text.AppendJSONString(nil, []byte(f.Name)))
		b.WriteByte(':')
		r.value(b, n.Content[i], f.Type)
	}
	b.WriteByte('}')
}

// member is the type of a field of a ROW, or of a MAP's values.
func member(t types.Type, name string) types.Type {
	if t.Nested != nil {
		if t.Kind == types.Map {
			return t.Nested.Elem
		}
		for _, f := range t.Nested.Fields {
			if f.Name == name {
				return f.Type
			}
		}
	}
	return within(t)
}

// within is the type of what lies within a value of type t where that does not say more: a VARIANT has whatever is written, anything else text.
func within(t types.Type) types.Type {
	if t.Kind == types.Variant {
		return types.TVariant
	}
	return types.Type{Kind: types.VarChar}
}

// moment reads a time: with its date, or of the test's day. For TIMESTAMP_LTZ it is of the session's zone unless it ends with
// Z, and the result is the instant.
func (r *rower) moment(s string, t types.Type) (int64, bool) {
	s, utc := strings.CutSuffix(strings.TrimSpace(s), "Z")
	s = strings.Replace(s, "T", " ", 1)
	var micros int64
	switch {
	case !strings.Contains(s, "-"):
		if strings.Count(s, ":") == 1 {
			s += ":00"
		}
		m, ok := datetime.ParseTime([]byte(s))
		if !ok {
			return 0, false
		}
		micros = r.day + m
	default:
		switch {
		case !strings.Contains(s, " "):
			s += " 00:00:00"
		case strings.Count(s, ":") == 1:
			s += ":00"
		}
		m, ok := datetime.ParseTimestamp([]byte(s), ' ')
		if !ok {
			return 0, false
		}
		micros = m
	}
	if t.Kind == types.TimestampLTZ && !utc {
		micros = r.zone.UTC(micros)
	}
	return micros, true
}

// written is a time as rows have it: the opposite of moment.
func (r *rower) written(micros int64, t types.Type) string {
	if t.Kind == types.TimestampLTZ {
		micros = r.zone.Local(micros)
	}
	return string(datetime.AppendTimestamp(nil, micros, t.Prec, ' '))
}

// utc is an instant as Flink's json format has it.
func (r *rower) utc(micros int64, t types.Type) string {
	return string(append(datetime.AppendTimestamp(nil, micros, t.Prec, ' '), 'Z'))
}

// vectors decodes JSON objects into columns.
func (r *rower) vectors(payload []byte) (*batch.Batch, error) {
	schema := make([]formats.Column, len(r.columns))
	ts := make([]types.Type, len(r.columns))
	for i, c := range r.columns {
		t := inEntries(c.Type.NullableWithin().WithNullable(true)) // what a sink must not get is the sink's to refuse
		schema[i], ts[i] = formats.Column{Name: c.Name, Type: t, Index: i}, t
	}
	d, err := json.NewDecoder(formats.DecoderSpec{Schema: schema, TimeZone: r.zone.Location()})
	if err != nil {
		return nil, err
	}
	b := batch.New(ts, 1)
	data := bytes.Clone(payload) // becomes the strings' arena
	_, _, err = d.Decode(&formats.Payloads{Data: data, Off: []uint32{0}, Len: []uint32{uint32(len(data))}}, 0, 1, b, nil)
	for i, c := range r.columns {
		outOfEntries(b.Cols[i], c.Type.NullableWithin().WithNullable(true))
	}
	return b, err
}

// decode makes values of a JSON object; n is where it is written.
func (r *rower) decode(n *yaml.Node, payload []byte) ([]types.Value, bool) {
	b, err := r.vectors(payload)
	if err != nil {
		r.refused(n, err)
		return nil, false
	}
	row := make([]types.Value, len(r.columns))
	for i, c := range b.Cols {
		row[i] = c.Value(0)
	}
	return row, true
}

// refused reports what the decoder did not take, at the value.
func (r *rower) refused(n *yaml.Node, err error) {
	var e *formats.RecordError
	if !errors.As(err, &e) {
		r.file.errorf(codeValue, n, "%v", err)
		return
	}
	at := n
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, _, _ := strings.Cut(e.Column, ".")
		if n.Content[i].Value == name {
			at = n.Content[i+1]
		}
	}
	if c, ok := r.index[e.Column]; ok {
		r.file.errorf(codeValue, at, "column %s is %s: %s", e.Column, r.columns[c].Type, e.Reason)
		return
	}
	r.file.errorf(codeValue, at, "%s", e.Error())
}

// expected is the changes that a list of rows says, as text. partial allows columns to be left out.
func (r *rower) expected(nodes []*yaml.Node, columns []string, partial bool) []change {
	look := map[string]bool{}
	for _, c := range columns {
		if _, ok := r.index[c]; !ok {
			r.noColumn(&yaml.Node{Kind: yaml.ScalarNode, Value: c})
			return nil
		}
		look[c] = true
	}
	var out []change
	for _, n := range nodes {
		kind, row, explicit := r.kinded(n)
		payload, given, ok := r.object(row)
		if !ok {
			continue
		}
		b, err := r.vectors(payload)
		if err != nil {
			r.refused(row, err)
			continue
		}
		c := change{kind: kind, any: partial && !explicit, node: n, cells: make([]cell, len(r.columns))}
		var missing []string
		for i, v := range b.Cols {
			switch {
			case given[i]:
				c.cells[i] = r.cell(v, 0)
			case partial || columns != nil && !look[r.columns[i].Name]:
				c.cells[i].any = true
			default:
				missing = append(missing, r.columns[i].Name)
			}
		}
		if missing != nil {
			r.file.errorf(codeForm, row, "the row does not say what %s is", strings.Join(missing, ", ")).
				Help("give it (null is a value too), or name with `columns` those that are to be compared")
			continue
		}
		out = append(out, c)
	}
	return out
}

func (r *rower) cell(v *batch.Vector, i int) cell {
	if v.IsNull(i) {
		return cell{null: true}
	}
	return cell{text: string(text.AppendValue(nil, v, i, r.zone))}
}

// actual is a row that a job put out, as text.
func (r *rower) actual(kind batch.ChangeKind, row []types.Value) change {
	c := change{kind: kind, made: row, cells: make([]cell, len(row))}
	for i, x := range row {
		v := batch.NewVector(r.columns[i].Type, 1)
		v.AppendValue(x)
		c.cells[i] = r.cell(v, 0)
	}
	return c
}
