package ast

import "weir/parser/diag"

// Query is a full query expression.
type Query struct {
	At
	With []*CTE
	// Recursive is WITH RECURSIVE: none of the queries reads itself all the same.
	Recursive bool
	Body      QueryBody
	OrderBy   []*OrderItem
	Limit     Expr // nil without LIMIT (or FETCH FIRST n ROWS ONLY)
	Offset    Expr
}

// CTE is name [(columns)] AS (query).
type CTE struct {
	At
	Name    Ident
	Columns []Ident
	Query   *Query
}

// QueryBody is SelectCore, SetOp, Values, or a bracketed *Query.
type QueryBody interface {
	Node
	queryBody()
}

// Query bodies.
type (
	// SelectCore is SELECT ... FROM ... without the ORDER BY around it.
	SelectCore struct {
		At
		Distinct bool
		Hints    []*Hint
		Items    []*SelectItem
		From     TableRef // nil without FROM
		Where    Expr
		GroupBy  []GroupItem
		GroupAt  diag.Span // GROUP BY ..., zero without one
		Having   Expr
		Windows  []*NamedWindow
		Qualify  Expr
		Whole    bool // written as TABLE t, with nothing but From
	}
	// SetOp is left UNION|INTERSECT|EXCEPT [ALL] right.
	SetOp struct {
		At
		Op          string // UNION, INTERSECT, EXCEPT
		OpSpan      diag.Span
		All         bool
		Left, Right QueryBody
	}
	// Values is VALUES (...), (...).
	Values struct {
		At
		Rows []*RowExpr
	}
)

func (*SelectCore) queryBody() {}
func (*SetOp) queryBody()      {}
func (*Values) queryBody()     {}
func (*Query) queryBody()      {}

// Hint is one hint of /*+ NAME(args) */.
type Hint struct {
	At
	Name string
	Args []Expr
	KVs  []*Property
}

// SelectItem is expr [AS alias], or a star.
type SelectItem struct {
	At
	Expr  Expr   // nil for a star
	Alias *Ident // nil without one
	Star  bool
	Of    *Name // t.*
}

// GroupItem is one element of GROUP BY: an expression, or a grouping set construct.
type GroupItem struct {
	At
	Expr Expr          // nil for a construct
	Sets string        // GROUPING SETS, ROLLUP, CUBE
	Args [][]GroupItem // the sets of a construct
}

// NamedWindow is WINDOW name AS (spec).
type NamedWindow struct {
	Name Ident
	Spec *WindowSpec
}

// OrderItem is expr [ASC|DESC] [NULLS FIRST|LAST].
type OrderItem struct {
	At
	Expr       Expr
	Desc       bool
	NullsFirst *bool // nil when not written
}

// TableRef is what stands in FROM.
type TableRef interface {
	Node
	tableRef()
}

// Alias is [AS] name [(columns)]; the zero Alias is none.
type Alias struct {
	Name    *Ident
	Columns []Ident
}

// Table references, but for MatchRecognize, which match.go has.
type (
	// TableName is a table, view or CTE by its name.
	TableName struct {
		At
		Name    Name
		Hints   []*Property // /*+ OPTIONS('k'='v') */
		Alias   Alias
		SysAsOf Expr // FOR SYSTEM_TIME AS OF expr; nil without one
	}
	// TableFunc is TABLE(f(args)) or a bare f(args) in FROM: TUMBLE, HOP, CUMULATE, SESSION, ...
	TableFunc struct {
		At
		Name    Ident
		Args    []*TableArg
		Lateral bool
		Alias   Alias
	}
	// SubQuery is (query) alias.
	SubQuery struct {
		At
		Lateral bool
		Query   *Query
		Alias   Alias
	}
	// Join is left [kind] JOIN right [ON cond | USING (columns)]. A comma is CROSS.
	Join struct {
		At
		Kind        string // INNER, LEFT, RIGHT, FULL, CROSS
		Natural     bool
		Left, Right TableRef
		JoinSpan    diag.Span // the words LEFT JOIN
		On          Expr
		Using       []Ident
	}
	// Unnest is UNNEST(expr) [WITH ORDINALITY].
	Unnest struct {
		At
		Expr       Expr
		Ordinality bool
		Alias      Alias
	}
)

func (*TableName) tableRef() {}
func (*TableFunc) tableRef() {}
func (*SubQuery) tableRef()  {}
func (*Join) tableRef()      {}
func (*Unnest) tableRef()    {}

// TableArg is one argument of a table function; exactly one of Table, Query, Descriptor, Expr is set.
type TableArg struct {
	At
	Param       *Ident // DATA => TABLE t; nil for a positional argument
	Table       *Name
	Query       *Query
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Descriptor  []Ident
	Expr        Expr
}
