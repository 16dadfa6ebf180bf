// Package optest runs operators on rows written as text.
//
// A test file is a datadriven file with these commands:
//
//	plan          makes an operator; the lines say of what, see Plan. Prints ok or the error.
//	run           feeds it, a line a step, and prints the changelog that comes out, as Flink's print connector does.
//	late          prints the number of rows dropped as late, and of rows skipped, since the plan.
//
// The steps of run:
//
//	+I a 1 12s        a row (+I -U +U -D); consecutive rows are one batch. Values are split at spaces and may
//	                  stand in quotes; NULL is NULL. Times are durations since the epoch (12s, -3.5s) or
//	                  2021-03-14T01:30:00
//	--                ends a batch
//	wm 10s            the watermark; wm max ends the input
//	clock +5s         moves the clock of TTLs
//
// Every file runs under each Mode, against one expectation.
package optest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/op"
	"weir/planner/config"
	"weir/planner/types"
	"weir/state"

	"github.com/cockroachdb/datadriven"
)

// Mode is a way to run the steps of a file.
type Mode struct {
	Name string
	// Single makes every row a batch. Operators with mini-batches, whose result depends on batches, are not
	// run so.
	Single bool
	// Restore takes a snapshot after every batch and watermark and goes on with a new operator restored from it,
	// which is told an older watermark first.
	Restore bool
	// Store keeps the state in the real store, and not in memory. Rows are compared without their order.
	Store bool
	// Rescale also changes the number of subtasks each time: 1, 2, 3, 1, ... Rows are compared without their order.
	Rescale bool
}

// Modes is all of them.
var Modes = []Mode{
	{Name: "plain"},
	{Name: "single", Single: true},
	{Name: "restore", Restore: true},
	{Name: "single-restore", Single: true, Restore: true},
	{Name: "rescale", Restore: true, Rescale: true},
	{Name: "store", Store: true},
	{Name: "store-rescale", Single: true, Store: true, Restore: true, Rescale: true},
}

// Groups is the number of key groups in tests.
const Groups = 16

// Run runs the file under all modes. A rewrite of its expectations comes from the plain one.
func Run(t *testing.T, path string) {
	for _, m := range Modes {
		t.Run(m.Name, func(t *testing.T) {
			h := &harness{mode: m, t: t}
			defer h.stop()
			datadriven.RunTest(t, path, h.command)
		})
	}
}

// harness is one operator under test: its plan, its subtasks and their state.
type harness struct {
	t       *testing.T
	mode    Mode
	backend backend
	plan    *Plan
	now     time.Time
	wm      exec.Watermark
	tasks   []*task
	metrics *exec.Metrics
	lines   []string
}

type task struct {
	op  exec.Operator
	ctx *exec.TaskContext
}

func (h *harness) command(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "plan":
		if err := h.start(d.Input); err != nil {
			return "error: " + err.Error() + "\n"
		}
		return "ok\n"
	case "run":
		h.lines = nil
		if err := h.run(d.Input); err != nil {
			h.lines = append(h.lines, "error: "+err.Error())
		}
		if h.mode.Rescale || h.mode.Store {
			want := strings.Split(strings.TrimSuffix(d.Expected, "\n"), "\n")
			if sorted(want) == sorted(h.lines) {
				return d.Expected
			}
		}
		if len(h.lines) == 0 {
			return ""
		}
		return strings.Join(h.lines, "\n") + "\n"
	case "late":
		return fmt.Sprintf("late %d skipped %d\n", h.metrics.Late.Load(), h.metrics.Skipped.Load())
	}
	t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	return ""
}

func sorted(lines []string) string {
	s := slices.Clone(lines)
	slices.Sort(s)
	return strings.TrimSpace(strings.Join(s, "\n"))
}

func (h *harness) start(text string) error {
	p, err := ParsePlan(text)
	if err != nil {
		return err
	}
	h.plan, h.now, h.wm, h.metrics = p, time.Unix(1_000_000, 0), exec.MinWatermark, &exec.Metrics{}
	h.stop()
	h.backend = &memory{clock: h.clock}
	if h.mode.Store {
		if h.backend, err = newStore(h.t.TempDir(), h.clock); err != nil {
			return err
		}
	}
	return h.open(1)
}

// stop closes the store.
func (h *harness) stop() {
	if b, ok := h.backend.(*store); ok {
		if err := b.s.Close(); err != nil {
			h.t.Error(err)
		}
	}
	h.backend = nil
}

func (h *harness) clock() time.Time { return h.now }

// open makes n subtasks that go on from the last snapshot.
func (h *harness) open(n int) error {
	h.tasks = nil
	cfg := config.New()
	if err := cfg.Set(config.MaxParallelism, strconv.Itoa(Groups), config.FromFile); err != nil {
		return err
	}
	for k, v := range h.plan.Settings {
		if err := cfg.Set(k, v, config.FromFile); err != nil {
			return err
		}
	}
	scopes, err := h.backend.scopes(n)
	if err != nil {
		return err
	}
	for i, s := range scopes {
		o, err := h.plan.Operator()
		if err != nil {
			return err
		}
		ctx := &exec.TaskContext{
			Operator: "op", Subtask: i, Parallelism: n, KeyGroups: state.RangeOf(i, Groups, n), Config: cfg, Metrics: h.metrics,
		}
		if err := o.Open(ctx, s); err != nil {
			return err
		}
		h.tasks = append(h.tasks, &task{o, ctx})
	}
	return nil
}

