package repl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"weir/exec"
	"weir/exec/runtime"
	"weir/parser"
	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/physical"
)

// Options is what a shell knows of the outside.
type Options struct {
	Stdin  io.Reader
	Stdout io.Writer // rows, lists, plans
	Stderr io.Writer // talk: findings, errors, notes about jobs, log lines

	Planner planner.Options
	// Connectors is the connectors of the build; print tables write to the given writers.
	Connectors func(out, errOut io.Writer) exec.Registry
	// StateDir is where a job keeps its state.
	StateDir func(*physical.Job) (string, error)
	// Prepare is called before a job or a query runs; an error is why it cannot.
	Prepare func(*physical.Job) error
	// Log makes the logger of jobs and queries.
	Log func(w io.Writer) *slog.Logger
	// ShowFindings renders diagnostics; ShowError an operational error with its help.
	ShowFindings func(w io.Writer, l *diag.List)
	ShowError    func(w io.Writer, err error)
	// Summary is the line about a job that has ended, Status how a query that runs does, in a few words.
	Summary func(name string, s runtime.Summary) string
	Status  func(s runtime.Status) string

	Interactive bool   // statements come from a person at a terminal
	Terminal    bool   // Stdout is a terminal
	Color       bool   // colours on Stdout
	Quiet       bool   // no notes
	Banner      string // the first line of an interactive shell
	History     string // file of the lines entered; "" keeps them in memory
	Startup     string // file that an interactive shell executes first, where it is there; "": none
	// Broker is the cluster that SHOW TOPICS shows, as BrokerOptions makes it; empty: the one that the tables name.
	Broker   catalog.Options
	MaxRows  int64  // a query ends after so many changes; 0: no limit
	Mode     string // how rows are shown; "": as the settings say
	Memory   int64  // bytes of keyed state that a job or a query may hold in memory
	UntilEnd bool   // unbounded sources are read up to where they end now
}

// Shell is one session: tables, views and settings, and the jobs it has started.
type Shell struct {
	o          Options
	session    *planner.Session
	connectors exec.Registry
	log        *slog.Logger
	out        *deskWriter // what jobs write to standard output
	talk       *deskWriter // standard error
	desk       *desk

	front *deskWriter // standard output for what is at work

	mode     Mode
	expand   expansion
	timer    bool
	pager    bool
	null     string
	maxRows  int64
	maxSet   bool          // by the user
	bail     bool          // the first statement that fails ends a script
	output   *os.File      // of .output; nil: standard output
	gathered *bytes.Buffer // a page that is being made
	broker   broker
	last     string // what was entered last, commands aside
	depth    int    // of .read in .read
	silent   bool   // what was defined is not said
	warned   map[warning]bool
	missed   *Outcome // the first failure that did not end the script

	remember func(text string) // puts text into the history; nil: there is none
	entered  func() []string   // the history, oldest first; nil: there is none

	jobs   jobs
	failed atomic.Pointer[error] // the first background job that failed

	signals    chan os.Signal
	quit       chan struct{} // closed when a signal says to leave
	mu         sync.Mutex    // guards what follows
	onSignal   func(n int)   // what an interrupt does to the statement at work; nil: nothing is at work
	count      int           // interrupts that it had
	terminated bool          // by SIGTERM
	left       bool          // quit is closed
	edits      bool          // the line editor is in use
}

// New makes a shell and takes over the process's SIGINT and SIGTERM until Close.
func New(o Options) *Shell {
	o.Planner.Interactive = true
	d := &desk{screen: o.Stdout}
	s := &Shell{
		o: o, session: planner.NewSession(o.Planner), desk: d,
		out: &deskWriter{desk: d, to: o.Stdout}, talk: &deskWriter{desk: d, to: o.Stderr},
		front:  &deskWriter{desk: d, to: o.Stdout, front: true},
		warned: map[warning]bool{}, null: "NULL", timer: o.Terminal, maxRows: o.MaxRows, maxSet: o.MaxRows > 0, expand: expandAuto, pager: true,
		bail: true, broker: broker{client: o.Broker},
		signals: make(chan os.Signal, 2), quit: make(chan struct{}),
	}
	s.connectors = o.Connectors(s.out, s.talk)
	s.log = o.Log(s.talk)
	s.setMode()
	if m, ok := parseMode(o.Mode); ok {
		s.mode = m
	}
	signal.Notify(s.signals, syscall.SIGINT, syscall.SIGTERM)
	go s.listen()
	return s
}

