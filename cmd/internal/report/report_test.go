package report_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"weir/cmd/internal/report"
	"weir/parser/diag"
)

// sample is a report with something of everything, and with every character that one of the forms has to escape.
func sample() *report.Report {
	f := &diag.File{Name: "jobs/50%, more: a.sql", Text: "SELECT a\nFROM 'ß' <b> & 100%;\nSELECT b;\n"}
	at := func(text string) diag.Span {
		i := strings.Index(f.Text, text)
		return diag.Span{File: f, Start: i, End: i + len(text)}
	}
	l := &diag.List{}
	l.Errorf("SQ2001", at("<b>"), "table <b> is not known, \"c\" & 100%% of d").At("here: it, is").Label(at("'ß'"), "as, this").
		Note("a note\nof two lines").Help("do\nthis").Fix(at("<b>"), "b & c").Fix(at("100%"), "")
	l.Warnf("SQ2103", at("SELECT a\nFROM"), "over two lines")
	l.Warnf("SQ3108", diag.Span{}, "nowhere").Severity = diag.Note
	l.Warnf("SQ2103", diag.Span{File: &diag.File{Name: "<stdin>", Text: "x"}, Start: 0, End: 1}, "from standard input")
	silent := (&diag.List{}).Warnf("SQ3009", at("SELECT b"), "silenced")
	return &report.Report{
		Verb: "check", Version: "1.2.3", Files: []string{f.Name, "good.sql"}, Findings: l.All,
		Ignored: []report.Ignored{{Finding: silent, Reason: "it is meant"}},
		Checks: []report.Check{
			{Subject: "topic orders", Name: "exists", Status: report.OK, Detail: "4 partitions"},
			{Subject: "topic größer", Name: "exists", Status: report.Failed, Detail: "it does not", Hint: "create it:\nkafka-topics"},
			{Subject: "broker", Name: "limits", Status: report.Skipped, Detail: "may not be read"},
		},
		Cases: []report.Case{
			{Suite: "a_test.yaml", Name: "passes", Line: 3, Took: 1500 * time.Microsecond},
			{Suite: "a_test.yaml", Name: "fails", Line: 9, Failure: "2 rows differ", Detail: "- a\n+ b"},
			{Suite: "a_test.yaml", Name: "waits", Skipped: "no Java"},
		},
	}
}

// TestForms compares each form with testdata/forms, and has its readers take it.
func TestForms(t *testing.T) {
	datadriven.RunTest(t, "testdata/forms", func(t *testing.T, d *datadriven.TestData) string {
		out := write(t, d.Cmd, sample())
		return out
	})
}

func write(t *testing.T, format string, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(r, []report.Output{{Format: format}}, &b, report.Options{FailLevel: diag.Error}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestJSONIsAsItsSchemaSays takes the schema from docs, where users find it.
func TestJSONIsAsItsSchemaSays(t *testing.T) {
	c := jsonschema.NewCompiler()
	schema, err := c.Compile(filepath.Join("..", "..", "..", "docs", "schema", "report-v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*report.Report{sample(), {Verb: "check"}} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(write(t, "json", r)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v", err)
		}
	}
	// The schema refuses something at all.
	for _, bad := range []string{`{}`, strings.Replace(write(t, "json", sample()), `"SQ2001"`, `"X1"`, 1), strings.Replace(write(t, "json", sample()), `"severity": "error"`, `"severity": "grave"`, 1)} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("the schema takes %.60s", bad)
		}
	}
}

// TestSARIFIsValid validates by the schema that OASIS publishes for SARIF 2.1.0; it refuses fields that it does not know.
func TestSARIFIsValid(t *testing.T) {
	text := oasisSchema(t)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("sarif-2.1.0.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("sarif-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(text string) error {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return err
		}
		return schema.Validate(doc)
	}
	for _, r := range []*report.Report{sample(), {Verb: "check"}} {
		if err := validate(write(t, "sarif", r)); err != nil {
			t.Error(err)
		}
	}
	for _, mistake := range [][2]string{{`"level": "error"`, `"level": "grave"`}, {`"startLine": 2`, `"startLine": 0`}, {`"columnKind"`, `"columnsKind"`}} {
		broken := strings.Replace(write(t, "sarif", sample()), mistake[0], mistake[1], 1)
		if validate(broken) == nil {
			t.Errorf("the schema takes %s", mistake[1])
		}
	}
}

