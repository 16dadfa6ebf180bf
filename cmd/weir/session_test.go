package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// A session is a conversation with a program on a terminal of 100 columns and 30 lines, a step a line:
//
//	expect REGEXP     waits until what came since the last expect matches; the rest is left for the next one
//	absent REGEXP     what came since the last expect does not match
//	screen FILE REGEXP waits until the screen as a person sees it matches and has come to rest, and writes it to FILE (see shoot)
//	type TEXT         types it and presses enter
//	until REGEXP      types what was typed last again, each time a prompt has come, until what comes matches
//	press KEY REGEXP  presses it, and again every ten seconds, until the screen matches: for what the shell asks others, and does not wait for long
//	keys TEXT         types it; <tab> <enter> <up> <down> <left> <esc> <ctrl-c> ... are keys
//	paste FILE        pastes it, as a terminal does that brackets what is pasted
//	size COLUMNS LINES of the terminal from now on
//	produce TOPIC VALUE writes a record, to the broker of the script
//	signal TERM|INT   to the program
//	exit CODE         waits until the program has left
//
// Blank lines and lines that begin with # are left out. For expect, escape sequences are taken out of what came; for screen,
// a terminal emulator has drawn it, and what differs from run to run (times, rates, ports) is written as #.

var keys = strings.NewReplacer("<tab>", "\t", "<enter>", "\r", "<up>", "\x1b[A", "<down>", "\x1b[B", "<left>", "\x1b[D", "<right>", "\x1b[C", "<esc>", "\x1b",
	"<back>", "\x7f", "<ctrl-a>", "\x01", "<ctrl-c>", "\x03", "<ctrl-d>", "\x04", "<ctrl-r>", "\x12")

// escapes are the control sequences of a terminal.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78DM]|\x1b\][^\x07]*\x07|\r|\x07`)

// terminal is what has come from the program, and the screen that it makes.
type terminal struct {
	mu   sync.Mutex
	cond *sync.Cond
	raw  bytes.Buffer
	seen int // of the text, taken by expect
	done bool
	last time.Time // when something came

	vt    vt10x.Terminal
	drawn int // of raw, drawn by vt
}

// cut is a control sequence that has not come whole yet.
var cut = regexp.MustCompile(`\x1b[^a-zA-Z]*$`)

func (t *terminal) text() string {
	return escapes.ReplaceAllString(cut.ReplaceAllString(t.raw.String(), ""), "")
}

// follow fills t until the program ends. The emulator answers what the program asks the terminal.
func (t *terminal) follow(f *os.File) {
	buf := make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		t.mu.Lock()
		t.raw.Write(buf[:n])
		t.draw()
		t.done, t.last = err != nil, time.Now()
		t.cond.Broadcast()
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// draw gives the emulator what has come, but for a character whose bytes are not all here.
func (t *terminal) draw() {
	rest := t.raw.Bytes()[t.drawn:]
	n := len(rest)
	for back := 1; back < utf8.UTFMax && back <= n; back++ {
		if b := rest[n-back]; utf8.RuneStart(b) {
			if b >= utf8.RuneSelf && !utf8.FullRune(rest[n-back:]) {
				n -= back
			}
			break
		}
	}
	t.vt.Write(rest[:n]) //nolint:errcheck // into memory
	t.drawn += n
}

// varying is what differs from run to run, and how it is written.
var varying = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\d+\.\d+ s\b`), "#.# s"},
	{regexp.MustCompile(`(127\.0\.0\.1|localhost):\d+`), "$1:#"},
	{regexp.MustCompile(`\b(in|out) [\d.]+[kM]?/s`), "$1 #/s"},
	{regexp.MustCompile(`\blag \d+`), "lag #"},
	{regexp.MustCompile(`(lag #   )\^?C?[ stop]*$`), "$1^C stops"}, // on a narrow screen as much of it as the rates leave room for
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "##:##:##"},
	{regexp.MustCompile(`\b\d+ rows in, \d+ rows out`), "# rows in, # rows out"},
	{regexp.MustCompile(`(RUNNING +\| [^|]+\|) +\d+ \| +\d+ `), "$1       # |        # "},
}

