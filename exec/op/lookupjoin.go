package op

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/lookup"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// lookupJoin asks a table for the rows that belong to those that come. A batch goes through three steps:
//
//	ask    which keys are not known: each of them once, several in one request, several requests at once
//	again  keys without a row, as often and as late as the join says
//	put    each row beside the rows of its key; the rest of the condition over all pairs at once; NULLs where no pair is left
//
// A batch is answered before Process returns, so that nothing is under way at a barrier or a watermark, and rows go out in the order in which they
// came. Only where the join allows another order, rows whose key is to be asked for again are set aside in the state, and the others go on:
//
//	waiting   row -> when it is asked for again; kind 1, times asked 1, the row
//
// Where rows change, what was found for a row may be kept, so that it is taken back as it was put out, whatever the table says by then. Rows that are
// taken back are not asked for:
//
//	found   key of the row -> for each row with it that is there, in the order in which they came, the rows that were found
//
// What a table answers is not the same tomorrow. After a failure rows that were not committed are asked for anew.
type lookupJoin struct {
	node   *physical.LookupJoin
	spec   exec.LookupSpec
	src    exec.Lookup
	limits exec.LookupLimits
	ctx    *exec.TaskContext
	clock  func() time.Time
	stands bool // the clock is a test's
	cache  *lookup.Cache

	types   []types.Type // of the input
	cols    []int
	keyType []types.Type // of the keys that are asked for
	filter  *expr.Filter // of the pairs
	where   *expr.Filter // of the rows that are found
	project *expr.Projection

	keys    state.Keys
	all     []int32
	answers []*lookup.Answer // by row
	asked   []*lookup.Answer
	askRows []int32 // a row of the batch for each of them
	calls   []*call
	found   state.Keys // keys of the rows that were found
	rows    state.Keys
	sel     []int32

	cand   *batch.Batch
	left   []*batch.Vector // columns of cand
	right  []*batch.Vector
	gather []int32
	met    []int32
	kept   []int32
	passed []bool

	memory state.Table // with Keep: found
	ids    state.Keys
	idHash []uint64
	entry  []byte
	list   [][]byte

	waiting timeBuffer // with Waits
	again   *batch.Batch
	times   []uint8 // how often the rows of the batch were asked for before
	now     int64
}

// call is one request.
type call struct {
	keys, out *batch.Batch
	err       error
}

func newLookupJoin(n *physical.LookupJoin, env Env) (exec.Operator, error) {
	if env.Lookup == nil {
		return nil, fmt.Errorf("this is a bug: no lookup of table %s", n.Lookup.Table.Name)
	}
	o := &lookupJoin{node: n, clock: env.Expr.Clock, stands: env.TestClock, cache: lookup.NewCache(n.Lookup.Cache), types: columnTypes(n.Input), now: math.MinInt64}
	if o.clock == nil {
		o.clock = time.Now
	}
	var err error
	if o.spec, err = env.Lookup(n); err != nil {
		return nil, err
	}
	o.cols = scalar.FirstColumns(len(o.types))
	o.keyType = pick(o.types, n.Keys)
	o.cand = batch.New(append(append([]types.Type(nil), o.types...), physical.Types(n.Lookup.Output)...), batch.TargetRows)
	o.left, o.right = o.cand.Cols[:len(o.types)], o.cand.Cols[len(o.types):]
	if n.Filter != nil {
		f, err := expr.CompileFilter(n.Filter, env.Expr)
		if err != nil {
			return nil, err
		}
		o.filter = &f
	}
	if n.Lookup.Filter != nil {
		f, err := expr.CompileFilter(n.Lookup.Filter, env.Expr)
		if err != nil {
			return nil, err
		}
		o.where = &f
	}
	if n.Lookup.Exprs != nil {
		o.project, err = expr.CompileProjection(n.Lookup.Exprs, env.Expr)
	}
	return o, err
}

func (o *lookupJoin) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	o.ctx = ctx
	if o.src, err = o.spec.Lookup(ctx); err != nil {
		return err
	}
	o.limits = o.src.Limits()
	if !o.node.Lookup.Concurrent {
		o.limits.Calls = 1
	}
	if o.node.Keep != nil {
		schema := fmt.Sprintf("lookup-found1 key%d(%s) rows(%s)", batch.KeyFormat, typeList(pick(o.types, o.node.Keep)), typeList(physical.Types(o.node.Lookup.Output)))
		if o.memory, err = st.Table(state.TableSpec{Name: "found", TTL: o.node.TTL, Schema: schema}); err != nil {
			return err
		}
	}
	if !o.node.Waits() {
		return nil
	}
	o.again = batch.New(o.types, batch.TargetRows)
	return o.waiting.open(st, "waiting", fmt.Sprintf("lookup1 (%s)", typeList(o.types)))
}

