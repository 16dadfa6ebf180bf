package explain_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"weir/connectors/spec"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/config"
	"weir/planner/explain"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/rules"
)

// TestTexts runs the text files under testdata. The commands, whose input is a script behind that of the last setup:
//
//	setup      statements for the cases that follow
//	report     what weir explain prints; with -v also the rules that fired
//	text       what EXPLAIN prints, with the details that are given
//	mermaid, dot, json    the drawings and the document
//
// Every plan is also drawn as SVG, which must be well-formed, and its JSON must be valid by the published schema.
func TestTexts(t *testing.T) {
	schema := jsonschema.NewCompiler()
	compiled, err := schema.Compile("../../docs/schema/explain.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	fired := map[string]bool{}
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		setup := ""
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "setup" {
				setup = d.Input + "\n"
				return ""
			}
			jobs := jobs(t, setup, d.Input)
			var plans []*explain.Plan
			for _, j := range jobs {
				plans = append(plans, explain.Describe(j))
				for _, r := range j.Rules {
					fired[r.Rule] = true
				}
			}
			valid(t, compiled, explain.JSON(plans))
			wellFormed(t, explain.SVG(plans))
			switch d.Cmd {
			case "report":
				out := ""
				for _, j := range jobs {
					out += explain.Report(j, d.HasArg("v"))
				}
				return out
			case "text":
				var details []string
				for _, a := range d.CmdArgs {
					details = append(details, a.Key)
				}
				out := ""
				for _, j := range jobs {
					out += explain.Text(j, details)
				}
				return out
			case "mermaid":
				return explain.Mermaid(plans)
			case "dot":
				return explain.Dot(plans)
			case "json":
				return explain.JSON(plans)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
	known := map[string]bool{}
	for _, r := range rules.All {
		known[r.Name] = true
		if !fired[r.Name] {
			t.Errorf("no case shows the rule %s at work", r.Name)
		}
		if r.Doc == "" {
			t.Errorf("rule %s does not say what it does", r.Name)
		}
	}
	for name := range fired {
		if !known[name] {
			t.Errorf("rule %s fired and is not in the list of rules", name)
		}
	}
}

func jobs(t *testing.T, setup, text string) []*physical.Job {
	t.Helper()
	f := []*diag.File{{Name: "setup.sql", Text: setup}, {Name: "job.sql", Text: text + "\n"}}
	p, diags := planner.Compile(f, planner.Options{Registry: spec.Registry(), Functions: fn.Builtins(), Config: config.New()})
	if diags.HasErrors() {
		var b strings.Builder
		diag.Render(&b, diags, diag.RenderOptions{}) //nolint:errcheck // into memory
		t.Fatal(b.String())
	}
	out := p.Jobs
	for _, q := range p.Queries {
		out = append(out, q.Job)
	}
	return out
}

func valid(t *testing.T, schema *jsonschema.Schema, text string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	if !json.Valid([]byte(text)) {
		t.Errorf("no JSON:\n%s", text)
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	for dec := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
	}
}
