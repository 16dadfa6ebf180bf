package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/parser"
	"weir/parser/ast"
	"weir/parser/diag"
)

// nexmarkRefused is why a query is not measured.
var nexmarkRefused = map[string]string{
	"q6": "Flink refuses it, and so does weir",
}

// nexmark is the command `bench nexmark`: the queries of examples/nexmark on weir and on Flink, over the same topics, in turns. Both
// drop what comes out, as the published benchmark does, but for q10, which writes files; that both come to the same results is for the tests of
// examples/nexmark. Flink has no connector any more that looks up rows in a file: in q13 it joins the file as a table that ends.
func nexmark(ctx context.Context, args []string) error {
	var o options
	var wanted string
	all := nexmarkNames()
	f := flag.NewFlagSet("nexmark", flag.ContinueOnError)
	f.IntVar(&o.records, "events", 2_000_000, "events: people, auctions and bids together")
	f.IntVar(&o.rounds, "rounds", 1, "rounds; medians are reported")
	f.StringVar(&wanted, "queries", strings.Join(all, ","), "queries to run, by name")
	f.StringVar(&o.peers, "peers", "flink", "what to run beside weir; none for weir alone")
	o.target(f)
	f.StringVar(&o.profile, "profile", "", "let weir write profiles to a folder per query in this `directory`")
	f.BoolVar(&o.write, "write", false, "with -queries or -peers: write docs/benchmarks.md and the record all the same")
	f.BoolVar(&o.keep, "keep", false, "leave the broker running until interrupted, and print its address")
	memory := f.String("memory", nexmarkMemory, "memory budget of weir")
	if err := f.Parse(args); err != nil {
		return err
	}
	queries := strings.Split(wanted, ",")
	for _, q := range queries {
		if !slices.Contains(all, q) {
			return fmt.Errorf("-queries: no query %q: there are %s", q, strings.Join(all, ", "))
		}
	}
	if f.NArg() > 0 || o.records < 1000 || o.rounds < 1 || o.peers != "flink" && o.peers != "none" {
		f.Usage()
		return errors.New("these arguments make no run")
	}
	where := thisMachine()
	b, closeBench, err := openBench(ctx, o)
	if err != nil {
		return err
	}
	defer closeBench()
	n := &nexmarkRun{bench: b, memory: *memory, report: newNexmarkReport(o, where, *memory)}
	err = n.measure(ctx, queries)
	fmt.Print(n.report.Table())
	if err != nil {
		return err
	}
	if whole := len(queries) == len(all) && o.peers == "flink" && o.sets == "" && o.profile == ""; whole || o.write {
		if err := n.report.save(); err != nil {
			return err
		}
	}
	if o.keep {
		say("the broker stays at %s until ^C", b.servers)
		<-ctx.Done()
	}
	return nil
}

// nexmarkNames is the queries in the order of their numbers.
func nexmarkNames() []string {
	var out []string
	for i := range 24 {
		out = append(out, "q"+strconv.Itoa(i))
	}
	return out
}

// nexmarkMemory is what weir may take, in all queries alike, as one sets it once for a machine: an eighth of the 2.0 GB that Flink's processes take
// of the queries without state. Those with more state than that go to disk.
const nexmarkMemory = "256 mb"

// nexmarkRun is one call of nexmark.
type nexmarkRun struct {
	*bench
	memory string
	report *nexmarkReport
}

func (n *nexmarkRun) measure(ctx context.Context, queries []string) (err error) {
	engines := []string{"weir"}
	var peer *flink
	if n.peers == "flink" {
		e, err := openFlink(ctx, n.bench)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.close()) }()
		peer, engines = e.(*flink), append(engines, "flink")
	}
	topics, err := n.fillTopics(ctx, peer != nil)
	if n.kafka == "" && !n.keep {
		for _, t := range topics {
			defer n.dropLater(t)
		}
	}
	if err != nil {
		return err
	}
	var failed error
	for round := range n.rounds {
		for _, q := range queries {
			if why := nexmarkRefused[q]; why != "" {
				continue
			}
			for _, engine := range engines {
				m, err := n.one(ctx, peer, engine, q)
				if err != nil { // the others are worth their time
					err = fmt.Errorf("%s %s: %w", engine, q, err)
					failed = errors.Join(failed, err)
					if ctx.Err() != nil {
						return failed
					}
					say("%v", err)
					continue
				}
				m.records = n.records
				n.report.add(q, engine, m)
				say("round %d  %-4s %-6s %7.0f k events/s  %6.3f µs CPU/event  %5d MB", round+1, q, engine, m.rate()/1000, m.cpuPerRecord(), m.memory>>20)
			}
		}
	}
	return failed
}

