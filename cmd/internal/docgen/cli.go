package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weir/cmd/internal/cli"
)

const cliHead = `# The command line

This page is generated from the verbs themselves (` + "`go run ./cmd/internal/docgen`" + `). ` + "`weir VERB --help`" + ` says the same, ` + "`weir docs man DIR`" + `
makes manual pages of it, and ` + "`weir completion bash|zsh|fish|powershell`" + ` prints what a shell needs to complete verbs, flags and their values.

Standard output is for results, standard error for talk. Exit codes: 0 done; 1 findings, a test failed, a file is not laid out; 2 the command
line, a setting or a file is wrong; 3 a job failed; 4 a newer instance of the job has taken over; 130 interrupted.
`

// commandLine is docs/cli.md.
func commandLine() string {
	p := &page{}
	p.WriteString(cliHead)
	root := cli.Commands()
	p.line("\n## Flags of all verbs\n")
	flags(p, root.PersistentFlags())
	var verb func(c *cobra.Command)
	verb = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c.HasParent() {
			p.line("\n## %s\n", c.CommandPath())
			if c.Long != "" {
				p.line("%s\n", prose(c.Long))
			} else {
				p.line("%s.\n", c.Short)
			}
			p.line("```console\n$ %s\n```\n", c.UseLine())
			p.line("```console\n%s\n```", example(c.Example))
			if c.LocalNonPersistentFlags().HasAvailableFlags() {
				p.line("")
				flags(p, c.LocalNonPersistentFlags())
			}
		}
		for _, sub := range c.Commands() {
			verb(sub)
		}
	}
	verb(root)
	return p.String()
}

// prose is a text of help as Markdown: what it indents is code.
func prose(s string) string {
	return strings.NewReplacer("<", `\<`, "*_test", `\*_test`, "*.", `\*.`).Replace(s)
}

func example(s string) string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		out = append(out, "$ "+strings.TrimPrefix(l, "  "))
	}
	return strings.Join(out, "\n")
}

func flags(p *page, set *pflag.FlagSet) {
	p.table("flag", "meaning", "default")
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if value != "" {
			name += " " + value
		}
		def := f.DefValue
		if def == "[]" || def == "false" || def == "-1" {
			def = ""
		}
		p.row(code(name), usage, code(def))
	})
}
