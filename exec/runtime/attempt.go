package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/exec"
	"weir/exec/op"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/state"
)

// attempt is one try at running the job, from recovery to teardown. But for fail it belongs to the
// coordinator's goroutine, which is Run's.
type attempt struct {
	r      *Runner
	hard   context.Context // ends when the run is cancelled from outside
	ctx    context.Context // ends with the attempt; its cause is the first failure
	asks   context.Context // of exec.TaskContext.Answers
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // tasks and side workers

	// By recovery:
	committer exec.Committer // nil: no transactional sink
	instance  string
	identity  []byte
	jobID     string
	groups    int
	last      exec.Epoch // last committed epoch
	nonce     state.Nonce
	marked    time.Time                     // when its marker was written
	restored  []byte                        // extraRestored
	splits    map[*source][]exec.SplitState // to be read, by source

	watermarks map[string]exec.Watermark // restored, of operators with state, by id

	// By build:
	graph       *graph
	tasks       []*task
	sourceTasks []*sourceTask
	sinkTasks   []*sinkTask
	scopes      map[string]*state.OperatorScope // of one subtask of each operator with state
	sources     map[*source]*sideWorker
	given       map[*sourceTask]int // splits handed to each source task
	metered     map[string]*metered
	order       []*metered
	aligned     map[string]*alignGroup // by name
	operators   []exec.Operator
	acks        chan *ack
	ended       chan *task
	discovered  chan discovery

	acked     map[*task]uint64 // activity that the last epoch covers
	triggered time.Time        // start of the last epoch
}

// stopPatience is how long, once the job is told to stop, tasks may wait for answers of others. They come in milliseconds, or not at all.
const stopPatience = 2 * time.Second

// attempt runs the job once: recovery, tasks, epochs, teardown. It returns nil when the job is done.
func (r *Runner) attempt(ctx context.Context) (err error) {
	if r.stopping() {
		return errStopped
	}
	actx, cancel := context.WithCancelCause(ctx)
	asks, noAnswer := context.WithCancelCause(actx)
	a := &attempt{r: r, hard: ctx, ctx: actx, asks: asks, cancel: cancel, splits: map[*source][]exec.SplitState{},
		scopes: map[string]*state.OperatorScope{}, sources: map[*source]*sideWorker{}, given: map[*sourceTask]int{},
		metered: map[string]*metered{}, aligned: map[string]*alignGroup{}, acked: map[*task]uint64{}, discovered: make(chan discovery)}
	defer func() {
		if v := recover(); v != nil {
			err = recovered(r.job.Name, v)
		}
		if cerr := a.close(); err == nil {
			err = cerr
		} else if cerr != nil {
			r.log.Debug("closing after a failure", "job", r.job.Name, "error", cerr)
		}
		r.view.meter(nil)
	}()
	a.wg.Go(func() {
		select {
		case <-r.stop:
		case <-actx.Done():
			return
		}
		t := time.NewTimer(stopPatience)
		defer t.Stop()
		select {
		case <-t.C:
			noAnswer(exec.ErrNoAnswer)
		case <-actx.Done():
		}
	})
	if err := a.prologue(); err != nil {
		return err
	}
	r.view.state(StateRunning)
	a.start()
	r.log.Info("job running", "job", r.job.Name, "from", "epoch "+r.view.committed())
	return a.rootCause(a.coordinate())
}

// rootCause is what the attempt failed of: when a task had failed before, err is as a rule a consequence of it.
func (a *attempt) rootCause(err error) error {
	cause := context.Cause(a.ctx)
	if err == nil || cause == nil || a.ctx.Err() == nil {
		return err
	}
	if isCancel(err) || reactionTo(err) == reactRestart {
		return cause
	}
	return err
}

// prologue is everything before the first row; Stop interrupts it.
func (a *attempt) prologue() error {
	over := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-a.r.stop:
			a.cancel(errStopped)
		case <-over:
		}
	}()
	err := a.recover()
	if err == nil {
		err = a.build()
	}
	close(over)
	<-watching
	if cause := context.Cause(a.ctx); cause != nil && (err == nil || isCancel(err) || errors.Is(cause, errStopped)) {
		return cause
	}
	return err
}

// fail ends the attempt with err, if it is the first. Any goroutine.
func (a *attempt) fail(err error) { a.cancel(err) }

