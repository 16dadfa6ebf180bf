package spec

import (
	"strconv"
	"strings"

	"weir/connectors/spec/jdbcurl"
	"weir/parser/diag"
	c "weir/planner/catalog"
	"weir/planner/types"
)

func jdbc() *c.ConnectorSpec {
	secret := func(o c.OptionSpec) c.OptionSpec { o.Secret = true; return o }
	opts := []c.OptionSpec{
		required(opt("url", c.OptString, "", "The database: jdbc:postgresql://host:port/database, jdbc:mysql://host:port/database or jdbc:sqlite:path.", "jdbc:postgresql://localhost:5432/shop")),
		required(opt("table-name", c.OptString, "", "Table or view of the database, with its schema where that is not the usual one.", "customers")),
		opt("username", c.OptString, "", "User of the database.", "weir"),
		secret(opt("password", c.OptString, "", "Password of the user.", "${SHOP_PASSWORD}")),
		opt("driver", c.OptString, "", "Accepted for compatibility; the driver follows from the url.", "org.postgresql.Driver"),
		opt("compatible-mode", c.OptString, "", "Accepted for compatibility.", "MySQL"),
		opt("connection.max-retry-timeout", c.OptDuration, "60 s", "How long a connection is tried for.", "30 s"),
		opt("scan.partition.column", c.OptString, "", "Column of whole numbers by whose ranges the table is read, several at a time; needs the three other options.", "id"),
		opt("scan.partition.num", c.OptInt, "", "Number of the ranges.", "4"),
		opt("scan.partition.lower-bound", c.OptLong, "", "Least value of the column that is read.", "1"),
		opt("scan.partition.upper-bound", c.OptLong, "", "Greatest value of the column that is read.", "1000000"),
		opt("scan.fetch-size", c.OptInt, "0", "Accepted for compatibility; rows are fetched as they are needed.", "1000"),
		opt("scan.auto-commit", c.OptBool, "true", "Accepted for compatibility.", "false"),
		opt("lookup.max-retries", c.OptInt, "3", "How often a request of a lookup join is made again when the database does not answer it.", "5"),
		opt("lookup.cache.max-rows", c.OptLong, "", "Former name of 'lookup.partial-cache.max-rows'; it switches 'lookup.cache' = 'PARTIAL' on.", "10000"),
		opt("lookup.cache.ttl", c.OptDuration, "", "Former name of 'lookup.partial-cache.expire-after-write'; it switches 'lookup.cache' = 'PARTIAL' on.", "10 min"),
		opt("lookup.cache.caching-missing-key", c.OptBool, "true", "Former name of 'lookup.partial-cache.cache-missing-key'.", "false"),
		opt("sink.buffer-flush.max-rows", c.OptInt, "100", "Rows are written when so many are gathered; 0: with the interval and the checkpoint. Of a table with a PRIMARY KEY the last row of each key counts.", "1000"),
		opt("sink.buffer-flush.interval", c.OptDuration, "1 s", "Rows are written when they have waited for so long; 0: when there are enough, and with the checkpoint.", "500 ms"),
		opt("sink.max-retries", c.OptInt, "3", "How often rows are written again when the database does not take them.", "5"),
		opt("sink.parallelism", c.OptInt, "", "Subtasks that write; by default those of the input.", "2"),
		enum("sink.delivery-guarantee", "at-least-once", "What is promised of written rows when the job fails. Exactly-once is an option of weir's own: rows are written in one transaction with each checkpoint, and the table weir_epochs of the database says which.", "at-least-once", "exactly-once"),
		opt("sink.transactional-id-prefix", c.OptString, "", "Names the job in the table weir_epochs; required for exactly-once; unique for each job, the same after a restart.", "billing-"),
	}
	opts = append(append(opts, lookupOptions()...), sourceOptions()...)
	return &c.ConnectorSpec{
		Name: "jdbc", Doc: "Looks rows up in a table of PostgreSQL, MySQL or SQLite, reads it from its beginning to its end, and writes it: with a PRIMARY KEY rows replace one another, without one they are added.",
		Source: true, Sink: true, Options: opts,
		Lookup: func(*c.Table) bool { return true },
		Check:  checkJDBC, SourceMode: insertOnly,
		SinkMode: func(t *c.Table) c.ChangeMode {
			if len(t.PrimaryKey) > 0 {
				return c.Upsert
			}
			return c.InsertOnly
		},
		Bounded:       func(*c.Table) bool { return true },
		Transactional: func(t *c.Table) (bool, string) { return JDBCExactlyOnce(t), JDBCDatabase(t) },
	}
}

