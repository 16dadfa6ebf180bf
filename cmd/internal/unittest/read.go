package unittest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weir/parser/diag"
	"weir/planner/config"
)

// The codes of findings in test files.
const (
	codeForm  = "SQ6101" // the file is not of the form that docs/schema/test.v1.json describes
	codeName  = "SQ6102" // it names what the job does not have
	codeValue = "SQ6103" // a value does not fit its column
)

// Suffix is how the names of test files end.
const Suffix = "_test.yaml"

// File is one test file.
type File struct {
	Path  string
	Text  *diag.File
	Jobs  []string // paths of the SQL files that are tested, as one script
	Tests []*Test

	diags *diag.List
	lines []int // where lines begin
}

// Test is one test, or a part that several share: of a file.
type Test struct {
	File *File
	Name string
	Line int

	set     map[string]string // settings, over those of the job
	params  map[string]string // values of ${NAME}
	now     time.Time         // processing time at the start; its date is that of bare times
	par     int               // parallelism
	query   string            // a SELECT that is run beside the job; its result is the table query
	queryAt *yaml.Node
	flink   bool // the test claims to hold on Flink too
	skip    string
	steps   []*step
	fails   *failure  // how the job must fail; nil: it must not
	warns   *warnings // nil: not looked at
}

// step is one thing that happens in a test, in order: one of its fields is set.
type step struct {
	node *yaml.Node

	give    []given
	advance time.Duration
	verb    string // checkpoint, kill, stop, restore, end
	par     int    // restore: at this parallelism; 0: as before
	expect  []*want
}

// given is the rows for one table.
type given struct {
	table string
	at    *yaml.Node
	rows  []*yaml.Node
}

// The ways in which a table's output can be looked at.
const (
	wantChangelog = "changelog" // every change since the last look, in order for each key
	wantTable     = "table"     // what remains when all changes are applied
	wantContains  = "contains"  // some of the changes
	wantEmpty     = "empty"     // no change
	wantCount     = "count"     // so many changes
)

// want is what is expected of one table.
type want struct {
	table   string
	at      *yaml.Node // the table's name in the file
	value   *yaml.Node // what stands behind it
	mode    string
	rows    []*yaml.Node
	list    *yaml.Node // the sequence of rows
	count   int
	ordered bool     // changes of all keys in the written order
	columns []string // compare these only; nil: all
}

// failure is how a job must fail.
type failure struct {
	at         *yaml.Node
	code, text string
}

// warnings is the codes of the findings that must be made beside errors.
type warnings struct {
	at    *yaml.Node
	codes []string
}

// Read reads a test file. What is wrong with it comes as diagnostics, all at once; the file is nil when it cannot be read
// at all.
func Read(path string) (*File, *diag.List, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	f := &File{Path: path, Text: &diag.File{Name: path, Text: string(b)}, diags: &diag.List{}, lines: []int{0}}
	for i, c := range b {
		if c == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		f.notYAML(err)
		return f, f.diags, nil
	}
	if len(doc.Content) == 0 {
		f.diags.Errorf(codeForm, diag.Span{File: f.Text}, "the file is empty").Help("write `tests:` and a list of tests below it")
		return f, f.diags, nil
	}
	f.read(doc.Content[0])
	return f, f.diags, nil
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// notYAML reports an error of the YAML parser at its line.
func (f *File) notYAML(err error) {
	text, span := err.Error(), diag.Span{File: f.Text}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits
		text = text[len(m[0]):]
		if n = min(n, len(f.lines)); n > 0 {
			span.Start = f.lines[n-1]
			span.End = span.Start + strings.IndexByte(f.Text.Text[span.Start:]+"\n", '\n')
		}
	}
	f.diags.Errorf(codeForm, span, "this is no YAML: %s", strings.TrimPrefix(text, "yaml: "))
}

