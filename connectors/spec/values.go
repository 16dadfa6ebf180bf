package spec

import (
	"slices"
	"strings"

	"weir/parser/diag"
	c "weir/planner/catalog"
)

// changeKinds are the kinds of changes as 'changelog-mode' names them.
var changeKinds = []string{"I", "UB", "UA", "D"}

// values is the connector of tables that have no place outside of a test. Its options are those of the connector of that name in Flink's
// own tests, so that their tables can be taken over as they stand.
func values() *c.ConnectorSpec {
	opts := []c.OptionSpec{
		opt("changelog-mode", c.OptString, "I", "Changes that the table gives when it is read: I, UB, UA and D, separated by commas; UA without UB replaces rows by the PRIMARY KEY.", "I,UB,UA,D"),
		opt("sink-changelog-mode-enforced", c.OptString, "", "Changes that the table takes when it is written; by default all, and with a PRIMARY KEY all but UB.", "I,UA,D"),
		opt("sink-insert-only", c.OptBool, "false", "Whether the table takes new rows only.", "true"),
		opt("disable-lookup", c.OptBool, "false", "Whether rows cannot be asked for by key.", "true"),
		opt("bounded", c.OptBool, "false", "Whether the table ends: what is needed of a table that a batch job reads.", "true"),
	}
	opts = append(opts, opt("enable-vector-search", c.OptBool, "false", "Whether VECTOR_SEARCH can search the table.", "true"), searchOption())
	for _, o := range [][2]string{{"data-id", "1"}, {"terminating", "false"}, {"runtime-source", "NewSource"}, {"runtime-sink", "SinkFunction"},
		{"async", "true"}, {"latency", "1000"}, {"filterable-fields", "a"}, {"partition-list", "b:1;b:2"}, {"readable-metadata", "ts:TIMESTAMP(3)"}, {"writable-metadata", "ts:TIMESTAMP(3)"},
		{"enable-projection-push-down", "false"}, {"enable-watermark-push-down", "true"}, {"source.produces-delete-by-key", "true"}, {"sink.supports-delete-by-key", "true"}} {
		opts = append(opts, opt(o[0], c.OptString, "", "Accepted for tables of Flink's tests; has no effect.", o[1]))
	}
	opts = append(append(opts, lookupOptions()...), sourceOptions()...)
	return &c.ConnectorSpec{
		Name: "values", Doc: "Has the rows that a test of `weir test` gives it, and keeps those that are written; it has none outside of tests.",
		Source: true, Sink: true, Options: opts, AnyMetadata: true, Overwrite: true, Fresh: true,
		Lookup: func(t *c.Table) bool { v, _ := t.Options.Get("disable-lookup"); return !strings.EqualFold(v, "true") },
		Search: func(t *c.Table) bool {
			v, _ := t.Options.Get("enable-vector-search")
			return strings.EqualFold(v, "true") && valuesSource(t) == c.InsertOnly
		},
		OwnSearch: true, SourceWatermark: true,
		Check: checkValues, SourceMode: valuesSource, SinkMode: valuesSink, Transactional: notTransactional,
		Bounded: func(t *c.Table) bool { v, _ := t.Options.Get("bounded"); return strings.EqualFold(v, "true") },
	}
}

func valuesSource(t *c.Table) c.ChangeMode {
	v, _ := t.Options.Get("changelog-mode")
	return changeMode(v)
}

func valuesSink(t *c.Table) c.ChangeMode {
	if v, ok := t.Options.Get("sink-changelog-mode-enforced"); ok {
		return changeMode(v)
	}
	if v, _ := t.Options.Get("sink-insert-only"); strings.EqualFold(v, "true") {
		return c.InsertOnly
	}
	if len(t.PrimaryKey) > 0 {
		return c.Upsert
	}
	return c.Retract
}

// changeMode is what a list of kinds of changes amounts to.
func changeMode(v string) c.ChangeMode {
	kinds := kindsOf(v)
	has := func(k string) bool { return slices.Contains(kinds, k) }
	switch {
	case has("UA") && !has("UB"):
		return c.Upsert
	case has("UA"), has("UB"), has("D"):
		return c.Retract
	}
	return c.InsertOnly
}

func kindsOf(v string) []string {
	var out []string
	for _, k := range strings.Split(v, ",") {
		if k = strings.ToUpper(strings.TrimSpace(k)); k != "" {
			out = append(out, k)
		}
	}
	return out
}

func checkValues(t *c.Table, use c.Use, _ func(string) string, diags *diag.List) {
	k := &checker{t, diags}
	switch use {
	case c.UseDefine:
		for _, key := range []string{"changelog-mode", "sink-changelog-mode-enforced"} {
			for _, kind := range kindsOf(k.get(key)) {
				if !slices.Contains(changeKinds, kind) {
					k.diags.Errorf(CodeOptionValue, k.at(key), "'%s' has no kind of change '%s'", key, kind).
						Help("the kinds are I, UB (the row before an update), UA (the row after it) and D, separated by commas")
				}
			}
		}
		k.sourceOptions()
		k.lookupOptions()
	case c.UseSource:
		k.keyed("changelog-mode", valuesSource(t), "gives")
	case c.UseSink:
		k.keyed("sink-changelog-mode-enforced", valuesSink(t), "takes")
	}
}

// keyed reports changes that replace rows by a key where there is none.
func (k *checker) keyed(option string, mode c.ChangeMode, verb string) {
	if mode == c.Upsert && len(k.t.PrimaryKey) == 0 {
		k.diags.Errorf(CodePrimaryKey, k.at(option), "table %s %s updates without the row before, and has no PRIMARY KEY to find it by", k.t.Name, verb).
			Help("declare PRIMARY KEY (...) NOT ENFORCED, or add UB to '%s'", option)
	}
}