// screen is what a person sees, without blanks at the ends, and where the cursor is. The caller holds mu.
func (t *terminal) screen() string {
	t.vt.Lock()
	defer t.vt.Unlock()
	cols, rows := t.vt.Size()
	var lines []string
	at := t.vt.Cursor()
	place := fmt.Sprintf("in line %d, column %d", at.Y+1, at.X+1)
	for y := range rows {
		var b strings.Builder
		for x := range cols {
			c := t.vt.Cell(x, y).Char
			if c == 0 {
				c = ' '
			}
			b.WriteRune(c)
		}
		seen := strings.TrimRight(b.String(), " ")
		line := seen
		for _, v := range varying {
			line = v.is.ReplaceAllString(line, v.as)
		}
		if y == at.Y && line != seen && at.X == utf8.RuneCountInString(seen) {
			place = fmt.Sprintf("at the end of line %d", y+1)
		}
		lines = append(lines, line)
	}
	text := strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
	if t.vt.CursorVisible() {
		text += "[cursor " + place + "]\n"
	}
	return text
}

// rest is how long nothing may have come before a screen counts.
const rest = 150 * time.Millisecond

// drawing is how long a program may take for a screen that has come to rest too early.
const drawing = 30 * time.Second

// settled waits until the screen matches re and nothing more comes.
func (t *terminal) settled(re *regexp.Regexp, limit time.Duration) (string, error) {
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		t.mu.Lock()
		text, done, quiet := t.screen(), t.done, time.Since(t.last) >= rest
		t.mu.Unlock()
		switch {
		case quiet && re.MatchString(text):
			return text, nil
		case done || time.Now().After(end):
			return "", fmt.Errorf("the screen does not match %s:\n%s", re, text)
		}
	}
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

// prompted is what a shell shows when it has answered; it may have drawn its prompt more than once.
var prompted = regexp.MustCompile(`\n(weir> )+$`)

// until waits for re, and types the last line again whenever the shell has answered without it.
func (s *session) until(re *regexp.Regexp) error {
	either := regexp.MustCompile("(" + re.String() + ")|" + prompted.String())
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		s.mu.Lock()
		from := s.seen
		s.mu.Unlock()
		if err := s.expect(either); err != nil {
			return err
		}
		s.mu.Lock()
		found := re.MatchString(s.text()[from:s.seen])
		s.mu.Unlock()
		if found {
			return nil
		}
		if err := s.enter(s.typed); err != nil {
			return err
		}
	}
	return fmt.Errorf("not seen: %s", re)
}

// session is a program on a terminal.
type session struct {
	terminal
	typed string // by the last type
	f     *os.File
	c     *exec.Cmd
	left  chan error // what Wait gave
	gone  bool       // left was read
	read  chan struct{}
}

// begin starts c on a terminal.
func begin(c *exec.Cmd) (*session, error) {
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		return nil, err
	}
	s := &session{f: f, c: c, left: make(chan error, 1), read: make(chan struct{})}
	s.vt = vt10x.New(vt10x.WithSize(100, 30), vt10x.WithWriter(f))
	s.cond = sync.NewCond(&s.mu)
	go func() {
		defer close(s.read)
		s.follow(f)
	}()
	go func() { s.left <- c.Wait() }()
	return s, nil
}

// end kills the program if it has not left.
func (s *session) end() {
	if !s.gone {
		s.c.Process.Signal(syscall.SIGKILL) //nolint:errcheck // it may have ended
		<-s.left
	}
	s.f.Close()
	<-s.read
}

// converse runs c on a terminal and follows the script, whose files are in dir, and whose records go to broker; it gives back
// what was on the screen.
func converse(c *exec.Cmd, dir, broker, script string) (screen string, err error) {
	s, err := begin(c)
	if err != nil {
		return "", err
	}
	defer func() {
		s.end()
		screen = s.text()
	}()
	n := 0
	for line := range strings.Lines(script) {
		n++
		line = strings.TrimRight(line, "\n")
		verb, arg, _ := strings.Cut(line, " ")
		if err := s.step(verb, arg, dir, broker); err != nil {
			return "", fmt.Errorf("session line %d: %s: %w", n, line, err)
		}
	}
	return "", nil
}

