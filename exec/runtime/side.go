package runtime

import (
	"context"
	"fmt"
	"sync"
	"time"

	"weir/exec"
	"weir/state"
)

// sideEffectsWait is how long the end of a job waits for side effects such as the commit of offsets to the user's
// consumer group.
const sideEffectsWait = 5 * time.Second

// sideWorker does for one source what must not hold an epoch up: it tells the source which positions are
// committed, and looks for new splits. One goroutine, so that the two never run beside one another.
type sideWorker struct {
	a    *attempt
	src  *source
	wake chan struct{} // capacity 1: latest was set
	quit chan struct{} // closed: do what is left, then end
	done chan struct{}

	mu     sync.Mutex
	latest *committedPositions // not told yet; a newer epoch replaces an older one
	known  []exec.Split
}

type committedPositions struct {
	epoch  exec.Epoch
	splits []exec.Split
}

// discovery is new splits of a source, or a failure that must end the attempt.
type discovery struct {
	src    *source
	splits []exec.Split
	err    error
}

func newSideWorker(a *attempt, src *source) *sideWorker {
	return &sideWorker{a: a, src: src, known: src.known,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
}

// committed hands over the positions of a committed epoch. Coordinator's goroutine.
func (w *sideWorker) committed(e exec.Epoch, records []state.SplitRecord) {
	splits := make([]exec.Split, len(records))
	for i, r := range records {
		splits[i] = exec.Split{ID: r.ID, State: r.State}
	}
	w.mu.Lock()
	w.latest = &committedPositions{e, splits}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // it has been told already
	}
}

func (w *sideWorker) run(ctx context.Context) {
	defer close(w.done)
	defer func() {
		if v := recover(); v != nil {
			w.a.fail(recovered(w.src.id, v))
		}
	}()
	var tick <-chan time.Time
	if every := w.src.spec.DiscoveryInterval(); every > 0 && !w.src.ends {
		t := time.NewTicker(every)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-w.wake:
			w.tell(ctx)
		case <-tick:
			w.discover(ctx)
		case <-w.quit:
			w.tell(ctx)
			return
		case <-ctx.Done():
			return
		}
	}
}

func (w *sideWorker) tell(ctx context.Context) {
	w.mu.Lock()
	p := w.latest
	w.latest = nil
	w.mu.Unlock()
	if p == nil {
		return
	}
	if err := w.src.spec.Committed(ctx, p.epoch, p.splits); err != nil && ctx.Err() == nil {
		w.a.r.log.Warn("the positions of a committed epoch could not be passed on; the job itself does not need them",
			"table", w.src.table, "epoch", p.epoch, "error", err)
	}
}

// discover looks for new splits. A failure that is not fatal is said once a round and tried again.
func (w *sideWorker) discover(ctx context.Context) {
	w.mu.Lock()
	known := w.known
	w.mu.Unlock()
	splits, err := w.src.spec.Discover(ctx, known)
	if ctx.Err() != nil {
		return
	}
	if err != nil && reactionTo(err) == reactRestart {
		w.a.r.log.Warn("looking for new splits failed, it is tried again", "table", w.src.table, "error", err)
		return
	}
	if err == nil && len(splits) == 0 {
		return
	}
	if err == nil {
		w.mu.Lock()
		w.known = append(known[:len(known):len(known)], splits...)
		w.mu.Unlock()
	} else {
		err = fmt.Errorf("table %s: look for new splits: %w", w.src.table, err)
	}
	select {
	case w.a.discovered <- discovery{w.src, splits, err}:
	case <-w.quit:
	case <-ctx.Done():
	}
}

// assign gives the splits that were found to the subtasks with the fewest.
func (a *attempt) assign(d discovery) error {
	if d.err != nil {
		return d.err
	}
	tasks := a.tasksOf(d.src)
	given := make(map[*sourceTask][]exec.SplitState, len(tasks))
	for _, sp := range d.splits {
		least := tasks[0]
		for _, t := range tasks {
			if a.given[t] < a.given[least] {
				least = t
			}
		}
		a.given[least]++
		given[least] = append(given[least], exec.SplitState{Split: sp, Watermark: exec.MinWatermark})
		a.r.log.Info("new split", "table", d.src.table, "split", sp.ID)
	}
	for t, splits := range given {
		t.post(command{splits: splits})
	}
	return nil
}

// finishSideEffects waits for the last side effects before the job leaves.
func (a *attempt) finishSideEffects() {
	t := time.NewTimer(sideEffectsWait)
	defer t.Stop()
	for _, w := range a.sources {
		close(w.quit)
	}
	for _, w := range a.sources {
		select {
		case <-w.done:
		case <-t.C:
			a.r.log.Warn("side effects of the last epoch were not finished in time; the job itself does not need them", "wait", sideEffectsWait)
			return
		case <-a.ctx.Done():
			return
		}
	}
}
