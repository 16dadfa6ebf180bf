package spec

import (
	"strings"

	"weir/parser/diag"
	c "weir/planner/catalog"
	"weir/planner/types"
)

// changelogs is the formats whose records say what happened to a row. All but the last are JSON, and have its options.
func changelogs() []*c.FormatSpec {
	ltz := func(digits int) types.Type { return types.MakeTimestampLTZ(digits) }
	texts := types.Type{Kind: types.Array, Nullable: true, Nested: &types.Nested{Elem: types.TString}}
	byName := func(elem types.Type) types.Type {
		return types.Type{Kind: types.Map, Nullable: true, Nested: &types.Nested{Key: types.TString, Elem: elem}}
	}
	meta := func(key string, t types.Type, doc string) c.MetadataSpec {
		return c.MetadataSpec{Key: key, Type: t, Doc: doc}
	}
	database := meta("database", types.TString, "Database of the row.")
	table := meta("table", types.TString, "Table of the row.")
	read := meta("ingestion-timestamp", ltz(3), "When the tool took the change up.")
	return []*c.FormatSpec{
		{
			Name: "debezium-json", Doc: "Changes of a database as Debezium writes them: the old row and the new one.", Changelog: true,
			Options: append([]c.OptionSpec{
				opt("schema-include", c.OptBool, "false", "Whether records have their schema beside the payload ('value.converter.schemas.enable' of Kafka Connect); such records can only be read.", "true"),
			}, changelogOptions()...),
			Metadata: []c.MetadataSpec{
				meta("schema", types.TString, "The schema beside the payload, as JSON."),
				read,
				meta("source.timestamp", ltz(3), "When the row was changed in the database."),
				meta("source.database", types.TString, "Database of the row."),
				meta("source.schema", types.TString, "Schema of the row's table."),
				meta("source.table", types.TString, "Table of the row."),
				meta("source.properties", byName(types.TString), "All that Debezium says of the source."),
			},
			Check: checkChangelog,
		},
		{
			Name: "canal-json", Doc: "Changes of MySQL as Canal writes them: rows in arrays, and what has changed of the old ones.", Changelog: true,
			Options: append([]c.OptionSpec{
				opt("database.include", c.OptString, "", "Regular expression of the databases whose changes are read; all by default.", "shop_.*"),
				opt("table.include", c.OptString, "", "Regular expression of the tables whose changes are read; all by default.", "orders|items"),
			}, changelogOptions()...),
			Metadata: []c.MetadataSpec{
				database, table,
				meta("sql-type", byName(types.TInt), "The columns' types, as JDBC numbers them."),
				meta("pk-names", texts, "Columns of the primary key."),
				read,
				meta("event-timestamp", ltz(3), "When the row was changed in the database."),
			},
			Check: checkChangelog,
		},
		{
			Name: "maxwell-json", Doc: "Changes of MySQL as Maxwell writes them: the new row, and what has changed of the old one.", Changelog: true,
			Options: changelogOptions(),
			Metadata: []c.MetadataSpec{
				database, table,
				meta("primary-key-columns", texts, "Columns of the primary key."),
				read,
			},
			Check: checkChangelog,
		},
		{
			Name: "ogg-json", Doc: "Changes of a database as Oracle GoldenGate writes them: the old row and the new one.", Changelog: true,
			Options: changelogOptions(),
			Metadata: []c.MetadataSpec{
				table,
				meta("primary-keys", texts, "Columns of the primary key."),
				meta("ingestion-timestamp", ltz(6), "When the tool took the change up."),
				meta("event-timestamp", ltz(6), "When the row was changed in the database."),
			},
			Check: checkChangelog,
		},
		debeziumAvro(),
	}
}

// changelogOptions is the options of json that Flink has for changelog formats too.
func changelogOptions() []c.OptionSpec {
	var out []c.OptionSpec
	for _, o := range json().Options {
		switch o.Key {
		case "ignore-parse-errors", "timestamp-format.standard", "map-null-key.mode", "map-null-key.literal", "encode.decimal-as-plain-number", "encode.ignore-null-fields":
			out = append(out, o)
		}
	}
	return out
}

func checkChangelog(t *c.Table, columns []int, opts c.Options, use c.Use, diags *diag.List) {
	switch use {
	case c.UseSink:
		if v, _ := opts.Get("schema-include"); strings.EqualFold(v, "true") {
			o := opts.Lookup("schema-include")
			diags.Errorf(CodeOptionCombination, o.ValueSpan, "table %s is written, and records with their schema can only be read", t.Name).
				Help("remove 'debezium-json.schema-include'")
		}
	case c.UseDefine:
		for _, key := range []string{"database.include", "table.include"} {
			if v, ok := opts.Get(key); ok {
				if _, err := JavaPattern(v); err != nil {
					diags.Errorf(CodeOptionValue, opts.Lookup(key).ValueSpan, "%s", err).Help("write the pattern without them")
				}
			}
		}
		for _, i := range columns {
			if why := jsonType(t.Columns[i].Type); why != "" {
				diags.Errorf(CodeFormatColumn, t.Columns[i].Span, "column %s %s: a changelog format is JSON, which %s", t.Columns[i].Name, t.Columns[i].Type, why).
					Help("declare the keys of a MAP, and the elements of a MULTISET, as STRING")
			}
		}
	}
}

// changelogFormat is the name of the changelog format that a table names with one of the options; empty for every other format.
func changelogFormat(t *c.Table, keys ...string) string {
	for _, key := range keys {
		name, _ := t.Options.Get(key)
		for _, f := range changelogs() {
			if f.Name == name {
				return name
			}
		}
	}
	return ""
}

// byFormat is the changes that a table's value format has: all of them, or new rows only.
func byFormat(t *c.Table) c.ChangeMode {
	if changelogFormat(t, "format", "value.format") != "" {
		return c.Retract
	}
	return c.InsertOnly
}

// insertOnlyFormat reports a changelog format where the records must be rows.
func (k *checker) insertOnlyFormat(key, why, help string) {
	if name := changelogFormat(k.t, key); name != "" {
		k.diags.Errorf(CodeOptionCombination, k.at(key), "'%s' cannot be '%s': %s", key, name, why).Help("%s", help)
	}
}