// setMode takes the mode that the settings name.
func (s *Shell) setMode() {
	if m, ok := parseMode(s.session.Config().String("sql-client.execution.result-mode")); ok {
		s.mode = m
	}
}

// Close stops the jobs that still run, each with a last checkpoint, and gives the signals back. It is called once.
func (s *Shell) Close() {
	s.leave()
	if err := s.closeOutput(); err != nil {
		s.show(err)
	}
	signal.Stop(s.signals)
	close(s.signals)
}

// listen hands signals to the statement at work, or ends the shell.
func (s *Shell) listen() {
	for sig := range s.signals {
		s.mu.Lock()
		if sig == syscall.SIGTERM {
			s.terminated = true
		}
		working := s.onSignal != nil
		if working {
			s.count++
			s.onSignal(s.count)
		}
		// A signal that hits no statement ends the shell, and so does SIGTERM in any case. But to the line editor ^C is a
		// key: a SIGINT here is one that came just before or behind the editing.
		if (!working && !s.edits || s.terminated) && !s.left {
			s.left = true
			close(s.quit)
			s.desk.leave()
		}
		s.mu.Unlock()
	}
}

// foreground says what an interrupt is to do from now until done is called. f is told how many there were, from another
// goroutine; when done has returned it is not called any more.
func (s *Shell) foreground(f func(n int)) (done func()) {
	s.mu.Lock()
	s.onSignal, s.count = f, 0
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		s.onSignal = nil
		s.mu.Unlock()
	}
}

// Errors of statements, by what has been said already.
var (
	// errInterrupted: a statement was ended by an interrupt.
	errInterrupted = errors.New("interrupted")
	// errLeave: the user wants to leave.
	errLeave = errors.New("leave")
)

// findings are errors in a statement, not shown yet.
type findings struct{ list *diag.List }

func (e *findings) Error() string { return e.list.All[0].Title }

// refusal is a statement or command that the shell itself refuses.
type refusal struct{ why, help string }

func (e *refusal) Error() string { return e.why }
func (e *refusal) Help() string  { return e.help }

// shownError is an error that the user has seen.
type shownError struct{ error }

func (e *shownError) Unwrap() error { return e.error }

// Outcome is how a script ended.
type Outcome struct {
	Findings    bool  // a statement has errors; they were shown
	Interrupted bool  // by SIGINT
	Terminated  bool  // by SIGTERM
	Err         error // an operational error, shown; nil otherwise
}

// OK reports that every statement was executed.
func (o Outcome) OK() bool { return o == Outcome{} }

// Script executes text, called name in messages, up to the first statement that fails.
func (s *Shell) Script(name, text string) Outcome {
	return s.outcome(s.script(name, text, nil))
}

// Definitions executes the settings and definitions of text, and leaves its queries and INSERTs out.
func (s *Shell) Definitions(name, text string) Outcome {
	left := 0
	s.silent = true
	defer func() { s.silent = false }()
	err := s.script(name, text, func(st ast.Statement) bool {
		switch st.(type) {
		case *ast.Set, *ast.Reset, *ast.CreateTable, *ast.CreateView, *ast.Drop:
			return true
		}
		left++
		return false
	})
	if err == nil && left > 0 {
		s.note(fmt.Sprintf("%s: %s left out, only settings and definitions were executed", name, plural(left, "statement")))
	}
	return s.outcome(err)
}

// outcome shows err and says what it means for a script.
func (s *Shell) outcome(err error) Outcome {
	s.mu.Lock()
	terminated := s.terminated
	s.mu.Unlock()
	switch {
	case terminated:
		return Outcome{Terminated: true}
	case err == nil, errors.Is(err, errLeave):
		return Outcome{}
	case errors.Is(err, errInterrupted):
		return Outcome{Interrupted: true}
	}
	s.show(err)
	var f *findings
	var r *refusal
	if errors.As(err, &f) || errors.As(err, &r) {
		return Outcome{Findings: true}
	}
	return Outcome{Err: err}
}

