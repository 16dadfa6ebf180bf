package state

import "fmt"

// LockedError says that another process holds the state directory.
type LockedError struct {
	Dir  string
	PID  int    // of the holder; 0 when unknown
	Host string // of the holder
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("state directory %s is in use by another process; stop it first, or give this job its own directory with --state-dir", e.Dir)
	}
	return fmt.Sprintf("state directory %s is in use by process %d on %s; stop it first, or give this job its own directory with --state-dir", e.Dir, e.PID, e.Host)
}

// OtherJobError says that the state directory belongs to another job.
type OtherJobError struct {
	Dir         string
	Found, Want string // pipeline.name of the state, and of the job that was started
}

func (e *OtherJobError) Error() string {
	return fmt.Sprintf("state directory %s belongs to job '%s', not to '%s'; give this job its own directory with --state-dir, or delete the directory if that state is no longer wanted", e.Dir, e.Found, e.Want)
}

// FormatError says that the state was written in a format this build cannot read.
type FormatError struct {
	Path         string
	Found, Known int
}

func (e *FormatError) Error() string {
	if e.Found > e.Known {
		return fmt.Sprintf("%s is in state format %d, written by a newer weir; this one knows format %d: run the newer version", e.Path, e.Found, e.Known)
	}
	return fmt.Sprintf("%s is in state format %d, written by an older weir; this one needs format %d: finish the job with the version that wrote it, or start anew with an empty --state-dir", e.Path, e.Found, e.Known)
}

// CorruptError says that data is damaged or missing.
type CorruptError struct {
	Path  string // file or folder
	What  string // the part that is damaged: "manifest", "page of table acc of operator agg-1, key group 7"
	Cause error  // may be nil
}

func (e *CorruptError) Error() string {
	s := fmt.Sprintf("state in %s is damaged: %s", e.Path, e.What)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s + "; move the directory away and start again: the job then restores itself from its checkpoint directory (execution.checkpointing.dir), if it has one"
}

func (e *CorruptError) Unwrap() error { return e.Cause }

// FullError says that the disk is full. It unwraps to syscall.ENOSPC.
type FullError struct {
	Dir        string
	Need, Free int64 // bytes; 0 when unknown
	Cause      error
}

func (e *FullError) Error() string {
	if e.Need > 0 {
		return fmt.Sprintf("the disk of %s is full: the epoch needs %d MiB, %d MiB are free; free some space and start the job again: it goes on from its last committed epoch", e.Dir, e.Need>>20, e.Free>>20)
	}
	return fmt.Sprintf("the disk of %s is full (%v); free some space and start the job again: it goes on from its last committed epoch", e.Dir, e.Cause)
}

func (e *FullError) Unwrap() error { return e.Cause }

// IncompatibleError says that an operator's tables changed in a way that its state cannot follow.
type IncompatibleError struct {
	Operator, Table string
	What            string // "fixed part: 16 bytes in the state, 24 in the job"
}

func (e *IncompatibleError) Error() string {
	return fmt.Sprintf("the state of operator %s does not fit the job: table %s: %s; undo the change of the statement, or start anew with an empty --state-dir", e.Operator, e.Table, e.What)
}