func (o *lookupJoin) Process(in *batch.Batch, out exec.Emitter) error {
	if in.Rows() == 0 {
		return nil
	}
	o.times = o.times[:0]
	return o.process(in, out)
}

func (o *lookupJoin) process(in *batch.Batch, out exec.Emitter) error {
	pos := positions(in, &o.all)
	if err := o.ask(in, pos); err != nil {
		return err
	}
	if err := o.askAgain(in); err != nil {
		return err
	}
	o.cache.Settle(o.asked, o.clock())
	return o.put(in, pos, out)
}

// ask finds the answer of each row, and asks the table for those that are not known.
func (o *lookupJoin) ask(in *batch.Batch, pos []int32) error {
	batch.EncodeUnhashed(in, o.node.Keys, &o.keys)
	o.answers, o.asked, o.askRows = grow(o.answers, len(pos)), o.asked[:0], o.askRows[:0]
	o.cache.Begin()
	now := o.clock()
	for k, i := range pos {
		o.answers[k] = nil
		if anyNull(in, o.node.Keys, int(i)) || o.memory != nil && !in.Kind(int(i)).Adds() {
			continue
		}
		a, made := o.cache.Get(o.keys.At(k), now)
		if !made && a.Known && !a.Found && o.asks(k) > 0 {
			a.Known, made = false, true // it was kept that there is no row, and this one asks again
		}
		if o.answers[k] = a; made {
			o.asked, o.askRows = append(o.asked, a), append(o.askRows, i)
		}
	}
	if err := o.request(in, o.askRows); err != nil {
		return err
	}
	for _, a := range o.asked {
		a.Known = true
	}
	return nil
}

// askAgain asks for keys without a row once more, after a pause, until there is one or they were asked for often enough.
func (o *lookupJoin) askAgain(in *batch.Batch) error {
	l := &o.node.Lookup
	if l.Retry == 0 || o.node.Waits() {
		return nil
	}
	for range l.Retry {
		rows := o.missing()
		if len(rows) == 0 {
			break
		}
		if err := o.pause(l.Delay); err != nil {
			return err
		}
		if err := o.request(in, rows); err != nil {
			return err
		}
	}
	return nil
}

// missing is the rows whose key was asked for in this batch and has no row.
func (o *lookupJoin) missing() (rows []int32) {
	for i, a := range o.asked {
		if !a.Found {
			rows = append(rows, o.askRows[i])
		}
	}
	return rows
}

func (o *lookupJoin) pause(d time.Duration) error {
	if o.stands {
		d = 0
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-o.ctx.Asking().Done():
		return o.failed(o.ctx.Asking(), context.Cause(o.ctx.Asking()))
	}
}

// smallCall is how many keys are worth a request of their own.
const smallCall = 64

// request asks the table for the keys of rows of in, in as many calls at once as it takes, and adds what comes to the answers.
func (o *lookupJoin) request(in *batch.Batch, rows []int32) error {
	if len(rows) == 0 {
		return nil
	}
	size := max(smallCall, (len(rows)+o.limits.Calls-1)/o.limits.Calls)
	if o.limits.Keys > 0 {
		size = min(size, o.limits.Keys)
	}
	ctx := o.ctx.Asking()
	if d := o.node.Lookup.Timeout; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d, errLookupTimeout)
		defer cancel()
	}
	for len(rows) > 0 {
		n := 0
		for ; n < o.limits.Calls && len(rows) > 0; n++ {
			part := rows[:min(size, len(rows))]
			rows = rows[len(part):]
			c := o.call(n)
			for k, col := range o.node.Keys {
				c.keys.Cols[k].AppendMany(in.Cols[col], part, in.N)
			}
			c.keys.N = len(part)
		}
		if err := o.run(ctx, o.calls[:n]); err != nil {
			return err
		}
		for _, c := range o.calls[:n] {
			if err := o.take(c.out); err != nil {
				return err
			}
		}
	}
	return nil
}

var errLookupTimeout = errors.New("no answer within the timeout")

// call is the n-th request, empty.
func (o *lookupJoin) call(n int) *call {
	if n == len(o.calls) {
		o.calls = append(o.calls, &call{keys: batch.New(o.keyType, smallCall), out: batch.New(physical.Types(o.node.Lookup.Columns), smallCall)})
	}
	c := o.calls[n]
	c.keys.Reset()
	c.out.Reset()
	return c
}