// step does one line of a session.
func (s *session) step(verb, arg, dir, broker string) error {
	switch verb {
	case "", "#":
		return nil
	case "expect", "absent", "until":
		re, err := regexp.Compile("(?m)" + arg)
		if err != nil {
			return err
		}
		switch verb {
		case "absent":
			return s.absent(re)
		case "until":
			return s.until(re)
		}
		return s.expect(re)
	case "screen":
		name, pattern, _ := strings.Cut(arg, " ")
		return s.shoot(filepath.Join(dir, name), pattern)
	case "type":
		s.typed = arg + "\r"
		return s.enter(s.typed)
	case "keys":
		return s.enter(keys.Replace(arg))
	case "press":
		key, pattern, _ := strings.Cut(arg, " ")
		return s.press(keys.Replace(key), pattern)
	case "paste":
		text, err := os.ReadFile(filepath.Join(dir, arg))
		if err != nil {
			return err
		}
		return s.enter("\x1b[200~" + strings.ReplaceAll(strings.TrimSuffix(string(text), "\n"), "\n", "\r") + "\x1b[201~")
	case "produce":
		topic, value, _ := strings.Cut(arg, " ")
		return produce(broker, topic, value+"\n")
	case "size":
		return s.resize(arg)
	case "signal":
		return s.c.Process.Signal(map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[arg])
	case "exit":
		return s.exits(arg)
	}
	return fmt.Errorf("no such step: %s", verb)
}

// enter types text.
func (s *session) enter(text string) error {
	_, err := io.WriteString(s.f, text)
	return err
}

// press types key until the screen matches.
func (s *session) press(key, pattern string) error {
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return err
	}
	for end := time.Now().Add(patience); ; {
		if err := s.enter(key); err != nil {
			return err
		}
		if _, err = s.settled(re, 10*time.Second); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// absent is an error where re is behind what was taken.
func (s *session) absent(re *regexp.Regexp) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if re.MatchString(s.text()[s.seen:]) {
		return fmt.Errorf("seen, and should not be: %s", re)
	}
	return nil
}

// shoot writes the screen to a file when it matches and has come to rest. Where a file says what it should be, NAME.golden for NAME.screen, a program
// that is not done with its drawing, though nothing came for a while, is given more time.
func (s *session) shoot(file, pattern string) error {
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return err
	}
	text, err := s.settled(re, patience)
	if err != nil {
		return err
	}
	golden, err := os.ReadFile(strings.TrimSuffix(file, ".screen") + ".golden")
	if err == nil && text != string(golden) && os.Getenv("WEIR_UPDATE") == "" {
		whole := regexp.MustCompile(`\A` + regexp.QuoteMeta(string(golden)) + `\z`)
		if late, err := s.settled(whole, drawing); err == nil {
			text = late
		}
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

func (s *session) resize(columnsAndLines string) error {
	var size pty.Winsize
	if _, err := fmt.Sscan(columnsAndLines, &size.Cols, &size.Rows); err != nil {
		return err
	}
	s.mu.Lock()
	s.vt.Resize(int(size.Cols), int(size.Rows))
	s.mu.Unlock()
	return pty.Setsize(s.f, &size)
}

// exits waits until the program has left with a code.
func (s *session) exits(code string) error {
	select {
	case err := <-s.left:
		s.gone = true
		var left *exec.ExitError
		switch {
		case err != nil && !errors.As(err, &left):
			return err
		case strconv.Itoa(s.c.ProcessState.ExitCode()) != code:
			return fmt.Errorf("exit code %d, not %s", s.c.ProcessState.ExitCode(), code)
		}
		return nil
	case <-time.After(patience):
		return errors.New("the program does not leave")
	}
}
