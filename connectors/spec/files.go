package spec

import (
	"path"
	"slices"
	"strings"

	"weir/parser/diag"
	c "weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/datetime"
	"weir/planner/types"
)

func filesystem() *c.ConnectorSpec {
	opts := []c.OptionSpec{
		required(opt("path", c.OptString, "", "File or directory to read, directory to write: a path, or file:///... Files that end in .gz, .deflate, .bz2, .xz or .zst are unpacked.", "file:///var/data/orders")),
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
		opt("partition.default-name", c.OptString, "__DEFAULT_PARTITION__", "Of a partitioned table: value in the name of the folder for rows whose partition column is NULL or an empty string.", "unknown"),
		enum("partition.time-extractor.kind", "default", "Of a partitioned table: how the time of a partition is told from its values; there is one way.", "default"),
		opt("partition.time-extractor.timestamp-pattern", c.OptString, "", "Time of a partition, with $column for its values; by default the first partition column.", "$dt $hour:00:00"),
		opt("partition.time-extractor.timestamp-formatter", c.OptString, "", "Form of that time in the letters of Java's DateTimeFormatter; by default yyyy-MM-dd HH:mm:ss or yyyy-MM-dd.", "yyyyMMdd HH"),
		enum("sink.partition-commit.trigger", "process-time", "When a partition is complete: some time after its first row, by the clock, or when the watermark has passed its time.", "process-time", "partition-time"),
		opt("sink.partition-commit.delay", c.OptDuration, "0 s", "How long after its time, or its first row, a partition is complete: '1 d' for partitions of days, '1 h' for those of hours.", "1 h"),
		opt("sink.partition-commit.watermark-time-zone", c.OptString, "UTC", "Zone of partition times, for a watermark on a TIMESTAMP_LTZ column.", "Europe/Paris"),
		opt("sink.partition-commit.policy.kind", c.OptString, "", "What is done with a complete partition: success-file puts an empty file into its folder. Without it nothing is done.", "success-file"),
		opt("sink.partition-commit.success-file.name", c.OptString, "_SUCCESS", "Name of that file.", "_DONE"),
		opt("partition.time-extractor.class", c.OptString, "", "A Java class; not supported.", "com.example.Extractor"),
		opt("sink.partition-commit.policy.class", c.OptString, "", "A Java class; not supported.", "com.example.Policy"),
		opt("sink.partition-commit.policy.class.parameters", c.OptString, "", "Of a Java class; not supported.", "a;b"),
		opt("sink.shuffle-by-partition.enable", c.OptBool, "false", "Accepted for compatibility, as Flink's filesystem does; it is for Hive tables.", "true"),
	}
	opts = append(append(append(opts, fullCacheOptions()...), searchOption()), sourceOptions()...)
	asAWhole := func(t *c.Table) bool {
		_, monitored := t.Options.Get("source.monitor-interval")
		return !monitored && byFormat(t) == c.InsertOnly
	}
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
		Lookup:  asAWhole, FullLookup: true, Search: asAWhole,
		Overwrite: true,
		FormatColumns: func(t *c.Table, _ string) []int {
			var out []int
			for _, i := range t.Physical() {
				if !slices.Contains(t.Partitions, t.Columns[i].Name) {
					out = append(out, i)
				}
			}
			return out
		},
		Check: checkFilesystem, SourceMode: byFormat, SinkMode: byFormat,
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
	k.refuse("weir runs no Java classes", "remove it", "partition.time-extractor.class", "sink.partition-commit.policy.class", "sink.partition-commit.policy.class.parameters")
	k.partitioned()
	k.sourceOptions()
	k.reload()
}

// partitionOptions begin the options that are for partitioned tables alone.
var partitionOptions = []string{"partition.", "sink.partition-commit.trigger", "sink.partition-commit.delay", "sink.partition-commit.watermark-time-zone"}

// partitioned checks the columns that a table is partitioned by, and the options that say what becomes of its partitions.
func (k *checker) partitioned() {
	t := k.t
	for _, name := range t.Partitions {
		i, what := physicalIndex(t, name)
		switch {
		case i < 0 && what != "":
			k.diags.Errorf(CodePartitioned, t.NameSpan, "table %s cannot be partitioned by %s: it is %s", t.Name, name, what).Help("make it a column that the query fills")
		case i >= 0 && !partitionType(t.Columns[i].Type):
			k.diags.Errorf(CodePartitioned, t.Columns[i].Span, "table %s cannot be partitioned by a column of type %s", t.Name, t.Columns[i].Type.WithNullable(true)).
				Help("use a STRING, a number, a DATE or a TIMESTAMP")
		}
	}
	if n := len(t.Physical()); n > 0 && n == len(t.Partitions) {
		k.diags.Errorf(CodePartitioned, t.NameSpan, "table %s is partitioned by all of its columns, and nothing is left for its files", t.Name)
	}
	for _, o := range t.Options {
		if len(t.Partitions) == 0 && slices.ContainsFunc(partitionOptions, func(p string) bool { return strings.HasPrefix(o.Key, p) }) && o.Key != "partition.time-extractor.class" {
			k.diags.Warnf(CodeOptionNoEffect, k.atKey(o.Key), "'%s' has no effect: the table has no PARTITIONED BY", o.Key)
		}
	}
	kind, trigger := "sink.partition-commit.policy.kind", "sink.partition-commit.trigger"
	for _, v := range strings.Split(k.get(kind), ",") {
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "", "success-file":
		case "metastore":
			k.diags.Errorf(CodeOptionRefused, k.at(kind), "'%s' = 'metastore' is for tables of Hive", kind).Help("write 'success-file'")
		case "custom":
			k.diags.Errorf(CodeOptionRefused, k.at(kind), "'%s' = 'custom' is not supported: weir runs no Java classes", kind).Help("write 'success-file'")
		default:
			k.diags.Errorf(CodeOptionValue, k.at(kind), "'%s' is no policy", strings.TrimSpace(v)).Help("write 'success-file'")
		}
	}
	if k.has(trigger) && !k.has(kind) && len(t.Partitions) > 0 {
		k.diags.Warnf(CodeOptionNoEffect, k.atKey(trigger), "'%s' has no effect: nothing is said to be done with a complete partition", trigger).
			Help("add '%s' = 'success-file'", kind)
	}
	if v := k.get("sink.partition-commit.watermark-time-zone"); v != "" {
		if _, err := config.ParseZone(v); err != nil {
			k.diags.Errorf(CodeOptionValue, k.at("sink.partition-commit.watermark-time-zone"), "%s", err)
		}
	}
	pattern, form := "partition.time-extractor.timestamp-pattern", "partition.time-extractor.timestamp-formatter"
	if v := k.get(form); v != "" {
		if _, err := datetime.CompilePattern(v); err != nil {
			k.diags.Errorf(CodeOptionValue, k.at(form), "%s", err)
		}
	}
	if v := k.get(pattern); v != "" && len(t.Partitions) > 0 && !slices.ContainsFunc(t.Partitions, func(p string) bool { return strings.Contains(v, "$"+p) }) {
		k.diags.Errorf(CodeOptionValue, k.at(pattern), "'%s' names no partition column", v).Help("the partition columns are $%s", strings.Join(t.Partitions, ", $"))
	}
}

// partitionType reports a type whose values can be the name of a folder.
func partitionType(t types.Type) bool {
	return t.IsString() || t.IsInteger() || t.IsApprox() || t.Kind == types.Boolean || t.Kind == types.Decimal || t.Kind == types.Date || t.Kind == types.Timestamp
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
