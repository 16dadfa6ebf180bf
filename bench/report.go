package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/kafka/kafkatest/realkafka"
)

// report is what a run found: the JSON record, and what docs/benchmarks.md is made of.
type report struct {
	Date     string
	Commit   string
	Command  string
	Machine  machine
	Records  int
	Rounds   int
	BytesPer float64 // of a record of topic_1
	Warm     int     `json:",omitempty"` // records that warmed the peers up
	Flink    string  `json:",omitempty"` // versions, where it was run
	Lines    []*line
	// First committed record after the start of the process, milliseconds; absent when not measured.
	FirstMedian, FirstWorst int64 `json:",omitempty"`
	Starts                  int   `json:",omitempty"`
	FirstRecords            int   `json:",omitempty"`
}

// line is one entry: the medians of its runs. Each figure is a median of its own.
type line struct {
	entry
	RecordsPerSec float64
	MicrosPerRec  float64 // CPU
	ManagerMicros float64 `json:",omitempty"` // of these, Flink's job manager's
	PeakMB        float64
	RowsOut       int
	Spread        float64 // (largest - smallest) / median of MicrosPerRec
	Runs          []figures
}

// figures are those of one run.
type figures struct{ RecordsPerSec, MicrosPerRec, ManagerMicros, PeakMB float64 }

// machine is where it was measured.
type machine struct {
	CPU, Kernel, Go, Kafka, Librdkafka, Java string
	Cores                                    int
	MemoryGB                                 float64
	Load                                     float64 // 1-minute load average before the first round: what else the machine was doing
}

var jobTitles = map[string]string{
	"copy":        "copy of the bytes",
	"raw":         "raw lines",
	"passthrough": "(a) JSON to JSON",
	"filter":      "(b) filter, projection, expressions",
	"tumble":      "(c) 10 s TUMBLE, 100 k keys",
	"group":       "(d) GROUP BY 1 M keys to upsert-kafka",
}

var engineTitles = map[string]string{"bare": "bare librdkafka loop", "weir": "weir", "flink": "Flink", "kstreams": "Kafka Streams"}

// title is the engine, with its state where there is a choice.
func (e entry) title() string {
	switch e.State {
	case "hashmap":
		return engineTitles[e.Engine] + ", heap"
	case "rocksdb":
		return engineTitles[e.Engine] + ", RocksDB"
	}
	return engineTitles[e.Engine]
}

func median[T int64 | float64](v []T) T {
	v = slices.Clone(v)
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

func newReport(o options, m machine) *report {
	r := &report{Date: time.Now().UTC().Format(time.DateOnly), Commit: output("git", "rev-parse", "--short", "HEAD"), Machine: m,
		Command: strings.Join(append([]string{"go run ./bench"}, os.Args[1:]...), " "), Records: o.records, Rounds: o.rounds}
	const sample = 1_000_000
	records, size := min(o.records, sample), 0
	var text []byte
	eachEvent("topic_1", records, func(e event) {
		text = e.appendJSON(text[:0])
		size += len(text)
	})
	r.BytesPer = float64(size) / float64(records)
	return r
}

// add takes one run of an entry.
func (r *report) add(e entry, m measure) {
	i := slices.IndexFunc(r.Lines, func(l *line) bool { return l.entry == e })
	if i < 0 {
		i = len(r.Lines)
		r.Lines = append(r.Lines, &line{entry: e, RowsOut: m.rows})
	}
	if warmed(e.Engine) {
		r.Warm = warmRecords(r.Records)
	}
	if e.Engine == "flink" {
		r.Flink = fmt.Sprintf("%s, Kafka connector %s", flinkVersion, flinkConnectorVersion)
	}
	l := r.Lines[i]
	l.Runs = append(l.Runs, figures{m.rate(), m.cpuPerRecord(), float64(m.manager.Nanoseconds()) / 1000 / float64(m.records), float64(m.memory) / (1 << 20)})
	of := func(f func(figures) float64) []float64 {
		var v []float64
		for _, run := range l.Runs {
			v = append(v, f(run))
		}
		return v
	}
	cpu := of(func(f figures) float64 { return f.MicrosPerRec })
	l.RecordsPerSec, l.MicrosPerRec = median(of(func(f figures) float64 { return f.RecordsPerSec })), median(cpu)
	l.ManagerMicros, l.PeakMB = median(of(func(f figures) float64 { return f.ManagerMicros })), median(of(func(f figures) float64 { return f.PeakMB }))
	l.Spread = (slices.Max(cpu) - slices.Min(cpu)) / l.MicrosPerRec
}

// find is an entry's line, nil when it was not run.
func (r *report) find(e entry) *line {
	for _, l := range r.Lines {
		if l.entry == e {
			return l
		}
	}
	return nil
}

// Has says whether an engine was run.
func (r *report) Has(engine string) bool {
	return slices.ContainsFunc(r.Lines, func(l *line) bool { return l.Engine == engine })
}

// Manager is the range of what Flink's job manager adds to the CPU per record; empty when Flink was not run.
func (r *report) Manager() string {
	var v []float64
	for _, l := range r.Lines {
		if l.Engine == "flink" {
			v = append(v, l.ManagerMicros)
		}
	}
	if len(v) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f to %.2f µs", slices.Min(v), slices.Max(v))
}

// text is what the command prints.
func (r *report) text() string { return r.Table() + "\n" + r.Ratios() + r.First() }

// Table is everything that was measured, for the page.
func (r *report) Table() string {
	var b strings.Builder
	b.WriteString("| job | engine | records/s | CPU µs per record | peak memory | rows out | spread of CPU |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |\n")
	job := ""
	for _, l := range r.Lines {
		name := jobTitles[l.Job]
		if l.Job == job {
			name = ""
		}
		job = l.Job
		fmt.Fprintf(&b, "| %s | %s | %.0f k | %.2f | %.0f MB | %d | %.0f %% |\n", name, l.title(), l.RecordsPerSec/1000, l.MicrosPerRec, l.PeakMB, l.RowsOut, l.Spread*100)
	}
	return b.String()
}

// First is the paragraph on starts; empty when they were not measured.
func (r *report) First() string {
	if r.Starts == 0 {
		return ""
	}
	return fmt.Sprintf("\nFirst committed record: %d ms after the start of the process (median of %d starts; the slowest took %d ms), with a checkpoint interval of 100 ms.\n",
		r.FirstMedian, r.Starts, r.FirstWorst)
}

// save writes the record of the day, and docs/benchmarks.md with its plot.
func (r *report) save() error {
	if err := writeRecord(r.Date+".json", r); err != nil {
		return err
	}
	if err := writePage("."); err != nil {
		return err
	}
	say("written: docs/benchmarks.svg")
	return r.plot(filepath.Join("docs", "benchmarks.svg"))
}

// output is the first line of what a command prints, "unknown" when it cannot be run.
func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

func thisMachine() machine {
	m := machine{CPU: "unknown", Kernel: output("uname", "-sr"), Go: runtime.Version(), Kafka: realkafka.Version, Java: output("java", "-version"), Cores: runtime.NumCPU()}
	_, m.Librdkafka = ck.LibraryVersion()
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = field(string(b), "model name")
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		if _, err := fmt.Sscan(string(b), &m.Load); err != nil {
			m.Load = -1
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kb float64
		if _, err := fmt.Sscan(field(string(b), "MemTotal"), &kb); err == nil {
			m.MemoryGB = kb / (1 << 20)
		}
	}
	return m
}

// field is the value of the first line "name : value".
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