// build makes the tasks of the plan, connects and opens them.
func (a *attempt) build() error {
	r := a.r
	b := &builder{parallelism: r.parallelism(), groups: a.groups, sources: map[physical.Node]*source{}, splits: map[*source]int{}}
	for _, s := range r.sources {
		b.sources[s.node] = s
		b.splits[s] = len(a.splits[s])
	}
	g, err := b.build(r.job)
	if err != nil {
		return err
	}
	a.graph = g
	r.log.Debug("pipelines", "job", r.job.Name, "graph", g.String())
	subtasks := map[*vertex][]*task{}
	n := 0
	for _, v := range g.vertices {
		for i := range v.parallelism {
			t := &task{name: fmt.Sprintf("%s %d/%d", v.id, i+1, v.parallelism), vertex: v, subtask: i, clock: r.clock.Now}
			if v.source == nil {
				t.gate = newGate()
			}
			subtasks[v] = append(subtasks[v], t)
			n++
		}
	}
	a.acks, a.ended = make(chan *ack, n), make(chan *task, n)
	for _, v := range g.vertices {
		for _, t := range subtasks[v] {
			t.acks, t.ended = a.acks, a.ended
			if err := a.open(t, subtasks); err != nil {
				return err
			}
			a.tasks = append(a.tasks, t)
		}
	}
	for _, s := range r.sources {
		if err := a.spread(s); err != nil {
			return err
		}
		a.sources[s] = newSideWorker(a, s)
	}
	ops := make([]metered, len(a.order))
	for i, m := range a.order {
		ops[i] = *m
	}
	r.view.meter(ops)
	return nil
}

// exchange connects t with the downstream subtasks of e.
func (a *attempt) exchange(e *edge, t *task, to []*task) stage {
	if e.mode == edgeForward {
		to = to[t.subtask : t.subtask+1]
	}
	m := a.meter(e.to.id, &physical.Exchange{})
	channels := make([]*channel, len(to))
	for i, d := range to {
		channels[i] = d.gate.add(e.types)
		channels[i].input, channels[i].sender = e.input, m
	}
	return &timedStage{stage: newExchange(a.ctx, e.mode, e.keys, channels, a.groups), metrics: m, watch: &t.watch, counts: true}
}

// meter makes the counters of one subtask of a node.
func (a *attempt) meter(id string, n physical.Node) *exec.Metrics {
	m := a.metered[id]
	if m == nil {
		m = &metered{id: id, kind: strings.TrimPrefix(fmt.Sprintf("%T", n), "*physical.")}
		switch n := n.(type) {
		case *physical.Scan:
			m.source, m.table = true, n.Table.Name
		case *physical.Values:
			m.source = true
		case *physical.Sink:
			m.sink, m.table = true, n.Table.Name
		}
		a.metered[id] = m
		a.order = append(a.order, m)
	}
	c := exec.NewMetrics()
	c.Clock = &a.r.timing
	m.metrics = append(m.metrics, c)
	return c
}

func (a *attempt) taskContext(id string, t *task, m *exec.Metrics) *exec.TaskContext {
	return &exec.TaskContext{Ctx: a.ctx, Answers: a.asks, Job: a.r.job.Name, Operator: id, Subtask: t.subtask, Parallelism: t.vertex.parallelism,
		KeyGroups: state.RangeOf(t.subtask, a.groups, t.vertex.parallelism), Config: a.r.cfg, Log: a.r.log, Metrics: m}
}

// open makes the stages of t, and its reader. subtasks are all tasks.
func (a *attempt) open(t *task, subtasks map[*vertex][]*task) error {
	v := t.vertex
	next, err := a.pipeline(t, v, subtasks)
	if err != nil {
		return err
	}
	t.first = next
	t.inputs = []exec.Emitter{next}
	if timed, ok := next.(*timedStage); ok {
		if st, ok := timed.stage.(*opStage); ok {
			if two, ok := st.op.(exec.TwoInput); ok {
				t.inputs = append(t.inputs, &timedInput{timed, &rightInput{st, two}})
			}
		}
	}
	t.run = t.runInner
	if v.source != nil {
		return a.openSource(t)
	}
	return nil
}

