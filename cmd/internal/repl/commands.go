package repl

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"weir/exec/batch"
	"weir/parser"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// command is a command of the shell itself. Both spellings, with a point and with a backslash, mean the same.
type command struct {
	names []string // the first one is shown first
	arg   string   // what may follow, for .help; "" nothing
	doc   string
	run   func(s *Shell, arg string) error
}

// commands is every command; .help and completion read it too.
func commands() []command {
	return []command{
		{[]string{".help", `\?`, `\h`}, "", "this list", (*Shell).help},
		{[]string{".tables", `\dt`}, "[PATTERN]", "tables and views whose name contains PATTERN (% and _ as in LIKE)", listing("TABLES")},
		{[]string{".views", `\dv`}, "[PATTERN]", "views", listing("VIEWS")},
		{[]string{".functions", `\df`}, "[PATTERN]", "functions", listing("FUNCTIONS")},
		{[]string{".describe", `\d`}, "[NAME]", "the columns of a table or view; without NAME the tables", (*Shell).describe},
		{[]string{".schema", `\sf`}, "[NAME]", "the statements that make a table or view, or all", (*Shell).schema},
		{[]string{".jobs", `\j`}, "", "the jobs of this shell", func(s *Shell, _ string) error { return s.showJobs() }},
		{[]string{".read", `\i`}, "FILE", "execute the statements of a file", (*Shell).read},
		{[]string{".mode", `\pset`}, "[MODE]", "how rows are shown: " + modeNames(), (*Shell).setModeTo},
		{[]string{".expanded", `\x`}, "", "one line a column, and back", (*Shell).expanded},
		{[]string{".maxrows"}, "N", "end a query after N rows; 0: never", (*Shell).setMaxRows},
		{[]string{".nullvalue"}, "TEXT", "what is shown for NULL", func(s *Shell, arg string) error { s.null = arg; return nil }},
		{[]string{".timer", `\timing`}, "[on|off]", "show how long queries take", (*Shell).setTimer},
		{[]string{".exit", ".quit", `\q`}, "", "stop the jobs of this shell, each with a last checkpoint, and leave", func(*Shell, string) error { return errLeave }},
	}
}

func modeNames() string {
	names := make([]string, len(modes))
	for i, m := range modes {
		names[i] = string(m.mode)
	}
	return strings.Join(names, ", ")
}

// command executes a line that begins with a point or a backslash.
func (s *Shell) command(line string) error {
	name, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(arg), ";"))
	name = strings.TrimSuffix(name, ";")
	var all []string
	for _, c := range commands() {
		for _, n := range c.names {
			if n != name {
				all = append(all, n)
				continue
			}
			switch {
			case c.arg == "" && arg != "":
				return &refusal{n + " takes nothing behind it, found " + strconv.Quote(arg), "write " + n}
			case c.arg != "" && c.arg[0] != '[' && arg == "":
				return &refusal{n + " needs " + c.arg, "write " + n + " " + c.arg}
			}
			return c.run(s, arg)
		}
	}
	help := ".help lists the commands"
	if near, ok := diag.Suggest(name, all); ok {
		help = "did you mean " + near + "? " + help
	}
	return &refusal{"there is no command " + name, help}
}

func (s *Shell) help(string) error {
	var b strings.Builder
	width := 0
	var heads []string
	for _, c := range commands() {
		h := strings.Join(c.names, " ") + " " + c.arg
		heads = append(heads, h)
		width = max(width, len(h))
	}
	for i, c := range commands() {
		fmt.Fprintf(&b, "%-*s  %s\n", width, heads[i], c.doc)
	}
	b.WriteString(`
Statements end with ; and may take several lines:
  CREATE TABLE, CREATE VIEW, DROP   define what to read and write
  SELECT ...                        shows its changes as they come, until ^C
  INSERT INTO ..., EXECUTE STATEMENT SET BEGIN ... END
                                    run as a job beside the shell
  SHOW JOBS, STOP JOB 'id'          look after the jobs
  SHOW TABLES | VIEWS | FUNCTIONS | CREATE TABLE t, DESCRIBE t, EXPLAIN ..., SET, RESET
`)
	_, err := s.o.Stdout.Write([]byte(b.String()))
	return err
}

// listing is SHOW what, with a pattern.
func listing(what string) func(*Shell, string) error {
	return func(s *Shell, arg string) error {
		sql := "SHOW " + what
		if arg != "" {
			if !strings.ContainsAny(arg, "%_") {
				arg = "%" + arg + "%"
			}
			sql += " LIKE " + quote(arg)
		}
		return s.sql(sql)
	}
}

// sql executes a statement that a command is short for.
func (s *Shell) sql(text string) error {
	return s.file(&diag.File{Name: "<command>", Text: text + ";"}, nil)
}

// quote is s as a SQL string.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (s *Shell) describe(arg string) error {
	if arg == "" {
		return s.sql("SHOW TABLES")
	}
	return s.sql("DESCRIBE " + s.name(arg))
}

