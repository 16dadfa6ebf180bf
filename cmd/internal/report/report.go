// Package report writes what a verb has found, in the forms that people, editors and CI read: text, compact, json,
// github, sarif, junit. One report may go out in several forms at once.
package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"weir/parser/diag"
)

// Report is what one run of a verb has found. The verb fills it, in the order in which things are to be shown.
type Report struct {
	Verb    string // "check"
	Version string // weir's own
	// Files is every input that was looked at, by name; the forms that also count what is good list them.
	Files    []string
	Findings []*diag.Diagnostic
	// Ignored is the findings that a file's own comments silence. They count for nothing and are not shown as text.
	Ignored []Ignored
	// Checks is what was looked at outside of the files: a broker, the machine. A check that failed has its
	// finding among Findings too.
	Checks []Check
	// Cases is tests that were run.
	Cases []Case
}

// Ignored is a finding that a comment of the file silences.
type Ignored struct {
	Finding *diag.Diagnostic
	Reason  string // as the comment gives it
}

// Status is how a check came out.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failed  Status = "failed"
	Skipped Status = "skipped" // it could not be looked at; Detail says why
)

// Check is one thing that was looked at outside of the files.
type Check struct {
	Subject string // what was looked at: "topic orders"
	Name    string // the question: "exists"
	Status  Status
	Detail  string // what was found: "4 partitions"
	Hint    string // what to do; empty where all is well
}

// Case is one test that was run.
type Case struct {
	Suite   string // its file
	Name    string
	Line    int // in Suite; 0 unknown
	Took    time.Duration
	Failure string // what is wrong, in one line; empty: it passed
	Detail  string // the difference, in full
	Skipped string // why it was not run; empty: it was
}

// Options say how a report is written.
type Options struct {
	Color bool // ANSI colours in text
	Width int  // of the terminal, for text; 0: no limit
	// FailLevel is the least severity that makes the verb fail.
	FailLevel diag.Severity
	// Root is the folder to which file names are made relative for github and sarif; empty: they stay as they are.
	Root string
}

// Count says how many findings of each severity there are.
func (r *Report) Count(s diag.Severity) int {
	n := 0
	for _, d := range r.Findings {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// Fails reports whether a finding is at least as severe as level, or a test failed.
func (r *Report) Fails(level diag.Severity) bool {
	return slices.ContainsFunc(r.Findings, func(d *diag.Diagnostic) bool { return d.Severity <= level }) ||
		slices.ContainsFunc(r.Cases, func(c Case) bool { return c.Failure != "" })
}

// writers are the forms by name.
var writers = map[string]func(io.Writer, *Report, Options) error{
	"text":    writeText,
	"compact": writeCompact,
	"json":    writeJSON,
	"github":  writeGitHub,
	"sarif":   writeSARIF,
	"junit":   writeJUnit,
}

// Formats is the names of all forms, sorted.
func Formats() []string {
	var out []string
	for n := range writers {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// Output is one form of a report and where it goes.
type Output struct {
	Format string
	Path   string // a file; empty: standard output
}

// ParseOutputs reads "--format": names apart by commas, each with =FILE where it goes to a file. At most one goes to
// standard output.
func ParseOutputs(texts []string) ([]Output, error) {
	var out []Output
	taken := ""
	for _, text := range texts {
		for _, part := range strings.Split(text, ",") {
			name, path, toFile := strings.Cut(strings.TrimSpace(part), "=")
			if writers[name] == nil {
				err := fmt.Errorf("--format is %s, not %q", strings.Join(Formats(), ", "), name)
				if near, ok := diag.Suggest(name, Formats()); ok {
					err = fmt.Errorf("%w; did you mean %s?", err, near)
				}
				return nil, err
			}
			switch {
			case toFile && path == "":
				return nil, fmt.Errorf("--format %s= names no file", name)
			case !toFile && taken != "":
				return nil, fmt.Errorf("--format: %s and %s cannot both go to standard output: give one of them a file, as in %s=report.%s", taken, name, name, name)
			case !toFile:
				taken = name
			}
			out = append(out, Output{name, path})
		}
	}
	return out, nil
}

// Default is where a report goes when nobody says so: annotations in a GitHub workflow, text elsewhere.
func Default(getenv func(string) string) []Output {
	if getenv("GITHUB_ACTIONS") == "true" {
		return []Output{{Format: "github"}}
	}
	return []Output{{Format: "text"}}
}

// Write writes r in every form of outs; stdout takes what names no file. A file is written whole or not at all.
func Write(r *Report, outs []Output, stdout io.Writer, o Options) error {
	for _, out := range outs {
		if out.Path == "" {
			if err := writers[out.Format](stdout, r, o); err != nil {
				return err
			}
			continue
		}
		var b strings.Builder
		plain := o
		plain.Color, plain.Width = false, 0
		if err := writers[out.Format](&b, r, plain); err != nil {
			return err
		}
		if err := os.WriteFile(out.Path, []byte(b.String()), 0o644); err != nil {
			return fmt.Errorf("write the report %s: %w", out.Path, err)
		}
	}
	return nil
}

// place is a span as machines want it.
type place struct {
	File      string `json:"file"`
	Line      int    `json:"line"`   // from 1
	Column    int    `json:"column"` // from 1, in characters
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"` // of the character behind the last one
}

// placeOf is where s is; false where it names no place.
func placeOf(s diag.Span) (place, bool) {
	if s.IsZero() {
		return place{}, false
	}
	p := place{File: s.File.Name}
	p.Line, p.Column = s.LineCol()
	p.EndLine, p.EndColumn = diag.Span{File: s.File, Start: s.End, End: s.End}.LineCol()
	return p, true
}

// relative is a file's name below root, with slashes; names outside of root stay as they are.
func relative(name, root string) string {
	if root == "" || strings.HasPrefix(name, "<") {
		return filepath.ToSlash(name)
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return filepath.ToSlash(name)
	}
	rel, err := filepath.Rel(root, abs)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return filepath.ToSlash(name)
	}
	return filepath.ToSlash(rel)
}

// prose is what d says behind its title, a sentence a line.
func prose(d *diag.Diagnostic) []string {
	var out []string
	if d.Here != "" {
		out = append(out, d.Here)
	}
	for _, l := range d.Labels {
		if l.Text != "" {
			out = append(out, l.Span.String()+": "+l.Text)
		}
	}
	for _, n := range d.Notes {
		out = append(out, "note: "+n)
	}
	for _, h := range d.Helps {
		out = append(out, "help: "+h)
	}
	return out
}
