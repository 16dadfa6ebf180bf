package format

import (
	"fmt"
	"strings"

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
	case *ast.AlterTable:
		p.alterTable(s)
	case *ast.Inert:
		p.w(s.Sp.Text())
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

// ---- expressions
