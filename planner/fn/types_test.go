package fn_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/parser"
	"weir/parser/diag"
	"weir/planner/bind"
	"weir/planner/fn"
	"weir/planner/types"
)

// typeOf reads a type, NULL included.
func typeOf(t *testing.T, s string) types.Type {
	t.Helper()
	if s = strings.TrimSpace(s); s == "NULL" {
		return types.TNull
	}
	n, diags := parser.ParseType(&diag.File{Name: "type", Text: s})
	if !diags.HasErrors() {
		if out, ok := bind.Type(n, diags); ok {
			return out
		}
	}
	t.Fatalf("%q: %s", s, diags.All[0].Title)
	return types.Type{}
}

// argOf reads an argument: a type, or a literal as 'text' or =number; a literal interval is a type and =number.
func argOf(t *testing.T, s string) fn.Arg {
	t.Helper()
	s = strings.TrimSpace(s)
	if s[0] == '\'' {
		v := strings.Trim(s, "'")
		return fn.Arg{Type: types.Type{Kind: types.Char, Len: len(v)}, Literal: true, Value: v}
	}
	name, num, lit := strings.Cut(s, "=")
	if name == "" {
		name = "INT NOT NULL"
	}
	a := fn.Arg{Type: typeOf(t, name)}
	if lit {
		n, err := strconv.ParseInt(num, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		a.Literal, a.Value = true, n
	}
	return a
}

// TestTypes reads lines: of "call", a function and its arguments, parted by |, to the result and, behind <-, the types the arguments are cast
// to where they differ; of "common", types to their common type; of "cast", two types to implicit, explicit or no.
func TestTypes(t *testing.T) {
	builtins := fn.Builtins()
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for _, line := range strings.Split(d.Input, "\n") {
				parts := strings.Split(line, "|")
				if strings.HasPrefix(line, "||") {
					parts = append([]string{"||"}, strings.Split(line[3:], "|")...)
				}
				switch d.Cmd {
				case "call":
					f := builtins[strings.TrimSpace(parts[0])]
					if f == nil {
						t.Fatalf("%s: no such function", parts[0])
					}
					var args []fn.Arg
					for _, p := range parts[1:] {
						if strings.TrimSpace(p) != "" {
							args = append(args, argOf(t, p))
						}
					}
					out.WriteString(call(f, args))
				case "common":
					var ts []types.Type
					for _, p := range parts {
						ts = append(ts, typeOf(t, p))
					}
					if c, err := fn.CommonType(ts...); err != nil {
						fmt.Fprintln(&out, err)
					} else {
						fmt.Fprintln(&out, c)
					}
				case "cast":
					ok, implicit := fn.CanCast(typeOf(t, parts[0]), typeOf(t, parts[1]))
					switch {
					case implicit:
						fmt.Fprintln(&out, "implicit")
					case ok:
						fmt.Fprintln(&out, "explicit")
					default:
						fmt.Fprintln(&out, "no")
					}
				default:
					t.Fatalf("unknown command %s", d.Cmd)
				}
			}
			return out.String()
		})
	})
}

func call(f *fn.Func, args []fn.Arg) string {
	result, casts, err := f.Resolve(args)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var changed []string
	for i, c := range casts {
		if !c.EqualIgnoringNull(args[i].Type) {
			changed = append(changed, fmt.Sprintf("%d: %s", i+1, c))
		}
	}
	s := result.String()
	if changed != nil {
		s += " <- " + strings.Join(changed, ", ")
	}
	return s + "\n"
}

func TestEveryFunctionIsDescribed(t *testing.T) {
	for name, f := range fn.Builtins() {
		if f.Name != name || f.Family == "" || f.Syntax == "" || f.Resolve == nil {
			t.Errorf("%s: incomplete", name)
		}
		if !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: its description is no sentence: %q", name, f.Doc)
		}
		if f.Kind == fn.Scalar && len(f.Examples) == 0 {
			t.Errorf("%s: no example", name)
		}
	}
}