// name is the name of a table as SQL writes it; the user may have left the backticks out.
func (s *Shell) name(arg string) string {
	if s.session.Table(arg) != nil || s.session.View(arg) != nil {
		return scalar.QuoteName(arg)
	}
	return arg
}

func (s *Shell) schema(arg string) error {
	names := []string{arg}
	if arg == "" {
		names = s.session.Names()
	}
	for i, n := range names {
		if i > 0 {
			fmt.Fprintln(s.o.Stdout)
		}
		what := "TABLE "
		if s.session.View(strings.Trim(n, "`")) != nil {
			what = "VIEW "
		}
		script, _ := parser.Parse(&diag.File{Name: "<command>", Text: "SHOW CREATE " + what + s.name(n) + ";"})
		for _, st := range script.Statements {
			r, found := s.session.Execute(st)
			if found.HasErrors() {
				return &findings{found}
			}
			if text, ok := r.(*planner.Text); ok {
				// With its semicolon it can be read back.
				fmt.Fprintln(s.o.Stdout, strings.TrimRight(text.Text, ";\n")+";")
			}
		}
	}
	return nil
}

// deepestRead is how far .read may be nested: a file that reads itself must end.
const deepestRead = 20

func (s *Shell) read(path string) error {
	if unquoted := strings.Trim(path, `'"`); len(unquoted) < len(path) {
		path = unquoted
	}
	if s.depth >= deepestRead {
		return &refusal{fmt.Sprintf("%s: .read is nested more than %d deep", path, deepestRead), "does the file read itself?"}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return &refusal{err.Error(), "give the path of a file of statements"}
	}
	s.depth++
	defer func() { s.depth-- }()
	return s.script(path, string(text), nil)
}

func (s *Shell) setModeTo(arg string) error {
	if arg == "" {
		fmt.Fprintln(s.o.Stdout, s.mode)
		return nil
	}
	m, ok := parseMode(arg)
	if !ok {
		help := "modes: " + modeNames()
		if near, found := diag.Suggest(arg, strings.Split(modeNames(), ", ")); found {
			help = "did you mean " + near + "? " + help
		}
		return &refusal{"there is no mode " + strconv.Quote(arg), help}
	}
	s.mode = m
	return nil
}

func (s *Shell) expanded(string) error {
	if s.mode == ModeLine {
		s.mode = ModeTableau
		s.setMode()
		s.note("one row a line")
		return nil
	}
	s.mode = ModeLine
	s.note("one column a line")
	return nil
}

func (s *Shell) setMaxRows(arg string) error {
	n, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || n < 0 {
		return &refusal{".maxrows needs a number of rows, found " + strconv.Quote(arg), "write .maxrows 100, or .maxrows 0 for no limit"}
	}
	s.maxRows = n
	return nil
}

func (s *Shell) setTimer(arg string) error {
	switch strings.ToLower(arg) {
	case "":
		s.timer = !s.timer
	case "on":
		s.timer = true
	case "off":
		s.timer = false
	default:
		return &refusal{".timer is on or off, found " + strconv.Quote(arg), "write .timer on"}
	}
	if s.timer {
		s.note("timer on")
	} else {
		s.note("timer off")
	}
	return nil
}

// rows shows a list that the session or the shell made, in the mode that is set.
func (s *Shell) rows(columns []string, rows [][]string) error {
	kinds := make([]types.Type, len(columns))
	r := &result{null: s.null, bounded: true, mode: catalog.InsertOnly, color: s.o.Color}
	for i, c := range columns {
		kinds[i] = types.TString
		r.columns = append(r.columns, physical.Column{Name: c, Type: types.TString})
	}
	if s.o.Terminal {
		r.width, r.height = s.size()
		r.terminal = true
	}
	b := batch.New(kinds, len(rows))
	for _, row := range rows {
		for i, v := range row {
			b.Cols[i].AppendString(v)
		}
		b.N++
	}
	mode := s.mode
	if mode == ModeTable || mode == ModeChangelog {
		mode = ModeTableau
	}
	v := newView(mode, r, s.o.Stdout)
	for i := range b.N {
		v.change(b, i)
	}
	return v.end(int64(b.N), endBounded, 0)
}

// words completes the argument of a command: nil where it takes none that is known.
func (s *Shell) words(name string) []string {
	switch name {
	case ".describe", `\d`, ".schema", `\sf`:
		return s.session.Names()
	case ".mode", `\pset`:
		return strings.Split(modeNames(), ", ")
	case ".timer", `\timing`:
		return []string{"on", "off"}
	}
	return nil
}

// commandNames is every spelling of every command, sorted, with what it does.
func commandNames() (names []string, docs map[string]string) {
	docs = map[string]string{}
	for _, c := range commands() {
		for _, n := range c.names {
			names = append(names, n)
			docs[n] = c.doc
		}
	}
	sort.Strings(names)
	return names, docs
}
