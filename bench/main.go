// Command bench measures weir beside its peers on a real Apache Kafka: a bare librdkafka loop, Apache Flink SQL and Kafka Streams.
//
//	go run ./bench            5 million records, 3 rounds; writes docs/benchmarks.md and bench/record
//	go run ./bench -quick     weir and the bare loop alone, 1 million records, 1 round, written nowhere
//	go run ./bench latency    how long records travel
//	go run ./bench recovery   how long a killed job with a large state takes to commit again
//	go run ./bench scale      cost per record by cores, keys, columns and partitions
//	go run ./bench bigstate   a state larger than memory, beside the same in memory
//	go run ./bench nexmark    the queries of Nexmark on weir and on Flink; writes its part of docs/benchmarks.md, and bench/record
//	go run ./bench page       writes docs/benchmarks.md again, without measuring
//
// It starts a broker, fills its topics from a seeded generator, builds weir, and runs each job of bench/jobs in turns on each
// engine, in processes of its own. What each run wrote is read back, read_committed, and compared value by value with what the generator
// says must be there. Files:
//
//	gen.go      the records
//	expect.go   what each job must make of them; verify.go reads back and compares
//	rounds.go   which job runs on which engine, in turns
//	proc.go     a process: its time, CPU and memory
//	weir.go     weir, and the bare loop; flink.go, flinkhome.go: Flink; kstreams.go: Kafka Streams
//	job.go      weir run of a job that is killed and stopped from here
//	latency.go, recovery.go, scale.go: the modes of those names; nexmark.go, nexmarkreport.go: Nexmark
//	first.go    time from the start of a process to its first committed record
//	report.go   medians, floors; plot.go: docs/benchmarks.svg
//	page.go     docs/benchmarks.md, of page.tmpl, nexmark.tmpl, the newest of record/, and nexmark.md, the part that is written by hand
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

	"weir/connectors/kafka/kafkatest/realkafka"
)

// options are the flags.
type options struct {
	records int
	rounds  int
	quick   bool
	jobs    string
	peers   string
	kafka   string
	java    []string // further Java options of the broker that is started
	starts  int
	profile string
	write   bool
	sets    string
	binary  string
	keep    bool
}

// target adds the flags that say what is measured, and on which broker.
func (o *options) target(f *flag.FlagSet) {
	f.StringVar(&o.kafka, "kafka", "", "use this broker, `host:port`, instead of starting one; of topics that are filled with input, those that it has are taken as they are")
	f.StringVar(&o.binary, "weir", "", "measure this `binary` instead of building one")
	f.StringVar(&o.sets, "set", "", "further settings for weir, `key=value;key=value`")
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
	o.target(flag.CommandLine)
	flag.IntVar(&o.records, "records", 5_000_000, "records per topic")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; medians are reported")
	flag.BoolVar(&o.quick, "quick", false, "weir and the bare loop alone, 1 million records, 1 round")
	flag.StringVar(&o.jobs, "jobs", strings.Join(jobNames, ",")+",first", "jobs to run, by name; first is the time to the first committed record")
	flag.StringVar(&o.peers, "peers", strings.Join(peerNames, ","), "what to run beside weir; none for weir alone")
	flag.IntVar(&o.starts, "starts", 5, "starts measured for the time to the first committed record")
	flag.StringVar(&o.profile, "profile", "", "let weir write profiles to a folder per job in this `directory`")
	flag.BoolVar(&o.write, "write", false, "with -quick, -jobs or -peers: write docs/benchmarks.md and the record all the same")
	flag.BoolVar(&o.keep, "keep", false, "leave the broker running until interrupted, and print its address")
	flag.Parse()
	whole := true
	flag.Visit(func(f *flag.Flag) {
		whole = whole && f.Name != "quick" && f.Name != "jobs" && f.Name != "peers" && f.Name != "set" && f.Name != "profile" && f.Name != "weir"
	})
	if o.quick {
		o.records, o.rounds, o.peers = 1_000_000, 1, "bare"
	}
	if flag.NArg() > 0 || o.records < 4 || o.rounds < 1 || o.starts < 1 {
		flag.Usage()
		os.Exit(2)
	}
	o.write = o.write || whole
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the command.
type bench struct {
	options
	dir     string // scratch
	weir    string // the binary under test
	servers string
	admin   *admin
	serial  int               // makes names of topics and transactional ids unique
	wants   map[string]expect // by job: what it must write
}

// modes are the measurements beside the table of jobs: `go run ./bench MODE`.
var modes = map[string]func(context.Context, []string) error{"latency": latency, "scale": scale, "recovery": recovery, "bigstate": bigState, "-bigstate": bigState,
	"nexmark": nexmark, "page": func(context.Context, []string) error { return writePage(".") }}

// openBench makes ready what every measurement needs: a binary and a broker. The caller ends it with the function returned.
func openBench(ctx context.Context, o options) (_ *bench, _ func(), err error) {
	if _, err := os.Stat(filepath.Join("bench", "jobs")); err != nil {
		return nil, nil, errors.New("run it in the repository's root: go run ./bench")
	}
	b := &bench{options: o, servers: o.kafka, wants: map[string]expect{}}
	var undo []func() error
	closeBench := func() {
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
		broker, err := realkafka.Start(o.java...)
		if err != nil {
			return nil, nil, err
		}
		undo = append(undo, broker.Close)
		b.servers = broker.Addr
	}
	if b.servers == "none" { // for what needs no broker
		return b, closeBench, nil
	}
	if b.admin, err = newAdmin(b.servers); err != nil {
		return nil, nil, err
	}
	undo = append(undo, func() error { b.admin.close(); return nil })
	return b, closeBench, nil
}

func run(ctx context.Context, o options) error {
	p, err := newPlan(o)
	if err != nil {
		return err
	}
	where := thisMachine()
	b, closeBench, err := openBench(ctx, o)
	if err != nil {
		return err
	}
	defer closeBench()
	r := newReport(o, where)
	if err := b.runRounds(ctx, p, r); err != nil {
		return err
	}
	if p.first {
		if err := b.runStarts(ctx, r); err != nil {
			return err
		}
	}
	fmt.Print(r.text())
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

// dropLater removes a topic and a run's files; what cannot be removed is said and left to the end of the broker.
func (b *bench) dropLater(topic string) {
	if err := errors.Join(b.admin.remove(topic), os.RemoveAll(filepath.Join(b.dir, topic))); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
