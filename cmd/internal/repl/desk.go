package repl

import (
	"io"
	"sync"
)

// desk is the terminal as queries, jobs and log lines share it: while a line is being edited, what jobs write goes above it;
// while a query has a status line at the bottom, everything goes above that; otherwise straight out.
type desk struct {
	mu     sync.Mutex
	editor *lineEditor // while it reads a line; nil otherwise
	gone   bool        // a signal said to leave
	held   []held      // while a table is drawn in place: what would break it
	holds  bool
	foot   string    // the status line that stands on the terminal; "" none
	screen io.Writer // what the status line is written to
}

// held is a write that waits.
type held struct {
	to   io.Writer
	text string
}

// eraseLine takes away the line that the cursor is in.
const eraseLine = "\r\x1b[K"

// status puts a status line below what is written, in place of the one before; "" takes it away. It must be narrower than the
// terminal.
func (d *desk) status(line string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if line == d.foot || d.holds {
		return nil
	}
	text := line
	if d.foot != "" {
		text = eraseLine + line
	}
	d.foot = line
	_, err := io.WriteString(d.screen, text)
	return err
}

// put writes p above the status line. The caller holds mu.
func (d *desk) put(to io.Writer, p []byte) (int, error) {
	if d.foot == "" {
		return to.Write(p)
	}
	if _, err := io.WriteString(d.screen, eraseLine); err != nil {
		return 0, err
	}
	n, err := to.Write(p)
	if err != nil {
		return n, err
	}
	_, err = io.WriteString(d.screen, d.foot)
	return n, err
}

// hold keeps back what jobs write until release is called: something is drawn in place that foreign lines would break.
func (d *desk) hold() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holds = true
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, h := range d.held {
			io.WriteString(h.to, h.text) //nolint:errcheck // as for every note: there is no other place to say it
		}
		d.held, d.holds = nil, false
	}
}

// leave ends a line that is being edited.
func (d *desk) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = true
	if d.editor != nil {
		d.editor.poke()
	}
}

// deskWriter writes to the desk; any goroutine may use it.
type deskWriter struct {
	desk  *desk
	to    io.Writer // when no line is being edited
	front bool      // for the query at work: nothing holds it back
}

func (w *deskWriter) Write(p []byte) (int, error) {
	d := w.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	switch e := d.editor; {
	case w.front:
	case e != nil:
		e.above = append(e.above, p...)
		e.poke()
		return len(p), nil
	case d.holds:
		d.held = append(d.held, held{w.to, string(p)})
		return len(p), nil
	}
	return d.put(w.to, p)
}
