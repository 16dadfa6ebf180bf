package conf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/cmd/internal/conf"
	"weir/parser/diag"
)

// TestTexts runs the text files under testdata. The commands:
//
//	file name=PATH     the input becomes the file
//	load [profile=NAME] [env=NAME=VALUE]... [x=KEY=VALUE]...
//	                   the layers sys.toml, user.toml, .weir.toml and what the arguments say: every value that is not a default
//	level code=CODE    the level of a rule for each file of the input
func TestTexts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Chdir(t.TempDir())
		var last *conf.Config
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				var name string
				d.ScanArgs(t, "name", &name)
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(d.Input), 0o644); err != nil {
					t.Fatal(err)
				}
				return ""
			case "load":
				s := conf.Sources{System: "sys.toml", User: "user.toml", Dir: ".", Codes: []string{"SQ7001", "SQ7002"}}
				s.Code = func(name string) (string, bool) { return name, name == "SQ7001" || name == "SQ7002" }
				d.MaybeScanArgs(t, "profile", &s.Profile)
				d.MaybeScanArgs(t, "dir", &s.Dir)
				s.Environ, s.Options = strings.Fields(argument(d, "env")), strings.Fields(argument(d, "x"))
				c, found, err := conf.Load(s)
				if err != nil {
					return "error: " + err.Error() + "\n"
				}
				last = c
				return show(c, found)
			case "level":
				var code string
				d.ScanArgs(t, "code", &code)
				var b strings.Builder
				for _, f := range strings.Fields(d.Input) {
					fmt.Fprintf(&b, "%s %q\n", f, last.Level(code, f))
				}
				return b.String()
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

func argument(d *datadriven.TestData, name string) string {
	for _, a := range d.CmdArgs {
		if a.Key == name {
			return strings.Join(a.Vals, " ")
		}
	}
	return ""
}

func show(c *conf.Config, found *diag.List) string {
	var b strings.Builder
	for _, v := range c.Values() {
		if v.Origin != "default" {
			fmt.Fprintf(&b, "%s = %s  (%s)\n", v.Key, v.Value, v.Origin)
		}
	}
	for _, f := range found.All {
		fmt.Fprintf(&b, "%s %s %s", f.Span, f.Code, f.Title)
		for _, h := range f.Helps {
			b.WriteString(" = " + h)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
