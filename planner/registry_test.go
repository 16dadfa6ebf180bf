package planner

import (
	"strings"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/types"
)

// testRegistry is small connectors that have every trait the planner looks at: kafka and upsert-kafka as far as
// plans go, cdc, which gives whole changelogs, print, which takes them, and gen, which is bounded on demand.
func testRegistry() *catalog.Registry {
	get := func(t *catalog.Table, k string) string { v, _ := t.Options.Get(k); return v }
	mode := func(m catalog.ChangeMode) func(*catalog.Table) catalog.ChangeMode {
		return func(*catalog.Table) catalog.ChangeMode { return m }
	}
	exact := func(t *catalog.Table) (bool, string) {
		return get(t, "sink.delivery-guarantee") == "exactly-once", strings.ToLower(get(t, "properties.bootstrap.servers"))
	}
	bounded := func(t *catalog.Table) bool { m := get(t, "scan.bounded.mode"); return m != "" && m != "unbounded" }
	common := []catalog.OptionSpec{
		{Key: "properties.bootstrap.servers", Required: true, Example: "localhost:9092", Doc: "The brokers."},
		{Key: "properties.", Prefix: true},
		{Key: "topic", Type: catalog.OptList},
		{Key: "key.format"}, {Key: "value.format"}, {Key: "key.fields", Type: catalog.OptList},
		{Key: "scan.bounded.mode", Type: catalog.OptEnum, Values: []string{"unbounded", "latest-offset"}, Default: "unbounded"},
		{Key: "scan.parallelism", Type: catalog.OptInt}, {Key: "sink.parallelism", Type: catalog.OptInt},
		{Key: catalog.IdleTimeout, Type: catalog.OptDuration},
		{Key: catalog.AlignmentGroup, Type: catalog.OptString},
		{Key: catalog.AlignmentDrift, Type: catalog.OptDuration},
		{Key: catalog.AlignmentInterval, Type: catalog.OptDuration, Default: "1 s"},
		{Key: "scan.watermark.emit.strategy", Type: catalog.OptEnum, Values: []string{"on-periodic", "on-event"}},
		{Key: "sink.delivery-guarantee", Type: catalog.OptEnum, Values: []string{"none", "at-least-once", "exactly-once"}, Default: "at-least-once"},
		{Key: "sink.transactional-id-prefix"},
		{Key: "auth", Secret: true},
	}
	metadata := []catalog.MetadataSpec{
		{Key: "timestamp", Type: types.MakeTimestampLTZ(3).NotNull(), Writable: true},
		{Key: "partition", Type: types.TInt.NotNull()},
		{Key: "topic", Type: types.TString.NotNull(), Writable: true},
	}
	kafka := &catalog.ConnectorSpec{
		Name: "kafka", Source: true, Sink: true, Metadata: metadata,
		Options: append([]catalog.OptionSpec{
			{Key: "format"},
			{Key: "scan.startup.mode", Type: catalog.OptEnum, Values: []string{"earliest-offset", "latest-offset", "group-offsets"}, Default: "group-offsets"},
		}, common...),
		Formats:    map[string]string{"format": "", "value.format": "value.", "key.format": "key."},
		SourceMode: mode(catalog.InsertOnly), SinkMode: mode(catalog.InsertOnly), Bounded: bounded, Transactional: exact,
	}
	upsert := &catalog.ConnectorSpec{
		Name: "upsert-kafka", Source: true, Sink: true, Metadata: metadata, Options: common,
		Formats:    map[string]string{"value.format": "value.", "key.format": "key."},
		SourceMode: mode(catalog.Upsert), SinkMode: mode(catalog.Upsert), Bounded: bounded, Transactional: exact,
		Check: func(t *catalog.Table, use catalog.Use, _ func(string) string, diags *diag.List) {
			if use == catalog.UseDefine && t.PrimaryKey == nil {
				diags.Errorf("SQ4006", t.NameSpan, "connector 'upsert-kafka' needs a PRIMARY KEY")
			}
		},
	}
	cdc := &catalog.ConnectorSpec{
		Name: "cdc", Source: true, SourceMode: mode(catalog.Retract), SinkMode: mode(catalog.InsertOnly), Bounded: bounded,
	}
	print := &catalog.ConnectorSpec{
		Name: "print", Sink: true, Options: []catalog.OptionSpec{{Key: "print-identifier"}, {Key: "sink.parallelism", Type: catalog.OptInt}},
		SourceMode: mode(catalog.Retract), SinkMode: mode(catalog.Retract),
	}
	gen := &catalog.ConnectorSpec{
		Name: "gen", Source: true, Options: []catalog.OptionSpec{{Key: "number-of-rows", Type: catalog.OptLong}},
		SourceMode: mode(catalog.InsertOnly), SinkMode: mode(catalog.InsertOnly),
		Bounded: func(t *catalog.Table) bool { return get(t, "number-of-rows") != "" },
	}
	looks := func(name string, whole bool) *catalog.ConnectorSpec {
		return &catalog.ConnectorSpec{
			Name: name, Source: true, SourceMode: mode(catalog.InsertOnly), SinkMode: mode(catalog.InsertOnly),
			Options: []catalog.OptionSpec{{Key: "lookup.cache"}, {Key: "lookup.partial-cache.max-rows", Type: catalog.OptLong}, {Key: catalog.SearchMetric}},
			Bounded: func(*catalog.Table) bool { return true },
			Lookup:  func(*catalog.Table) bool { return true }, FullLookup: whole,
			Search: func(*catalog.Table) bool { return true }, OwnSearch: !whole, SourceWatermark: !whole,
		}
	}
	r := &catalog.Registry{Connectors: map[string]*catalog.ConnectorSpec{}, Formats: map[string]*catalog.FormatSpec{}}
	for _, c := range []*catalog.ConnectorSpec{kafka, upsert, cdc, print, gen, looks("database", false), looks("files", true)} {
		r.Connectors[c.Name] = c
	}
	for _, f := range []*catalog.FormatSpec{
		{Name: "raw", Options: []catalog.OptionSpec{{Key: "charset", Default: "UTF-8"}}},
		{Name: "json", Options: []catalog.OptionSpec{{Key: "ignore-parse-errors", Type: catalog.OptBool, Default: "false"}}},
		{Name: "csv", Options: []catalog.OptionSpec{{Key: "field-delimiter", Default: ","}}},
	} {
		r.Formats[f.Name] = f
	}
	return r
}
