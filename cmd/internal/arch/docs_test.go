package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the folder of the repository, seen from here.
const root = "../../.."

// pages are the texts that are held to the code.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(docs, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[path] = string(text)
	}
	return out
}

// functionsOf lists the functions and methods that a Go file declares: "New", "Store.Commit".
func functionsOf(t *testing.T, path string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return nil
	}
	names := map[string]bool{}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := f.Name.Name
		if f.Recv != nil {
			on := f.Recv.List[0].Type
			if p, ok := on.(*ast.StarExpr); ok {
				on = p.X
			}
			if g, ok := on.(*ast.IndexExpr); ok {
				on = g.X
			}
			name = on.(*ast.Ident).Name + "." + name
		}
		names[name] = true
	}
	return names
}

// Documents name steps as path/file.go:function and tests as path/file_test.go:Test.
func TestFunctionsThatDocumentsNameExist(t *testing.T) {
	step := regexp.MustCompile("`([a-z0-9_/]+\\.go)(?::([A-Za-z0-9_.]+))?`")
	files := map[string]map[string]bool{}
	for page, text := range pages(t) {
		for _, m := range step.FindAllStringSubmatch(text, -1) {
			path, function := m[1], m[2]
			if files[path] == nil {
				if _, err := os.Stat(filepath.Join(root, path)); err != nil {
					t.Errorf("%s: there is no file %s", filepath.Base(page), path)
					continue
				}
				files[path] = functionsOf(t, filepath.Join(root, path))
			}
			if function != "" && !files[path][function] {
				t.Errorf("%s: %s has no function %s", filepath.Base(page), path, function)
			}
		}
	}
}

func TestEveryPackageIsInTheArchitecture(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, packages, _ := strings.Cut(string(text), "## Packages")
	packages, _, _ = strings.Cut(packages, "\n## ")
	known := map[string]bool{}
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, "weir/")
		known[name] = true
		if !strings.Contains(packages, "`"+name+"`") {
			t.Errorf("docs/architecture.md does not say what package %s is", name)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^- `([a-z0-9/]+)`").FindAllStringSubmatch(packages, -1) {
		if !known[m[1]] {
			t.Errorf("docs/architecture.md describes package %s, which does not exist", m[1])
		}
	}
}

// Links of documents to files of the repository lead somewhere.
func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	for page, text := range pages(t) {
		anchors := map[string]bool{}
		for _, m := range heading.FindAllStringSubmatch(text, -1) {
			anchors["#"+strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			switch path := m[1]; {
			case strings.Contains(path, "://"):
			case path == "":
				if !anchors[m[2]] {
					t.Errorf("%s: there is no heading %s", filepath.Base(page), m[2])
				}
			default:
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), path)); err != nil {
					t.Errorf("%s: %v", filepath.Base(page), err)
				}
			}
		}
	}
}
