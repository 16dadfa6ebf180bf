// Package scaffold makes projects that run at once: a job, its tests, data or a topic, and a file for CI. weir init is its
// only caller.
package scaffold

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"weir/cmd/internal/guess"
	"weir/connectors/kafka/peek"
	"weir/parser/diag"
	"weir/parser/format"
)

//go:embed files
var files embed.FS

// File is a file of a project.
type File struct {
	Path string // below the project's folder, with slashes
	Text string
}

// CIs are the systems for which there is a file.
var CIs = []string{"github", "gitlab"}

// Sample is the project with sample data: revenue by country and minute.
func Sample() []File {
	var out []File
	for _, name := range []string{"job.sql", "job_test.yaml", "data/orders.json"} {
		out = append(out, File{name, read(name)})
	}
	return out
}

// CI is the file for a system, one of CIs.
func CI(system string) File {
	path := map[string]string{"github": ".github/workflows/weir.yaml", "gitlab": ".gitlab-ci.yml"}[system]
	return File{path, read(system + ".yaml")}
}

func read(name string) string {
	text, err := files.ReadFile("files/" + name)
	if err != nil {
		panic("scaffold: " + err.Error()) // it is in the program
	}
	return string(text)
}

// FromTopic is the project of a topic that was looked into: a job that shows its rows, and a test made of the first of them.
func FromTopic(t *peek.Topic, table *guess.Table) []File {
	names := columns(table)
	var b strings.Builder
	fmt.Fprintf(&b, "-- The rows of topic %s, on the terminal. The table is a guess by %d records: mend what is wrong.\n\n", t.Name, len(t.Records))
	fmt.Fprintf(&b, "SET 'pipeline.name' = %s;\nSET 'table.local-time-zone' = 'UTC';\n\n", literal(table.Name))
	b.WriteString(table.SQL())
	b.WriteString("\nCREATE TABLE shown (\n")
	for i, n := range names {
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "  %s %s%s\n", guess.Quote(n), table.Column(n).Decl, comma)
	}
	b.WriteString(") WITH (\n  'connector' = 'print'\n);\n\n")
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = guess.Quote(n)
	}
	fmt.Fprintf(&b, "INSERT INTO shown SELECT %s FROM %s;\n", strings.Join(quoted, ", "), guess.Quote(table.Name))
	text, _ := format.Format(&diag.File{Name: "job.sql", Text: b.String()}) // what does not parse stays as it is
	out := []File{{"job.sql", text}}
	if test, ok := topicTest(t, table, names); ok {
		out = append(out, File{"job_test.yaml", test})
	}
	return out
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// columns is the columns that stand in records: neither computed ones nor metadata.
func columns(t *guess.Table) []string {
	var out []string
	for _, c := range t.Columns {
		if !strings.HasPrefix(c.Decl, "AS ") && !strings.Contains(c.Decl, " METADATA ") {
			out = append(out, c.Name)
		}
	}
	return out
}

// topicTest is a test of the first record: its row goes in and comes out. false where a record is no flat JSON object, or the time of
// events does not stand in it.
func topicTest(t *peek.Topic, table *guess.Table, names []string) (string, bool) {
	if c := table.Column("record_time"); c != nil && table.Watermark != nil && table.Watermark.Column == c.Name {
		return "", false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(t.Records[0].Value, &members) != nil {
		return "", false
	}
	var row []string
	for _, n := range names {
		raw, ok := members[n]
		switch {
		case !ok:
			continue // of the key, or missing in this record
		case raw[0] == '{' || raw[0] == '[':
			return "", false
		case strings.HasPrefix(table.Column(n).Decl, "TIMESTAMP") && strings.Contains(string(raw), "T"):
			return "", false // how a test writes such a time is another matter
		}
		row = append(row, quotedKey(n)+": "+string(raw))
	}
	if len(row) == 0 {
		return "", false
	}
	line := "    - {" + strings.Join(row, ", ") + "}\n"
	return "# What job.sql makes of the first record of the sample. The form is described in docs/testing.md.\njob: job.sql\n\ntests:\n" +
		"- name: a row goes through\n  given:\n    " + quotedKey(table.Name) + ":\n" + line + "  expect:\n    shown:\n" + line, true
}

// quotedKey is a name as a key of YAML.
func quotedKey(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("scaffold: " + err.Error()) // a string: cannot happen
	}
	return string(b)
}

// ErrThere is a project that would overwrite files.
var ErrThere = errors.New("there already")

// Write makes the files below dir. Where one of them is there already it makes none.
func Write(dir string, project []File) error {
	for _, f := range project {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is %w", path, ErrThere)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, f := range project {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
