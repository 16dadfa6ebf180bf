package runtimetest

import (
	"weir/planner/catalog"
	"weir/planner/physical"
)

// Registry declares the connector 'memory' to the planner. Options of a table:
//
//	splits     number of splits, 1 when not given
//	bounded    true when the table ends
//	guarantee  see World.Sink
//	changes    insert (the default), upsert or retract: what the table gives and takes
//
// A metadata column, of any key, is a value of the row like the others.
func Registry() *catalog.Registry {
	get := func(t *catalog.Table, k string) string { v, _ := t.Options.Get(k); return v }
	mode := func(t *catalog.Table) catalog.ChangeMode {
		switch get(t, "changes") {
		case "upsert":
			return catalog.Upsert
		case "retract":
			return catalog.Retract
		}
		return catalog.InsertOnly
	}
	memory := &catalog.ConnectorSpec{
		Name: "memory", Doc: "Rows in the memory of a test.", Source: true, Sink: true, Fields: true,
		Options: []catalog.OptionSpec{
			{Key: "splits", Type: catalog.OptInt, Default: "1"},
			{Key: "bounded", Type: catalog.OptBool, Default: "true"},
			{Key: "guarantee", Type: catalog.OptEnum, Values: []string{"exactly-once", "at-least-once", "files"}, Default: "exactly-once"},
			{Key: "changes", Type: catalog.OptEnum, Values: []string{"insert", "upsert", "retract"}, Default: "insert"},
			{Key: "lookup", Type: catalog.OptBool, Default: "false", Doc: "Whether the table can be asked for rows by key."},
			{Key: "lookup.cache", Type: catalog.OptEnum, Values: []string{"NONE", "PARTIAL", "FULL"}, Default: "NONE"},
			{Key: "lookup.partial-cache.max-rows", Type: catalog.OptLong},
			{Key: "lookup.partial-cache.cache-missing-key", Type: catalog.OptBool, Default: "true"},
			{Key: "lookup.partial-cache.expire-after-write", Type: catalog.OptDuration},
			{Key: "lookup.partial-cache.expire-after-access", Type: catalog.OptDuration},
			{Key: "search", Type: catalog.OptBool, Default: "false", Doc: "Whether the table can be searched by vectors."},
			{Key: catalog.SearchMetric, Type: catalog.OptEnum, Values: physical.MetricNames(), Default: physical.Cosine.String()},
			{Key: "scan.parallelism", Type: catalog.OptInt},
			{Key: "sink.parallelism", Type: catalog.OptInt},
			{Key: catalog.IdleTimeout, Type: catalog.OptDuration},
			{Key: catalog.AlignmentGroup, Type: catalog.OptString},
			{Key: catalog.AlignmentDrift, Type: catalog.OptDuration},
			{Key: catalog.AlignmentInterval, Type: catalog.OptDuration, Default: "1 s"},
			{Key: catalog.EmitStrategy, Type: catalog.OptEnum, Values: []string{"on-periodic", "on-event"}, Default: "on-periodic"},
		},
		SourceMode: mode, SinkMode: mode,
		Lookup:          func(t *catalog.Table) bool { return get(t, "lookup") == "true" },
		Search:          func(t *catalog.Table) bool { return get(t, "search") == "true" },
		OwnSearch:       true,
		AnyMetadata:     true,
		SourceWatermark: true,
		Bounded:         func(t *catalog.Table) bool { return get(t, "bounded") != "false" },
		Transactional:   func(*catalog.Table) (bool, string) { return false, "" },
	}
	return &catalog.Registry{Connectors: map[string]*catalog.ConnectorSpec{"memory": memory}, Formats: map[string]*catalog.FormatSpec{}}
}
