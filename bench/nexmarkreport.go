package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
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

// nexmarkReport is the JSON record of a run, and its part of docs/benchmarks.md.
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

// table is the lines, and whether the aims are met.
func (r *nexmarkReport) table() string {
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

// The part of docs/benchmarks.md that is Nexmark's stands between these lines; a run of the other jobs hands it on.
const nexmarkBegins, nexmarkEnds = "<!-- go run ./bench nexmark -->\n", "<!-- end -->\n"

// nexmarkPart cuts a page into what is before Nexmark's part, the part with its marks, and what is behind it.
func nexmarkPart(page string) (before, part, after string, err error) {
	before, rest, found := strings.Cut(page, nexmarkBegins)
	if !found {
		return "", "", "", errors.New("docs/benchmarks.md has no line " + strings.TrimSpace(nexmarkBegins))
	}
	part, after, found = strings.Cut(rest, nexmarkEnds)
	if !found {
		return "", "", "", errors.New("docs/benchmarks.md has no line " + strings.TrimSpace(nexmarkEnds))
	}
	return before, nexmarkBegins + part + nexmarkEnds, after, nil
}

// text is the part of the page.
func (r *nexmarkReport) text() string {
	var refused string
	for _, q := range nexmarkNames() {
		if why := nexmarkRefused[q]; why != "" {
			refused += fmt.Sprintf(" %s is left out: %s.", q, why)
		}
	}
	return nexmarkBegins + fmt.Sprintf(`## Nexmark

The queries of the [Nexmark](../examples/nexmark) benchmark on weir and on Flink (%s), over the same topics of %d events, in turns, medians of %d rounds, weir at commit %s,
%s. What comes out is dropped, as the published benchmark does it; that both come to the same results is held by the tests of the examples. Checkpoints every 5 s; parallelism 2. weir: the whole
process from its start to its end, with a budget of %s for each of them: an eighth of what Flink takes of the queries without state. What more state there is lies on disk. Flink: RocksDB, other settings its own, measured warm and without its boot, as [below](#what-the-figures-mean). CPU is that of the engine's
processes, by events of all kinds; a ratio above 1 x is in weir's favour but for memory.%s

`, r.Flink, r.Events, r.Rounds, r.Commit, r.Date, r.Memory, refused) + r.table() + fmt.Sprintf("\nLoad before: %.1f. All figures are in `bench/record/nexmark-%s.json`; `%s` repeats them.\n",
		r.Machine.Load, r.Date, r.Command) + nexmarkEnds
}

// save writes Nexmark's part of docs/benchmarks.md, and the record of the day.
func (r *nexmarkReport) save() error {
	file := filepath.Join("docs", "benchmarks.md")
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, _, after, err := nexmarkPart(string(page))
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(before+r.text()+after), 0o644); err != nil {
		return err
	}
	j, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	record := filepath.Join("bench", "record", "nexmark-"+r.Date+".json")
	say("written: %s, %s", file, record)
	return os.WriteFile(record, append(j, '\n'), 0o644)
}
