package parser

import (
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/token"
)

// jsonBehaviors is what may stand before ON EMPTY and ON ERROR of each function; an empty list: the clause does not exist.
var jsonBehaviors = map[string]struct{ empty, err []string }{
	"JSON_VALUE":  {[]string{"NULL", "ERROR", "DEFAULT"}, []string{"NULL", "ERROR", "DEFAULT"}},
	"JSON_QUERY":  {[]string{"NULL", "ERROR", "EMPTY ARRAY", "EMPTY OBJECT"}, []string{"NULL", "ERROR", "EMPTY ARRAY", "EMPTY OBJECT"}},
	"JSON_EXISTS": {nil, []string{"TRUE", "FALSE", "UNKNOWN", "ERROR"}},
}

// jsonConstructors are the functions that make JSON, true for those of keys and values.
var jsonConstructors = map[string]bool{"JSON_OBJECT": true, "JSON_OBJECTAGG": true, "JSON_ARRAY": false, "JSON_ARRAYAGG": false}

// jsonArgs takes the arguments of a JSON function and the clauses behind them. done is false for any other function.
func (p *parser) jsonArgs(c *ast.Call, t token.Token) (done bool) {
	pairs, constructor := jsonConstructors[t.Key]
	_, asks := jsonBehaviors[t.Key]
	if !constructor && !asks {
		return false
	}
	switch {
	case pairs:
		p.jsonPairs(c)
	case constructor && (p.is(")") || p.jsonClauseAhead()):
	default:
		if p.accept("DISTINCT") {
			c.Distinct = true
		}
		c.Args = p.exprs()
		p.nullTreatment(c)
	}
	if constructor && p.is("ORDER", "BY") {
		c.OrderBy = p.orderBy()
	}
	p.jsonClauses(c, t)
	return true
}

// jsonPairs takes [KEY] name VALUE value, ...
func (p *parser) jsonPairs(c *ast.Call) {
	if p.is(")") || p.jsonClauseAhead() {
		return
	}
	for !p.failed {
		if p.is("KEY") && !p.peek(1).Is("VALUE") && !p.peek(1).Is(",") && !p.peek(1).Is(".") && !p.peek(1).Is("(") ||
			p.is("KEY", "VALUE", "VALUE") {
			p.next()
		}
		c.Args = append(c.Args, p.expr())
		if !p.accept("VALUE") {
			p.unexpected("VALUE between the key and its value")
			return
		}
		c.Args = append(c.Args, p.expr())
		if !p.accept(",") {
			return
		}
	}
}

// jsonClauseAhead reports NULL ON NULL or ABSENT ON NULL at the place of the first argument.
func (p *parser) jsonClauseAhead() bool {
	return p.is("NULL", "ON", "NULL") || p.is("ABSENT", "ON", "NULL")
}

// jsonClauses takes what may stand behind the arguments of the JSON function t.
func (p *parser) jsonClauses(c *ast.Call, t token.Token) {
	start := p.start()
	j := &ast.JSONClauses{}
	_, constructor := jsonConstructors[t.Key]
	if p.is("FORMAT") {
		p.notSupported(p.i, p.here(), "FORMAT JSON").Help("a text that is JSON already is written JSON(text)")
		return
	}
	if p.is("RETURNING") {
		if constructor || t.Key == "JSON_EXISTS" {
			p.notSupported(p.i, p.here(), "RETURNING in "+t.Key)
			return
		}
		p.next()
		j.Returning = p.typeName()
	}
	if constructor {
		if p.jsonClauseAhead() {
			j.OnNull = p.next().Key
			p.i += 2
		}
	} else {
		if t.Key == "JSON_QUERY" {
			p.jsonWrapper(j)
		}
		p.jsonOn(j, t)
	}
	if start == p.start() {
		return
	}
	j.At = p.from(start)
	c.JSON = j
}

// jsonWrapper takes WITHOUT [ARRAY] WRAPPER, or WITH [CONDITIONAL|UNCONDITIONAL] [ARRAY] WRAPPER.
func (p *parser) jsonWrapper(j *ast.JSONClauses) {
	switch {
	case p.accept("WITHOUT"):
		j.Wrapper = "WITHOUT"
	case p.accept("WITH"):
		j.Wrapper = "UNCONDITIONAL"
		if p.isAny("CONDITIONAL", "UNCONDITIONAL") {
			j.Wrapper = p.next().Key
		}
	default:
		return
	}
	p.accept("ARRAY")
	if !p.accept("WRAPPER") {
		p.unexpected("WRAPPER")
	}
}

// jsonOn takes ... ON EMPTY and ... ON ERROR.
func (p *parser) jsonOn(j *ast.JSONClauses, t token.Token) {
	allowed := jsonBehaviors[t.Key]
	for p.isAny("NULL", "ERROR", "DEFAULT", "EMPTY", "TRUE", "FALSE", "UNKNOWN") {
		at, start := p.i, p.start()
		b := &ast.JSONBehavior{Word: p.next().Key}
		switch {
		case b.Word == "EMPTY" && p.isAny("ARRAY", "OBJECT"):
			b.Word += " " + p.next().Key
		case b.Word == "DEFAULT":
			b.Default = p.expr()
		}
		if !p.accept("ON") {
			p.unexpected("ON EMPTY or ON ERROR")
			return
		}
		b.At = p.from(start)
		var words []string
		var on string
		switch {
		case p.is("EMPTY") && j.OnEmpty == nil && allowed.empty != nil:
			on, words, j.OnEmpty = "EMPTY", allowed.empty, b
		case p.is("ERROR") && j.OnError == nil:
			on, words, j.OnError = "ERROR", allowed.err, b
		case allowed.empty == nil:
			p.unexpected("ERROR")
			return
		default:
			p.unexpected("one ON EMPTY and one ON ERROR")
			return
		}
		p.next()
		b.At = p.from(start)
		if !slices.Contains(words, b.Word) {
			p.errorAt(at, b.Sp, "SQ1001", "%s ON %s has no meaning in %s", b.Word, on, t.Text(p.file)).
				Help("there is %s", strings.Join(words, " ON "+on+", ")+" ON "+on)
			return
		}
	}
}
