package filesystem

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"weir/connectors/formats"
	"weir/connectors/spec"
	"weir/exec"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
)

// Connector is the connector for an exec.Registry; files are read and written in the given formats.
func Connector(registry formats.Registry) exec.Connector {
	return exec.Connector{
		Name: "filesystem",
		Source: func(s *physical.Scan, cfg *config.Config, log *slog.Logger) (exec.SourceSpec, error) {
			return newSource(s, cfg, registry)
		},
		Sink: func(s *physical.Sink, cfg *config.Config, log *slog.Logger) (exec.SinkSpec, error) {
			return newSink(s, cfg, log, registry)
		},
	}
}

// root is the absolute path of the table.
func root(t *catalog.Table) (string, error) {
	v, _ := t.Options.Get("path")
	p, refusal := spec.LocalPath(v)
	if refusal != "" {
		return "", fmt.Errorf("table %s: %s", t.Name, refusal)
	}
	if p == "" || v == "" {
		return "", fmt.Errorf("table %s: option 'path' is missing", t.Name)
	}
	return filepath.Abs(p)
}

func findFormat(t *catalog.Table, registry formats.Registry) (formats.Format, catalog.Options, error) {
	name, opts := formats.OptionsOf(t, "format")
	f, ok := registry[name]
	if !ok {
		return f, nil, fmt.Errorf("table %s: this build does not know format '%s'", t.Name, name)
	}
	return f, opts, nil
}

// name is the option's duration or size, or its default in the spec.
func option(t *catalog.Table, key string) string {
	if v, ok := t.Options.Get(key); ok {
		return v
	}
	for _, o := range spec.Registry().Connectors["filesystem"].Options {
		if o.Key == key {
			return o.Default
		}
	}
	return ""
}
