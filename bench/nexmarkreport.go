package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// The aims of Nexmark.
const (
	nexmarkMean    = 5.0    // geometric mean of Flink's CPU per event by weir's, at least
	nexmarkLeast   = 2.0    // and of no query less
	nexmarkMemory8 = 1. / 8 // weir's peak memory by Flink's, at most
)

// nexmarkReport is the JSON record of a run, and what nexmark.tmpl makes its part of docs/benchmarks.md of.
type nexmarkReport struct {
	Date, Commit, Command string
	Machine               machine
	Flink                 string
	Events, Rounds        int
	Memory                string // budget of weir
	Lines                 []*nexmarkLine
}

// nexmarkLine is a query.
type nexmarkLine struct {
	Query       string
	Weir, Flink *nexmarkSide `json:",omitempty"`
}

// nexmarkSide is the medians of one engine on a query, and its runs.
type nexmarkSide struct {
	EventsPerSec, MicrosPerEvent, PeakMB float64
	Runs                                 []figures
}

func newNexmarkReport(o options, m machine, memory string) *nexmarkReport {
	return &nexmarkReport{Date: time.Now().UTC().Format(time.DateOnly), Commit: output("git", "rev-parse", "--short", "HEAD"), Machine: m,
		Command: strings.Join(append([]string{"go run ./bench"}, os.Args[1:]...), " "), Flink: fmt.Sprintf("%s, Kafka connector %s", flinkVersion, flinkConnectorVersion),
		Events: o.records, Rounds: o.rounds, Memory: memory}
}

func (r *nexmarkReport) add(query, engine string, m measure) {
	i := slices.IndexFunc(r.Lines, func(l *nexmarkLine) bool { return l.Query == query })
	if i < 0 {
		i = len(r.Lines)
		r.Lines = append(r.Lines, &nexmarkLine{Query: query})
	}
	side := &r.Lines[i].Weir
	if engine == "flink" {
		side = &r.Lines[i].Flink
	}
	if *side == nil {
		*side = &nexmarkSide{}
	}
	(*side).add(figures{m.rate(), m.cpuPerRecord(), float64(m.manager.Nanoseconds()) / 1000 / float64(m.records), float64(m.memory) / (1 << 20)})
}

func (s *nexmarkSide) add(f figures) {
	s.Runs = append(s.Runs, f)
	of := func(get func(figures) float64) float64 {
		var v []float64
		for _, run := range s.Runs {
			v = append(v, get(run))
		}
		return median(v)
	}
	s.EventsPerSec = of(func(f figures) float64 { return f.RecordsPerSec })
	s.MicrosPerEvent = of(func(f figures) float64 { return f.MicrosPerRec })
	s.PeakMB = of(func(f figures) float64 { return f.PeakMB })
}

// compared is the lines that both engines have run.
func (r *nexmarkReport) compared() []*nexmarkLine {
	return slices.DeleteFunc(slices.Clone(r.Lines), func(l *nexmarkLine) bool { return l.Weir == nil || l.Flink == nil })
}

// Table is the lines, and whether the aims are met.
func (r *nexmarkReport) Table() string {
	var b strings.Builder
	b.WriteString("| query | weir, events/s | CPU µs | peak | Flink, events/s | CPU µs | peak | events per CPU second | throughput | memory |\n" +
		"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, l := range r.Lines {
		fmt.Fprintf(&b, "| [%s](../examples/nexmark/%s.sql) | %s | %s |", l.Query, l.Query, l.Weir, l.Flink)
		if l.Weir != nil && l.Flink != nil {
			fmt.Fprintf(&b, " %s | %s | %s |\n", times(l.Flink.MicrosPerEvent/l.Weir.MicrosPerEvent), times(l.Weir.EventsPerSec/l.Flink.EventsPerSec),
				times(l.Weir.PeakMB/l.Flink.PeakMB))
		} else {
			b.WriteString(" | | |\n")
		}
	}
	if both := r.compared(); len(both) > 0 {
		cpu := ratios(both, func(l *nexmarkLine) float64 { return l.Flink.MicrosPerEvent / l.Weir.MicrosPerEvent })
		rate := ratios(both, func(l *nexmarkLine) float64 { return l.Weir.EventsPerSec / l.Flink.EventsPerSec })
		memory := ratios(both, func(l *nexmarkLine) float64 { return l.Weir.PeakMB / l.Flink.PeakMB })
		fmt.Fprintf(&b, "| geometric mean | | | | | | | %s | %s | %s |\n\n", times(geometricMean(cpu)), times(geometricMean(rate)), times(geometricMean(memory)))
		fmt.Fprintf(&b, "Events per CPU second: geometric mean %s, least of all %s. Memory, most of all: %s.\n",
			atLeast(geometricMean(cpu), nexmarkMean), atLeast(slices.Min(cpu), nexmarkLeast), atMost(slices.Max(memory), nexmarkMemory8))
	}
	return b.String()
}

// String is three cells of the table.
func (s *nexmarkSide) String() string {
	if s == nil {
		return "| |"
	}
	return fmt.Sprintf("%.0f k | %.2f | %.0f MB", s.EventsPerSec/1000, s.MicrosPerEvent, s.PeakMB)
}

func ratios(lines []*nexmarkLine, of func(*nexmarkLine) float64) []float64 {
	out := make([]float64, len(lines))
	for i, l := range lines {
		out[i] = of(l)
	}
	return out
}

func geometricMean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(v)))
}

// Refused is which queries are left out and why, a sentence each.
func (r *nexmarkReport) Refused() string {
	var refused string
	for _, q := range nexmarkNames() {
		if why := nexmarkRefused[q]; why != "" {
			refused += fmt.Sprintf(" %s is left out: %s.", q, why)
		}
	}
	return refused
}

// save writes the record of the day, and docs/benchmarks.md.
func (r *nexmarkReport) save() error {
	if err := writeRecord("nexmark-"+r.Date+".json", r); err != nil {
		return err
	}
	return writePage(".")
}
