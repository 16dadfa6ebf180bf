package parser

import (
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

const (
	inMemory    = "a catalog or database is a name and nothing more; SHOW TABLES lists what is in it"
	ofFunctions = "weir docs functions NAME tells it, and .functions NAME in the shell"
)

// refusals are the statements of the dialect that weir has not, by their first words, and
// what to do instead.
var refusals = []struct{ words, help string }{
	{"ALTER VIEW", "DROP the view and create it again"},
	{"ALTER DATABASE", "a database is a name and nothing more; leave the statement out"},
	{"ALTER CATALOG", "a catalog is a name and nothing more; leave the statement out"},
	{"ALTER FUNCTION", "use the built-in functions"},
	{"ALTER MATERIALIZED TABLE", "create a table and fill it with INSERT INTO ... SELECT"},
	{"CREATE OR REPLACE", "DROP ... IF EXISTS first, then CREATE"},
	{"CREATE TEMPORARY SYSTEM FUNCTION", "use the built-in functions"},
	{"CREATE TEMPORARY FUNCTION", "use the built-in functions"},
	{"CREATE FUNCTION", "use the built-in functions"},
	{"CREATE SCHEMA", "write CREATE DATABASE"},
	{"CREATE OR ALTER", "DROP ... IF EXISTS first, then CREATE"},
	{"CREATE MODEL", "there are no models: what one says of a row must come with the rows"},
	{"CREATE CONNECTION", "write the connection's options into WITH (...)"},
	{"CREATE MATERIALIZED TABLE", "create a table and fill it with INSERT INTO ... SELECT"},
	{"CREATE MATERIALIZED VIEW", "CREATE VIEW gives a query a name; what is to be kept goes into a table by INSERT INTO ... SELECT"},
	{"CREATE INDEX", "leave it out: what a query looks up by is in its state"},
	{"DROP TEMPORARY SYSTEM FUNCTION", "leave it out: there are the built-in functions alone"},
	{"DROP TEMPORARY FUNCTION", "leave it out: there are the built-in functions alone"},
	{"DROP FUNCTION", "leave it out: there are the built-in functions alone"},
	{"DROP MODEL", "leave it out: there are no models"},
	{"DROP CONNECTION", "leave it out: tables have the options of their connection"},
	{"DROP MATERIALIZED TABLE", "write DROP TABLE"},
	{"UPDATE", "a stream is changed by what is inserted into it"},
	{"DELETE", "a stream is changed by what is inserted into it"},
	{"MERGE", "a stream is changed by what is inserted into it"},
	{"UPSERT", "write INSERT INTO a table with a PRIMARY KEY"},
	{"TRUNCATE", "leave it out: a table is a topic, which Kafka's own tools empty"},
	{"CALL", "leave it out: there are no procedures"},
	{"COMPILE PLAN", "leave it out: a job is planned when it starts, and weir diff says whether it can go on with its state"},
	{"COMPILE AND EXECUTE PLAN", "write the INSERT alone: a job is planned when it starts"},
	{"EXECUTE PLAN", "write the INSERT: a job is planned when it starts"},
	{"DESCRIBE CATALOG", inMemory}, {"DESCRIBE DATABASE", inMemory}, {"DESCRIBE FUNCTION", ofFunctions}, {"DESCRIBE MODEL", "leave it out: there are no models"},
	{"DESC CATALOG", inMemory}, {"DESC DATABASE", inMemory}, {"DESC FUNCTION", ofFunctions}, {"DESC MODEL", "leave it out: there are no models"},
	{"SHOW FULL MODULES", "write SHOW MODULES"},
	{"SHOW JARS", "leave it out: connectors and formats are built in"},
	{"SHOW PROCEDURES", "leave it out: there are no procedures"},
	{"SHOW MODELS", "leave it out: there are no models"},
	{"SHOW PARTITIONS", "weir sql: DESCRIBE TOPIC 't' shows the partitions of a topic"},
	{"SHOW CREATE CATALOG", inMemory}, {"SHOW CREATE DATABASE", inMemory},
	{"SHOW CREATE MATERIALIZED TABLE", "write SHOW CREATE TABLE"},
	{"SHOW MATERIALIZED TABLES", "write SHOW TABLES"},
	{"REPLACE TABLE", "DROP TABLE IF EXISTS first, then CREATE TABLE"},
	{"START TRANSACTION", "a job's results are committed with its checkpoints"},
	{"COMMIT", "a job's results are committed with its checkpoints"},
	{"ROLLBACK", "a job's results are committed with its checkpoints"},
}

// inert are the statements that are taken and do nothing; package planner says why.
var inert = []string{"ADD JAR", "REMOVE JAR", "LOAD MODULE", "UNLOAD MODULE", "USE MODULES", "ANALYZE TABLE"}

// inert reports a statement that starts with such words.
func (p *parser) inert() (words string, ok bool) {
	for _, w := range inert {
		if p.is(strings.Fields(w)...) {
			return w, true
		}
	}
	return "", false
}

// statementWords are the words that a statement may start with.
var statementWords = []string{"SELECT", "INSERT", "CREATE", "DROP", "SET", "RESET", "USE", "ALTER", "SHOW", "DESCRIBE", "DESC", "EXPLAIN",
	"EXECUTE", "BEGIN", "WITH", "VALUES", "STOP"}

// refuse fails where the statement is known and not supported, or is none at all.
func (p *parser) refuse() {
	for _, r := range refusals {
		words := strings.Fields(r.words)
		if !p.is(words...) {
			continue
		}
		first := words[0] == "DESCRIBE" || words[0] == "DESC"
		if first && p.peek(2).Kind == token.EOF {
			continue // a table of that name
		}
		sp := p.here().To(p.span(p.peek(len(words) - 1)))
		d := p.errorAt(p.i, sp, "SQ1010", "%s is not supported", r.words)
		if r.help != "" {
			d.Help("%s", r.help)
		}
		return
	}
	t := p.tok()
	if t.Is("(") || t.Is("TABLE") {
		return
	}
	for _, w := range statementWords {
		if t.Is(w) {
			return
		}
	}
	if t.Is("END") {
		p.errorf("SQ1015", "END without BEGIN").Help("a statement set is written EXECUTE STATEMENT SET BEGIN ... END;")
		return
	}
	if t.Kind == token.Word {
		d := p.errorf("SQ1018", "no statement starts with %s", t.Text(p.file))
		if help, ok := foreignStatements[t.Key]; ok {
			d.Help("%s", help)
		} else if w, ok := diag.Suggest(t.Key, statementWords); ok {
			d.Help("did you mean %s?", w)
		}
		return
	}
	d := p.errorf("SQ1018", "a statement cannot start with %s", p.found(t))
	if help := foreignAt(p.toks, func(t token.Token) string { return t.Text(p.file) }, 0); help != "" {
		d.Help("%s", help)
	}
}

// setting takes 'key' = 'value' behind SET, or both as they stand: a.b = c.
func (p *parser) setting() *ast.Property {
	if p.tok().IsString() {
		return p.property()
	}
	at := p.statementRest()
	key, value, ok := p.bare()
	if !ok {
		p.errorAt(p.i, at, "SQ1014", "a setting has a key and a value").Help("write SET 'key' = 'value';")
		return &ast.Property{}
	}
	for i := p.i + 1; i < p.eofIndex(); i++ {
		if t := p.toks[i]; t.Start > value.Sp.Start && strings.ContainsRune(p.file.Text[value.Sp.Start:t.Start], '\n') {
			p.i = i // the next statement, as a rule
			p.unexpected("the end of the statement")
			return &ast.Property{}
		}
	}
	p.i = p.eofIndex()
	return &ast.Property{At: ast.At{Sp: at}, Key: key, Value: value}
}

// settingKey takes 'key' behind RESET, or a key as it stands.
func (p *parser) settingKey() *ast.StringLit {
	if p.tok().IsString() {
		return p.str("a key as a string")
	}
	at := p.statementRest()
	if strings.ContainsAny(at.Text(), " \t\n'\"`") {
		p.errorAt(p.i, at, "SQ1014", "the key of RESET is one word or a string").Help("write RESET 'key';")
		return &ast.StringLit{}
	}
	p.i = p.eofIndex()
	return &ast.StringLit{At: ast.At{Sp: at}, Value: at.Text()}
}

// statementRest is everything from here to the end of the statement.
func (p *parser) statementRest() diag.Span {
	sp := p.here()
	if n := p.eofIndex(); n > p.i {
		sp = sp.To(p.span(p.toks[n-1]))
	}
	return sp
}

// bare reads the form a.b = c, whose parts are taken as they are written; ok is false where it is not this form.
func (p *parser) bare() (key, value *ast.StringLit, ok bool) {
	rest := p.statementRest()
	text := rest.Text()
	left, right, ok := strings.Cut(text, "=")
	part := func(s string, from int) *ast.StringLit {
		from += rest.Start + len(s) - len(strings.TrimLeft(s, " \t\r\n"))
		s = strings.TrimSpace(s)
		return &ast.StringLit{At: ast.At{Sp: diag.Span{File: p.file, Start: from, End: from + len(s)}}, Value: s}
	}
	key, value = part(left, 0), part(right, len(left)+1)
	if n := len(value.Value); n > 1 && value.Value[0] == '\'' && value.Value[n-1] == '\'' {
		value.Value = token.Unquote(value.Value)
	}
	return key, value, ok && key.Value != "" && value.Value != "" && !strings.ContainsAny(key.Value, " \t\r\n'\"`")
}

// bareSetting reports a SET whose key is no string: its text needs no tokens that SQL knows.
func bareSetting(toks []token.Token) bool {
	return len(toks) > 1 && toks[0].Is("SET") && !toks[1].IsString()
}
