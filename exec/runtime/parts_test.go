package runtime

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/runtime/runtimetest"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/types"
)

func showOutput(o valveOutput) string {
	var s []string
	if o.active {
		s = append(s, "active")
	}
	if o.advance {
		s = append(s, fmt.Sprintf("watermark %s", showWatermark(o.wm)))
	}
	if o.idle {
		s = append(s, "idle")
	}
	if s == nil {
		return "-"
	}
	return strings.Join(s, ", ")
}

func showWatermark(wm exec.Watermark) string {
	if wm == exec.MaxWatermark {
		return "max"
	}
	return strconv.FormatInt(int64(wm), 10)
}

// TestValve runs testdata/valve: events of channels, a line each, and what the task forwards.
func TestValve(t *testing.T) {
	datadriven.Walk(t, "testdata/valve", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			n := 2
			d.MaybeScanArgs(t, "channels", &n)
			g := newGate()
			for range n {
				g.add(nil)
			}
			var right []int // the channels of a second input
			d.MaybeScanArgs(t, "right", &right)
			for _, i := range right {
				g.channels[i].input = 1
			}
			restored := int64(exec.MinWatermark)
			d.MaybeScanArgs(t, "restored", &restored)
			v := newValve(g.channels)
			v.restore(exec.Watermark(restored))
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				w := strings.Fields(line)
				i, err := strconv.Atoi(w[0])
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				c := g.channels[i]
				switch w[1] {
				case "idle":
					c.idle = true
				case "active":
					c.idle = false
				case "end":
					c.ended = true
				default:
					n, err := strconv.ParseInt(w[1], 10, 64)
					if err != nil {
						d.Fatalf(t, "%v", err)
					}
					c.promise(exec.Watermark(n))
				}
				fmt.Fprintf(&out, "%s: %s\n", strings.TrimSpace(line), showOutput(v.change()))
			}
			return out.String()
		})
	})
}

// column reads a column of the batch: the expressions of these tests.
type column int

func (c column) Eval(b *batch.Batch, _ []int32) (*batch.Vector, error) { return b.Cols[c], nil }

// TestProgress runs testdata/progress. A line is "rows <split>:<time>[!] ...", in order, ! for a row that is not
// selected; "wait <ms>"; "done <split>"; "add <watermark>"; "tally" for what the splits are up to.
func TestProgress(t *testing.T) {
	datadriven.Walk(t, "testdata/progress", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			idle := 0
			d.MaybeScanArgs(t, "idle", &idle)
			p := &progress{table: "t", column: "ts", current: exec.MinWatermark, expr: column(0), rowTime: column(0),
				timeout: time.Duration(idle) * time.Millisecond, locate: func(row int) string { return fmt.Sprintf("row %d", row) }}
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				w := strings.Fields(line)
				var err error
				switch w[0] {
				case "rows":
					err = p.rows(parseRows(t, w[1:]))
				case "wait":
					n, e := strconv.Atoi(w[1])
					err = e
					p.wait(time.Duration(n) * time.Millisecond)
				case "done":
					n, e := strconv.Atoi(w[1])
					err = e
					p.splits[n].done = true
				case "tally":
					splits, idle, slow := p.tally()
					fmt.Fprintf(&out, "tally: %d splits, %d idle, %d is the slowest\n", splits, idle, slow)
					continue
				case "add":
					n, e := strconv.ParseInt(w[1], 10, 64)
					err = e
					p.add(exec.Watermark(n))
				}
				if err != nil {
					fmt.Fprintf(&out, "%s: %v\n", strings.TrimSpace(line), err)
					continue
				}
				fmt.Fprintf(&out, "%s: %s\n", strings.TrimSpace(line), showOutput(p.combine()))
			}
			return out.String()
		})
	})
}

func parseRows(t *testing.T, words []string) *exec.SourceBatch {
	t.Helper()
	b := batch.New([]types.Type{types.MakeTimestamp(3)}, len(words))
	sb := &exec.SourceBatch{Batch: b}
	all := true
	var sel []int32
	for i, w := range words {
		w, out := strings.CutSuffix(w, "!")
		split, ts, _ := strings.Cut(w, ":")
		n, err := strconv.Atoi(split)
		if err != nil {
			t.Fatal(err)
		}
		if ts == "NULL" {
			b.Cols[0].AppendNull()
		} else {
			v, err := strconv.ParseInt(ts, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			b.Cols[0].AppendInt(v)
		}
		if out {
			all = false
		} else {
			sel = append(sel, int32(i))
		}
		if last := len(sb.Runs) - 1; last >= 0 && sb.Runs[last].Split == n {
			sb.Runs[last].To = i + 1
		} else {
			sb.Runs = append(sb.Runs, exec.SplitRun{Split: n, From: i, To: i + 1})
		}
	}
	b.N = len(words)
	if !all {
		b.Sel = append([]int32{}, sel...)
	}
	return sb
}

// TestRestartStrategy runs testdata/restart: settings as key=value, then the times of failures in seconds. A new attempt
// starts after the pause.
func TestRestartStrategy(t *testing.T) {
	datadriven.Walk(t, "testdata/restart", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			cfg := config.New()
			for _, a := range d.CmdArgs {
				if len(a.Vals) == 0 {
					continue
				}
				if err := cfg.Set("restart-strategy."+a.Key, a.Vals[0], config.FromFile); err != nil {
					return err.Error()
				}
			}
			s, err := newRestartStrategy(cfg, !d.HasArg("without-checkpoints"))
			if err != nil {
				return err.Error()
			}
			s.random = func() float64 { return 0.5 } // the middle of the jitter
			start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			s.begin(start)
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				sec, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				at := start.Add(time.Duration(sec * float64(time.Second)))
				delay, again, why := s.failed(at)
				if !again {
					fmt.Fprintf(&out, "%g s: give up %s\n", sec, why)
					break
				}
				fmt.Fprintf(&out, "%g s: again after %s\n", sec, delay)
				s.begin(at.Add(delay))
			}
			return out.String()
		})
	})
}

// TestGraph runs testdata/graph: SQL, the parallelism, and the pipelines that it is cut into.
func TestGraph(t *testing.T) {
	datadriven.Walk(t, "testdata/graph", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			b := &builder{parallelism: 2, groups: 128, sources: map[physical.Node]*source{}, splits: map[*source]int{}}
			d.MaybeScanArgs(t, "parallelism", &b.parallelism)
			splits := 4
			d.MaybeScanArgs(t, "splits", &splits)
			p, found := planner.Compile([]*diag.File{{Name: "job.sql", Text: d.Input}},
				planner.Options{Registry: runtimetest.Registry(), Functions: fn.Builtins(), Config: config.New()})
			if found.HasErrors() {
				return found.All[0].Title
			}
			job := p.Jobs[0]
			for n := range job.Nodes() {
				switch n.(type) {
				case *physical.Scan, *physical.Values:
					b.sources[n] = &source{id: n.Base().ID}
					b.splits[b.sources[n]] = splits
				}
			}
			g, err := b.build(job)
			if err != nil {
				return err.Error()
			}
			return g.String()
		})
	})
}
