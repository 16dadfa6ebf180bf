// Package values is the connector "values": tables of tests. weir test keeps their rows in memory, as it does for all tables; anywhere
// else there are no rows to read and nobody to look at those that are written, and a job that uses one does not start.
package values

import (
	"errors"
	"log/slog"

	"weir/exec"
	"weir/planner/config"
	"weir/planner/physical"
)

// Connector is the connector for an exec.Registry.
func Connector() exec.Connector {
	return exec.Connector{
		Name: "values",
		Source: func(s *physical.Scan, _ *config.Config, _ *slog.Logger) (exec.SourceSpec, error) {
			return nil, outside(s.Table.Name)
		},
		Sink: func(s *physical.Sink, _ *config.Config, _ *slog.Logger) (exec.SinkSpec, error) {
			return nil, outside(s.Table.Name)
		},
		Lookup: func(n *physical.LookupJoin, _ *config.Config, _ *slog.Logger) (exec.LookupSpec, error) {
			return nil, outside(n.Lookup.Table.Name)
		},
		Search: func(n *physical.VectorSearch, _ *config.Config, _ *slog.Logger) (exec.SearchSpec, error) {
			return nil, outside(n.Lookup.Table.Name)
		},
	}
}

func outside(table string) error {
	return exec.Fatalf("give it rows in a test file and run weir test, or name the connector that the job is to use",
		"open table "+table, errors.New("a table of connector 'values' has rows in tests only"))
}
