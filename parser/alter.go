package parser

import (
	"weir/parser/ast"
	"weir/parser/token"
)

// alterTail takes what stands behind ALTER TABLE.
func (p *parser) alterTail() *ast.AlterTable {
	a := &ast.AlterTable{IfExists: p.accept("IF", "EXISTS"), Name: p.name("a table's name")}
	switch {
	case p.failed:
	case p.accept("RENAME", "TO"):
		to := p.name("the new name")
		a.To = &to
	case p.accept("RENAME"):
		if p.is("COLUMN") {
			p.errorf("SQ1001", "expected a column's name, found the word COLUMN").Help("leave it out: RENAME a TO b")
			return a
		}
		from := p.ident("a column's name")
		if !p.failed && !p.accept("TO") {
			end := p.tok().Kind == token.EOF
			d := p.unexpected("TO and the new name")
			if end {
				d.Help("RENAME TO %s gives the table another name, RENAME a TO b a column", from.Name)
			} else {
				d.Help("write RENAME %s TO and the new name", from.Name)
			}
			return a
		}
		to := p.ident("the new name")
		a.Column, a.NewName = &from, &to
	case p.accept("SET"):
		a.Set = p.options()
		if !p.failed && len(a.Set) == 0 {
			p.unexpected("an option 'key' = 'value' before the )")
		}
	case p.accept("RESET"):
		p.expect("(")
		for !p.failed {
			a.Reset = append(a.Reset, p.str("an option's key as a string"))
			if !p.accept(",") {
				break
			}
		}
		if !p.failed {
			p.closing(")")
		}
	case p.accept("ADD"), p.is("MODIFY"):
		a.Modify = p.accept("MODIFY")
		p.alterElements(a)
	case p.accept("DROP"):
		p.alterDrop(a)
	default:
		d := p.unexpected("RENAME, SET, RESET, ADD, MODIFY or DROP")
		if t := p.toks[max(p.at, 0)]; t.Key == "CHANGE" {
			d.Help("RENAME a TO b gives a column another name, MODIFY (a BIGINT) another type")
		}
	}
	return a
}

// alterElements takes one element of a table, or several in brackets.
func (p *parser) alterElements(a *ast.AlterTable) {
	e := &tableElements{}
	several := p.accept("(")
	for !p.failed {
		p.accept("COLUMN")
		n := len(e.columns)
		p.element(e)
		if len(e.columns) > n {
			a.Places = append(a.Places, p.columnPlace())
		}
		if !several || !p.accept(",") {
			break
		}
	}
	if several && !p.failed {
		p.closing(")")
	}
	a.Columns, a.Watermark, a.PrimaryKey = e.columns, e.watermark, e.key
}

// columnPlace takes FIRST or AFTER a column, where one of them stands.
func (p *parser) columnPlace() (c ast.ColumnPlace) {
	if p.accept("FIRST") {
		c.First = true
	} else if p.accept("AFTER") {
		id := p.ident("a column's name")
		c.After = &id
	}
	return c
}

func (p *parser) alterDrop(a *ast.AlterTable) {
	switch {
	case p.accept("PRIMARY", "KEY"):
		a.DropKey = true
	case p.accept("CONSTRAINT"):
		a.DropKey = true
		p.ident("the name of the constraint")
	case p.is("WATERMARK") && p.peek(1).Kind == token.EOF:
		p.next()
		a.DropMark = true
	case p.is("("):
		a.DropColumns = p.idents("a column's name")
	default:
		p.accept("COLUMN")
		a.DropColumns = []ast.Ident{p.ident("a column's name")}
	}
}
