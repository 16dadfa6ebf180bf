package planner

import (
	"strconv"
	"strings"

	"weir/parser"
	"weir/parser/diag"
	"weir/parser/token"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/physical"
)

// Program is a planned script.
type Program struct {
	// Jobs are the jobs of its INSERTs and statement sets, in order.
	Jobs []*physical.Job
	// Queries are its SELECTs as statements.
	Queries []*QueryResult
	// Outputs are what its other statements have to show: EXPLAIN, SHOW, DESCRIBE, in order.
	Outputs []Result
	// Session is what the script has defined.
	Session *Session
}

// Compile plans files, in order, as one script. All findings come at once; the program is nil when there are
// errors among them. The list is never nil.
func Compile(files []*diag.File, o Options) (*Program, *diag.List) {
	return compileInto(&Analysis{}, files, o)
}

// compileInto is Compile; it notes in a what it comes by.
func compileInto(a *Analysis, files []*diag.File, o Options) (*Program, *diag.List) {
	all := &diag.List{}
	p := &Program{Session: NewSession(o)}
	p.Session.analysis, a.Session = a, p.Session
	var written []*catalog.Table
	lost := &lostNames{names: map[string]bool{}}
	for _, f := range files {
		script, found := parser.Parse(f)
		if found.HasErrors() {
			lost.definitions(f, p.Session.failed)
		}
		all.All = append(all.All, found.All...)
		a.Scripts = append(a.Scripts, script)
		for _, st := range script.Statements {
			r, found := p.Session.Execute(st)
			for _, d := range found.All {
				if d.Code != codes.UnknownTable || !lost.has(d) {
					all.All = append(all.All, d)
				}
			}
			switch r := r.(type) {
			case *JobResult:
				p.Jobs = append(p.Jobs, r.Job)
				for _, s := range r.Job.Sinks {
					written = append(written, s.Table)
				}
			case *QueryResult:
				p.Queries = append(p.Queries, r)
			case *Rows, *Text:
				p.Outputs = append(p.Outputs, r)
			case *AnalyzeResult:
				all.Errorf(codes.NoStatement, st.Span(), "EXPLAIN ANALYZE works in the shell only").
					Help("leave it out of the file: weir explain --analyze runs a file's jobs and shows what their operators did")
			}
		}
	}
	p.Session.diags = all
	p.Session.checkReaders(written)
	nameApart(p.Jobs)
	all.All = unique(all.All)
	order(all, files)
	if all.HasErrors() {
		return nil, all
	}
	return p, all
}

// lostNames are names that definitions which did not parse may have given: what is called so is not unknown.
type lostNames struct {
	names map[string]bool
	any   bool // a definition lacks its name
}

// has reports an unknown table that may have been lost. Where a name is missing that may be any, but a misspelt one.
func (l *lostNames) has(d *diag.Diagnostic) bool {
	return l.names[lastName(d.Span.Text())] || l.any && len(d.Helps) == 0
}

// definitions adds the names to which statements of f that did not parse may have given a meaning, and to settings those
// that they may have set.
func (l *lostNames) definitions(f *diag.File, settings map[string]bool) {
	names := l.names
	toks, _ := token.Lex(f, &diag.List{})
	for i, start := 0, true; i < len(toks); i++ {
		if start {
			misspelled(f, toks[i:], names)
		}
		start = toks[i].Is(";")
		if toks[i].IsString() {
			if key := strings.Trim(toks[i].Text(f), "'"); config.Lookup(key) != nil {
				settings[key] = true
			}
		}
		if !toks[i].Is("CREATE") {
			continue
		}
		j := i + 1
		for ; j < len(toks) && (toks[j].Is("TEMPORARY") || toks[j].Is("OR") || toks[j].Is("REPLACE")); j++ {
		}
		if j == len(toks) || !toks[j].Is("TABLE") && !toks[j].Is("VIEW") {
			continue
		}
		for j++; j < len(toks) && (toks[j].Is("IF") || toks[j].Is("NOT") || toks[j].Is("EXISTS")); j++ {
		}
		for ; j+2 < len(toks) && toks[j+1].Is("."); j += 2 {
		}
		if j == len(toks) || toks[j].Is("(") || toks[j].Is("AS") || toks[j].Is("WITH") || toks[j].Is(";") {
			l.any = true
		} else {
			names[lastName(toks[j].Text(f))] = true
		}
	}
}

// misspelled adds the name that a statement may have defined whose first words are wrong, as in CRAETE TABLE t (...): the
// one before its columns, its query or its options.
func misspelled(f *diag.File, toks []token.Token, names map[string]bool) {
	const head = 12 // tokens: CREATE TEMPORARY TABLE IF NOT EXISTS a.b.c
	if t := toks[0]; token.Keyword(t.Key) && !t.Is("CREATE") && !t.Is("TABLE") && !t.Is("VIEW") {
		return
	}
	for i, t := range toks[:min(len(toks), head)] {
		if i > 0 && (t.Is("(") || t.Is("AS") || t.Is("WITH") || t.Is("LIKE") || t.Is("COMMENT")) {
			names[lastName(toks[i-1].Text(f))] = true
			return
		}
	}
}

// lastName is the object's own name in a name as written.
func lastName(written string) string {
	if i := strings.LastIndexByte(written, '.'); i >= 0 {
		written = written[i+1:]
	}
	return strings.ReplaceAll(strings.Trim(strings.TrimSpace(written), "`"), "``", "`")
}

// order sorts findings by the order of the files, then by place.
func order(l *diag.List, files []*diag.File) {
	l.Sort()
	var out []*diag.Diagnostic
	taken := map[*diag.Diagnostic]bool{}
	for _, f := range files {
		for _, d := range l.All {
			if d.Span.File == f && !taken[d] {
				taken[d] = true
				out = append(out, d)
			}
		}
	}
	for _, d := range l.All {
		if !taken[d] {
			out = append(out, d)
		}
	}
	l.All = out
}

// nameApart gives jobs of one name the names of their sinks too: a name is a state directory.
func nameApart(jobs []*physical.Job) {
	count := map[string]int{}
	for _, j := range jobs {
		count[j.Name]++
	}
	taken := map[string]int{}
	for _, j := range jobs {
		if count[j.Name] > 1 && !strings.HasPrefix(j.Name, "insert-into_") {
			j.Name += "-" + j.Sinks[0].Table.Name
		}
		if taken[j.Name]++; taken[j.Name] > 1 {
			j.Name += "-" + strconv.Itoa(taken[j.Name])
		}
	}
}
