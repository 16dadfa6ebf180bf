package spec

import (
	"path"
	"strings"

	"weir/parser/diag"
	c "weir/planner/catalog"
	"weir/planner/types"
)

func filesystem() *c.ConnectorSpec {
	opts := []c.OptionSpec{
		required(opt("path", c.OptString, "", "File or directory to read, directory to write: a path, or file:///...", "file:///var/data/orders")),
		required(opt("format", c.OptString, "", "Format of the lines: json, csv, raw, debezium-json, ...", "json")),
		opt("source.monitor-interval", c.OptDuration, "", "How often to look for new files; without it the files that are there at the start are read and the source ends.", "10 s"),
		opt("source.path.regex-pattern", c.OptString, "", "Regular expression that the full path of a file must match to be read.", ".*/orders-\\d+\\.json"),
		opt("sink.rolling-policy.file-size", c.OptMemory, "128 mb", "A part file that has grown to this size is finished.", "64 mb"),
		opt("sink.rolling-policy.rollover-interval", c.OptDuration, "30 min", "A part file is open for at most so long.", "10 min"),
		opt("sink.rolling-policy.inactivity-interval", c.OptDuration, "30 min", "A part file without new rows for so long is finished.", "10 min"),
		opt("sink.rolling-policy.check-interval", c.OptDuration, "1 min", "Accepted for compatibility; the two intervals are checked with each checkpoint.", "30 s"),
		opt("sink.parallelism", c.OptInt, "", "Subtasks that write; by default those of the input.", "2"),
		enum("source.report-statistics", "ALL", "Accepted for compatibility; weir plans without statistics.", "NONE", "ALL"),
		opt("auto-compaction", c.OptBool, "false", "Merging of small files; not supported.", "true"),
		opt("compaction.file-size", c.OptMemory, "", "Merging of small files; not supported.", "128 mb"),
		opt("compaction.parallelism", c.OptInt, "", "Merging of small files; not supported.", "1"),
		opt("partition.default-name", c.OptString, "", "Partitioned tables; not supported.", "__NULL__"),
		{Key: "partition.", Prefix: true, Type: c.OptString, Doc: "Partitioned tables; not supported.", Example: "process-time"},
		{Key: "sink.partition-commit.", Prefix: true, Type: c.OptString, Doc: "Partitioned tables; not supported.", Example: "process-time"},
		opt("sink.shuffle-by-partition.enable", c.OptBool, "false", "Partitioned tables; not supported.", "true"),
	}
	opts = append(append(opts, fullCacheOptions()...), sourceOptions()...)
	return &c.ConnectorSpec{
		Name: "filesystem", Doc: "Reads and writes files of lines in a directory; written files appear, whole, with the checkpoint.",
		Source: true, Sink: true, Options: opts,
		Metadata: []c.MetadataSpec{
			{Key: "file.path", Type: types.TString.NotNull(), Doc: "Full path of the file."},
			{Key: "file.name", Type: types.TString.NotNull(), Doc: "Name of the file, without its directory."},
			{Key: "file.size", Type: types.TBigInt.NotNull(), Doc: "Bytes of the file."},
			{Key: "file.modification-time", Type: types.MakeTimestampLTZ(3).NotNull(), Doc: "When the file was last changed."},
		},
		Formats: map[string]string{"format": ""},
		Lookup: func(t *c.Table) bool {
			_, monitored := t.Options.Get("source.monitor-interval")
			return !monitored && byFormat(t) == c.InsertOnly
		},
		FullLookup: true,
		Check:      checkFilesystem, SourceMode: byFormat, SinkMode: byFormat,
		Bounded:       func(t *c.Table) bool { _, ok := t.Options.Get("source.monitor-interval"); return !ok },
		Transactional: notTransactional,
	}
}