// show shows an error that has not been shown.
func (s *Shell) show(err error) {
	var f *findings
	var shown *shownError
	switch {
	case errors.As(err, &shown), errors.Is(err, errInterrupted):
	case errors.As(err, &f):
		s.o.ShowFindings(s.talk, f.list)
	case errors.Is(err, syscall.EPIPE):
		// The reader of the output has gone: there is nobody to tell.
	default:
		s.o.ShowError(s.talk, err)
	}
}

// script executes text line by line as Pipe would; wanted, when it is not nil, picks the statements.
func (s *Shell) script(name, text string, wanted func(ast.Statement) bool) error {
	c := chunks{name: name}
	for line := range strings.Lines(text) {
		if err := s.pass(s.line(&c, strings.TrimRight(line, "\r\n"), wanted)); err != nil {
			return err
		}
	}
	return s.pass(s.file(c.rest(), wanted))
}

// pass is what to do about the failure of a piece of a script: nil when the script goes on.
func (s *Shell) pass(err error) error {
	if err == nil || s.bail || s.silent || errors.Is(err, errLeave) || errors.Is(err, errInterrupted) {
		return err
	}
	var gone *outputError
	if errors.As(err, &gone) {
		return err
	}
	out := s.outcome(err)
	if s.missed == nil {
		s.missed = &out
	}
	return nil
}

// line takes one line of input that is no terminal.
func (s *Shell) line(c *chunks, line string, wanted func(ast.Statement) bool) error {
	f, command := c.add(line)
	if command != "" {
		return s.command(command)
	}
	return s.file(f, wanted)
}

// Pipe executes what comes from the standard input, each statement as soon as it is complete, up to the first that
// fails; then it waits for the jobs that it left in the background.
func (s *Shell) Pipe(name string) Outcome {
	lines, failed := make(chan string), make(chan error, 1)
	go func() {
		// The read cannot be interrupted: the goroutine may outlive the shell.
		r := bufio.NewReader(s.o.Stdin)
		for {
			line, err := r.ReadString('\n')
			if line != "" {
				select {
				case lines <- strings.TrimRight(line, "\r\n"):
				case <-s.quit:
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					failed <- err
				}
				close(lines)
				return
			}
		}
	}()
	c := chunks{name: name}
	for {
		select {
		case <-s.quit:
			return s.outcome(errInterrupted)
		case line, ok := <-lines:
			if ok {
				if err := s.pass(s.line(&c, line, nil)); err != nil {
					return s.outcome(err)
				}
				continue
			}
			select {
			case err := <-failed:
				return s.outcome(fmt.Errorf("read standard input: %w", err))
			default:
			}
			return s.outcome(s.pass(s.file(c.rest(), nil)))
		}
	}
}

// Finish waits for the background jobs of a script. Where failures did not end it, the first of them is the outcome.
func (s *Shell) Finish() Outcome {
	out := s.outcome(s.waitAll())
	if out.OK() && s.missed != nil {
		return *s.missed
	}
	return out
}

// Interact is the shell of a person. It returns when that person leaves, or a signal says so.
func (s *Shell) Interact() Outcome {
	var ed editor
	if os.Getenv("TERM") == "dumb" {
		ed = newPlainEditor(s)
	} else {
		ed = newLineEditor(s)
		s.mu.Lock()
		s.edits = true
		s.mu.Unlock()
	}
	if s.o.Banner != "" {
		fmt.Fprintln(s.o.Stdout, s.o.Banner)
	}
	if err := s.startup(); err != nil {
		return s.outcome(err)
	}
	for interrupts := 0; ; {
		select {
		case <-s.quit:
			return Outcome{}
		default:
		}
		text, err := ed.read()
		switch {
		case errors.Is(err, errInterrupted):
			if strings.TrimSpace(text) != "" {
				interrupts = 0
				continue
			}
			if interrupts++; interrupts > 1 {
				return Outcome{}
			}
			s.note("^C again or ^D leaves")
			continue
		case errors.Is(err, errLeave):
			return Outcome{}
		case err != nil:
			return s.outcome(err)
		}
		interrupts = 0
		err = s.input(text)
		if errors.Is(err, errLeave) {
			return Outcome{}
		}
		if err != nil {
			s.show(err)
		}
	}
}

