package repl

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"weir/parser/diag"
)

// command is a command of the shell itself. Both spellings, with a point and with a backslash, mean the same.
type command struct {
	names []string // the first one is shown first
	arg   string   // what may follow, for .help; "" nothing
	doc   string
	run   func(s *Shell, arg string) error
	// words is what may follow, for completion; nil: nothing that is known.
	words func(s *Shell) []string
}

// section is a part of .help.
type section struct {
	title    string
	commands []command
}

// sections is every command; .help, completion and the reference page read it too.
func sections() []section {
	onOff := fixed("on", "off")
	return []section{
		{"Look around", []command{
			{[]string{".tables", `\dt`}, "[PATTERN]", "tables and views whose name contains PATTERN (% and _ as in LIKE)", listing("TABLES"), (*Shell).names},
			{[]string{".views", `\dv`}, "[PATTERN]", "views", listing("VIEWS"), nil},
			{[]string{".functions", `\df`}, "[PATTERN]", "functions; of one, its signature, meaning and examples", (*Shell).functions, (*Shell).functionNames},
			{[]string{".describe", `\d`}, "[NAME]", "what NAME is: a table, view, function, setting, connector, job or topic; without NAME the tables", (*Shell).describe, (*Shell).everything},
			{[]string{".schema", `\d+`, `\sv`}, "[NAME]", "the statements that make a table or view, or all", (*Shell).schema, (*Shell).names},
			{[]string{".topics", `\dT`}, "[PATTERN]", "topics of the broker", listing("TOPICS"), (*Shell).topicNames},
			{[]string{".topic", `\dK`}, "TOPIC", "partitions, offsets and newest records of a topic, and a CREATE TABLE for it", (*Shell).topicCommand, (*Shell).topicNames},
			{[]string{".jobs", `\j`}, "", "the jobs of this shell", func(s *Shell, _ string) error { return s.showJobs() }, nil},
			{[]string{".settings", `\dconfig`}, "[PATTERN]", "settings, their values and where those come from", (*Shell).settings, (*Shell).settingKeys},
			{[]string{".connect", `\c`}, "[HOST:PORT [KEY=VALUE ...]]", "the broker whose topics are shown; KEY=VALUE are properties of the client", (*Shell).connect, nil},
		}},
		{"How rows are shown", []command{
			{[]string{".mode", `\pset`}, "[MODE]", "mode of output: " + modeNames(), (*Shell).setModeTo, fixed(strings.Split(modeNames(), ", ")...)},
			{[]string{".expanded", `\x`}, "[on|off|auto]", "one line a column: always, never, or where a row does not fit the screen", (*Shell).expanded, fixed("on", "off", "auto")},
			{[]string{".maxrows"}, "N", "show N rows: a query that ends shows its first and last, one without end stops there; 0: all", (*Shell).setMaxRows, nil},
			{[]string{".nullvalue"}, "TEXT", "what is shown for NULL", func(s *Shell, arg string) error { s.null = arg; return nil }, nil},
			{[]string{".timer", `\timing`}, "[on|off]", "show how long queries take", (*Shell).setTimer, onOff},
			{[]string{".output", `\o`}, "[FILE]", "rows and lists go to FILE; without FILE to the terminal again", (*Shell).setOutput, nil},
			{[]string{".pager"}, "[on|off]", "long lists go through $PAGER (less, when that is not set)", (*Shell).setPager, onOff},
		}},
		{"Run", []command{
			{[]string{".read", `\i`}, "FILE", "execute the statements of a file", (*Shell).read, nil},
			{[]string{".edit", `\e`}, "[FILE]", "edit the last statement, or FILE, in $VISUAL or $EDITOR, and execute it", (*Shell).edit, nil},
			{[]string{".watch", `\watch`}, "[SECONDS]", "execute the last statement again and again, every 2 seconds, until ^C", (*Shell).watch, nil},
			{[]string{".bail", `\set`}, "[on|off]", "stop at the first statement that fails; also \\set ON_ERROR_STOP on|off", (*Shell).setBail, fixed("on", "off", "ON_ERROR_STOP on", "ON_ERROR_STOP off")},
			{[]string{".shell", ".system", `\!`}, "[COMMAND]", "run a command of the operating system", (*Shell).system, nil},
			{[]string{".print", `\echo`}, "[TEXT]", "show TEXT", (*Shell).echo, nil},
		}},
		{"The shell", []command{
			{[]string{".help", `\?`, `\h`}, "[COMMAND]", "this list, or one command of it", (*Shell).help, func(*Shell) []string { names, _ := commandNames(); return names }},
			{[]string{".history", `\s`}, "[PATTERN]", "what was entered, in this session and before", (*Shell).history, nil},
			{[]string{".exit", ".quit", `\q`}, "", "stop the jobs of this shell, each with a last checkpoint, and leave", func(*Shell, string) error { return errLeave }, nil},
		}},
	}
}

// commands is every command.
func commands() (all []command) {
	for _, s := range sections() {
		all = append(all, s.commands...)
	}
	return all
}

// fixed completes with words that are always the same.
func fixed(words ...string) func(*Shell) []string {
	return func(*Shell) []string { return words }
}

// ModeNames is the names of all modes, with sep between them.
func ModeNames(sep string) string {
	names := make([]string, len(modes))
	for i, m := range modes {
		names[i] = string(m.mode)
	}
	return strings.Join(names, sep)
}