// pipeline makes the stages of v, the last one first, in the task t: v's own, or that of the pipeline that v is a branch of.
func (a *attempt) pipeline(t *task, v *vertex, subtasks map[*vertex][]*task) (next stage, err error) {
	r := a.r
	if e := v.out; e != nil {
		next = a.exchange(e, t, subtasks[e.to])
	}
	if len(v.branches) > 0 {
		f := &forkStage{}
		for _, b := range v.branches {
			s, err := a.pipeline(t, b, subtasks)
			if err != nil {
				return nil, err
			}
			f.branches = append(f.branches, s)
		}
		next = f
	}
	for _, n := range slices.Backward(v.nodes) {
		id := n.Base().ID
		m := a.meter(id, n)
		if s, ok := n.(*physical.Sink); ok {
			if next, err = a.openSink(t, s, m); err != nil {
				return nil, err
			}
			continue
		}
		if stateful(n) && v.parallelism > 1 && !v.keyed() {
			return nil, bug(id, "keyed state in a pipeline of %d subtasks that is not fed by keys", v.parallelism)
		}
		o, err := op.New(n, r.operatorEnv())
		if err != nil {
			return nil, fmt.Errorf("operator %s: %w", id, err)
		}
		var late [2]stage
		for i, l := range n.Base().Late {
			if l == nil {
				continue
			}
			main := t.sink
			if late[i], err = a.openSink(t, l.Sink, a.meter(l.Sink.ID, l.Sink)); err != nil {
				return nil, err
			}
			t.sink = main
		}
		if next, err = a.openOp(t, n, o, m, next, late, stateful(n)); err != nil {
			return nil, err
		}
	}
	if first := v.branchOf == nil || len(v.branchOf.nodes) == 0; first && len(v.nodes) > 0 {
		t.heads = append(t.heads, t.ops[0].id)
	}
	return next, nil
}

// readsWatermark reports an operator whose expressions have CURRENT_WATERMARK in them.
func readsWatermark(n physical.Node) bool {
	c, ok := n.(*physical.Calc)
	if !ok {
		return false
	}
	for _, e := range append(slices.Clone(c.Exprs), c.Filter) {
		if _, found := scalar.FindCall(e, fn.CurrentWatermark); found {
			return true
		}
	}
	return false
}

// openOp opens one operator of t with its state.
func (a *attempt) openOp(t *task, n physical.Node, o exec.Operator, m *exec.Metrics, next stage, late [2]stage, keeps bool) (stage, error) {
	a.operators = append(a.operators, o)
	id := n.Base().ID
	st := newOpStage(id, o, m, next)
	for _, l := range late {
		if l != nil {
			st.late = append(st.late, l)
		}
	}
	st.keeps = keeps || readsWatermark(n)
	var scope state.Scope
	ctx := a.taskContext(id, t, m)
	if keeps {
		st.scope = a.r.store.Scope(id, ctx.KeyGroups)
		scope = st.scope
		a.scopes[id] = st.scope
	}
	for i, l := range late {
		if l != nil {
			ctx.Late[i] = lateRows(n.Base().Late[i], l)
		}
	}
	if err := o.Open(ctx, scope); err != nil {
		return nil, fmt.Errorf("open operator %s: %w", id, err)
	}
	if d, ok := o.(exec.WatermarkDelayer); ok {
		st.delay = d.WatermarkDelay()
	}
	t.ops = append([]*opStage{st}, t.ops...)
	if st.timer != nil {
		t.timers = append([]*opStage{st}, t.timers...)
	}
	return &timedStage{stage: st, metrics: m, watch: &t.watch, scope: st.scope}, nil
}

func (a *attempt) openSink(t *task, n *physical.Sink, m *exec.Metrics) (stage, error) {
	i := slices.IndexFunc(a.r.sinks, func(s *sink) bool { return s.node == n })
	s := a.r.sinks[i]
	var c exec.Committer
	if s.spec.Transactional() != nil {
		c = a.committer
	}
	w, err := s.spec.Writer(a.taskContext(n.ID, t, m), c)
	if err != nil {
		return nil, fmt.Errorf("open table %s to write: %w", n.Table.Name, err)
	}
	a.sinkTasks = append(a.sinkTasks, &sinkTask{sink: s, subtask: t.subtask, writer: w})
	t.sink = &sinkStage{node: n, writer: w, metrics: m, wm: exec.MinWatermark}
	guard, err := op.NewSinkGuard(n, a.r.operatorEnv())
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", n.Table.Name, err)
	}
	gn := &sinkGuardNode{}
	gn.ID = n.ID + "-guard"
	timed := &timedStage{stage: t.sink, metrics: m, watch: &t.watch}
	return a.openOp(t, gn, guard, a.meter(gn.ID, gn), timed, [2]stage{}, false)
}

// sinkGuardNode gives the sink's guard a name in the status.
type sinkGuardNode struct{ physical.Calc }

