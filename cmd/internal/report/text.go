package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"weir/parser/diag"
)

// writeText writes findings as rustc does, then the table of checks, then how many there are.
func writeText(w io.Writer, r *Report, o Options) error {
	var b strings.Builder
	if err := diag.Render(&b, &diag.List{All: r.Findings}, diag.RenderOptions{Color: o.Color, Width: o.Width}); err != nil {
		return err
	}
	if len(r.Checks) > 0 {
		if len(r.Findings) > 0 {
			b.WriteByte('\n')
		}
		checkTable(&b, r.Checks, o.Color)
	}
	if line := r.summary(); line != "" {
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// summary is the line that counts; empty where there is nothing to count.
func (r *Report) summary() string {
	errors, warnings := r.Count(diag.Error), r.Count(diag.Warning)
	if errors+warnings == 0 && len(r.Checks) == 0 {
		return ""
	}
	line := count(errors, "error") + ", " + count(warnings, "warning")
	if len(r.Ignored) > 0 {
		line += fmt.Sprintf(", %d ignored", len(r.Ignored))
	}
	return line
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

var statusColor = map[Status]string{OK: "\x1b[32m", Warning: "\x1b[33m", Failed: "\x1b[31m", Skipped: "\x1b[2m"}

// checkTable writes a line a check; what to do stands below those that did not go well.
func checkTable(b *strings.Builder, checks []Check, color bool) {
	subject, name := 0, 0
	for _, c := range checks {
		subject, name = max(subject, runewidth.StringWidth(c.Subject)), max(name, runewidth.StringWidth(c.Name))
	}
	for _, c := range checks {
		status := fmt.Sprintf("%-7s", c.Status)
		if color {
			status = statusColor[c.Status] + status + "\x1b[0m"
		}
		line := status + "  " + runewidth.FillRight(c.Subject, subject) + "  " + runewidth.FillRight(c.Name, name) + "  " + c.Detail
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		if c.Hint != "" {
			for _, h := range strings.Split(c.Hint, "\n") {
				b.WriteString("         = " + h + "\n")
			}
		}
	}
}

// writeCompact writes a line a finding, as compilers do and editors read: file:line:col: severity[CODE]: title.
func writeCompact(w io.Writer, r *Report, _ Options) error {
	var b strings.Builder
	for _, d := range r.Findings {
		if !d.Span.IsZero() {
			b.WriteString(d.Span.String() + ": ")
		}
		fmt.Fprintf(&b, "%s[%s]: %s", d.Severity, d.Code, oneLine(d.Title))
		if len(d.Helps) > 0 {
			b.WriteString(" (" + oneLine(d.Helps[0]) + ")")
		}
		b.WriteByte('\n')
	}
	for _, c := range r.Cases {
		if c.Failure != "" {
			fmt.Fprintf(&b, "%s:%d: error: %s: %s\n", c.Suite, max(c.Line, 1), c.Name, oneLine(c.Failure))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", "; ") }
