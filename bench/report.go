package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/template"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/kafka/kafkatest/realkafka"
)

//go:embed report.tmpl
var reportText string

// report is what a run found: the JSON record, and what docs/benchmarks.md is made of.
type report struct {
	Date     string
	Commit   string
	Machine  machine
	Records  int
	Rounds   int
	BytesPer float64 // of a record of topic_1
	Jobs     []jobReport
	// First committed record after the start of the process, milliseconds; absent when not measured.
	FirstMedian, FirstWorst int64 `json:",omitempty"`
	Starts                  int   `json:",omitempty"`
	FirstRecords            int   `json:",omitempty"`
}

// jobReport is the medians of one job's rounds. A field is a median of its own.
type jobReport struct {
	Name          string
	About         string
	RecordsPerSec float64
	MicrosPerRec  float64 // CPU
	PeakMB        float64
	RowsOut       int
	Ratio         float64 // of MicrosPerRec to the bare loop's; 0 when that was not run
	Spread        float64 // (largest - smallest) / median of MicrosPerRec
}

// machine is where it was measured.
type machine struct {
	CPU, Kernel, Go, Kafka, Librdkafka, Java string
	Cores                                    int
	MemoryGB                                 float64
	Load                                     float64 // 1-minute load average before the first round: what else the machine was doing
}

var about = map[string]string{
	"bare":        "bare librdkafka loop",
	"raw":         "raw lines (`raw.sql`)",
	"passthrough": "(a) JSON to JSON (`passthrough.sql`)",
	"filter":      "(b) filter, projection, expressions (`filter.sql`)",
	"tumble":      "(c) 10 s TUMBLE, 100 k keys (`tumble.sql`)",
	"group":       "(d) GROUP BY 1 M keys to upsert-kafka (`group.sql`)",
}

func median[T int64 | float64](v []T) T {
	v = slices.Clone(v)
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

func newReport(o options, m machine, results map[string][]measure, starts []time.Duration) *report {
	r := &report{Date: time.Now().UTC().Format(time.DateOnly), Commit: output("git", "rev-parse", "--short", "HEAD"), Machine: m,
		Records: o.records, Rounds: o.rounds, BytesPer: float64(o.workload.bytes) / float64(o.records)}
	of := func(ms []measure, f func(measure) float64) []float64 {
		var v []float64
		for _, m := range ms {
			v = append(v, f(m))
		}
		return v
	}
	var bare float64
	for _, name := range allJobs {
		ms := results[name]
		if len(ms) == 0 {
			continue
		}
		cpu := of(ms, measure.cpuPerRecord)
		j := jobReport{Name: name, About: about[name], RecordsPerSec: median(of(ms, measure.rate)), MicrosPerRec: median(cpu),
			PeakMB: median(of(ms, func(m measure) float64 { return float64(m.memory) / (1 << 20) })), RowsOut: ms[0].rows}
		j.Spread = (slices.Max(cpu) - slices.Min(cpu)) / j.MicrosPerRec
		if name == "bare" {
			bare = j.MicrosPerRec
		}
		if bare > 0 {
			j.Ratio = j.MicrosPerRec / bare
		}
		r.Jobs = append(r.Jobs, j)
	}
	if len(starts) > 0 {
		var ms []int64
		for _, d := range starts {
			ms = append(ms, d.Milliseconds())
		}
		r.FirstMedian, r.FirstWorst, r.Starts, r.FirstRecords = median(ms), slices.Max(ms), len(ms), firstRecords
	}
	return r
}

func (r *report) table() string {
	var b strings.Builder
	b.WriteString("| job | records/s | CPU µs per record | to the bare loop | peak memory | rows out | spread of CPU |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, j := range r.Jobs {
		ratio := "-"
		if j.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f x", j.Ratio)
		}
		fmt.Fprintf(&b, "| %s | %.0f k | %.2f | %s | %.0f MB | %d | %.0f %% |\n", j.About, j.RecordsPerSec/1000, j.MicrosPerRec, ratio, j.PeakMB, j.RowsOut, j.Spread*100)
	}
	if r.Starts > 0 {
		fmt.Fprintf(&b, "\nFirst committed record: %d ms after the start of the process (median of %d starts; the slowest took %d ms), with a checkpoint interval of 200 ms.\n",
			r.FirstMedian, r.Starts, r.FirstWorst)
	}
	return b.String()
}

// save writes docs/benchmarks.md and the record of the day.
func (r *report) save() error {
	t, err := template.New("report").Parse(reportText)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, map[string]any{"R": r, "Table": r.table()}); err != nil {
		return err
	}
	if err := os.MkdirAll("docs", 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join("docs", "benchmarks.md"), []byte(b.String()), 0o644); err != nil {
		return err
	}
	j, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join("bench", "record", r.Date+".json")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	say("written: docs/benchmarks.md, %s", file)
	return os.WriteFile(file, append(j, '\n'), 0o644)
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