// startup executes the user's own file of settings and definitions, if there is one. A mistake in it is shown and keeps
// nobody out.
func (s *Shell) startup() error {
	if s.o.Startup == "" {
		return nil
	}
	text, err := os.ReadFile(s.o.Startup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		s.show(&refusal{err.Error(), "start with --no-rc, or make the file readable"})
		return nil
	}
	quiet := s.o.Quiet
	s.o.Quiet, s.bail = true, false // what it does is known to whom it belongs
	err = s.script(s.o.Startup, string(text), nil)
	s.o.Quiet, s.bail = quiet, true
	if errors.Is(err, errInterrupted) {
		return nil
	}
	return err
}

// input executes what a person entered.
func (s *Shell) input(text string) error {
	if isCommand(text) {
		return s.command(strings.TrimSpace(text))
	}
	s.last = text
	return s.file(&diag.File{Name: "<input>", Text: text}, nil)
}

// file executes the statements of f, up to the first that fails. f may be nil.
func (s *Shell) file(f *diag.File, wanted func(ast.Statement) bool) error {
	if f == nil {
		return nil
	}
	script, found := parser.Parse(f)
	bad := len(f.Text) + 1 // where the first error is
	for _, d := range found.All {
		if d.Severity == diag.Error && d.Span.Start < bad {
			bad = d.Span.Start
		}
	}
	for i, st := range script.Statements {
		if st.Span().End > bad && s.bail {
			break
		}
		if found.Within(st.Span()) {
			continue
		}
		if wanted != nil && !wanted(st) {
			continue
		}
		if err := s.statement(st); err != nil {
			if err = s.pass(err); err == nil {
				continue
			}
			if left := len(script.Statements) - i - 1; left > 0 && s.o.Interactive && s.depth == 0 {
				s.show(err)
				s.note(was(left, "statement behind it", "statements behind it") + " not executed")
				return &shownError{err}
			}
			return err
		}
	}
	if found.HasErrors() {
		return &findings{found}
	}
	s.warn(found)
	return nil
}

// warn shows warnings and notes, each once a session: a table is checked again for every query that reads it.
func (s *Shell) warn(found *diag.List) {
	fresh := &diag.List{}
	for _, d := range found.All {
		at := warning{d.Code, d.Title, d.Span}
		if !s.warned[at] {
			s.warned[at] = true
			fresh.All = append(fresh.All, d)
		}
	}
	if len(fresh.All) > 0 && !s.o.Quiet {
		s.o.ShowFindings(s.talk, fresh)
	}
}

// warning identifies a finding that was shown.
type warning struct {
	code, title string
	at          diag.Span
}

// statement executes one statement.
func (s *Shell) statement(st ast.Statement) error {
	switch st := st.(type) {
	case *ast.Show:
		switch st.What {
		case "JOBS":
			return s.showJobs()
		case "TOPICS":
			return s.showTopics(st)
		}
	case *ast.Describe:
		switch st.What {
		case "JOB":
			return s.describeJob(st.Target.Value)
		case "TOPIC":
			return s.describeTopic(st.Target.Value)
		}
	case *ast.StopJob:
		return s.stopJob(st)
	}
	r, found := s.session.Execute(st)
	if found.HasErrors() {
		return &findings{found}
	}
	s.warn(found)
	switch st := st.(type) {
	case *ast.Set:
		if st.KV != nil && st.KV.Key.Value == "sql-client.execution.result-mode" {
			s.setMode()
		}
	}
	switch r := r.(type) {
	case *planner.Done:
		if s.o.Interactive && !s.silent && r.Message != "" {
			s.note(r.Message)
		}
	case *planner.Rows:
		return s.rows(r.Columns, r.Rows)
	case *planner.Text:
		return s.page(strings.TrimRight(r.Text, "\n") + "\n")
	case *planner.QueryResult:
		return s.query(r)
	case *planner.JobResult:
		return s.insert(r.Job)
	case *planner.AnalyzeResult:
		return s.analyze(r)
	}
	return nil
}

// note says something that is no result.
func (s *Shell) note(text string) {
	if s.o.Quiet {
		return
	}
	fmt.Fprintf(s.talk, "%s%s%s\n", paint(s.o.Color, colorDim), text, paint(s.o.Color, colorReset))
}
