package parser

import (
	"strconv"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// matchRecognize takes MATCH_RECOGNIZE (...) [alias] behind in, which began at start.
func (p *parser) matchRecognize(start int, in ast.TableRef) ast.TableRef {
	m := &ast.MatchRecognize{Input: in}
	open := p.i + 1
	if p.match[open] < 0 {
		p.errorAt(open, p.span(p.toks[open]), "SQ1001", "the ( of MATCH_RECOGNIZE is not closed")
		return m
	}
	p.i += 2
	if p.accept("PARTITION") {
		p.expect("BY")
		m.PartitionBy = p.exprs()
	}
	if p.is("ORDER", "BY") {
		m.OrderBy = p.orderBy()
	}
	if p.accept("MEASURES") {
		m.Measures = commaList(p, p.measure)
	}
	p.rowsPerMatch(m)
	if p.is("AFTER") {
		m.After = p.afterMatch()
	}
	at := p.start()
	if !p.accept("PATTERN") {
		p.unexpected(p.matchClause(m))
	}
	if !p.accept("(") {
		p.unexpected("( and the pattern")
	}
	m.Pattern = p.pattern()
	p.closing("a variable, a quantifier or )")
	m.PatternAt = p.from(at).Sp
	if p.accept("WITHIN") {
		m.Within = p.exprAt(LevelAdd)
	}
	if p.accept("SUBSET") {
		m.Subsets = commaList(p, p.subset)
	}
	if !p.accept("DEFINE") {
		if d := p.unexpected("DEFINE and the conditions of the variables"); len(d.Helps) == 0 {
			d.Help("a variable without a condition takes every row; one at least needs one: DEFINE A AS A.x > 0")
		}
	}
	m.Defines = commaList(p, p.define)
	p.closing("a comma or )")
	m.Alias = p.tableAlias()
	m.At = p.from(start)
	return m
}

// matchClause says what may stand where PATTERN was expected.
func (p *parser) matchClause(m *ast.MatchRecognize) string {
	switch {
	case m.After != nil:
		return "PATTERN (...)"
	case len(m.Measures) > 0:
		return "a comma, ONE ROW PER MATCH, AFTER MATCH or PATTERN (...)"
	}
	return "MEASURES or PATTERN (...)"
}

// measure takes expr AS name.
func (p *parser) measure() *ast.Measure {
	start := p.start()
	x := &ast.Measure{Expr: p.expr()}
	if !p.accept("AS") {
		p.unexpected("AS and a name for this measure")
	}
	x.Name = p.ident("a name for the measure")
	x.At = p.from(start)
	return x
}

// rowsPerMatch takes ONE ROW PER MATCH or ALL ROWS PER MATCH, with what may stand behind the latter.
func (p *parser) rowsPerMatch(m *ast.MatchRecognize) {
	start := p.start()
	switch {
	case p.accept("ONE"):
		p.expect("ROW", "PER", "MATCH")
	case p.accept("ALL"):
		p.expect("ROWS", "PER", "MATCH")
		switch {
		case p.accept("SHOW", "EMPTY", "MATCHES"), p.accept("OMIT", "EMPTY", "MATCHES"), p.accept("WITH", "UNMATCHED", "ROWS"):
		}
		m.AllRows = p.from(start).Sp
	}
}

// afterMatch takes AFTER MATCH SKIP ...
func (p *parser) afterMatch() *ast.AfterMatch {
	start := p.start()
	p.next()
	a := &ast.AfterMatch{}
	p.expect("MATCH", "SKIP")
	switch {
	case p.accept("PAST"):
		p.expect("LAST", "ROW")
		a.To = "PAST LAST ROW"
	case p.accept("TO", "NEXT", "ROW"):
		a.To = "TO NEXT ROW"
	case p.accept("TO", "FIRST"):
		a.To = "TO FIRST"
	case p.is("TO", "LAST"):
		p.i += 2
		a.To = "TO LAST"
	case p.accept("TO"): // SKIP TO A is SKIP TO LAST A
		a.To = "TO LAST"
		if p.is("PATTERN", "(") {
			p.unexpected("NEXT ROW, FIRST, LAST or a variable of the pattern")
		}
	default:
		p.unexpected("PAST LAST ROW, TO NEXT ROW, TO FIRST or TO LAST")
	}
	if a.To == "TO FIRST" || a.To == "TO LAST" {
		id := p.ident("a variable of the pattern")
		a.Var = &id
	}
	a.At = p.from(start)
	return a
}

// subset takes name = (a, b).
func (p *parser) subset() *ast.PatternSubset {
	start := p.start()
	s := &ast.PatternSubset{Name: p.ident("a name for the subset")}
	p.expect("=")
	s.Of = p.idents("a variable of the pattern")
	s.At = p.from(start)
	return s
}

// define takes name AS condition.
func (p *parser) define() *ast.PatternDefine {
	start := p.start()
	d := &ast.PatternDefine{Var: p.ident("a variable of the pattern")}
	if !p.accept("AS") {
		p.unexpected("AS and a condition")
	}
	d.Cond = p.expr()
	d.At = p.from(start)
	return d
}

// pattern takes alternatives of concatenations.
func (p *parser) pattern() ast.Pattern {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	start := p.start()
	x := p.concat()
	if !p.isAny("|", "||") {
		return x
	}
	alt := &ast.PatternAlter{Items: []ast.Pattern{x}}
	for p.accept("|") || p.accept("||") {
		alt.Items = append(alt.Items, p.concat())
	}
	alt.At = p.from(start)
	return alt
}

func (p *parser) concat() ast.Pattern {
	start := p.start()
	items := []ast.Pattern{p.patternTerm()}
	for !p.failed && !p.isAny(")", "|", "||", "-", ",") && p.tok().Kind != token.EOF {
		items = append(items, p.patternTerm())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &ast.PatternConcat{At: p.from(start), Items: items}
}

// patternTerm takes a primary pattern and its quantifier.
func (p *parser) patternTerm() ast.Pattern {
	start := p.start()
	x := p.patternPrimary()
	at := p.start()
	r := &ast.PatternRepeat{X: x, Max: -1}
	switch {
	case p.accept("*"):
	case p.accept("+"):
		r.Min = 1
	case p.accept("?"):
		r.Max = 1
	case p.is("{") && !p.peek(1).Is("-"):
		p.next()
		p.bounds(r)
	default:
		return x
	}
	r.Reluctant = p.accept("?")
	r.Quantifier = p.from(at).Sp
	r.At = p.from(start)
	return r
}

// bounds takes n}, n,}, n,m} or ,m} behind {.
func (p *parser) bounds(r *ast.PatternRepeat) {
	if p.tok().Kind == token.Number {
		r.Min = p.count()
		r.Max = r.Min
	}
	if p.accept(",") {
		r.Max = -1
		if p.tok().Kind == token.Number {
			r.Max = p.count()
		}
	} else if r.Max < 0 {
		p.unexpected("how many rows: {2}, {2,}, {2,5} or {,5}")
	}
	if !p.accept("}") {
		p.unexpected("}")
	}
}

// count takes a number of rows.
func (p *parser) count() int {
	t := p.tok()
	n, err := strconv.Atoi(t.Text(p.file))
	if err != nil || n > 1<<20 {
		p.errorf("SQ1001", "this is no number of rows that a quantifier takes")
	}
	p.next()
	return n
}

func (p *parser) patternPrimary() ast.Pattern {
	t := p.tok()
	switch {
	case p.is("("):
		p.next()
		x := p.pattern()
		p.closing("a variable, a quantifier or )")
		return x
	case p.is("{", "-"):
		p.i += 2
		x := &ast.PatternExclude{X: p.pattern()}
		p.expect("-", "}")
		x.At = p.from(t.Start)
		return x
	case p.isAny("^", "$"):
		p.next()
		return &ast.PatternAnchor{At: p.from(t.Start), Sign: t.Key}
	case p.is("PERMUTE", "("):
		p.i += 2
		x := &ast.PatternPermute{Items: commaList(p, p.pattern)}
		p.closing("a comma or )")
		x.At = p.from(t.Start)
		return x
	}
	v := &ast.PatternVar{Name: p.ident("a variable of the pattern")}
	v.At = ast.At{Sp: diag.Span{File: p.file, Start: t.Start, End: t.End}}
	return v
}
