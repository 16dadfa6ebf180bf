// Package ast is the syntax tree of weir's SQL: what the user wrote, with the place of
// every piece, before any name is looked up. The tree is built by package parser, printed
// back by its formatter and bound by the planner; nobody changes it after it is built.
package ast

import "weir/parser/diag"

// Node is any piece of the tree.
type Node interface{ Span() diag.Span }

// At is the place of a node; it is embedded everywhere.
type At struct{ Sp diag.Span }

// Span is the bytes of the file that the node was parsed from.
func (a At) Span() diag.Span { return a.Sp }

// Script is the content of one file: its statements in order. A statement that did not
// parse is absent here and present in the diagnostics.
type Script struct {
	File       *diag.File
	Statements []Statement
}

// Ident is a name. Names are case-sensitive, as in Flink.
type Ident struct {
	At
	Name   string
	Quoted bool // written with backticks
}

// Name is a possibly qualified name: [catalog.][database.]object, or table.column.field.
type Name struct {
	At
	Parts []Ident // at least one
}

// String joins the parts with points, without quotes.
func (n Name) String() string {
	s := ""
	for i, p := range n.Parts {
		if i > 0 {
			s += "."
		}
		s += p.Name
	}
	return s
}

// Last is the object's own name.
func (n Name) Last() Ident { return n.Parts[len(n.Parts)-1] }

// Statement is a whole statement, up to its semicolon (not included in the span).
type Statement interface {
	Node
	statement()
}

// Property is 'key' = 'value', as in WITH (...) and SET.
type Property struct {
	At
	Key, Value *StringLit
}

// ColumnPlace is where ALTER TABLE puts a column: FIRST, AFTER another, or at its end.
type ColumnPlace struct {
	First bool
	After *Ident // nil without AFTER
}

