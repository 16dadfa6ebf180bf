package ast

import "weir/parser/diag"

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
