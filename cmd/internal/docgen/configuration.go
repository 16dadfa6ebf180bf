package main

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"weir/connectors/spec"
	"weir/planner/catalog"
	"weir/planner/config"
)

const configurationHead = `# Settings, connectors and formats

This page is generated from the tables that weir itself checks a file by (` + "`go run ./cmd/internal/docgen`" + `). A key, an option or a
value that is not here is an error with a suggestion, never ignored.

Values are written as strings: ` + "`SET 'key' = 'value';`" + ` in a file, ` + "`--set key=value`" + ` on the command line (which wins), ` + "`WITH ('key' = 'value')`" + `
in a table. Durations are written ` + "`'500 ms'`, `'5 s'`, `'1 min'`, `'2 h'` or `'1 d'`" + `, sizes ` + "`'512 mb'`" + `; a list is split at ` + "`;`" + `. The values of
an enumeration may be written in any case.
`

// connectorOrder is the order of the page; connectors that it does not name follow by name.
var connectorOrder = []string{"kafka", "upsert-kafka", "filesystem", "datagen", "nexmark", "print", "blackhole", "values"}

func configuration() string {
	p := &page{}
	p.WriteString(configurationHead)
	p.line("\n## Settings\n")
	p.options(config.Keys, "SET ")
	p.line("\n### Settings without effect\n")
	p.line("Flink's settings that choose how a job is done and never what comes out are taken, and noted as SQ3010, so that one file serves both.\n")
	p.table("key", "why it has no effect")
	for _, o := range config.Tuning {
		p.row(code(o.Key), o.Doc)
	}
	for _, o := range config.Families {
		p.row(code(o.Key)+"...", o.Doc)
	}
	p.line("\nFlink's older names are taken too, and noted:\n")
	p.table("key", "is now")
	for _, old := range slices.Sorted(maps.Keys(config.Renamed)) {
		p.row(code(old), code(config.Renamed[old]))
	}

	r := spec.Registry()
	names := slices.Sorted(maps.Keys(r.Connectors))
	place := func(name string) int {
		if i := slices.Index(connectorOrder, name); i >= 0 {
			return i
		}
		return len(connectorOrder)
	}
	sort.SliceStable(names, func(i, j int) bool { return place(names[i]) < place(names[j]) })
	p.line("\n## Connectors\n")
	p.line("`'connector' = '<name>'` chooses one.")
	for _, name := range names {
		p.connector(r.Connectors[name])
	}
	p.line("\n## Formats\n")
	p.line("The options of a format stand in the table's `WITH` behind the format's name: `'json.ignore-parse-errors' = 'true'`; behind `key.` or `value.`")
	p.line("as well where the format was chosen by `'key.format'` or `'value.format'`: `'key.json.ignore-parse-errors' = 'true'`.")
	for _, name := range slices.Sorted(maps.Keys(r.Formats)) {
		f := r.Formats[name]
		p.line("\n### %s\n\n%s\n", f.Name, f.Doc)
		p.options(f.Options, f.Name+".")
		p.metadata(f.Metadata)
	}
	return p.String()
}

func (p *page) connector(c *catalog.ConnectorSpec) {
	p.line("\n### %s\n\n%s\n", c.Name, c.Doc)
	var roles []string
	if c.Source {
		roles = append(roles, "source")
	}
	if c.Sink {
		roles = append(roles, "sink")
	}
	p.line("Role: %s.\n", strings.Join(roles, " and "))
	if len(c.Options) > 0 {
		p.options(c.Options, "")
	} else {
		p.line("It has no options.")
	}
	p.metadata(c.Metadata)
}

func (p *page) metadata(list []catalog.MetadataSpec) {
	if len(list) == 0 {
		return
	}
	p.line("\nMetadata columns (`name TYPE METADATA FROM 'key'`; `VIRTUAL` where the table is written and the key is only read):\n")
	p.table("key", "type", "access", "meaning")
	for _, m := range list {
		access := "read"
		if m.Writable {
			access = "read, write"
		}
		p.row(code(m.Key), code(m.Type.String()), access, m.Doc)
	}
}

// options writes a table of options. owner goes before the key in the examples: a format's prefix, or "SET ".
func (p *page) options(list []catalog.OptionSpec, owner string) {
	p.table("key", "type", "default", "meaning", "example")
	prefix, set := owner, ""
	if owner == "SET " {
		prefix, set = "", owner
	}
	for _, o := range list {
		key, def, example := prefix+o.Key, code(o.Default), ""
		switch {
		case o.Required:
			def = "required"
		case def == "":
			def = "–"
		}
		if o.Prefix {
			key += "*"
		} else if o.Example != "" {
			example = code(fmt.Sprintf("%s'%s' = '%s'", set, key, o.Example))
		}
		p.row(code(key), optionType(&o), def, o.Doc, example)
	}
}

func optionType(o *catalog.OptionSpec) string {
	switch o.Type {
	case catalog.OptBool:
		return "`true` or `false`"
	case catalog.OptEnum:
		return codes(o.Values)
	}
	return o.TypeName()
}
