package cli

import (
	"io"
	"time"

	"weir/connectors/blackhole"
	"weir/connectors/datagen"
	"weir/connectors/filesystem"
	"weir/connectors/formats"
	"weir/connectors/formats/avro"
	"weir/connectors/formats/csv"
	"weir/connectors/formats/json"
	"weir/connectors/formats/raw"
	"weir/connectors/jdbc"
	"weir/connectors/kafka"
	"weir/connectors/nexmark"
	"weir/connectors/print"
	"weir/connectors/spec"
	"weir/connectors/values"
	"weir/exec"
	"weir/exec/expr"
	"weir/planner"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/scalar"
	"weir/planner/types"
)

// plannerOptions is what the planner knows of this build, after config has been read. It needs no broker.
func (a *app) plannerOptions(cfg *config.Config) planner.Options {
	return planner.Options{
		Registry:  spec.Registry(),
		Functions: fn.Builtins(),
		Config:    cfg,
		Fold: func(e scalar.Expr) (types.Value, error) {
			return expr.Fold(e, expr.Env{Zone: cfg.Zone(), Clock: time.Now})
		},
		Env:        a.variable,
		AllowUnset: a.lenient && a.loaded.Get("skip-env-check") == "true",
	}
}

// knownFormats is the formats of this build.
func knownFormats() formats.Registry {
	known := formats.Registry{}
	for _, f := range append([]formats.Format{json.Format(), csv.Format(), raw.Format(), avro.Format(), avro.Confluent(), avro.Debezium()}, json.Changelogs()...) {
		known[f.Name] = f
	}
	return known
}

// connectorRegistry is the connectors of this build; print tables write to out and errOut.
func connectorRegistry(out, errOut io.Writer) exec.Registry {
	known := knownFormats()
	r := exec.Registry{}
	add := func(cs ...exec.Connector) {
		for _, c := range cs {
			r[c.Name] = c
		}
	}
	add(kafka.Connectors(known)...)
	add(filesystem.Connector(known), jdbc.Connector(), datagen.Connector(), nexmark.Connector(), print.Connector(out, errOut), blackhole.Connector(), values.Connector())
	return r
}
