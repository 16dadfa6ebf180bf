package parser

import (
	"sort"
	"strconv"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// typeParams is how many numbers in brackets each type may have.
var typeParams = map[string]int{
	"BOOLEAN": 0, "TINYINT": 0, "SMALLINT": 0, "INT": 0, "INTEGER": 0, "BIGINT": 0, "FLOAT": 0, "REAL": 0, "DOUBLE": 0,
	"DECIMAL": 2, "DEC": 2, "NUMERIC": 2,
	"CHAR": 1, "CHARACTER": 1, "VARCHAR": 1, "STRING": 0, "BINARY": 1, "VARBINARY": 1, "BYTES": 0,
	"DATE": 0, "TIME": 1, "TIMESTAMP": 1, "TIMESTAMP_LTZ": 1,
	"INTERVAL": 0, "ROW": 0, "ARRAY": 0, "MAP": 0, "MULTISET": 0, "NULL": 0, "VARIANT": 0,
}

// refusedTypes are types of the dialect that weir has not.
var refusedTypes = wordSet("RAW STRUCTURED BITMAP")

// typeName takes a type with its NOT NULL, and the ARRAY or MULTISET behind it.
func (p *parser) typeName() *ast.TypeName {
	if !p.enter() {
		return &ast.TypeName{}
	}
	defer p.leave()
	start := p.start()
	t := p.baseType()
	for n := 0; !p.failed; n++ {
		if p.accept("NOT", "NULL") {
			t.NotNull = true
		} else {
			p.acceptNull()
		}
		t.At = p.from(start)
		if n := p.match[p.i]; p.is("[") && n > 0 {
			p.mend(p.i, p.here().To(p.span(p.toks[n])), "SQ1001", "expected the end of the type, found [").Help("write ARRAY<%s>", t.Sp.Text())
			p.i, t.Unknown = n+1, true
		}
		if !p.isAny("ARRAY", "MULTISET") {
			break
		}
		if n >= maxDepth {
			p.errorf("SQ1013", "this is nested more than %d levels deep", maxDepth)
			break
		}
		t = &ast.TypeName{Name: p.next().Key, Elems: []*ast.TypeName{t}}
		t.At = p.from(start)
	}
	return t
}

// acceptNull takes the NULL that says what holds anyway; NULL ON ERROR behind RETURNING and a type is no part of the type.
func (p *parser) acceptNull() {
	if !p.is("NULL", "ON") {
		p.accept("NULL")
	}
}

func (p *parser) baseType() *ast.TypeName {
	w := p.tok()
	t := &ast.TypeName{Name: w.Key}
	max, ok := typeParams[w.Key]
	if !ok {
		t.Unknown = p.badType(w)
		return t
	}
	p.next()
	switch w.Key {
	case "DOUBLE":
		if p.accept("PRECISION") {
			t.Name = "DOUBLE PRECISION"
		}
	case "CHAR", "CHARACTER", "BINARY":
		if p.accept("VARYING") {
			t.Name += " VARYING"
		}
	case "INTERVAL":
		p.intervalType(t)
		return t
	case "ROW":
		p.rowType(t)
		return t
	case "ARRAY", "MULTISET":
		p.expect("<")
		t.Elems = []*ast.TypeName{p.typeName()}
		p.closeAngle()
		return t
	case "MAP":
		p.expect("<")
		k := p.typeName()
		if !p.accept(",") {
			p.unexpected("a comma").Help("write MAP<%s, ...>: the type of the keys, and that of the values", k.Sp.Text())
		}
		v := p.typeName()
		t.Elems = []*ast.TypeName{k, v}
		p.closeAngle()
		return t
	}
	if p.is("(") {
		if max == 0 {
			p.errorf("SQ1001", "%s takes no length or precision", w.Key)
			return t
		}
		t.Params = p.params(max)
	}
	if w.Key == "TIME" || w.Key == "TIMESTAMP" {
		p.zone(t)
	}
	return t
}

// badType reports a word that is no type, and takes it with what stands in brackets behind it. It reports false where the parse cannot go on.
func (p *parser) badType(w token.Token) bool {
	if refusedTypes[w.Key] {
		p.notSupported(p.i, p.span(w), "the type "+w.Key)
		return false
	}
	if w.Kind != token.Word || structural[w.Key] {
		if d := p.unexpected("a type"); w.Is(">") || w.Is(",") {
			d.Help("a field of a ROW has a name and a type: ROW<a INT, b STRING>")
		}
		return false
	}
	d := p.mend(p.i, p.span(w), "SQ1019", "there is no type %s", w.Text(p.file))
	if s, ok := foreignTypes[w.Key]; ok {
		d.Help("write %s", s)
	} else if s, ok := diag.Suggest(w.Key, typeWords()); ok {
		d.Help("did you mean %s?", s)
	}
	p.next()
	if n := p.match[p.i]; p.is("(") && n > 0 {
		p.i = n + 1
	}
	if p.is("<") {
		p.pastAngle()
	}
	return true
}

// pastAngle goes on behind the > of the < that stands here.
func (p *parser) pastAngle() {
	for depth := 0; p.tok().Kind != token.EOF; {
		switch t := p.next(); {
		case t.Is("<"):
			depth++
		case t.Is(">"):
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

// foreignTypes are other dialects' words and what they are here.
var foreignTypes = map[string]string{
	"TEXT": "STRING", "LONG": "BIGINT", "SHORT": "SMALLINT", "BYTE": "TINYINT", "DATETIME": "TIMESTAMP(3)",
	"TIMESTAMPTZ": "TIMESTAMP_LTZ(3)", "NUMBER": "DECIMAL(p, s)", "BLOB": "BYTES", "CLOB": "STRING", "JSON": "STRING or VARIANT",
	"UUID": "STRING", "INT8": "BIGINT", "INT4": "INT", "FLOAT8": "DOUBLE", "STRUCT": "ROW<...>", "LIST": "ARRAY<...>",
	"NVARCHAR": "STRING", "VARCHAR2": "STRING", "NCHAR": "CHAR(n)", "BIT": "BOOLEAN", "SERIAL": "BIGINT",
	"JSONB": "VARIANT", "BYTEA": "BYTES", "INT2": "SMALLINT", "INT64": "BIGINT", "FLOAT4": "FLOAT", "FLOAT64": "DOUBLE", "BOOL": "BOOLEAN",
}

func typeWords() []string {
	words := make([]string, 0, len(typeParams))
	for w := range typeParams {
		words = append(words, w)
	}
	sort.Strings(words)
	return words
}

// closeAngle takes the > of a type.
func (p *parser) closeAngle() {
	if !p.accept(">") {
		p.unexpected("> behind the type")
	}
}

// params takes (p) or (p, s).
func (p *parser) params(max int) []int {
	p.expect("(")
	var list []int
	for {
		t := p.tok()
		n, err := strconv.Atoi(t.Text(p.file))
		if t.Kind != token.Number || err != nil {
			p.unexpected("a whole number")
			return list
		}
		if list = append(list, n); len(list) > max {
			p.errorf("SQ1001", "expected ), found %s", p.found(t))
			return list
		}
		p.next()
		if !p.accept(",") {
			break
		}
	}
	p.closing(")")
	return list
}

// zone takes WITH LOCAL TIME ZONE or WITHOUT TIME ZONE.
func (p *parser) zone(t *ast.TypeName) {
	switch {
	case p.accept("WITHOUT", "TIME", "ZONE"):
	case p.accept("WITH", "LOCAL", "TIME", "ZONE"):
		t.Name += " WITH LOCAL TIME ZONE"
	case p.is("WITH", "TIME", "ZONE"):
		p.notSupported(p.i, p.here().To(p.span(p.peek(2))), "a timestamp with a time zone of its own").
			Help("write %s WITH LOCAL TIME ZONE", t.Name)
	}
}

// intervalType takes the units of INTERVAL; their precisions are kept in the order written.
func (p *parser) intervalType(t *ast.TypeName) {
	t.Name += " " + p.unit("a unit of time, as in INTERVAL DAY TO SECOND")
	if p.is("(") {
		t.Params = p.params(1)
	}
	if p.accept("TO") {
		t.Name += " TO " + p.unit("a unit of time behind TO")
		if p.is("(") {
			n := p.params(1)
			if len(t.Params) == 0 && len(n) == 1 {
				// The leading precision's default, so that the second number stays the second.
				t.Params = []int{2}
			}
			t.Params = append(t.Params, n...)
		}
	}
}

// rowType takes <a INT, b STRING 'comment'> or the same in round brackets.
func (p *parser) rowType(t *ast.TypeName) {
	if p.accept("<>") {
		return
	}
	end := ">"
	if p.accept("(") {
		end = ")"
	} else if !p.accept("<") {
		p.unexpected("< behind ROW")
		return
	}
	if p.accept(end) {
		return
	}
	t.Fields = commaList(p, p.typeField)
	if !p.accept(end) {
		p.unexpected("a comma or " + end)
	}
}

// typeField takes name type ['comment'] of a ROW.
func (p *parser) typeField() ast.TypeField {
	f := ast.TypeField{Name: p.ident("a field's name"), Type: p.typeName()}
	if k := p.tok().Kind; k == token.String || k == token.UString {
		f.Comment = p.str("a comment")
	}
	return f
}
