package logical

import (
	"strconv"
	"time"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/scalar"
	"weir/planner/types"
)

// VectorSearch puts every row out beside the rows of a table whose vectors are the most similar to one of its own (VECTOR_SEARCH). Output: the columns of
// Input, those of Exprs, then the score. NewVectorSearch makes it.
type VectorSearch struct {
	Base
	Input Node
	Query int // a column of Input, of the type of the column that is searched
	// Scan reads the table that is searched; it is no input: the table is there as a whole.
	Scan   *Scan
	Search int // the column of Scan that is searched: ARRAY<FLOAT> or ARRAY<DOUBLE>
	// Exprs is what goes out of a row that was found, over the columns of Scan, and Names what it is called.
	Exprs   []scalar.Expr
	Names   []string
	TopK    int  // at least 1
	Outer   bool // a row for which nothing is found goes out once, with NULLs
	Options SearchOptions
}

// SearchOptions is what CONFIG says; what it does not say goes by the settings and the options of the table.
type SearchOptions struct {
	Async    *bool
	Capacity int // 0: not said
	Timeout  time.Duration
	Metric   string // empty: not said
}

// ScoreName is the name of the score, where the table has no column of that name.
const ScoreName = "score"

// Inputs is the one input.
func (n *VectorSearch) Inputs() []Node { return []Node{n.Input} }

// NewVectorSearch derives the columns of n.
func NewVectorSearch(n VectorSearch, at diag.Span) *VectorSearch {
	n.Base = Base{Sp: at}
	n.Columns = append(n.Columns, n.Input.Cols()...)
	add := func(name string, t types.Type, table *catalog.Table) {
		n.Columns = append(n.Columns, Column{Name: name, Type: t.WithNullable(t.Nullable || n.Outer), Table: table})
	}
	for i, e := range n.Exprs {
		add(n.Names[i], e.Type(), n.Scan.Table)
	}
	add(n.score(), types.TDouble.NotNull(), nil)
	n.Win = n.Input.Windows()
	return &n
}

// score is the name of the score beside n.Names, as Flink makes it.
func (n *VectorSearch) score() string {
	taken := map[string]bool{}
	for _, name := range n.Names {
		taken[name] = true
	}
	name := ScoreName
	for i := 0; taken[name]; i++ {
		name = ScoreName + strconv.Itoa(i)
	}
	return name
}

// WithInput is n over another input, whose column query is the vector.
func (n *VectorSearch) WithInput(in Node, query int) *VectorSearch {
	c := *n
	c.Input, c.Query = in, query
	return c.renamed(n)
}

// With is n with other columns of the table: exprs, called names, over scan, of which search is the column that is searched.
func (n *VectorSearch) With(scan *Scan, search int, exprs []scalar.Expr, names []string) *VectorSearch {
	c := *n
	c.Scan, c.Search, c.Exprs, c.Names = scan, search, exprs, names
	return c.renamed(n)
}

// renamed derives the columns of n, with the score called as it was in old: a column that is gone does not change its name.
func (n *VectorSearch) renamed(old *VectorSearch) *VectorSearch {
	out := NewVectorSearch(*n, old.Sp)
	out.Columns[len(out.Columns)-1].Name = old.Columns[len(old.Columns)-1].Name
	return out
}
