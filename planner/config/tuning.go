package config

import (
	"strings"

	c "weir/planner/catalog"
)

// Tuning declares settings of Flink that choose how its planner and runtime go about a job and never what comes out. weir takes them, so that a
// job that sets them is the same file on both, and says that they have no effect.
var Tuning = []c.OptionSpec{
	{Key: "table.optimizer.distinct-agg.split.enabled", Type: c.OptBool, Doc: "DISTINCT aggregates are not split"},
	{Key: "table.optimizer.distinct-agg.split.bucket-num", Type: c.OptInt, Doc: "DISTINCT aggregates are not split"},
	{Key: "table.optimizer.incremental-agg-enabled", Type: c.OptBool, Doc: "DISTINCT aggregates are not split"},
	{Key: "table.optimizer.multi-join.enabled", Type: c.OptBool, Doc: "several joins stay several joins"},
	{Key: "table.optimizer.delta-join.strategy", Type: c.OptEnum, Values: []string{"AUTO", "FORCE", "NONE"}, Doc: "joins keep their inputs"},
	{Key: "table.exec.delta-join.cache-enabled", Type: c.OptBool, Doc: "joins keep their inputs"},
	{Key: "table.exec.delta-join.left.cache-size", Type: c.OptLong, Doc: "joins keep their inputs"},
	{Key: "table.exec.delta-join.right.cache-size", Type: c.OptLong, Doc: "joins keep their inputs"},
	{Key: "table.optimizer.ptf.max-tables", Type: c.OptInt, Doc: "no table function takes several tables"},
	{Key: "table.optimizer.join-reorder-enabled", Type: c.OptBool, Doc: "joins are made as they are written, but those that would have no key"},
	{Key: "table.optimizer.bushy-join-reorder-threshold", Type: c.OptInt, Doc: "joins are made in the order in which they are written"},
	{Key: "table.optimizer.join.broadcast-threshold", Type: c.OptLong, Doc: "joins are made by key"},
	{Key: "table.optimizer.adaptive-broadcast-join.strategy", Type: c.OptEnum, Values: []string{"auto", "forced", "none"}, Doc: "joins are made by key"},
	{Key: "table.optimizer.skewed-join-optimization.strategy", Type: c.OptEnum, Values: []string{"auto", "forced", "none"}, Doc: "joins are made by key"},
	{Key: "table.optimizer.skewed-join-optimization.skewed-factor", Type: c.OptFloat, Doc: "joins are made by key"},
	{Key: "table.optimizer.skewed-join-optimization.skewed-threshold", Type: c.OptMemory, Doc: "joins are made by key"},
	{Key: "table.optimizer.reuse-source-enabled", Type: c.OptBool, Doc: "a table is read once however often it is named"},
	{Key: "table.optimizer.reuse-sink-enabled", Type: c.OptBool, Doc: "each INSERT writes by itself"},
	{Key: "table.optimizer.reuse-optimize-block-with-digest-enabled", Type: c.OptBool, Doc: "what is computed in the same way is computed once, in all INSERTs of a job"},
	{Key: "table.optimizer.union-all-as-breakpoint-enabled", Type: c.OptBool, Doc: "each INSERT has a plan of its own, but for the tables that it reads"},
	{Key: "table.optimizer.sql2rel.project-merge.enabled", Type: c.OptBool, Doc: "projections are always merged"},
	{Key: "table.optimizer.multiple-input-enabled", Type: c.OptBool, Doc: "operators are always fused where they can be"},
	{Key: "table.optimizer.dynamic-filtering.enabled", Type: c.OptBool, Doc: "it is for partitioned tables"},
	{Key: "table.optimizer.source.report-statistics-enabled", Type: c.OptBool, Doc: "weir plans without statistics"},
	{Key: "table.optimizer.runtime-filter.enabled", Type: c.OptBool, Doc: "joins have no filters beside their conditions"},
	{Key: "table.optimizer.runtime-filter.max-build-data-size", Type: c.OptMemory, Doc: "joins have no filters beside their conditions"},
	{Key: "table.optimizer.runtime-filter.min-probe-data-size", Type: c.OptMemory, Doc: "joins have no filters beside their conditions"},
	{Key: "table.optimizer.runtime-filter.min-filter-ratio", Type: c.OptFloat, Doc: "joins have no filters beside their conditions"},
	{Key: "table.exec.sort.max-num-file-handles", Type: c.OptInt, Doc: "nothing is sorted on disk"},
	{Key: "table.exec.sort.async-merge-enabled", Type: c.OptBool, Doc: "nothing is sorted on disk"},
	{Key: "table.exec.spill-compression.enabled", Type: c.OptBool, Doc: "nothing is sorted on disk"},
	{Key: "table.exec.spill-compression.block-size", Type: c.OptMemory, Doc: "nothing is sorted on disk"},
	{Key: "table.exec.resource.external-buffer-memory", Type: c.OptMemory, Doc: "there is one budget, 'weir.memory'"},
	{Key: "table.exec.resource.hash-agg.memory", Type: c.OptMemory, Doc: "there is one budget, 'weir.memory'"},
	{Key: "table.exec.resource.hash-join.memory", Type: c.OptMemory, Doc: "there is one budget, 'weir.memory'"},
	{Key: "table.exec.resource.sort.memory", Type: c.OptMemory, Doc: "there is one budget, 'weir.memory'"},
	{Key: "table.exec.window-agg.buffer-size-limit", Type: c.OptInt, Doc: "there is one budget, 'weir.memory'"},
	{Key: "table.exec.rank.topn-cache-size", Type: c.OptLong, Doc: "there is one budget, 'weir.memory'"},
	{Key: "table.exec.local-hash-agg.adaptive.enabled", Type: c.OptBool, Doc: "the first phase of an aggregation always stops where it does not pay"},
	{Key: "table.exec.local-hash-agg.adaptive.sampling-threshold", Type: c.OptLong, Doc: "the first phase of an aggregation is left out for a million rows after 32,768 that made more than half as many groups"},
	{Key: "table.exec.local-hash-agg.adaptive.distinct-value-rate-threshold", Type: c.OptFloat, Doc: "the first phase of an aggregation is left out for a million rows after 32,768 that made more than half as many groups"},
	{Key: "table.exec.disabled-operators", Type: c.OptString, Doc: "weir has one operator for each purpose"},
	{Key: "table.exec.operator-fusion-codegen.enabled", Type: c.OptBool, Doc: "operators are always fused where they can be"},
	{Key: "table.exec.simplify-operator-name-enabled", Type: c.OptBool, Doc: "operators have short names"},
	{Key: "table.exec.unbounded-over.version", Type: c.OptInt, Doc: "there is one operator for OVER"},
	{Key: "table.exec.interval-join.min-cleanup-interval", Type: c.OptDuration, Doc: "rows that cannot be met any more are dropped at once"},
	{Key: "table.exec.async-state.enabled", Type: c.OptBool, Doc: "state is read in batches"},
	{Key: "table.exec.sink.keyed-shuffle", Type: c.OptEnum, Values: []string{"NONE", "AUTO", "FORCE"}, Doc: "the changes of a key always go through one subtask"},
	{Key: "table.exec.sink.upsert-materialize-strategy.type", Type: c.OptEnum, Values: []string{"LEGACY", "MAP", "VALUE", "ADAPTIVE"}, Doc: "there is one way to keep the rows of a key of a sink"},
	{Key: "table.exec.sink.upsert-materialize-strategy.adaptive.threshold.low", Type: c.OptLong, Doc: "there is one way to keep the rows of a key of a sink"},
	{Key: "table.exec.sink.upsert-materialize-strategy.adaptive.threshold.high", Type: c.OptLong, Doc: "there is one way to keep the rows of a key of a sink"},
	{Key: "table.exec.deduplicate.insert-update-after-sensitive-enabled", Type: c.OptBool, Doc: "a first row is always told from one that takes the place of another"},
	{Key: "table.exec.async-scalar.max-concurrent-operations", Type: c.OptInt, Doc: "functions are the built-in ones, and none of them waits"},
	{Key: "table.exec.async-scalar.timeout", Type: c.OptDuration, Doc: "functions are the built-in ones, and none of them waits"},
	{Key: "table.exec.async-scalar.retry-strategy", Type: c.OptEnum, Values: []string{"NO_RETRY", "FIXED_DELAY"}, Doc: "functions are the built-in ones, and none of them waits"},
	{Key: "table.exec.async-scalar.retry-delay", Type: c.OptDuration, Doc: "functions are the built-in ones, and none of them waits"},
	{Key: "table.exec.async-scalar.max-attempts", Type: c.OptInt, Doc: "functions are the built-in ones, and none of them waits"},
	{Key: "table.exec.async-table.max-concurrent-operations", Type: c.OptInt, Doc: "functions are the built-in ones, and none of them waits"},
	{Key: "table.exec.async-table.timeout", Type: c.OptDuration, Doc: "functions are the built-in ones, and none of them waits"},
	{Key: "table.exec.async-table.retry-strategy", Type: c.OptEnum, Values: []string{"NO_RETRY", "FIXED_DELAY"}, Doc: "functions are the built-in ones, and none of them waits"},
	{Key: "table.exec.async-table.retry-delay", Type: c.OptDuration, Doc: "functions are the built-in ones, and none of them waits"},
	{Key: "table.exec.async-table.max-retries", Type: c.OptInt, Doc: "functions are the built-in ones, and none of them waits"},
	{Key: "table.exec.uid.generation", Type: c.OptEnum, Values: []string{"PLAN_ONLY", "ALWAYS", "DISABLED"}, Doc: "operators are found again by what they do"},
	{Key: "table.exec.uid.format", Type: c.OptString, Doc: "operators are found again by what they do"},
	{Key: "table.generated-code.max-length", Type: c.OptInt, Doc: "weir generates no code"},
	{Key: "table.generated-code.max-members", Type: c.OptInt, Doc: "weir generates no code"},
	{Key: "pipeline.object-reuse", Type: c.OptBool, Doc: "rows are never copied without need"},
	{Key: "state.backend", Type: c.OptString, Doc: "state is always kept on local disk"},
	{Key: "state.backend.type", Type: c.OptString, Doc: "state is always kept on local disk"},
	{Key: "state.backend.incremental", Type: c.OptBool, Doc: "checkpoints are always incremental"},
	{Key: "execution.checkpointing.incremental", Type: c.OptBool, Doc: "checkpoints are always incremental"},
	{Key: "execution.checkpointing.unaligned", Type: c.OptBool, Doc: "barriers are always aligned"},
	{Key: "execution.checkpointing.unaligned.enabled", Type: c.OptBool, Doc: "barriers are always aligned"},
	{Key: "execution.checkpointing.max-concurrent-checkpoints", Type: c.OptInt, Doc: "one checkpoint is under way at a time"},
	{Key: "execution.checkpointing.snapshot-compression", Type: c.OptBool, Doc: "checkpoints are pages of the local state"},
	{Key: "state.backend.local-recovery", Type: c.OptBool, Doc: "checkpoints are pages of the local state"},
	{Key: "execution.checkpointing.checkpoints-after-tasks-finish", Type: c.OptBool, Doc: "a job that ends makes a last checkpoint"},
	{Key: "execution.checkpointing.aligned-checkpoint-timeout", Type: c.OptDuration, Doc: "barriers are always aligned"},
	{Key: "execution.checkpointing.storage", Type: c.OptString, Doc: "'execution.checkpointing.dir' says where checkpoints are kept"},
	{Key: "execution.checkpointing.savepoint-dir", Type: c.OptString, Doc: "there are no savepoints: a job that is stopped leaves its last checkpoint in 'execution.checkpointing.dir'"},
	{Key: "state.savepoints.dir", Type: c.OptString, Doc: "there are no savepoints: a job that is stopped leaves its last checkpoint in 'execution.checkpointing.dir'"},
	{Key: "execution.target", Type: c.OptString, Doc: "a job runs in the process that plans it"},
	{Key: "execution.attached", Type: c.OptString, Doc: "a job runs in the process that plans it"},
	{Key: "execution.shutdown-on-attached-exit", Type: c.OptString, Doc: "a job runs in the process that plans it"},
	{Key: "execution.buffer-timeout", Type: c.OptDuration, Doc: "rows are handed on in batches that wait for nothing"},
	{Key: "execution.buffer-timeout.interval", Type: c.OptDuration, Doc: "rows are handed on in batches that wait for nothing"},
	{Key: "execution.buffer-timeout.enabled", Type: c.OptBool, Doc: "rows are handed on in batches that wait for nothing"},
	{Key: "execution.batch-shuffle-mode", Type: c.OptString, Doc: "a bounded job runs as a stream"},
	{Key: "pipeline.operator-chaining", Type: c.OptBool, Doc: "operators are always fused where they can be"},
	{Key: "pipeline.operator-chaining.enabled", Type: c.OptBool, Doc: "operators are always fused where they can be"},
	{Key: "pipeline.jars", Type: c.OptString, Doc: "connectors and formats are built in"},
	{Key: "pipeline.classpaths", Type: c.OptString, Doc: "connectors and formats are built in"},
	{Key: "pipeline.closure-cleaner-level", Type: c.OptString, Doc: "it is for programs in Java"},
	{Key: "pipeline.generic-types", Type: c.OptString, Doc: "it is for programs in Java"},
	{Key: "pipeline.force-kryo", Type: c.OptString, Doc: "it is for programs in Java"},
	{Key: "pipeline.force-avro", Type: c.OptString, Doc: "it is for programs in Java"},
	{Key: "pipeline.serialization-config", Type: c.OptString, Doc: "it is for programs in Java"},
	{Key: "pipeline.global-job-parameters", Type: c.OptString, Doc: "it is for programs in Java"},
	{Key: "pipeline.auto-generate-uids", Type: c.OptString, Doc: "it is for programs in Java"},
	{Key: "pipeline.vertex-description-mode", Type: c.OptString, Doc: "it is for programs in Java"},
	{Key: "pipeline.vertex-name-include-index-prefix", Type: c.OptString, Doc: "it is for programs in Java"},
	{Key: "pipeline.cached-files", Type: c.OptString, Doc: "it is for programs in Java"},
	{Key: "table.sql-dialect", Type: c.OptEnum, Values: []string{"default"}, Doc: "there is one dialect"},
	{Key: "table.dynamic-table-options.enabled", Type: c.OptBool, Doc: "hints are always taken"},
	{Key: "table.plan.force-recompile", Type: c.OptBool, Doc: "tables and plans are made anew by each run"},
	{Key: "table.rtas-ctas.atomicity-enabled", Type: c.OptBool, Doc: "tables and plans are made anew by each run"},
	{Key: "table.plan.compile.catalog-objects", Type: c.OptString, Doc: "plans are made anew by each run"},
	{Key: "table.plan.restore.catalog-objects", Type: c.OptString, Doc: "plans are made anew by each run"},
	{Key: "table.resources.download-dir", Type: c.OptString, Doc: "plans are made anew by each run"},
	{Key: "table.display.max-column-width", Type: c.OptInt, Doc: "the shell makes columns as wide as their values"},
	{Key: "sql-client.execution.max-table-result.rows", Type: c.OptInt, Doc: "the shell keeps what the screen shows"},
	{Key: "taskmanager.numberOfTaskSlots", Type: c.OptInt, Doc: "a job has no slots: 'parallelism.default' says how many subtasks work"},
}