func (n *nexmarkRun) one(ctx context.Context, peer *flink, engine, query string) (measure, error) {
	n.serial++
	name := fmt.Sprintf("nexmark_%d", n.serial)
	dir := filepath.Join(n.dir, name)
	defer os.RemoveAll(dir)
	text, err := n.script(engine, query, n.records, dir)
	if err != nil {
		return measure{}, err
	}
	// As for the other jobs: a run that is stuck ends some day.
	limited, stop := context.WithTimeoutCause(ctx, 5*time.Minute+time.Duration(n.records)*100*time.Microsecond, errors.New("it took too long"))
	defer stop()
	var m measure
	if engine == "weir" {
		m, err = n.runWeir(limited, query, text, dir)
	} else {
		var warm string
		if warm, err = n.script(engine, query, warmRecords(n.records), dir+"_warm"); err != nil {
			return measure{}, err
		}
		defer os.RemoveAll(dir + "_warm")
		e := entry{Engine: "flink", Job: query, State: "rocksdb"}
		m, err = peer.run(limited, task{entry: e, text: text}, task{entry: e, text: warm})
	}
	if err != nil {
		err = errors.Join(err, context.Cause(limited))
	}
	return m, err
}

func (n *nexmarkRun) runWeir(ctx context.Context, query, text, dir string) (measure, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return measure{}, err
	}
	file := filepath.Join(dir, query+".sql")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return measure{}, err
	}
	args := []string{"run", file, "--quiet", "--state-dir", filepath.Join(dir, "state"), "--memory", n.memory}
	if n.sets != "" {
		for _, s := range strings.Split(n.sets, ";") {
			args = append(args, "--set", s)
		}
	}
	if n.profile != "" {
		args = append(args, "--profile", filepath.Join(n.profile, query))
	}
	return runChild(ctx, n.weir, args...)
}

func nexmarkTopic(events int, table string) string {
	return fmt.Sprintf("bench_nexmark_%d_%s", events, table)
}

func (n *nexmarkRun) kafkaOptions(topic string) string {
	return fmt.Sprintf("'connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'format' = 'json'", topic, n.servers)
}

// nexmarkFiles is where the examples have their files.
const nexmarkFiles = "file:///tmp/nexmark/"

// sideRows is how many keys the file has that q13 looks up.
const sideRows = 10_000

// script is a query over the topics of so many events, with checkpoints as the other jobs have them, and its files in dir.
func (n *nexmarkRun) script(engine, query string, events int, dir string) (string, error) {
	text, err := os.ReadFile(nexmarkFile(query))
	if err != nil {
		return "", err
	}
	out, err := overTables(query+".sql", string(text), func(t *ast.CreateTable) string {
		return "WITH (" + n.kafkaOptions(nexmarkTopic(events, t.Name.Last().Name)) +
			", 'properties.group.id' = 'nexmark', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset')"
	})
	if err != nil {
		return "", err
	}
	out = strings.ReplaceAll(out, nexmarkFiles, "file://"+dir+"/")
	if engine == "flink" {
		out = strings.Replace(out, " FOR SYSTEM_TIME AS OF B.p_time", "", 1)
	}
	if err := writeSide(dir); err != nil {
		return "", err
	}
	return fmt.Sprintf("SET 'execution.checkpointing.interval' = '5 s';\nSET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';\n"+
		"SET 'execution.checkpointing.dir' = 'file://%s/chk';\n%s", dir, out), nil
}

// writeSide writes the file that q13 looks up: keys, each with itself for its value.
func writeSide(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var side strings.Builder
	for i := range sideRows {
		fmt.Fprintf(&side, "%d,%d\n", i, i)
	}
	return os.WriteFile(filepath.Join(dir, "side_input.txt"), []byte(side.String()), 0o644)
}

