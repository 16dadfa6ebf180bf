// Command bench measures weir beside a bare librdkafka loop on a real Apache Kafka.
//
//	go run ./bench            5 million records, 3 rounds; writes docs/benchmarks.md and bench/record
//	go run ./bench -quick     1 million records, 1 round, written nowhere
//
// It starts a broker, fills its topics from a seeded generator, builds weir, and runs in turns the bare loop
// and the jobs of bench/jobs, each in a process of its own. What each job wrote is read back, read_committed, and compared
// with what the generator says must be there. Files:
//
//	gen.go      the records, and what each job must make of them
//	child.go    a process: its time, CPU and memory
//	verify.go   reading back
//	first.go    time from the start of a process to its first committed record
//	report.go   medians, docs/benchmarks.md, the JSON record
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"weir/connectors/kafka"
	"weir/connectors/kafka/kafkatest/realkafka"
)

// options are the flags.
type options struct {
	records  int
	rounds   int
	quick    bool
	jobs     string
	kafka    string
	starts   int
	profile  string
	write    bool
	sets     string
	binary   string
	keep     bool
	workload workload
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		if err := bareChild(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bare:", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && modes[os.Args[1]] != nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		err := modes[os.Args[1]](ctx, os.Args[2:])
		stop()
		if err != nil && !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench "+os.Args[1]+":", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.IntVar(&o.records, "records", 5_000_000, "records per topic")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; medians are reported")
	flag.BoolVar(&o.quick, "quick", false, "1 million records, 1 round")
	flag.StringVar(&o.jobs, "jobs", "bare,raw,passthrough,filter,tumble,group,first", "what to run, by name")
	flag.StringVar(&o.kafka, "kafka", "", "use this broker, `host:port`, instead of starting one, and the input topics on it where they are there")
	flag.IntVar(&o.starts, "starts", 5, "starts measured for the time to the first committed record")
	flag.StringVar(&o.profile, "profile", "", "let weir write profiles to a folder per job in this `directory`")
	flag.BoolVar(&o.write, "write", false, "with -quick or -jobs: write docs/benchmarks.md and the record all the same")
	flag.StringVar(&o.sets, "set", "", "further settings for weir, `key=value;key=value`")
	flag.StringVar(&o.binary, "weir", "", "measure this `binary` instead of building one")
	flag.BoolVar(&o.keep, "keep", false, "leave the broker running until interrupted, and print its address")
	flag.Parse()
	whole := true
	flag.Visit(func(f *flag.Flag) {
		whole = whole && f.Name != "quick" && f.Name != "jobs" && f.Name != "set" && f.Name != "profile" && f.Name != "weir"
	})
	if o.quick {
		o.records, o.rounds = 1_000_000, 1
	}
	if flag.NArg() > 0 || o.records < 4 || o.rounds < 1 || o.starts < 1 {
		flag.Usage()
		os.Exit(2)
	}
	o.write = o.write || whole
	o.workload = newWorkload(o.records)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bareChild is the process of the bare loop.
func bareChild(args []string) error {
	if len(args) != 4 {
		return errors.New("internal use: bare SERVERS FROM TO ID")
	}
	_, err := kafka.BareLoop(context.Background(), kafka.BareOptions{Servers: args[0], From: args[1], To: args[2], TransactionalID: args[3],
		Interval: 5 * time.Second})
	return err
}

// bench is one run of the command.
type bench struct {
	options
	dir     string // scratch
	weir    string // the binary under test
	servers string
	admin   *admin
	serial  int // makes names of topics and transactional ids unique
}

// modes are the measurements beside the table of jobs: `go run ./bench MODE`.
var modes = map[string]func(context.Context, []string) error{"latency": latency}

// openBench makes ready what every measurement needs: a binary and a broker. The caller ends it with the function returned.
func openBench(ctx context.Context, o options) (b *bench, closeBench func(), err error) {
	if _, err := os.Stat(filepath.Join("bench", "jobs")); err != nil {
		return nil, nil, errors.New("run it in the repository's root: go run ./bench")
	}
	b = &bench{options: o, servers: o.kafka}
	var undo []func() error
	closeBench = func() {
		for _, f := range slices.Backward(undo) {
			if err := f(); err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
			}
		}
	}
	defer func() {
		if err != nil {
			closeBench()
		}
	}()
	if b.dir, err = os.MkdirTemp("", "weir-bench-"); err != nil {
		return nil, nil, err
	}
	undo = append(undo, func() error { return os.RemoveAll(b.dir) })
	if b.weir = o.binary; b.weir == "" {
		b.weir = filepath.Join(b.dir, "weir")
		say("building weir")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.weir, "./cmd/weir").CombinedOutput(); err != nil {
			return nil, nil, fmt.Errorf("build weir: %w\n%s", err, out)
		}
	}
	if b.servers == "" {
		say("starting Apache Kafka %s", realkafka.Version)
		broker, err := realkafka.Start()
		if err != nil {
			return nil, nil, err
		}
		undo = append(undo, broker.Close)
		b.servers = broker.Addr
	}
	if b.admin, err = newAdmin(b.servers); err != nil {
		return nil, nil, err
	}
	undo = append(undo, func() error { b.admin.close(); return nil })
	return b, closeBench, nil
}

