package repl

import (
	"io"
	"sync"
)

// desk is the terminal as jobs and log lines see it: while a line is being edited, what they write goes above it; otherwise
// straight out.
type desk struct {
	mu     sync.Mutex
	editor *lineEditor // while it reads a line; nil otherwise
	gone   bool        // a signal said to leave
	held   []held      // while a table is drawn in place: what would break it
	holds  bool
}

// held is a write that waits.
type held struct {
	to   io.Writer
	text string
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
	desk *desk
	to   io.Writer // when no line is being edited
}

func (w *deskWriter) Write(p []byte) (int, error) {
	w.desk.mu.Lock()
	defer w.desk.mu.Unlock()
	if e := w.desk.editor; e != nil {
		e.above = append(e.above, p...)
		e.poke()
		return len(p), nil
	}
	if w.desk.holds {
		w.desk.held = append(w.desk.held, held{w.to, string(p)})
		return len(p), nil
	}
	return w.to.Write(p)
}
