package state

import "fmt"

// The errors of this package say what is wrong; their Help says what to do about it.

// LockedError says that another process holds the state directory.
type LockedError struct {
	Dir  string
	PID  int    // of the holder; 0 when unknown
	Host string // of the holder
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("state directory %s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("state directory %s is in use by process %d on %s", e.Dir, e.PID, e.Host)
}

// Help says what to do.
func (e *LockedError) Help() string {
	return "stop it first, or give this job its own directory with --state-dir"
}

// OtherJobError says that the state directory belongs to another job.
type OtherJobError struct {
	Dir         string
	Found, Want string // pipeline.name of the state, and of the job that was started
}

func (e *OtherJobError) Error() string {
	return fmt.Sprintf("state directory %s belongs to job '%s', not to '%s'", e.Dir, e.Found, e.Want)
}

// Help says what to do.
func (e *OtherJobError) Help() string {
	return "give this job its own directory with --state-dir, or delete the directory if that state is no longer wanted"
}

// FormatError says that the state was written in a format this build cannot read.
type FormatError struct {
	Path         string
	Found, Known int
}

func (e *FormatError) Error() string {
	by := "an older"
	if e.Found > e.Known {
		by = "a newer"
	}
	return fmt.Sprintf("%s is in state format %d, written by %s weir; this one knows format %d", e.Path, e.Found, by, e.Known)
}

// Help says what to do.
func (e *FormatError) Help() string {
	if e.Found > e.Known {
		return "run the newer version"
	}
	return "finish the job with the version that wrote it, or start anew with an empty --state-dir"
}

// CorruptError says that data is damaged or missing.
type CorruptError struct {
	Path  string // file or folder
	What  string // the part that is damaged: "manifest", "page of table acc of operator agg-1, key group 7"
	Dir   string // the state directory that it is in; "" where it is a file of a checkpoint
	Cause error  // may be nil
}

func (e *CorruptError) Error() string {
	s := fmt.Sprintf("%s is damaged: %s", e.Path, e.What)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Help says what to do.
func (e *CorruptError) Help() string {
	if e.Dir == "" {
		return "take another retained checkpoint: weir run --restore names its directory"
	}
	return fmt.Sprintf("move %s away and start again: the job restores itself from its checkpoint directory, where 'execution.checkpointing.dir' names one; weir run --restore takes an older checkpoint", e.Dir)
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
		return fmt.Sprintf("the disk of %s is full: the epoch needs %d MiB, %d MiB are free", e.Dir, (e.Need+1<<20-1)>>20, e.Free>>20)
	}
	return fmt.Sprintf("the disk of %s is full (%v)", e.Dir, e.Cause)
}

// Help says what to do.
func (e *FullError) Help() string {
	return "free some space and start the job again: it goes on from its last committed epoch"
}

func (e *FullError) Unwrap() error { return e.Cause }

// HandlesError says that the system lets this process open too few files. It unwraps to what the system said.
type HandlesError struct {
	Dir   string
	Need  int // as many more were to be opened
	Cause error
}

func (e *HandlesError) Error() string {
	return fmt.Sprintf("the state in %s needs %d more open files than this process has left: %v", e.Dir, e.Need, e.Cause)
}

// Help says what to do.
func (e *HandlesError) Help() string {
	return "raise the limit, with ulimit -n 65536 or LimitNOFILE=65536 in the unit, and start the job again"
}

func (e *HandlesError) Unwrap() error { return e.Cause }

// IncompatibleError says that an operator's tables changed in a way that its state cannot follow.
type IncompatibleError struct {
	Operator, Table string
	What            string // "fixed part: 16 bytes in the state, 24 in the job"
}

func (e *IncompatibleError) Error() string {
	return fmt.Sprintf("the state of operator %s does not fit the job: table %s: %s", e.Operator, e.Table, e.What)
}

// Help says what to do.
func (e *IncompatibleError) Help() string {
	return "undo the change of the statement, or start anew with an empty --state-dir"
}
