package repl

import (
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/reeflective/readline"

	"weir/connectors/spec/kafkaprops"
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
	word, found := e.s.candidates(before, string(line[cursor:]))
	// The library completes from blank to blank; our words may start behind a bracket or a quote.
	blank := before[strings.LastIndexAny(before, " \t\n")+1:]
	head := strings.TrimSuffix(blank, word)
	// A menu that is higher than the screen would push the line out of sight.
	width, height := e.s.size()
	more := max(0, len(found)-max(height-8, 5))
	found = found[:len(found)-more]
	longest := 0
	for _, c := range found {
		longest = max(longest, len(c.text))
	}
	values := make([]readline.Completion, len(found))
	for i, c := range found {
		doc := c.doc
		if room := width - longest - 8; len(doc) > room {
			doc = clip(doc, max(room-1, 10)) + "…"
		}
		values[i] = readline.Completion{Value: head + c.text, Display: c.text, Description: doc, Tag: c.tag}
	}
	out := readline.CompleteRaw(values).NoSpace('(', '\'', '/', '.')
	out.PREFIX = blank
	if more > 0 {
		out = out.Usage("and %d more", more)
	}
	return out
}

// candidates is what could stand between before and after, and the word at the end of before that they would replace. Each begins
// with that word; case does not count.
func (s *Shell) candidates(before, after string) (word string, found []candidate) {
	var all []candidate
	if isCommand(before) || before == "." || before == `\` {
		word, all = s.commandCandidates(before)
	} else {
		word, all = s.sqlCandidates(before, after)
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
	switch name {
	case ".read", `\i`, ".edit", `\e`, ".output", `\o`:
		return arg, files(arg)
	}
	if c, _ := findCommand(name); c != nil && c.words != nil {
		for _, w := range c.words(s) {
			all = append(all, candidate{w, "", ""})
		}
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

// sqlCandidates completes the end of before; after is what stands behind the cursor.
func (s *Shell) sqlCandidates(before, after string) (word string, all []candidate) {
	f := &diag.File{Text: before}
	toks, _ := token.Lex(f, &diag.List{})
	toks = toks[:len(toks)-1]
	// Only the statement at the cursor counts.
	for i := len(toks) - 1; i >= 0; i-- {
		if toks[i].Is(";") {
			toks = toks[i+1:]
			break
		}
	}
	if n := len(toks); n > 0 && toks[n-1].Kind == token.Bad && strings.HasPrefix(before[toks[n-1].Start:], "'") {
		return before[toks[n-1].Start+1:], s.inString(f, toks[:n-1])
	}
	quoted := false
	if n := len(toks); n > 0 && toks[n-1].End == len(before) {
		switch t := toks[n-1]; {
		case t.Kind == token.Word:
			word, toks = t.Text(f), toks[:n-1]
		case t.Kind == token.Bad && strings.HasPrefix(before[t.Start:], "`"):
			word, toks, quoted = t.Text(f), toks[:n-1], true
		}
	}
	name := func(n string) string {
		if quoted {
			return "`" + n + "`"
		}
		return scalar.QuoteName(n)
	}
	last, behind := token.Token{}, token.Token{}
	if len(toks) > 0 {
		last = toks[len(toks)-1]
	}
	if len(toks) > 1 {
		behind = toks[len(toks)-2]
	}
	scope := append(s.scope(f, toks), s.scopeAfter(after)...)
	if last.Is(".") {
		for _, t := range scope {
			if strings.EqualFold(t.name, strings.Trim(behind.Text(f), "`")) {
				return word, s.columns(t.table, name)
			}
		}
		return word, nil
	}
	switch last.Key {
	case "FROM", "JOIN":
		return word, append(s.relations(name), s.tableFunctions()...)
	case "DESCRIBE", "DESC":
		return word, append(s.relations(name), candidate{"JOB '", "a job of this shell", "keywords"}, candidate{"TOPIC '", "a topic of the broker", "keywords"})
	case "INTO", "TABLE", "VIEW", "EXISTS":
		return word, s.relations(name)
	case "":
		if len(toks) == 0 {
			return word, starts()
		}
	case "EXPLAIN":
		return word, keywords("SELECT", "INSERT INTO", "PLAN FOR", "CHANGELOG_MODE", "STATEMENT SET BEGIN")
	case "SHOW":
		return word, keywords("TABLES", "VIEWS", "FUNCTIONS", "TOPICS", "JOBS", "COLUMNS FROM", "CREATE TABLE", "CREATE VIEW", "CATALOGS", "DATABASES")
	}
	for _, t := range scope {
		all = append(all, s.columns(t.table, name)...)
	}
	for _, t := range scope {
		all = append(all, candidate{name(t.name), "", "tables"})
	}
	if len(scope) == 0 {
		// SELECT before FROM: whatever there is.
		for _, n := range s.session.Names() {
			all = append(all, s.columns(n, name)...)
		}
	}
	if !quoted {
		all = append(all, words(s.o.Planner.Functions)...)
	}
	return word, all
}

// relations is the tables and views of the session, as name writes them.
func (s *Shell) relations(name func(string) string) (all []candidate) {
	for _, n := range s.session.Names() {
		doc := "view"
		if t := s.session.Table(n); t != nil {
			doc = t.Connector
			if topic, ok := t.Options.Get("topic"); ok {
				doc += ", topic " + topic
			}
		}
		all = append(all, candidate{name(n), doc, "tables"})
	}
	return all
}

// tableFunctions is the functions that stand in FROM.
func (s *Shell) tableFunctions() (all []candidate) {
	for _, f := range sorted(s.o.Planner.Functions) {
		if fun := s.o.Planner.Functions[f]; fun.Kind == fn.TableFunction {
			all = append(all, candidate{"TABLE(" + f + "(", fun.Doc, "functions"})
		}
	}
	return all
}

