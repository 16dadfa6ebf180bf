package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"weir/cmd/internal/conf"
	"weir/cmd/internal/input"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/lint"
)

func (a *app) configCommand() *cobra.Command {
	var origin bool
	var format string
	c := &cobra.Command{
		Use:   "config [FILE...]",
		Short: "Print the effective configuration, and where each value came from",
		Long: `config lays the layers over one another and prints what comes out:

  default < system (/etc/weir/weir.toml) < user ($XDG_CONFIG_HOME/weir/weir.toml) < project (.weir.toml, here or above)
          < profile (--config-profile, WEIR_PROFILE) < environment (WEIR_FORMAT, WEIR_SET_PARALLELISM_DEFAULT, ...) < -O and flags

With files it also prints their settings and the options of their tables, after variables are replaced. Values that are
secret are masked.

Exit code 0: ok; 1: the SQL has errors; 2: the configuration is wrong.`,
		Example: `  weir config
  weir config --origin job.sql     with the settings and options of a job, and who set each
  weir config -O list              the keys that there are
  weir config --config-profile ci --format json`,
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--format is text or json, not %q", format)}
			}
			a.lenient = true
			return a.printConfig(args, origin, format == "json")
		},
	}
	c.Flags().BoolVar(&origin, "origin", false, "print where each value came from, in front of it")
	c.Flags().StringVar(&format, "format", "text", "`text|json`")
	return c
}

// config is the effective configuration, read at the first call.
func (a *app) config() (*conf.Config, error) {
	if a.loaded != nil {
		return a.loaded, nil
	}
	system := "/etc/weir/weir.toml"
	if path, ok := os.LookupEnv("WEIR_CONFIG_SYSTEM"); ok {
		system = path
	}
	user := os.Getenv("XDG_CONFIG_HOME")
	if home, err := os.UserHomeDir(); user == "" && err == nil {
		user = filepath.Join(home, ".config")
	}
	if user != "" {
		user = filepath.Join(user, "weir", "weir.toml")
	}
	options := a.options
	if a.skipEnv {
		options = append(slices.Clone(options), "skip-env-check=true")
	}
	s := conf.Sources{System: system, User: user, Dir: ".", Profile: a.profile, Environ: os.Environ(), Options: options, Code: ruleCode, Codes: ruleNames()}
	c, found, err := conf.Load(s)
	if err != nil {
		return nil, usageError{err}
	}
	if len(found.All) > 0 {
		a.show(a.stderr, found)
		return nil, exit(exitUsage)
	}
	if err := a.readEnvFiles(append(slices.Clone(c.List("env-file")), a.envFiles...)); err != nil {
		return nil, usageError{err}
	}
	a.loaded = c
	return c, nil
}

// ruleCode is the code of a finding that a configuration names, by its code or as a rule.
func ruleCode(name string) (string, bool) {
	if code := strings.ToUpper(name); diag.Codes[code] != "" {
		return code, true
	}
	for i := range lint.Rules {
		if lint.Rules[i].Name == name {
			return lint.Rules[i].Code, true
		}
	}
	return "", false
}

func ruleNames() []string {
	var out []string
	for c := range diag.Codes {
		out = append(out, c)
	}
	for i := range lint.Rules {
		out = append(out, lint.Rules[i].Name)
	}
	sort.Strings(out)
	return out
}

// ruleRuns reports whether a rule is asked: all are but those that somebody has to switch on.
func (a *app) ruleRuns(r *lint.Rule) bool { return !r.Pedantic || a.loaded.Wanted(r.Code) }

// leveled gives findings the severity that the configuration says, and leaves out those that it switches off. What keeps a job from
// running stays as it is.
func (a *app) leveled(all []*diag.Diagnostic) []*diag.Diagnostic {
	severities := map[string]diag.Severity{"error": diag.Error, "warning": diag.Warning, "note": diag.Note}
	return slices.DeleteFunc(all, func(d *diag.Diagnostic) bool {
		file := ""
		if !d.Span.IsZero() {
			file = d.Span.File.Name
		}
		level := a.loaded.Level(d.Code, file)
		if d.Severity == diag.Error {
			return false
		}
		if level == "" {
			r := lint.Lookup(d.Code)
			return r != nil && r.Pedantic // switched on, for other files
		}
		if s, ok := severities[level]; ok {
			d.Severity = s
		}
		return level == "off"
	})
}

// readEnvFiles reads files of NAME=value lines; a later one counts.
func (a *app) readEnvFiles(paths []string) error {
	a.env = map[string]string{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("--env-file: %w", input.ReadError(path, err))
		}
		defer f.Close()
		in := bufio.NewScanner(f)
		for n := 1; in.Scan(); n++ {
			name, value, err := envLine(in.Text())
			if err != nil {
				return fmt.Errorf("%s:%d: %w", path, n, err)
			}
			if name != "" {
				a.env[name] = value
			}
		}
		if err := in.Err(); err != nil {
			return fmt.Errorf("--env-file: %w", input.ReadError(path, err))
		}
	}
	return nil
}