func (a *attempt) openSource(t *task) error {
	r := a.r
	src := t.vertex.source
	m := a.meter(src.id, src.node)
	reader, err := src.spec.Reader(a.taskContext(src.id, t, m))
	if err != nil {
		return fmt.Errorf("open table %s to read: %w", src.table, err)
	}
	p := &progress{table: src.table, current: exec.MinWatermark, locate: locator(src.table, reader)}
	s := &sourceTask{src: src, task: t, reader: reader, progress: p, metrics: m, now: r.clock.Now, signal: make(chan struct{}, 1)}
	a.sourceTasks = append(a.sourceTasks, s)
	t.source, t.run = s, s.run
	if src.scan == nil || src.scan.Watermark == nil {
		return nil
	}
	w := src.scan.Watermark
	p.column, p.timeout, p.onEvent, p.exact, p.every, p.now = w.Name, w.Idle, w.OnEvent, w.Exact && w.RowTime != nil, w.Every, r.clock.Now
	if g := w.Alignment; g != nil {
		if a.aligned[g.Group] == nil {
			a.aligned[g.Group] = &alignGroup{}
		}
		s.group = a.aligned[g.Group].join(g)
	}
	if p.expr, err = r.compile(w.Expr); err != nil {
		return fmt.Errorf("table %s: WATERMARK: %w", src.table, err)
	}
	if w.RowTime != nil {
		if p.rowTime, err = r.compile(w.RowTime); err != nil {
			return fmt.Errorf("table %s: row time %s: %w", src.table, w.Name, err)
		}
	}
	return nil
}

func (a *attempt) tasksOf(s *source) []*sourceTask {
	var out []*sourceTask
	for _, t := range a.sourceTasks {
		if t.src == s {
			out = append(out, t)
		}
	}
	return out
}

// spread gives the splits of s to its subtasks, in turn by name, so that each gets as many.
func (a *attempt) spread(s *source) error {
	splits := slices.Clone(a.splits[s])
	slices.SortStableFunc(splits, func(x, y exec.SplitState) int { return compare(x.ID, y.ID) })
	tasks := a.tasksOf(s)
	parts := make([][]exec.SplitState, len(tasks))
	for i, sp := range splits {
		parts[i%len(tasks)] = append(parts[i%len(tasks)], sp)
	}
	for i, t := range tasks {
		if err := t.add(parts[i]); err != nil {
			return fmt.Errorf("table %s: start reading: %w", s.table, err)
		}
		a.given[t] = len(parts[i])
		a.acked[t.task] = t.task.activity.Load()
	}
	return nil
}

// start lets the tasks go.
func (a *attempt) start() {
	a.triggered = a.r.clock.Now()
	for _, t := range a.tasks {
		a.wg.Add(1)
		go func() {
			defer a.wg.Done()
			defer func() {
				if v := recover(); v != nil {
					a.fail(recovered(t.name, v))
				}
			}()
			if err := t.restore(a.watermarks); err != nil {
				a.fail(err)
				return
			}
			if err := t.run(a.ctx); err != nil && a.ctx.Err() == nil {
				a.fail(err)
			}
		}()
	}
	for _, w := range a.sources {
		a.wg.Add(1)
		go func() {
			defer a.wg.Done()
			w.run(a.ctx)
		}()
	}
}

// restore gives the operators, and the valve before them, the watermarks that they had at the epoch the job goes on from.
func (t *task) restore(watermarks map[string]exec.Watermark) error {
	if t.gate != nil {
		t.valve = newValve(t.gate.channels)
		if wm, ok := watermarks[t.valveID()]; ok {
			t.valve.restore(wm)
		}
	}
	for _, o := range slices.Backward(t.ops) {
		if wm, ok := watermarks[o.id]; ok {
			if err := o.restore(wm); err != nil {
				return err
			}
		}
	}
	return nil
}

// errTornDown is the cause of a context whose attempt has ended without failure.
var errTornDown = errors.New("the attempt is over")

// close joins and closes everything that the attempt made. What Open was called on is closed also when it failed.
func (a *attempt) close() error {
	a.cancel(errTornDown)
	for _, s := range a.sourceTasks {
		s.reader.Wake()
	}
	a.wg.Wait()
	var errs []error
	add := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", what, err))
		}
	}
	for _, s := range a.sourceTasks {
		add("table "+s.src.table, s.reader.Close())
	}
	for _, o := range a.operators {
		add("an operator", o.Close())
	}
	for _, s := range a.sinkTasks {
		add("table "+s.sink.node.Table.Name, s.writer.Close())
	}
	if a.committer != nil {
		add("the transactions", a.committer.Close())
	}
	return errors.Join(errs...)
}
