package lint

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/logical"
)

// deliveryRules are about topics, transactions, checkpoints, and what they promise together.
var deliveryRules = []Rule{
	{Code: "SQ7301", Name: "two-sinks-one-topic", Sound: true, run: twoSinks},
	{Code: "SQ7302", Name: "shared-transactional-prefix", Sound: true, run: sharedPrefix},
	{Code: "SQ7303", Name: "reads-what-it-writes", Sound: true, run: topicLoop},
	{Code: "SQ7304", Name: "mixed-guarantees", Sound: true, run: mixedGuarantees},
	{Code: "SQ7305", Name: "exactly-once-up-to-the-sink", Sound: true, run: onlyUpToSink},
	{Code: "SQ7306", Name: "group-offsets-without-reset", run: groupWithoutReset},
	{Code: "SQ7307", Name: "parallelism-over-partitions", run: parallelismOverPartitions},
	{Code: "SQ7308", Name: "key-not-in-message-key", run: messageKey},
	{Code: "SQ7309", Name: "password-in-the-file", run: plainPassword},
	{Code: "SQ7310", Name: "bad-records-are-dropped", Note: true, run: droppedRecords},
	{Code: "SQ7311", Name: "duration-without-unit", run: durationWithoutUnit},
	{Code: "SQ7312", Name: "no-checkpoints", Sound: true, run: noCheckpoints},
	{Code: "SQ7313", Name: "set-without-effect", Sound: true, run: setWithoutEffect},
	{Code: "SQ7314", Name: "reads-nothing", run: readsNothing},
	{Code: "SQ7315", Name: "max-parallelism-exceeded", run: maxParallelism},
	{Code: "SQ7316", Name: "checkpoints-are-deleted", Pedantic: true, run: checkpointsDeleted},
	{Code: "SQ7317", Name: "starts-at-the-end", Pedantic: true, run: startsAtEnd},
	{Code: "SQ7318", Name: "job-without-name", Pedantic: true, run: unnamedJob},
	{Code: "SQ7319", Name: "checkpoints-in-tmp", Pedantic: true, run: checkpointsInTmp},
}

// servers is a table's brokers in a form that can be compared.
func servers(t *catalog.Table) string {
	return strings.ToLower(strings.Join(strings.Fields(option(t, "properties.bootstrap.servers")), ""))
}

func exactlyOnce(t *catalog.Table) bool {
	v := option(t, "sink.delivery-guarantee")
	if v == "" {
		v = strings.ReplaceAll(option(t, "sink.semantic"), "_", "-")
	}
	return strings.EqualFold(v, "exactly-once")
}

// sinks calls f for every table that a job writes, once a job.
func (p *pass) sinks(f func(job int, in *planner.BoundInsert)) {
	for n, j := range p.Jobs {
		seen := map[*catalog.Table]bool{}
		for _, in := range j.Inserts {
			if in.Table != nil && !seen[in.Table] {
				seen[in.Table] = true
				f(n, in)
			}
		}
	}
}

func twoSinks(p *pass) {
	type topic struct{ servers, name string }
	first := map[topic]*catalog.Table{}
	p.sinks(func(_ int, in *planner.BoundInsert) {
		t := in.Table
		if !isKafka(t) || option(t, "topic") == "" || len(list(option(t, "topic"))) > 1 {
			return
		}
		k := topic{servers(t), option(t, "topic")}
		switch o := first[k]; {
		case o == nil:
			first[k] = t
		case o.Name != t.Name:
			p.report(optionAt(t, "topic"), "%s and %s write to one topic", o.Name, t.Name).Label(optionAt(o, "topic"), "the other one").
				At("readers get the rows of both, in no order").Help("give each its own topic, or write both by one table")
		}
	})
}

