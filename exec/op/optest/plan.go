package optest

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op"
	"weir/planner/catalog"
	"weir/planner/decimal"
	"weir/planner/physical"
	"weir/planner/types"
)

// Plan is an operator written as text, a line each:
//
//	input k STRING, v INT NOT NULL, ts TIMESTAMP(3)
//	changelog retract | upsert k            what the input carries; insert-only without the line
//	group k [before] [ttl=10s] [minibatch]  GroupAggregate; keys with commas, - for none; before: -U is wanted
//	window session k gap=10s [zone=Europe/Berlin] time=ts [props=start,end,time]
//	window tumble|hop|cumulate|attached k size=10s [slide=5s] [offset=1s] [zone=Europe/Berlin] time=ts|start=ws,end=we [props=start,end,time]
//	tvf tumble|hop|cumulate size=10s [slide=5s] [offset=1s] [zone=Europe/Berlin] time=ts
//	windowrank k by=v[:desc] rows=1..2 [number] [latest] start=ws end=we
//	session k gap=10s [zone=Europe/Berlin] time=ts
//	agg SUM([DISTINCT] v) [FILTER f] INT    an aggregate and the type of its result
//	normalize k [before] [ttl=10s]
//	materialize k [ttl=10s]                 rows are matched by the key of the changelog line
//	guard [notnull=k,v] [length=v:3] [pad] [error]
//	set key value                           a setting of the job
type Plan struct {
	Node      physical.Node
	Sink      *physical.Sink
	Env       op.Env
	MiniBatch bool
	Settings  map[string]string

	in   *physical.Values
	keys []int
}

// Operator makes the operator.
func (p *Plan) Operator() (exec.Operator, error) { return newOperator(p) }

// KeyColumns is the columns of the input by which rows go to subtasks.
func (p *Plan) KeyColumns() []int { return p.keys }

// args is the words of a line: plain ones and key=value.
type args struct {
	words []string
	opts  map[string]string
}

func (a args) has(w string) bool { return slices.Contains(a.words, w) }

func (a args) duration(key string) (us int64, err error) {
	if s, ok := a.opts[key]; ok {
		d, err := time.ParseDuration(s)
		return d.Microseconds(), err
	}
	return 0, nil
}