// run makes calls at the same time and waits for them all.
func (o *lookupJoin) run(ctx context.Context, calls []*call) error {
	if len(calls) == 1 {
		return o.failed(ctx, o.src.Find(ctx, calls[0].keys, calls[0].out))
	}
	var wg sync.WaitGroup
	for _, c := range calls {
		wg.Go(func() { c.err = o.src.Find(ctx, c.keys, c.out) })
	}
	wg.Wait()
	for _, c := range calls {
		if c.err != nil {
			return o.failed(ctx, c.err)
		}
	}
	return nil
}

func (o *lookupJoin) failed(ctx context.Context, err error) error {
	if err != nil && o.ctx.Ctx.Err() == nil && errors.Is(context.Cause(ctx), errLookupTimeout) {
		return exec.Restartf("raise 'table.exec.async-lookup.timeout', or 'timeout' of the hint LOOKUP", "look rows of table "+o.node.Lookup.Table.Name+" up",
			fmt.Errorf("%w of %s", errLookupTimeout, o.node.Lookup.Timeout))
	}
	if err != nil && o.ctx.Ctx.Err() == nil && errors.Is(context.Cause(ctx), exec.ErrNoAnswer) {
		return exec.Restartf("see that what it lies in is up", "look rows of table "+o.node.Lookup.Table.Name+" up", exec.ErrNoAnswer)
	}
	return err
}

// take gives the rows that were found to the answers of their keys.
func (o *lookupJoin) take(b *batch.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	batch.EncodeUnhashed(b, o.node.Lookup.Keys, &o.found)
	answer := make([]*lookup.Answer, b.N)
	pos := positions(b, &o.all)
	for k, i := range pos {
		if a := o.cache.Find(o.found.At(k)); a != nil {
			a.Found = true
			answer[i] = a
		}
	}
	if o.where != nil {
		var err error
		if o.sel, err = o.where.Apply(b, o.sel[:0]); err != nil {
			return err
		}
		if b.Sel = o.sel; len(o.sel) == 0 {
			return nil
		}
	}
	pos = positions(b, &o.all)
	rows := b
	if o.project != nil {
		var err error
		if rows, err = o.project.Apply(b); err != nil {
			return err
		}
	}
	batch.EncodeUnhashed(rows, scalar.FirstColumns(len(rows.Cols)), &o.rows)
	data := append([]byte(nil), o.rows.Data...)
	for k, i := range pos {
		if a := answer[i]; a != nil {
			a.Rows = append(a.Rows, data[o.rows.Off[k]:o.rows.Off[k+1]:o.rows.Off[k+1]])
		}
	}
	return nil
}

// put puts the rows of the batch out beside what was found for them.
func (o *lookupJoin) put(in *batch.Batch, pos []int32, out exec.Emitter) error {
	o.begin()
	if o.memory != nil {
		o.idHash = batch.EncodeKeys(in, o.node.Keep, &o.ids, o.idHash)
	}
	var waits state.Keys
	waits.Off = nil
	for k, i := range pos {
		a := o.answers[k]
		if a != nil && !a.Found && o.node.Waits() && o.asks(k) < o.node.Lookup.Retry {
			if waits.Off == nil {
				batch.EncodeUnhashed(in, o.cols, &waits)
			}
			o.wait(in, k, int(i), waits.At(k))
			continue
		}
		found, err := o.partners(in, k, int(i))
		if err != nil {
			return err
		}
		for _, row := range found {
			if err := batch.DecodeKey(row, o.right); err != nil {
				return fmt.Errorf("rows of table %s: %w", o.node.Lookup.Table.Name, err)
			}
			o.met = append(o.met, int32(len(o.gather)))
			o.gather = append(o.gather, i)
		}
		if len(found) == 0 && o.node.Kind.KeepsLeft() {
			for _, v := range o.right {
				v.AppendNull()
			}
			o.gather = append(o.gather, i)
		}
		if len(o.gather) >= batch.TargetRows {
			if err := o.emit(in, out); err != nil {
				return err
			}
		}
	}
	return o.emit(in, out)
}

func (o *lookupJoin) begin() {
	o.cand.Reset()
	o.gather, o.met = o.gather[:0], o.met[:0]
}