func sharedPrefix(p *pass) {
	type use struct {
		t   *catalog.Table
		job int
		at  diag.Span
	}
	first := map[string]use{}
	p.sinks(func(job int, in *planner.BoundInsert) {
		t := in.Table
		prefix := option(t, "sink.transactional-id-prefix")
		if !isKafka(t) || prefix == "" || !exactlyOnce(t) {
			return
		}
		k := servers(t) + " " + prefix
		o, taken := first[k]
		switch {
		case !taken:
			first[k] = use{t, job, in.Stmt.Table.Sp}
		case o.job != job && o.t.Name == t.Name:
			p.report(in.Stmt.Table.Sp, "two jobs write %s with one transactional id", t.Name).Label(o.at, "the other job").
				At("each stops the other one as an older instance of itself").Help("put both INSERTs into EXECUTE STATEMENT SET BEGIN ... END")
		case o.job != job:
			p.report(optionAt(t, "sink.transactional-id-prefix"), "two jobs have one transactional id").Label(optionAt(o.t, "sink.transactional-id-prefix"), "the other one").
				At("each stops the other one as an older instance of itself").Help("give each its own prefix, such as '%s-'", t.Name)
		case o.t.Name != t.Name:
			p.report(optionAt(t, "sink.transactional-id-prefix"), "two sinks share the prefix '%s'", prefix).Label(optionAt(o.t, "sink.transactional-id-prefix"), "the other one").
				At("Flink would let them abort each other's transactions").Help("give each its own prefix, such as '%s%s-'", prefix, t.Name)
		}
	})
}

// readTables is the tables that an insert's query reads, as far as it was bound, or its text names them.
func (p *pass) readTables(in *planner.BoundInsert) (out []*catalog.Table) {
	add := func(t *catalog.Table) {
		if t != nil {
			out = append(out, t)
		}
	}
	if in.Query != nil {
		walk(in.Query, func(n logical.Node) {
			if s, ok := n.(*logical.Scan); ok {
				add(s.Table)
			}
		})
		return out
	}
	within(ast.Node(in.Stmt.Query), func(t *ast.TableName, _ []ast.Node) { add(p.baseTable(t.Name.Last().Name, 0)) })
	return out
}

func topicLoop(p *pass) {
	for _, j := range p.Jobs {
		for _, in := range j.Inserts {
			w := in.Table
			if w == nil || !isKafka(w) {
				continue
			}
			for _, r := range p.readTables(in) {
				if !isKafka(r) || servers(r) != servers(w) {
					continue
				}
				for _, topic := range list(option(r, "topic")) {
					if topic != option(w, "topic") {
						continue
					}
					p.report(in.Stmt.Table.Sp, "this job writes to the topic that it reads").Label(optionAt(r, "topic"), "%s reads %s", r.Name, topic).
						At("its own rows come back to it").Help("write to another topic")
					return
				}
			}
		}
	}
}

// mixedGuarantees reports a sink that may write twice beside one that must not. A database's table with a key is the same in the end.
func mixedGuarantees(p *pass) {
	var exact *catalog.Table
	p.sinks(func(_ int, in *planner.BoundInsert) {
		if (isKafka(in.Table) || in.Table.Connector == "jdbc") && exactlyOnce(in.Table) && exact == nil {
			exact = in.Table
		}
	})
	if exact == nil {
		return
	}
	p.sinks(func(_ int, in *planner.BoundInsert) {
		t := in.Table
		database := t.Connector == "jdbc" && len(t.PrimaryKey) == 0
		if t.Connector != "kafka" && !database || exactlyOnce(t) {
			return
		}
		d := p.report(optionAt(t, "sink.delivery-guarantee", "sink.semantic"), "%s may get rows twice, beside %s which is written exactly once", t.Name, exact.Name).
			Label(optionAt(exact, "sink.delivery-guarantee", "sink.semantic"), "this one cannot")
		if database {
			d.Help("declare a PRIMARY KEY for %s: rows that are written again then change nothing", t.Name)
		}
		if (t.Connector == "kafka") == isKafka(exact) {
			d.Help("add 'sink.delivery-guarantee' = 'exactly-once' and a 'sink.transactional-id-prefix' to %s", t.Name)
		}
	})
}

// onlyUpToSink reports the mode EXACTLY_ONCE, which is about state, over a sink that may get rows twice.
func onlyUpToSink(p *pass) {
	each(p, func(set *ast.Set, _ []ast.Node) {
		if set.KV == nil || set.KV.Key.Value != config.CheckpointMode || !strings.EqualFold(set.KV.Value.Value, "EXACTLY_ONCE") {
			return
		}
		exact := false
		var loose *catalog.Table
		p.sinks(func(_ int, in *planner.BoundInsert) {
			exact = exact || exactlyOnce(in.Table)
			if in.Table.Connector == "kafka" && !exactlyOnce(in.Table) && loose == nil {
				loose = in.Table
			}
		})
		if loose != nil && !exact {
			p.report(optionAt(loose, "sink.delivery-guarantee", "sink.semantic"), "%s may get rows twice", loose.Name).
				Label(set.KV.Value.Sp, "this is about state only").At("the guarantee of a sink is its own").
				Help("add 'sink.delivery-guarantee' = 'exactly-once' and a 'sink.transactional-id-prefix'")
		}
	})
}