func keywords(words ...string) (all []candidate) {
	for _, w := range words {
		all = append(all, candidate{w, "", "keywords"})
	}
	return all
}

// named is a table or view of FROM, under the name by which its columns are reached.
type named struct{ name, table string }

// scope is the tables that the statement reads or writes as far as it is written.
func (s *Shell) scope(f *diag.File, toks []token.Token) (scope []named) {
	for i, t := range toks {
		if t.Kind != token.Word && t.Kind != token.Quoted || i == 0 {
			continue
		}
		if k := toks[i-1].Key; k != "FROM" && k != "JOIN" && k != "INTO" && k != "TABLE" && k != "," {
			continue
		}
		table := strings.Trim(t.Text(f), "`")
		if s.session.Table(table) == nil && s.session.View(table) == nil {
			continue
		}
		n := named{table, table}
		rest := toks[i+1:]
		if len(rest) > 1 && rest[0].Is("AS") {
			rest = rest[1:]
		}
		if len(rest) > 0 && (rest[0].Kind == token.Quoted || rest[0].Kind == token.Word && !token.Keyword(rest[0].Key)) {
			n.name = strings.Trim(rest[0].Text(f), "`")
		}
		scope = append(scope, n)
	}
	return scope
}

// scopeAfter is the tables that the statement names behind the cursor.
func (s *Shell) scopeAfter(after string) []named {
	f := &diag.File{Text: after}
	toks, _ := token.Lex(f, &diag.List{})
	for i, t := range toks {
		if t.Is(";") {
			toks = toks[:i]
			break
		}
	}
	return s.scope(f, toks)
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
		"CREATE TABLE", "CREATE VIEW", "DESCRIBE", "DESCRIBE JOB '", "DESCRIBE TOPIC '", "DROP TABLE", "DROP VIEW", "EXECUTE STATEMENT SET BEGIN", "EXPLAIN", "INSERT INTO",
		"RESET", "SELECT", "SET", "SHOW", "STOP JOB '", "WITH",
	} {
		all = append(all, candidate{w, "", "statements"})
	}
	return all
}

// words is the functions and keywords.
func words(functions fn.Catalog) (all []candidate) {
	for _, n := range sorted(functions) {
		if f := functions[n]; callable(n, f) && f.Kind != fn.TableFunction {
			all = append(all, candidate{n + "(", f.Syntax + ": " + f.Doc, "functions"})
		}
	}
	for _, w := range token.Keywords() {
		if f := functions[w]; f == nil || !strings.Contains(f.Syntax, w+"(") {
			all = append(all, candidate{w, "", "keywords"})
		}
	}
	return all
}

// inString completes inside a string that is not closed: settings behind SET, jobs, topics, options and their values in WITH.
func (s *Shell) inString(f *diag.File, toks []token.Token) (all []candidate) {
	if len(toks) == 0 {
		return nil
	}
	switch last := toks[len(toks)-1]; {
	case last.Is("TOPIC"):
		return s.topicCandidates()
	case last.Is("JOB"):
		for _, n := range s.jobNames() {
			all = append(all, candidate{n + "'", s.job(n).status(), "jobs"})
		}
		return all
	}
	if k := toks[0].Key; k == "SET" || k == "RESET" {
		if len(toks) == 1 {
			for i := range config.Keys {
				all = append(all, candidate{config.Keys[i].Key + "'", optionDoc(&config.Keys[i]), "settings"})
			}
			return all
		}
		return values(config.Lookup(unquote(toks[1].Text(f))))
	}
	last := toks[len(toks)-1]
	given := map[string]string{} // the options that are written already
	for i := 2; i < len(toks); i++ {
		if toks[i-1].Is("=") && toks[i-2].Kind == token.String {
			given[unquote(toks[i-2].Text(f))] = unquote(toks[i].Text(f))
		}
	}
	connector := given["connector"]
	reg := s.o.Planner.Registry
	if last.Is("=") && len(toks) > 1 {
		key := unquote(toks[len(toks)-2].Text(f))
		if key == "topic" {
			return s.topicCandidates()
		}
		return optionValues(reg, connector, key)
	}
	if !last.Is("(") && !last.Is(",") {
		return nil
	}
	offer := func(key string, o *catalog.OptionSpec) {
		if _, there := given[key]; !there && !o.Prefix {
			all = append(all, candidate{key + "'", optionDoc(o), "options"})
		}
	}
	if connector == "" {
		all = append(all, candidate{"connector'", "what the table is read from or written to with", "options"})
	}
	for _, name := range sorted(reg.Connectors) {
		if connector != "" && name != connector {
			continue
		}
		c := reg.Connectors[name]
		for i := range c.Options {
			offer(c.Options[i].Key, &c.Options[i])
		}
		for i := range c.Options {
			if c.Options[i].Key == serversOption {
				for _, p := range kafkaprops.Names() {
					offer("properties."+p, &catalog.OptionSpec{Doc: "a property of the Kafka client"})
				}
			}
		}
		for _, key := range sorted(c.Formats) {
			format := reg.Formats[given[key]]
			if format == nil {
				continue
			}
			for i := range format.Options {
				offer(c.Formats[key]+format.Name+"."+format.Options[i].Key, &format.Options[i])
			}
		}
	}
	return all
}

// topicCandidates is the topics of the broker, inside a string.
func (s *Shell) topicCandidates() (all []candidate) {
	for _, n := range s.topicNames() {
		all = append(all, candidate{n + "'", "", "topics"})
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