// emit puts the pairs out that the condition is true for, and of a left join each row that has none of them with NULLs.
func (o *lookupJoin) emit(in *batch.Batch, out exec.Emitter) error {
	if len(o.gather) == 0 {
		return nil
	}
	b := o.cand
	for c, v := range o.left {
		v.AppendMany(in.Cols[c], o.gather, in.N)
	}
	b.N = len(o.gather)
	if in.Kinds != nil {
		for q, i := range o.gather {
			kind := in.Kind(int(i))
			if o.memory != nil && kind == batch.UpdateBefore {
				kind = batch.Delete // as in Flink: what was found before and what is found now need not belong together
			}
			b.SetKind(q, kind)
		}
	}
	if o.filter != nil && len(o.met) > 0 {
		b.Sel = o.met
		var err error
		if o.sel, err = o.filter.Apply(b, o.sel[:0]); err != nil {
			return err
		}
		b.Sel = o.chosen(o.sel)
	}
	err := error(nil)
	if b.Rows() > 0 {
		err = out.Emit(b)
	}
	o.begin()
	return err
}

// chosen is the rows of cand that go out when sel are those for which the condition is true.
func (o *lookupJoin) chosen(sel []int32) []int32 {
	if !o.node.Kind.KeepsLeft() {
		return sel
	}
	n := len(o.gather)
	o.passed = grow(o.passed, n)
	clear(o.passed)
	for _, q := range sel {
		o.passed[q] = true
	}
	o.kept = o.kept[:0]
	for q := 0; q < n; {
		// The pairs of one row stand together.
		end := q + 1
		for end < n && o.gather[end] == o.gather[q] {
			end++
		}
		any := false
		for p := q; p < end; p++ {
			if o.passed[p] {
				o.kept = append(o.kept, int32(p))
				any = true
			}
		}
		if !any {
			for _, v := range o.right {
				v.SetNull(q)
			}
			o.kept = append(o.kept, int32(q))
		}
		q = end
	}
	return o.kept
}

// asks is how often the k-th row of the batch was asked for before.
func (o *lookupJoin) asks(k int) int {
	if k < len(o.times) {
		return int(o.times[k])
	}
	return 0
}

// wait sets a row aside until its key is asked for again.
func (o *lookupJoin) wait(in *batch.Batch, k, i int, row []byte) {
	entry := append([]byte{byte(in.Kind(i)), byte(o.asks(k) + 1)}, row...)
	key := o.keys.At(k)
	now := o.now
	if now == math.MinInt64 {
		now = o.clock().UnixMicro()
	}
	o.waiting.add(now+o.node.Lookup.Delay.Microseconds(), state.Hash(key), key, entry)
}

// ProcessingTime asks again for the rows whose time has come.
func (o *lookupJoin) ProcessingTime(now int64, out exec.Emitter) (fired bool, err error) {
	o.now = max(o.now, now)
	if !o.node.Waits() {
		return false, nil
	}
	for o.waiting.due(o.now) {
		fired = true
		if err := o.resume(o.now, out); err != nil {
			return true, err
		}
	}
	return fired, nil
}

// resume takes a batch of rows that were set aside up to t.
func (o *lookupJoin) resume(t int64, out exec.Emitter) error {
	b := o.again
	b.Reset()
	times := o.times[:0]
	for b.N < batch.TargetRows && o.waiting.due(t) {
		r := o.waiting.pop()
		if err := decodeRow(o.node.ID, r.row[2:], b.Cols); err != nil {
			return err
		}
		b.EndRow(batch.ChangeKind(r.row[0]))
		times = append(times, r.row[1])
	}
	o.times = times
	return o.process(b, out)
}

// NextTimer is when a row is to be asked for again.
func (o *lookupJoin) NextTimer() int64 {
	if !o.node.Waits() {
		return math.MaxInt64
	}
	return o.waiting.first()
}

// Watermark waits for the rows that were set aside: none may come behind the watermark that was before it.
func (o *lookupJoin) Watermark(wm exec.Watermark, out exec.Emitter) error {
	if !o.node.Waits() || o.now == math.MinInt64 && wm != exec.MaxWatermark {
		return nil // before the clock has been told it is the watermark of a restored job
	}
	for t := o.waiting.first(); t < math.MaxInt64; t = o.waiting.first() {
		if now := o.clock().UnixMicro(); t > now {
			if err := o.pause(time.Duration(t-now) * time.Microsecond); err != nil {
				return err
			}
		}
		o.now = max(o.now, t)
		if err := o.resume(o.now, out); err != nil {
			return err
		}
	}
	return nil
}

func (o *lookupJoin) Snapshot(state.Epoch, exec.Emitter) error {
	if !o.node.Waits() {
		return nil
	}
	return o.waiting.snapshot()
}

func (o *lookupJoin) Close() error {
	if o.src == nil {
		return nil
	}
	src := o.src
	o.src = nil
	return src.Close()
}

var _ exec.ProcessingTimer = (*lookupJoin)(nil)
