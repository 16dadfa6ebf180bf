package repl

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"weir/exec/batch"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/types"
)

// stdout is where rows and lists go now: standard output, the file of .output, or a page that is being gathered.
func (s *Shell) stdout() io.Writer {
	switch {
	case s.gathered != nil:
		return s.gathered
	case s.output != nil:
		return s.output
	}
	return s.front
}

// terminal reports whether rows go to a terminal now.
func (s *Shell) terminal() bool { return s.o.Terminal && s.output == nil }

func (s *Shell) color() bool { return s.o.Color && s.output == nil }

// page shows text: through the pager when it is longer than the screen.
func (s *Shell) page(text string) error {
	_, height := s.size()
	if !s.o.Interactive || !s.terminal() || !s.pager || s.gathered != nil || strings.Count(text, "\n") < height {
		_, err := io.WriteString(s.stdout(), text)
		return err
	}
	program := os.Getenv("PAGER")
	if program == "" {
		program = "less"
	}
	c := exec.Command("/bin/sh", "-c", program)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(text), s.o.Stdout, s.o.Stderr
	if os.Getenv("LESS") == "" {
		// Colours as they are, lines not folded, and what fits stays.
		c.Env = append(os.Environ(), "LESS=FRSX")
	}
	release := s.desk.hold()
	defer release()
	// ^C is the pager's.
	defer s.foreground(func(int) {})()
	if err := c.Run(); err != nil {
		if c.ProcessState == nil || c.ProcessState.ExitCode() == 127 {
			// There is no such program.
			s.pager = false
			_, err := io.WriteString(s.front, text)
			return err
		}
	}
	return nil
}

// paged shows everything that f writes as one page.
func (s *Shell) paged(f func() error) error {
	if s.gathered != nil {
		return f()
	}
	s.gathered = &bytes.Buffer{}
	err := f()
	text := s.gathered.String()
	s.gathered = nil
	if perr := s.page(text); err == nil {
		err = perr
	}
	return err
}

// rows shows a list that the session or the shell made, in the mode that is set. Columns whose every value is a number are
// aligned as numbers.
func (s *Shell) rows(columns []string, rows [][]string) error {
	return s.paged(func() error { return s.list(columns, rows) })
}

func (s *Shell) list(columns []string, rows [][]string) error {
	kinds := make([]types.Type, len(columns))
	r := &result{bounded: true, mode: catalog.InsertOnly}
	s.look(r)
	r.max = 0
	for i, c := range columns {
		kinds[i] = types.TString
		if numbers(rows, i) {
			kinds[i] = types.TBigInt
		}
		r.columns = append(r.columns, physical.Column{Name: c, Type: kinds[i]})
	}
	b := batch.New(kinds, len(rows))
	for _, row := range rows {
		for i, v := range row {
			if kinds[i] == types.TString {
				b.Cols[i].AppendString(v)
			} else if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				b.Cols[i].AppendInt(n)
			} else {
				b.Cols[i].AppendNull()
			}
		}
		b.N++
	}
	mode := s.mode
	if mode == ModeTable || mode == ModeChangelog {
		mode = ModeTableau
	}
	v := newView(mode, r, s.stdout())
	for i := range b.N {
		v.change(b, i)
	}
	return v.end(int64(b.N), endBounded, 0)
}

// numbers reports whether column i of rows holds whole numbers, and NULLs.
func numbers(rows [][]string, i int) bool {
	some := false
	for _, row := range rows {
		if row[i] == "NULL" {
			continue
		}
		if n, err := strconv.ParseInt(row[i], 10, 64); err != nil || strconv.FormatInt(n, 10) != row[i] {
			return false
		}
		some = true
	}
	return some
}