// span is the place of a node: its first line.
func (f *File) span(n *yaml.Node) diag.Span {
	if n == nil || n.Line < 1 || n.Line > len(f.lines) {
		return diag.Span{File: f.Text}
	}
	start := f.lines[n.Line-1]
	text := f.Text.Text[start:]
	line, _, _ := strings.Cut(text, "\n")
	runes := []rune(line)
	at := min(n.Column-1, len(runes))
	from := len(string(runes[:at]))
	to := len(line)
	switch {
	case n.Kind == yaml.ScalarNode && n.Style == 0 && strings.HasPrefix(line[from:], n.Value) && n.Value != "":
		to = from + len(n.Value)
	case n.Kind == yaml.ScalarNode && (n.Style == yaml.SingleQuotedStyle || n.Style == yaml.DoubleQuotedStyle):
		if end := strings.IndexByte(line[from+1:], line[from]); end >= 0 {
			to = from + 2 + end
		}
	}
	return diag.Span{File: f.Text, Start: start + from, End: start + max(to, from)}
}

func (f *File) errorf(code string, n *yaml.Node, format string, args ...any) *diag.Diagnostic {
	return f.diags.Errorf(code, f.span(n), format, args...)
}

// pair is one member of a mapping.
type pair struct{ key, value *yaml.Node }

// pairs is the members of a mapping; anything else is reported.
func (f *File) pairs(n *yaml.Node, what string) []pair {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		f.errorf(codeForm, n, "%s is a mapping: `name: value` pairs", what)
		return nil
	}
	out := make([]pair, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		if v.Kind == yaml.AliasNode {
			v = v.Alias
		}
		out = append(out, pair{n.Content[i], v})
	}
	return out
}

// items is the elements of a sequence.
func (f *File) items(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		f.errorf(codeForm, n, "%s is a list", what)
		return nil
	}
	out := make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		if c.Kind == yaml.AliasNode {
			c = c.Alias
		}
		out[i] = c
	}
	return out
}

func (f *File) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode {
		f.errorf(codeForm, n, "%s is a text", what)
		return ""
	}
	return n.Value
}

// texts is a mapping of texts.
func (f *File) texts(n *yaml.Node, what string) map[string]string {
	out := map[string]string{}
	for _, p := range f.pairs(n, what) {
		out[p.key.Value] = f.text(p.value, what+" "+p.key.Value)
	}
	return out
}

func (f *File) unknown(key *yaml.Node, where string, known []string) {
	d := f.errorf(codeForm, key, "%s has no `%s`", where, key.Value)
	if near, ok := diag.Suggest(key.Value, known); ok {
		d.Help("did you mean `%s`?", near)
	} else {
		d.Help("it has %s", strings.Join(known, ", "))
	}
}

var (
	fileKeys = []string{"job", "set", "params", "now", "parallelism", "flink", "tests", "description"}
	testKeys = []string{"name", "description", "set", "params", "now", "parallelism", "flink", "skip", "query", "given", "steps", "open", "expect", "error", "warnings"}
)

func (f *File) read(root *yaml.Node) {
	base := &Test{File: f, set: map[string]string{}, params: map[string]string{}, par: 1, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	var tests *yaml.Node
	for _, p := range f.pairs(root, "a test file") {
		switch p.key.Value {
		case "job":
			f.readJobs(p.value)
		case "tests":
			tests = p.value
		case "description":
		default:
			if !slices.Contains(fileKeys, p.key.Value) {
				f.unknown(p.key, "a test file", fileKeys)
				continue
			}
			f.shared(base, p)
		}
	}
	if f.Jobs == nil {
		f.Jobs = []string{strings.TrimSuffix(f.Path, Suffix) + ".sql"}
	}
	if tests == nil || tests.Kind == yaml.SequenceNode && len(tests.Content) == 0 {
		f.errorf(codeForm, root, "there are no tests").Help("write `tests:` and a list of tests below it")
		return
	}
	names := map[string]*yaml.Node{}
	for _, n := range f.items(tests, "tests") {
		t := f.readTest(n, base)
		if t == nil {
			continue
		}
		if first, twice := names[t.Name]; twice {
			f.errorf(codeForm, n, "two tests are called %q", t.Name).Label(f.span(first), "the other one")
		}
		names[t.Name] = n
		f.Tests = append(f.Tests, t)
	}
}

func (f *File) readJobs(n *yaml.Node) {
	names := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		names = f.items(n, "job")
	}
	for _, n := range names {
		path := f.text(n, "job")
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(f.Path), path)
		}
		if _, err := os.Stat(path); err != nil {
			f.errorf(codeName, n, "there is no file %s", path).Help("paths start at the folder of the test file")
		}
		f.Jobs = append(f.Jobs, path)
	}
}

