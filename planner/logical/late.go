package logical

import "weir/planner/catalog"

// Late says where the rows go that an operator drops because the watermark has passed them: with the columns of their source
// table, and the watermark at that moment.
type Late struct {
	Source  *catalog.Table // the rows' table
	Target  *catalog.Table
	Fields  []int // columns of Target that get the columns of Columns
	Columns []int // columns of the operator's input
	Moment  int   // the column of Target that gets the watermark
}

// Marked marks the columns of the input that late rows are made of.
func (l *Late) Marked(need []bool) {
	if l != nil {
		for _, c := range l.Columns {
			need[c] = true
		}
	}
}

// Moved is l where column c of the input is now column to[c].
func (l *Late) Moved(to []int) *Late {
	if l == nil {
		return nil
	}
	m := *l
	m.Columns = make([]int, len(l.Columns))
	for i, c := range l.Columns {
		m.Columns[i] = to[c]
	}
	return &m
}
