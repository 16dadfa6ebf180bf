package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"weir/cmd/internal/input"
	"weir/parser/diag"
	"weir/parser/format"
)

// fmtOptions are the flags of fmt.
type fmtOptions struct {
	diff, write, list bool
}

func (a *app) fmtCommand() *cobra.Command {
	var o fmtOptions
	c := &cobra.Command{
		Use: "fmt [FILE...]",

		SuggestFor: []string{"format"},

		Short: "Lay SQL out in one way",
		Long: `fmt lays out SQL files, and the ` + "```sql" + ` blocks of Markdown files, and prints them; without a file, or with -, it reads
standard input. Only white space and the case of keywords change: comments stay, and what was laid out once does not change
again. The rules, each with an example, are in parser/fmt_rules.md.

A file that does not parse is left as it is, whole, and its mistakes are shown: what a mistake has swallowed cannot be told. In a
Markdown file that holds for each block by itself.

Exit code 0: ok; 1: with -d or -l, a file is not laid out so, or a file does not parse; 2: it could not read or write.`,
		Example: `  weir fmt -w jobs/...             lay out every .sql file below jobs
  weir fmt -d job.sql              show what would change; exit code 1 if anything would
  weir fmt -l ./... docs/*.md      name the files that are not laid out, as for CI
  weir fmt < job.sql`,
		RunE: func(_ *cobra.Command, args []string) error { return a.fmt(args, o) },
	}
	f := c.Flags()
	f.BoolVarP(&o.diff, "diff", "d", false, "show what would change, and change nothing")
	f.BoolVarP(&o.write, "write", "w", false, "write the result into the files")
	f.BoolVarP(&o.list, "list", "l", false, "name the files that change, or would")
	return c
}

func (a *app) fmt(args []string, o fmtOptions) error {
	if o.diff && o.write {
		return usageError{fmt.Errorf("-d shows what -w would write: give one of them")}
	}
	if len(args) == 0 {
		args = []string{"-"}
	}
	texts, err := a.texts(args)
	if err != nil {
		return err
	}
	differs, broken := false, false
	for _, t := range texts {
		if o.write && t.name == input.Stdin {
			return usageError{fmt.Errorf("-w writes into files, and standard input is none: leave -w out")}
		}
		out, findings := laidOut(t.name, t.text)
		if findings.HasErrors() {
			broken = true
			a.show(a.stderr, findings)
		}
		changed := out != t.text
		differs = differs || changed
		if err := a.putFormatted(t.name, t.text, out, changed, o); err != nil {
			return err
		}
	}
	if broken || differs && (o.diff || o.list && !o.write) {
		return exit(exitFindings)
	}
	return nil
}

// putFormatted does with one text what the flags say.
func (a *app) putFormatted(name, was, out string, changed bool, o fmtOptions) error {
	var err error
	if o.list && changed {
		_, err = fmt.Fprintln(a.stdout, name)
	}
	switch {
	case err != nil:
	case o.diff:
		if changed && !o.list {
			_, err = fmt.Fprint(a.stdout, unifiedDiff(name, was, out))
		}
	case o.write:
		if changed {
			return overwrite(name, out)
		}
	case !o.list:
		_, err = fmt.Fprint(a.stdout, out)
	}
	return err
}

// named is a text with its name.
type named struct{ name, text string }

// texts reads what args name, whole: Markdown files with everything around their SQL.
func (a *app) texts(args []string) ([]named, error) {
	var out []named
	seen := map[string]bool{}
	for _, arg := range args {
		if arg == "-" {
			text, err := io.ReadAll(a.stdin)
			if err != nil {
				return nil, usageError{fmt.Errorf("cannot read standard input: %w", err)}
			}
			out = append(out, named{input.Stdin, string(text)})
			continue
		}
		paths, _, err := input.Expand(arg)
		if err != nil {
			return nil, usageError{err}
		}
		for _, path := range paths {
			if seen[path] {
				continue
			}
			seen[path] = true
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, usageError{input.ReadError(path, err)}
			}
			out = append(out, named{path, string(text)})
		}
	}
	return out, nil
}

// laidOut is text by the rules of weir fmt, with what does not parse.
func laidOut(name, text string) (string, *diag.List) {
	if !input.IsMarkdown(name) {
		return format.Format(&diag.File{Name: name, Text: text})
	}
	all := &diag.List{}
	out := input.RewriteBlocks(text, func(content string, at input.Place) string {
		f := &diag.File{Name: name, Text: at.Script(content)}
		if _, findings := format.Format(f); findings.HasErrors() {
			all.All = append(all.All, findings.All...)
			return content
		}
		out, _ := format.Format(&diag.File{Name: name, Text: content})
		return out
	})
	return out, all
}
