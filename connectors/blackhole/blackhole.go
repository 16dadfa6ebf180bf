// Package blackhole is the connector "blackhole": a sink that takes every change and forgets
// it. What it took is in the operator's counters.
package blackhole

import (
	"context"
	"log/slog"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/config"
	"weir/planner/physical"
)

// Connector is the connector for an exec.Registry.
func Connector() exec.Connector {
	return exec.Connector{Name: "blackhole", Sink: func(*physical.Sink, *config.Config, *slog.Logger) (exec.SinkSpec, error) {
		return sink{}, nil
	}}
}

type sink struct{}

func (sink) Delivery() exec.Delivery           { return exec.AtLeastOnce }
func (sink) Transactional() exec.CommitterSpec { return nil }
func (sink) Close() error                      { return nil }

func (sink) Writer(*exec.TaskContext, exec.Committer) (exec.SinkWriter, error) {
	return writer{}, nil
}

type writer struct{}

func (writer) Write(*batch.Batch) error                                 { return nil }
func (writer) Barrier(exec.Epoch) error                                 { return nil }
func (writer) Flush(context.Context, exec.Epoch) (side []byte, _ error) { return nil, nil }
func (writer) Commit(context.Context, exec.Epoch, []byte) error         { return nil }
func (writer) Close() error                                             { return nil }
