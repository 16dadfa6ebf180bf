package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weir/exec"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/state"
)

// Names in Manifest.Extra.
const (
	extraWatermarks = "watermarks"    // JSON: operator id -> watermark at the barrier
	extraRestored   = "restored-from" // nonce of the checkpoint that the user once asked to start from
)

// recover finds out where the job stands and brings state and sources there: the start sequence
// of the protocol. When it returns, the next epoch is a.last+1 and every split is known.
func (a *attempt) recover() error {
	r := a.r
	if !r.durable {
		return a.startAfresh()
	}
	if err := a.openState(); err != nil {
		return err
	}
	asked, askedIn, err := a.askedCheckpoint()
	if err != nil {
		return err
	}
	if r.committing != nil {
		var fixed []byte
		if m := r.store.Manifest(); m != nil {
			fixed = m.Identity
		}
		if err := a.connect(fixed); err != nil {
			return err
		}
	}

	// First without fencing anybody: a mistyped prefix must not stop a healthy job. The broker shows a marker some time after it has said that it is
	// committed, and an instance that still runs goes on meanwhile, and may delete the very checkpoint that its marker named a moment ago. So before a
	// start is refused pending commits are waited for; and where the checkpoint is not there it looks again, until the marker has stood still for a
	// while.
	var found situation
	var act action
	var before *exec.Marker
	settled, still := false, 0
	for range maxSurveys {
		found, act, err = a.survey(asked, askedIn, exec.Committer.Peek)
		if err != nil && act.kind == actRefuse && act.reason != refuseForeign && a.committer != nil && !settled {
			if err := a.committer.Settle(a.ctx); err != nil {
				return err
			}
			settled = true
			continue
		}
		if err == nil || found.marker == nil || found.checkpoint != nil || r.checkpoints == nil {
			break
		}
		if before == nil || *before != *found.marker {
			before, still = found.marker, 0
		}
		if still++; still == stillSurveys {
			break
		}
		select {
		case <-a.ctx.Done():
			return context.Cause(a.ctx)
		case <-time.After(surveyPause):
		}
	}
	if err == nil {
		err = a.beforeClaim()
	}
	if err == nil && a.committer != nil {
		found, act, err = a.survey(asked, askedIn, exec.Committer.Claim)
	}
	if err != nil {
		return err
	}
	r.log.Debug("recovery decided", "job", r.job.Name, "action", act.kind.String(), "from", act.from.String())
	return a.execute(act, found, askedIn)
}

// A start that is refused for want of a checkpoint has seen one marker stillSurveys times, surveyPause after one another: a second; or
// others all the time, maxSurveys times.
const (
	stillSurveys = 11
	surveyPause  = 100 * time.Millisecond
	maxSurveys   = 100
)

// survey looks, decides, and refuses what must not go on. read is Peek or Claim.
func (a *attempt) survey(asked *state.Manifest, askedIn *state.Checkpoints, read func(exec.Committer, context.Context) (exec.Marker, bool, error)) (situation, action, error) {
	found, err := a.look(asked, read)
	if err != nil {
		return found, action{}, err
	}
	act := decide(found)
	return found, act, a.check(act, found, askedIn)
}

// connect opens the committer. fixed is the identity in a manifest, nil at a first start.
func (a *attempt) connect(fixed []byte) error {
	r := a.r
	a.instance = randomID()
	c, err := r.committing.Open(a.ctx, &exec.JobContext{Name: r.job.Name, Instance: a.instance, Config: r.cfg, Log: r.log})
	if err != nil {
		return fmt.Errorf("connect to the transactions of job %s: %w", r.job.Name, err)
	}
	a.committer = c
	a.identity, err = c.Identity(a.ctx, fixed)
	return err
}

// reclaim claims the job once more, by the identity of a checkpoint that has just been restored. Another
// instance may hold the transactional id that it names, or have its owner elsewhere: what was claimed before did not touch it.
//
// found is the marker that was decided by.
func (a *attempt) reclaim(m *state.Manifest, found *exec.Marker) error {
	if err := a.committer.Close(); err != nil {
		return fmt.Errorf("close the transactions of job %s: %w", a.r.job.Name, err)
	}
	a.committer = nil
	if err := a.connect(m.Identity); err != nil {
		return err
	}
	marker, ok, err := a.committer.Claim(a.ctx)
	if err != nil {
		return err
	}
	if ok != (found != nil) || ok && marker != *found {
		return exec.Restartf("", "start job "+a.r.job.Name, fmt.Errorf("another instance went on to epoch %d while epoch %d was restored", marker.Epoch, m.Epoch))
	}
	return nil
}

