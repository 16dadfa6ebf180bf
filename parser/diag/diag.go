// Package diag holds source positions and the diagnostics that weir shows to the
// author of a SQL file. It knows no SQL: the lexer, the parser, the planner and the
// option checks all report through it, and the command line renders what they found.
package diag

import (
	"fmt"
	"sort"
	"strings"
)

// File is one text that was given to weir: a .sql file, standard input, a REPL line.
// Files are immutable and shared by pointer.
type File struct {
	Name string // as the user wrote it; "<stdin>" for standard input
	Text string
}

// Span is a half-open range of bytes of a file. The zero Span means "no place known".
type Span struct {
	File       *File
	Start, End int // byte offsets, Start <= End
}

// IsZero reports whether s names no place.
func (s Span) IsZero() bool { return s.File == nil }

// Text is the source text that s covers.
func (s Span) Text() string {
	if s.File == nil {
		return ""
	}
	return s.File.Text[s.Start:s.End]
}

// To is the smallest span that covers s and o. A zero span is neutral.
func (s Span) To(o Span) Span {
	if s.IsZero() {
		return o
	}
	if o.IsZero() {
		return s
	}
	return Span{s.File, min(s.Start, o.Start), max(s.End, o.End)}
}

// byteOrderMark stands in front of texts that some editors write, and is not of the text.
const byteOrderMark = '\ufeff'

// LineCol is the place where s starts: both count from 1, the column in characters.
func (s Span) LineCol() (line, col int) {
	if s.File == nil {
		return 0, 0
	}
	before := strings.TrimPrefix(s.File.Text[:s.Start], string(byteOrderMark))
	line = strings.Count(before, "\n") + 1
	return line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
}

// String is "file:line:col".
func (s Span) String() string {
	if s.File == nil {
		return "<unknown>"
	}
	l, c := s.LineCol()
	return fmt.Sprintf("%s:%d:%d", s.File.Name, l, c)
}

// Severity says how much a diagnostic matters.
type Severity uint8

// The severities. Only an Error stops a job from running.
const (
	Error Severity = iota
	Warning
	Note
)

func (s Severity) String() string {
	return [...]string{"error", "warning", "note"}[s]
}

// Label is a second place that helps to understand a diagnostic.
type Label struct {
	Span Span
	Text string // shown behind the underline
}

// Diagnostic is one finding about the user's SQL or options.
type Diagnostic struct {
	Code     string // stable, never reused: "SQ1001"
	Severity Severity
	Title    string  // what is wrong, in one line, with the user's own names
	Span     Span    // the primary place
	Here     string  // caret text: why here; may be empty
	Labels   []Label // at most two more places
	Notes    []string
	Helps    []string // what to do; the first one is shown first
	Fixes    []Fix    // edits that mend it, to be made together; none where a person has to decide
}

// List collects diagnostics; the zero List is ready. It is not safe for concurrent use.
type List struct {
	All []*Diagnostic
}

// Errorf adds an error at span and returns it, so that notes and helps can be added.
func (l *List) Errorf(code string, at Span, format string, args ...any) *Diagnostic {
	return l.add(code, Error, at, format, args)
}

// Warnf adds a warning at span and returns it.
func (l *List) Warnf(code string, at Span, format string, args ...any) *Diagnostic {
	return l.add(code, Warning, at, format, args)
}

func (l *List) add(code string, sev Severity, at Span, format string, args []any) *Diagnostic {
	d := &Diagnostic{Code: code, Severity: sev, Span: at, Title: fmt.Sprintf(format, args...)}
	l.All = append(l.All, d)
	return d
}

// Label adds a second place and returns d.
func (d *Diagnostic) Label(at Span, format string, args ...any) *Diagnostic {
	d.Labels = append(d.Labels, Label{at, fmt.Sprintf(format, args...)})
	return d
}

// At sets the text behind the caret and returns d.
func (d *Diagnostic) At(format string, args ...any) *Diagnostic {
	d.Here = fmt.Sprintf(format, args...)
	return d
}

// Note adds background and returns d.
func (d *Diagnostic) Note(format string, args ...any) *Diagnostic {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
	return d
}

// Help adds what to do and returns d.
func (d *Diagnostic) Help(format string, args ...any) *Diagnostic {
	d.Helps = append(d.Helps, fmt.Sprintf(format, args...))
	return d
}

// Within reports whether an error lies within sp.
func (l *List) Within(sp Span) bool {
	for _, d := range l.All {
		if d.Severity == Error && d.Span.File == sp.File && d.Span.Start >= sp.Start && d.Span.Start < sp.End {
			return true
		}
	}
	return false
}

// HasErrors reports whether any diagnostic is an error.
func (l *List) HasErrors() bool {
	for _, d := range l.All {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Sort orders the diagnostics by file name and position; equal places keep their order.
func (l *List) Sort() {
	sort.SliceStable(l.All, func(i, j int) bool {
		a, b := l.All[i].Span, l.All[j].Span
		if a.File != b.File {
			return a.File != nil && (b.File == nil || a.File.Name < b.File.Name)
		}
		return a.Start < b.Start
	})
}