// ParsePlan reads a plan.
func ParsePlan(text string) (*Plan, error) {
	p := &Plan{in: &physical.Values{}, Settings: map[string]string{}}
	var aggs []physical.AggCall
	for line := range strings.SplitSeq(text, "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		a := args{opts: map[string]string{}}
		for _, w := range strings.Fields(rest) {
			if k, v, ok := strings.Cut(w, "="); ok {
				a.opts[k] = v
			} else {
				a.words = append(a.words, w)
			}
		}
		var err error
		switch word {
		case "":
		case "input":
			err = p.input(rest)
		case "changelog":
			p.in.Changelog.Mode = catalog.Retract
			if a.words[0] == "upsert" {
				p.in.Changelog.Mode = catalog.Upsert
			}
			if len(a.words) > 1 {
				p.in.Changelog.Key, err = p.columns(a.words[1])
			}
		case "set":
			p.Settings[a.words[0]] = a.words[1]
		case "agg":
			var c physical.AggCall
			if c, err = p.agg(rest); err == nil {
				aggs = append(aggs, c)
			}
		case "guard":
			err = p.guard(a)
		default:
			err = p.operator(word, a)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
	}
	p.finish(aggs)
	if _, err := p.Operator(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Plan) input(rest string) error {
	for _, col := range splitTop(rest) {
		name, typ, _ := strings.Cut(strings.TrimSpace(col), " ")
		t, err := ParseType(typ)
		if err != nil {
			return err
		}
		p.in.Columns = append(p.in.Columns, physical.Column{Name: name, Type: t})
	}
	return nil
}

// splitTop splits at commas outside parentheses.
func splitTop(s string) []string {
	var out []string
	depth, from := 0, 0
	for i, r := range s {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

func (p *Plan) column(name string) (int, error) {
	i := slices.IndexFunc(p.in.Columns, func(c physical.Column) bool { return c.Name == name })
	if i < 0 {
		return 0, fmt.Errorf("no column %q", name)
	}
	return i, nil
}

func (p *Plan) columns(names string) ([]int, error) {
	if names == "-" || names == "" {
		return nil, nil
	}
	var out []int
	for n := range strings.SplitSeq(names, ",") {
		c, err := p.column(n)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

var aggSyntax = regexp.MustCompile(`^(\S+)\((DISTINCT )?([^)]*)\) (?:FILTER (\S+) )?(.+)$`)

func (p *Plan) agg(s string) (c physical.AggCall, err error) {
	m := aggSyntax.FindStringSubmatch(s)
	if m == nil {
		return c, fmt.Errorf("not an aggregate")
	}
	c.Func, c.Distinct, c.Filter, c.Name = m[1], m[2] != "", -1, s
	if m[3] != "*" {
		if c.Args, err = p.columns(strings.ReplaceAll(m[3], " ", "")); err != nil {
			return c, err
		}
	}
	if m[4] != "" {
		if c.Filter, err = p.column(m[4]); err != nil {
			return c, err
		}
	}
	c.Type, err = ParseType(m[5])
	return c, err
}

func (p *Plan) window(a args) (w physical.Window, err error) {
	w.TimeColumn = -1
	if w.Size, err = a.duration("size"); err != nil {
		return w, err
	}
	if w.Slide, err = a.duration("slide"); err != nil {
		return w, err
	}
	if w.Offset, err = a.duration("offset"); err != nil {
		return w, err
	}
	switch a.words[0] {
	case "hop":
		w.Kind = physical.Hop
	case "cumulate":
		w.Kind = physical.Cumulate
	case "session":
		w.Kind = physical.Session
		if w.Size, err = a.duration("gap"); err != nil {
			return w, err
		}
		w.Slide = w.Size
	}
	if z := a.opts["zone"]; z != "" {
		if w.Zone, err = time.LoadLocation(z); err != nil {
			return w, err
		}
	}
	if a.words[0] == "attached" {
		if w.StartColumn, err = p.column(a.opts["start"]); err != nil {
			return w, err
		}
		w.EndColumn, err = p.column(a.opts["end"])
		return w, err
	}
	w.TimeColumn, err = p.column(a.opts["time"])
	return w, err
}

func (p *Plan) operator(word string, a args) (err error) {
	ttl, err := a.duration("ttl")
	if err != nil {
		return err
	}
	age := time.Duration(ttl) * time.Microsecond
	var keys []int
	switch word {
	case "group", "normalize", "materialize", "session", "windowrank":
		keys, err = p.columns(a.words[0])
	case "window":
		keys, err = p.columns(a.words[1])
	}
	if err != nil {
		return err
	}
	p.keys = keys
	switch word {
	case "group":
		p.MiniBatch = a.has("minibatch")
		n := &physical.GroupAggregate{
			Input: p.in, Keys: keys, UpdateBefore: a.has("before"), TTL: age,
			InputRetracts: p.in.Changelog.Mode != catalog.InsertOnly,
		}
		if p.MiniBatch {
			n.MiniBatch = &physical.MiniBatch{}
		}
		p.Node = n
	case "normalize":
		p.Node = &physical.ChangelogNormalize{Input: p.in, Keys: keys, UpdateBefore: a.has("before"), TTL: age}
	case "materialize":
		p.Node = &physical.UpsertMaterialize{Input: p.in, Keys: keys, TTL: age}
	case "windowrank":
		return p.windowRank(keys, a)
	case "session":
		a.words[0] = word
		w, err := p.window(a)
		if err != nil {
			return err
		}
		p.Node = &physical.SessionTVF{Input: p.in, Partition: keys, Window: w}
	case "tvf", "window":
		w, err := p.window(a)
		if err != nil {
			return err
		}
		if word == "tvf" {
			p.Node = &physical.WindowTVF{Input: p.in, Window: w}
			return nil
		}
		n := &physical.WindowAggregate{Input: p.in, Keys: keys, Window: w}
		if props := a.opts["props"]; props != "" {
			n.WindowColumns = strings.Split(props, ",")
		}
		p.Node = n
	default:
		return fmt.Errorf("unknown line")
	}
	return nil
}

func (p *Plan) windowRank(keys []int, a args) (err error) {
	n := &physical.WindowRank{Input: p.in, Partition: keys, Window: physical.Window{TimeColumn: -1}, Number: a.has("number"), Latest: a.has("latest")}
	if n.Window.StartColumn, err = p.column(a.opts["start"]); err != nil {
		return err
	}
	if n.Window.EndColumn, err = p.column(a.opts["end"]); err != nil {
		return err
	}
	by, desc := strings.CutSuffix(a.opts["by"], ":desc")
	c, err := p.column(by)
	if err != nil {
		return err
	}
	n.Order = []physical.SortKey{{Column: c, Desc: desc, NullsFirst: !desc}}
	if _, err := fmt.Sscanf(a.opts["rows"], "%d..%d", &n.From, &n.To); err != nil {
		return err
	}
	p.Node = n
	return nil
}

func (p *Plan) guard(a args) (err error) {
	s := &physical.Sink{Input: p.in, Table: &catalog.Table{Name: "t"}}
	for i, c := range p.in.Columns {
		s.Table.Columns = append(s.Table.Columns, catalog.Column{Name: c.Name, Type: c.Type})
		s.Fields = append(s.Fields, i)
	}
	notNull, err := p.columns(a.opts["notnull"])
	if err != nil {
		return err
	}
	for _, c := range notNull {
		s.NotNull = append(s.NotNull, physical.Place{Column: c})
	}
	if name, ok := a.opts["length"]; ok { // as the column declares
		c, err := p.column(name)
		if err != nil {
			return err
		}
		s.Lengths = []physical.LengthRule{{Place: physical.Place{Column: c}, Type: p.in.Columns[c].Type, Pad: a.has("pad"), Error: a.has("error")}}
	}
	s.Columns = p.in.Columns
	p.Sink, p.Node = s, s
	return nil
}

// finish gives the node its output columns.
func (p *Plan) finish(aggs []physical.AggCall) {
	var cols []physical.Column
	add := func(keys []int) {
		for _, k := range keys {
			cols = append(cols, p.in.Columns[k])
		}
		for _, c := range aggs {
			cols = append(cols, physical.Column{Name: c.Name, Type: c.Type})
		}
	}
	ts := types.MakeTimestamp(3).NotNull()
	switch n := p.Node.(type) {
	case *physical.GroupAggregate:
		n.Aggs = aggs
		add(n.Keys)
	case *physical.WindowAggregate:
		n.Aggs = aggs
		add(n.Keys)
		for _, w := range n.WindowColumns {
			cols = append(cols, physical.Column{Name: w, Type: ts})
		}
	case *physical.WindowRank:
		cols = append(cols, p.in.Columns...)
		if n.Number {
			cols = append(cols, physical.Column{Name: "n", Type: types.TBigInt.NotNull()})
		}
	case *physical.WindowTVF, *physical.SessionTVF:
		cols = append(cols, p.in.Columns...)
		for _, w := range []string{"window_start", "window_end", "window_time"} {
			cols = append(cols, physical.Column{Name: w, Type: ts})
		}
	default:
		cols = p.in.Columns
	}
	if p.Node != nil {
		p.Node.Base().Columns = cols
		p.Node.Base().ID = "op"
	}
}

// Row is one row of an input.
type Row struct {
	Kind batch.ChangeKind
	Vals []types.Value
}

// ParseRow reads the values of a row.
func (p *Plan) ParseRow(kind batch.ChangeKind, s string) (Row, error) {
	r := Row{Kind: kind}
	for _, w := range words(s) {
		if len(r.Vals) == len(p.in.Columns) {
			return r, fmt.Errorf("%s: too many values", s)
		}
		v, err := ParseValue(p.in.Columns[len(r.Vals)].Type, w)
		if err != nil {
			return r, fmt.Errorf("%s: %w", s, err)
		}
		r.Vals = append(r.Vals, v)
	}
	if len(r.Vals) < len(p.in.Columns) {
		return r, fmt.Errorf("%s: too few values", s)
	}
	return r, nil
}

// words splits at spaces; a word in single quotes may have some.
func words(s string) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if s[0] == '\'' {
			end := 1 + strings.IndexByte(s[1:], '\'')
			out = append(out, s[:end+1])
			s = s[end+1:]
			continue
		}
		w, rest, _ := strings.Cut(s, " ")
		out = append(out, w)
		s = rest
	}
	return out
}

// Batch makes a batch of rows.
func (p *Plan) Batch(rows []Row) *batch.Batch {
	var ts []types.Type
	for _, c := range p.in.Columns {
		ts = append(ts, c.Type)
	}
	b := batch.New(ts, len(rows))
	for i, r := range rows {
		for c, v := range r.Vals {
			b.Cols[c].AppendValue(v)
		}
		b.N++
		if r.Kind != batch.Insert || b.Kinds != nil {
			b.SetKind(i, r.Kind)
		}
	}
	return b
}

var typeSyntax = regexp.MustCompile(`^([A-Z_]+)(?:\((\d+)(?:, ?(\d+))?\))?( NOT NULL)?$`)

// ParseType reads a simple SQL type.
func ParseType(s string) (types.Type, error) {
	s = strings.TrimSpace(s)
	if in, ok := strings.CutPrefix(s, "MULTISET<"); ok {
		e, err := ParseType(strings.TrimSuffix(in, ">"))
		return types.Type{Kind: types.Multiset, Nested: &types.Nested{Elem: e}}, err
	}
	m := typeSyntax.FindStringSubmatch(s)
	if m == nil {
		return types.Type{}, fmt.Errorf("not a type: %q", s)
	}
	n, _ := strconv.Atoi(m[2])
	scale, _ := strconv.Atoi(m[3])
	t := types.Type{Nullable: m[4] == ""}
	switch m[1] {
	case "STRING":
		t.Kind, t.Len = types.VarChar, types.MaxLen
	case "BYTES":
		t.Kind, t.Len = types.VarBinary, types.MaxLen
	case "DECIMAL":
		t.Kind, t.Prec, t.Scale = types.Decimal, n, scale
	case "TIMESTAMP":
		t.Kind, t.Prec = types.Timestamp, n
	case "TIMESTAMP_LTZ":
		t.Kind, t.Prec = types.TimestampLTZ, n
	case "CHAR":
		t.Kind, t.Len = types.Char, n
	case "VARCHAR":
		t.Kind, t.Len = types.VarChar, n
	default:
		for _, k := range []types.Kind{types.Boolean, types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double, types.Date} {
			if k.String() == m[1] {
				t.Kind = k
				return t, nil
			}
		}
		return t, fmt.Errorf("not a type: %q", s)
	}
	return t, nil
}

// ParseTime reads a time as microseconds since the epoch.
func ParseTime(s string) (int64, error) {
	if strings.Contains(s, "T") {
		t, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(s, "Z"))
		return t.UnixMicro(), err
	}
	d, err := time.ParseDuration(s)
	return d.Microseconds(), err
}

// ParseValue reads a value of type t.
func ParseValue(t types.Type, s string) (types.Value, error) {
	if s == "NULL" {
		return nil, nil
	}
	s = strings.Trim(s, "'")
	switch t.Kind {
	case types.Boolean:
		return s == "true", nil
	case types.Float, types.Double:
		return strconv.ParseFloat(s, 64)
	case types.Decimal:
		d, ok := decimal.Parse([]byte(s), t.Prec, t.Scale)
		if !ok {
			return nil, fmt.Errorf("not a %s: %q", t, s)
		}
		return d, nil
	case types.Timestamp, types.TimestampLTZ:
		return ParseTime(s)
	case types.Char, types.VarChar:
		return s, nil
	case types.Binary, types.VarBinary:
		return []byte(s), nil
	}
	return strconv.ParseInt(s, 10, 64)
}

// Format is the value at row i of v.
func Format(v *batch.Vector, i int) string {
	if v.IsNull(i) {
		return "NULL"
	}
	switch t := v.Type; batch.ClassOf(t) {
	case batch.ClassBool:
		return strconv.FormatBool(v.Bool[i])
	case batch.ClassFloat:
		if f := v.Flt[i]; t.Kind == types.Float && !math.IsNaN(f) {
			return strconv.FormatFloat(f, 'g', -1, 32)
		}
		return strconv.FormatFloat(v.Flt[i], 'g', -1, 64)
	case batch.ClassDec:
		return decimal.String(v.Dec[i], t.Scale)
	case batch.ClassBytes:
		return string(v.Bytes(i))
	case batch.ClassList:
		var s []string
		for e := v.Off[i]; e < v.Off[i]+v.Len[i]; e++ {
			s = append(s, Format(v.Children[0], int(e))+"="+Format(v.Children[1], int(e)))
		}
		return "{" + strings.Join(s, ", ") + "}"
	case batch.ClassInt:
		if t.IsTimestamp() {
			return FormatTime(v.Int[i])
		}
		return strconv.FormatInt(v.Int[i], 10)
	}
	return "?"
}

// FormatTime writes what ParseTime reads: a duration for times near the epoch.
func FormatTime(us int64) string {
	d := time.Duration(us) * time.Microsecond
	if d.Abs() < 30*24*time.Hour && us > -30*24*3600e6 && us < 30*24*3600e6 {
		return d.String()
	}
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999")
}
