package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"weir/exec"
	"weir/exec/killpoint"
	"weir/planner/config"
	"weir/state"
)

// The state machine of an epoch n. One epoch is under way at a time: barrier n+1 is not sent before n is
// recorded, so that there is never more than one PREPARED epoch that is not committed, and the rows that the
// sinks hold back are those of one commit.
//
//	RUNNING n-1 committed; rows of n flow
//	   | (1) barrier n to every source task, between two batches           trigger
//	   v
//	ALIGNING tasks snapshot as the barrier passes; sinks hold rows of n+1     align
//	   | (2) every task has acknowledged
//	   v
//	PREPARING state and checkpoint written, sinks flushed beside              prepare
//	   | (3) manifest durable
//	   v
//	PREPARED n
//	   | (4) marker sent in the transaction  (5) transaction committed        mark
//	   v
//	COMMITTED n
//	   | (6) held rows released; n recorded; side effects done                record
//	   v
//	RUNNING n committed
//
// A crash in RUNNING, ALIGNING or PREPARING: the transaction is aborted, the newest manifest is n-1 like the
// marker: go on from n-1. In PREPARED: the marker tells; n-1 -> undo n; n -> go on from n. In COMMITTED: marker and
// manifest are n, (6) is redone. In a job without transactional sinks the manifest is the commit point: sinks are
// flushed before it, (4) and (5) are empty. A failure in any state ends the attempt, and the next one
// starts with the recovery (recovery.go), as a crash would.

