package parser

import (
	"slices"
	"strings"
	"sync"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// engines keeps parsers whose grammar is built, which takes longer than most parses.
var engines = sync.Pool{New: func() any { return newEngine() }}

// Parse reads a whole file. Statements that do not parse are left out of the script and
// explained in the list, each with one error, so that the rest can still be checked. Those
// whose errors were mended are in the script, to be checked further; List.Within tells them.
// Neither result is nil. Parse may be called from several goroutines.
func Parse(f *diag.File) (*ast.Script, *diag.List) {
	l := &diag.List{}
	script := &ast.Script{File: f}
	toks, _ := token.Lex(f, l)
	withEngine(f, l, func(e *engine) {
		s := splitter{file: f, list: l, toks: toks}
		for {
			pc, ok := s.next()
			if !ok {
				break
			}
			script.Statements = append(script.Statements, e.statement(pc)...)
		}
	})
	l.Sort()
	return script, l
}

// ParseQuery reads a file that is one query and nothing else; the query is nil where the
// list has errors.
func ParseQuery(f *diag.File) (*ast.Query, *diag.List) {
	return parseOnly(f, (*parser).query)
}

// ParseExpr reads a file that is one expression and nothing else; the expression is nil
// where the list has errors.
func ParseExpr(f *diag.File) (ast.Expr, *diag.List) {
	return parseOnly(f, (*parser).expr)
}

// ParseType reads a file that is one type, such as ROW<a INT NOT NULL>; the type is nil
// where the list has errors.
func ParseType(f *diag.File) (*ast.TypeName, *diag.List) {
	return parseOnly(f, (*parser).typeName)
}

func parseOnly[T any](f *diag.File, take func(*parser) T) (v T, l *diag.List) {
	l = &diag.List{}
	toks, _ := token.Lex(f, l)
	if l.HasErrors() {
		return v, l
	}
	p := newParser(f, l)
	p.load(toks[:len(toks)-1], len(f.Text))
	got := take(p)
	if !p.failed && p.tok().Kind != token.EOF {
		p.unexpected("the end of the text")
	}
	p.tellMended()
	if p.failed {
		l.All = append(l.All, p.deepest)
	}
	if l.HasErrors() {
		return v, l
	}
	return got, l
}

func withEngine(f *diag.File, l *diag.List, do func(*engine)) {
	e := engines.Get().(*engine)
	e.p.file, e.p.list = f, l
	do(e)
	e.p.file, e.p.list, e.p.deepest = nil, nil, nil
	engines.Put(e)
}

// maxSplits limits how often one run of text without semicolons is cut up.
const maxSplits = 40

// strongStarts begin a statement wherever they begin a line; weakStarts do so only where
// the text before them is a whole statement.
var (
	strongStarts = wordSet("CREATE INSERT DROP EXECUTE EXPLAIN")
	weakStarts   = wordSet("SELECT WITH SET RESET SHOW ALTER USE DESCRIBE BEGIN VALUES")
)

// statement parses one piece. It is several statements where semicolons are missing.
func (e *engine) statement(pc piece) []ast.Statement {
	if pc.set != nil {
		return e.statementSet(pc)
	}
	var out []ast.Statement
	for splits := 0; len(pc.toks) > 0 && !pc.bad; splits++ {
		st, why, at := e.one(pc)
		if st != nil {
			e.p.tellMended()
			return append(out, st)
		}
		mended := slices.Clone(e.p.passed)
		t := e.p.toks[at]
		strong := strongStarts[t.Key]
		cut := at > 0 && splits < maxSplits && (strong || weakStarts[t.Key]) && e.startsLine(t)
		rest := pc
		rest.toks = pc.toks[min(at, len(pc.toks)):]
		if cut {
			before := pc
			before.toks, before.end = pc.toks[:at], pc.toks[at-1].End
			found := len(e.p.list.All)
			if st, _, _ = e.one(before); st != nil {
				e.p.tellMended()
				e.p.list.Errorf("SQ1003", t.Span(e.p.file), "missing ; before this statement").
					Label(after(e.p.file, pc.toks[at-1]), "write ; here")
				out = append(out, st)
				pc = rest
				continue
			}
			e.p.list.All = e.p.list.All[:found]
		}
		e.p.mended = mended
		e.p.tellMended()
		e.p.list.All = append(e.p.list.All, why)
		if !cut || !strong {
			return out
		}
		pc = rest
	}
	return out
}

// startsLine reports whether nothing but blanks stands before t on its line.
func (e *engine) startsLine(t token.Token) bool {
	before := e.p.file.Text[:t.Start]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return strings.TrimLeft(line, " \t\r") == ""
}

// one parses pc as one statement; where that fails it returns the error and its token.
func (e *engine) one(pc piece) (st ast.Statement, why *diag.Diagnostic, at int) {
	p := e.p
	p.load(pc.toks, pc.end)
	whole := ast.At{Sp: pc.toks[0].Span(p.file).To(pc.toks[len(pc.toks)-1].Span(p.file))}
	if words, ok := p.inert(); ok {
		return &ast.Inert{At: whole, Words: words}, nil, 0
	}
	if p.refuse(); p.failed {
		return nil, p.deepest, p.at
	}
	found := len(p.list.All)
	g := e.run()
	if g == nil {
		p.list.All = p.list.All[:found]
		return nil, p.deepest, p.at
	}
	return convert(g, whole), nil, 0
}

// statementSet parses the head and the inserts of a statement set.
func (e *engine) statementSet(pc piece) []ast.Statement {
	head, why, _ := e.one(pc)
	if head == nil {
		e.p.list.All = append(e.p.list.All, why)
	}
	whole := ast.At{Sp: diag.Span{File: e.p.file, Start: pc.toks[0].Start, End: pc.set.end}}
	set := &ast.StatementSet{At: whole}
	bad := false
	for _, in := range pc.set.inner {
		found := len(e.p.list.All)
		sts := e.statement(in)
		bad = bad || in.bad || len(e.p.list.All) > found
		for _, st := range sts {
			ins, ok := st.(*ast.Insert)
			if !ok {
				e.p.list.Errorf("SQ1015", st.Span(), "only INSERT can stand in a statement set").
					Help("put other statements before it")
				bad = true
				continue
			}
			set.Inserts = append(set.Inserts, ins)
		}
	}
	if len(set.Inserts) == 0 && !bad {
		e.p.list.Errorf("SQ1015", whole.Sp, "this statement set is empty").Help("put at least one INSERT between BEGIN and END")
	}
	if len(set.Inserts) == 0 {
		return nil
	}
	switch h := head.(type) {
	case nil:
		return nil
	case *ast.Explain:
		h.At, h.Statement = whole, set
		set.Sp.Start = pc.toks[len(pc.toks)-3].Start
		return []ast.Statement{h}
	}
	return []ast.Statement{set}
}

// convert makes a tree of what the grammar found.
func convert(g *statementG, at ast.At) ast.Statement {
	switch {
	case g.Set != nil:
		return &ast.Set{At: at, KV: filled[*ast.Property](g.Set.KV)}
	case g.Reset != nil:
		return &ast.Reset{At: at, Key: filled[*ast.StringLit](g.Reset.Key)}
	case g.Create != nil && g.Create.View != nil:
		v := g.Create.View
		return &ast.CreateView{
			At: at, Temporary: g.Create.Temporary, IfNotExists: v.IfNotExists, Name: filled[ast.Name](v.Name),
			Columns: filled[[]ast.Ident](v.Columns), Comment: filled[*ast.StringLit](v.Comment), Query: filled[*ast.Query](v.Query),
		}
	case g.Create != nil && g.Create.Space != nil:
		c := g.Create.Space
		return &ast.CreateSpace{
			At: at, Catalog: c.Catalog, IfNotExists: c.IfNotExists, Name: filled[ast.Name](c.Name), Comment: filled[*ast.StringLit](c.Comment),
			Options: filled[optionList](c.With).kvs,
		}
	case g.Create != nil:
		return convertTable(g.Create, at)
	case g.Alter != nil:
		a := filled[*ast.AlterTable](g.Alter.Table)
		a.At = at
		return a
	case g.Use != nil:
		return &ast.Use{At: at, Catalog: g.Use.Catalog, Name: filled[ast.Name](g.Use.Name)}
	case g.Drop != nil && g.Drop.Space != nil:
		d := g.Drop.Space
		return &ast.DropSpace{At: at, Catalog: d.Catalog, IfExists: d.IfExists, Cascade: d.Cascade, Name: filled[ast.Name](d.Name)}
	case g.Drop != nil:
		d := g.Drop
		return &ast.Drop{At: at, View: d.View, Temporary: d.Temporary, IfExists: d.IfExists, Name: filled[ast.Name](d.Name)}
	case g.Insert != nil:
		return convertInsert(g.Insert, at)
	case g.Execute != nil:
		return convertQueryOrInsert(g.Execute.Head, g.Execute.Insert, g.Execute.Query, at)
	case g.Begin != nil:
		return &ast.StatementSet{At: at}
	case g.Explain != nil:
		x := g.Explain
		inner := at
		switch {
		case x.Insert != nil:
			inner.Sp.Start = x.Insert.Tokens[0].Pos.Offset
		case x.Query != nil:
			inner = ast.At{Sp: filled[*ast.Query](x.Query).Sp}
		}
		return &ast.Explain{At: at, Details: x.Details, Statement: convertQueryOrInsert(x.Head, x.Insert, x.Query, inner)}
	case g.Show != nil:
		s := filled[*ast.Show](g.Show.Show)
		s.At = at
		return s
	case g.Describe != nil:
		d := filled[*ast.Describe](g.Describe.What)
		d.At = at
		return d
	case g.Stop != nil:
		return &ast.StopJob{At: at, Job: filled[*ast.StringLit](g.Stop.Job), Savepoint: g.Stop.Savepoint, Drain: g.Stop.Drain}
	default:
		return &ast.Select{At: at, Query: filled[*ast.Query](g.Query)}
	}
}

func convertQueryOrInsert(head *setHeadG, ins *insertG, q any, at ast.At) ast.Statement {
	switch {
	case head != nil:
		return &ast.StatementSet{At: at}
	case ins != nil:
		return convertInsert(ins, at)
	default:
		return &ast.Select{At: at, Query: filled[*ast.Query](q)}
	}
}

func convertInsert(g *insertG, at ast.At) *ast.Insert {
	return &ast.Insert{
		At: at, Overwrite: g.Overwrite, Table: filled[ast.Name](g.Table), Hints: filled[[]*ast.Property](g.Hints),
		Partition: filled[[]*ast.Property](g.Partition), Columns: filled[[]ast.Ident](g.Columns), Query: filled[*ast.Query](g.Query),
		Conflict: filled[*ast.Conflict](g.Conflict),
	}
}

func convertTable(c *createG, at ast.At) *ast.CreateTable {
	g := c.Table
	st := &ast.CreateTable{
		At: at, Temporary: c.Temporary, IfNotExists: g.IfNotExists, Name: filled[ast.Name](g.Name),
		Comment: filled[*ast.StringLit](g.Comment), PartitionedBy: filled[[]ast.Ident](g.Partitioned),
		Like: filled[*ast.Like](g.Like), As: filled[*ast.Query](g.As),
	}
	if e := filled[*tableElements](g.Elements); e != nil {
		st.Columns, st.Watermark, st.PrimaryKey = e.columns, e.watermark, e.key
	}
	with := filled[optionList](g.With)
	st.Options, st.OptionsSpan = with.kvs, with.at
	return st
}