// Statements.
type (
	// Set is SET 'key' = 'value'; a bare SET (KV nil) lists the settings.
	Set struct {
		At
		KV *Property
	}
	// Reset is RESET 'key'; a bare RESET (Key nil) resets all settings.
	Reset struct {
		At
		Key *StringLit
	}
	// CreateTable is CREATE [TEMPORARY] TABLE [IF NOT EXISTS] name (...) WITH (...).
	CreateTable struct {
		At
		Temporary, IfNotExists bool
		Name                   Name
		Columns                []*ColumnDef
		Watermark              *WatermarkDef  // nil without one
		PrimaryKey             *PrimaryKeyDef // nil without one; also made of a column's own PRIMARY KEY
		Comment                *StringLit
		PartitionedBy          []Ident
		Options                []*Property
		OptionsSpan            diag.Span // WITH ( ... ), zero without one
		Like                   *Like     // nil without LIKE
		As                     *Query    // nil unless CREATE TABLE ... AS
	}
	// CreateView is CREATE [TEMPORARY] VIEW [IF NOT EXISTS] name [(columns)] AS query.
	CreateView struct {
		At
		Temporary, IfNotExists bool
		Name                   Name
		Columns                []Ident
		Comment                *StringLit
		Query                  *Query
	}
	// Drop is DROP [TEMPORARY] TABLE|VIEW [IF EXISTS] name.
	Drop struct {
		At
		View                bool
		Temporary, IfExists bool
		Name                Name
	}
	// AlterTable is ALTER TABLE [IF EXISTS] name and one change of it; the other fields are empty.
	AlterTable struct {
		At
		IfExists bool
		Name     Name
		To       *Name       // RENAME TO name
		Column   *Ident      // RENAME column TO
		NewName  *Ident      // the column's new name
		Set      []*Property // SET ('key' = 'value', ...)
		Reset    []*StringLit
		// ADD and MODIFY; Modify tells them apart.
		Modify     bool
		Columns    []*ColumnDef
		Places     []ColumnPlace // of each column
		Watermark  *WatermarkDef
		PrimaryKey *PrimaryKeyDef
		// DROP
		DropColumns       []Ident
		DropKey, DropMark bool
	}
	// Inert is a statement of Flink that asks for nothing that weir does: ADD JAR, LOAD MODULE. It is kept as it is written.
	Inert struct {
		At
		Words string // ADD JAR
	}
	// Use is USE [catalog.]database and USE CATALOG name.
	Use struct {
		At
		Catalog bool
		Name    Name
	}
	// CreateSpace is CREATE CATALOG|DATABASE [IF NOT EXISTS] name [COMMENT 'text'] [WITH (...)].
	CreateSpace struct {
		At
		Catalog, IfNotExists bool
		Name                 Name
		Comment              *StringLit
		Options              []*Property
	}
	// DropSpace is DROP CATALOG|DATABASE [IF EXISTS] name [RESTRICT|CASCADE].
	DropSpace struct {
		At
		Catalog, IfExists, Cascade bool
		Name                       Name
	}
	// Insert is INSERT INTO|OVERWRITE table [PARTITION ...] [(columns)] query.
	Insert struct {
		At
		Overwrite bool
		Table     Name
		Hints     []*Property // /*+ OPTIONS('k'='v') */ behind the table
		Partition []*Property // static partition columns; Key holds the name
		Columns   []Ident     // nil: all columns in their order
		Query     *Query
	}
	// StatementSet is EXECUTE STATEMENT SET BEGIN ... END, also BEGIN STATEMENT SET; ... END.
	StatementSet struct {
		At
		Inserts []*Insert
	}
	// Select is a query as a statement of its own.
	Select struct {
		At
		Query *Query
	}
	// Explain is EXPLAIN [PLAN FOR | detail, ...] statement.
	Explain struct {
		At
		Details   []string  // upper case: CHANGELOG_MODE, ESTIMATED_COST, JSON_EXECUTION_PLAN, PLAN_ADVICE
		Statement Statement // Select, Insert or StatementSet
	}
	// Show is SHOW TABLES, SHOW VIEWS, SHOW FUNCTIONS, SHOW JOBS, SHOW TOPICS, SHOW CREATE TABLE t, ...
	Show struct {
		At
		What string // upper case words behind SHOW: "TABLES", "CREATE TABLE", "FUNCTIONS"
		Name *Name  // of SHOW CREATE TABLE and the like; of SHOW TABLES FROM the database
		Not  bool   // NOT LIKE
		Like *StringLit
	}
	// Describe is DESCRIBE | DESC name, DESCRIBE JOB 'name' and DESCRIBE TOPIC 'name'.
	Describe struct {
		At
		Name   Name       // of a table or view
		What   string     // "JOB" or "TOPIC"; "" for a table or view
		Target *StringLit // the job or topic; nil for a table or view
	}
	// StopJob is STOP JOB 'id' [WITH SAVEPOINT] [WITH DRAIN].
	StopJob struct {
		At
		Job              *StringLit
		Savepoint, Drain bool
	}
)

func (*Set) statement()          {}
func (*Reset) statement()        {}
func (*CreateTable) statement()  {}
func (*CreateView) statement()   {}
func (*Drop) statement()         {}
func (*AlterTable) statement()   {}
func (*Inert) statement()        {}
func (*Use) statement()          {}
func (*CreateSpace) statement()  {}
func (*DropSpace) statement()    {}
func (*Insert) statement()       {}
func (*StatementSet) statement() {}
func (*Select) statement()       {}
func (*Explain) statement()      {}
func (*Show) statement()         {}
func (*Describe) statement()     {}
func (*StopJob) statement()      {}

// ColumnDef is one column of CREATE TABLE. Exactly one of these holds: it is computed
// (Expr set), a metadata column (Metadata), or physical.
type ColumnDef struct {
	At
	Name        Ident
	Type        *TypeName  // nil for a computed column
	Expr        Expr       // name AS expr
	Metadata    bool       // METADATA
	MetadataKey *StringLit // FROM 'key'; nil: the column's name is the key
	Virtual     bool       // VIRTUAL
	Comment     *StringLit
}

// TypeName is a SQL type as written.
type TypeName struct {
	At
	Name    string      // upper case, blanks single: "BIGINT", "DOUBLE PRECISION", "TIMESTAMP WITH LOCAL TIME ZONE", "INTERVAL DAY TO SECOND", "ROW", "ARRAY", "MAP", "MULTISET"
	Params  []int       // (p) or (p, s)
	Elems   []*TypeName // ARRAY: 1, MULTISET: 1, MAP: 2
	Fields  []TypeField // ROW
	NotNull bool
}