// envLine reads a line: NAME=value, export NAME='value', NAME="value" with \n \t \" \\, a comment, or nothing.
func envLine(line string) (name, value string, err error) {
	line = strings.TrimSpace(line)
	if line == "" || strings.HasPrefix(line, "#") {
		return "", "", nil
	}
	name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || strings.ContainsAny(name, " \t'\"") {
		return "", "", fmt.Errorf("a line is NAME=value, found %q", line)
	}
	quote := ""
	if value != "" && strings.ContainsAny(value[:1], `'"`) {
		quote = value[:1]
	}
	if quote == "" {
		if i := strings.Index(value, " #"); i >= 0 {
			value = strings.TrimSpace(value[:i])
		}
		return name, value, nil
	}
	if quote == "'" {
		end := strings.Index(value[1:], quote)
		if end < 0 {
			return "", "", errors.New("the value of " + name + " is not closed")
		}
		return name, value[1 : 1+end], nil
	}
	var b strings.Builder
	for i := 1; i < len(value); i++ {
		switch {
		case value[i] == '"':
			return name, b.String(), nil
		case value[i] == '\\' && i+1 < len(value):
			i++
			b.WriteString(strings.NewReplacer("n", "\n", "t", "\t", "r", "\r").Replace(value[i : i+1]))
		default:
			b.WriteByte(value[i])
		}
	}
	return "", "", errors.New("the value of " + name + " is not closed")
}

// variable looks up ${VAR}: in the environment, then in the env files.
func (a *app) variable(name string) (string, bool) {
	if v, ok := os.LookupEnv(name); ok {
		return v, true
	}
	v, ok := a.env[name]
	return v, ok
}

// listKeys prints the keys of the configuration.
func (a *app) listKeys() {
	for _, k := range conf.Keys {
		values := strings.Join(k.Values, "|")
		fmt.Fprintf(a.stdout, "%-34s %-22s %s\n", k.Name, values, k.Doc)
	}
	fmt.Fprintf(a.stdout, "%-34s %-22s %s\n", "lint.rules.CODE", strings.Join(conf.Levels, "|"), "What a finding counts as; errors that keep a job from running stay errors.")
	for i := range config.Keys {
		k := &config.Keys[i]
		fmt.Fprintf(a.stdout, "%-34s %-22s %s\n", "settings."+k.Key, k.Default, k.Doc)
	}
}

// shownValue is a value as config prints it.
type shownValue struct {
	Group  string `json:"group"` // "config", "settings of job.sql", "table orders"
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

func (a *app) printConfig(args []string, origin, asJSON bool) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	var all []shownValue
	for _, v := range c.Values() {
		all = append(all, shownValue{"configuration", v.Key, v.Value, v.Origin})
	}
	for _, kv := range a.sets {
		key, value, _ := strings.Cut(kv, "=")
		all = append(all, shownValue{"configuration", "settings." + key, value, "--set"})
	}
	if len(args) > 0 {
		job, err := a.effectiveJob(args)
		if err != nil {
			return err
		}
		all = append(all, job...)
	}
	if asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	width, group := 0, ""
	for _, v := range all {
		width = max(width, len(v.Origin))
	}
	for _, v := range all {
		if v.Group != group {
			if group != "" {
				fmt.Fprintln(a.stdout)
			}
			group = v.Group
			fmt.Fprintf(a.stdout, "# %s\n", group)
		}
		if origin {
			fmt.Fprintf(a.stdout, "%-*s  ", width, v.Origin)
		}
		fmt.Fprintf(a.stdout, "%s = %s\n", v.Key, v.Value)
	}
	return nil
}

// effectiveJob is the settings and the options of a script, after variables are replaced.
func (a *app) effectiveJob(args []string) ([]shownValue, error) {
	program, err := a.compile(args)
	if err != nil {
		return nil, err
	}
	cfg := program.Session.Config()
	var out []shownValue
	for i := range config.Keys {
		k := &config.Keys[i]
		value := cfg.String(k.Key)
		if value == "" && !cfg.IsSet(k.Key) {
			continue
		}
		from := string(cfg.OriginOf(k.Key))
		if at, ok := program.Session.SetAt(k.Key); ok && from == string(config.FromFile) {
			from = at.String()
		}
		out = append(out, shownValue{"settings", k.Key, masked(nil, k.Key, value), from})
	}
	for _, name := range program.Session.Names() {
		t := program.Session.Table(name)
		if t == nil {
			continue
		}
		spec := a.plannerOptions(cfg).Registry.Connectors[t.Connector]
		for _, o := range t.Options {
			from := "LIKE"
			if !o.ValueSpan.IsZero() {
				from = o.ValueSpan.String()
				if strings.Contains(o.ValueSpan.Text(), "${") {
					from += " by ${...}"
				}
			}
			out = append(out, shownValue{"table " + name, o.Key, masked(spec, o.Key, o.Value), from})
		}
	}
	return out, nil
}

// masked is value, or stars where it is secret.
func masked(spec *catalog.ConnectorSpec, key, value string) string {
	if planner.Secret(spec, key) {
		return "****"
	}
	return value
}
