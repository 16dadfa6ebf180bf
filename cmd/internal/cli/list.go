package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"weir/connectors/spec"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/lint"
)

// entry is something that weir has, as list names it and docs describes it.
type entry struct {
	Name     string       `json:"name"`
	Doc      string       `json:"doc"`
	Syntax   string       `json:"syntax,omitempty"`
	Type     string       `json:"type,omitempty"`
	Default  string       `json:"default,omitempty"`
	Values   []string     `json:"values,omitempty"`
	Example  string       `json:"example,omitempty"`
	Examples []fn.Example `json:"examples,omitempty"`
	Options  []entry      `json:"options,omitempty"`
	Metadata []entry      `json:"metadata,omitempty"`
	Uses     []string     `json:"uses,omitempty"` // of a connector: "source", "sink"
	Required bool         `json:"required,omitempty"`
	Code     string       `json:"code,omitempty"`
}

// shelves is what list and docs know, by the word that names it.
var shelves = map[string]func() []entry{
	"connectors": connectorEntries, "formats": formatEntries, "functions": functionEntries, "settings": settingEntries, "rules": ruleEntries,
}

// shelfNames is the words, sorted.
func shelfNames() []string {
	var out []string
	for name := range shelves {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

func optionEntry(o *catalog.OptionSpec) entry {
	e := entry{Name: o.Key, Doc: o.Doc, Default: o.Default, Values: o.Values, Example: o.Example, Required: o.Required, Type: optionType(o.Type)}
	if o.Prefix {
		e.Name += "*"
	}
	return e
}

func optionType(t catalog.OptionType) string {
	return map[catalog.OptionType]string{catalog.OptString: "string", catalog.OptInt: "integer", catalog.OptLong: "long", catalog.OptBool: "boolean",
		catalog.OptDuration: "duration", catalog.OptEnum: "one of", catalog.OptList: "list", catalog.OptMemory: "memory", catalog.OptFloat: "number"}[t]
}

func connectorEntries() []entry {
	var out []entry
	for _, c := range spec.Registry().Connectors {
		e := entry{Name: c.Name, Doc: c.Doc}
		if c.Source {
			e.Uses = append(e.Uses, "source")
		}
		if c.Sink {
			e.Uses = append(e.Uses, "sink")
		}
		for i := range c.Options {
			e.Options = append(e.Options, optionEntry(&c.Options[i]))
		}
		for _, m := range c.Metadata {
			e.Metadata = append(e.Metadata, entry{Name: m.Key, Type: m.Type.String(), Doc: m.Doc})
		}
		out = append(out, e)
	}
	return out
}

func formatEntries() []entry {
	var out []entry
	for _, f := range spec.Registry().Formats {
		e := entry{Name: f.Name, Doc: f.Doc}
		for i := range f.Options {
			o := optionEntry(&f.Options[i])
			o.Name = f.Name + "." + o.Name
			e.Options = append(e.Options, o)
		}
		out = append(out, e)
	}
	return out
}

func functionEntries() []entry {
	var out []entry
	for _, f := range fn.Builtins() {
		out = append(out, entry{Name: f.Name, Doc: f.Doc, Syntax: f.Syntax, Type: f.Family, Examples: f.Examples})
	}
	return out
}

func settingEntries() []entry {
	var out []entry
	for i := range config.Keys {
		out = append(out, optionEntry(&config.Keys[i]))
	}
	return out
}

func ruleEntries() []entry {
	var out []entry
	for _, r := range lint.Rules {
		out = append(out, entry{Name: r.Name, Code: r.Code, Doc: diag.Codes[r.Code]})
	}
	return out
}

// shelf is the entries under a word, by name.
func shelf(word string) ([]entry, error) {
	make, ok := shelves[word]
	if !ok {
		return nil, badValue("what to list", word, shelfNames())
	}
	out := make()
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

func (a *app) listCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list connectors|formats|functions|rules|settings",
		Short: "List what this weir has",
		Long: `list names the connectors, formats, functions, settings, or rules of weir check that this build has, each with a sentence. It
needs neither a broker nor the network. weir docs tells more about one of them.`,
		Example: `  weir list connectors
  weir list functions --format json
  weir list settings | grep checkpoint`,
		ValidArgs: shelfNames(),
		Args:      oneArgument("what to list: " + strings.Join(shelfNames(), ", ")),
		RunE: func(_ *cobra.Command, args []string) error {
			entries, err := shelf(args[0])
			if err != nil {
				return err
			}
			switch format {
			case "json":
				enc := json.NewEncoder(a.stdout)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				return enc.Encode(entries)
			case "text":
				return writeEntries(a.stdout, entries, "")
			}
			return badValue("--format", format, []string{"text", "json"})
		},
	}
	c.Flags().StringVar(&format, "format", "text", "how they are shown: `text|json`")
	return c
}

// oneArgument wants exactly one.
func oneArgument(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return usageError{fmt.Errorf("%s wants %s\nRun '%s --help' for examples", c.CommandPath(), what, c.CommandPath())}
	}
}