// TypeField is one field of a ROW type.
type TypeField struct {
	Name    Ident
	Type    *TypeName
	Comment *StringLit
}

// WatermarkDef is WATERMARK FOR column AS expr.
type WatermarkDef struct {
	At
	Column Name
	Expr   Expr
}

// PrimaryKeyDef is [CONSTRAINT name] PRIMARY KEY (columns) [NOT ENFORCED].
type PrimaryKeyDef struct {
	At
	Name        *Ident
	Columns     []Ident
	NotEnforced bool
}

// Like is LIKE source [(INCLUDING|EXCLUDING|OVERWRITING what ...)].
type Like struct {
	At
	Source  Name
	Options []LikeOption
}

// LikeOption is one of the words in LIKE's brackets, upper case.
type LikeOption struct {
	At
	Action string // INCLUDING, EXCLUDING, OVERWRITING
	What   string // ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, PARTITIONS, WATERMARKS
}

// Query is a full query expression.
type Query struct {
	At
	With    []*CTE
	Body    QueryBody
	OrderBy []*OrderItem
	Limit   Expr // nil without LIMIT (or FETCH FIRST n ROWS ONLY)
	Offset  Expr
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

// Table references.
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
	// MatchRecognize is table MATCH_RECOGNIZE (...).
	MatchRecognize struct {
		At
		Input       TableRef
		PartitionBy []Expr
		OrderBy     []*OrderItem
		Measures    []*Measure
		AllRows     diag.Span // ALL ROWS PER MATCH; zero for ONE ROW PER MATCH
		After       *AfterMatch
		Pattern     Pattern
		PatternAt   diag.Span // PATTERN (...)
		Within      Expr      // WITHIN INTERVAL ...; nil without one
		Subsets     []*PatternSubset
		Defines     []*PatternDefine
		Alias       Alias
	}
)

func (*TableName) tableRef()      {}
func (*TableFunc) tableRef()      {}
func (*SubQuery) tableRef()       {}
func (*Join) tableRef()           {}
func (*Unnest) tableRef()         {}
func (*MatchRecognize) tableRef() {}

// Measure is expr AS name of MEASURES.
type Measure struct {
	At
	Expr Expr
	Name Ident
}

// AfterMatch is AFTER MATCH SKIP ...
type AfterMatch struct {
	At
	To  string // PAST LAST ROW, TO NEXT ROW, TO FIRST, TO LAST
	Var *Ident // of TO FIRST and TO LAST
}

// PatternDefine is name AS condition of DEFINE.
type PatternDefine struct {
	At
	Var  Ident
	Cond Expr
}

// PatternSubset is name = (a, b, ...) of SUBSET.
type PatternSubset struct {
	At
	Name Ident
	Of   []Ident
}

// Pattern is what stands in PATTERN's brackets, and each part of it.
type Pattern interface {
	Node
	pattern()
}

// Patterns.
type (
	// PatternVar is a variable.
	PatternVar struct {
		At
		Name Ident
	}
	// PatternConcat is a b c.
	PatternConcat struct {
		At
		Items []Pattern
	}
	// PatternRepeat is x with a quantifier: *, +, ?, {n}, {n,}, {n,m}, {,m}, and a ? behind them where it is reluctant.
	PatternRepeat struct {
		At
		X          Pattern
		Min, Max   int // Max -1: without end
		Reluctant  bool
		Quantifier diag.Span
	}
	// PatternAlter is a | b.
	PatternAlter struct {
		At
		Items []Pattern
	}
	// PatternPermute is PERMUTE(a, b).
	PatternPermute struct {
		At
		Items []Pattern
	}
	// PatternExclude is {- x -}.
	PatternExclude struct {
		At
		X Pattern
	}
	// PatternAnchor is ^ or $, the ends of a partition.
	PatternAnchor struct {
		At
		Sign string
	}
)

func (*PatternVar) pattern()     {}
func (*PatternConcat) pattern()  {}
func (*PatternRepeat) pattern()  {}
func (*PatternAlter) pattern()   {}
func (*PatternPermute) pattern() {}
func (*PatternExclude) pattern() {}
func (*PatternAnchor) pattern()  {}

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