func groupWithoutReset(p *pass) {
	for _, t := range p.Tables {
		mode := option(t, "scan.startup.mode")
		if t.Connector != "kafka" || mode != "" && mode != "group-offsets" || option(t, "properties.group.id") == "" ||
			option(t, "properties.auto.offset.reset") != "" || !p.isRead(t) {
			continue
		}
		p.report(optionAt(t, "scan.startup.mode", "properties.group.id"), "where does %s start when its group has read nothing yet?", t.Name).
			At("the first start finds no offsets of this group").
			Help("add 'properties.auto.offset.reset' = 'earliest', or start with 'scan.startup.mode' = 'earliest-offset'")
	}
}

func parallelismOverPartitions(p *pass) {
	for _, t := range p.Tables {
		if !isKafka(t) || !p.isRead(t) {
			continue
		}
		parts, ok := strings.Count(option(t, "scan.startup.specific-offsets"), "partition:"), true
		where := optionAt(t, "scan.startup.specific-offsets")
		if topics := list(option(t, "topic")); parts == 0 {
			if ok = p.opts.Partitions != nil && len(topics) == 1; ok {
				parts, ok = p.opts.Partitions(option(t, "properties.bootstrap.servers"), topics[0])
				where = optionAt(t, "topic")
			}
		}
		if !ok || parts == 0 {
			continue
		}
		n, at := 0, diag.Span{}
		if v := option(t, "scan.parallelism"); v != "" {
			fmt.Sscan(v, &n)
			at = optionAt(t, "scan.parallelism")
		} else if len(p.Jobs) > 0 {
			n = p.Jobs[0].Config.Int(config.Parallelism)
			if set := p.setAt(config.Parallelism, p.Jobs[0].Span); set != nil {
				at = set.KV.Value.Sp
			}
		}
		if n > parts && !at.IsZero() {
			p.report(at, "%d subtasks read %d partitions of %s", n, parts, t.Name).Label(where, "the partitions").
				At("the others have nothing to do").Help("lower it to %d, or add partitions to the topic", parts)
		}
	}
}

// messageKey holds the key of the records of a kafka table against the key of the rows that are written to it.
func messageKey(p *pass) {
	for _, j := range p.Jobs {
		for _, in := range j.Inserts {
			if in.Query == nil || in.Table.Connector != "kafka" {
				continue
			}
			a, at, ok := keysOf(in.Query)
			if !ok || len(a.Keys) == 0 {
				continue
			}
			win := map[int]bool{}
			if w := a.Input.Windows(); w != nil && a.Windowed {
				for i, k := range a.Keys {
					win[i] = k == w.Start || k == w.End || k == w.Time
				}
			}
			fields := list(option(in.Table, "key.fields"))
			if len(fields) == 0 {
				continue
			}
			keyed, foreign := false, ""
			for i, c := range targets(in.Stmt, in.Table) {
				if !contains(fields, c.Name) || i >= len(at) {
					continue
				}
				// The insert's own columns are in the table's order; those of a column list are told by their name.
				pos := i
				if in.Stmt.Columns != nil {
					pos = position(in.Query, c.Name)
				}
				switch k := at[pos]; {
				case k >= len(a.Keys):
					foreign = c.Name
				case k >= 0 && !win[k], k == -2:
					keyed = true
				}
			}
			real := 0
			for i := range a.Keys {
				if !win[i] {
					real++
				}
			}
			switch place := optionAt(in.Table, "key.fields"); {
			case real == 0:
			case foreign != "":
				p.report(place, "%s in the key of the records is no key of the query", foreign).Label(a.Sp, "the query's key").
					At("rows of one key go to different partitions").Help("make 'key.fields' of the columns that the query groups by")
			case !keyed:
				p.report(place, "no key of the query is in the key of the records").Label(a.Sp, "the query's key").
					At("rows of one key may go to different partitions").Help("add one of them to 'key.fields'")
			}
		}
	}
}

