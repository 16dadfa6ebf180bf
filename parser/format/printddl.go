package format

import (
	"fmt"
	"strings"

	"weir/parser/ast"
)

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
	if s.Conflict != nil {
		p.w(" ON CONFLICT DO " + s.Conflict.Do)
	}
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
