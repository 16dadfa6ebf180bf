package repl

import (
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/reeflective/readline"

	"weir/parser/diag"
	"weir/parser/token"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/scalar"
)

// candidate is one thing that could stand at the cursor.
type candidate struct {
	text string // what is inserted in place of the word at the cursor
	doc  string
	tag  string // its group: "tables", "columns", "keywords"
}

// complete is the completer of the line editor.
func (e *lineEditor) complete(line []rune, cursor int) readline.Completions {
	before := string(line[:cursor])
	word, found := e.s.candidates(before)
	// The library completes from blank to blank; our words may start behind a bracket or a quote.
	blank := before[strings.LastIndexAny(before, " \t\n")+1:]
	head := strings.TrimSuffix(blank, word)
	// A menu that is higher than the screen would push the line out of sight.
	_, height := e.s.size()
	more := max(0, len(found)-max(height-8, 5))
	found = found[:len(found)-more]
	values := make([]readline.Completion, len(found))
	for i, c := range found {
		values[i] = readline.Completion{Value: head + c.text, Display: c.text, Description: c.doc, Tag: c.tag}
	}
	out := readline.CompleteRaw(values).NoSpace('(', '\'', '/', '.')
	out.PREFIX = blank
	if more > 0 {
		out = out.Usage("and %d more", more)
	}
	return out
}

// candidates is what could stand at the end of text, and the word there that they would replace. Each begins with that word; case
// does not count.
func (s *Shell) candidates(text string) (word string, found []candidate) {
	var all []candidate
	if isCommand(text) || text == "." || text == `\` {
		word, all = s.commandCandidates(text)
	} else {
		word, all = s.sqlCandidates(text)
	}
	low := strings.ToLower(word)
	seen := map[string]bool{}
	for _, c := range all {
		// A name in backticks is also found by its letters.
		name := strings.ToLower(c.text)
		if !seen[c.text] && (strings.HasPrefix(name, low) || strings.HasPrefix(strings.TrimPrefix(name, "`"), low)) {
			seen[c.text] = true
			found = append(found, c)
		}
	}
	return word, found
}

func (s *Shell) commandCandidates(text string) (word string, all []candidate) {
	name, arg, hasArg := strings.Cut(text, " ")
	if !hasArg {
		names, docs := commandNames()
		for _, n := range names {
			all = append(all, candidate{n, docs[n], "commands"})
		}
		return name, all
	}
	arg = strings.TrimLeft(arg, " ")
	if name == ".read" || name == `\i` {
		return arg, files(arg)
	}
	for _, w := range s.words(name) {
		all = append(all, candidate{w, "", ""})
	}
	return arg, all
}

// files is the folders and .sql files that begin with path.
func files(path string) (all []candidate) {
	dir, _ := filepath.Split(path)
	at := dir
	if at == "" {
		at = "."
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return nil // nothing to offer
	}
	for _, e := range entries {
		switch {
		case e.IsDir():
			all = append(all, candidate{dir + e.Name() + "/", "", "files"})
		case filepath.Ext(e.Name()) == ".sql":
			all = append(all, candidate{dir + e.Name(), "", "files"})
		}
	}
	return all
}

// sqlCandidates completes the end of a statement.
func (s *Shell) sqlCandidates(text string) (word string, all []candidate) {
	f := &diag.File{Text: text}
	toks, _ := token.Lex(f, &diag.List{})
	toks = toks[:len(toks)-1]
	// Only the statement at the cursor counts.
	for i := len(toks) - 1; i >= 0; i-- {
		if toks[i].Is(";") {
			toks = toks[i+1:]
			break
		}
	}
	if n := len(toks); n > 0 && toks[n-1].Kind == token.Bad && text[toks[n-1].Start] == '\'' {
		return text[toks[n-1].Start+1:], s.inString(f, toks[:n-1])
	}
	quoted := false
	if n := len(toks); n > 0 && toks[n-1].End == len(text) {
		switch t := toks[n-1]; {
		case t.Kind == token.Word:
			word, toks = t.Text(f), toks[:n-1]
		case t.Kind == token.Bad && text[t.Start] == '`':
			word, toks, quoted = t.Text(f), toks[:n-1], true
		}
	}
	name := func(n string) string {
		if quoted {
			return "`" + n + "`"
		}
		return scalar.QuoteName(n)
	}
	last := token.Token{}
	if len(toks) > 0 {
		last = toks[len(toks)-1]
	}
	tables := func() {
		for _, n := range s.session.Names() {
			doc := "view"
			if t := s.session.Table(n); t != nil {
				doc = t.Connector
			}
			all = append(all, candidate{name(n), doc, "tables"})
		}
	}
	switch last.Key {
	case "FROM", "JOIN", "INTO", "DESCRIBE", "DESC", "TABLE", "VIEW", "EXISTS":
		tables()
		if last.Is("FROM") {
			all = append(all, candidate{"TABLE(", "a window: TUMBLE or HOP", "keywords"})
		}
		return word, all
	case "":
		if len(toks) == 0 {
			return word, starts()
		}
	case "SHOW":
		for _, w := range []string{"TABLES", "VIEWS", "FUNCTIONS", "JOBS", "CREATE TABLE", "CREATE VIEW"} {
			all = append(all, candidate{w, "", "keywords"})
		}
		return word, all
	}
	if !quoted {
		defer func() { all = append(all, words(s.o.Planner.Functions)...) }()
	}
	for i, t := range toks {
		if t.Kind != token.Word && t.Kind != token.Quoted || i == 0 {
			continue
		}
		if k := toks[i-1].Key; k != "FROM" && k != "JOIN" && k != "INTO" && k != "TABLE" && k != "," {
			continue
		}
		all = append(all, s.columns(strings.Trim(t.Text(f), "`"), name)...)
	}
	if all == nil {
		// SELECT before FROM: whatever there is.
		for _, n := range s.session.Names() {
			all = append(all, s.columns(n, name)...)
		}
	}
	return word, all
}

