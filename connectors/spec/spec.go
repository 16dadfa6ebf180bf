// Package spec describes the connectors and formats of weir to the planner as data: their
// options with types, defaults, meaning and examples, their metadata columns, and the checks
// that a table definition must pass. It opens no connection and needs no cgo, so that
// checking a script, completion and the reference page all work from it alone.
//
// A check that depends on nothing but the definition reports when the table is defined; one
// that depends on how the table is used (read or written) reports at that use.
package spec

import (
	"sort"
	"strconv"
	"strings"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/types"
)

// Codes of the diagnostics that connectors and formats report. Codes are never reused.
const (
	CodeOptionCombination = "SQ5001" // options that contradict or need each other
	CodeOptionValue       = "SQ5002" // an option's value cannot be understood
	CodeOptionRefused     = "SQ5003" // an option that weir knows and does not support
	CodeOptionNoEffect    = "SQ5004" // an option that has no effect here (warning)
	CodeKeyFields         = "SQ5005" // key fields that the table does not have or that do not fit
	CodePrimaryKey        = "SQ5006" // a primary key that is missing or that the connector cannot keep
	CodeMetadata          = "SQ5007" // metadata columns that do not go together
	CodeDelivery          = "SQ5008" // a delivery guarantee that lacks what it needs
	CodePartitioned       = "SQ5009" // PARTITIONED BY where it is not supported
	CodeFormatColumn      = "SQ5101" // a column that the format cannot carry
	CodeFormatOption      = "SQ5102" // a format option that cannot be understood
	CodeGenerator         = "SQ5201" // a column that the generator cannot make, or an option that does not fit it
)

// Registry is every connector and format of this build. The result is the caller's.
func Registry() *catalog.Registry {
	r := &catalog.Registry{Connectors: map[string]*catalog.ConnectorSpec{}, Formats: map[string]*catalog.FormatSpec{}}
	for _, c := range []*catalog.ConnectorSpec{kafka(), upsertKafka(), filesystem(), jdbc(), datagen(), nexmark(), print(), blackhole(), values()} {
		r.Connectors[c.Name] = c
	}
	for _, f := range append([]*catalog.FormatSpec{json(), csv(), raw(), avro(), avroConfluent()}, changelogs()...) {
		r.Formats[f.Name] = f
	}
	return r
}

// checker reports findings about one table definition.
type checker struct {
	t     *catalog.Table
	diags *diag.List
}

// at is where the value of an option stands, or the table's name when it is not written there.
func (c *checker) at(key string) diag.Span {
	if o := c.t.Options.Lookup(key); o != nil && !o.ValueSpan.IsZero() {
		return o.ValueSpan
	}
	return c.t.NameSpan
}

// atKey is where an option's key stands, or the table's name.
func (c *checker) atKey(key string) diag.Span {
	if o := c.t.Options.Lookup(key); o != nil && !o.KeySpan.IsZero() {
		return o.KeySpan
	}
	return c.t.NameSpan
}

func (c *checker) has(key string) bool { return c.t.Options.Lookup(key) != nil }

func (c *checker) get(key string) string {
	v, _ := c.t.Options.Get(key)
	return v
}

// getOr is the option's value, def where it is not given.
func (c *checker) getOr(key, def string) string {
	if v, ok := c.t.Options.Get(key); ok {
		return v
	}
	return def
}

// notEmpty reports options that are given as an empty string.
func (c *checker) notEmpty(keys ...string) {
	for _, k := range keys {
		if v, ok := c.t.Options.Get(k); ok && strings.TrimSpace(v) == "" {
			c.diags.Errorf(CodeOptionValue, c.at(k), "option '%s' of table %s is empty", k, c.t.Name)
		}
	}
}

// positive reports whole-number options that are given as less than 1.
func (c *checker) positive(keys ...string) {
	for _, k := range keys {
		if v, ok := c.t.Options.Get(k); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil && n < 1 {
				c.diags.Errorf(CodeOptionValue, c.at(k), "option '%s' must be at least 1, found '%s'", k, v)
			}
		}
	}
}

// refuse reports options that are known and not supported.
func (c *checker) refuse(why, instead string, keys ...string) {
	for _, k := range keys {
		if c.has(k) {
			d := c.diags.Errorf(CodeOptionRefused, c.atKey(k), "option '%s' is not supported: %s", k, why)
			if instead != "" {
				d.Help("%s", instead)
			}
		}
	}
}