// Expr is a scalar expression.
type Expr interface {
	Node
	expr()
}

// Expressions.
type (
	// NullLit is NULL.
	NullLit struct{ At }
	// BoolLit is TRUE, FALSE or UNKNOWN (Unknown is BOOLEAN NULL).
	BoolLit struct {
		At
		Value, Unknown bool
	}
	// NumberLit is a number as written: 1, 1.5, 1e3. Its type follows from the text.
	NumberLit struct {
		At
		Text string
	}
	// StringLit is 'text', with quotes undoubled.
	StringLit struct {
		At
		Value string
	}
	// BinaryLit is X'hex'.
	BinaryLit struct {
		At
		Value []byte
	}
	// TemporalLit is DATE '..', TIME '..', TIMESTAMP '..' or TIMESTAMP_LTZ '..'.
	TemporalLit struct {
		At
		Kind string // DATE, TIME, TIMESTAMP, TIMESTAMP_LTZ
		Text *StringLit
	}
	// IntervalLit is INTERVAL [-] '1' SECOND, INTERVAL '1:30' MINUTE TO SECOND, INTERVAL '1' DAY(3).
	IntervalLit struct {
		At
		Negative bool
		Text     *StringLit
		From     string // YEAR, MONTH, WEEK, QUARTER, DAY, HOUR, MINUTE, SECOND
		To       string // "" without TO
		// Precision is how many digits From may have; 0 where it is not written, which means 2.
		Precision int
	}
	// ColumnRef is a column, possibly qualified, possibly with a path into a ROW.
	ColumnRef struct {
		At
		Name Name
	}
	// Unary is - x, + x, NOT x.
	Unary struct {
		At
		Op string // "-", "+", "NOT"
		X  Expr
	}
	// Binary is x op y.
	Binary struct {
		At
		Op     string // + - * / % = <> < <= > >= AND OR ||  (!= is parsed to <>)
		OpSpan diag.Span
		X, Y   Expr
	}
	// Is is x IS [NOT] NULL|TRUE|FALSE|UNKNOWN, and x IS [NOT] DISTINCT FROM y.
	Is struct {
		At
		X    Expr
		Not  bool
		What string // NULL, TRUE, FALSE, UNKNOWN, DISTINCT FROM, JSON, JSON VALUE, JSON SCALAR, JSON ARRAY, JSON OBJECT
		Y    Expr   // of DISTINCT FROM
	}
	// Between is x [NOT] BETWEEN [SYMMETRIC] lo AND hi.
	Between struct {
		At
		X, Lo, Hi      Expr
		Not, Symmetric bool
	}
	// In is x [NOT] IN (list) or (query).
	In struct {
		At
		X     Expr
		Not   bool
		List  []Expr
		Query *Query
	}
	// Quantified is x op ANY|SOME|ALL (list) or (query).
	Quantified struct {
		At
		X      Expr
		Op     string // =, <>, <, <=, >, >=
		OpSpan diag.Span
		Word   string // ANY, SOME, ALL
		List   []Expr
		Query  *Query
	}
	// LikeExpr is x [NOT] LIKE|SIMILAR TO pattern [ESCAPE e].
	LikeExpr struct {
		At
		X, Pattern, Escape Expr
		Not, Similar       bool
	}
	// Exists is EXISTS (query).
	Exists struct {
		At
		Query *Query
	}
	// ScalarQuery is (query) as a value.
	ScalarQuery struct {
		At
		Query *Query
	}
	// Case is CASE [operand] WHEN .. THEN .. [ELSE ..] END.
	Case struct {
		At
		Operand Expr
		Whens   []When
		Else    Expr
	}
	// Cast is CAST(x AS type) or TRY_CAST(x AS type).
	Cast struct {
		At
		X    Expr
		Type *TypeName
		Try  bool
	}
	// Call is f(args), with the parts an aggregate or a special form may have. Special
	// forms (EXTRACT, TRIM, POSITION, OVERLAY, SUBSTRING ... FROM, TIMESTAMPADD, FLOOR ... TO,
	// CURRENT_TIMESTAMP without brackets) are parsed into a Call with plain arguments; a bare word
	// among them (a time unit, BOTH) is a Keyword.
	Call struct {
		At
		Name     Ident
		NoParens bool // CURRENT_DATE
		Star     bool // COUNT(*)
		Distinct bool
		Args     []Expr
		OrderBy  []*OrderItem // inside the brackets, as in LISTAGG
		Filter   Expr         // FILTER (WHERE ...)
		Nulls    string       // IGNORE or RESPECT: what is done about NULLs; empty when not said
		Over     *WindowSpec  // OVER (...) or OVER name
		Sees     string       // in MATCH_RECOGNIZE: FINAL or RUNNING before the name; "" without
		JSON     *JSONClauses // of JSON functions, what stands behind the arguments; nil without
	}
	// JSONClauses is what may stand behind the arguments of JSON_VALUE, JSON_QUERY, JSON_EXISTS, and of the functions that
	// make JSON. The keys and values of JSON_OBJECT and JSON_OBJECTAGG are plain arguments that take turns.
	JSONClauses struct {
		At
		Returning *TypeName     // nil when not said
		Wrapper   string        // WITHOUT, CONDITIONAL or UNCONDITIONAL; "" when not said
		OnEmpty   *JSONBehavior // nil when not said
		OnError   *JSONBehavior // nil when not said
		OnNull    string        // NULL or ABSENT; "" when not said
	}
	// JSONBehavior is what stands before ON EMPTY or ON ERROR, which belong to it.
	JSONBehavior struct {
		At
		Word    string // NULL, ERROR, DEFAULT, EMPTY ARRAY, EMPTY OBJECT, TRUE, FALSE, UNKNOWN
		Default Expr   // of DEFAULT
	}
	// Keyword is a bare word as an argument: SECOND, BOTH.
	Keyword struct {
		At
		Word string // upper case
	}
	// RowExpr is (a, b, ...) or ROW(a, b, ...).
	RowExpr struct {
		At
		Items []Expr
	}
	// ArrayExpr is ARRAY[a, b].
	ArrayExpr struct {
		At
		Items []Expr
	}
	// MapExpr is MAP[k, v, ...].
	MapExpr struct {
		At
		Items []Expr // even number
	}
	// Index is x[i].
	Index struct {
		At
		X, I Expr
	}
	// FieldAccess is (x).f, where x is not a plain name.
	FieldAccess struct {
		At
		X     Expr
		Field Ident
	}
	// AtTimeZone is x AT TIME ZONE z.
	AtTimeZone struct {
		At
		X, Zone Expr
	}
)

