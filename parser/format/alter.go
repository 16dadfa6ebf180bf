package format

import "weir/parser/ast"

func (p *printer) alterTable(s *ast.AlterTable) {
	p.w("ALTER TABLE ", ifWord(s.IfExists, "IF EXISTS "))
	p.name(s.Name)
	switch {
	case s.To != nil:
		p.w(" RENAME TO ")
		p.name(*s.To)
	case s.Column != nil:
		p.w(" RENAME ")
		p.ident(*s.Column)
		p.w(" TO ")
		p.ident(*s.NewName)
	case s.Set != nil:
		p.w(" SET ")
		p.props(s.Set)
	case s.Reset != nil:
		p.w(" RESET (")
		for i, k := range s.Reset {
			p.w(ifWord(i > 0, ", "))
			p.str(k)
		}
		p.w(")")
	case s.DropKey:
		p.w(" DROP PRIMARY KEY")
	case s.DropMark:
		p.w(" DROP WATERMARK")
	case s.DropColumns != nil:
		p.w(" DROP ")
		p.idents(s.DropColumns)
	default:
		p.w(ifWord(s.Modify, " MODIFY ("), ifWord(!s.Modify, " ADD ("))
		sep := ""
		for i, c := range s.Columns {
			p.w(sep)
			p.column(c)
			if s.Places[i].First {
				p.w(" FIRST")
			} else if after := s.Places[i].After; after != nil {
				p.w(" AFTER ")
				p.ident(*after)
			}
			sep = ", "
		}
		if s.Watermark != nil {
			p.w(sep)
			p.watermark(s.Watermark)
			sep = ", "
		}
		if s.PrimaryKey != nil {
			p.w(sep)
			p.primaryKey(s.PrimaryKey)
		}
		p.w(")")
	}
}
