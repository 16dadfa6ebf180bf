package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// A session is a conversation with a program on a terminal of 100 columns and 30 lines, a step a line:
//
//	expect REGEXP     waits until what came since the last expect matches; the rest is left for the next one
//	absent REGEXP     what came since the last expect does not match
//	type TEXT         types it and presses enter
//	keys TEXT         types it; <tab> <enter> <up> <down> <esc> <ctrl-c> <ctrl-d> <ctrl-r> are keys
//	signal TERM|INT   to the program
//	exit CODE         waits until the program has left
//
// Blank lines and lines that begin with # are left out. Escape sequences are taken out of what came.

var keys = strings.NewReplacer("<tab>", "\t", "<enter>", "\r", "<up>", "\x1b[A", "<down>", "\x1b[B", "<esc>", "\x1b",
	"<ctrl-c>", "\x03", "<ctrl-d>", "\x04", "<ctrl-r>", "\x12")

// escapes are the control sequences of a terminal.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78DM]|\x1b\][^\x07]*\x07|\r|\x07`)

// terminal is what has come from the program.
type terminal struct {
	mu   sync.Mutex
	cond *sync.Cond
	raw  bytes.Buffer
	seen int // of the text, taken by expect
	done bool

	answered int // of raw, searched for questions
}

// cut is a control sequence that has not come whole yet.
var cut = regexp.MustCompile(`\x1b[^a-zA-Z]*$`)

func (t *terminal) text() string {
	return escapes.ReplaceAllString(cut.ReplaceAllString(t.raw.String(), ""), "")
}

// read fills t until the program ends, and answers questions about the cursor.
func (t *terminal) read(f *os.File) {
	buf := make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		t.mu.Lock()
		t.raw.Write(buf[:n])
		t.done = err != nil
		t.cond.Broadcast()
		t.answer(f)
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// question asks where the cursor is.
var question = []byte("\x1b[6n")

// answer answers the next question about the cursor: its column, and always the first line, so that the program
// believes that there is room below. The caller holds mu.
func (t *terminal) answer(f *os.File) {
	raw := t.raw.Bytes()
	at := bytes.Index(raw[t.answered:], question)
	if at < 0 {
		return
	}
	line := raw[:t.answered+at]
	t.answered += at + len(question)
	line = line[bytes.LastIndexAny(line, "\r\n")+1:]
	if i := bytes.LastIndex(line, []byte("\x1b[100D")); i >= 0 { // to the left edge
		line = line[i:]
	}
	column := len([]rune(escapes.ReplaceAllString(string(line), ""))) + 1
	fmt.Fprintf(f, "\x1b[1;%dR", column)
	t.answer(f)
}

// expect waits for re behind what was taken.
func (t *terminal) expect(re *regexp.Regexp) error {
	late := false
	timer := time.AfterFunc(patience, func() {
		t.mu.Lock()
		late = true
		t.cond.Broadcast()
		t.mu.Unlock()
	})
	defer timer.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		text := t.text()
		if at := re.FindStringIndex(text[t.seen:]); at != nil {
			t.seen += at[1]
			return nil
		}
		switch {
		case t.done:
			return fmt.Errorf("the program ended; not seen: %s", re)
		case late:
			return fmt.Errorf("not seen: %s", re)
		}
		t.cond.Wait()
	}
}

// converse runs c on a terminal and follows the script; it gives back what was on the screen.
func converse(c *exec.Cmd, script string) (screen string, err error) {
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		return "", err
	}
	t := &terminal{}
	t.cond = sync.NewCond(&t.mu)
	read := make(chan struct{})
	go func() {
		defer close(read)
		t.read(f)
	}()
	left := make(chan error, 1)
	go func() { left <- c.Wait() }()
	exited := false
	defer func() {
		if !exited {
			c.Process.Signal(syscall.SIGKILL) //nolint:errcheck // it may have ended
			<-left
		}
		f.Close()
		<-read
		t.mu.Lock()
		screen = t.text()
		t.mu.Unlock()
	}()
	n := 0
	for line := range strings.Lines(script) {
		n++
		line = strings.TrimRight(line, "\n")
		verb, arg, _ := strings.Cut(line, " ")
		var err error
		switch verb {
		case "", "#":
		case "expect":
			re, cerr := regexp.Compile("(?m)" + arg)
			if err = cerr; err == nil {
				err = t.expect(re)
			}
		case "absent":
			t.mu.Lock()
			if text := t.text(); regexp.MustCompile("(?m)" + arg).MatchString(text[t.seen:]) {
				err = fmt.Errorf("seen, and should not be: %s", arg)
			}
			t.mu.Unlock()
		case "type":
			_, err = io.WriteString(f, arg+"\r")
		case "keys":
			_, err = io.WriteString(f, keys.Replace(arg))
		case "signal":
			err = c.Process.Signal(map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[arg])
		case "exit":
			select {
			case werr := <-left:
				exited = true
				var code *exec.ExitError
				switch {
				case werr != nil && !errors.As(werr, &code):
					err = werr
				case strconv.Itoa(c.ProcessState.ExitCode()) != arg:
					err = fmt.Errorf("exit code %d, not %s", c.ProcessState.ExitCode(), arg)
				}
			case <-time.After(patience):
				err = errors.New("the program does not leave")
			}
		default:
			err = fmt.Errorf("no such step: %s", verb)
		}
		if err != nil {
			return "", fmt.Errorf("session line %d: %s: %w", n, line, err)
		}
	}
	return "", nil
}