func modeNames() string { return ModeNames(", ") }

// command executes a line that begins with a point or a backslash.
func (s *Shell) command(line string) error {
	name, arg := splitCommand(line)
	c, all := findCommand(name)
	if c == nil {
		help := ".help lists the commands"
		if near, ok := diag.Suggest(name, all); ok {
			help = "did you mean " + near + "? " + help
		}
		return &refusal{"there is no command " + name, help}
	}
	switch {
	case c.arg == "" && arg != "":
		return &refusal{name + " takes nothing behind it, found " + strconv.Quote(arg), "write " + name}
	case c.arg != "" && c.arg[0] != '[' && arg == "":
		return &refusal{name + " needs " + c.arg, "write " + name + " " + c.arg}
	}
	return c.run(s, arg)
}

// splitCommand cuts a line into the name of a command and what stands behind it.
func splitCommand(line string) (name, arg string) {
	line = strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(line, `\!`); ok {
		return `\!`, strings.TrimSpace(rest) // the command needs no blank before it, and keeps its semicolons
	}
	name, arg, _ = strings.Cut(line, " ")
	return strings.TrimSuffix(name, ";"), strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(arg), ";"))
}

// findCommand is the command called name; nil when there is none, with the names of all.
func findCommand(name string) (found *command, all []string) {
	for _, c := range commands() {
		for _, n := range c.names {
			if n == name {
				return &c, nil
			}
			all = append(all, n)
		}
	}
	return nil, all
}

func (s *Shell) help(arg string) error {
	if arg != "" {
		if arg[0] != '.' && arg[0] != '\\' {
			arg = "." + arg
		}
		c, all := findCommand(arg)
		if c == nil {
			help := ".help lists the commands"
			if near, ok := diag.Suggest(arg, all); ok {
				help = "did you mean " + near + "? " + help
			}
			return &refusal{"there is no command " + arg, help}
		}
		return s.page(strings.TrimSpace(strings.Join(c.names, " ")+" "+c.arg) + "\n  " + c.doc + "\n")
	}
	var b strings.Builder
	width := 0
	head := func(c *command) string { return strings.TrimSpace(strings.Join(c.names, " ") + " " + c.arg) }
	for _, c := range commands() {
		width = max(width, min(len(head(&c)), 34))
	}
	screen, _ := s.size()
	for _, sec := range sections() {
		b.WriteString(paint(s.color(), colorHead) + sec.title + paint(s.color(), colorReset) + "\n")
		for _, c := range sec.commands {
			h := head(&c)
			if len(h) > width {
				h += "\n" + strings.Repeat(" ", width+2)
			}
			doc := strings.Join(folded(c.doc, screen-width-4), "\n"+strings.Repeat(" ", width+4))
			fmt.Fprintf(&b, "  %-*s  %s\n", width, h, doc)
		}
	}
	b.WriteString(paint(s.color(), colorHead) + "Statements" + paint(s.color(), colorReset) + `
  end with ; and may take several lines
  CREATE TABLE, CREATE VIEW, DROP   define what to read and write
  SELECT ...                        shows its changes as they come, until ^C
  INSERT INTO ..., EXECUTE STATEMENT SET BEGIN ... END
                                    run as a job beside the shell
  SHOW JOBS, DESCRIBE JOB 'name', STOP JOB 'name' [WITH SAVEPOINT]
                                    look after the jobs
  SHOW TOPICS, DESCRIBE TOPIC 't'   what the broker has
  SHOW TABLES | VIEWS | FUNCTIONS | CREATE TABLE t, DESCRIBE t, EXPLAIN ...,
  SET, RESET                        look at the session and change its settings
` + paint(s.color(), colorHead) + "Keys" + paint(s.color(), colorReset) + `
  Tab completes, up and down walk through the history, ^R searches it,
  ^X^E edits in $EDITOR
  ^C cancels the query (twice: at once), or takes the line away; ^D leaves
`)
	return s.page(b.String())
}

// folded is text in lines of at most width characters, as far as its words let it.
func folded(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// commandNames is every spelling of every command, sorted, with what it does.
func commandNames() (names []string, docs map[string]string) {
	docs = map[string]string{}
	for _, c := range commands() {
		for _, n := range c.names {
			names = append(names, n)
			docs[n] = strings.TrimSpace(c.arg + "  " + c.doc)
		}
	}
	sort.Strings(names)
	return names, docs
}

// Reference is a section of the commands, for the reference page.
type Reference struct {
	Title    string
	Commands []ReferenceCommand
}

// ReferenceCommand is one command: its names, what may follow, and what it does.
type ReferenceCommand struct {
	Names    []string
	Arg, Doc string
}

// References is every command, in the order of .help.
func References() (all []Reference) {
	for _, s := range sections() {
		r := Reference{Title: s.title}
		for _, c := range s.commands {
			r.Commands = append(r.Commands, ReferenceCommand{c.names, c.arg, c.doc})
		}
		all = append(all, r)
	}
	return all
}

// ReferenceModes is every mode with what it does, in the order of .help.
func ReferenceModes() (all [][2]string) {
	for _, m := range modes {
		all = append(all, [2]string{string(m.mode), m.doc})
	}
	return all
}