// overTables gives the nexmark tables of a script other options.
func overTables(name, text string, with func(*ast.CreateTable) string) (string, error) {
	script, list := parser.Parse(&diag.File{Name: name, Text: text})
	if list.HasErrors() {
		return "", fmt.Errorf("examples/nexmark/%s does not parse: weir check tells why", name)
	}
	var b strings.Builder
	at := 0
	for _, t := range nexmarkTables(script) {
		b.WriteString(text[at:t.OptionsSpan.Start])
		b.WriteString(with(t))
		at = t.OptionsSpan.End
	}
	b.WriteString(text[at:])
	return b.String(), nil
}

// nexmarkTables is the tables of a script that have the connector nexmark.
func nexmarkTables(script *ast.Script) []*ast.CreateTable {
	var out []*ast.CreateTable
	for _, s := range script.Statements {
		if t, ok := s.(*ast.CreateTable); ok && slices.ContainsFunc(t.Options, func(p *ast.Property) bool {
			return p.Key.Value == "connector" && p.Value.Value == "nexmark"
		}) {
			out = append(out, t)
		}
	}
	return out
}

// fillTopics lets weir write the events into topics, one for each table that the queries read, and for Flink fewer of them to warm up
// with. Topics that a given broker has already are taken as they are. It returns what it has made.
func (n *nexmarkRun) fillTopics(ctx context.Context, warm bool) (made []string, err error) {
	sizes := []int{n.records}
	if w := warmRecords(n.records); warm && w != n.records {
		sizes = append(sizes, w)
	}
	for _, events := range sizes {
		fills, err := n.fills(events)
		if err != nil {
			return made, err
		}
		for _, topic := range slices.Sorted(maps.Keys(fills)) {
			if n.kafka != "" {
				if there, err := n.admin.records(ctx, topic); err != nil {
					return made, err
				} else if there > 0 {
					say("%s is there", topic)
					continue
				}
			}
			if err := n.admin.create(ctx, topic); err != nil {
				return made, err
			}
			made = append(made, topic)
			say("filling %s", topic)
			file := filepath.Join(n.dir, topic+".sql")
			if err := os.WriteFile(file, []byte(fills[topic]), 0o644); err != nil {
				return made, err
			}
			if _, err := runChild(ctx, n.weir, "run", file, "--quiet", "--state-dir", filepath.Join(n.dir, topic)); err != nil {
				return made, err
			}
		}
	}
	return made, nil
}

// fills is a job for each table of the queries that writes so many events of it to a topic, by topic. Event numbers go round the
// partitions, so that these are at about the same time.
func (n *nexmarkRun) fills(events int) (map[string]string, error) {
	out := map[string]string{}
	for _, q := range nexmarkNames() {
		text, err := os.ReadFile(nexmarkFile(q))
		if err != nil {
			return nil, err
		}
		script, _ := parser.Parse(&diag.File{Name: q + ".sql", Text: string(text)})
		for _, t := range nexmarkTables(script) {
			name, span := t.Name.Last(), t.Span()
			topic := nexmarkTopic(events, name.Name)
			if out[topic] != "" {
				continue
			}
			options := []string{fmt.Sprintf("'events.num' = '%d'", events)}
			for _, o := range t.Options {
				if o.Key.Value != "events.num" {
					options = append(options, fmt.Sprintf("'%s' = '%s'", o.Key.Value, o.Value.Value))
				}
			}
			var columns []string
			for _, c := range t.Columns {
				if c.Type != nil {
					columns = append(columns, "`"+c.Name.Name+"`")
				}
			}
			body := string(text[name.Span().End:t.OptionsSpan.Start])
			out[topic] = fmt.Sprintf("SET 'parallelism.default' = '1';\n%s made%s WITH (%s);\n%s topic%s WITH (%s, 'sink.partitioner' = 'round-robin');\n"+
				"INSERT INTO topic SELECT %s FROM made;\n", text[span.Start:name.Span().Start], body, strings.Join(options, ", "),
				text[span.Start:name.Span().Start], body, n.kafkaOptions(topic), strings.Join(columns, ", "))
		}
	}
	return out, nil
}

func nexmarkFile(query string) string { return filepath.Join("examples", "nexmark", query+".sql") }