// shared reads what files and tests have in common.
func (f *File) shared(t *Test, p pair) {
	switch p.key.Value {
	case "set":
		t.set = merged(t.set, f.texts(p.value, "set"))
		for k, v := range t.set {
			if err := config.New().Set(k, v, config.FromFlag); err != nil {
				f.errorf(codeName, p.key, "set: %v", err)
			}
		}
	case "params":
		t.params = merged(t.params, f.texts(p.value, "params"))
	case "now":
		text := f.text(p.value, "now")
		for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
			if at, err := time.Parse(layout, strings.TrimSuffix(text, "Z")); err == nil {
				t.now = at
				return
			}
		}
		f.errorf(codeValue, p.value, "`now` is a date, or a date and a time in UTC, not %q", text).Help("write it as 2026-01-01 12:00:00")
	case "parallelism":
		n, err := strconv.Atoi(f.text(p.value, "parallelism"))
		if err != nil || n < 1 || n > 128 {
			f.errorf(codeValue, p.value, "parallelism is a number from 1 to 128")
			return
		}
		t.par = n
	case "flink":
		t.flink = f.flag(p.value, "flink")
	}
}

func merged(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func (f *File) flag(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		f.errorf(codeForm, n, "%s is true or false", what)
		return false
	}
	return n.Value == "true"
}

func (f *File) readTest(n *yaml.Node, base *Test) *Test {
	t := *base
	t.Line = n.Line
	var open bool
	var give, expect, steps *pair
	for _, p := range f.pairs(n, "a test") {
		switch p.key.Value {
		case "name":
			t.Name = f.text(p.value, "name")
		case "description":
		case "skip":
			t.skip = f.text(p.value, "skip")
		case "query":
			t.query, t.queryAt = f.text(p.value, "query"), p.value
		case "open":
			open = f.flag(p.value, "open")
		case "given":
			give = &p
		case "expect":
			expect = &p
		case "steps":
			steps = &p
		case "error":
			t.fails = f.readError(p.value)
		case "warnings":
			t.warns = &warnings{at: p.key}
			for _, w := range f.items(p.value, "warnings") {
				t.warns.codes = append(t.warns.codes, f.text(w, "a warning"))
			}
		default:
			if !slices.Contains(testKeys, p.key.Value) {
				f.unknown(p.key, "a test", testKeys)
				continue
			}
			f.shared(&t, p)
		}
	}
	if t.Name == "" {
		f.errorf(codeForm, n, "the test has no name").Help("write `name: what must hold`, a fact")
		return nil
	}
	switch {
	case steps != nil && (give != nil || expect != nil || open):
		f.errorf(codeForm, steps.key, "a test has either `given` and `expect`, or `steps`").Help("move them into the steps, as `- given:` and `- expect:`")
	case steps != nil:
		for _, s := range f.items(steps.value, "steps") {
			if st := f.readStep(s); st != nil {
				t.steps = append(t.steps, st)
			}
		}
	default:
		if give != nil {
			t.steps = append(t.steps, &step{node: give.key, give: f.readGiven(give.value)})
		}
		if !open {
			t.steps = append(t.steps, &step{node: n, verb: "end"})
		}
		if expect != nil {
			t.steps = append(t.steps, &step{node: expect.key, expect: f.readExpect(expect.value)})
		}
	}
	looks := slices.ContainsFunc(t.steps, func(s *step) bool { return len(s.expect) > 0 })
	if !looks && t.fails == nil && t.warns == nil {
		f.errorf(codeForm, n, "the test %q expects nothing: it cannot fail", t.Name).Help("say with `expect` what a table must get, or with `error` how the job must fail")
	}
	return &t
}

func (f *File) readError(n *yaml.Node) *failure {
	e := &failure{at: n}
	if n.Kind == yaml.ScalarNode {
		e.text = n.Value
		return e
	}
	for _, p := range f.pairs(n, "error") {
		switch p.key.Value {
		case "code":
			if e.code = f.text(p.value, "code"); !findingCode.MatchString(e.code) {
				f.errorf(codeValue, p.value, "a code is SQ and four digits, not %q", e.code)
			}
		case "text":
			e.text = f.text(p.value, "text")
		default:
			f.unknown(p.key, "error", []string{"code", "text"})
		}
	}
	return e
}

var findingCode = regexp.MustCompile(`^SQ\d{4}$`)

