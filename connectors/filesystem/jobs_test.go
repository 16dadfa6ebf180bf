package filesystem

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/connectors/jobtest"
	"weir/exec"
)

// The files of testdata/jobs:
//
//	files path=p       makes the file p below ${DIR}
//	rows table=t       what a table of connector 'memory' holds
//	job                runs a script: what it wrote to tables in memory, or why it failed
//	tree               what lies below ${DIR}: files with their lines, all part files of a folder together, sorted; hidden files are counted
func TestJobs(t *testing.T) {
	datadriven.Walk(t, "testdata/jobs", func(t *testing.T, path string) {
		dir := t.TempDir()
		rows := map[string][]string{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				var name string
				d.ScanArgs(t, "path", &name)
				at := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, []byte(d.Input+"\n"), 0o666); err != nil {
					t.Fatal(err)
				}
				return ""
			case "rows":
				var table string
				d.ScanArgs(t, "table", &table)
				rows[table] = strings.Split(strings.TrimSpace(d.Input), "\n")
				return ""
			case "job":
				j := jobtest.Job{Connectors: exec.Registry{"filesystem": Connector(registry)}, Rows: rows, Replace: []string{"${DIR}", dir}}
				return j.Run(t, d.Input)
			case "tree":
				return tree(t, dir)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

var partFile = regexp.MustCompile(`^part-[0-9a-f]{24}-\d+-\d+$`)

func tree(t *testing.T, dir string) string {
	t.Helper()
	lines := map[string][]string{}
	hidden := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") {
			hidden++
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if partFile.MatchString(d.Name()) {
			rel = filepath.Join(filepath.Dir(rel), "part")
		}
		b, err := os.ReadFile(path)
		lines[rel] = append(lines[rel], strings.Fields(string(b))...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for name, ls := range lines {
		slices.Sort(ls)
		out = append(out, strings.TrimSpace(name+": "+strings.Join(ls, " ")))
	}
	slices.Sort(out)
	if hidden > 0 {
		out = append(out, fmt.Sprintf("%d hidden", hidden))
	}
	return strings.Join(out, "\n") + "\n"
}