// setModeTo is .mode, and \pset, which also takes psql's names of what can be set.
func (s *Shell) setModeTo(arg string) error {
	what, value, _ := strings.Cut(arg, " ")
	switch value = strings.TrimSpace(value); what {
	case "":
		_, err := fmt.Fprintln(s.stdout(), s.mode)
		return err
	case "null":
		s.null = strings.Trim(value, "'")
		return nil
	case "pager":
		return s.setPager(value)
	case "expanded", "x":
		return s.expanded(value)
	case "format":
		arg = value
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

func (s *Shell) expanded(arg string) error {
	switch e := expansion(strings.ToLower(arg)); {
	case e == expandOn || e == expandOff || e == expandAuto:
		s.expand = e
	case arg != "":
		return &refusal{"expanded is on, off or auto, found " + strconv.Quote(arg), "write .expanded auto"}
	case s.expand == expandOn:
		s.expand = expandAuto
	default:
		s.expand = expandOn
	}
	s.note(map[expansion]string{
		expandOn: "one line a column", expandOff: "one line a row, columns in the middle are left out where they do not fit",
		expandAuto: "one line a row, or a column where a row does not fit",
	}[s.expand])
	return nil
}

func (s *Shell) setMaxRows(arg string) error {
	n, err := strconv.ParseInt(arg, 10, 32)
	if err != nil || n < 0 {
		return &refusal{".maxrows needs a number of rows, found " + strconv.Quote(arg), "write .maxrows 100, or .maxrows 0 for no limit"}
	}
	s.maxRows, s.maxSet = n, true
	return nil
}

// toggle is what on, off or nothing, which means the other one, makes of a switch.
func toggle(name, arg string, on bool) (bool, error) {
	switch strings.ToLower(arg) {
	case "":
		return !on, nil
	case "on", "1", "true":
		return true, nil
	case "off", "0", "false":
		return false, nil
	}
	return on, &refusal{name + " is on or off, found " + strconv.Quote(arg), "write " + name + " on"}
}

// onOff is a switch in words.
func onOff(name string, on bool) string {
	if on {
		return name + " on"
	}
	return name + " off"
}

func (s *Shell) setTimer(arg string) (err error) {
	if s.timer, err = toggle(".timer", arg, s.timer); err == nil {
		s.note(onOff("timer", s.timer))
	}
	return err
}

func (s *Shell) setPager(arg string) (err error) {
	if s.pager, err = toggle(".pager", arg, s.pager); err == nil {
		s.note(onOff("pager", s.pager))
	}
	return err
}

// setBail is .bail, and \set for the variable that psql has for it.
func (s *Shell) setBail(arg string) error {
	name, value := ".bail", arg
	if word, rest, _ := strings.Cut(arg, " "); strings.EqualFold(word, "ON_ERROR_STOP") {
		name, value = `\set ON_ERROR_STOP`, strings.TrimSpace(rest)
		if value == "" {
			value = "on" // as psql has it
		}
	}
	on, err := toggle(name, value, s.bail)
	if err != nil {
		return err
	}
	s.bail = on
	if s.o.Interactive {
		s.note(onOff("ON_ERROR_STOP", on))
	}
	return nil
}

// SetVariable sets a variable of psql's from the command line: NAME=VALUE.
func (s *Shell) SetVariable(assignment string) error {
	name, value, _ := strings.Cut(assignment, "=")
	if !strings.EqualFold(name, "ON_ERROR_STOP") {
		return fmt.Errorf("there is no variable %s; ON_ERROR_STOP is the only one", name)
	}
	return s.setBail(strings.TrimSpace(name + " " + value))
}

// setOutput is .output.
func (s *Shell) setOutput(path string) error {
	if unquoted := strings.Trim(path, `'"`); len(unquoted) < len(path) {
		path = unquoted
	}
	if err := s.closeOutput(); err != nil {
		return err
	}
	if path == "" || path == "stdout" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return &refusal{err.Error(), "give the path of a file that can be written"}
	}
	s.output = f
	return nil
}

// closeOutput closes the file of .output, if there is one.
func (s *Shell) closeOutput() error {
	if s.output == nil {
		return nil
	}
	f := s.output
	s.output = nil
	if err := f.Close(); err != nil {
		return &outputError{err}
	}
	return nil
}
