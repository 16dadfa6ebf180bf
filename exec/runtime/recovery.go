package runtime

import (
	"fmt"

	"weir/exec"
	"weir/state"
)

// history is what a manifest says of its place in the life of a job.
type history struct {
	job      string
	epoch    exec.Epoch
	nonce    state.Nonce
	previous state.Nonce // of the epoch that it continues
}

// is reports whether m names this very snapshot.
func (h *history) is(m *exec.Marker) bool {
	return h != nil && m != nil && h.job == m.Job && h.epoch == m.Epoch && h.nonce == m.Nonce
}

// situation is what a start finds.
type situation struct {
	// transactional: the job's output commits in transactions that carry a marker. Otherwise the newest manifest is
	// the commit point itself.
	transactional bool
	local         *history // newest manifest of the state directory; nil: none
	previous      *history // the one before it; nil: none
	recorded      bool     // local's epoch was recorded as committed
	marker        *exec.Marker
	// checkpoint is in the checkpoint directory: the snapshot that the marker names; without a marker the
	// newest one. nil: not there, or no directory.
	checkpoint *history
	// asked is the checkpoint that the user wants to start from; nil: none. restored is the nonce of the
	// checkpoint that the local state was once restored from on such a wish: the job has gone on since, and a
	// process that is started again with the same arguments goes on from there.
	asked    *history
	restored state.Nonce
	// accept is the epoch that the user wants to go on from against the rules; acceptable is that epoch in the
	// checkpoint directory.
	accept     *exec.Epoch
	acceptable *history
}

// actionKind is what recovery does.
type actionKind uint8

const (
	actFresh    actionKind = iota // first start: no state, the sources' start-up options decide
	actContinue                   // from the local manifest
	actUndo                       // throw away the newest epoch, then go on from the one before
	actRestore                    // replace the local state by a checkpoint
	actRefuse
)

func (k actionKind) String() string {
	return [...]string{"first start", "continue", "undo", "restore", "refuse"}[k]
}

// action is the decision.
type action struct {
	kind  actionKind
	from  history // actContinue, actUndo, actRestore: the snapshot to go on from
	asked bool    // actRestore: from the checkpoint that the user named
	// remark: the snapshot's marker is (again) to be written before anything else, because the
	// transaction that should carry it never committed, or because the user accepted another epoch.
	remark bool
	reason refusal
}

// refusal names why a start is refused; refuse (recover.go) has the sentences.
type refusal uint8

const (
	notRefused        refusal = iota
	refuseForeign             // the marker is another job's
	refuseUnknown             // the marker's job has no state here
	refuseAhead               // output is ahead of, or beside, any state we have
	refuseImpossible          // local state is more than one epoch ahead of the marker
	refuseForgotten           // state, but no marker
	refuseOldCheckpts         // neither state nor marker, but checkpoints of this job's name
	refuseLost                // the broker has lost a transaction that it had acknowledged
	refuseAccept              // the accepted epoch is nowhere
	refuseNeedless            // an epoch was to be accepted, and the rules go on from another one
	refuseAsked               // the named checkpoint is not the one that the output ends with
)

func (r refusal) String() string {
	return [...]string{"", "foreign", "unknown", "ahead", "impossible", "forgotten", "old checkpoints", "lost by the broker", "accepted epoch not found", "nothing to accept", "not what was asked for"}[r]
}

// decide is the recovery table of the protocol: what to do with what a start found. It is asked
// twice, before and after earlier instances are fenced off, and touches nothing.
func decide(s situation) action {
	if s.marker != nil && foreign(s) {
		return action{kind: actRefuse, reason: refuseForeign}
	}
	rule := decideByRules(s)
	if s.accept == nil {
		return rule
	}
	// The user's wish stands in for a rule that refuses, never against one that knows where to go on: a wish that was left in a
	// script must not take the job back to an epoch whose successors are visible.
	switch {
	case rule.kind == actRefuse:
		return decideAccepted(s)
	case rule.kind != actFresh && rule.from.epoch == *s.accept:
		return rule
	case rule.kind == actFresh:
		return action{kind: actRefuse, reason: refuseAccept}
	}
	return action{kind: actRefuse, reason: refuseNeedless, from: rule.from}
}