func writeEntries(w io.Writer, entries []entry, indent string) error {
	width := 0
	for _, e := range entries {
		width = max(width, len(e.Name))
	}
	for _, e := range entries {
		if _, err := fmt.Fprintf(w, "%s%-*s  %s\n", indent, width, e.Name, e.Doc); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) docsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "docs connectors|formats|functions|rules|settings NAME",
		Short: "Describe a function, connector, format, setting or rule",
		Long: `docs describes one thing of those that weir list names: its options with types and defaults, its examples. It reads what is in
the program and needs no network.`,
		Example: `  weir docs functions JSON_VALUE
  weir docs connectors upsert-kafka
  weir docs settings execution.checkpointing.interval
  weir docs man ./man              manual pages of all verbs`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{fmt.Errorf("weir docs wants one of %s, and a name", strings.Join(shelfNames(), ", "))}
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return shelfNames(), cobra.ShellCompDirectiveNoFileComp
			}
			entries, err := shelf(args[0])
			if err != nil || len(args) > 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, e := range entries {
				out = append(out, e.Name+"\t"+e.Doc)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.docs(args[0], args[1]) },
	}
	c.AddCommand(a.manCommand())
	return c
}

func (a *app) docs(word, name string) error {
	entries, err := shelf(word)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(entries, func(e entry) bool {
		return strings.EqualFold(e.Name, name) || strings.EqualFold(e.Code, name) && name != ""
	})
	if i < 0 {
		var names []string
		for _, e := range entries {
			names = append(names, e.Name)
		}
		text := fmt.Sprintf("there is no %s in %s", name, word)
		if near, ok := diag.Suggest(name, names); ok {
			text += "; did you mean " + near + "?"
		}
		return usageError{errors.New(text + "\nRun 'weir list " + word + "' for all")}
	}
	return describeEntry(a.stdout, &entries[i])
}

func describeEntry(w io.Writer, e *entry) error {
	var b strings.Builder
	title := e.Name
	if e.Syntax != "" {
		title = e.Syntax
	}
	fmt.Fprintf(&b, "%s\n\n  %s\n", title, e.Doc)
	facts := [][2]string{{"code", e.Code}, {"type", e.Type}, {"values", strings.Join(e.Values, ", ")}, {"default", e.Default}, {"example", e.Example},
		{"used as", strings.Join(e.Uses, ", ")}}
	if e.Syntax != "" {
		facts[1][0] = "family"
	}
	first := true
	for _, f := range facts {
		if f[1] == "" {
			continue
		}
		if first {
			b.WriteByte('\n')
			first = false
		}
		fmt.Fprintf(&b, "  %-8s %s\n", f[0], f[1])
	}
	for i, x := range e.Examples {
		if i == 0 {
			b.WriteString("\nexamples\n")
		}
		fmt.Fprintf(&b, "  %s\n      %s\n", x.SQL, x.Result)
	}
	for i := range e.Options {
		if i == 0 {
			b.WriteString("\noptions\n")
		}
		o := &e.Options[i]
		fmt.Fprintf(&b, "  %s\n      %s\n", o.Name, o.Doc)
		var more []string
		if o.Required {
			more = append(more, "required")
		}
		more = append(more, strings.TrimSpace(o.Type+" "+strings.Join(o.Values, ", ")))
		if o.Default != "" {
			more = append(more, "default "+o.Default)
		}
		if o.Example != "" {
			more = append(more, "for example "+o.Example)
		}
		fmt.Fprintf(&b, "      %s\n", strings.Join(more, "; "))
	}
	for i := range e.Metadata {
		if i == 0 {
			b.WriteString("\nmetadata columns\n")
		}
		m := &e.Metadata[i]
		fmt.Fprintf(&b, "  %s %s\n      %s\n", m.Name, m.Type, m.Doc)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// manCommand writes manual pages.
func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write manual pages of all verbs",
		Long:  `man writes a manual page of every verb, in section 1, into a folder, which it makes.`,
		Example: `  weir docs man ./man
  weir docs man /usr/local/share/man/man1
  weir docs man ./man && man ./man/weir-run.1`,
		Args: oneArgument("a folder"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return usageError{err}
			}
			return doc.GenManTree(c.Root(), &doc.GenManHeader{Title: "WEIR", Section: "1", Source: "weir " + Version, Manual: "weir"}, args[0])
		},
	}
}
