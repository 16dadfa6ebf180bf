package repl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/reeflective/readline"
)

// The prompts: before a statement, and before its further lines.
const (
	prompt     = "weir> "
	promptMore = "   -> "
)

// editor reads what a person enters: a command, or statements up to a semicolon.
type editor interface {
	// read returns errInterrupted on ^C, with what was in the line, and errLeave on ^D or when the shell is to end.
	read() (string, error)
}

// aboveKey is a key that no keyboard binding of ours uses. It is fed to the line editor to make it print, on its own
// goroutine, what came for the space above the line.
const aboveKey = '\x1e'

// roomBelow moves down and up again: at the end of the screen that scrolls by a line. The library wants a free line below the
// one it edits and cannot see for itself where the screen ends.
const roomBelow = "\x1bD\x1b[A"

// lineEditor edits on a terminal: history, completion, colours, several lines.
type lineEditor struct {
	s     *Shell
	rl    *readline.Shell
	above []byte // text for above the line; guarded by desk.mu
	// pressed: aboveKey is under way. Guarded by desk.mu.
	pressed bool
}

func newLineEditor(s *Shell) *lineEditor {
	e := &lineEditor{s: s, rl: readline.NewShell()}
	rl := e.rl
	for key, value := range map[string]any{
		"cursor-position-probe":        false, // what is typed while it waits for the answer gets lost
		"completion-ignore-case":       true,
		"menu-complete-display-prefix": true,
		"multiline-column":             false,
		"echo-control-characters":      true,
	} {
		// The keys are the library's own: a failure would only mean its default.
		_ = rl.Config.Set(key, value)
	}
	rl.Keymap.Register(map[string]func(){"weir-above": e.show, "abort": e.abort(rl.Keymap.Commands()["abort"])})
	for _, keymap := range []string{"emacs", "emacs-standard", "vi-insert", "vi-command", "vi"} {
		_ = rl.Config.Bind(keymap, string(aboveKey), "weir-above", false) // as above: all of these maps are there
	}
	rl.Prompt.Primary(func() string {
		return paint(s.o.Color, colorKeyword) + prompt + paint(s.o.Color, colorReset)
	})
	rl.Prompt.Secondary(func() string { return paint(s.o.Color, colorDim) + promptMore + paint(s.o.Color, colorReset) })
	rl.AcceptMultiline = func(line []rune) bool { return complete(string(line)) }
	rl.Completer = e.complete
	rl.SyntaxHighlighter = func(line []rune) string {
		e.feed()
		text := string(line)
		if s.o.Color {
			text = highlight(text)
		}
		return text + roomBelow
	}
	if s.o.History != "" {
		if err := os.MkdirAll(filepath.Dir(s.o.History), 0o700); err != nil {
			s.note("the history is not kept: " + err.Error())
		} else {
			rl.History.AddFromFile("history", s.o.History)
		}
	}
	s.remember = func(text string) {
		if _, err := rl.History.Current().Write(text); err != nil {
			s.note("the history is not kept: " + err.Error())
		}
	}
	s.entered = func() (all []string) {
		h := rl.History.Current()
		for i := range h.Len() {
			if text, err := h.GetLine(i); err == nil {
				all = append(all, text)
			}
		}
		return all
	}
	return e
}

func (e *lineEditor) read() (string, error) {
	d := e.s.desk
	d.mu.Lock()
	gone := d.gone
	d.editor = e
	d.mu.Unlock()
	if gone {
		return "", errLeave
	}
	text, err := e.rl.Readline()
	d.mu.Lock()
	d.editor = nil
	left := e.above
	e.above, gone = nil, d.gone
	d.mu.Unlock()
	if len(left) > 0 {
		e.s.o.Stderr.Write(left)
	}
	switch {
	case gone, errors.Is(err, io.EOF):
		return "", errLeave
	case errors.Is(err, readline.ErrInterrupt):
		return text, errInterrupted
	case err != nil:
		return "", fmt.Errorf("read the terminal: %w", err)
	}
	return text, nil
}

// abort is the library's abort, ^C, that leaves the keys typed behind it alone. By itself it takes the next key, if one has come
// already, for the one that was pressed: it drops that key, and does not abort unless it is ^G.
func (e *lineEditor) abort(library func()) func() {
	return func() {
		var ahead []byte
		for key, empty := e.rl.Keys.Pop(); !empty; key, empty = e.rl.Keys.Pop() {
			ahead = append(ahead, key)
		}
		library()
		e.rl.Keys.Feed(true, []rune(string(ahead))...)
	}
}

// poke makes the editor draw its line anew and thereby call feed. Any goroutine.
func (e *lineEditor) poke() { e.rl.Keys.RequestRefresh() }

// feed presses aboveKey when there is something to print. The library draws its line, and so calls feed, on the goroutine
// that reads the keys; no other one may touch them.
func (e *lineEditor) feed() {
	d := e.s.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	if !e.pressed && (len(e.above) > 0 || d.gone) {
		e.pressed = true
		e.rl.Keys.Feed(false, aboveKey)
	}
}

// show prints what came for above the line, or ends the line when the shell is to end.
func (e *lineEditor) show() {
	d := e.s.desk
	d.mu.Lock()
	text, gone := e.above, d.gone
	e.above, e.pressed = nil, false
	d.mu.Unlock()
	if gone {
		e.rl.Display.AcceptLine()
		e.rl.History.Accept(false, false, io.EOF)
		return
	}
	if len(text) == 0 {
		return
	}
	// The library's own PrintTransientf forgets how many lines the input has, and overwrites what it printed.
	e.rl.Display.CursorToLineStart()
	fmt.Fprint(e.s.o.Stdout, "\r\x1b[J"+strings.TrimSuffix(string(text), "\n")+"\n")
	e.rl.Display.PrintPrimaryPrompt() // the library draws the line behind it
}

// plainEditor reads lines from a terminal that cannot move its cursor.
type plainEditor struct {
	s     *Shell
	lines chan string
}

func newPlainEditor(s *Shell) *plainEditor {
	e := &plainEditor{s: s, lines: make(chan string)}
	go func() {
		defer close(e.lines)
		in := bufio.NewScanner(s.o.Stdin)
		in.Buffer(nil, 16<<20)
		for in.Scan() {
			select {
			case e.lines <- in.Text():
			case <-s.quit:
				return
			}
		}
	}()
	return e
}

func (e *plainEditor) read() (string, error) {
	text, p := "", prompt
	for {
		fmt.Fprint(e.s.o.Stdout, p)
		select {
		case <-e.s.quit:
			return "", errLeave
		case line, ok := <-e.lines:
			if !ok {
				return "", errLeave
			}
			text += line + "\n"
		}
		if complete(text) {
			return text, nil
		}
		p = promptMore
	}
}