// beforeClaim tells the sinks with side data that earlier instances are about to be fenced.
func (a *attempt) beforeClaim() error {
	for _, s := range a.r.sinks {
		if s.recover == nil {
			continue
		}
		if err := s.recover.BeforeClaim(a.ctx); err != nil {
			return fmt.Errorf("table %s: %w", s.node.Table.Name, err)
		}
	}
	return nil
}

// startAfresh is the start of a job without checkpoints: temporary state where operators need some,
// and every attempt begins where the sources' options say.
func (a *attempt) startAfresh() error {
	r := a.r
	if r.stateful {
		if err := r.closeStore(); err != nil {
			return err
		}
		if err := r.openStore(""); err != nil {
			return err
		}
		if err := r.store.Start(nil, r.groups()); err != nil {
			return fmt.Errorf("start with empty state: %w", err)
		}
	}
	a.groups = r.groups()
	return a.discover(nil)
}

func (r *Runner) openStore(dir string) error {
	temporary := dir == ""
	if temporary {
		t, err := os.MkdirTemp("", "weir-state-")
		if err != nil {
			return fmt.Errorf("make a temporary state directory: %w", err)
		}
		r.tempDir, dir = t, t
	}
	memory := r.o.Memory
	if memory == 0 {
		memory = exec.MemoryOf(r.cfg).State
	}
	st, err := state.Open(dir, state.Options{Log: r.log, FS: r.o.FS, Clock: r.clock.Now, Memory: memory, Lazy: temporary, Job: r.job.Name})
	if err != nil {
		return atOnce("say with --state-dir where the job may keep its state", "open the state of job "+r.job.Name, err)
	}
	r.store = st
	return nil
}