// Families are the beginnings of Flink's keys that speak of its cluster, its processes and what they are made of, and that weir takes in the same way.
var Families = []c.OptionSpec{
	{Key: "state.backend.rocksdb.", Type: c.OptString, Doc: "the store sets itself up by 'weir.memory'"},
	{Key: "state.backend.forst.", Type: c.OptString, Doc: "the store sets itself up by 'weir.memory'"},
	{Key: "state.changelog.", Type: c.OptString, Doc: "checkpoints are always incremental"},
	{Key: "state.latency-track.", Type: c.OptString, Doc: "EXPLAIN ANALYZE shows what operators take"},
	{Key: "execution.checkpointing.unaligned.", Type: c.OptString, Doc: "barriers are always aligned"},
	{Key: "execution.checkpointing.file-merging.", Type: c.OptString, Doc: "checkpoints have few files"},
	{Key: "execution.checkpointing.local-backup.", Type: c.OptString, Doc: "state is always kept on local disk"},
	{Key: "sql-client.display.", Type: c.OptString, Doc: "the shell has its own commands for what it shows: .help"},
	{Key: "taskmanager.", Type: c.OptString, Doc: "there is one process; 'weir.memory' is its budget"},
	{Key: "jobmanager.", Type: c.OptString, Doc: "there is one process; 'weir.memory' is its budget"},
	{Key: "cluster.", Type: c.OptString, Doc: "there is one process"},
	{Key: "high-availability.", Type: c.OptString, Doc: "there is one process"},
	{Key: "kubernetes.", Type: c.OptString, Doc: "there is one process"},
	{Key: "yarn.", Type: c.OptString, Doc: "there is one process"},
	{Key: "resourcemanager.", Type: c.OptString, Doc: "there is one process"},
	{Key: "slotmanager.", Type: c.OptString, Doc: "there is one process"},
	{Key: "rest.", Type: c.OptString, Doc: "there is one process"},
	{Key: "web.", Type: c.OptString, Doc: "there is one process"},
	{Key: "pekko.", Type: c.OptString, Doc: "there is one process"},
	{Key: "client.", Type: c.OptString, Doc: "there is one process"},
	{Key: "historyserver.", Type: c.OptString, Doc: "there is one process"},
	{Key: "metrics.", Type: c.OptString, Doc: "the status line and EXPLAIN ANALYZE show what a job does"},
	{Key: "env.", Type: c.OptString, Doc: "there is no Java"},
	{Key: "python.", Type: c.OptString, Doc: "there is no Python"},
}

// Renamed are keys of Flink's past with those of today, which are set in their place.
var Renamed = map[string]string{
	"state.checkpoints.dir":                   CheckpointDir,
	"state.checkpoints.num-retained":          CheckpointRetained,
	"restart-strategy":                        RestartStrategy,
	"table.exec.resource.default-parallelism": Parallelism,
}

// NoEffect is the declaration of a key that is taken and does nothing, nil for others. Its Doc says why.
func NoEffect(key string) *c.OptionSpec {
	for i := range Tuning {
		if Tuning[i].Key == key {
			return &Tuning[i]
		}
	}
	for _, f := range Families {
		if rest, ok := strings.CutPrefix(key, f.Key); ok && rest != "" {
			f.Key = key
			return &f
		}
	}
	return nil
}