func decideByRules(s situation) action {
	if s.asked != nil && (s.local == nil || s.restored != s.asked.nonce) {
		return decideAsked(s)
	}
	if !s.transactional {
		return decideLocal(s)
	}
	if s.marker == nil {
		return decideWithoutMarker(s)
	}
	m, l := s.marker, s.local
	switch {
	case l.is(m):
		return action{kind: actContinue, from: *l}
	case l != nil && l.epoch == m.Epoch+1 && l.previous == m.Nonce && s.previous.is(m) && !s.recorded:
		return action{kind: actUndo, from: *s.previous}
	case l != nil && l.epoch > m.Epoch+1:
		return action{kind: actRefuse, reason: refuseImpossible}
	case s.checkpoint.is(m):
		return action{kind: actRestore, from: *s.checkpoint}
	case l == nil:
		return action{kind: actRefuse, reason: refuseUnknown}
	case l.epoch == m.Epoch+1 && l.previous == m.Nonce && s.recorded:
		// The epoch before may already have been discarded.
		return action{kind: actRefuse, reason: refuseLost}
	}
	return action{kind: actRefuse, reason: refuseAhead}
}

// foreign: we hold state of a job, and the marker is of another one.
func foreign(s situation) bool {
	h := s.local
	if s.asked != nil && (h == nil || s.restored != s.asked.nonce) {
		h = s.asked
	}
	if h == nil || h.job == s.marker.Job {
		return false
	}
	// Of two first starts at one moment each gives the job an id, and one is fenced before its marker is committed. Its
	// epoch 0 has no output, and the checkpoint directory, which goes by the job's name, knows the marker: the
	// other's history is the job's.
	lost := h == s.local && unmarked(s)
	return !(lost && s.checkpoint.is(s.marker))
}

// unmarked: the local state is the epoch 0 of a first start that ended before it saw its marker committed.
func unmarked(s situation) bool {
	return s.local.epoch == 0 && s.local.previous == "" && !s.recorded
}

// decideWithoutMarker: the broker knows of no epoch of this job.
func decideWithoutMarker(s situation) action {
	switch {
	case s.local == nil && s.checkpoint == nil:
		return action{kind: actFresh}
	case s.local == nil && s.checkpoint.epoch == 0 && s.checkpoint.previous == "":
		// The first start died before its marker was committed, inside step 3 or on another machine. No output
		// hangs on epoch 0: the start positions that it holds are taken over.
		return action{kind: actRestore, from: *s.checkpoint, remark: true}
	case s.local == nil:
		return action{kind: actRefuse, reason: refuseOldCheckpts}
	case unmarked(s):
		// The first start died before its marker was committed. Epoch 0 holds the resolved start
		// positions and no output: its marker is written now.
		return action{kind: actContinue, from: *s.local, remark: true}
	}
	return action{kind: actRefuse, reason: refuseForgotten}
}

// decideLocal is for jobs without transactions: the newest manifest is the last committed epoch.
func decideLocal(s situation) action {
	l, c := s.local, s.checkpoint
	switch {
	case l == nil && c == nil:
		return action{kind: actFresh}
	case l == nil:
		return action{kind: actRestore, from: *c}
	case c != nil && c.job == l.job && c.epoch > l.epoch && c.previous != l.nonce:
		// The checkpoint directory has gone on further: the local disk was restored from an older copy. A
		// checkpoint one ahead that continues the local epoch is what a crash within the making of
		// that epoch leaves, and is made again.
		return action{kind: actRestore, from: *c}
	}
	return action{kind: actContinue, from: *l}
}

// decideAccepted: the user has read what is known and names the epoch to go on from. The snapshot that
// the marker names comes first; then whatever we hold of that number.
func decideAccepted(s situation) action {
	for _, exact := range []bool{true, false} {
		named := func(h *history) bool {
			return h != nil && h.epoch == *s.accept && (!exact || s.marker == nil || h.is(s.marker))
		}
		remark := func(h *history) bool { return s.transactional && !h.is(s.marker) }
		switch {
		case named(s.local):
			return action{kind: actContinue, from: *s.local, remark: remark(s.local)}
		case named(s.previous) && !s.recorded: // else it may have been discarded
			return action{kind: actUndo, from: *s.previous, remark: remark(s.previous)}
		case named(s.acceptable):
			return action{kind: actRestore, from: *s.acceptable, remark: remark(s.acceptable)}
		case named(s.asked):
			return action{kind: actRestore, from: *s.asked, asked: true, remark: remark(s.asked)}
		}
	}
	return action{kind: actRefuse, reason: refuseAccept}
}

// decideAsked: the user names a checkpoint. Output that is already visible must end with it.
func decideAsked(s situation) action {
	a := s.asked
	switch {
	case s.transactional && !a.is(s.marker):
		return action{kind: actRefuse, reason: refuseAsked}
	case s.local != nil && *s.local == *a:
		return action{kind: actContinue, from: *s.local}
	}
	return action{kind: actRestore, from: *a, asked: true}
}

func (h history) String() string { return fmt.Sprintf("epoch %d (%.8s)", h.epoch, h.nonce) }
