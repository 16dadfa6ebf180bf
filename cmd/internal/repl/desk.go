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

// editing says that e reads a line from now on, or that nobody does (nil). What came in between is out already.
func (d *desk) editing(e *lineEditor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.editor = e
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
	return w.to.Write(p)
}
