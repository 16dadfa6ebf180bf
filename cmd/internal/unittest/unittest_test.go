package unittest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"weir/cmd/internal/unittest"
	"weir/conformance/flink"
	"weir/connectors/spec"
	"weir/exec/expr"
	"weir/planner"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/scalar"
	"weir/planner/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const examples = "../../../examples"

func options(cfg *config.Config) planner.Options {
	return planner.Options{Registry: spec.Registry(), Functions: fn.Builtins(), Config: cfg,
		Fold: func(e scalar.Expr) (types.Value, error) { return expr.Fold(e, expr.Env{Zone: cfg.Zone()}) }}
}

// read reads a test file that has no mistakes.
func read(t *testing.T, path string) *unittest.File {
	t.Helper()
	f, diags, err := unittest.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range diags.All {
		t.Errorf("%s: %s", d.Span, d.Title)
	}
	return f
}

type engine interface {
	Run(ctx context.Context, t *unittest.Test, s unittest.Style) *unittest.Outcome
}

// pass runs all tests of a file, which must pass; it reports how many were run.
func pass(t *testing.T, e engine, path string) int {
	t.Helper()
	ran := 0
	for _, test := range read(t, path).Tests {
		o := e.Run(t.Context(), test, unittest.Style{})
		if o.Failure != "" {
			t.Errorf("%s:%d: %s: %s\n%s", path, test.Line, test.Name, o.Failure, o.Detail)
		}
		if o.Skipped == "" {
			ran++
		}
	}
	return ran
}

func tests(t *testing.T) []string {
	t.Helper()
	jobs, err := filepath.Glob(examples + "/*.sql")
	if err != nil || len(jobs) < 6 {
		t.Fatalf("found %d examples: %v", len(jobs), err)
	}
	for i, j := range jobs {
		jobs[i] = strings.TrimSuffix(j, ".sql") + unittest.Suffix
	}
	return jobs
}

func TestEveryExampleHasTestsThatPass(t *testing.T) {
	for _, path := range tests(t) {
		if pass(t, &unittest.Runner{Planner: options}, path) == 0 {
			t.Errorf("%s runs no test", path)
		}
	}
}

func TestExamplesBearADeathBehindEveryRow(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: half a minute, and -short")
	}
	for _, path := range tests(t) {
		pass(t, &unittest.Runner{Planner: options, Chaos: true}, path)
	}
}

func TestExamplesMeanTheSameOnFlink(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: half a minute, and -short")
	}
	f, err := unittest.StartFlink(t.Context(), &unittest.Runner{Planner: options})
	if errors.Is(err, flink.ErrUnavailable) && os.Getenv("WEIR_REQUIRE_KAFKA") == "" {
		t.Skipf("NOT RUN: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, path := range tests(t) {
		if pass(t, f, path) == 0 {
			t.Errorf("%s claims no test for Flink", path)
		}
	}
}

// An hour and more of event time in a thousand tests takes seconds.
func TestAThousandTestsTakeSeconds(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: seconds, and -short")
	}
	dir := t.TempDir()
	job, err := os.ReadFile(examples + "/tumble.sql")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("tests:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "- name: test %d\n  given: {orders: [{customer: ann, amount: %d, order_time: 00:00:00}, {customer: ann, amount: 1, order_time: 01:00:00}]}\n"+
			"  expect: {orders_per_window: {contains: [{orders: 1, revenue: %d}]}}\n", i, i, i)
	}
	write(t, filepath.Join(dir, "tumble.sql"), string(job))
	write(t, filepath.Join(dir, "tumble_test.yaml"), b.String())
	began, before := time.Now(), processorTime(t)
	if n := pass(t, &unittest.Runner{Planner: options}, filepath.Join(dir, "tumble_test.yaml")); n != 1000 {
		t.Fatalf("%d tests were run", n)
	}
	took := processorTime(t) - before
	t.Logf("1000 tests took %s, of a processor %s", time.Since(began), took)
	if took > 60*time.Second { // of its own time: what else the machine does is nothing to the test
		t.Errorf("1000 tests took %s of a processor", took)
	}
}

// processorTime is what this process has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// page is docs/testing.md as files: its jobs, called by their pipeline.name, and its blocks of YAML as test files, of the first job unless they say.
func page(t *testing.T) (paths []string) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, m := range regexp.MustCompile("(?ms)^```(sql|yaml)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if m[1] == "sql" {
			name := regexp.MustCompile(`'pipeline.name' = '(\w+)'`).FindStringSubmatch(m[2])
			write(t, filepath.Join(dir, name[1]+".sql"), m[2])
			continue
		}
		body := m[2]
		if !strings.HasPrefix(body, "job:") {
			body = "job: payments.sql\n" + body
		}
		path := filepath.Join(dir, fmt.Sprintf("block%d%s", i, unittest.Suffix))
		write(t, path, body)
		paths = append(paths, path)
	}
	if len(paths) < 5 {
		t.Fatalf("the page has %d blocks", len(paths))
	}
	return paths
}

func TestBlocksOfThePagePass(t *testing.T) {
	for _, path := range page(t) {
		pass(t, &unittest.Runner{Planner: options}, path)
	}
}

// The schema takes what weir takes, and refuses what weir refuses.
func TestSchemaDescribesTestFiles(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile("../../../docs/schema/test.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(tests(t), page(t)...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(value(t, string(text))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, bad := range []string{
		"test: []",
		"tests: []",
		"tests: [{expect: {t: empty}}]",
		"tests: [{name: a, expct: {t: empty}}]",
		"tests: [{name: a, given: {}, steps: []}]",
		"tests: [{name: a, expect: {t: full}}]",
		"tests: [{name: a, expect: {t: {count: 1, empty: true}}}]",
		"tests: [{name: a, steps: [{given: {}, expect: {t: empty}}]}]",
		"tests: [{name: a, steps: [sleep]}]",
		"tests: [{name: a, error: {code: 7}}]",
		"tests: [{name: a, parallelism: 0, expect: {t: empty}}]",
	} {
		if s.Validate(value(t, bad)) == nil {
			t.Errorf("the schema takes %s", bad)
		}
		path := filepath.Join(t.TempDir(), "bad_test.yaml")
		write(t, path, bad)
		if _, diags, err := unittest.Read(path); err != nil || !diags.HasErrors() {
			t.Errorf("weir takes %s (%v)", bad, err)
		}
	}
}

// value is YAML as the validator wants it: times are texts, as tests read them.
func value(t *testing.T, text string) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	var plain func(*yaml.Node) any
	plain = func(n *yaml.Node) any {
		switch n.Kind {
		case yaml.DocumentNode:
			return plain(n.Content[0])
		case yaml.MappingNode:
			m := map[string]any{}
			for i := 0; i < len(n.Content); i += 2 {
				m[n.Content[i].Value] = plain(n.Content[i+1])
			}
			return m
		case yaml.SequenceNode:
			l := make([]any, len(n.Content))
			for i, c := range n.Content {
				l[i] = plain(c)
			}
			return l
		}
		var v any
		if err := n.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if _, ok := v.(time.Time); ok {
			return n.Value
		}
		return v
	}
	return plain(&n)
}
