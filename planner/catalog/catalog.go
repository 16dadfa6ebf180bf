// Package catalog holds what a script has defined: tables and views, and what the planner
// must know of connectors and formats to check a definition. It needs no broker and no cgo.
package catalog

import (
	"slices"
	"strings"

	"time"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/types"
)

// TimeAttr says whether a column is a time attribute.
type TimeAttr uint8

// The time attributes.
const (
	NoTime   TimeAttr = iota
	RowTime           // the column a WATERMARK is declared on, where it is still known to carry it
	ProcTime          // PROCTIME()
)

// ColumnKind says where a column's value comes from.
type ColumnKind uint8

// The kinds of column.
const (
	Physical ColumnKind = iota // in the record's key or value
	Metadata                   // of the record: METADATA FROM
	Computed                   // AS expr
)

// Column is one column of a table.
type Column struct {
	Name        string
	Type        types.Type
	Kind        ColumnKind
	MetadataKey string   // Metadata: "timestamp", "value.source.table"
	Virtual     bool     // Metadata: not written when the table is a sink
	Expr        ast.Expr // Computed
	Time        TimeAttr
	Comment     string
	Span        diag.Span
}

// Watermark is a table's WATERMARK FOR clause.
type Watermark struct {
	Column int      // index into Table.Columns
	Expr   ast.Expr // over the table's columns
	Span   diag.Span
}

// OfSource reports SOURCE_WATERMARK(): the connector makes the watermark.
func (w *Watermark) OfSource() bool {
	c, ok := w.Expr.(*ast.Call)
	return ok && strings.EqualFold(c.Name.Name, "SOURCE_WATERMARK") && len(c.Args) == 0
}

// Option is one property of WITH, as written.
type Option struct {
	Key, Value         string
	KeySpan, ValueSpan diag.Span // zero when it came from --set or a hint of a program
}

// Options is a table's properties.
type Options []Option

// Get is the value of key.
func (o Options) Get(key string) (string, bool) {
	for i := len(o) - 1; i >= 0; i-- { // a hint appended later wins
		if o[i].Key == key {
			return o[i].Value, true
		}
	}
	return "", false
}

// Lookup is the option of key, nil when absent.
func (o Options) Lookup(key string) *Option {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Key == key {
			return &o[i]
		}
	}
	return nil
}

// WithPrefix is the options whose key begins with prefix, with the prefix stripped.
func (o Options) WithPrefix(prefix string) Options {
	var out Options
	for _, p := range o {
		if len(p.Key) > len(prefix) && p.Key[:len(prefix)] == prefix {
			q := p
			q.Key = p.Key[len(prefix):]
			out = append(out, q)
		}
	}
	return out
}

// Table is a defined table: columns, key, watermark and options, checked.
type Table struct {
	Name       string
	Columns    []Column
	PrimaryKey []int     // indexes into Columns; nil without one
	KeySpan    diag.Span // the PRIMARY KEY; zero without one
	Watermark  *Watermark
	Connector  string // the option 'connector'
	Options    Options
	Comment    string
	Temporary  bool
	Span       diag.Span // the CREATE TABLE
	NameSpan   diag.Span
	Partitions []string // PARTITIONED BY
}

// Place is a catalog and a database, in which names alone are looked for.
type Place struct{ Catalog, Database string }

// DefaultPlace is where a session starts.
var DefaultPlace = Place{"default_catalog", "default_database"}

// Name is the name by which a session knows the table or view called local: as it stands in the default place, else with the
// database, and with the catalog where that is not the default.
func (p Place) Name(local string) string {
	switch {
	case p == DefaultPlace:
		return local
	case p.Catalog == DefaultPlace.Catalog:
		return p.Database + "." + local
	}
	return p.Catalog + "." + p.Database + "." + local
}

// Column is the column of that name; nil where there is none.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// ColumnNames is the names of all columns, in their order.
func (t *Table) ColumnNames() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// Physical is the indexes of the physical columns.
func (t *Table) Physical() []int {
	var out []int
	for i := range t.Columns {
		if t.Columns[i].Kind == Physical {
			out = append(out, i)
		}
	}
	return out
}

// View is a named query.
type View struct {
	// In is where the names of its query are looked for.
	In        Place
	Name      string
	Columns   []ast.Ident // nil: the query's own names
	Query     *ast.Query
	Temporary bool
	Comment   string
	Span      diag.Span
}

// OptionType is the type of an option's value.
type OptionType uint8

// The option types.
const (
	OptString OptionType = iota
	OptInt
	OptLong
	OptBool
	OptDuration // "5 s", "100 ms", "1 min", "500" (ms)
	OptEnum     // one of Values, case as listed
	OptList     // items separated by ';'
	OptMemory
	OptFloat // a number, "1.5"
)

// OptionSpec declares one option of a connector, a format or the session.
type OptionSpec struct {
	Key      string
	Type     OptionType
	Values   []string // OptEnum
	Least    int64    // OptInt, OptLong: the least value beside -1, which stands for none; 0 for any
	Most     int64    // and the greatest; 0 for any
	Default  string   // "" when there is none
	Required bool
	Secret   bool   // masked when shown
	Doc      string // one sentence
	Example  string
	Prefix   bool // Key is a prefix: "properties."
}

// TypeName is what kind of value the option takes, in a few words: "duration", "a | b" for an enum.
func (o *OptionSpec) TypeName() string {
	switch o.Type {
	case OptInt, OptLong:
		return "whole number"
	case OptFloat:
		return "number"
	case OptBool:
		return "true | false"
	case OptDuration:
		return "duration"
	case OptEnum:
		return strings.Join(o.Values, " | ")
	case OptList:
		return "list"
	case OptMemory:
		return "size"
	}
	return "text"
}

