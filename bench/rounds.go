package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// entry is one line of the table: a job on an engine.
type entry struct {
	Engine string
	Job    string
	State  string `json:",omitempty"` // Flink's state backend, where the job has state
}

func (e entry) String() string { return strings.TrimSuffix(e.Engine+" "+e.Job+" "+e.State, " ") }

// entries in the order in which they run and are reported.
var entries = []entry{
	{Engine: "bare", Job: "copy"},
	{Engine: "weir", Job: "raw"},
	{Engine: "weir", Job: "passthrough"},
	{Engine: "flink", Job: "passthrough"},
	{Engine: "kstreams", Job: "passthrough"},
	{Engine: "weir", Job: "filter"},
	{Engine: "flink", Job: "filter"},
	{Engine: "weir", Job: "tumble"},
	{Engine: "flink", Job: "tumble", State: "rocksdb"},
	{Engine: "weir", Job: "group"},
	{Engine: "flink", Job: "group", State: "hashmap"},
	{Engine: "flink", Job: "group", State: "rocksdb"},
	{Engine: "kstreams", Job: "group"},
}

var (
	jobNames  = []string{"raw", "passthrough", "filter", "tumble", "group"}
	peerNames = []string{"bare", "flink", "kstreams"}
)

// plan is what -jobs and -peers ask for.
type plan struct {
	entries []entry
	first   bool // measure the time to the first committed record
}

func newPlan(o options) (plan, error) {
	var p plan
	jobs, peers := strings.Split(o.jobs, ","), strings.Split(o.peers, ",")
	for _, j := range jobs {
		if !slices.Contains(jobNames, j) && j != "first" {
			return p, fmt.Errorf("-jobs: no job %q: there are %s, first", j, strings.Join(jobNames, ", "))
		}
	}
	for _, e := range peers {
		if !slices.Contains(peerNames, e) && o.peers != "none" {
			return p, fmt.Errorf("-peers: no peer %q: there are %s, or none", e, strings.Join(peerNames, ", "))
		}
	}
	for _, e := range entries {
		engine := e.Engine == "weir" || slices.Contains(peers, e.Engine)
		if job := e.Engine == "bare" || slices.Contains(jobs, e.Job); engine && job {
			p.entries = append(p.entries, e)
		}
	}
	p.first = slices.Contains(jobs, "first")
	return p, nil
}

// uses says whether an engine has something to do.
func (p plan) uses(engine string) bool {
	return slices.ContainsFunc(p.entries, func(e entry) bool { return e.Engine == engine })
}

// source is the topic that a job reads.
func source(job string) string {
	if job == "group" {
		return "topic_1m"
	}
	return "topic_1"
}

// warmTopic has what the engines on a Java virtual machine read before they are measured, so that their code is compiled by then.
const warmTopic = "topic_warm"

func warmRecords(records int) int { return min(500_000, records) }

// warmed says whether an engine is warmed up before it is measured.
func warmed(engine string) bool { return engine == "flink" || engine == "kstreams" }

// task is one run of a job from one topic to another.
type task struct {
	entry
	in, out string // out is unique: it makes names of transactions and groups too
	records int    // in in
	text    string // the whole script, of a job that is in no file of bench/jobs
}

// engine is a program under measurement. Its methods are called from one goroutine.
type engine interface {
	// run runs t to its end and measures it. The input topic is filled and the output topic is there. Where the engine wants warming
	// up it has done so with warm before. The error has the engine's own words.
	run(ctx context.Context, t, warm task) (measure, error)
	// close ends what the engine runs between its runs.
	close() error
}

// engines makes what the plan needs ready. The caller closes them.
func (b *bench) engines(ctx context.Context, p plan) (map[string]engine, error) {
	all := map[string]engine{}
	for _, made := range []struct {
		name string
		open func(context.Context, *bench) (engine, error)
	}{{"weir", openWeir}, {"bare", openBare}, {"flink", openFlink}, {"kstreams", openStreams}} {
		if !p.uses(made.name) {
			continue
		}
		e, err := made.open(ctx, b)
		if err != nil {
			return all, fmt.Errorf("%s: %w", made.name, err)
		}
		all[made.name] = e
	}
	return all, nil
}

// runRounds fills the topics, runs the plan's entries in turns and gives what was measured to r.
func (b *bench) runRounds(ctx context.Context, p plan, r *report) (err error) {
	engines, err := b.engines(ctx, p)
	defer func() {
		for _, e := range engines {
			err = errors.Join(err, e.close())
		}
	}()
	if err != nil {
		return err
	}
	inputs := map[string]int{}
	for _, e := range p.entries {
		inputs[source(e.Job)] = b.records
	}
	if slices.ContainsFunc(p.entries, func(e entry) bool { return warmed(e.Engine) }) {
		inputs[warmTopic] = warmRecords(b.records)
	}
	for _, topic := range slices.Sorted(maps.Keys(inputs)) {
		if err := b.fill(ctx, topic, inputs[topic]); err != nil {
			return fmt.Errorf("fill %s: %w", topic, err)
		}
		if b.kafka == "" && !b.keep {
			defer b.dropLater(topic)
		}
	}
	say("working out what the jobs must write")
	for _, e := range p.entries {
		if b.wants[e.Job] == nil {
			b.wants[e.Job] = expectOf(e.Job, b.records)
		}
	}
	for round := range b.rounds {
		for _, e := range p.entries {
			m, err := b.one(ctx, engines[e.Engine], e)
			if err != nil {
				return fmt.Errorf("%s: %w", e, err)
			}
			r.add(e, m)
			say("round %d  %-26s %s", round+1, e, m)
		}
	}
	return nil
}

// one runs an entry once, on an output topic of its own, and verifies what it wrote.
func (b *bench) one(ctx context.Context, on engine, e entry) (measure, error) {
	b.serial++
	t := task{entry: e, in: source(e.Job), out: fmt.Sprintf("bench_out_%d", b.serial), records: b.records}
	warm := task{entry: e, in: warmTopic, out: t.out + "_warm", records: warmRecords(b.records)}
	topics := []string{t.out}
	if warmed(e.Engine) {
		topics = append(topics, warm.out)
	}
	for _, topic := range topics {
		if err := b.admin.create(ctx, topic); err != nil {
			return measure{}, err
		}
		defer b.dropLater(topic)
	}
	// A run that is stuck ends some day: at 10,000 records a second nobody waits for the figures.
	limited, stop := context.WithTimeoutCause(ctx, 5*time.Minute+time.Duration(b.records)*100*time.Microsecond, errors.New("it took too long"))
	defer stop()
	m, err := on.run(limited, t, warm)
	if err != nil {
		return measure{}, errors.Join(err, context.Cause(limited))
	}
	m.records = b.records
	m.rows, err = b.verify(ctx, e.Job, t.out)
	return m, err
}
