package repl

import (
	"fmt"
	"sort"
	"strings"

	"weir/parser"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/fn"
	"weir/planner/scalar"
)

// listing is SHOW what, with a pattern.
func listing(what string) func(*Shell, string) error {
	return func(s *Shell, arg string) error {
		sql := "SHOW " + what
		if arg != "" {
			sql += " LIKE " + quote(pattern(arg))
		}
		return s.sql(sql)
	}
}

// pattern is a word as a pattern of LIKE that finds it anywhere.
func pattern(arg string) string {
	if strings.ContainsAny(arg, "%_") {
		return arg
	}
	return "%" + arg + "%"
}

// sql executes a statement that a command is short for.
func (s *Shell) sql(text string) error {
	return s.file(&diag.File{Name: "<command>", Text: text + ";"}, nil)
}

// quote is s as a SQL string.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// names is the tables and views.
func (s *Shell) names() []string { return s.session.Names() }

// functionNames is the functions that can be called by name.
func (s *Shell) functionNames() (names []string) {
	for n, f := range s.o.Planner.Functions {
		if callable(n, f) {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names
}

// callable reports whether f is called as NAME(...); operators such as AND are functions too, but not called like one.
func callable(name string, f *fn.Func) bool {
	return strings.Contains(f.Syntax, name+"(")
}

// settingKeys is the keys of all settings.
func (s *Shell) settingKeys() (keys []string) {
	for i := range config.Keys {
		keys = append(keys, config.Keys[i].Key)
	}
	return keys
}

// everything is what \d knows.
func (s *Shell) everything() []string {
	all := append(s.names(), s.jobNames()...)
	all = append(all, sorted(s.o.Planner.Registry.Connectors)...)
	all = append(all, s.functionNames()...)
	all = append(all, s.topicNames()...)
	return append(all, s.settingKeys()...)
}

// describe is \d: whatever has that name, the nearest first.
func (s *Shell) describe(arg string) error {
	name := strings.Trim(arg, "`'\"")
	reg := s.o.Planner.Registry
	switch {
	case arg == "":
		return s.sql("SHOW TABLES")
	case s.session.Table(name) != nil, s.session.View(name) != nil:
		return s.sql("DESCRIBE " + scalar.QuoteName(name))
	case s.job(name) != nil:
		return s.describeJob(name)
	case s.o.Planner.Functions[strings.ToUpper(strings.TrimSuffix(name, "("))] != nil:
		return s.describeFunction(s.o.Planner.Functions[strings.ToUpper(strings.TrimSuffix(name, "("))])
	case config.Lookup(name) != nil:
		return s.describeSetting(config.Lookup(name))
	case reg.Connectors[name] != nil:
		c := reg.Connectors[name]
		return s.page(optionsText("connector '"+name+"': "+c.Doc, c.Options))
	case reg.Formats[name] != nil:
		return s.page(optionsText("format '"+name+"': "+reg.Formats[name].Doc, reg.Formats[name].Options))
	case contains(s.topicNames(), name):
		return s.describeTopic(name)
	}
	help := "\\dt lists the tables, \\df the functions, .topics the topics"
	if near, ok := diag.Suggest(name, s.everything()); ok {
		help = "did you mean " + near + "? " + help
	}
	return &refusal{"nothing is called " + name, help}
}

func contains(all []string, s string) bool {
	for _, x := range all {
		if x == s {
			return true
		}
	}
	return false
}

// functions is \df.
func (s *Shell) functions(arg string) error {
	if f := s.o.Planner.Functions[strings.ToUpper(strings.TrimSuffix(arg, "("))]; f != nil {
		return s.describeFunction(f)
	}
	if arg == "" {
		return s.sql("SHOW FUNCTIONS")
	}
	return s.sql("SHOW FUNCTIONS LIKE " + quote(pattern(strings.ToUpper(arg))))
}

func (s *Shell) describeFunction(f *fn.Func) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s%s\n  %s\n", paint(s.color(), colorHead), f.Syntax, paint(s.color(), colorReset), f.Doc)
	for _, e := range f.Examples {
		fmt.Fprintf(&b, "  %s  is  %s\n", e.SQL, e.Result)
	}
	return s.page(b.String())
}

func (s *Shell) describeSetting(o *catalog.OptionSpec) error {
	cfg := s.session.Config()
	value := cfg.String(o.Key)
	if o.Secret && value != "" {
		value = "****"
	}
	return s.rows([]string{"setting", "type", "value", "from", "default", "meaning"}, [][]string{{
		o.Key, o.TypeName(), value, string(cfg.OriginOf(o.Key)), o.Default, o.Doc,
	}})
}

// settings is \dconfig.
func (s *Shell) settings(arg string) error {
	cfg := s.session.Config()
	var rows [][]string
	for i := range config.Keys {
		k := &config.Keys[i]
		if arg == "" && !cfg.IsSet(k.Key) || !planner.Like(pattern(arg), k.Key) {
			continue
		}
		value := cfg.String(k.Key)
		if k.Secret && value != "" {
			value = "****"
		}
		rows = append(rows, []string{k.Key, value, string(cfg.OriginOf(k.Key)), k.Doc})
	}
	return s.rows([]string{"setting", "value", "from", "meaning"}, rows)
}

// optionDoc is what completion says of an option: its type and default, then its meaning.
func optionDoc(o *catalog.OptionSpec) string {
	doc := o.TypeName()
	switch {
	case o.Required:
		doc += ", required"
	case o.Default != "":
		doc += ", default " + o.Default
	}
	return doc + ": " + o.Doc
}

func optionsText(title string, options []catalog.OptionSpec) string {
	var b strings.Builder
	b.WriteString(title + "\n")
	width := 0
	for i := range options {
		width = max(width, len(options[i].Key))
	}
	for i := range options {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, options[i].Key, optionDoc(&options[i]))
	}
	return b.String()
}

// name is the name of a table as SQL writes it; the user may have left the backticks out.
func (s *Shell) name(arg string) string {
	if s.session.Table(arg) != nil || s.session.View(arg) != nil {
		return scalar.QuoteName(arg)
	}
	return arg
}

func (s *Shell) schema(arg string) error {
	names := []string{arg}
	if arg == "" {
		names = s.session.Names()
	}
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteByte('\n')
		}
		what := "TABLE "
		if s.session.View(strings.Trim(n, "`")) != nil {
			what = "VIEW "
		}
		script, _ := parser.Parse(&diag.File{Name: "<command>", Text: "SHOW CREATE " + what + s.name(n) + ";"})
		for _, st := range script.Statements {
			r, found := s.session.Execute(st)
			if found.HasErrors() {
				return &findings{found}
			}
			if text, ok := r.(*planner.Text); ok {
				// With its semicolon it can be read back.
				b.WriteString(strings.TrimRight(text.Text, ";\n") + ";\n")
			}
		}
	}
	return s.page(b.String())
}
