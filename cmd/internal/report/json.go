package report

import (
	"encoding/json"
	"io"

	"weir/parser/diag"
)

// jsonVersion is the version of the form; docs/schema/report-v1.json describes it. Fields are only ever added within a
// version.
const jsonVersion = 1

type jsonReport struct {
	Version  int           `json:"version"`
	Verb     string        `json:"verb"`
	Tool     jsonTool      `json:"tool"`
	Files    []string      `json:"files"`
	Findings []jsonFinding `json:"findings"`
	Ignored  []jsonIgnored `json:"ignored"`
	Checks   []jsonCheck   `json:"checks"`
	Cases    []jsonCase    `json:"cases"`
	Summary  jsonSummary   `json:"summary"`
}

type jsonTool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type jsonFinding struct {
	Code     string      `json:"code"`
	Severity string      `json:"severity"`
	Title    string      `json:"title"`
	Place    *place      `json:"place,omitempty"`
	Here     string      `json:"here,omitempty"`
	Labels   []jsonLabel `json:"labels,omitempty"`
	Notes    []string    `json:"notes,omitempty"`
	Helps    []string    `json:"helps,omitempty"`
	Fixes    []jsonFix   `json:"fixes,omitempty"`
}

type jsonLabel struct {
	Place place  `json:"place"`
	Text  string `json:"text"`
}

type jsonFix struct {
	Place place  `json:"place"`
	Text  string `json:"text"`
}

type jsonIgnored struct {
	Finding jsonFinding `json:"finding"`
	Reason  string      `json:"reason"`
}

type jsonCheck struct {
	Subject string `json:"subject"`
	Name    string `json:"name"`
	Status  Status `json:"status"`
	Detail  string `json:"detail,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

type jsonCase struct {
	Suite   string  `json:"suite"`
	Name    string  `json:"name"`
	Line    int     `json:"line,omitempty"`
	Seconds float64 `json:"seconds"`
	Outcome string  `json:"outcome"` // passed, failed, skipped
	Message string  `json:"message,omitempty"`
	Detail  string  `json:"detail,omitempty"`
}

type jsonSummary struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
	Ignored  int `json:"ignored"`
	Passed   int `json:"passed"`
	Failed   int `json:"failed"`
	Skipped  int `json:"skipped"`
}

func writeJSON(w io.Writer, r *Report, _ Options) error {
	out := jsonReport{
		Version: jsonVersion, Verb: r.Verb, Tool: jsonTool{"weir", r.Version}, Files: r.Files,
		Findings: []jsonFinding{}, Ignored: []jsonIgnored{}, Checks: []jsonCheck{}, Cases: []jsonCase{},
		Summary: jsonSummary{Errors: r.Count(diag.Error), Warnings: r.Count(diag.Warning), Notes: r.Count(diag.Note), Ignored: len(r.Ignored)},
	}
	if out.Files == nil {
		out.Files = []string{}
	}
	for _, d := range r.Findings {
		out.Findings = append(out.Findings, jsonOf(d))
	}
	for _, i := range r.Ignored {
		out.Ignored = append(out.Ignored, jsonIgnored{jsonOf(i.Finding), i.Reason})
	}
	for _, c := range r.Checks {
		out.Checks = append(out.Checks, jsonCheck(c))
	}
	for _, c := range r.Cases {
		j := jsonCase{Suite: c.Suite, Name: c.Name, Line: c.Line, Seconds: c.Took.Seconds(), Outcome: "passed", Detail: c.Detail}
		switch {
		case c.Failure != "":
			j.Outcome, j.Message = "failed", c.Failure
			out.Summary.Failed++
		case c.Skipped != "":
			j.Outcome, j.Message = "skipped", c.Skipped
			out.Summary.Skipped++
		default:
			out.Summary.Passed++
		}
		out.Cases = append(out.Cases, j)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func jsonOf(d *diag.Diagnostic) jsonFinding {
	f := jsonFinding{Code: d.Code, Severity: d.Severity.String(), Title: d.Title, Here: d.Here, Notes: d.Notes, Helps: d.Helps}
	if p, ok := placeOf(d.Span); ok {
		f.Place = &p
	}
	for _, l := range d.Labels {
		if p, ok := placeOf(l.Span); ok {
			f.Labels = append(f.Labels, jsonLabel{p, l.Text})
		}
	}
	for _, x := range d.Fixes {
		if p, ok := placeOf(x.Span); ok {
			f.Fixes = append(f.Fixes, jsonFix{p, x.Text})
		}
	}
	return f
}
