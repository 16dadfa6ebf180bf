package physical

// Change is a kind of change, as TO_CHANGELOG and FROM_CHANGELOG number them: in the order of ChangeNames.
type Change uint8

// The kinds of change.
const (
	Inserted Change = iota
	UpdatedBefore
	UpdatedAfter
	Deleted
)

// ChangeNames is Flink's names of the kinds of change.
var ChangeNames = [...]string{"INSERT", "UPDATE_BEFORE", "UPDATE_AFTER", "DELETE"}

// OpCode says what a kind of change is called in a column.
type OpCode struct {
	Code string
	Kind Change
}

// ToChangelog makes an insertion of every change whose kind has a code, and drops the others. Output: the code as STRING, then the columns of
// the input, insert-only.
type ToChangelog struct {
	Props
	Input Node
	Codes []OpCode // each kind at most once
}

// FromChangelog makes a change of every row of an insert-only input, of the kind that a column of it says. A row whose code is NULL or none of
// Codes fails the job. Output: the columns of the input but that one.
type FromChangelog struct {
	Props
	Input Node
	Op    int      // the column with the code
	Codes []OpCode // each code once
}