func checkFilesystem(t *c.Table, use c.Use, _ func(string) string, diags *diag.List) {
	k := &checker{t, diags}
	if use != c.UseDefine {
		return
	}
	k.notEmpty("path")
	if v := k.get("path"); v != "" {
		if _, err := LocalPath(v); err != "" {
			k.diags.Errorf(CodeOptionRefused, k.at("path"), "%s", err).
				Help("use a path of this machine: 'path' = 'file:///var/data/%s'", t.Name)
		}
	}
	if v := k.get("source.path.regex-pattern"); v != "" {
		if _, err := JavaPattern(v); err != nil {
			k.diags.Errorf(CodeOptionValue, k.at("source.path.regex-pattern"), "%s", err).Help("write the pattern without them")
		}
	}
	k.positive("sink.parallelism")
	for _, o := range []struct{ key, why string }{
		{"sink.rolling-policy.check-interval", "the age of part files is checked with each checkpoint"},
		{"source.report-statistics", "weir plans without statistics"},
	} {
		if k.has(o.key) {
			k.diags.Warnf(CodeOptionNoEffect, k.atKey(o.key), "'%s' has no effect: %s", o.key, o.why)
		}
	}
	if strings.EqualFold(k.get("auto-compaction"), "true") {
		k.refuse("small files are not merged", "raise 'sink.rolling-policy.file-size' and the checkpoint interval instead", "auto-compaction")
	}
	k.refuse("small files are not merged", "remove it", "compaction.file-size", "compaction.parallelism")
	for _, o := range t.Options {
		if strings.HasPrefix(o.Key, "partition.") || strings.HasPrefix(o.Key, "sink.partition-commit.") || o.Key == "sink.shuffle-by-partition.enable" {
			k.refuse("partitioned tables are not supported yet", "remove it", o.Key)
		}
	}
	k.noPartitions()
	k.sourceOptions()
	k.reload()
	if byFormat(t) == c.InsertOnly {
		k.noPrimaryKey("connector 'filesystem' appends rows and cannot replace the row of a key", "remove the PRIMARY KEY, or use a changelog format")
	}
}

// LocalPath is the path that the option 'path' names on this machine; the second result says
// why it names none.
func LocalPath(v string) (p, refusal string) {
	scheme, rest, ok := strings.Cut(v, ":")
	if !ok || strings.Contains(scheme, "/") {
		return path.Clean(v), ""
	}
	if !strings.EqualFold(scheme, "file") {
		return "", "'path' = '" + v + "': the file system '" + scheme + "' is not supported"
	}
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		i := strings.IndexByte(after, '/')
		if i < 0 || i > 0 && after[:i] != "localhost" {
			return "", "'path' = '" + v + "' names another machine; a local path has three slashes: file:///..."
		}
		rest = after[i:]
	}
	if rest == "" {
		return "", "'path' = '" + v + "' has no path"
	}
	return path.Clean(rest), ""
}

func print() *c.ConnectorSpec {
	return &c.ConnectorSpec{
		Name: "print", Doc: "Writes every change to standard output, one line each: +I[1, Hi].", Sink: true,
		Options: []c.OptionSpec{
			opt("print-identifier", c.OptString, "", "Put in front of every line, with '>'.", "debug"),
			opt("standard-error", c.OptBool, "false", "Write to standard error instead of standard output.", "true"),
			opt("sink.parallelism", c.OptInt, "", "Subtasks that write; by default those of the input.", "1"),
		},
		Check:      checkSimpleSink,
		SourceMode: retract, SinkMode: retract, Bounded: never, Transactional: notTransactional,
	}
}

func blackhole() *c.ConnectorSpec {
	return &c.ConnectorSpec{
		Name: "blackhole", Doc: "Takes every row and forgets it.", Sink: true,
		Options: []c.OptionSpec{
			opt("property-version", c.OptInt, "1", "Accepted for compatibility.", "1"),
		},
		Check:      checkSimpleSink,
		SourceMode: retract, SinkMode: retract, Bounded: never, Transactional: notTransactional,
	}
}

func checkSimpleSink(t *c.Table, use c.Use, _ func(string) string, diags *diag.List) {
	k := &checker{t, diags}
	if use == c.UseDefine {
		k.positive("sink.parallelism")
		k.noPartitions()
	}
}
