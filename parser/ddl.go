package parser

import (
	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// property takes 'key' = 'value'.
func (p *parser) property() *ast.Property {
	start := p.start()
	kv := &ast.Property{Key: p.optionKey()}
	if !p.accept("=") {
		p.unexpected("= and a value behind the key")
	}
	kv.Value = p.optionValue()
	kv.At = p.from(start)
	return kv
}

// optionValue takes the value of an option; a word or a number is taken for the string that it should be.
func (p *parser) optionValue() *ast.StringLit {
	t := p.tok()
	word := t.Kind == token.Word && (!token.Reserved(t.Key) || t.Is("TRUE") || t.Is("FALSE"))
	if !word && t.Kind != token.Number && t.Kind != token.Quoted || !p.peek(1).Is(",") && !p.peek(1).Is(")") {
		return p.str("a value as a string")
	}
	text := t.Text(p.file)
	if t.Kind == token.Quoted {
		text = token.Unquote(text)
	}
	p.mend(p.i, p.span(t), "SQ1001", "expected a value as a string, found %s", p.found(t)).Help("write it as a string: %s", token.QuoteString(text))
	p.next()
	return &ast.StringLit{At: p.from(t.Start), Value: text}
}

// optionKey takes the key of an option; one without quotes is refused with the quoted form.
func (p *parser) optionKey() *ast.StringLit {
	if t := p.tok(); t.Kind == token.Word || t.Kind == token.Quoted {
		i := p.i + 1
		for i < p.eofIndex() && (p.toks[i].Is(".") || p.toks[i].Is("-") || p.toks[i].Kind == token.Word) && p.toks[i].Start == p.toks[i-1].End {
			i++
		}
		key := p.file.Text[t.Start:p.toks[i-1].End]
		if t.Kind == token.Quoted && i == p.i+1 {
			key = token.Unquote(key)
		}
		if p.toks[i].Is("=") {
			sp := p.span(t).To(p.span(p.toks[i-1]))
			p.mend(p.i, sp, "SQ1014", "the key of an option is a string").Help("write %s", token.QuoteString(key))
			p.i = i
			return &ast.StringLit{At: ast.At{Sp: sp}, Value: key}
		}
	}
	return p.str("an option 'key' = 'value'")
}

// options takes ('key' = 'value', ...).
func (p *parser) options() []*ast.Property {
	if !p.accept("(") {
		p.unexpected("( and the options")
	}
	list := []*ast.Property{}
	if p.accept(")") {
		return list
	}
	for {
		list = append(list, p.property())
		if p.failed || !p.comma("an option 'key' = 'value'", p.tok().IsString()) {
			break
		}
	}
	if !p.failed {
		p.closing("a comma or )")
	}
	return list
}

// tableElements is what stands in the brackets of CREATE TABLE.
type tableElements struct {
	columns   []*ast.ColumnDef
	watermark *ast.WatermarkDef
	key       *ast.PrimaryKeyDef
}

// elementsOf takes ( column, ..., WATERMARK ..., PRIMARY KEY ... ).
func (p *parser) elementsOf() *tableElements {
	e := &tableElements{}
	if !p.accept("(") {
		p.unexpected("( and the columns")
	}
	for !p.failed {
		p.element(e)
		if p.failed {
			return e
		}
		if !p.comma("a column", p.columnAhead() || p.isAny("WATERMARK", "PRIMARY", "CONSTRAINT")) {
			p.closing("a comma or )")
			return e
		}
	}
	return e
}

// columnAhead reports whether the name of a column comes next, be it a reserved word, and its type.
func (p *parser) columnAhead() bool {
	t := p.tok()
	return (t.Kind == token.Quoted || t.Kind == token.Word && !structural[t.Key]) && p.typeAt(1)
}

// comma takes the comma behind an item of a list and reports whether another item follows; another says that one begins here. A comma too many
// or too few is an error that is mended.
func (p *parser) comma(item string, another bool) bool {
	if another {
		before := p.toks[p.i-1]
		p.mend(p.i, p.here(), "SQ1001", "expected a comma or ), found %s", p.found(p.tok())).
			Label(p.span(before), "a comma is missing behind this").Fix(after(p.file, before), ",")
		return true
	}
	if !p.accept(",") {
		return false
	}
	for p.is(",") {
		p.mend(p.i, p.here(), "SQ1001", "expected %s, found a comma", item).Help("take the comma away")
		p.next()
	}
	if !p.is(")") {
		return true
	}
	p.mend(p.i-1, p.span(p.toks[p.i-1]), "SQ1001", "expected %s, found )", item).
		At("nothing follows this comma").Help("take the comma away")
	return false
}

// element takes one column, watermark or key into e.
func (p *parser) element(e *tableElements) {
	start := p.start()
	switch {
	case p.is("WATERMARK") && (p.peek(1).Is("FOR") || !p.typeAt(1)):
		w := p.watermark()
		if e.watermark != nil && !p.failed {
			p.list.Errorf("SQ1012", w.Sp, "the table has two watermarks").
				Label(e.watermark.Sp, "the first one").Help("keep one of them")
		} else {
			e.watermark = w
		}
	case p.is("CONSTRAINT"), p.is("PRIMARY"), p.is("UNIQUE") && p.peek(1).Is("("):
		p.addKey(e, p.primaryKey(start, nil))
	case p.is("FOREIGN", "KEY"), p.is("CHECK", "("):
		p.mend(p.i, p.here(), "SQ1011", "%s is not supported", map[bool]string{true: "FOREIGN KEY", false: "CHECK"}[p.is("FOREIGN")]).
			Help("leave it out: nothing checks rows that others wrote")
		p.pastColumn()
	case p.is("PERIOD", "FOR"):
		p.notSupported(p.i, p.here(), "PERIOD FOR")
	default:
		p.columnDef(e)
	}
}

// typeAt reports whether a type's word stands n behind the next token.
func (p *parser) typeAt(n int) bool {
	_, ok := typeParams[p.peek(n).Key]
	return ok
}

func (p *parser) addKey(e *tableElements, k *ast.PrimaryKeyDef) {
	if p.failed || k == nil {
		return
	}
	if e.key != nil {
		p.list.Errorf("SQ1012", k.Sp, "the table has two primary keys").
			Label(e.key.Sp, "the first one").
			Help("keep one of them; a key of several columns is written PRIMARY KEY (a, b) NOT ENFORCED")
		return
	}
	e.key = k
}

func (p *parser) watermark() *ast.WatermarkDef {
	start := p.next().Start
	defer p.whole("WATERMARK FOR column AS column - INTERVAL '5' SECOND")()
	if !p.accept("FOR") {
		p.unexpected("FOR and a column behind WATERMARK")
	}
	w := &ast.WatermarkDef{Column: p.name("a column name")}
	if !p.accept("AS") {
		p.unexpected("AS and the watermark's expression")
	}
	w.Expr = p.expr()
	w.At = p.from(start)
	return w
}

// primaryKey takes [CONSTRAINT name] PRIMARY KEY [(columns)] [NOT ENFORCED]. of is the
// column that it stands behind; nil for a key of the table.
func (p *parser) primaryKey(start int, of *ast.Ident) *ast.PrimaryKeyDef {
	k := &ast.PrimaryKeyDef{}
	if p.accept("CONSTRAINT") {
		id := p.ident("a name for the constraint")
		k.Name = &id
	}
	if p.is("UNIQUE") {
		p.mend(p.i, p.here(), "SQ1011", "UNIQUE is not supported").Help("a table may have a PRIMARY KEY (...) NOT ENFORCED")
		p.next()
		if p.is("(") {
			p.idents("a column name")
		}
		return nil
	}
	if of == nil {
		defer p.whole("PRIMARY KEY (column, ...) NOT ENFORCED")()
	}
	if !p.accept("PRIMARY") {
		p.unexpected("PRIMARY KEY")
	}
	p.expect("KEY")
	if of == nil {
		if !p.is("(") {
			p.unexpected("( and the columns of the key")
		}
		k.Columns = p.idents("a column name")
	} else {
		k.Columns = []ast.Ident{*of}
	}
	if p.is("ENFORCED") {
		p.notSupported(p.i, p.here(), "ENFORCED").Help("write NOT ENFORCED: nobody checks the keys of a stream")
		return k
	}
	k.NotEnforced = p.accept("NOT", "ENFORCED")
	k.At = p.from(start)
	return k
}

// columnDef takes one column into e.
func (p *parser) columnDef(e *tableElements) {
	start := p.start()
	c := &ast.ColumnDef{}
	if t := p.tok(); t.Kind == token.Word && token.Reserved(t.Key) && (p.typeAt(1) || p.peek(1).Is("AS") || p.peek(1).Is("METADATA")) {
		c.Name = p.reserved(t)
	} else {
		c.Name = p.ident("a column name")
	}
	if p.accept("AS") {
		c.Expr = p.expr()
		p.columnComment(c)
		c.At = p.from(start)
		e.columns = append(e.columns, c)
		return
	}
	if !p.failed && (p.is(",") || p.is(")")) {
		p.unexpected("the type of column " + c.Name.Name)
		return
	}
	c.Type = p.typeName()
	if p.accept("METADATA") {
		c.Metadata = true
		if p.accept("FROM") {
			c.MetadataKey = p.str("the metadata key as a string")
		}
		c.Virtual = p.accept("VIRTUAL")
	}
	var key *ast.PrimaryKeyDef
	for !p.failed {
		switch {
		case p.isAny("PRIMARY", "CONSTRAINT", "UNIQUE"):
			at := p.start()
			k := p.primaryKey(at, &c.Name)
			if k == nil {
				continue
			}
			if key != nil && !p.failed {
				p.list.Errorf("SQ1012", k.Sp, "column %s is the primary key twice", c.Name.Name)
				continue
			}
			key = k
			continue
		case p.is("NOT", "NULL") && key != nil && !c.Type.NotNull:
			p.i += 2
			c.Type.NotNull = true
			continue
		}
		break
	}
	p.columnComment(c)
	word := p.tok().Key
	switch {
	case p.is("AS"), p.is("GENERATED"):
		d := p.mend(p.i, p.here(), "SQ1011", "%s of a column is not supported", word)
		if p.is("AS") {
			d.Code, d.Title = "SQ1001", "expected a comma or ), found AS"
		}
		d.Help("a computed column has no type of its own: write %s AS expression", c.Name.Name)
		p.pastColumn()
	case columnClauses[word]:
		p.mend(p.i, p.here(), "SQ1011", "%s of a column is not supported", word).Help("leave it out: what is in a column comes with the rows")
		p.pastColumn()
	}
	c.At = p.from(start)
	e.columns = append(e.columns, c)
	p.addKey(e, key)
}

// pastColumn goes on behind the column that stands here.
func (p *parser) pastColumn() {
	for !p.is(",") && !p.is(")") && p.tok().Kind != token.EOF {
		if n := p.match[p.i]; n > 0 {
			p.i = n
		}
		p.next()
	}
}

func (p *parser) columnComment(c *ast.ColumnDef) {
	if p.accept("COMMENT") {
		c.Comment = p.str("a comment as a string")
	}
}

// partition takes (k = 'v', ...) behind PARTITION in INSERT.
func (p *parser) partition() []*ast.Property {
	p.expect("(")
	var list []*ast.Property
	for {
		start := p.start()
		id := p.ident("a partition column")
		kv := &ast.Property{Key: &ast.StringLit{At: id.At, Value: id.Name}}
		if !p.accept("=") {
			p.unexpected("= and the partition's value")
		}
		if t := p.tok(); t.Kind == token.Number {
			p.next()
			kv.Value = &ast.StringLit{At: p.from(t.Start), Value: t.Text(p.file)}
		} else {
			kv.Value = p.str("the partition's value")
		}
		kv.At = p.from(start)
		list = append(list, kv)
		if !p.accept(",") {
			break
		}
	}
	p.closing("a comma or )")
	return list
}

// conflict takes CONFLICT DO ... behind the ON of an INSERT.
func (p *parser) conflict() *ast.Conflict {
	start := p.toks[p.i-1].Start
	switch {
	case p.is("DUPLICATE", "KEY"):
		p.notSupported(p.i, p.here(), "ON DUPLICATE KEY UPDATE").Help("write ON CONFLICT DO DEDUPLICATE: the last row of a PRIMARY KEY is the one that stays")
		return nil
	case !p.is("CONFLICT") && hasWord(p.toks[:p.i], "SELECT") && p.tok().Kind != token.EOF:
		on := p.i - 1
		p.errorAt(on, p.span(p.toks[on]), "SQ1001", "expected the end of the statement, found ON").
			Help("a condition behind ON belongs to a JOIN: FROM a JOIN b ON a.id = b.id; behind a comma it stands in WHERE")
		return nil
	case !p.expect("CONFLICT"):
		return nil
	case p.is("("):
		p.notSupported(p.i, p.here(), "a list of columns behind ON CONFLICT").
			At("the conflict is about the PRIMARY KEY of the table").Help("leave the columns out: ON CONFLICT DO NOTHING")
		return nil
	case !p.expect("DO"):
		return nil
	case p.is("UPDATE"):
		p.notSupported(p.i, p.here(), "ON CONFLICT DO UPDATE").Help("write ON CONFLICT DO DEDUPLICATE: the last row of a PRIMARY KEY is the one that stays")
		return nil
	case !p.isAny("NOTHING", "ERROR", "DEDUPLICATE"):
		p.unexpected("NOTHING, ERROR or DEDUPLICATE")
		return nil
	}
	do := p.next().Key
	return &ast.Conflict{At: p.from(start), Do: do}
}

// likeWhat are the words behind INCLUDING, EXCLUDING and OVERWRITING.
var likeWhat = []string{"ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS"}

// likeClause takes what stands behind LIKE.
func (p *parser) likeClause() *ast.Like {
	start := p.start()
	l := &ast.Like{Source: p.name("a table's name")}
	if p.accept("(") {
		for !p.failed && !p.is(")") {
			at := p.start()
			o := ast.LikeOption{Action: p.tok().Key}
			if !p.accept("INCLUDING") && !p.accept("EXCLUDING") && !p.accept("OVERWRITING") {
				p.unexpected("INCLUDING, EXCLUDING, OVERWRITING or )")
				return l
			}
			o.What = p.tok().Key
			if !p.isAny(likeWhat...) {
				d := p.unexpected("one of ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, PARTITIONS and WATERMARKS")
				if s, ok := diag.Suggest(o.What, likeWhat); ok {
					d.Help("did you mean %s?", s)
				}
				return l
			}
			p.next()
			o.At = p.from(at)
			l.Options = append(l.Options, o)
		}
		p.closing(")")
	}
	l.At = p.from(start)
	return l
}

// showWhats are the things that SHOW lists; those with true take a name.
var showWhats = map[string]bool{
	"TABLES": false, "VIEWS": false, "FUNCTIONS": false, "USER FUNCTIONS": false, "CATALOGS": false, "DATABASES": false,
	"CURRENT CATALOG": false, "CURRENT DATABASE": false, "JOBS": false, "MODULES": false, "TOPICS": false,
	"CREATE TABLE": true, "CREATE VIEW": true,
}

// showTail takes what stands behind SHOW.
func (p *parser) showTail() *ast.Show {
	start := p.start()
	s := &ast.Show{}
	one, two := p.tok().Key, p.tok().Key+" "+p.peek(1).Key
	switch {
	case p.accept("COLUMNS"):
		s.What = "COLUMNS"
		if !p.accept("FROM") && !p.accept("IN") {
			p.unexpected("FROM and a table's name")
		}
		n := p.name("a table's name")
		s.Name = &n
	default:
		name, ok := showWhats[two]
		if ok {
			s.What = two
			p.i += 2
		} else if name, ok = showWhats[one]; ok {
			s.What = one
			p.next()
		} else {
			d := p.unexpected("TABLES, VIEWS, FUNCTIONS, COLUMNS, TOPICS, JOBS, CREATE TABLE or CREATE VIEW")
			if w, ok := diag.Suggest(one, []string{"TABLES", "VIEWS", "FUNCTIONS", "COLUMNS", "TOPICS", "JOBS", "CREATE", "CATALOGS", "DATABASES"}); ok && w != one {
				d.Helps = nil
				d.Help("did you mean SHOW %s?", w)
			}
			return s
		}
		if name {
			n := p.name("a table's name")
			s.Name = &n
		}
	}
	if (s.What == "TABLES" || s.What == "VIEWS") && (p.accept("FROM") || p.accept("IN")) {
		n := p.name("a database's name")
		s.Name = &n
	}
	if p.is("NOT", "LIKE") {
		p.next()
		s.Not = true
	}
	if p.accept("LIKE") {
		s.Like = p.str("a pattern as a string")
	}
	s.At = p.from(start)
	return s
}

// describeTail takes what stands behind DESCRIBE: a table's name, or JOB or TOPIC and a string. Tables may be
// called job and topic too.
func (p *parser) describeTail() *ast.Describe {
	d := &ast.Describe{}
	if what := p.tok().Key; (what == "JOB" || what == "TOPIC") && p.peek(1).Kind == token.String {
		p.next()
		d.What = what
		d.Target = p.str("a name as a string")
		return d
	}
	if p.tok().Is("EXTENDED") && p.peek(1).Kind != token.EOF && !p.peek(1).Is(".") {
		p.next()
	}
	d.Name = p.name("a name")
	return d
}