// oasisSchema is the schema of SARIF 2.1.0, out of the source of the package that carries it for its own use.
func oasisSchema(t *testing.T) string {
	t.Helper()
	from := reflect.TypeOf(sarif.Report{}).PkgPath()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", from).Output()
	if err != nil {
		t.Fatalf("find package %s: %v", from, err)
	}
	src, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	lit := src.Decls[0].(*ast.GenDecl).Specs[0].(*ast.ValueSpec).Values[0].(*ast.BasicLit)
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestGitHubReadsWhatWasMeant reads the workflow commands back by GitHub's own rules.
func TestGitHubReadsWhatWasMeant(t *testing.T) {
	r := sample()
	r.Findings[0].Helps[0] = "do\r\nthis"
	var got []annotation
	for line := range strings.Lines(write(t, "github", r)) {
		if a, ok := readCommand(strings.TrimSuffix(line, "\n")); ok {
			got = append(got, a)
		}
	}
	want := []annotation{
		{"error", map[string]string{"file": "jobs/50%, more: a.sql", "line": "2", "endLine": "2", "col": "10", "endColumn": "13", "title": "weir SQ2001"},
			"table <b> is not known, \"c\" & 100% of d\nhere: it, is\njobs/50%, more: a.sql:2:6: as, this\nnote: a note\nof two lines\nhelp: do\r\nthis"},
		{"warning", map[string]string{"file": "jobs/50%, more: a.sql", "line": "1", "endLine": "2", "title": "weir SQ2103"}, "over two lines"},
		{"notice", map[string]string{"title": "weir SQ3108"}, "nowhere"},
		{"warning", map[string]string{"title": "weir SQ2103"}, "from standard input"},
		{"error", map[string]string{"file": "a_test.yaml", "line": "9", "title": "weir check"}, "fails: 2 rows differ\n- a\n+ b"},
	}
	g, _ := json.MarshalIndent(got, "", " ")
	w, _ := json.MarshalIndent(want, "", " ")
	if string(g) != string(w) {
		t.Errorf("GitHub reads\n%s\nand not\n%s", g, w)
	}
}

type annotation struct {
	Command    string
	Properties map[string]string
	Text       string
}

// readCommand reads a line as the runner does: ::command key=value,key=value::data, where %25, %0D, %0A, and in values %3A and
// %2C too, stand for characters; %25 is undone last.
func readCommand(line string) (annotation, bool) {
	rest, ok := strings.CutPrefix(line, "::")
	if !ok {
		return annotation{}, false
	}
	head, data, ok := strings.Cut(rest, "::")
	if !ok {
		return annotation{}, false
	}
	name, props, _ := strings.Cut(head, " ")
	a := annotation{Command: name, Properties: map[string]string{}}
	undo := func(s string, pairs ...string) string {
		for i := 0; i < len(pairs); i += 2 {
			s = strings.ReplaceAll(s, pairs[i], pairs[i+1])
		}
		return strings.ReplaceAll(s, "%25", "%")
	}
	for _, p := range strings.Split(props, ",") {
		key, value, ok := strings.Cut(p, "=")
		if ok && value != "" {
			a.Properties[key] = undo(value, "%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",")
		}
	}
	a.Text = undo(data, "%0D", "\r", "%0A", "\n")
	return a, true
}

// TestFileNamesAreRelativeToTheCheckout: GitHub knows files by their path in the repository, wherever weir was started.
func TestFileNamesAreRelativeToTheCheckout(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "jobs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	d := (&diag.List{}).Errorf("SQ2001", diag.Span{File: &diag.File{Name: "a b.sql", Text: "x"}, End: 1}, "t")
	r := &report.Report{Verb: "check", Findings: []*diag.Diagnostic{d}}
	for format, want := range map[string]string{"github": "file=jobs/a b.sql,", "sarif": `"uri": "jobs/a%20b.sql"`} {
		var b bytes.Buffer
		if err := report.Write(r, []report.Output{{Format: format}}, &b, report.Options{Root: root}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s: no %s in\n%s", format, want, b.String())
		}
	}
}

func TestOutputs(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"text", "text"},
		{"github,sarif=out.sarif", "github sarif=out.sarif"},
		{"json=a.json,junit=b.xml", "json=a.json junit=b.xml"},
		{"text,json", "error: --format: text and json cannot both go to standard output: give one of them a file, as in json=report.json"},
		{"sarif=", "error: --format sarif= names no file"},
		{"jsn", `error: --format is compact, github, json, junit, sarif, text, not "jsn"; did you mean json?`},
	} {
		outs, err := report.ParseOutputs([]string{c.flags})
		var got []string
		for _, o := range outs {
			s := o.Format
			if o.Path != "" {
				s += "=" + o.Path
			}
			got = append(got, s)
		}
		if err != nil {
			got = []string{"error: " + err.Error()}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: %s, want %s", c.flags, g, c.want)
		}
	}
}
