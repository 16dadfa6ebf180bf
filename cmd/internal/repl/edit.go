package repl

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

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

// edit is .edit: the last statement or a file in the user's editor, executed when it was left.
func (s *Shell) edit(path string) error {
	if !s.o.Interactive {
		return &refusal{".edit needs a terminal", "execute a file with .read"}
	}
	if path != "" {
		if err := s.editor(path); err != nil {
			return err
		}
		return s.read(path)
	}
	f, err := os.CreateTemp("", "weir-*.sql")
	if err != nil {
		return fmt.Errorf("make a file to edit: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // a leftover in the temporary folder does no harm
	_, werr := io.WriteString(f, strings.TrimRight(s.last, "\n")+"\n")
	if err := errors.Join(werr, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	if err := s.editor(f.Name()); err != nil {
		return err
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		return fmt.Errorf("read what was edited: %w", err)
	}
	edited := strings.TrimSpace(string(text))
	if edited == "" || edited == strings.TrimSpace(s.last) {
		s.note("nothing was changed, nothing is executed")
		return nil
	}
	if s.remember != nil {
		s.remember(edited)
	}
	if _, err := fmt.Fprintln(s.stdout(), edited); err != nil {
		return &outputError{err}
	}
	return s.input(edited)
}

// editor opens path in the user's editor and waits for it.
func (s *Shell) editor(path string) error {
	program := os.Getenv("VISUAL")
	if program == "" {
		program = os.Getenv("EDITOR")
	}
	if program == "" {
		program = "vi"
	}
	// The variable may hold options of the program too.
	if err := s.outside(exec.Command("/bin/sh", "-c", program+` "$1"`, "sh", path)); err != nil {
		return &refusal{fmt.Sprintf("the editor %q failed: %v", program, err), "set $VISUAL or $EDITOR to an editor that is there"}
	}
	return nil
}

// outside runs a program that has the terminal for itself.
func (s *Shell) outside(c *exec.Cmd) error {
	c.Stdin, c.Stdout, c.Stderr = s.o.Stdin, s.o.Stdout, s.o.Stderr
	release := s.desk.hold()
	defer release()
	defer s.foreground(func(int) {})() // ^C is that program's
	return c.Run()
}

func (s *Shell) system(line string) error {
	var c *exec.Cmd
	if line == "" {
		shell := os.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		c = exec.Command(shell)
	} else {
		c = exec.Command("/bin/sh", "-c", line)
	}
	if !s.o.Interactive {
		c.Stdout, c.Stderr = s.stdout(), s.o.Stderr
		if err := c.Run(); err != nil {
			return &refusal{fmt.Sprintf("%s: %v", line, err), "the command itself says why"}
		}
		return nil
	}
	var code *exec.ExitError
	if err := s.outside(c); errors.As(err, &code) {
		s.note(fmt.Sprintf("exit code %d", code.ExitCode()))
	} else if err != nil {
		return &refusal{err.Error(), "is there such a program?"}
	}
	return nil
}

func (s *Shell) echo(text string) error {
	_, err := fmt.Fprintln(s.stdout(), strings.Trim(text, "'"))
	return err
}

// history is .history.
func (s *Shell) history(arg string) error {
	if s.entered == nil {
		return &refusal{"there is no history here", "it is kept for a person at a terminal"}
	}
	var b strings.Builder
	for _, text := range s.entered() {
		if arg == "" || strings.Contains(strings.ToLower(text), strings.ToLower(arg)) {
			b.WriteString(text + "\n")
		}
	}
	return s.page(b.String())
}

// watch is .watch.
func (s *Shell) watch(arg string) error {
	every := 2.0
	if arg != "" {
		var err error
		if every, err = strconv.ParseFloat(arg, 64); err != nil || every <= 0 || every > 86400 {
			return &refusal{".watch needs a number of seconds, found " + strconv.Quote(arg), "write .watch 5"}
		}
	}
	if strings.TrimSpace(s.last) == "" {
		return &refusal{"there is no statement to execute again", "enter one, then .watch"}
	}
	stop := make(chan struct{})
	for {
		if _, err := fmt.Fprintf(s.stdout(), "%severy %g s, %s; ^C stops%s\n", paint(s.color(), colorDim), every,
			time.Now().Format("15:04:05"), paint(s.color(), colorReset)); err != nil {
			return &outputError{err}
		}
		if err := s.again(); err != nil {
			return err // errInterrupted too: it was meant for the whole
		}
		done := s.foreground(func(n int) {
			if n == 1 {
				close(stop)
			}
		})
		select {
		case <-stop:
			done()
			return errInterrupted
		case <-time.After(time.Duration(every * float64(time.Second))):
		}
		done()
	}
}

// again executes the last statement.
func (s *Shell) again() error {
	last := s.last
	defer func() { s.last = last }()
	return s.input(last)
}