// When is one arm of a CASE.
type When struct{ Cond, Then Expr }

// WindowSpec is what stands in OVER's brackets.
type WindowSpec struct {
	At
	Ref         *Ident // OVER name
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Rows        bool // ROWS; RANGE otherwise
	Frame       bool // a frame was written
	From, To    FrameBound
}

// FrameBound is one end of a frame.
type FrameBound struct {
	Kind string // UNBOUNDED PRECEDING, PRECEDING, CURRENT ROW, FOLLOWING, UNBOUNDED FOLLOWING
	Expr Expr   // of PRECEDING and FOLLOWING
}

func (*NullLit) expr()     {}
func (*BoolLit) expr()     {}
func (*NumberLit) expr()   {}
func (*StringLit) expr()   {}
func (*BinaryLit) expr()   {}
func (*TemporalLit) expr() {}
func (*IntervalLit) expr() {}
func (*ColumnRef) expr()   {}
func (*Unary) expr()       {}
func (*Binary) expr()      {}
func (*Is) expr()          {}
func (*Between) expr()     {}
func (*In) expr()          {}
func (*Quantified) expr()  {}
func (*LikeExpr) expr()    {}
func (*Exists) expr()      {}
func (*ScalarQuery) expr() {}
func (*Case) expr()        {}
func (*Cast) expr()        {}
func (*Call) expr()        {}
func (*Keyword) expr()     {}
func (*RowExpr) expr()     {}
func (*ArrayExpr) expr()   {}
func (*MapExpr) expr()     {}
func (*Index) expr()       {}
func (*FieldAccess) expr() {}
func (*AtTimeZone) expr()  {}
