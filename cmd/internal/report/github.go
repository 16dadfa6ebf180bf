package report

import (
	"fmt"
	"io"
	"strings"

	"weir/parser/diag"
)

// writeGitHub writes workflow commands, which GitHub shows as annotations at the lines of a pull request, then how many
// findings there are.
func writeGitHub(w io.Writer, r *Report, o Options) error {
	var b strings.Builder
	for _, d := range r.Findings {
		var props []string
		add := func(name, value string) { props = append(props, name+"="+githubProperty(value)) }
		if p, ok := placeOf(d.Span); ok && !strings.HasPrefix(p.File, "<") {
			add("file", relative(p.File, o.Root))
			add("line", fmt.Sprint(p.Line))
			add("endLine", fmt.Sprint(p.EndLine))
			if p.EndLine == p.Line { // columns over several lines are refused
				add("col", fmt.Sprint(p.Column))
				add("endColumn", fmt.Sprint(p.EndColumn))
			}
		}
		add("title", "weir "+d.Code)
		text := strings.Join(append([]string{d.Title}, prose(d)...), "\n")
		fmt.Fprintf(&b, "::%s %s::%s\n", githubCommand[d.Severity], strings.Join(props, ","), githubData(text))
	}
	for _, c := range r.Cases {
		if c.Failure != "" {
			text := strings.TrimRight(c.Name+": "+c.Failure+"\n"+c.Detail, "\n")
			fmt.Fprintf(&b, "::error file=%s,line=%d,title=%s::%s\n", githubProperty(relative(c.Suite, o.Root)), max(c.Line, 1),
				githubProperty("weir "+r.Verb), githubData(text))
		}
	}
	if line := r.summary(); line != "" {
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var githubCommand = [...]string{diag.Error: "error", diag.Warning: "warning", diag.Note: "notice"}

var (
	githubText  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubValue = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// githubData is text as it stands behind the second ::.
func githubData(s string) string { return githubText.Replace(s) }

// githubProperty is a value between the first and the second ::.
func githubProperty(s string) string { return githubValue.Replace(s) }
