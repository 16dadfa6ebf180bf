package format

import (
	"fmt"
	"strings"

	"weir/parser"
	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// Print is the SQL text of a tree, laid out as Format does; a statement ends without its
// semicolon, a script with those of its statements. Parsing the text gives the same tree
// again, apart from the places. Names are quoted where they must be.
//
// Any node can be printed. An expression, a type or a piece of a statement comes on one
// line. A MATCH_RECOGNIZE keeps the layout that it has in the source.
func Print(node ast.Node) string {
	switch n := node.(type) {
	case ast.Statement:
		return strings.TrimSuffix(strings.TrimRight(pretty(flat(n)+";"), "\n"), ";")
	case *ast.Query:
		return strings.TrimSuffix(strings.TrimRight(pretty(flat(n)+";"), "\n"), ";")
	}
	return flat(node)
}

// pretty lays out text that is known to parse; text that does not is returned as it is.
func pretty(text string) string {
	f := &diag.File{Name: "printed", Text: text}
	out, l := Format(f)
	if l.HasErrors() {
		return text
	}
	return out
}

// flat is node on one line.
func flat(node ast.Node) string {
	p := &printer{}
	p.node(node)
	return p.b.String()
}

type printer struct{ b strings.Builder }

func (p *printer) w(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

// list writes n things with commas between.
func (p *printer) list(n int, each func(i int)) {
	for i := range n {
		if i > 0 {
			p.w(", ")
		}
		each(i)
	}
}

func (p *printer) ident(id ast.Ident) {
	if id.Quoted || !token.PlainIdent(id.Name) {
		p.w(token.QuoteIdent(id.Name))
		return
	}
	p.w(id.Name)
}

func (p *printer) idents(ids []ast.Ident) {
	p.w("(")
	p.list(len(ids), func(i int) { p.ident(ids[i]) })
	p.w(")")
}

func (p *printer) name(n ast.Name) {
	for i, id := range n.Parts {
		if i > 0 {
			p.w(".")
		}
		p.ident(id)
	}
}

func (p *printer) str(s *ast.StringLit) { p.w(token.QuoteString(s.Value)) }

func (p *printer) props(kvs []*ast.Property) {
	p.w("(")
	p.list(len(kvs), func(i int) { p.prop(kvs[i]) })
	p.w(")")
}

func (p *printer) prop(kv *ast.Property) {
	p.str(kv.Key)
	p.w(" = ")
	p.str(kv.Value)
}

func (p *printer) node(node ast.Node) {
	switch n := node.(type) {
	case ast.Statement:
		p.statement(n)
	case *ast.Query:
		p.query(n)
	case ast.Expr:
		p.expr(n, 0)
	case ast.TableRef:
		p.tableRef(n, false)
	case ast.QueryBody:
		p.body(n, 0)
	case *ast.TypeName:
		p.typeName(n)
	case *ast.ColumnDef:
		p.column(n)
	case *ast.Property:
		p.prop(n)
	case *ast.WatermarkDef:
		p.watermark(n)
	case *ast.PrimaryKeyDef:
		p.primaryKey(n)
	case *ast.OrderItem:
		p.orderItem(n)
	case *ast.SelectItem:
		p.selectItem(n)
	case *ast.WindowSpec:
		p.window(n)
	case *ast.TableArg:
		p.tableArg(n)
	case *ast.CTE:
		p.cte(n)
	case *ast.Hint:
		p.hint(n)
	case *ast.Like:
		p.like(n)
	case ast.GroupItem:
		p.groupItem(n)
	case ast.Ident:
		p.ident(n)
	case ast.Name:
		p.name(n)
	case ast.LikeOption:
		p.w(n.Action, " ", n.What)
	default:
		panic(fmt.Sprintf("format: no text for a %T", node))
	}
}

func ifWord(on bool, word string) string {
	if on {
		return word
	}
	return ""
}

// space is the word for a catalog or a database.
func space(catalog bool) string {
	if catalog {
		return "CATALOG "
	}
	return "DATABASE "
}

func (p *printer) statement(st ast.Statement) {
	switch s := st.(type) {
	case *ast.Set:
		p.w("SET")
		if s.KV != nil {
			p.w(" ")
			p.prop(s.KV)
		}
	case *ast.Reset:
		p.w("RESET")
		if s.Key != nil {
			p.w(" ")
			p.str(s.Key)
		}
	case *ast.CreateTable:
		p.createTable(s)
	case *ast.CreateView:
		p.w("CREATE ", ifWord(s.Temporary, "TEMPORARY "), "VIEW ", ifWord(s.IfNotExists, "IF NOT EXISTS "))
		p.name(s.Name)
		if len(s.Columns) > 0 {
			p.w(" ")
			p.idents(s.Columns)
		}
		p.comment(s.Comment)
		p.w(" AS ")
		p.query(s.Query)
	case *ast.Drop:
		what := "TABLE "
		if s.View {
			what = "VIEW "
		}
		p.w("DROP ", ifWord(s.Temporary, "TEMPORARY "), what, ifWord(s.IfExists, "IF EXISTS "))
		p.name(s.Name)
	case *ast.Use:
		p.w("USE ", ifWord(s.Catalog, "CATALOG "))
		p.name(s.Name)
	case *ast.CreateSpace:
		p.w("CREATE ", space(s.Catalog), ifWord(s.IfNotExists, "IF NOT EXISTS "))
		p.name(s.Name)
		p.comment(s.Comment)
		if s.Options != nil {
			p.w(" WITH ")
			p.props(s.Options)
		}
	case *ast.DropSpace:
		p.w("DROP ", space(s.Catalog), ifWord(s.IfExists, "IF EXISTS "))
		p.name(s.Name)
		p.w(ifWord(s.Cascade, " CASCADE"))
	case *ast.Insert:
		p.insert(s)
	case *ast.StatementSet:
		p.w("EXECUTE ")
		p.statementSet(s)
	case *ast.Select:
		p.query(s.Query)
	case *ast.Explain:
		p.w("EXPLAIN ")
		if len(s.Details) > 0 {
			p.w(strings.Join(s.Details, ", "), " ")
		}
		if set, ok := s.Statement.(*ast.StatementSet); ok {
			p.statementSet(set)
		} else {
			p.statement(s.Statement)
		}
	case *ast.Show:
		p.w("SHOW ", s.What)
		if s.Name != nil {
			p.w(ifWord(s.What == "COLUMNS" || s.What == "TABLES" || s.What == "VIEWS", " FROM"), " ")
			p.name(*s.Name)
		}
		if s.Like != nil {
			p.w(ifWord(s.Not, " NOT"), " LIKE ")
			p.str(s.Like)
		}
	case *ast.Describe:
		p.w("DESCRIBE ")
		if s.Target != nil {
			p.w(s.What, " ")
			p.str(s.Target)
			return
		}
		p.name(s.Name)
	case *ast.StopJob:
		p.w("STOP JOB ")
		p.str(s.Job)
		p.w(ifWord(s.Savepoint, " WITH SAVEPOINT"), ifWord(s.Drain, " WITH DRAIN"))
	default:
		panic(fmt.Sprintf("format: no text for a %T", st))
	}
}

func (p *printer) statementSet(s *ast.StatementSet) {
	p.w("STATEMENT SET BEGIN")
	for _, in := range s.Inserts {
		p.w(" ")
		p.insert(in)
		p.w(";")
	}
	p.w(" END")
}

func (p *printer) insert(s *ast.Insert) {
	p.w("INSERT ")
	if s.Overwrite {
		p.w("OVERWRITE ")
	} else {
		p.w("INTO ")
	}
	p.name(s.Table)
	p.options(s.Hints)
	if len(s.Partition) > 0 {
		p.w(" PARTITION (")
		p.list(len(s.Partition), func(i int) {
			p.ident(ast.Ident{Name: s.Partition[i].Key.Value})
			p.w(" = ")
			p.str(s.Partition[i].Value)
		})
		p.w(")")
	}
	if len(s.Columns) > 0 {
		p.w(" ")
		p.idents(s.Columns)
	}
	p.w(" ")
	p.query(s.Query)
}

// options writes the hint OPTIONS behind a table.
func (p *printer) options(kvs []*ast.Property) {
	if len(kvs) > 0 {
		p.w(" /*+ OPTIONS")
		p.props(kvs)
		p.w(" */")
	}
}

func (p *printer) comment(c *ast.StringLit) {
	if c != nil {
		p.w(" COMMENT ")
		p.str(c)
	}
}

func (p *printer) createTable(s *ast.CreateTable) {
	p.w("CREATE ", ifWord(s.Temporary, "TEMPORARY "), "TABLE ", ifWord(s.IfNotExists, "IF NOT EXISTS "))
	p.name(s.Name)
	n := len(s.Columns)
	if n > 0 || s.Watermark != nil || s.PrimaryKey != nil {
		p.w(" (")
		sep := ""
		for _, c := range s.Columns {
			p.w(sep)
			sep = ", "
			p.column(c)
		}
		if s.Watermark != nil {
			p.w(sep)
			sep = ", "
			p.watermark(s.Watermark)
		}
		if s.PrimaryKey != nil {
			p.w(sep)
			p.primaryKey(s.PrimaryKey)
		}
		p.w(")")
	}
	p.comment(s.Comment)
	if len(s.PartitionedBy) > 0 {
		p.w(" PARTITIONED BY ")
		p.idents(s.PartitionedBy)
	}
	if s.Options != nil {
		p.w(" WITH ")
		p.props(s.Options)
	}
	if s.Like != nil {
		p.w(" LIKE ")
		p.like(s.Like)
	}
	if s.As != nil {
		p.w(" AS ")
		p.query(s.As)
	}
}

func (p *printer) like(l *ast.Like) {
	p.name(l.Source)
	if len(l.Options) > 0 {
		p.w(" (")
		for i, o := range l.Options {
			p.w(ifWord(i > 0, " "), o.Action, " ", o.What)
		}
		p.w(")")
	}
}

func (p *printer) column(c *ast.ColumnDef) {
	p.ident(c.Name)
	if c.Expr != nil {
		p.w(" AS ")
		p.expr(c.Expr, 0)
	} else {
		p.w(" ")
		p.typeName(c.Type)
	}
	if c.Metadata {
		p.w(" METADATA")
		if c.MetadataKey != nil {
			p.w(" FROM ")
			p.str(c.MetadataKey)
		}
		p.w(ifWord(c.Virtual, " VIRTUAL"))
	}
	p.comment(c.Comment)
}

func (p *printer) watermark(w *ast.WatermarkDef) {
	p.w("WATERMARK FOR ")
	p.name(w.Column)
	p.w(" AS ")
	p.expr(w.Expr, 0)
}

func (p *printer) primaryKey(k *ast.PrimaryKeyDef) {
	if k.Name != nil {
		p.w("CONSTRAINT ")
		p.ident(*k.Name)
		p.w(" ")
	}
	p.w("PRIMARY KEY ")
	p.idents(k.Columns)
	p.w(ifWord(k.NotEnforced, " NOT ENFORCED"))
}

func (p *printer) typeName(t *ast.TypeName) {
	switch {
	case t.Name == "ROW":
		p.w("ROW<")
		p.list(len(t.Fields), func(i int) {
			f := t.Fields[i]
			p.ident(f.Name)
			p.w(" ")
			p.typeName(f.Type)
			if f.Comment != nil {
				p.w(" ")
				p.str(f.Comment)
			}
		})
		p.w(">")
	case len(t.Elems) > 0:
		p.w(t.Name, "<")
		p.list(len(t.Elems), func(i int) { p.typeName(t.Elems[i]) })
		p.w(">")
	case strings.HasPrefix(t.Name, "INTERVAL "):
		p.intervalType(t)
	default:
		// The precision of TIMESTAMP(3) WITH LOCAL TIME ZONE stands inside the name.
		first, rest := t.Name, ""
		if head, tail, ok := strings.Cut(t.Name, " WITH "); ok {
			first, rest = head, " WITH "+tail
		}
		p.w(first)
		p.params(t.Params)
		p.w(rest)
	}
	p.w(ifWord(t.NotNull, " NOT NULL"))
}

func (p *printer) intervalType(t *ast.TypeName) {
	from, to, ranged := strings.Cut(t.Name, " TO ")
	p.w(from)
	if len(t.Params) > 0 {
		p.params(t.Params[:1])
	}
	if ranged {
		p.w(" TO ", to)
		if len(t.Params) > 1 {
			p.params(t.Params[1:])
		}
	}
}

func (p *printer) params(n []int) {
	if len(n) > 0 {
		p.w("(")
		p.list(len(n), func(i int) { p.w(fmt.Sprint(n[i])) })
		p.w(")")
	}
}

// ---- expressions

// level is how tight the outermost operator of x binds; operands are above all levels.
func level(x ast.Expr) int {
	switch e := x.(type) {
	case *ast.Binary:
		return parser.BinaryLevel(e.Op)
	case *ast.Quantified:
		return parser.BinaryLevel(e.Op)
	case *ast.Unary:
		if e.Op == "NOT" {
			return parser.LevelNot
		}
		return parser.LevelUnary
	case *ast.Is:
		return parser.LevelIs
	case *ast.Between, *ast.In, *ast.LikeExpr:
		return parser.LevelRange
	case *ast.Index, *ast.FieldAccess, *ast.AtTimeZone:
		return parser.LevelPostfix
	}
	return parser.LevelPostfix + 1
}

// expr writes x, in brackets where it binds looser than least.
func (p *printer) expr(x ast.Expr, least int) {
	if level(x) < least {
		p.w("(")
		defer p.w(")")
	}
	switch e := x.(type) {
	case *ast.NullLit:
		p.w("NULL")
	case *ast.BoolLit:
		switch {
		case e.Unknown:
			p.w("UNKNOWN")
		case e.Value:
			p.w("TRUE")
		default:
			p.w("FALSE")
		}
	case *ast.NumberLit:
		p.w(e.Text)
	case *ast.StringLit:
		p.str(e)
	case *ast.BinaryLit:
		p.w(fmt.Sprintf("X'%X'", e.Value))
	case *ast.TemporalLit:
		p.w(e.Kind, " ")
		p.str(e.Text)
	case *ast.IntervalLit:
		p.w("INTERVAL ", ifWord(e.Negative, "-"))
		p.str(e.Text)
		p.w(" ", e.From)
		if e.Precision > 0 {
			p.w(fmt.Sprintf("(%d)", e.Precision))
		}
		if e.To != "" {
			p.w(" TO ", e.To)
		}
	case *ast.ColumnRef:
		p.name(e.Name)
	case *ast.Unary:
		if e.Op == "NOT" {
			p.w("NOT ")
			p.expr(e.X, parser.LevelNot)
			break
		}
		p.w(e.Op)
		if in, ok := e.X.(*ast.Unary); ok && in.Op != "NOT" {
			p.w(" ") // -- would start a comment
		}
		p.expr(e.X, parser.LevelUnary)
	case *ast.Binary:
		p.binary(e)
	case *ast.Is:
		p.expr(e.X, parser.LevelIs)
		p.w(" IS ", ifWord(e.Not, "NOT "), e.What)
		if e.Y != nil {
			p.w(" ")
			p.expr(e.Y, parser.LevelCompare)
		}
	case *ast.Between:
		p.expr(e.X, parser.LevelRange)
		p.w(ifWord(e.Not, " NOT"), " BETWEEN ", ifWord(e.Symmetric, "SYMMETRIC "))
		p.expr(e.Lo, parser.LevelAdd)
		p.w(" AND ")
		p.expr(e.Hi, parser.LevelAdd)
	case *ast.In:
		p.expr(e.X, parser.LevelRange)
		p.w(ifWord(e.Not, " NOT"), " IN (")
		if e.Query != nil {
			p.query(e.Query)
		} else {
			p.exprs(e.List)
		}
		p.w(")")
	case *ast.Quantified:
		p.expr(e.X, parser.BinaryLevel(e.Op))
		p.w(" ", e.Op, " ", e.Word, " (")
		if e.Query != nil {
			p.query(e.Query)
		} else {
			p.exprs(e.List)
		}
		p.w(")")
	case *ast.LikeExpr:
		p.expr(e.X, parser.LevelRange)
		op := " LIKE "
		if e.Similar {
			op = " SIMILAR TO "
		}
		p.w(ifWord(e.Not, " NOT"), op)
		p.expr(e.Pattern, parser.LevelAdd)
		if e.Escape != nil {
			p.w(" ESCAPE ")
			p.expr(e.Escape, parser.LevelAdd)
		}
	case *ast.Exists:
		p.w("EXISTS ")
		p.subquery(e.Query)
	case *ast.ScalarQuery:
		p.subquery(e.Query)
	case *ast.Case:
		p.caseExpr(e)
	case *ast.Cast:
		p.w(ifWord(e.Try, "TRY_"), "CAST(")
		p.expr(e.X, 0)
		p.w(" AS ")
		p.typeName(e.Type)
		p.w(")")
	case *ast.Call:
		p.call(e)
	case *ast.Keyword:
		p.w(e.Word)
	case *ast.RowExpr:
		if len(e.Items) < 2 {
			p.w("ROW")
		}
		p.w("(")
		p.exprs(e.Items)
		p.w(")")
	case *ast.ArrayExpr:
		p.w("ARRAY[")
		p.exprs(e.Items)
		p.w("]")
	case *ast.MapExpr:
		p.w("MAP[")
		p.exprs(e.Items)
		p.w("]")
	case *ast.Index:
		p.expr(e.X, parser.LevelPostfix)
		p.w("[")
		p.expr(e.I, 0)
		p.w("]")
	case *ast.FieldAccess:
		switch e.X.(type) {
		case *ast.ColumnRef, *ast.NumberLit:
			// Without brackets the field would be one more part of the name or number.
			p.w("(")
			p.expr(e.X, 0)
			p.w(")")
		default:
			p.expr(e.X, parser.LevelPostfix)
		}
		p.w(".")
		p.ident(e.Field)
	case *ast.AtTimeZone:
		p.expr(e.X, parser.LevelPostfix)
		p.w(" AT TIME ZONE ")
		p.expr(e.Zone, parser.LevelPostfix+1)
	default:
		panic(fmt.Sprintf("format: no text for a %T", x))
	}
}

// binary writes a chain of operators that nest to the left without recursion, for such
// chains may be long.
func (p *printer) binary(e *ast.Binary) {
	chain := []*ast.Binary{e}
	for {
		x, ok := chain[len(chain)-1].X.(*ast.Binary)
		if !ok || level(x) < parser.BinaryLevel(chain[len(chain)-1].Op) {
			break
		}
		chain = append(chain, x)
	}
	last := chain[len(chain)-1]
	p.expr(last.X, parser.BinaryLevel(last.Op))
	for i := len(chain) - 1; i >= 0; i-- {
		p.w(" ", chain[i].Op, " ")
		p.expr(chain[i].Y, parser.BinaryLevel(chain[i].Op)+1)
	}
}

func (p *printer) exprs(list []ast.Expr) {
	p.list(len(list), func(i int) { p.expr(list[i], 0) })
}

func (p *printer) subquery(q *ast.Query) {
	p.w("(")
	p.query(q)
	p.w(")")
}

func (p *printer) caseExpr(e *ast.Case) {
	p.w("CASE ")
	if e.Operand != nil {
		p.expr(e.Operand, 0)
		p.w(" ")
	}
	for _, a := range e.Whens {
		p.w("WHEN ")
		p.expr(a.Cond, 0)
		p.w(" THEN ")
		p.expr(a.Then, 0)
		p.w(" ")
	}
	if e.Else != nil {
		p.w("ELSE ")
		p.expr(e.Else, 0)
		p.w(" ")
	}
	p.w("END")
}

func (p *printer) call(c *ast.Call) {
	if c.Sees != "" {
		p.w(c.Sees, " ")
	}
	if c.Name.Quoted {
		p.ident(c.Name)
	} else {
		p.w(c.Name.Name) // a function may be named by a reserved word
	}
	if c.NoParens {
		return
	}
	p.w("(", ifWord(c.Distinct, "DISTINCT "), ifWord(c.Star, "*"))
	p.callArgs(c)
	if len(c.OrderBy) > 0 {
		p.w(" ")
		p.orderBy(c.OrderBy)
	}
	if c.JSON != nil {
		p.jsonClauses(c.JSON, len(c.Args) > 0)
	}
	p.w(")")
	if c.Filter != nil {
		p.w(" FILTER (WHERE ")
		p.expr(c.Filter, 0)
		p.w(")")
	}
	if c.Nulls != "" {
		p.w(" ", c.Nulls, " NULLS")
	}
	if c.Over != nil {
		p.w(" OVER ")
		p.window(c.Over)
	}
}

// jsonClauses writes what stands behind the arguments of a JSON function, where there are any.
func (p *printer) jsonClauses(j *ast.JSONClauses, args bool) {
	sep := ifWord(args, " ")
	if j.Returning != nil {
		p.w(sep, "RETURNING ")
		p.typeName(j.Returning)
	}
	switch j.Wrapper {
	case "":
	case "WITHOUT":
		p.w(" WITHOUT WRAPPER")
	default:
		p.w(" WITH ", j.Wrapper, " WRAPPER")
	}
	on := func(b *ast.JSONBehavior, what string) {
		if b == nil {
			return
		}
		p.w(" ", b.Word)
		if b.Default != nil {
			p.w(" ")
			p.expr(b.Default, 0)
		}
		p.w(" ON ", what)
	}
	on(j.OnEmpty, "EMPTY")
	on(j.OnError, "ERROR")
	if j.OnNull != "" {
		p.w(sep, j.OnNull, " ON NULL")
	}
}

// callArgs writes the arguments, with the words that some functions want between them.
func (p *printer) callArgs(c *ast.Call) {
	words := map[int]string{}
	loose := 0
	isWord := func(i int) bool {
		if i >= len(c.Args) {
			return false
		}
		_, ok := c.Args[i].(*ast.Keyword)
		return ok
	}
	if !c.Name.Quoted {
		switch key := token.Upper(c.Name.Name); {
		case key == "EXTRACT":
			words[1] = " FROM "
		case key == "TRIM" && isWord(0):
			words[1], words[2] = " ", " FROM "
		case key == "POSITION":
			words[1], words[2] = " IN ", " FROM "
			loose = parser.LevelAdd
		case key == "OVERLAY" && len(c.Args) <= 4:
			words[1], words[2], words[3] = " PLACING ", " FROM ", " FOR "
		case key == "JSON_OBJECT" || key == "JSON_OBJECTAGG":
			for i := 1; i < len(c.Args); i += 2 {
				words[i] = " VALUE "
			}
		case (key == "FLOOR" || key == "CEIL" || key == "CEILING") && isWord(1):
			words[1] = " TO "
		}
	}
	for i, a := range c.Args {
		if i > 0 {
			if w, ok := words[i]; ok {
				p.w(w)
			} else {
				p.w(", ")
			}
		}
		if i == 0 {
			p.expr(a, loose)
		} else {
			p.expr(a, 0)
		}
	}
}

func (p *printer) window(w *ast.WindowSpec) {
	if w.Ref != nil && len(w.PartitionBy) == 0 && len(w.OrderBy) == 0 && !w.Frame {
		p.ident(*w.Ref)
		return
	}
	p.windowBody(w)
}

func (p *printer) windowBody(w *ast.WindowSpec) {
	p.w("(")
	sep := ""
	if w.Ref != nil {
		p.ident(*w.Ref)
		sep = " "
	}
	if len(w.PartitionBy) > 0 {
		p.w(sep, "PARTITION BY ")
		p.exprs(w.PartitionBy)
		sep = " "
	}
	if len(w.OrderBy) > 0 {
		p.w(sep)
		p.orderBy(w.OrderBy)
		sep = " "
	}
	if w.Frame {
		unit := "RANGE"
		if w.Rows {
			unit = "ROWS"
		}
		p.w(sep, unit, " BETWEEN ")
		p.bound(w.From)
		p.w(" AND ")
		p.bound(w.To)
	}
	p.w(")")
}

func (p *printer) bound(b ast.FrameBound) {
	if b.Expr != nil {
		p.expr(b.Expr, parser.LevelAdd)
		p.w(" ")
	}
	p.w(b.Kind)
}

func (p *printer) orderBy(items []*ast.OrderItem) {
	p.w("ORDER BY ")
	p.list(len(items), func(i int) { p.orderItem(items[i]) })
}

func (p *printer) orderItem(o *ast.OrderItem) {
	p.expr(o.Expr, 0)
	p.w(ifWord(o.Desc, " DESC"))
	if o.NullsFirst != nil {
		if *o.NullsFirst {
			p.w(" NULLS FIRST")
		} else {
			p.w(" NULLS LAST")
		}
	}
}