// pass is called where the protocol passes named points: test builds kill the process there, and tests in
// this process cut the attempt off.
func (r *Runner) pass(points ...string) error {
	for _, p := range points {
		killpoint.Hit(p)
		if r.o.hook != nil {
			if err := r.o.hook(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// errTransactionExpired marks the failure of an epoch that took longer than its transaction may be open.
var errTransactionExpired = errors.New("the transaction was open for longer than its timeout")

// expiredLimit is how many attempts in a row may end by errTransactionExpired without one committed epoch.
const expiredLimit = 3

// markerAge is the age at which the marker is written again though nothing has happened: the broker forgets the offsets of
// a group after offsets.retention.minutes, a week or a day, and a job that waits for input all that time must find its
// marker when it is started again.
const markerAge = time.Hour

// commitGrace is how long a commit that is under way may go on after a task has failed.
const commitGrace = 5 * time.Second

// coordinate triggers epochs until the input ends, Stop, or the attempt fails.
func (a *attempt) coordinate() error {
	r := a.r
	watch := time.NewTicker(a.watchEvery())
	defer watch.Stop()
	timer := time.NewTimer(r.interval)
	defer timer.Stop()
	if !r.durable {
		timer.Stop()
	}
	running := len(a.tasks)
	ended := a.ended
	for {
		select {
		case <-a.ctx.Done():
			return context.Cause(a.ctx)
		case <-timer.C:
			if err := a.epochIfNew(); err != nil {
				return err
			}
			timer.Reset(max(r.interval-r.clock.Now().Sub(a.triggered), r.pause, time.Millisecond))
		case <-watch.C:
			if a.overdue() {
				if err := a.epochIfNew(); err != nil {
					return err
				}
			}
		case reply := <-r.requests:
			err := a.epochIfNew()
			reply <- checkpointResult{a.last, err}
			if err != nil {
				return err
			}
		case reply := <-r.probes:
			_, err := a.align(&barrier{epoch: a.last + 1, probe: true})
			reply <- err
			if err != nil {
				return err
			}
		case d := <-a.discovered:
			if err := a.assign(d); err != nil {
				return err
			}
		case <-ended:
			if running--; running == 0 {
				r.view.inputEnds()
				return a.lastEpoch()
			}
		case <-r.stop:
			r.view.state(StateStopping)
			for _, s := range a.sourceTasks {
				s.post(command{stop: true})
			}
			return a.lastEpoch()
		}
	}
}

// Checkpoint makes an epoch now, if there is anything new, and returns the last committed one. It waits until
// the job runs. Any goroutine.
func (r *Runner) Checkpoint(ctx context.Context) (exec.Epoch, error) {
	reply := make(chan checkpointResult, 1)
	select {
	case r.requests <- reply:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	select {
	case res := <-reply:
		return res.epoch, res.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Settle returns when every row that the sources had given out when it was called has gone through the whole job. No epoch
// is made. It waits until the job runs, and is for whoever feeds a job row by row: a test. Any goroutine.
func (r *Runner) Settle(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case r.probes <- reply:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watchEvery is how often an early cut is considered.
func (a *attempt) watchEvery() time.Duration {
	every := 100 * time.Millisecond
	if a.committer != nil {
		if t := a.committer.TransactionTimeout() / 30; t > 0 {
			every = min(every, t)
		}
	}
	return max(every, time.Millisecond)
}

// overdue reports that the epoch should be cut before its time: its transaction has been open for a third of what
// the broker bears, or dirty state fills the memory budget.
func (a *attempt) overdue() bool {
	if a.r.store != nil && a.r.store.Pressure() {
		return true
	}
	if a.committer == nil {
		return false
	}
	limit := a.committer.TransactionTimeout() / 3
	since := a.committer.TransactionStarted()
	return limit > 0 && !since.IsZero() && a.r.clock.Now().Sub(since) >= limit
}

// anythingNew reports whether an epoch now would differ from the last one.
func (a *attempt) anythingNew() bool {
	if a.committer != nil && !a.committer.TransactionStarted().IsZero() {
		return true // rows are written that nobody sees yet, whatever made them
	}
	if a.committer != nil && a.r.clock.Now().Sub(a.marked) >= markerAge {
		return true
	}
	for _, t := range a.tasks {
		if t.activity.Load() != a.acked[t] {
			return true
		}
	}
	for _, s := range a.sinkTasks {
		if w, ok := s.writer.(exec.EpochWanter); ok && w.WantsEpoch() {
			return true
		}
	}
	return false
}

// epochIfNew makes an epoch, unless nothing has happened since the last one.
func (a *attempt) epochIfNew() error {
	if !a.anythingNew() {
		a.triggered = a.r.clock.Now()
		return nil
	}
	// A job without checkpoints only gets here when its memory is full: the epoch then moves dirty
	// state to the temporary store and has no other meaning.
	return a.epoch(a.r.store != nil)
}

// lastEpoch commits what the job has done, before it leaves, and waits for the side effects.
func (a *attempt) lastEpoch() error {
	if !a.r.durable {
		if err := a.epoch(false); err != nil {
			return err
		}
	} else if a.anythingNew() {
		if err := a.epoch(true); err != nil {
			return err
		}
	}
	a.finishSideEffects()
	return nil
}

// epoch is one round of the state machine. durable is false for the last round of a job without checkpoints: it
// only flushes the sinks.
func (a *attempt) epoch(durable bool) error {
	r := a.r
	e := a.last + 1
	began := r.clock.Now()
	a.triggered = began
	var opened time.Time
	if a.committer != nil {
		opened = a.committer.TransactionStarted()
	}
	var steps epochSteps
	err := a.makeEpoch(e, durable, &steps)
	took := r.clock.Now().Sub(began)
	if err != nil {
		if opened.IsZero() {
			opened = began
		}
		return a.expired(e, opened, err)
	}
	r.expired = 0
	if r.durable {
		r.view.epoch(e, r.clock.Now(), took, true)
	}
	r.log.Debug("epoch committed", "job", r.job.Name, "epoch", e, "took", took, "align", steps.align, "pause", steps.pause, "prepare", steps.prepare, "flush", steps.flush, "commit", steps.commit, "record", steps.record)
	return nil
}

// epochSteps is how long the parts of an epoch took. pause is the longest time for which the barrier kept a task from rows.
type epochSteps struct{ align, pause, prepare, flush, commit, record time.Duration }

// expired marks err when the transaction timed out under it, and makes it final when that goes on and on.
func (a *attempt) expired(e exec.Epoch, opened time.Time, err error) error {
	if a.committer == nil || reactionTo(err) != reactRestart || a.r.clock.Now().Sub(opened) < a.committer.TransactionTimeout() {
		return err
	}
	a.r.expired++
	if a.r.expired < expiredLimit {
		return fmt.Errorf("%w: %w", err, errTransactionExpired)
	}
	return exec.Fatalf("raise 'properties.transaction.timeout.ms' of the sink (and transaction.max.timeout.ms of the broker, if it is lower), or shorten '"+config.CheckpointInterval+"'",
		fmt.Sprintf("commit epoch %d", e),
		fmt.Errorf("no epoch could be committed within transaction.timeout.ms = %d ms, %d times in a row: %w",
			a.committer.TransactionTimeout().Milliseconds(), expiredLimit, err))
}

func (a *attempt) makeEpoch(e exec.Epoch, durable bool, steps *epochSteps) error {
	at := a.r.clock.Now()
	lap := func(d *time.Duration) {
		now := a.r.clock.Now()
		*d, at = now.Sub(at), now
	}
	acks, err := a.align(&barrier{epoch: e, durable: durable})
	if err != nil {
		return err
	}
	lap(&steps.align)
	m := a.manifest(e)
	var frozen []*state.Frozen
	for _, k := range acks {
		frozen = append(frozen, k.frozen...)
		steps.pause = max(steps.pause, k.paused)
	}
	a.collect(m, acks)
	if !durable {
		if m.Sides, err = a.flush(m.Epoch, func(*sinkTask) bool { return true }); err != nil {
			return err
		}
		a.last = e
		return a.commitSides(m)
	}
	if err := a.prepareWithSinks(m, frozen, steps); err != nil {
		return err
	}
	lap(&steps.prepare)
	if err := a.mark(m); err != nil {
		return err
	}
	lap(&steps.commit)
	if err := a.record(m, acks); err != nil {
		return err
	}
	lap(&steps.record)
	return nil
}

// align is steps 1 and 2: the barrier goes in at the sources, and every task hands over its part as it passes.
func (a *attempt) align(b *barrier) ([]*ack, error) {
	for _, s := range a.sourceTasks {
		s.post(command{barrier: b})
	}
	if err := a.r.pass(killpoint.Step2Before); err != nil {
		return nil, err
	}
	nudge := time.NewTicker(5 * time.Millisecond)
	defer nudge.Stop()
	late := time.NewTimer(a.r.timeout)
	defer late.Stop()
	acks := make([]*ack, 0, len(a.tasks))
	for len(acks) < len(a.tasks) {
		select {
		case k := <-a.acks:
			acks = append(acks, k)
		case <-nudge.C:
			for _, s := range a.sourceTasks {
				s.nudge()
			}
		case <-late.C:
			return nil, exec.Restartf("raise '"+config.CheckpointTimeout+"', or look for the operator or sink that is slow", fmt.Sprintf("make epoch %d", b.epoch),
				fmt.Errorf("%d of %d tasks have not passed the barrier within %s ('%s'): %s", len(a.tasks)-len(acks), len(a.tasks), a.r.timeout, config.CheckpointTimeout, a.missing(acks)))
		case <-a.ctx.Done():
			return nil, context.Cause(a.ctx)
		}
	}
	return acks, a.r.pass(killpoint.Step2After)
}

// missing names the tasks without an ack.
func (a *attempt) missing(acks []*ack) string {
	s := ""
	for _, t := range a.tasks {
		if slices.ContainsFunc(acks, func(k *ack) bool { return k.task == t }) {
			continue
		}
		if s != "" {
			s += ", "
		}
		s += t.name
	}
	return s
}

// manifest begins the manifest of epoch e.
func (a *attempt) manifest(e exec.Epoch) *state.Manifest {
	r := a.r
	return &state.Manifest{
		Job: a.jobID, Name: r.job.Name, Epoch: e, Previous: a.nonce, Fingerprint: r.job.Fingerprint,
		Groups: a.groups, Parallelism: r.parallelism(), Identity: a.identity,
		Sources: map[string][]state.SplitRecord{}, Extra: map[string][]byte{},
	}
}

// collect puts what the tasks handed over into m.
func (a *attempt) collect(m *state.Manifest, acks []*ack) {
	splits := map[*source][]exec.SplitState{}
	watermarks := map[string]exec.Watermark{}
	for _, k := range acks {
		if s := k.task.source; s != nil {
			splits[s.src] = append(splits[s.src], k.splits...)
		}
		for id, wm := range k.watermarks {
			// All subtasks behind a keyed exchange have seen the same watermarks before the barrier; the
			// least is what all of them have promised.
			if had, ok := watermarks[id]; !ok || wm < had {
				watermarks[id] = wm
			}
		}
	}
	for _, s := range a.r.sources {
		slices.SortFunc(splits[s], func(x, y exec.SplitState) int { return compare(x.ID, y.ID) })
		m.Sources[s.id] = s.records(splits[s])
	}
	m.Operators = a.operatorRecords()
	if len(watermarks) > 0 {
		m.Extra[extraWatermarks] = encodeWatermarks(watermarks)
	}
	if len(a.restored) > 0 {
		m.Extra[extraRestored] = a.restored
	}
}

func compare(x, y string) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func encodeWatermarks(w map[string]exec.Watermark) []byte {
	b, err := json.Marshal(w)
	if err != nil {
		panic(err) // a map from strings to numbers always encodes
	}
	return b
}

// sinkTask is a writer as the coordinator sees it.
type sinkTask struct {
	sink    *sink
	subtask int
	writer  exec.SinkWriter
	side    []byte // of the epoch under way
}

// prepareWithSinks is step 3, with the flush of the sinks beside it or before it. Before it: where
// the manifest holds what the flush returns, or where the manifest itself is the commit point.
func (a *attempt) prepareWithSinks(m *state.Manifest, frozen []*state.Frozen, steps *epochSteps) error {
	early := func(s *sinkTask) bool { return a.committer == nil || s.sink.recover != nil }
	sides, err := a.flush(m.Epoch, early)
	if err != nil {
		return err
	}
	m.Sides = sides
	var flushErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		began := a.r.clock.Now()
		_, flushErr = a.flush(m.Epoch, func(s *sinkTask) bool { return !early(s) })
		steps.flush = a.r.clock.Now().Sub(began)
	}()
	err = a.prepare(m, frozen)
	if err != nil {
		a.cancel(err) // the flush must not outlive the attempt
	}
	<-done
	if err != nil {
		return err
	}
	return flushErr
}

// flush brings the rows of epoch e of all writers that which admits out of the process, beside one another.
func (a *attempt) flush(e exec.Epoch, which func(*sinkTask) bool) (map[string][][]byte, error) {
	var wg sync.WaitGroup
	errs := make([]error, len(a.sinkTasks))
	for i, s := range a.sinkTasks {
		if !which(s) {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() {
				if v := recover(); v != nil {
					errs[i] = recovered(s.sink.node.ID, v)
				}
			}()
			if s.side, errs[i] = s.writer.Flush(a.ctx, e); errs[i] != nil {
				errs[i] = fmt.Errorf("table %s: flush epoch %d: %w", s.sink.node.Table.Name, e, errs[i])
			}
		}()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	sides := map[string][][]byte{}
	for _, s := range a.sinkTasks {
		if which(s) && s.side != nil {
			id := s.sink.node.ID
			sides[id] = append(sides[id], s.side)
		}
	}
	return sides, nil
}

// prepare is step 3: the epoch becomes durable.
func (a *attempt) prepare(m *state.Manifest, frozen []*state.Frozen) error {
	r := a.r
	if err := r.pass(killpoint.Step3Before); err != nil {
		return err
	}
	if err := r.store.Prepare(a.ctx, m, frozen, r.checkpoints); err != nil {
		if cause := context.Cause(a.ctx); cause != nil && isCancel(err) {
			return cause
		}
		return fmt.Errorf("prepare epoch %d: %w", m.Epoch, err)
	}
	return r.pass(killpoint.Step3After)
}

// mark is steps 4 and 5: the marker goes into the transaction, and the transaction is committed.
// Without a transaction the manifest was the commit point, and it has been passed.
func (a *attempt) mark(m *state.Manifest) error {
	if err := a.r.pass(killpoint.Step4Before); err != nil {
		return err
	}
	if a.committer == nil {
		return a.r.pass(killpoint.Step4After, killpoint.Step5Before, killpoint.Step5After)
	}
	// A task that fails now has nothing to do with this epoch: the commit may finish, for a while.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(a.ctx))
	defer cancel(nil)
	stop := context.AfterFunc(a.ctx, func() {
		t := time.NewTimer(commitGrace)
		defer t.Stop()
		select {
		case <-t.C:
		case <-a.hard.Done(): // the run was cancelled: leave at once
		case <-ctx.Done():
		}
		cancel(context.Cause(a.ctx))
	})
	defer stop()
	if err := a.committer.Commit(ctx, exec.Marker{Job: m.Job, Epoch: m.Epoch, Nonce: m.Nonce}); err != nil {
		return err
	}
	return a.r.pass(killpoint.Step5After)
}

// record is step 6: everything that waits for the commit.
func (a *attempt) record(m *state.Manifest, acks []*ack) error {
	r := a.r
	if err := r.pass(killpoint.Step6Before); err != nil {
		return err
	}
	if a.committer != nil {
		if err := a.committer.Release(); err != nil {
			return err
		}
	}
	if err := r.store.Commit(m.Epoch); err != nil {
		return fmt.Errorf("record epoch %d: %w", m.Epoch, err)
	}
	a.last, a.nonce, a.marked = m.Epoch, m.Nonce, r.clock.Now()
	if err := a.commitSides(m); err != nil {
		return err
	}
	for _, k := range acks {
		a.acked[k.task] = k.activity
	}
	for _, s := range r.sources {
		if w := a.sources[s]; w != nil { // nil at the start, when there is only where reading begins
			w.committed(m.Epoch, m.Sources[s.id])
		}
	}
	if r.durable {
		r.view.epoch(m.Epoch, r.clock.Now(), 0, false)
	}
	return r.pass(killpoint.Step6After)
}

// commitSides makes the writers' side effects of a committed epoch.
func (a *attempt) commitSides(m *state.Manifest) error {
	for _, s := range a.sinkTasks {
		side := s.side
		s.side = nil
		if err := s.writer.Commit(a.ctx, m.Epoch, side); err != nil {
			return fmt.Errorf("table %s: finish epoch %d: %w", s.sink.node.Table.Name, m.Epoch, err)
		}
	}
	return nil
}

// operatorRecords describes the state tables of every operator.
func (a *attempt) operatorRecords() []state.OperatorRecord {
	var out []state.OperatorRecord
	for _, id := range slices.Sorted(maps.Keys(a.scopes)) {
		out = append(out, state.OperatorRecord{ID: id, Tables: a.scopes[id].Specs()})
	}
	return out
}
