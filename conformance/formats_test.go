package conformance

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/conformance/flink"
)

// TestFormatsOnFlink gives the text cases of the changelog formats to Flink: what it reads from a file of the records, and what it
// writes, has to be what the cases expect, but for those whose comment says how Flink differs. Metadata is left out, which Flink
// reads from Kafka only.
func TestFormatsOnFlink(t *testing.T) {
	r := startFlink(t)
	files, err := filepath.Glob("../connectors/formats/json/testdata-changelog/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, f := range files {
		format := strings.TrimSuffix(filepath.Base(f), ".txt") + "-json"
		var schema, options []string
		metadata := false
		for _, c := range textCases(t, f) {
			switch c.command {
			case "schema":
				schema = c.input
			case "options":
				options = c.input
			case "metadata":
				metadata = len(c.input) > 0
			case "decode", "encode":
				if metadata {
					continue
				}
				t.Run(fmt.Sprintf("%s:%d", filepath.Base(f), c.line), func(t *testing.T) {
					dir := t.TempDir()
					script := "CREATE TABLE f (" + columns(schema) + ") WITH ('connector' = 'filesystem', 'path' = 'file://" + dir + "', 'format' = '" + format + "'"
					for _, o := range options {
						k, v, _ := strings.Cut(o, " = ")
						script += fmt.Sprintf(", '%s.%s' = '%s'", format, k, v)
					}
					script += ");\n"
					var got []string
					var failed string
					if c.command == "decode" {
						got, failed = decodedByFlink(t, r, script, dir, c)
					} else {
						got, failed = encodedByFlink(t, r, script, schema, dir, c)
					}
					want := c.expected()
					if failed != "" {
						got = []string{"an error"}
					}
					if same := slices.Equal(got, want); same == c.differs {
						t.Errorf("expected\n%s\nFlink %s\n%s", strings.Join(want, "\n"), failed, strings.Join(got, "\n"))
					}
				})
			}
		}
	}
}

type textCase struct {
	command       string
	line          int
	input, output []string
	differs       bool // a comment says how Flink does
}

// textCases reads a file of datadriven.
func textCases(t *testing.T, path string) (out []textCase) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	var c *textCase
	inOutput, differs := false, false
	for line := 1; s.Scan(); line++ {
		text := s.Text()
		switch {
		case c == nil && strings.HasPrefix(text, "#"):
			differs = differs || strings.Contains(text, "Flink")
		case c == nil && text == "":
			differs = false
		case c == nil:
			out = append(out, textCase{command: text, line: line, differs: differs})
			c, differs = &out[len(out)-1], false
		case !inOutput && text == "----":
			inOutput = true
		case !inOutput:
			c.input = append(c.input, text)
		case text == "":
			c, inOutput = nil, false
		default:
			c.output = append(c.output, text)
		}
	}
	return out
}

// expected is the output of a case as it is compared.
func (c textCase) expected() (out []string) {
	for i, line := range c.output {
		switch {
		case strings.HasPrefix(line, "error in") || strings.HasPrefix(line, "refused:"):
			return []string{"an error"}
		case strings.HasPrefix(line, "skipped") || strings.HasPrefix(line, "  help"):
		case c.command == "encode":
			if kind, _ := kindOf(c.input[i]); strings.HasPrefix(kind, "+") {
				out = append(out, line)
			}
		default:
			_, row, _ := strings.Cut(line, ": ")
			out = append(out, plainText(row))
		}
	}
	return out
}

var (
	punctuation = regexp.MustCompile(`\\[nt]|[\[\](){},"\\]`)
	zeros       = regexp.MustCompile(`\.0\b|(\.\d*[1-9])0+\b`)
)

// plainText is values without what the two notations have around them.
func plainText(s string) string {
	return strings.Join(strings.Fields(zeros.ReplaceAllString(punctuation.ReplaceAllString(s, " "), "$1")), " ")
}

// kindOf cuts the kind of a change off the line of a row.
func kindOf(line string) (kind, row string) {
	if k, rest, _ := strings.Cut(line, " "); len(k) == 2 && strings.ContainsAny(k[:1], "+-") {
		return k, rest
	}
	return "+I", line
}

func columns(schema []string) string {
	var out []string
	for _, c := range schema {
		name, typ, _ := strings.Cut(strings.TrimSuffix(c, " skip"), " ")
		out = append(out, "`"+name+"` "+typ)
	}
	return strings.Join(out, ", ")
}

func decodedByFlink(t *testing.T, r *flink.Runner, script, dir string, c textCase) (got []string, failed string) {
	var lines []string
	for _, l := range c.input {
		if l != "<null>" && l != "" { // a file has neither
			lines = append(lines, l)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "records"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, col := range regexp.MustCompile("`(\\w+)` [A-Z]").FindAllStringSubmatch(script, -1) {
		read = append(read, "`"+col[1]+"`")
	}
	res, err := r.Run(flink.Case{ID: t.Name(), Script: script + "SELECT " + strings.Join(read, ", ") + " FROM f;", Files: true, End: true})
	if err != nil {
		t.Fatal(err)
	}
	if res.Error != nil {
		return nil, res.Error.Error()
	}
	for _, ch := range res.Tables["query"].Changes {
		row := ch.Kind
		for _, v := range ch.Row {
			if v == nil {
				row += " NULL"
			} else {
				row += " " + *v
			}
		}
		got = append(got, plainText(row))
	}
	return got, ""
}

// encodedByFlink is the records of the rows that are added; a constant table has no others.
func encodedByFlink(t *testing.T, r *flink.Runner, script string, schema []string, dir string, c textCase) (got []string, failed string) {
	var rows []string
	for _, line := range c.input {
		kind, row := kindOf(line)
		if strings.HasPrefix(kind, "-") {
			continue
		}
		var values []string
		for i, v := range strings.Split(row, " | ") {
			_, typ, _ := strings.Cut(schema[i], " ")
			if v != "NULL" && strings.HasPrefix(typ, "STRING") {
				v = "'" + strings.Trim(v, `"`) + "'"
			}
			values = append(values, "CAST("+v+" AS "+strings.TrimSuffix(typ, " NOT NULL")+")")
		}
		rows = append(rows, "("+strings.Join(values, ", ")+")")
	}
	fc := flink.Case{ID: t.Name(), Files: true, End: true, Script: script + "INSERT INTO f VALUES " + strings.Join(rows, ", ") + ";"}
	res, err := r.Run(fc)
	if err != nil {
		t.Fatal(err)
	}
	if res.Error != nil {
		return nil, res.Error.Error()
	}
	parts, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Split(strings.TrimSpace(string(text)), "\n")...)
	}
	return got, ""
}
