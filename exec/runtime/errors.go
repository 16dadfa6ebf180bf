package runtime

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"weir/exec"
	"weir/exec/expr"
	"weir/state"
)

// InternalError is a panic in a task, or an assertion that failed: a bug in weir.
type InternalError struct {
	Operator string // id of the operator, or of the task's first one
	Version  string // of weir
	Value    any    // what was panicked with
	Stack    []byte
}

func (e *InternalError) Error() string {
	return fmt.Sprintf("this is a bug in weir %s: operator %s: %v", e.Version, e.Operator, e.Value)
}

// Version names the build in the text of internal errors. The command line sets it at start.
var Version = buildVersion()

func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

const bugHelp = "please report it with the lines above and the job's SQL; nothing uncommitted became visible, and the job goes on from its last committed epoch when it is started again"

// recovered turns a panic into an error. v is what recover returned.
func recovered(operator string, v any) error {
	return exec.Fatalf(bugHelp, "run operator "+operator,
		&InternalError{Operator: operator, Version: Version, Value: v, Stack: debug.Stack()})
}

// bug is an assertion that failed.
func bug(operator, format string, args ...any) error {
	return exec.Fatalf(bugHelp, "run operator "+operator,
		&InternalError{Operator: operator, Version: Version, Value: fmt.Sprintf(format, args...), Stack: debug.Stack()})
}

// RefusedError says that a job must not go on from what was found at its start.
type RefusedError struct {
	Reason  string   // one sentence, without a full stop
	Known   []string // what is known, a line each
	Choices []string // what the user can do, a line each
}

func (e *RefusedError) Error() string { return e.Reason }

// Help is the known facts and the choices as text.
func (e *RefusedError) Help() string {
	s := ""
	for _, k := range e.Known {
		s += "known: " + k + "\n"
	}
	for i, c := range e.Choices {
		if i > 0 {
			s += "\n"
		}
		s += "choice: " + c
	}
	return s
}

// reaction is what a failed attempt leads to.
type reaction uint8

const (
	reactRestart reaction = iota // by the restart strategy
	reactStop                    // the job has failed: trying again cannot help
	reactFenced                  // another instance runs the job
)

// reactionTo classifies the error that ended an attempt. What nobody classified goes through
// the restart strategy, as in Flink; what would happen again with the same input and the
// same disk does not.
func reactionTo(err error) reaction {
	switch {
	case errors.Is(err, exec.ErrFenced):
		return reactFenced
	case errors.Is(err, exec.ErrFatal):
		return reactStop
	case errors.Is(err, exec.ErrRestart):
		return reactRestart
	}
	var (
		row          *expr.RowError
		refused      *RefusedError
		internal     *InternalError
		locked       *state.LockedError
		otherJob     *state.OtherJobError
		format       *state.FormatError
		corrupt      *state.CorruptError
		full         *state.FullError
		handles      *state.HandlesError
		incompatible *state.IncompatibleError
	)
	switch {
	case errors.As(err, &row), errors.As(err, &refused), errors.As(err, &internal), errors.As(err, &locked),
		errors.As(err, &otherJob), errors.As(err, &format), errors.As(err, &corrupt), errors.As(err, &full),
		errors.As(err, &handles), errors.As(err, &incompatible):
		return reactStop
	}
	return reactRestart
}

// isCancel reports that err is nothing but the end of a context: the consequence of a failure, not its cause.
func isCancel(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
