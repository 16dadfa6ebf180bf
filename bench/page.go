package main

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed page.tmpl nexmark.tmpl
var templates embed.FS

// page is docs/benchmarks.md. It is made of the templates, of the newest records, and of bench/nexmark.md, which people write; nothing else
// is in it, so that writing it again loses nothing.
type page struct {
	*report
	Nexmark *nexmarkReport // nil without a record
	Said    string         // bench/nexmark.md: what there is to say of Nexmark's figures
}

// writePage writes docs/benchmarks.md below root, the repository's.
func writePage(root string) error {
	text, err := pageText(root)
	if err != nil {
		return err
	}
	file := filepath.Join(root, "docs", "benchmarks.md")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	say("written: docs/benchmarks.md")
	return os.WriteFile(file, []byte(text), 0o644)
}

func pageText(root string) (string, error) {
	records := filepath.Join(root, "bench", "record")
	p := page{report: &report{}, Nexmark: &nexmarkReport{}}
	if found, err := readNewest(filepath.Join(records, "2*.json"), p.report); err != nil {
		return "", err
	} else if !found {
		return "", errors.New("bench/record has no record of the jobs: make bench makes one")
	}
	found, err := readNewest(filepath.Join(records, "nexmark-*.json"), p.Nexmark)
	if err != nil {
		return "", err
	}
	if !found {
		p.Nexmark = nil
	}
	said, err := os.ReadFile(filepath.Join(root, "bench", "nexmark.md"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	p.Said = string(said)
	t, err := template.ParseFS(templates, "*.tmpl")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.ExecuteTemplate(&b, "page.tmpl", p)
	return b.String(), err
}

// readNewest reads the last of the records that a pattern finds, by their names, which end with dates.
func readNewest(pattern string, into any) (found bool, err error) {
	files, err := filepath.Glob(pattern) // sorted
	if err != nil || len(files) == 0 {
		return false, err
	}
	last := files[len(files)-1]
	text, err := os.ReadFile(last)
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, fmt.Errorf("%s: %w", last, err)
	}
	return true, nil
}

// writeRecord writes what a run found to a file of bench/record.
func writeRecord(name string, r any) error {
	j, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join("bench", "record", name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	say("written: %s", file)
	return os.WriteFile(file, append(j, '\n'), 0o644)
}