var stepVerbs = []string{"checkpoint", "kill", "stop", "restore", "end"}

func (f *File) readStep(n *yaml.Node) *step {
	s := &step{node: n}
	if n.Kind == yaml.ScalarNode {
		if !slices.Contains(stepVerbs, n.Value) {
			f.unknown(n, "a step", append([]string{"given", "expect", "advance"}, stepVerbs...))
			return nil
		}
		s.verb = n.Value
		return s
	}
	ps := f.pairs(n, "a step")
	if len(ps) != 1 {
		f.errorf(codeForm, n, "a step is one thing: given, advance, expect, checkpoint, kill, stop, restore or end").Help("begin each with a dash of its own")
		return nil
	}
	p := ps[0]
	switch p.key.Value {
	case "given":
		s.give = f.readGiven(p.value)
	case "expect":
		s.expect = f.readExpect(p.value)
	case "advance":
		d, err := config.ParseDuration(f.text(p.value, "advance"))
		if err != nil {
			f.errorf(codeValue, p.value, "advance moves processing time on: %v", err).Help("write it as 10 s, 5 min, 1 h")
		}
		s.advance = d
	case "restore":
		s.verb = "restore"
		for _, q := range f.pairs(p.value, "restore") {
			if q.key.Value != "parallelism" {
				f.unknown(q.key, "restore", []string{"parallelism"})
				continue
			}
			n, err := strconv.Atoi(f.text(q.value, "parallelism"))
			if err != nil || n < 1 || n > 128 {
				f.errorf(codeValue, q.value, "parallelism is a number from 1 to 128")
			}
			s.par = n
		}
	default:
		f.unknown(p.key, "a step", append([]string{"given", "expect", "advance"}, stepVerbs...))
		return nil
	}
	return s
}

func (f *File) readGiven(n *yaml.Node) []given {
	var out []given
	for _, p := range f.pairs(n, "given") {
		g := given{table: p.key.Value, at: p.key}
		if p.value.Kind == yaml.MappingNode { // one entry needs no list
			g.rows = []*yaml.Node{p.value}
		} else {
			g.rows = f.items(p.value, "the rows of "+p.key.Value)
		}
		out = append(out, g)
	}
	return out
}

var wantKeys = []string{wantChangelog, wantTable, wantContains, wantEmpty, wantCount, "ordered", "columns"}

func (f *File) readExpect(n *yaml.Node) []*want {
	var out []*want
	for _, p := range f.pairs(n, "expect") {
		w := &want{table: p.key.Value, at: p.key, value: p.value, mode: wantChangelog}
		out = append(out, w)
		switch p.value.Kind {
		case yaml.ScalarNode:
			if p.value.Value != wantEmpty && p.value.Tag != "!!null" {
				f.errorf(codeForm, p.value, "what is expected of a table is a list of changes, `empty`, or a mapping").Help("it has %s", strings.Join(wantKeys, ", "))
			}
			w.mode = wantEmpty
			continue
		case yaml.SequenceNode:
			w.list, w.rows = p.value, f.items(p.value, "changes")
			continue
		}
		modes := 0
		for _, q := range f.pairs(p.value, "what is expected of a table") {
			switch q.key.Value {
			case wantChangelog, wantTable, wantContains:
				w.mode, w.list, w.rows = q.key.Value, q.value, f.items(q.value, q.key.Value)
				modes++
			case wantEmpty:
				w.mode = wantEmpty
				if !f.flag(q.value, "empty") {
					f.errorf(codeForm, q.value, "`empty` can only be true").Help("say with `count` or `changelog` what is to be there")
				}
				modes++
			case wantCount:
				w.mode = wantCount
				c, err := strconv.Atoi(f.text(q.value, "count"))
				if err != nil || c < 0 {
					f.errorf(codeValue, q.value, "count is a number of changes")
				}
				w.count = c
				modes++
			case "ordered":
				w.ordered = f.flag(q.value, "ordered")
			case "columns":
				for _, c := range f.items(q.value, "columns") {
					w.columns = append(w.columns, f.text(c, "a column"))
				}
			default:
				f.unknown(q.key, "what is expected of a table", wantKeys)
			}
		}
		if modes != 1 {
			f.errorf(codeForm, p.value, "expect one of changelog, table, contains, empty and count of a table")
		}
	}
	return out
}