// noPrimaryKey reports a primary key on a table that cannot keep one.
func (c *checker) noPrimaryKey(why, help string) {
	if len(c.t.PrimaryKey) > 0 {
		c.diags.Errorf(CodePrimaryKey, c.keySpan(), "table %s cannot have a PRIMARY KEY: %s", c.t.Name, why).Help("%s", help)
	}
}

// keySpan is the place of the primary key, or the table's name.
func (c *checker) keySpan() diag.Span {
	if !c.t.KeySpan.IsZero() {
		return c.t.KeySpan
	}
	return c.t.NameSpan
}

// noPartitions reports PARTITIONED BY.
func (c *checker) noPartitions() {
	if len(c.t.Partitions) > 0 {
		c.diags.Errorf(CodePartitioned, c.t.NameSpan, "PARTITIONED BY is not supported for connector '%s' (table %s)", c.t.Connector, c.t.Name).
			Help("remove PARTITIONED BY (%s)", strings.Join(c.t.Partitions, ", "))
	}
}

// physicalIndex finds a physical column by name, -1 when there is none; where says what else the
// name is ("a metadata column"), if anything.
func physicalIndex(t *catalog.Table, name string) (i int, where string) {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			switch t.Columns[i].Kind {
			case catalog.Metadata:
				return -1, "a metadata column"
			case catalog.Computed:
				return -1, "a computed column"
			}
			return i, ""
		}
	}
	return -1, ""
}

func physicalNames(t *catalog.Table) []string {
	var out []string
	for _, i := range t.Physical() {
		out = append(out, t.Columns[i].Name)
	}
	return out
}

// List splits the value of a list option at ';' and trims the items; empty ones are left out.
func List(v string) []string {
	var out []string
	for _, s := range strings.Split(v, ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Servers is a list of bootstrap servers in a form that can be compared: lower case, sorted.
func Servers(v string) string {
	var out []string
	for _, s := range strings.Split(v, ",") {
		if s = strings.ToLower(strings.TrimSpace(s)); s != "" {
			out = append(out, s)
		}
	}
	sort.Strings(out)
	return strings.Join(out, ",")
}

func insertOnly(*catalog.Table) catalog.ChangeMode { return catalog.InsertOnly }
func upsert(*catalog.Table) catalog.ChangeMode     { return catalog.Upsert }
func retract(*catalog.Table) catalog.ChangeMode    { return catalog.Retract }
func never(*catalog.Table) bool                    { return false }

func notTransactional(*catalog.Table) (bool, string) { return false, "" }

func opt(key string, typ catalog.OptionType, def, doc, example string) catalog.OptionSpec {
	return catalog.OptionSpec{Key: key, Type: typ, Default: def, Doc: doc, Example: example}
}

func enum(key, def, doc string, values ...string) catalog.OptionSpec {
	return catalog.OptionSpec{Key: key, Type: catalog.OptEnum, Values: values, Default: def, Doc: doc, Example: values[0]}
}

func required(o catalog.OptionSpec) catalog.OptionSpec { o.Required = true; return o }

// kafkaMetadata is the metadata columns of kafka and upsert-kafka.
func kafkaMetadata() []catalog.MetadataSpec {
	header := &types.Nested{Fields: []types.Field{{Name: "key", Type: types.TString}, {Name: "value", Type: types.TBytes}}}
	return []catalog.MetadataSpec{
		{Key: "topic", Type: types.TString.NotNull(), Writable: true, Doc: "Topic of the record."},
		{Key: "partition", Type: types.TInt.NotNull(), Doc: "Partition of the record."},
		{Key: "headers", Type: types.Type{Kind: types.Map, Nested: &types.Nested{Key: types.TString.NotNull(), Elem: types.TBytes}}, Writable: true,
			Doc: "Headers of the record; of several with one key the last counts."},
		{Key: "header-list", Type: types.Type{Kind: types.Array, Nested: &types.Nested{Elem: types.Type{Kind: types.Row, Nested: header}}}, Writable: true,
			Doc: "Headers of the record in their order, repeated keys included."},
		{Key: "leader-epoch", Type: types.TInt, Doc: "Leader epoch of the record's partition, NULL where the broker does not say."},
		{Key: "offset", Type: types.TBigInt.NotNull(), Doc: "Offset of the record in its partition."},
		{Key: "timestamp", Type: types.MakeTimestampLTZ(3).NotNull(), Writable: true, Doc: "Timestamp of the record."},
		{Key: "timestamp-type", Type: types.TString.NotNull(), Doc: "NoTimestampType, CreateTime or LogAppendTime."},
	}
}
