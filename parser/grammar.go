package parser

import (
	"errors"
	"io"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// The grammar of statements. Keywords are given to it in upper case, and every part that
// is more than a few keywords is a hole that is filled by recursive descent: the types
// whose name ends in Hole.
//
// The alternatives of a statement differ in their first or second token, so that one
// token of lookahead is enough and no hole is filled twice.
type statementG struct {
	Set      *setG      `parser:"  @@"`
	Reset    *resetG    `parser:"| @@"`
	Create   *createG   `parser:"| @@"`
	Drop     *dropG     `parser:"| @@"`
	Use      *useG      `parser:"| @@"`
	Alter    *alterG    `parser:"| @@"`
	Insert   *insertG   `parser:"| @@"`
	Execute  *executeG  `parser:"| @@"`
	Begin    *beginG    `parser:"| @@"`
	Explain  *explainG  `parser:"| @@"`
	Show     *showG     `parser:"| @@"`
	Describe *describeG `parser:"| @@"`
	Stop     *stopG     `parser:"| @@"`
	Query    queryHole  `parser:"| @@"`
}

type setG struct {
	KV propertyHole `parser:"'SET' @@?"`
}

type resetG struct {
	Key keyHole `parser:"'RESET' @@?"`
}

type createG struct {
	Temporary bool         `parser:"'CREATE' @'TEMPORARY'?"`
	Table     *createTable `parser:"( @@"`
	View      *createView  `parser:"| @@"`
	Space     *createSpace `parser:"| @@ )"`
}

type createSpace struct {
	Catalog     bool        `parser:"( @'CATALOG' | 'DATABASE' )"`
	IfNotExists bool        `parser:"( @'IF' 'NOT' 'EXISTS' )?"`
	Name        nameHole    `parser:"@@"`
	Comment     commentHole `parser:"( 'COMMENT' @@ )?"`
	With        optionsHole `parser:"@@?"`
}

type alterG struct {
	Table alterHole `parser:"'ALTER' 'TABLE' @@"`
}

type useG struct {
	Catalog bool     `parser:"'USE' @'CATALOG'?"`
	Name    nameHole `parser:"@@"`
}

type createTable struct {
	IfNotExists bool           `parser:"'TABLE' ( @'IF' 'NOT' 'EXISTS' )?"`
	Name        nameHole       `parser:"@@"`
	Elements    elementsHole   `parser:"@@?"`
	Comment     commentHole    `parser:"( 'COMMENT' @@ )?"`
	Partitioned identsHole     `parser:"( 'PARTITIONED' 'BY' @@ )?"`
	With        optionsHole    `parser:"@@?"`
	Like        likeHole       `parser:"( 'LIKE' @@"`
	As          queryAfterHole `parser:"| 'AS' @@ )?"`
}

type createView struct {
	IfNotExists bool           `parser:"'VIEW' ( @'IF' 'NOT' 'EXISTS' )?"`
	Name        nameHole       `parser:"@@"`
	Columns     identsHole     `parser:"@@?"`
	Comment     commentHole    `parser:"( 'COMMENT' @@ )?"`
	Query       queryAfterHole `parser:"'AS' @@"`
}

type dropG struct {
	Temporary bool       `parser:"'DROP' @'TEMPORARY'?"`
	Space     *dropSpace `parser:"( @@"`
	View      bool       `parser:"| ( @'VIEW' | 'TABLE' )"`
	IfExists  bool       `parser:"( @'IF' 'EXISTS' )?"`
	Name      nameHole   `parser:"@@ )"`
}

type dropSpace struct {
	Catalog  bool     `parser:"( @'CATALOG' | 'DATABASE' )"`
	IfExists bool     `parser:"( @'IF' 'EXISTS' )?"`
	Name     nameHole `parser:"@@"`
	Cascade  bool     `parser:"( @'CASCADE' | 'RESTRICT' )?"`
}

type insertG struct {
	Tokens    []lexer.Token
	Overwrite bool           `parser:"'INSERT' ( @'OVERWRITE' | 'INTO' )"`
	Table     nameHole       `parser:"@@"`
	Hints     hintsHole      `parser:"@@?"`
	Partition partitionHole  `parser:"( 'PARTITION' @@ )?"`
	Columns   identsHole     `parser:"@@?"`
	Query     queryAfterHole `parser:"@@"`
	Conflict  conflictHole   `parser:"( 'ON' @@ )?"`
}

// setHeadG is the head of a statement set: what stands between BEGIN and END is cut off
// before the grammar sees it.
type setHeadG struct {
	Yes bool `parser:"@'STATEMENT' 'SET' 'BEGIN'"`
}

type executeG struct {
	Head   *setHeadG      `parser:"'EXECUTE' ( @@"`
	Insert *insertG       `parser:"| @@"`
	Query  queryAfterHole `parser:"| @@ )"`
}

type beginG struct {
	Yes bool `parser:"@'BEGIN' 'STATEMENT' 'SET'"`
}

type explainG struct {
	Details []string  `parser:"'EXPLAIN' ( 'PLAN' 'FOR' | @( 'ANALYZE' | 'CHANGELOG_MODE' | 'ESTIMATED_COST' | 'JSON_EXECUTION_PLAN' | 'PLAN_ADVICE' ) ( ',' @( 'CHANGELOG_MODE' | 'ESTIMATED_COST' | 'JSON_EXECUTION_PLAN' | 'PLAN_ADVICE' ) )* )?"`
	Head    *setHeadG `parser:"( @@"`
	Insert  *insertG  `parser:"| @@"`
	Query   queryHole `parser:"| @@ )"`
}

type showG struct {
	Show showHole `parser:"'SHOW' @@"`
}

type describeG struct {
	Yes  bool         `parser:"@( 'DESCRIBE' | 'DESC' )"`
	What describeHole `parser:"@@"`
}

type stopG struct {
	Job       stringHole `parser:"'STOP' 'JOB' @@"`
	Savepoint bool       `parser:"( 'WITH' @'SAVEPOINT' )?"`
	Drain     bool       `parser:"( 'WITH' @'DRAIN' )?"`
}

// The holes. The grammar wants an interface for each; what a hole holds is said behind it.
type (
	propertyHole   interface{} // *ast.Property
	keyHole        interface{} // *ast.StringLit
	stringHole     interface{} // *ast.StringLit
	commentHole    interface{} // *ast.StringLit
	nameHole       interface{} // ast.Name
	identsHole     interface{} // []ast.Ident
	elementsHole   interface{} // *tableElements
	optionsHole    interface{} // optionList
	likeHole       interface{} // *ast.Like
	hintsHole      interface{} // []*ast.Property
	partitionHole  interface{} // []*ast.Property
	conflictHole   interface{} // *ast.Conflict
	showHole       interface{} // *ast.Show
	alterHole      interface{} // *ast.AlterTable
	describeHole   interface{} // *ast.Describe
	queryHole      interface{} // *ast.Query
	queryAfterHole interface{} // *ast.Query
)

// optionList is WITH ( ... ).
type optionList struct {
	kvs []*ast.Property
	at  diag.Span
}

// filled is what a hole holds; the zero T where it was left out.
func filled[T any](hole any) T {
	v, _ := hole.(T)
	return v
}

// errHole stops the grammar; what was wrong is noted in the parser.
var errHole = errors.New("a hole could not be filled")

// engine is a grammar together with the parser that fills its holes. It serves one parse
// at a time.
type engine struct {
	p       *parser
	grammar *participle.Parser[statementG]
}

func newEngine() *engine {
	e := &engine{p: newParser(nil, nil)}
	e.grammar = participle.MustBuild[statementG](
		participle.Lexer(definition{}),
		participle.ParseTypeWith(hole(e, (*parser).notEnd, func(p *parser) propertyHole { return p.setting() })),
		participle.ParseTypeWith(hole(e, (*parser).notEnd, func(p *parser) keyHole { return p.settingKey() })),
		participle.ParseTypeWith(hole(e, nil, func(p *parser) stringHole { return p.str("the job's id as a string") })),
		participle.ParseTypeWith(hole(e, nil, func(p *parser) commentHole { return p.str("a comment as a string") })),
		participle.ParseTypeWith(hole(e, nil, func(p *parser) nameHole { return p.name("a name") })),
		participle.ParseTypeWith(hole(e, (*parser).isList, func(p *parser) identsHole { return p.idents("a column name") })),
		participle.ParseTypeWith(hole(e, (*parser).isList, func(p *parser) elementsHole { return p.elementsOf() })),
		participle.ParseTypeWith(hole(e, isWord("WITH"), func(p *parser) optionsHole {
			start := p.next().Start
			kvs := p.options()
			return optionList{kvs, p.from(start).Sp}
		})),
		participle.ParseTypeWith(hole(e, nil, func(p *parser) likeHole { return p.likeClause() })),
		participle.ParseTypeWith(hole(e, isWord("/*+"), func(p *parser) hintsHole { return p.tableHints() })),
		participle.ParseTypeWith(hole(e, nil, func(p *parser) partitionHole { return p.partition() })),
		participle.ParseTypeWith(hole(e, nil, func(p *parser) conflictHole { return p.conflict() })),
		participle.ParseTypeWith(hole(e, nil, func(p *parser) showHole { return p.showTail() })),
		participle.ParseTypeWith(hole(e, nil, func(p *parser) alterHole { return p.alterTail() })),
		participle.ParseTypeWith(hole(e, nil, func(p *parser) describeHole { return p.describeTail() })),
		participle.ParseTypeWith(hole(e, (*parser).isQuery, func(p *parser) queryHole { return p.query() })),
		participle.ParseTypeWith(hole(e, nil, func(p *parser) queryAfterHole { return p.query() })),
	)
	return e
}

// hole is the grammar's function for one kind of hole: where starts (nil: always) holds,
// take fills it and the grammar goes on behind.
func hole[T any](e *engine, starts func(*parser) bool, take func(*parser) T) func(*lexer.PeekingLexer) (T, error) {
	return func(lex *lexer.PeekingLexer) (T, error) {
		var none T
		p := e.p
		at := int(lex.RawCursor())
		p.seek(at)
		if starts != nil && !starts(p) {
			return none, participle.NextMatch
		}
		v := take(p)
		if p.failed {
			return none, errHole
		}
		for range p.i - at {
			lex.Next()
		}
		return v, nil
	}
}

func isWord(key string) func(*parser) bool { return func(p *parser) bool { return p.is(key) } }

func (p *parser) notEnd() bool { return p.tok().Kind != token.EOF }

// isList reports whether a list in brackets comes next, and no query.
func (p *parser) isList() bool { return p.is("(") && !p.queryAhead(p.i) }

func (p *parser) isQuery() bool { return p.isAny("SELECT", "WITH", "VALUES", "(", "TABLE") }

// run parses the statement that p was loaded with. Where it fails, p.deepest says why.
func (e *engine) run() *statementG {
	st := e.parse()
	if st == nil {
		e.p.headForm()
	}
	return st
}

func (e *engine) parse() *statementG {
	p := e.p
	lex, err := lexer.Upgrade(&feed{p: p})
	if err == nil {
		var st *statementG
		if st, err = e.grammar.ParseFromLexer(lex); err == nil {
			return st
		}
	}
	var un *participle.UnexpectedTokenError
	if errors.As(err, &un) {
		p.seek(p.tokenAt(un.Unexpected.Pos.Offset))
		if p.is("DISTRIBUTED") || p.is("DISTRIBUTION") {
			p.notSupported(p.i, p.here(), p.tok().Key).Help("leave it out: the connector's options say how rows are spread")
			return nil
		}
		want := wanted(un.Message())
		if want == "" && p.tok().Kind != token.EOF {
			want = "the end of the statement"
		} else if want == "" {
			want = "the rest of the statement"
		}
		p.unexpected(want)
		return nil
	}
	if p.deepest == nil {
		// Only a hole fails in another way, and it leaves its reason behind.
		p.seek(0)
		p.unexpected("a statement")
	}
	return nil
}

// tokenAt is the first token that ends behind the byte offset.
func (p *parser) tokenAt(offset int) int {
	for i, t := range p.toks {
		if t.Start >= offset {
			return i
		}
	}
	return p.eofIndex()
}

// holeWords are the holes as the messages name them.
var holeWords = map[string]string{
	"NameHole": "a name", "QueryHole": "a query", "QueryAfterHole": "a query", "IdentsHole": "a list of names in brackets",
	"StringHole": "a string", "InsertG": "INSERT", "SetHeadG": "STATEMENT SET", "CreateTable": "TABLE", "CreateView": "VIEW",
}

// wanted turns the grammar's own idea of what comes next into words: the first thing that
// must come, or all of them where there is a choice. It is empty where the grammar has no
// idea.
func wanted(message string) string {
	_, g, ok := strings.Cut(message, "(expected ")
	if !ok {
		return ""
	}
	var words []string
	depth := 0
	for g = strings.TrimSuffix(g, ")"); g != ""; {
		g = strings.TrimLeft(g, " ")
		switch {
		case g == "":
		case g[0] == '(':
			depth++
			g = g[1:]
			continue
		case g[0] == '"':
			end := strings.IndexByte(g[1:], '"')
			if end < 0 {
				end = len(g) - 2
			}
			words = append(words, g[1:end+1])
			g = g[end+2:]
		default:
			end := strings.IndexAny(g, " ()|?*+")
			if end < 0 {
				end = len(g)
			}
			if w, ok := holeWords[g[:end]]; ok {
				words = append(words, w)
			}
			g = g[max(end, 1):]
		}
		// Only an alternative at the front adds to the choice.
		if depth == 0 {
			break
		}
		bar := strings.IndexAny(g, "|)")
		if bar < 0 || g[bar] == ')' {
			break
		}
		g = g[bar+1:]
	}
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}

// The grammar's view of the tokens. Words and operators are told from the rest so that a
// name between backticks or a string is never taken for a keyword.
const (
	wordToken lexer.TokenType = -2 - iota
	otherToken
)

// definition satisfies the grammar's wish for a lexer; only its symbols are ever used,
// since the tokens are cut before.
type definition struct{}

func (definition) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{"EOF": lexer.EOF, "Word": wordToken, "Other": otherToken}
}

func (definition) Lex(name string, r io.Reader) (lexer.Lexer, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	f := &diag.File{Name: name, Text: string(text)}
	toks, _ := token.Lex(f, &diag.List{})
	p := newParser(f, &diag.List{})
	p.load(toks[:len(toks)-1], len(f.Text))
	return &feed{p: p}, nil
}

// feed hands the loaded statement to the grammar, token by token.
type feed struct {
	p *parser
	i int
}

func (f *feed) Next() (lexer.Token, error) {
	t := f.p.toks[f.i]
	out := lexer.Token{Type: otherToken, Pos: lexer.Position{Offset: t.Start}}
	switch {
	case t.Kind == token.EOF:
		out.Type = lexer.EOF
		return out, nil
	case t.Key != "":
		out.Type, out.Value = wordToken, t.Key
	default:
		out.Value = f.p.file.Text[t.Start:t.End]
	}
	f.i++
	return out, nil
}