// Emit takes rows from an operator.
func (h *harness) Emit(b *batch.Batch) error {
	for k := range b.Rows() {
		i := b.At(k)
		vals := make([]string, len(b.Cols))
		for c, v := range b.Cols {
			vals[c] = Format(v, i)
		}
		h.lines = append(h.lines, fmt.Sprintf("%s[%s]", b.Kind(i), strings.Join(vals, ", ")))
	}
	return nil
}

func (h *harness) run(text string) error {
	var rows []Row
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		chunks := [][]Row{rows}
		if h.mode.Single && !h.plan.MiniBatch {
			chunks = chunks[:0]
			for _, r := range rows {
				chunks = append(chunks, []Row{r})
			}
		}
		rows = nil
		for _, c := range chunks {
			if err := h.process(c); err != nil {
				return err
			}
			if err := h.restore(); err != nil {
				return err
			}
		}
		return nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		if kind, ok := kindOf(word); ok {
			r, err := h.plan.ParseRow(kind, rest)
			if err != nil {
				return err
			}
			rows = append(rows, r)
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		switch word {
		case "--":
		case "clock":
			d, err := time.ParseDuration(strings.TrimPrefix(rest, "+"))
			if err != nil {
				return err
			}
			h.now = h.now.Add(d)
		case "wm":
			wm := exec.MaxWatermark
			if rest != "max" {
				us, err := ParseTime(rest)
				if err != nil {
					return err
				}
				wm = exec.Watermark(us)
			}
			h.wm = wm
			for _, t := range h.tasks {
				if err := t.op.Watermark(wm, h); err != nil {
					return err
				}
			}
			if err := h.restore(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("unknown step %q", line)
		}
	}
	return flush()
}

func kindOf(s string) (batch.ChangeKind, bool) {
	for k := batch.Insert; k <= batch.Delete; k++ {
		if s == k.String() {
			return k, true
		}
	}
	return 0, false
}

// process gives rows to the subtasks that own their keys. Batches of an odd number of rows go in with a selection, and
// the memory of all is spoiled afterwards.
func (h *harness) process(rows []Row) error {
	all := h.plan.Batch(rows)
	var keys state.Keys
	hashes := batch.EncodeKeys(all, h.plan.KeyColumns(), &keys, nil)
	for n, t := range h.tasks {
		b := batch.New(all.Types(), len(rows))
		var sel []int32
		for i := range rows {
			if state.SubtaskOf(state.KeyGroupOf(hashes[i], Groups), Groups, len(h.tasks)) != n {
				continue
			}
			if len(rows)%2 == 1 { // a row that does not count stands in front
				b.AppendRow(all, i)
			}
			b.AppendRow(all, i)
			sel = append(sel, int32(b.N-1))
		}
		if b.N == 0 {
			continue
		}
		if len(sel) < b.N {
			b.Sel = sel
		}
		err := t.op.Process(b, h)
		spoil(b)
		if err != nil {
			return err
		}
	}
	return nil
}

func spoil(b *batch.Batch) {
	for _, v := range b.Cols {
		for i := range v.Int {
			v.Int[i] = -987654321
		}
		for i := range v.Flt {
			v.Flt[i] = -9.87
		}
		for i := range v.Data {
			v.Data[i] = '#'
		}
		for i := range v.Dec {
			v.Dec[i] = types.Dec{Hi: -1, Lo: 1}
		}
	}
}

// restore goes on with new subtasks, where the mode wants it.
func (h *harness) restore() error {
	if !h.mode.Restore {
		return nil
	}
	for _, t := range h.tasks {
		if err := t.op.Snapshot(1, h); err != nil {
			return err
		}
	}
	if err := h.backend.snapshot(); err != nil {
		return err
	}
	for _, t := range h.tasks {
		if err := t.op.Close(); err != nil {
			return err
		}
	}
	n := 1
	if h.mode.Rescale && len(h.plan.KeyColumns()) > 0 {
		n = len(h.tasks)%3 + 1
	}
	if err := h.open(n); err != nil {
		return err
	}
	older := h.wm
	if older != exec.MinWatermark && older != exec.MaxWatermark {
		older -= 3_600_000_000
	}
	before := len(h.lines)
	for _, t := range h.tasks {
		if err := t.op.Watermark(older, h); err != nil {
			return err
		}
	}
	if len(h.lines) != before {
		return fmt.Errorf("the restored operator put out rows at its first watermark: %v", h.lines[before:])
	}
	return nil
}

// newOperator is op.New, and op.NewSinkGuard for a sink.
func newOperator(p *Plan) (exec.Operator, error) {
	if p.Sink != nil {
		return op.NewSinkGuard(p.Sink, p.Env)
	}
	return op.New(p.Node, p.Env)
}
