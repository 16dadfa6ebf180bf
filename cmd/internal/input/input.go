// Package input finds the texts that a verb is to look at: files, folders, patterns, standard input, and the SQL in
// Markdown files.
package input

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"weir/parser/diag"
)

// Stdin is the name of the text that comes from standard input.
const Stdin = "<stdin>"

// Set is what the arguments of a verb name.
type Set struct {
	// Scripts are the texts, grouped: files that are named one by one are one script together, files that a
	// folder or a pattern finds are a script each, and so is every Markdown file.
	Scripts [][]*diag.File
	// Files are all texts in the order of the arguments.
	Files []*diag.File
	// Names are the names of what was read, in that order, each once; a Markdown file without SQL is among them.
	Names []string
	whole map[*diag.File]string // of a Markdown file: its text before all but SQL was blanked
}

// Whole is the text of f as it stands in its file. Offsets are the same as in f.Text.
func (s *Set) Whole(f *diag.File) string {
	if text, ok := s.whole[f]; ok {
		return text
	}
	return f.Text
}

// Reader is where texts come from.
type Reader struct {
	Stdin io.Reader
	// Changed are texts that stand for those of files and of Stdin, by name.
	Changed map[string]string
}

// Read reads what args name, in order:
//
//   - standard input
//     file.sql     a file
//     doc.md       the ```sql blocks of a Markdown file
//     dir          every .sql file below a folder, like dir/...
//     dir/...      the same; folders whose name begins with a dot are left out
//     a*.sql       what a pattern matches; ** stands for any number of folders
//
// An argument that names nothing is an error. Every file is read once, however often it is named.
func (r *Reader) Read(args []string) (*Set, error) {
	s := &Set{whole: map[*diag.File]string{}}
	var together []*diag.File
	seen := map[string]bool{}
	for _, arg := range args {
		if arg == "-" {
			if seen[Stdin] {
				continue
			}
			seen[Stdin] = true
			text, err := r.text(Stdin)
			if err != nil {
				return nil, err
			}
			f := &diag.File{Name: Stdin, Text: text}
			together, s.Files, s.Names = append(together, f), append(s.Files, f), append(s.Names, Stdin)
			continue
		}
		paths, many, err := Expand(arg)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if clean := filepath.Clean(path); seen[clean] {
				continue
			} else {
				seen[clean] = true
			}
			text, err := r.text(path)
			if err != nil {
				return nil, err
			}
			s.Names = append(s.Names, path)
			if IsMarkdown(path) {
				for _, script := range Fences(path, text) {
					s.whole[script] = text
					s.Scripts, s.Files = append(s.Scripts, []*diag.File{script}), append(s.Files, script)
				}
				continue
			}
			f := &diag.File{Name: path, Text: text}
			s.Files = append(s.Files, f)
			if many {
				s.Scripts = append(s.Scripts, []*diag.File{f})
			} else {
				together = append(together, f)
			}
		}
	}
	if together != nil {
		s.Scripts = append([][]*diag.File{together}, s.Scripts...)
	}
	return s, nil
}

// text is what a file or standard input holds.
func (r *Reader) text(name string) (string, error) {
	if text, ok := r.Changed[name]; ok {
		return text, nil
	}
	if name == Stdin {
		text, err := io.ReadAll(r.Stdin)
		if err != nil {
			return "", fmt.Errorf("cannot read standard input: %w", err)
		}
		return string(text), nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", ReadError(name, err)
	}
	return string(text), nil
}

// ReadError words why path could not be read.
func ReadError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file", path)
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("cannot read %s: %w", path, err)
}

// Expand lists the files that an argument names; many tells a folder or a pattern from a file's own name.
func Expand(arg string) (paths []string, many bool, err error) {
	if dir, ok := strings.CutSuffix(arg, "..."); ok {
		paths, err = below(filepath.Clean(strings.TrimSuffix(dir, "/")))
		return paths, true, err
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		paths, err = below(filepath.Clean(arg))
		return paths, true, err
	case err == nil || !strings.ContainsAny(arg, "*?[{"):
		return []string{arg}, false, nil // what is wrong with it is said when it is read
	}
	paths, err = doublestar.FilepathGlob(arg, doublestar.WithFilesOnly(), doublestar.WithFailOnIOErrors(), doublestar.WithNoHidden())
	if err != nil {
		return nil, true, fmt.Errorf("%s: %w", arg, err)
	}
	if len(paths) == 0 {
		return nil, true, fmt.Errorf("no file matches %s", arg)
	}
	sort.Strings(paths)
	return paths, true, nil
}

// below is every .sql file below dir, sorted.
func below(dir string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !d.IsDir() && filepath.Ext(path) == ".sql":
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		return nil, ReadError(dir, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no .sql file below %s", dir)
	}
	sort.Strings(found)
	return found, nil
}

// Fixed is the whole text of f with the edits that findings offer for it.
func (s *Set) Fixed(f *diag.File, findings []*diag.Diagnostic) string {
	whole := &diag.File{Name: f.Name, Text: s.Whole(f)}
	var own []*diag.Diagnostic
	for _, d := range findings {
		moved := &diag.Diagnostic{}
		for _, x := range d.Fixes {
			if x.Span.File != f {
				moved = nil // edits of one finding are made together or not at all
				break
			}
			moved.Fix(diag.Span{File: whole, Start: x.Span.Start, End: x.Span.End}, x.Text)
		}
		if moved != nil {
			own = append(own, moved)
		}
	}
	text, _ := diag.Fixed(whole, own)
	return text
}