// atOnce stops the job for an error that another attempt would meet again; one that says its reaction itself keeps it.
func atOnce(help, doing string, err error) error {
	if reactionTo(err) == reactRestart && !errors.Is(err, exec.ErrRestart) {
		return exec.Fatalf(help, doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// openState opens the store and the checkpoint directory, once a run.
func (a *attempt) openState() error {
	r := a.r
	if r.store == nil {
		if err := r.openStore(r.o.StateDir); err != nil {
			return err
		}
	}
	if m := r.store.Manifest(); m != nil && m.Name != r.job.Name {
		return &state.OtherJobError{Dir: r.o.StateDir, Found: m.Name, Want: r.job.Name}
	}
	dir := r.cfg.String(config.CheckpointDir)
	if dir == "" || r.checkpoints != nil {
		return nil
	}
	cp, err := state.OpenCheckpoints(dir, r.job.Name, max(1, r.cfg.Int(config.CheckpointRetained)), r.o.FS)
	if err != nil {
		return atOnce("name a directory that this user may write to", fmt.Sprintf("open '%s' = '%s'", config.CheckpointDir, dir), err)
	}
	r.checkpoints = cp
	return nil
}

// askedCheckpoint resolves Options.Restore; nil when there is none.
func (a *attempt) askedCheckpoint() (*state.Manifest, *state.Checkpoints, error) {
	path := a.r.o.Restore
	if path == "" {
		return nil, nil, nil
	}
	fail := func(cause error) error {
		return exec.Fatalf("give the folder of one checkpoint, as it lies under '"+config.CheckpointDir+"', or the job's folder there for its newest checkpoint",
			"restore from "+path, cause)
	}
	dir := path
	if u, err := url.Parse(path); err == nil && u.Scheme == "file" {
		dir = u.Path
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, fail(err)
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, nil, fail(err)
	}
	job, one := dir, ""
	if strings.HasPrefix(filepath.Base(dir), "chk-") {
		job, one = filepath.Dir(dir), filepath.Base(dir)
	}
	cp, err := state.OpenCheckpoints(filepath.Dir(job), filepath.Base(job), 1, a.r.o.FS)
	if err != nil {
		return nil, nil, fail(err)
	}
	all, err := cp.List()
	if err != nil {
		return nil, nil, fail(err)
	}
	for _, m := range slices.Backward(all) {
		if one == "" || m.Checkpoint != nil && filepath.Base(m.Checkpoint.Path) == one {
			return m, cp, nil
		}
	}
	return nil, nil, fail(errors.New("there is no complete checkpoint"))
}

func historyOf(m *state.Manifest) *history {
	if m == nil {
		return nil
	}
	return &history{job: m.Job, epoch: m.Epoch, nonce: m.Nonce, previous: m.Previous}
}

// look gathers what decide needs. read is Peek or Claim.
func (a *attempt) look(asked *state.Manifest, read func(exec.Committer, context.Context) (exec.Marker, bool, error)) (situation, error) {
	r := a.r
	local := r.store.Manifest()
	s := situation{transactional: a.committer != nil, local: historyOf(local), previous: historyOf(r.store.Previous()), asked: historyOf(asked)}
	if local != nil {
		e, ok := r.store.Committed()
		s.recorded = ok && e == local.Epoch
		s.restored = state.Nonce(local.Extra[extraRestored])
	}
	if a.committer != nil {
		m, ok, err := read(a.committer, a.ctx)
		if err != nil {
			return s, err
		}
		if ok {
			s.marker = &m
		}
	}
	if r.o.AcceptEpoch != nil {
		e := exec.Epoch(*r.o.AcceptEpoch)
		s.accept = &e
	}
	if r.checkpoints == nil {
		return s, nil
	}
	if s.marker != nil {
		m, ok, err := r.checkpoints.Find(s.marker.Epoch, s.marker.Nonce)
		if err != nil {
			return s, fmt.Errorf("look for the checkpoint of epoch %d: %w", s.marker.Epoch, err)
		}
		if ok {
			s.checkpoint = historyOf(m)
		}
	}
	if s.marker != nil && s.accept == nil {
		return s, nil
	}
	all, err := r.checkpoints.List()
	if err != nil {
		return s, fmt.Errorf("list the checkpoints: %w", err)
	}
	for _, m := range all {
		if s.marker == nil {
			s.checkpoint = historyOf(m) // the newest comes last
		}
		if s.accept != nil && m.Epoch == *s.accept && (s.acceptable == nil || !s.acceptable.is(s.marker)) {
			s.acceptable = historyOf(m)
		}
	}
	return s, nil
}

// check refuses what must not go on: by the table, or because the snapshot does not fit the plan.
func (a *attempt) check(act action, s situation, askedIn *state.Checkpoints) error {
	if act.kind == actRefuse {
		return a.refuse(act.reason, act.from, s)
	}
	if act.kind == actFresh {
		return nil
	}
	m, err := a.manifestOf(act, askedIn)
	if err != nil {
		return err
	}
	return a.fits(m)
}

// manifestOf is the manifest that act goes on from.
func (a *attempt) manifestOf(act action, askedIn *state.Checkpoints) (*state.Manifest, error) {
	switch act.kind {
	case actContinue:
		return a.r.store.Manifest(), nil
	case actUndo:
		return a.r.store.Previous(), nil
	}
	cp := a.r.checkpoints
	if act.asked {
		cp = askedIn
	}
	m, ok, err := cp.Find(act.from.epoch, act.from.nonce)
	if err == nil && !ok {
		err = errors.New("it has gone")
	}
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint of %s: %w", act.from, err)
	}
	return m, nil
}

// execute does what was decided.
func (a *attempt) execute(act action, s situation, askedIn *state.Checkpoints) error {
	r := a.r
	if act.kind == actFresh {
		return a.firstStart()
	}
	var m *state.Manifest
	var err error
	switch act.kind {
	case actContinue:
		m = r.store.Manifest()
	case actUndo:
		r.log.Info("undoing an epoch that was prepared and never committed", "job", r.job.Name, "epoch", s.local.epoch)
		if err := r.store.Undo(act.from.epoch); err != nil {
			return fmt.Errorf("undo epoch %d: %w", s.local.epoch, err)
		}
		m = r.store.Manifest()
	case actRestore:
		cp := r.checkpoints
		if act.asked {
			cp = askedIn
		}
		r.log.Info("restoring from a checkpoint", "job", r.job.Name, "epoch", act.from.epoch)
		if m, err = r.store.RestoreFrom(a.ctx, cp, act.from.epoch, act.from.nonce); err != nil {
			return fmt.Errorf("restore epoch %d from its checkpoint: %w", act.from.epoch, err)
		}
		if a.committer != nil && m.Identity != nil {
			claimed := a.identity
			if a.identity, err = a.committer.Identity(a.ctx, m.Identity); err != nil {
				return err
			}
			if !bytes.Equal(m.Identity, claimed) {
				if err := a.reclaim(m, s.marker); err != nil {
					return err
				}
			}
		}
	}
	if m == nil || m.Epoch != act.from.epoch || m.Nonce != act.from.nonce {
		return bug(r.job.Name, "recovery went to %v instead of %s", m, act.from)
	}
	a.groups = m.Groups
	if err := r.store.Start(m, a.groups); err != nil {
		return fmt.Errorf("load the state of epoch %d: %w", m.Epoch, err)
	}
	a.jobID, a.last, a.nonce, a.restored = m.Job, m.Epoch, m.Nonce, m.Extra[extraRestored]
	a.marked = m.Made
	if act.asked {
		a.restored = []byte(m.Nonce)
	}
	if w := m.Extra[extraWatermarks]; len(w) > 0 {
		if err := json.Unmarshal(w, &a.watermarks); err != nil {
			return &state.CorruptError{Path: r.o.StateDir, What: fmt.Sprintf("watermarks in the manifest of epoch %d", m.Epoch), Cause: err}
		}
	}
	if act.remark && a.committer != nil {
		if err := a.committer.Commit(a.ctx, exec.Marker{Job: m.Job, Epoch: m.Epoch, Nonce: m.Nonce}); err != nil {
			return err
		}
	}
	if e, ok := r.store.Committed(); !ok || e != m.Epoch {
		if err := r.store.Commit(m.Epoch); err != nil {
			return fmt.Errorf("record epoch %d: %w", m.Epoch, err)
		}
	}
	if a.committer != nil {
		if err := a.committer.Release(); err != nil {
			return err
		}
	}
	for _, s := range r.sinks {
		if s.recover == nil {
			continue
		}
		if err := s.recover.Recover(a.ctx, m.Epoch, m.Sides[s.node.ID]); err != nil {
			return fmt.Errorf("table %s: finish epoch %d: %w", s.node.Table.Name, m.Epoch, err)
		}
	}
	r.view.epoch(m.Epoch, m.Made, 0, false)
	// The wishes of the command line hold once: later attempts follow the rules.
	r.o.AcceptEpoch, r.o.Restore = nil, ""
	return a.discover(m.Sources)
}

// firstStart resolves where the sources begin and makes epoch 0 of it, before the first record is read.
func (a *attempt) firstStart() error {
	r := a.r
	a.groups, a.jobID = r.groups(), randomID()
	if err := r.store.Start(nil, a.groups); err != nil {
		return fmt.Errorf("start with empty state: %w", err)
	}
	if err := a.discover(nil); err != nil {
		return err
	}
	return a.commitPositions(0)
}

// discover asks every source for its splits. had is the restored ones by source, nil at a first start.
func (a *attempt) discover(had map[string][]state.SplitRecord) error {
	r := a.r
	fresh := 0
	for _, s := range r.sources {
		s.finished, s.known = nil, nil
		a.splits[s] = nil
		for _, rec := range had[s.id] {
			sp := exec.Split{ID: rec.ID, State: rec.State}
			s.known = append(s.known, sp)
			if rec.Done {
				s.finished = append(s.finished, rec)
				continue
			}
			a.splits[s] = append(a.splits[s], exec.SplitState{Split: sp, Watermark: exec.Watermark(rec.Watermark)})
		}
		if had != nil && had[s.id] == nil {
			fresh++ // a source that the restored job did not have
		} else if had != nil && s.known == nil {
			s.known = []exec.Split{}
		}
		found, err := s.spec.Discover(a.ctx, s.known)
		if err != nil {
			return fmt.Errorf("table %s: find out what there is to read: %w", s.table, err)
		}
		for _, sp := range found {
			s.known = append(s.known, sp)
			a.splits[s] = append(a.splits[s], exec.SplitState{Split: sp, Watermark: exec.MinWatermark})
		}
	}
	if had != nil && fresh > 0 {
		return a.commitPositions(a.last + 1)
	}
	return nil
}

// commitPositions makes an epoch of nothing but the positions of the sources.
func (a *attempt) commitPositions(e exec.Epoch) error {
	m := a.manifest(e)
	for _, s := range a.r.sources {
		m.Sources[s.id] = s.records(a.splits[s])
	}
	if len(a.restored) > 0 {
		m.Extra[extraRestored] = a.restored
	}
	if err := a.prepare(m, nil); err != nil {
		return err
	}
	if err := a.mark(m); err != nil {
		return err
	}
	return a.record(m, nil)
}

// records is splits and the finished ones as the manifest keeps them; never nil, so that a source without splits
// is known to have been there.
func (s *source) records(splits []exec.SplitState) []state.SplitRecord {
	out := make([]state.SplitRecord, 0, len(s.finished)+len(splits))
	out = append(out, s.finished...)
	for _, sp := range splits {
		out = append(out, state.SplitRecord{ID: sp.ID, State: sp.State, Watermark: int64(sp.Watermark), Done: sp.Done && s.keepsDone})
	}
	return out
}

// fits refuses a snapshot that the plan cannot go on from.
func (a *attempt) fits(m *state.Manifest) error {
	r := a.r
	anew := []string{
		"undo the change, and the job goes on from epoch " + fmt.Sprint(m.Epoch),
		"give the changed job another 'pipeline.name' (and another 'sink.transactional-id-prefix'): it then starts anew, by its tables' start-up options",
	}
	if m.Name != r.job.Name {
		return &RefusedError{Reason: fmt.Sprintf("the state is of job '%s', not of '%s'", m.Name, r.job.Name),
			Choices: []string{"SET 'pipeline.name' = '" + m.Name + "' if it is the same job", "give this job its own directory with --state-dir"}}
	}
	if n := r.groups(); r.cfg.IsSet(config.MaxParallelism) && n != m.Groups {
		return &RefusedError{Reason: fmt.Sprintf("'%s' is %d, and the state was made with %d: it is fixed at the first start", config.MaxParallelism, n, m.Groups),
			Choices: []string{fmt.Sprintf("SET '%s' = '%d'", config.MaxParallelism, m.Groups)}}
	}
	plan := map[string]physical.Node{}
	for n := range r.job.Nodes() {
		plan[n.Base().ID] = n
	}
	for _, id := range slices.Sorted(maps.Keys(m.Sources)) {
		if plan[id] == nil {
			return &RefusedError{Reason: fmt.Sprintf("the job no longer reads %s, whose positions are in its state", id), Choices: anew}
		}
	}
	had := map[string]bool{}
	for _, o := range m.Operators {
		had[o.ID] = true
		if plan[o.ID] == nil {
			return &RefusedError{Reason: fmt.Sprintf("operator %s has state, and the job no longer has that operator", o.ID), Choices: anew}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(plan)) {
		// Epoch 0 is made before any operator has declared its tables.
		if stateful(plan[id]) && !had[id] && len(m.Operators) > 0 {
			return &RefusedError{Reason: fmt.Sprintf("operator %s is new and would lack what came before epoch %d", id, m.Epoch), Choices: anew}
		}
	}
	if m.Fingerprint == r.job.Fingerprint {
		return nil
	}
	if len(m.Operators) > 0 {
		return &RefusedError{Reason: fmt.Sprintf("the job's plan has changed, and the state of operator %s no longer fits it", m.Operators[0].ID), Choices: anew}
	}
	r.log.Info("the job's plan has changed; it keeps no state but its positions, and goes on from there", "job", r.job.Name, "epoch", m.Epoch)
	return nil
}

// refuse puts a refusal into words. from is what the rules would go on from, for refuseNeedless.
func (a *attempt) refuse(why refusal, from history, s situation) error {
	r := a.r
	e := &RefusedError{}
	name := "job " + r.job.Name
	if s.marker != nil {
		e.Known = append(e.Known, fmt.Sprintf("the output ends with epoch %d (%.8s) of job id %.8s", s.marker.Epoch, s.marker.Nonce, s.marker.Job))
	}
	if s.local != nil {
		e.Known = append(e.Known, fmt.Sprintf("the state directory %s holds %s of job id %.8s, made %s", r.o.StateDir, s.local, s.local.job, r.store.Manifest().Made.Format("2006-01-02 15:04:05 MST")))
		if s.previous != nil {
			e.Known = append(e.Known, fmt.Sprintf("and %s before it", s.previous))
		}
	} else {
		e.Known = append(e.Known, fmt.Sprintf("the state directory %s is empty", r.o.StateDir))
	}
	switch {
	case r.checkpoints == nil:
		e.Known = append(e.Known, "there is no checkpoint directory ('"+config.CheckpointDir+"' is not set)")
	case s.checkpoint != nil:
		e.Known = append(e.Known, fmt.Sprintf("the checkpoint directory holds %s", s.checkpoint))
	default:
		e.Known = append(e.Known, "the checkpoint directory does not hold it")
	}
	bring := "bring the state directory or the checkpoint directory back that belongs to this output"
	prefix := "start anew under another 'sink.transactional-id-prefix' and 'pipeline.name': the tables' start-up options then say where reading begins, and the output so far is not taken into account"
	accept := func(h *history) {
		if h != nil {
			e.Choices = append(e.Choices, fmt.Sprintf("--accept-epoch %d: go on from that epoch; what the output holds beyond it will be there twice, what it lacks stays missing", h.epoch))
		}
	}
	switch why {
	case refuseForeign:
		e.Reason = name + ": its transactional id prefix is in use by another job: the output's marker names a job id that is not this state's"
		e.Choices = append(e.Choices, "give this job a 'sink.transactional-id-prefix' of its own, or correct the mistyped one")
	case refuseUnknown:
		e.Reason = name + ": the output was written by a job whose state is not here"
		e.Choices = append(e.Choices, bring, "correct 'sink.transactional-id-prefix' if it is another job's", prefix)
	case refuseAhead:
		e.Reason = name + ": the output is ahead of any state that is here, or belongs to another history of the job"
		e.Choices = append(e.Choices, bring)
		accept(s.local)
		e.Choices = append(e.Choices, prefix)
	case refuseImpossible:
		e.Reason = name + ": the state is more than one epoch ahead of the output, which no crash can lead to"
		e.Choices = append(e.Choices, "check that the job writes to the cluster that it wrote to before")
		accept(s.local)
		e.Choices = append(e.Choices, prefix)
	case refuseForgotten:
		e.Reason = name + ": there is state, but the broker knows of no output of this job: it was stopped for longer than the broker's offsets.retention.minutes, or a sink topic was deleted, or this is another cluster"
		accept(s.local)
		if !s.recorded {
			accept(s.previous)
		}
		e.Choices = append(e.Choices, prefix)
	case refuseOldCheckpts:
		e.Reason = name + ": neither the broker nor the state directory knows the job, but the checkpoint directory holds checkpoints of this name"
		accept(s.checkpoint)
		e.Choices = append(e.Choices, "start anew: move the job's folder in the checkpoint directory away, or choose another 'pipeline.name'")
	case refuseLost:
		e.Reason = name + ": the broker has lost a transaction that it had acknowledged: the state's epoch was committed, and the output ends with the epoch before"
		e.Choices = append(e.Choices, bring)
		accept(s.local)
		e.Choices = append(e.Choices, prefix)
	case refuseNeedless:
		e.Reason = fmt.Sprintf("%s: epoch %d was to be accepted, and nothing stands against going on from epoch %d", name, *s.accept, from.epoch)
		e.Choices = append(e.Choices, "start without --accept-epoch", "to go back on purpose, writing results a second time, give the job another 'pipeline.name' and 'sink.transactional-id-prefix'")
	case refuseAccept:
		e.Reason = fmt.Sprintf("%s: epoch %d, which was to be accepted, is neither in the state directory nor in the checkpoint directory", name, *s.accept)
		e.Choices = append(e.Choices, "start without --accept-epoch: if the job has gone on since, it needs none")
		accept(s.local)
		if !s.recorded {
			accept(s.previous)
		}
	case refuseAsked:
		e.Reason = fmt.Sprintf("%s: the checkpoint %s of job id %.8s is not the one that the output ends with", name, s.asked, s.asked.job)
		e.Choices = append(e.Choices, "start without --restore: the job then goes on from its last committed epoch")
		accept(s.asked)
	}
	return exec.Fatalf(e.Help(), "start "+name, e)
}
