package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"weir/parser/diag"
)

// JUnit's XML, as Jenkins and GitLab read it: a suite for each file, a case for each finding or test, and for a file
// without findings one case that passed.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Name    string       `xml:"name,attr"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
		took     time.Duration
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Skipped   *junitMessage `xml:"skipped,omitempty"`
		Failure   *junitMessage `xml:"failure,omitempty"`
		Out       string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

func writeJUnit(w io.Writer, r *Report, o Options) error {
	out := junitSuites{Name: "weir " + r.Verb}
	suite := func(name string) *junitSuite {
		i := slices.IndexFunc(out.Suites, func(s junitSuite) bool { return s.Name == name })
		if i < 0 {
			i = len(out.Suites)
			out.Suites = append(out.Suites, junitSuite{Name: name})
		}
		return &out.Suites[i]
	}
	for _, f := range r.Files {
		suite(f)
	}
	for _, d := range r.Findings {
		name, at := "weir", ""
		if !d.Span.IsZero() {
			name = d.Span.File.Name
			line, col := d.Span.LineCol()
			at = fmt.Sprintf(" at %d:%d", line, col)
		}
		var text strings.Builder
		if err := diag.Render(&text, &diag.List{All: []*diag.Diagnostic{d}}, diag.RenderOptions{}); err != nil {
			return err
		}
		c := junitCase{Name: d.Code + at, ClassName: name}
		if d.Severity <= o.FailLevel {
			c.Failure = &junitMessage{Message: d.Title, Type: d.Severity.String(), Text: text.String()}
		} else {
			c.Out = text.String()
		}
		suite(name).add(c, 0)
	}
	for _, c := range r.Checks {
		j := junitCase{Name: c.Subject + ": " + c.Name, ClassName: "weir " + r.Verb}
		text := strings.TrimSpace(c.Detail + "\n" + c.Hint)
		switch c.Status {
		case Failed:
			j.Failure = &junitMessage{Message: c.Detail, Type: "check", Text: text}
		case Skipped:
			j.Skipped = &junitMessage{Message: c.Detail}
		default:
			j.Out = text
		}
		suite("checks").add(j, 0)
	}
	for _, c := range r.Cases {
		j := junitCase{Name: c.Name, ClassName: c.Suite, Out: c.Detail}
		switch {
		case c.Failure != "":
			j.Failure, j.Out = &junitMessage{Message: c.Failure, Type: "test", Text: c.Detail}, ""
		case c.Skipped != "":
			j.Skipped = &junitMessage{Message: c.Skipped}
		}
		suite(c.Suite).add(j, c.Took)
	}
	for _, f := range r.Files {
		if s := suite(f); len(s.Cases) == 0 {
			s.add(junitCase{Name: r.Verb, ClassName: f}, 0)
		}
	}
	for i := range out.Suites {
		out.Suites[i].Time = seconds(out.Suites[i].took)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(c junitCase, took time.Duration) {
	c.Time = seconds(took)
	s.took += took
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