// MetadataSpec declares one metadata column of a connector.
type MetadataSpec struct {
	Key      string
	Type     types.Type
	Writable bool
	Doc      string
}

// ChangeMode is which changes a stream or a sink knows.
type ChangeMode uint8

// The change modes.
const (
	InsertOnly ChangeMode = iota // +I
	Upsert                       // +I/+U, -D by key, no -U
	Retract                      // +I, -U, +U, -D
)

// ConnectorSpec describes a connector to the planner: package connectors/spec holds them as data.
type ConnectorSpec struct {
	Name   string
	Doc    string
	Source bool
	Sink   bool
	// Lookup reports a table that can be asked for rows by key, for joins FOR SYSTEM_TIME AS OF processing time; nil: none.
	Lookup func(t *Table) bool
	// FullLookup: rows are asked for in memory, where the table is kept as a whole, whatever 'lookup.cache' says.
	FullLookup bool
	// Search reports a table whose rows can be found by the similarity of a vector (VECTOR_SEARCH); nil: none. OwnSearch: the connector finds
	// them; otherwise the table is read as a whole and searched in memory.
	Search    func(t *Table) bool
	OwnSearch bool
	Options   []OptionSpec
	Metadata  []MetadataSpec
	// AnyMetadata is set for a connector that takes every metadata key, in the type that the column is declared in.
	AnyMetadata bool
	// Formats lists the option keys that name formats, with the prefix of that format's options:
	// {"format": "", "value.format": "value.", "key.format": "key."}; nil for a connector without formats.
	Formats map[string]string
	// Check looks at a whole table definition and reports what the option types cannot say.
	// Types, enums, unknown and missing required options have been checked before. It is called
	// once with UseDefine when the table is defined and once for each role it is then used in
	// (UseSource, UseSink); a finding belongs to exactly one of them, so that nothing is said twice.
	Check func(t *Table, use Use, cfg func(key string) string, diags *diag.List)
	// FormatColumns is the columns (indexes into Table.Columns) that the format named by the option
	// formatKey ("format", "value.format", "key.format") carries; for FormatSpec.Check. nil: all
	// physical columns.
	FormatColumns func(t *Table, formatKey string) []int
	// SourceMode is the changelog that the table gives when read, SinkMode the richest it takes when written.
	SourceMode func(t *Table) ChangeMode
	SinkMode   func(t *Table) ChangeMode
	// Fields: of a ROW column a Scan may ask for some fields only; of a connector with formats each format says so.
	Fields bool
	// Overwrite: INSERT OVERWRITE replaces what is there, in batch jobs; with Fresh in streams too, since there is nothing when a job begins.
	Overwrite, Fresh bool
	// SourceWatermark: the connector makes watermarks by itself, for WATERMARK FOR ts AS SOURCE_WATERMARK().
	SourceWatermark bool
	// Bounded reports whether reading the table ends by itself.
	Bounded func(t *Table) bool
	// Transactional reports whether writing the table goes through a transaction of a cluster that
	// the second result names (normalised bootstrap servers).
	Transactional func(t *Table) (bool, string)
}

// Use says in which role a table is checked.
type Use uint8

// The roles.
const (
	UseDefine Use = iota // CREATE TABLE alone
	UseSource
	UseSink
)

// FormatSpec describes a format to the planner.
type FormatSpec struct {
	Name      string
	Doc       string
	Options   []OptionSpec
	Changelog bool // carries change kinds itself: debezium-json
	Fields    bool // decodes a ROW column as a type with some of its fields
	// Check reports columns or option combinations that the format cannot carry. columns are the
	// ones it carries (ConnectorSpec.FormatColumns), opts its options with the prefix stripped. It is
	// called when ConnectorSpec.Check is, with the same use.
	Check func(t *Table, columns []int, opts Options, use Use, diags *diag.List)
	// Metadata that the format adds, reached as 'value.<key>'.
	Metadata []MetadataSpec
}

// Registry is the connectors and formats that a build knows.
type Registry struct {
	Connectors map[string]*ConnectorSpec
	Formats    map[string]*FormatSpec
}

// TimeOfDay reads a time as 'lookup.full-cache.timed-reload.iso-time' has it: 10:15, 10:15:30, or 10:15+07:00. The result is in
// UTC, from midnight on.
func TimeOfDay(s string) (time.Duration, error) {
	var err error
	for _, form := range []string{"15:04", "15:04:05", "15:04Z07:00", "15:04:05Z07:00"} {
		var t time.Time
		if t, err = time.Parse(form, s); err == nil {
			t = t.UTC()
			return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second, nil
		}
	}
	return 0, err
}

// ReadsFields reports that a Scan of t may ask for some fields only of column i, a ROW.
func (r *Registry) ReadsFields(t *Table, i int) bool {
	spec := r.Connectors[t.Connector]
	if spec == nil {
		return false
	}
	if spec.Formats == nil {
		return spec.Fields
	}
	for key := range spec.Formats {
		name, ok := t.Options.Get(key)
		if !ok || spec.FormatColumns != nil && !slices.Contains(spec.FormatColumns(t, key), i) {
			continue
		}
		if f := r.Formats[name]; f == nil || !f.Fields {
			return false
		}
	}
	return true
}

// The options about the watermark, which every table that is read has.
const (
	EmitStrategy      = "scan.watermark.emit.strategy"
	IdleTimeout       = "scan.watermark.idle-timeout"
	AlignmentGroup    = "scan.watermark.alignment.group"
	AlignmentDrift    = "scan.watermark.alignment.max-drift"
	AlignmentInterval = "scan.watermark.alignment.update-interval"
)

// SearchMetric is the option that says how similar two vectors are, of tables that VECTOR_SEARCH searches.
const SearchMetric = "vector-search.metric"
