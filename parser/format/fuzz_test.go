package format

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/parser"
	"weir/parser/ast"
	"weir/parser/diag"
	"weir/parser/token"
)

// FuzzParse holds for any text: Parse does not panic, findings lie inside the text, and
// what parses is printed and formatted to text that parses to the same tree.
func FuzzParse(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkText(t, text) })
}

// corpus is the inputs of all text cases of the parser.
func corpus(tb testing.TB) []string {
	paths, err := filepath.Glob("../testdata/parse/*")
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no text cases found: %v", err)
	}
	var all []string
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		for _, c := range strings.Split(string(b), "\n\n") {
			_, body, ok := strings.Cut("\n"+c, "\nparse\n")
			prefix := ""
			if !ok {
				if _, body, ok = strings.Cut("\n"+c, "\nexpr\n"); !ok {
					continue
				}
				prefix = "SELECT "
			}
			body, _, _ = strings.Cut(body, "\n----")
			all = append(all, prefix+body)
		}
	}
	return all
}

func checkText(t *testing.T, text string) {
	src := &diag.File{Name: "f.sql", Text: text}
	script, l := parser.Parse(src)
	for _, d := range l.All {
		inside(t, src, d.Span)
		for _, label := range d.Labels {
			inside(t, src, label.Span)
		}
	}
	if err := diag.Render(&strings.Builder{}, l, diag.RenderOptions{Width: 40}); err != nil {
		t.Fatal(err)
	}
	for _, st := range script.Statements {
		inside(t, src, st.Span())
		if l.Within(st.Span()) {
			continue
		}
		printed := Print(st)
		again, l2 := parser.Parse(&diag.File{Name: "printed", Text: printed + ";"})
		if l2.HasErrors() || len(again.Statements) != 1 {
			t.Fatalf("does not parse when printed:\n%s\n---\n%s\n%s", st.Span().Text(), printed, rendered(l2))
		}
		if a, b := bare(st), bare(again.Statements[0]); !reflect.DeepEqual(a, b) {
			t.Fatalf("parses to something else when printed:\n%s\n---\n%s", st.Span().Text(), printed)
		}
	}
	if l.HasErrors() {
		return
	}
	once, l3 := Format(src)
	if l3.HasErrors() {
		t.Fatalf("cannot be formatted:\n%s\n%s", text, rendered(l3))
	}
	twice, l4 := Format(&diag.File{Name: "once", Text: once})
	if l4.HasErrors() {
		t.Fatalf("does not parse when formatted:\n%s\n---\n%s\n%s", text, once, rendered(l4))
	}
	if once != twice {
		t.Fatalf("formatting twice changes it again:\n%s\n---\n%s\n---\n%s", text, once, twice)
	}
	if was, is := comments(text), comments(once); !slices.Equal(was, is) {
		t.Fatalf("comments %q became %q:\n%s\n---\n%s", was, is, text, once)
	}
	again, _ := parser.Parse(&diag.File{Name: "once", Text: once})
	if !reflect.DeepEqual(bare(script.Statements), bare(again.Statements)) {
		t.Fatalf("parses to something else when formatted:\n%s\n---\n%s", text, once)
	}
}

// comments is the comments of a text, in order.
func comments(text string) []string {
	f := &diag.File{Name: "f.sql", Text: text}
	_, found := token.Lex(f, &diag.List{})
	var out []string
	for _, c := range found {
		out = append(out, strings.TrimRight(text[c.Start:c.End], " \t\r"))
	}
	return out
}

// FuzzComments puts comments of all kinds between the tokens of texts that parse: none may be lost or move past another, and the
// statements must stay what they are.
func FuzzComments(f *testing.F) {
	for i, text := range corpus(f) {
		f.Add(text, uint64(i)*0x9E3779B97F4A7C15)
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		if _, l := parser.Parse(&diag.File{Name: "f.sql", Text: text}); l.HasErrors() {
			return
		}
		checkText(t, commented(text, seed))
	})
}

// commented is text with comments between its tokens where seed says so.
func commented(text string, seed uint64) string {
	toks, _ := token.Lex(&diag.File{Name: "f.sql", Text: text}, &diag.List{})
	var b strings.Builder
	at := 0
	for i, tok := range toks {
		b.WriteString(text[at:tok.Start])
		at = tok.Start
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		// Inside /*+ ... */ there are hints, where a comment would be something else.
		if insideHint(toks[:i]) {
			continue
		}
		switch n := strconv.Itoa(i); seed % 8 {
		case 0:
			b.WriteString(" -- line " + n + "\n")
		case 1:
			b.WriteString(" /* block " + n + " */ ")
		case 2:
			b.WriteString("\n-- own line " + n + "\n")
		case 3:
			b.WriteString("\n\n/* two\n   lines " + n + " */\n")
		}
	}
	b.WriteString(text[at:])
	return b.String()
}

func insideHint(before []token.Token) bool {
	for i := len(before) - 1; i >= 0; i-- {
		switch before[i].Key {
		case "*/":
			return false
		case "/*+":
			return true
		}
	}
	return false
}

func inside(t *testing.T, f *diag.File, sp diag.Span) {
	t.Helper()
	if sp.File != f || sp.Start < 0 || sp.Start > sp.End || sp.End > len(f.Text) {
		t.Fatalf("a place outside the text: %d to %d of %d", sp.Start, sp.End, len(f.Text))
	}
}

func rendered(l *diag.List) string {
	var b strings.Builder
	if err := diag.Render(&b, l, diag.RenderOptions{}); err != nil {
		return err.Error()
	}
	return b.String()
}

// bare is a copy of a tree without its places and its quoting.
func bare(v any) any { return strip(reflect.ValueOf(v)).Interface() }

var (
	spanType  = reflect.TypeOf(diag.Span{})
	identType = reflect.TypeOf(ast.Ident{})
)

func strip(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(strip(v.Elem()))
		return out
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		out.Set(strip(v.Elem()))
		return out
	case reflect.Slice:
		if v.Len() == 0 {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(strip(v.Index(i)))
		}
		return out
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		if v.Type() == spanType {
			return out
		}
		for i := range v.NumField() {
			if v.Type() == identType && v.Type().Field(i).Name == "Quoted" {
				continue
			}
			out.Field(i).Set(strip(v.Field(i)))
		}
		return out
	}
	return v
}