func position(n logical.Node, name string) int {
	for i, c := range n.Cols() {
		if c.Name == name {
			return i
		}
	}
	return 0
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

var (
	secretKey  = regexp.MustCompile(`(?i)(password|secret|passphrase|api[._-]?key|token)$`)
	jaasSecret = regexp.MustCompile(`(?i)password\s*=\s*["']([^"']*)`)
)

func plainPassword(p *pass) {
	each(p, func(st *ast.Property, above []ast.Node) {
		if _, isSet := nearest[*ast.Set](above); isSet || st.Key == nil || st.Value == nil {
			return
		}
		v := st.Value.Value
		secret := secretKey.MatchString(st.Key.Value) && v != ""
		if m := jaasSecret.FindStringSubmatch(v); m != nil {
			secret, v = true, m[1]
		}
		if secret && !strings.Contains(v, "${") {
			p.report(st.Value.Sp, "a secret is written in the file").At("whoever can read the job can read it").
				Help("take it from the environment: '${KAFKA_PASSWORD}'")
		}
	})
}

func droppedRecords(p *pass) {
	for _, t := range p.Tables {
		for _, o := range t.Options {
			if strings.HasSuffix(o.Key, ".ignore-parse-errors") && strings.EqualFold(o.Value, "true") && p.isRead(t) && !o.KeySpan.IsZero() {
				p.report(o.KeySpan.To(o.ValueSpan), "records of %s that cannot be read are dropped without a word", t.Name).
					Help("leave it out, and a bad record stops the job with its offset")
			}
		}
	}
}

var bareNumber = regexp.MustCompile(`^\s*\d+\s*$`)

// durationWithoutUnit reports '5' where a duration is due: five milliseconds. From a thousand on people mean them.
func durationWithoutUnit(p *pass) {
	look := func(spec *catalog.OptionSpec, v *ast.StringLit) {
		if spec == nil || spec.Type != catalog.OptDuration || !bareNumber.MatchString(v.Value) {
			return
		}
		d, err := config.ParseDuration(v.Value)
		if err != nil || d == 0 || d >= time.Second {
			return
		}
		p.report(v.Sp, "'%s' means %s milliseconds", v.Value, strings.TrimSpace(v.Value)).At("a duration without a unit").
			Help("write '%s s', or '%s ms' if that is meant", strings.TrimSpace(v.Value), strings.TrimSpace(v.Value))
	}
	each(p, func(set *ast.Set, _ []ast.Node) {
		if set.KV != nil {
			look(config.Lookup(set.KV.Key.Value), set.KV.Value)
		}
	})
	each(p, func(st *ast.CreateTable, _ []ast.Node) {
		for _, o := range st.Options {
			switch o.Key.Value {
			case catalog.IdleTimeout, catalog.AlignmentDrift, catalog.AlignmentInterval, "sink.buffer-flush.interval", "scan.topic-partition-discovery.interval", "sink.rolling-policy.rollover-interval",
				"sink.rolling-policy.inactivity-interval", "sink.rolling-policy.check-interval", "source.monitor-interval":
				look(&catalog.OptionSpec{Key: o.Key.Value, Type: catalog.OptDuration}, o.Value)
			}
		}
	})
}

// noCheckpoints reports a job that loses something for want of checkpoints: its state, or files that are never
// finished.
func noCheckpoints(p *pass) {
	for _, j := range p.Jobs {
		if j.Config.Duration(config.CheckpointInterval) > 0 {
			continue
		}
		for _, in := range j.Inserts {
			if in.Query == nil || bounded(in.Query) {
				continue
			}
			const help = "SET 'execution.checkpointing.interval' = '5 s'"
			if in.Table.Connector == "filesystem" {
				p.report(in.Stmt.Table.Sp, "the files of %s are never finished", in.Table.Name).At("a file is finished with a checkpoint, and there are none").Help(help)
				break
			}
			if !isKafka(in.Table) {
				continue
			}
			var agg logical.Node
			walk(in.Query, func(n logical.Node) {
				if a, ok := n.(*logical.Aggregate); ok {
					agg = a
				}
			})
			if agg != nil {
				p.report(agg.Span(), "what this job has counted is lost when it is restarted").At("state is saved with checkpoints, and there are none").Help(help)
				break
			}
		}
	}
}

// setWithoutEffect reports a SET that no job runs with.
func setWithoutEffect(p *pass) {
	if len(p.Jobs)+len(p.Selects) == 0 {
		return
	}
	for _, s := range p.Scripts {
		if s != p.Scripts[len(p.Scripts)-1] && !hasJob(s.Statements) {
			continue
		}
		open := map[string]*ast.Set{}
		for i, st := range s.Statements {
			set, ok := st.(*ast.Set)
			if !ok || set.KV == nil {
				if hasJob(s.Statements[i : i+1]) {
					open = map[string]*ast.Set{}
				}
				continue
			}
			key := set.KV.Key.Value
			if s == p.Scripts[len(p.Scripts)-1] && !hasJob(s.Statements[i:]) {
				p.report(set.Sp, "this SET comes after the last statement that it could matter to").Help("move it to the top of the file")
				continue
			}
			if before := open[key]; before != nil {
				p.report(before.Sp, "'%s' is set twice", key).Label(set.Sp, "this one counts").Help("remove one of them")
			}
			open[key] = set
		}
	}
}

func hasJob(sts []ast.Statement) bool {
	for _, st := range sts {
		switch st := st.(type) {
		case *ast.Insert, *ast.StatementSet, *ast.Select, *ast.Explain:
			return true
		case *ast.CreateTable:
			if st.As != nil {
				return true
			}
		}
	}
	return false
}

func readsNothing(p *pass) {
	for _, t := range p.Tables {
		if isKafka(t) && option(t, "scan.startup.mode") == "latest-offset" && option(t, "scan.bounded.mode") == "latest-offset" && p.isRead(t) {
			p.report(optionAt(t, "scan.startup.mode"), "%s reads nothing", t.Name).At("it starts at the end").
				Label(optionAt(t, "scan.bounded.mode"), "and stops there").Help("start with 'earliest-offset'")
		}
	}
}

func maxParallelism(p *pass) {
	for _, j := range p.Jobs {
		n, most := j.Config.Int(config.Parallelism), j.Config.Int(config.MaxParallelism)
		if n <= most || most <= 0 {
			continue
		}
		at := j.Span
		if set := p.setAt(config.Parallelism, j.Span); set != nil {
			at = set.KV.Value.Sp
		}
		p.report(at, "'%s' is more than '%s'", config.Parallelism, config.MaxParallelism).At("state is spread over %d subtasks at most", most).
			Help("SET '%s' = '%d' before the first start", config.MaxParallelism, n)
	}
}

func checkpointsDeleted(p *pass) {
	for _, j := range p.Jobs {
		set := p.setAt(config.CheckpointDir, j.Span)
		if set != nil && j.Config.String(config.CheckpointRetention) != "RETAIN_ON_CANCELLATION" {
			p.report(set.Sp, "checkpoints are deleted when the job is cancelled").Help("SET '%s' = 'RETAIN_ON_CANCELLATION'", config.CheckpointRetention)
		}
	}
}

func startsAtEnd(p *pass) {
	for _, t := range p.Tables {
		if isKafka(t) && option(t, "scan.startup.mode") == "latest-offset" && p.isRead(t) {
			p.report(optionAt(t, "scan.startup.mode"), "%s does not see what was in its topic before the first start", t.Name).Help("start with 'earliest-offset' if that matters")
		}
	}
}

func unnamedJob(p *pass) {
	for _, j := range p.Jobs {
		if j.Config.String(config.PipelineName) == "" && len(j.Inserts) > 0 {
			p.report(j.Inserts[0].Stmt.Table.Sp, "this job has no name of its own").At("its state is found by the name of its sink").
				Help("SET '%s' = '...'", config.PipelineName)
		}
	}
}

func checkpointsInTmp(p *pass) {
	for _, j := range p.Jobs {
		if set := p.setAt(config.CheckpointDir, j.Span); set != nil && strings.HasPrefix(strings.TrimPrefix(set.KV.Value.Value, "file://"), "/tmp") {
			p.report(set.KV.Value.Sp, "checkpoints are kept where a restart of the machine removes them").Help("use a directory that stays, best on other storage")
		}
	}
}