// columns is the columns of a table or view.
func (s *Shell) columns(table string, name func(string) string) (all []candidate) {
	if t := s.session.Table(table); t != nil {
		for i := range t.Columns {
			all = append(all, candidate{name(t.Columns[i].Name), t.Columns[i].Type.String(), "columns"})
		}
	}
	if v := s.session.View(table); v != nil {
		for _, c := range v.Columns {
			all = append(all, candidate{name(c.Name), "", "columns"})
		}
	}
	return all
}

// starts is the words that begin a statement.
func starts() (all []candidate) {
	for _, w := range []string{
		"CREATE TABLE", "CREATE VIEW", "DESCRIBE", "DROP TABLE", "DROP VIEW", "EXECUTE STATEMENT SET BEGIN", "EXPLAIN", "INSERT INTO",
		"RESET", "SELECT", "SET", "SHOW", "STOP JOB", "WITH",
	} {
		all = append(all, candidate{w, "", "statements"})
	}
	return all
}

// words is the functions and keywords.
func words(functions fn.Catalog) (all []candidate) {
	names := make([]string, 0, len(functions))
	for n, f := range functions {
		// Operators such as AND are functions too, but not called like one.
		if strings.Contains(f.Syntax, n+"(") && f.Unsupported == "" {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	for _, n := range names {
		all = append(all, candidate{n + "(", functions[n].Doc, "functions"})
	}
	for _, w := range token.Keywords() {
		if f := functions[w]; f == nil || !strings.Contains(f.Syntax, w+"(") {
			all = append(all, candidate{w, "", "keywords"})
		}
	}
	return all
}

// inString completes inside a string that is not closed: settings behind SET, options and their values in WITH.
func (s *Shell) inString(f *diag.File, toks []token.Token) (all []candidate) {
	if len(toks) == 0 {
		return nil
	}
	if k := toks[0].Key; k == "SET" || k == "RESET" {
		if len(toks) == 1 {
			for i := range config.Keys {
				all = append(all, candidate{config.Keys[i].Key + "'", config.Keys[i].Doc, "settings"})
			}
			return all
		}
		return values(config.Lookup(unquote(toks[1].Text(f))))
	}
	last := toks[len(toks)-1]
	connector := ""
	for i := 2; i < len(toks); i++ {
		if toks[i-1].Is("=") && toks[i-2].Kind == token.String && unquote(toks[i-2].Text(f)) == "connector" {
			connector = unquote(toks[i].Text(f))
		}
	}
	reg := s.o.Planner.Registry
	if last.Is("=") && len(toks) > 1 {
		return optionValues(reg, connector, unquote(toks[len(toks)-2].Text(f)))
	}
	if !last.Is("(") && !last.Is(",") {
		return nil
	}
	if connector == "" {
		all = append(all, candidate{"connector'", "what the table is read from or written to with", "options"})
	}
	for _, name := range sorted(reg.Connectors) {
		if connector != "" && name != connector {
			continue
		}
		for _, o := range reg.Connectors[name].Options {
			if !o.Prefix {
				all = append(all, candidate{o.Key + "'", o.Doc, "options"})
			}
		}
	}
	return all
}

// optionValues is the values of an option that are known.
func optionValues(reg *catalog.Registry, connector, key string) (all []candidate) {
	if key == "connector" {
		for _, n := range sorted(reg.Connectors) {
			all = append(all, candidate{n + "'", reg.Connectors[n].Doc, "connectors"})
		}
		return all
	}
	for _, n := range sorted(reg.Connectors) {
		if connector != "" && n != connector {
			continue
		}
		c := reg.Connectors[n]
		if _, ok := c.Formats[key]; ok {
			for _, n := range sorted(reg.Formats) {
				all = append(all, candidate{n + "'", reg.Formats[n].Doc, "formats"})
			}
			return all
		}
		for i := range c.Options {
			if c.Options[i].Key == key {
				all = append(all, values(&c.Options[i])...)
			}
		}
	}
	return all
}

// values is what an option or setting can be set to, as far as that is a list.
func values(o *catalog.OptionSpec) (all []candidate) {
	switch {
	case o == nil:
	case o.Type == catalog.OptBool:
		all = append(all, candidate{"true'", "", ""}, candidate{"false'", "", ""})
	case o.Type == catalog.OptEnum:
		for _, v := range o.Values {
			all = append(all, candidate{v + "'", "", ""})
		}
	case o.Default != "":
		all = append(all, candidate{o.Default + "'", "the default", ""})
	case o.Example != "":
		all = append(all, candidate{o.Example + "'", "an example", ""})
	}
	return all
}

func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func unquote(s string) string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(s, "'"), "'"), "''", "'")
}