func run(ctx context.Context, o options) error {
	where := thisMachine()
	b, closeBench, err := openBench(ctx, o)
	if err != nil {
		return err
	}
	defer closeBench()

	names := strings.Split(o.jobs, ",")
	for _, n := range names {
		if !slices.Contains(allJobs, n) {
			return fmt.Errorf("no job %q: there are %s", n, strings.Join(allJobs, ", "))
		}
	}
	inputs := []string{"topic_1"}
	if slices.Contains(names, "group") {
		inputs = append(inputs, "topic_1m")
	}
	for _, t := range inputs {
		if err := b.fill(ctx, t); err != nil {
			return fmt.Errorf("fill %s: %w", t, err)
		}
		if b.kafka == "" && !b.keep {
			defer b.dropLater(t)
		}
	}
	results := map[string][]measure{}
	for round := range o.rounds {
		for _, n := range names {
			if n == "first" {
				continue
			}
			m, err := b.one(ctx, n)
			if err != nil {
				return fmt.Errorf("%s: %w", n, err)
			}
			results[n] = append(results[n], m)
			say("round %d  %-12s %s", round+1, n, m)
		}
	}
	var starts []time.Duration
	if slices.Contains(names, "first") {
		for range o.starts {
			d, err := b.first(ctx)
			if err != nil {
				return fmt.Errorf("first committed record: %w", err)
			}
			starts = append(starts, d)
			say("first committed record after %d ms", d.Milliseconds())
		}
	}
	r := newReport(o, where, results, starts)
	fmt.Print(r.table())
	if o.write {
		if err := r.save(); err != nil {
			return err
		}
	}
	if o.keep {
		say("the broker stays at %s until ^C", b.servers)
		<-ctx.Done()
	}
	return nil
}

// allJobs in the order of the report.
var allJobs = []string{"bare", "raw", "passthrough", "filter", "tumble", "group", "first"}

// source is the topic that a job reads.
func source(job string) string {
	if job == "group" {
		return "topic_1m"
	}
	return "topic_1"
}

// one runs a job once, on an output topic of its own, and verifies what it wrote.
func (b *bench) one(ctx context.Context, job string) (measure, error) {
	b.serial++
	out := fmt.Sprintf("bench_out_%d", b.serial)
	if err := b.admin.create(ctx, out); err != nil {
		return measure{}, err
	}
	defer b.dropLater(out)
	var m measure
	var err error
	if job == "bare" {
		self, e := os.Executable()
		if e != nil {
			return measure{}, e
		}
		m, err = runChild(ctx, self, "bare", b.servers, source(job), out, fmt.Sprintf("bare-%d", b.serial))
	} else {
		args, e := b.weirArgs(job, out, nil)
		if e != nil {
			return measure{}, e
		}
		if b.profile != "" {
			args = append(args, "--profile", filepath.Join(b.profile, job))
		}
		m, err = runChild(ctx, b.weir, args...)
	}
	if err != nil {
		return measure{}, err
	}
	m.records = b.records
	m.rows, err = b.verify(ctx, job, out)
	return m, err
}

// weirArgs writes the job's file with this run's names and gives the command line. edit pairs are replaced in the text as well.
func (b *bench) weirArgs(job, out string, edit []string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join("bench", "jobs", job+".sql"))
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, out)
	sql := strings.NewReplacer(append([]string{
		"localhost:9092", b.servers,
		"'bench_out'", "'" + out + "'",
		"'bench-'", "'" + out + "-'",
		"file:///tmp/weir/chk", "file://" + filepath.Join(dir, "chk"),
	}, edit...)...).Replace(string(text))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, job+".sql")
	if err := os.WriteFile(file, []byte(sql), 0o644); err != nil {
		return nil, err
	}
	args := []string{"run", file, "--quiet", "--state-dir", filepath.Join(dir, "state")}
	if b.sets != "" {
		for _, s := range strings.Split(b.sets, ";") {
			args = append(args, "--set", s)
		}
	}
	return args, nil
}

// dropLater removes a topic and a run's files; what cannot be removed is said and left to the end of the broker.
func (b *bench) dropLater(topic string) {
	if err := errors.Join(b.admin.remove(topic), os.RemoveAll(filepath.Join(b.dir, topic))); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
