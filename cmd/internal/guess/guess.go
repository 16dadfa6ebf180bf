package guess

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"weir/connectors/kafka/peek"
	"weir/planner/catalog"
)

// Column is a column of a guessed table.
type Column struct {
	Name string
	Decl string // what stands behind the name: "BIGINT", "AS TO_TIMESTAMP_LTZ(ts, 3)"
	Note string // why, or how to use it; may be empty
}

// Watermark is the guessed time of events.
type Watermark struct {
	Column string
	Delay  time.Duration // how far rows of the sample came out of order, rounded up
}

// Table is a guessed definition. The caller may change it before it is printed.
type Table struct {
	Name       string
	Columns    []Column
	PrimaryKey []string
	Watermark  *Watermark // nil: no column tells the time
	Options    []Option
	Notes      []string // what was found, for people; without the dashes of a comment
}

// Option is an option of WITH.
type Option struct{ Key, Value string }

// Set sets an option.
func (t *Table) Set(key, value string) {
	for i := range t.Options {
		if t.Options[i].Key == key {
			t.Options[i].Value = value
			return
		}
	}
	t.Options = append(t.Options, Option{key, value})
}

// Column is the column called name, nil when there is none.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// ErrNothing is a topic without a record to guess from.
var ErrNothing = errors.New("the topic has no record to guess from")

// From guesses the table of a topic by the records in t. client is the 'properties.*' with which it was read: they become
// the table's. An error is ErrNothing.
func From(t *peek.Topic, client catalog.Options) (*Table, error) {
	if len(t.Records) == 0 {
		return nil, ErrNothing
	}
	g := &guesser{topic: t, table: &Table{Name: tableName(t.Name)}}
	for _, r := range t.Records {
		g.times = append(g.times, r.Timestamp)
	}
	g.table.Set("connector", "kafka")
	g.table.Set("topic", t.Name)
	for _, o := range client {
		g.table.Set(o.Key, o.Value)
	}
	g.table.Set("scan.startup.mode", "earliest-offset")
	switch {
	case g.json():
	case g.csv():
	default:
		g.raw()
	}
	g.key()
	g.watermark()
	return g.table, nil
}

// tableName is a topic's name as a name that needs no quotes where that can be.
func tableName(topic string) string {
	name := strings.Map(func(r rune) rune {
		if r == '-' || r == '.' {
			return '_'
		}
		return r
	}, topic)
	return strings.Trim(name, "_")
}

// guesser is one guess at work.
type guesser struct {
	topic   *peek.Topic
	times   []time.Time // of the records
	table   *Table
	columns []*evidence // of the value, in the order of the first record that had them
	format  string
	nulls   int // records without a value
	// candidates is the columns that may be the time of events, with the evidence behind each.
	candidates []candidate
}

type candidate struct {
	column string
	of     *evidence
	unit   string // of a number; "" for text
}

func (g *guesser) note(format string, args ...any) {
	g.table.Notes = append(g.table.Notes, fmt.Sprintf(format, args...))
}

// column finds or makes the evidence of a column.
func column(list *[]*evidence, name string) *evidence {
	for _, e := range *list {
		if e.name == name {
			return e
		}
	}
	e := &evidence{name: name, times: map[timeForm]int{}, distinct: map[string]bool{}}
	*list = append(*list, e)
	return e
}

// object calls member for each member of a JSON object; an error is a text that is none.
func object(text []byte, member func(name string, value json.RawMessage)) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("no object")
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		member(name.(string), value)
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text behind the object")
	}
	return nil
}

// json takes the values for JSON objects, or arrays of them, if nine in ten are.
func (g *guesser) json() bool {
	var columns []*evidence
	objects, others, rows := 0, 0, 0
	for i, r := range g.topic.Records {
		if r.Value == nil {
			continue
		}
		all := []json.RawMessage{r.Value}
		if text := bytes.TrimSpace(r.Value); len(text) > 0 && text[0] == '[' && json.Unmarshal(text, &all) != nil {
			others++
			continue
		}
		good := true
		for _, text := range all {
			// Members are only counted when the whole is known to be an object.
			if !json.Valid(text) || object(text, func(string, json.RawMessage) {}) != nil {
				good = false
				break
			}
		}
		if !good {
			others++
			continue
		}
		objects++
		for _, text := range all {
			rows++
			object(text, func(name string, value json.RawMessage) { column(&columns, name).json(value, i) }) //nolint:errcheck // it was read above
		}
	}
	if objects == 0 || others*9 > objects {
		return false
	}
	for _, e := range columns {
		e.nulls = rows - e.values
	}
	g.format, g.columns = "json", columns
	g.table.Set("format", "json")
	if others > 0 {
		g.note("%d of %d records are no JSON objects: reading fails at them, unless 'json.ignore-parse-errors' = 'true'", others, objects+others)
	}
	if names := g.names(); slices.Contains(names, "op") && slices.Contains(names, "before") && slices.Contains(names, "after") {
		g.note("the records look like changes by Debezium: each is an envelope around the row")
	}
	standard := g.standard()
	if standard != "SQL" {
		g.table.Set("json.timestamp-format.standard", standard)
	}
	g.declare(standard)
	return true
}

func (g *guesser) names() []string {
	var out []string
	for _, e := range g.columns {
		out = append(out, e.name)
	}
	return out
}

// standard is the value of timestamp-format.standard that most columns of times want.
func (g *guesser) standard() string {
	sql, iso, offset := 0, 0, 0
	for _, e := range g.columns {
		switch e.form() {
		case sqlTime, sqlUTC:
			sql++
		case isoTime, isoUTC:
			iso++
		case isoOffset:
			offset++
		}
	}
	switch {
	case sql >= iso+offset:
		return "SQL"
	case offset > 0:
		return "ISO-8601-WITH-OFFSET"
	}
	return "ISO-8601"
}

