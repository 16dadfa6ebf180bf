package cli

import (
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"weir/parser/diag"
	"weir/parser/diag/explain"
	"weir/planner/lint"
)

func (a *app) explainErrorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain-error CODE...",
		Short: "Say what a finding means, with an example that has it and one that has not",
		Long: `explain-error says what the code of a finding means: why it matters, what to do, a script that has the finding and one
that has it not. Without a code it lists all of them. docs/diagnostics.md has the same.`,
		Example: `  weir explain-error SQ2103
  weir explain-error sq7501 7503   several, and as they are quickly typed
  weir explain-error | grep join   which are there`,
		RunE: func(_ *cobra.Command, args []string) error { return a.explainError(args) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var out []string
			for _, c := range allCodes() {
				out = append(out, c+"\t"+diag.Codes[c])
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// allCodes is the codes of all diagnostics, sorted.
func allCodes() []string {
	out := make([]string, 0, len(diag.Codes))
	for c := range diag.Codes {
		out = append(out, c)
	}
	sort.Strings(out)
	return out
}

func (a *app) explainError(args []string) error {
	if len(args) == 0 {
		for _, c := range allCodes() {
			fmt.Fprintf(a.stdout, "%s  %s\n", c, diag.Codes[c])
		}
		return nil
	}
	for i, arg := range args {
		code := strings.ToUpper(arg)
		if !strings.HasPrefix(code, "SQ") {
			code = "SQ" + code
		}
		e, ok := explain.Lookup(code)
		if !ok {
			help := "weir explain-error lists all codes"
			if s, close := diag.Suggest(code, allCodes()); close {
				help = "did you mean " + s + "?"
			}
			return usageError{fmt.Errorf("there is no finding %q: %s", arg, help)}
		}
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		a.explainCode(e)
	}
	return nil
}

func (a *app) explainCode(e explain.Entry) {
	out := a.stdout
	fmt.Fprintf(out, "%s: %s\n\n%s\n\nWhat to do: %s\n", e.Code, e.Summary, wrap(e.Why, 100), wrap(e.Fix, 100))
	if r := lint.Lookup(e.Code); r != nil {
		how := "a warning"
		if r.Note {
			how = "a note"
		}
		if r.Pedantic {
			how += ", only when it is asked for"
		}
		fmt.Fprintf(out, "Rule: %s, %s\n", r.Name, how)
	}
	if e.Bad == "" {
		return
	}
	fmt.Fprintf(out, "\nHas it:\n\n%s\n\nHas it not:\n\n%s\n", indented(e.Bad, "    "), indented(e.Good, "    "))
	if t := explain.Tables(e.Bad); t != "" {
		fmt.Fprintf(out, "\nwith these tables:\n\n%s\n", indented(strings.TrimSpace(t), "    "))
	}
}

// wrap breaks text at blanks into lines of at most n characters.
func wrap(text string, n int) string {
	var b strings.Builder
	col := 0
	for _, w := range strings.Fields(text) {
		switch l := len([]rune(w)); {
		case col == 0:
			col = l
		case col+1+l > n:
			b.WriteByte('\n')
			col = l
		default:
			b.WriteByte(' ')
			col += 1 + l
		}
		b.WriteString(w)
	}
	return b.String()
}