func checkJDBC(t *c.Table, use c.Use, _ func(string) string, diags *diag.List) {
	if use != c.UseDefine {
		return
	}
	k := &checker{t, diags}
	k.notEmpty("url", "table-name")
	k.noPartitions()
	k.sourceOptions()
	k.lookupOptions()
	if v := k.get("url"); v != "" {
		if _, err := jdbcurl.Parse(v); err != nil {
			k.diags.Errorf(CodeOptionValue, k.at("url"), "%s", err).
				Help("write 'jdbc:postgresql://host:5432/database', 'jdbc:mysql://host:3306/database' or 'jdbc:sqlite:/path/to/file.db'")
		}
	}
	for _, o := range []struct{ old, is string }{{"lookup.cache.max-rows", "lookup.partial-cache.max-rows"}, {"lookup.cache.ttl", "lookup.partial-cache.expire-after-write"},
		{"lookup.cache.caching-missing-key", "lookup.partial-cache.cache-missing-key"}} {
		if k.has(o.old) {
			d := k.diags.Warnf(CodeOptionNoEffect, k.atKey(o.old), "'%s' is a former name", o.old)
			d.Severity = diag.Note
			d.Help("write 'lookup.cache' = 'PARTIAL' and '%s'", o.is)
		}
	}
	for _, o := range []string{"driver", "compatible-mode", "scan.fetch-size", "scan.auto-commit"} {
		if k.has(o) {
			k.diags.Warnf(CodeOptionNoEffect, k.atKey(o), "'%s' has no effect: %s", o, map[bool]string{true: "the driver follows from the url", false: "rows are fetched as they are needed"}[o == "driver" || o == "compatible-mode"]).Severity = diag.Note
		}
	}
	k.positive("scan.partition.num", "sink.parallelism")
	k.jdbcSink()
	k.partitionedScan()
	for _, i := range t.Physical() {
		col := &t.Columns[i]
		if col.Type.Nested != nil || col.Type.Kind == types.Variant || col.Type.Kind == types.IntervalDaySecond || col.Type.Kind == types.IntervalYearMonth {
			k.diags.Errorf(CodeFormatColumn, col.Span, "column %s is %s, which connector 'jdbc' neither reads nor writes", col.Name, col.Type.WithNullable(true)).
				Help("declare it STRING, or leave the column out of the table")
		}
	}
}

// JDBCExactlyOnce reports a table that is written in transactions with a marker.
func JDBCExactlyOnce(t *c.Table) bool {
	v, _ := t.Options.Get("sink.delivery-guarantee")
	return strings.EqualFold(v, "exactly-once")
}

// JDBCDatabase names the database of t, the same for all its tables; empty when the url names none.
func JDBCDatabase(t *c.Table) string {
	v, _ := t.Options.Get("url")
	u, err := jdbcurl.Parse(v)
	if err != nil {
		return ""
	}
	return "jdbc:" + u.Kind + ":" + strings.ToLower(u.Host) + "/" + u.Database
}

// jdbcSink checks the options of writing.
func (k *checker) jdbcSink() {
	prefix := "sink.transactional-id-prefix"
	switch {
	case JDBCExactlyOnce(k.t) && !k.has(prefix):
		k.diags.Errorf(CodeDelivery, k.at("sink.delivery-guarantee"), "exactly-once needs '%s'", prefix).
			At("it names the job in the table weir_epochs of the database").Help("add '%s' = '%s-'", prefix, k.t.Name)
	case k.has(prefix) && !JDBCExactlyOnce(k.t):
		k.diags.Warnf(CodeOptionNoEffect, k.atKey(prefix), "'%s' has no effect: %s is not written exactly once", prefix, k.t.Name).
			Help("add 'sink.delivery-guarantee' = 'exactly-once'")
	case JDBCExactlyOnce(k.t):
		for _, o := range []string{"sink.buffer-flush.interval", "sink.max-retries"} {
			if k.has(o) {
				d := k.diags.Warnf(CodeOptionNoEffect, k.atKey(o), "'%s' has no effect: an epoch is one transaction, which is made again as a whole", o)
				d.Severity = diag.Note
			}
		}
	}
	if p := k.get(prefix); len(p) > 255 {
		k.diags.Errorf(CodeOptionValue, k.at(prefix), "'%s' is longer than 255 bytes", prefix)
	}
	for _, o := range []string{"sink.buffer-flush.max-rows", "sink.max-retries"} {
		if n, err := strconv.Atoi(strings.TrimSpace(k.getOr(o, "0"))); err == nil && n < 0 {
			k.diags.Errorf(CodeOptionValue, k.at(o), "option '%s' must not be negative, found '%d'", o, n)
		}
	}
}

// partitionedScan checks the four options of a scan in ranges.
func (k *checker) partitionedScan() {
	all := []string{"scan.partition.column", "scan.partition.num", "scan.partition.lower-bound", "scan.partition.upper-bound"}
	var given, missing []string
	for _, o := range all {
		if k.has(o) {
			given = append(given, o)
		} else {
			missing = append(missing, o)
		}
	}
	if len(given) == 0 {
		return
	}
	if len(missing) > 0 {
		k.diags.Errorf(CodeOptionCombination, k.atKey(given[0]), "'%s' needs '%s'", given[0], strings.Join(missing, "' and '")).Help("add them, or remove '%s'", given[0])
		return
	}
	name := k.get(all[0])
	i, _ := physicalIndex(k.t, name)
	if i < 0 || !k.t.Columns[i].Type.IsInteger() {
		d := k.diags.Errorf(CodeOptionValue, k.at(all[0]), "'%s' is no column of whole numbers of table %s", name, k.t.Name)
		if s, ok := diag.Suggest(name, physicalNames(k.t)); ok && s != name {
			d.Help("did you mean '%s'?", s)
		}
	}
}