// declare makes the columns of the value.
func (g *guesser) declare(standard string) {
	for _, e := range g.columns {
		c := Column{Name: e.name}
		c.Decl, c.Note = declaration(e, standard)
		g.table.Columns = append(g.table.Columns, c)
		if strings.HasPrefix(c.Decl, "TIMESTAMP") {
			g.candidates = append(g.candidates, candidate{column: e.name, of: e})
		}
		if unit := e.epoch(g.times); unit != "" {
			name := g.free("event_time", e.name+"_ltz")
			decl := "AS TO_TIMESTAMP_LTZ(" + Quote(e.name) + ", 3)"
			switch unit {
			case "s":
				decl = "AS TO_TIMESTAMP_LTZ(" + Quote(e.name) + ", 0)"
			case "us":
				decl = "AS TO_TIMESTAMP_LTZ(" + Quote(e.name) + " / 1000, 3)"
			}
			g.table.Columns = append(g.table.Columns, Column{Name: name, Decl: decl})
			g.candidates = append(g.candidates, candidate{name, e, unit})
		}
	}
}

// free is the first of the names that no column of the value or the table has.
func (g *guesser) free(names ...string) string {
	taken := func(n string) bool { return g.table.Column(n) != nil || slices.Contains(g.names(), n) }
	for _, n := range names {
		if !taken(n) {
			return n
		}
	}
	last := names[len(names)-1]
	for i := 2; ; i++ {
		if n := fmt.Sprintf("%s_%d", last, i); !taken(n) {
			return n
		}
	}
}

// declaration is the type of a column that loses nothing of what was seen, and a note.
func declaration(e *evidence, standard string) (decl, note string) {
	numbers := e.whole + e.huge + e.decimal + e.float
	switch {
	case e.values == 0:
		return "STRING", "always null in the sample"
	case e.boolean == e.values:
		return "BOOLEAN", ""
	case e.whole == e.values:
		return "BIGINT", ""
	case e.whole+e.huge == e.values:
		return "DECIMAL(38, 0)", ""
	case e.decimal == e.values && e.padded && e.scale > 0 && e.scale <= 6:
		return fmt.Sprintf("DECIMAL(18, %d)", e.scale), ""
	case numbers == e.values:
		return "DOUBLE", ""
	case e.nested == e.values:
		return "STRING", "JSON: JSON_VALUE(" + Quote(e.name) + ", '$.name') reads from it"
	case e.text != e.values:
		return "STRING", "values of several types"
	}
	fraction := 3
	if e.digits > 3 {
		fraction = 6
	}
	iso := standard != "SQL"
	switch form := e.form(); form {
	case dateOnly:
		return "DATE", ""
	case timeOfDay:
		return "TIME", ""
	case sqlTime, isoTime:
		if iso == (form == isoTime) {
			return fmt.Sprintf("TIMESTAMP(%d)", fraction), ""
		}
		return "STRING", "a time in another form than the others': TO_TIMESTAMP(" + Quote(e.name) + ", pattern) reads it"
	case sqlUTC, isoUTC:
		if iso == (form == isoUTC) {
			return fmt.Sprintf("TIMESTAMP_LTZ(%d)", fraction), ""
		}
		return "STRING", "a time in another form than the others': TO_TIMESTAMP_LTZ(" + Quote(e.name) + ", pattern) reads it"
	case isoOffset:
		if standard == "ISO-8601-WITH-OFFSET" {
			return fmt.Sprintf("TIMESTAMP_LTZ(%d)", fraction), ""
		}
		return "STRING", "a time with an offset: 'json.timestamp-format.standard' = 'ISO-8601-WITH-OFFSET' reads such"
	}
	return "STRING", ""
}

// csv takes the values for lines of fields, if all have the same number of them, at least two.
func (g *guesser) csv() bool {
	for _, sep := range []rune{',', ';', '\t', '|'} {
		var columns []*evidence
		fields, good := 0, true
		for i, r := range g.topic.Records {
			if r.Value == nil {
				continue
			}
			in := csv.NewReader(bytes.NewReader(r.Value))
			in.Comma = sep
			row, err := in.Read()
			if _, end := in.Read(); err != nil || !errors.Is(end, io.EOF) || len(row) < 2 || fields > 0 && len(row) != fields || !utf8.Valid(r.Value) {
				good = false
				break
			}
			fields = len(row)
			for k, text := range row {
				e := column(&columns, fmt.Sprintf("c%d", k+1))
				switch {
				case text == "":
					e.nulls++
				case e.scalar(text, i):
				default:
					e.str(text, i)
				}
			}
		}
		if !good || fields == 0 {
			continue
		}
		g.format, g.columns = "csv", columns
		g.table.Set("format", "csv")
		if sep != ',' {
			g.table.Set("csv.field-delimiter", map[rune]string{';': ";", '\t': `\t`, '|': "|"}[sep])
		}
		g.note("fields of CSV have no names: give the columns theirs, in this order")
		g.declare("SQL")
		return true
	}
	return false
}

// raw takes the values as they are.
func (g *guesser) raw() {
	g.format = "raw"
	g.table.Set("format", "raw")
	decl := "STRING"
	for _, r := range g.topic.Records {
		if r.Value != nil && !utf8.Valid(r.Value) {
			decl = "BYTES"
		}
	}
	for _, r := range g.topic.Records {
		if len(r.Value) > 5 && r.Value[0] == 0 {
			g.note("the values begin as those of a schema registry do, schema %d: they are read as bytes here", binary.BigEndian.Uint32(r.Value[1:5]))
			decl = "BYTES"
			break
		}
	}
	g.table.Columns = append(g.table.Columns, Column{Name: "payload", Decl: decl})
}
