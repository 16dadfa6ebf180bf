// Command docgen writes the reference pages that are made of weir's own tables: docs/configuration.md (settings,
// connectors, formats), docs/functions.md, docs/shell.md, docs/diagnostics.md and docs/cli.md. A test fails when a page is not what
// docgen would write.
//
//	go run ./cmd/internal/docgen
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pages is the generated pages by their path in the repository.
func pages() map[string]string {
	return map[string]string{
		"docs/cli.md":           commandLine(),
		"docs/configuration.md": configuration(),
		"docs/functions.md":     functions(),
		"docs/shell.md":         shell(),
		"docs/diagnostics.md":   diagnostics(),
	}
}

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

// write writes all pages below root, the folder of the repository.
func write(root string) error {
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return fmt.Errorf("run it in the folder of the repository: %w", err)
	}
	for path, text := range pages() {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// page is a Markdown text that is being written.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table begins a table.
func (p *page) table(columns ...string) {
	p.row(columns...)
	p.row(slices.Repeat([]string{"---"}, len(columns))...)
}

// row writes a row; a cell may hold Markdown, and its bars are escaped.
func (p *page) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	p.line("| %s |", strings.Join(cells, " | "))
}

// code is s as a piece of code; a piece with a backtick in it stands between two.
func code(s string) string {
	switch {
	case s == "":
		return ""
	case strings.Contains(s, "`"):
		return "`` " + s + " ``"
	}
	return "`" + s + "`"
}

// codes is several pieces of code.
func codes(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = code(s)
	}
	return strings.Join(out, ", ")
}
