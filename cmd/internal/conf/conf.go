// Package conf is how weir is configured outside of jobs: .weir.toml files, profiles in them, variables of the environment,
// and -O. Layers are laid over one another in a fixed order, and each value knows where it came from.
//
//	default < system < user < project < profile < environment < -O and flags
//
// Settings of jobs (SET) are among the values; there they are defaults, which a job's own SET overrides.
package conf

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"weir/parser/diag"
	"weir/planner/config"
)

// Codes of findings about configuration files.
const (
	UnknownKey = "SQ6021"
	BadValue   = "SQ6022"
	Syntax     = "SQ6023"
)

// Key declares one key of the configuration.
type Key struct {
	Name    string
	Values  []string // those that it may have; nil: any
	List    bool
	Default string
	Doc     string
}

// Keys is all keys that are not tables of their own ([settings], [lint.rules], [[lint.overrides]], [profiles.NAME]).
var Keys = []Key{
	{Name: "dialect", Values: []string{"flink"}, Default: "flink", Doc: "The dialect of SQL."},
	{Name: "env-file", List: true, Doc: "Files of variables for ${VAR} in options, as --env-file."},
	{Name: "fail-level", Values: []string{"error", "warning", "note"}, Default: "error", Doc: "Least severity that makes check fail."},
	{Name: "format", List: true, Doc: "Forms of reports, as --format; text, or github in a GitHub workflow, when it is not set."},
	{Name: "profile", Doc: "The profile to use; only in a file and in WEIR_PROFILE."},
	{Name: "skip-env-check", Values: []string{"true", "false"}, Default: "false", Doc: "Whether variables that are not set are no findings, as --skip-env-check."},
}

// Levels are what a rule can be set to. "on" gives a rule that does not run by itself its own severity.
var Levels = []string{"off", "on", "note", "warning", "error"}

// Value is one value and where it came from.
type Value struct {
	Key    string   `json:"key"`
	Value  string   `json:"value"`
	Origin string   `json:"origin"`
	list   []string // of a List key
}

// Config is the effective configuration.
type Config struct {
	values map[string]Value
	rules  []override
}

// override sets rules below some paths; a later one counts.
type override struct {
	id     string   // of a [[lint.overrides]]
	dir    string   // to which paths are relative
	paths  []string // patterns; nil: everywhere
	rules  map[string]string
	origin string
}

// Sources say where layers come from. The zero value reads none.
type Sources struct {
	System  string   // a file; empty: none
	User    string   // a file
	Dir     string   // where the search upward for .weir.toml begins
	Profile string   // --config-profile
	Environ []string // "NAME=value"
	Options []string // -O key=value
	// Code finds a rule by its code or its name; ok is false where there is none.
	Code func(string) (code string, ok bool)
	// Codes are all of those, for suggestions.
	Codes []string
}

// FileName is the name of a project's configuration.
const FileName = ".weir.toml"

// Load lays the layers over one another. What is wrong with the files and variables is in the list, which is never nil; the error
// is one of reading, or of the command line.
func Load(s Sources) (*Config, *diag.List, error) {
	l := loader{Sources: s, diags: &diag.List{}, c: &Config{values: map[string]Value{}}, profiles: map[string][]entry{}}
	for _, k := range Keys {
		l.c.values[k.Name] = Value{Key: k.Name, Value: k.Default, Origin: "default"}
	}
	project, err := findUp(s.Dir)
	if err != nil {
		return nil, l.diags, err
	}
	for _, path := range []string{s.System, s.User, project} {
		if err := l.file(path); err != nil {
			return nil, l.diags, err
		}
	}
	if err := l.profile(); err != nil {
		return nil, l.diags, err
	}
	if err := l.environment(); err != nil {
		return nil, l.diags, err
	}
	if err := l.options(); err != nil {
		return nil, l.diags, err
	}
	l.diags.Sort()
	return l.c, l.diags, nil
}

// findUp is the nearest .weir.toml in dir or above it, as a path relative to the working folder where that is shorter.
func findUp(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", FileName, err)
	}
	for at := abs; ; at = filepath.Dir(at) {
		path := filepath.Join(at, FileName)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			if wd, err := os.Getwd(); err == nil {
				if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
					return rel, nil
				}
			}
			return path, nil
		}
		if at == filepath.Dir(at) {
			return "", nil
		}
	}
}

type loader struct {
	Sources
	diags    *diag.List
	c        *Config
	profiles map[string][]entry
}

// file reads a layer; a file that is not there is none.
func (l *loader) file(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", path, err)
	}
	for _, e := range parse(&diag.File{Name: path, Text: string(text)}, l.diags) {
		if e.path[0] == "profiles" && len(e.path) > 2 {
			name := e.path[1]
			e.path, e.profile = e.path[2:], name
			l.profiles[name] = append(l.profiles[name], e)
			continue
		}
		l.entry(e, place(e.key))
	}
	return nil
}

// place is a span as an origin: file:line.
func place(s diag.Span) string {
	line, _ := s.LineCol()
	return fmt.Sprintf("%s:%d", s.File.Name, line)
}

// profile lays the entries of the chosen profile over the files.
func (l *loader) profile() error {
	name, by := l.c.Get("profile"), l.c.values["profile"].Origin
	for _, v := range l.Environ {
		if value, ok := strings.CutPrefix(v, "WEIR_PROFILE="); ok && value != "" {
			name, by = value, "WEIR_PROFILE"
		}
	}
	if l.Profile != "" {
		name, by = l.Profile, "--config-profile"
	}
	for other, entries := range l.profiles { // what is wrong with them is said today, not in CI
		if other != name {
			scratch := loader{Sources: l.Sources, diags: l.diags, c: &Config{values: map[string]Value{}}}
			for _, e := range entries {
				scratch.entry(e, "")
			}
		}
	}
	if name == "" {
		return nil
	}
	l.c.values["profile"] = Value{Key: "profile", Value: name, Origin: by}
	entries, ok := l.profiles[name]
	if !ok {
		var known []string
		for n := range l.profiles {
			known = append(known, n)
		}
		slices.Sort(known)
		err := fmt.Errorf("there is no profile %s (%s)", name, by)
		if near, ok := diag.Suggest(name, known); ok {
			return fmt.Errorf("%w; did you mean %s?", err, near)
		}
		return fmt.Errorf("%w: add [profiles.%s] to %s", err, name, FileName)
	}
	for _, e := range entries {
		l.entry(e, "profile "+name+", "+place(e.key))
	}
	return nil
}

// environment takes WEIR_FORMAT and its like, and WEIR_SET_PARALLELISM_DEFAULT for a setting.
func (l *loader) environment() error {
	for _, v := range l.Environ {
		name, value, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "WEIR_") || value == "" {
			continue
		}
		for _, k := range Keys {
			if k.Name != "profile" && name == "WEIR_"+variable(k.Name) {
				e := entry{path: []string{k.Name}, text: value, list: strings.Split(value, ","), isList: k.List, origin: name}
				if err := l.plain(e); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		if setting, ok := strings.CutPrefix(name, "WEIR_SET_"); ok {
			if err := l.settingVariable(name, setting, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loader) settingVariable(name, setting, value string) error {
	var known []string
	for i := range config.Keys {
		key := config.Keys[i].Key
		if variable(key) == setting {
			if err := l.plain(entry{path: []string{"settings", key}, text: value, origin: name}); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		}
		known = append(known, "WEIR_SET_"+variable(key))
	}
	err := fmt.Errorf("%s is no setting", name)
	if near, ok := diag.Suggest(name, known); ok {
		err = fmt.Errorf("%w; did you mean %s?", err, near)
	}
	return err
}

// variable is a key as it stands in the name of a variable.
func variable(key string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

// options takes -O key=value.
func (l *loader) options() error {
	for _, o := range l.Options {
		key, value, ok := strings.Cut(o, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" {
			return fmt.Errorf("-O wants key=value, found %q; -O list shows the keys", o)
		}
		e := entry{path: []string{key}, text: value, list: strings.Split(value, ","), origin: "-O " + key}
		for _, prefix := range []string{"settings", "lint.rules"} {
			if rest, ok := strings.CutPrefix(key, prefix+"."); ok {
				e.path = append(strings.Split(prefix, "."), rest)
			}
		}
		if err := l.plain(e); err != nil {
			return fmt.Errorf("-O %s: %w", o, err)
		}
	}
	return nil
}

// plain takes an entry that comes from no file: what is wrong with it is an error, not a finding.
func (l *loader) plain(e entry) error {
	found := len(l.diags.All)
	l.entry(e, e.origin)
	if len(l.diags.All) == found {
		return nil
	}
	d := l.diags.All[found]
	l.diags.All = l.diags.All[:found]
	if len(d.Helps) > 0 {
		return fmt.Errorf("%s; %s", d.Title, d.Helps[0])
	}
	return fmt.Errorf("%s", d.Title)
}

// entry takes one value of a layer.
func (l *loader) entry(e entry, origin string) {
	name := strings.Join(e.path, ".")
	switch {
	case e.path[0] == "settings" && len(e.path) > 1:
		l.setting(strings.Join(e.path[1:], "."), e, origin)
	case len(e.path) == 3 && e.path[0] == "lint" && e.path[1] == "rules":
		if code, ok := l.rule(e.path[2], e); ok && oneOf(l.diags, e, "the level of "+e.path[2], Levels) {
			l.c.rules = append(l.c.rules, override{rules: map[string]string{code: e.text}, origin: origin})
			key := "lint.rules." + code
			l.c.values[key] = Value{Key: key, Value: e.text, Origin: origin}
		}
	case len(e.path) >= 4 && e.path[0] == "lint" && e.path[1] == "overrides":
		l.override(e, origin)
	default:
		i := slices.IndexFunc(Keys, func(k Key) bool { return k.Name == name })
		if i < 0 {
			l.unknown(e, name)
			return
		}
		l.value(Keys[i], e, origin)
	}
}

// value takes the value of a plain key.
func (l *loader) value(k Key, e entry, origin string) {
	v := Value{Key: k.Name, Value: e.text, Origin: origin}
	switch {
	case k.List:
		v.list = e.list
		if !e.isList && e.list == nil {
			v.list = []string{e.text}
		}
		if k.Name == "env-file" && e.key.File != nil {
			for i, path := range v.list {
				if !filepath.IsAbs(path) {
					v.list[i] = filepath.Join(filepath.Dir(e.key.File.Name), path)
				}
			}
		}
		v.Value = strings.Join(v.list, ",")
	case e.isList:
		l.diags.Errorf(BadValue, cmp.Or(e.value, e.key), "%s is one value, not a list", k.Name)
		return
	case k.Values != nil && !oneOf(l.diags, e, k.Name, k.Values):
		return
	}
	l.c.values[k.Name] = v
}

// setting takes a default of SET.
func (l *loader) setting(key string, e entry, origin string) {
	spec := config.Lookup(key)
	if spec == nil {
		var known []string
		for i := range config.Keys {
			known = append(known, config.Keys[i].Key)
		}
		d := l.diags.Errorf(UnknownKey, e.key, "setting '%s' is not known", key)
		if near, ok := diag.Suggest(key, known); ok {
			d.Help("did you mean '%s'?", near)
		}
		return
	}
	if err := config.New().Set(key, e.text, config.FromFile); err != nil {
		l.diags.Errorf(BadValue, cmp.Or(e.value, e.key), "%s", err)
		return
	}
	name := "settings." + spec.Key
	l.c.values[name] = Value{Key: name, Value: e.text, Origin: origin}
}

// rule is the code of a rule that an entry names.
func (l *loader) rule(name string, e entry) (string, bool) {
	if l.Code != nil {
		if code, ok := l.Code(name); ok {
			return code, true
		}
	}
	d := l.diags.Errorf(UnknownKey, e.key, "there is no rule %s", name)
	if near, ok := diag.Suggest(name, l.Codes); ok {
		d.Help("did you mean %s?", near)
	}
	return "", false
}

// override takes a value of [[lint.overrides]]: its path is lint, overrides, number, then paths or rules and a code.
func (l *loader) override(e entry, origin string) {
	id := strings.Join([]string{e.key.File.Name, e.profile, e.path[2]}, "\x00")
	i := slices.IndexFunc(l.c.rules, func(o override) bool { return o.id == id })
	if i < 0 {
		i = len(l.c.rules)
		l.c.rules = append(l.c.rules, override{id: id, dir: filepath.Dir(e.key.File.Name), paths: []string{}, rules: map[string]string{}, origin: origin})
	}
	o := &l.c.rules[i]
	switch {
	case e.path[3] == "paths" && len(e.path) == 4:
		o.paths = e.list
		if !e.isList {
			o.paths = []string{e.text}
		}
		for _, p := range o.paths {
			if !doublestar.ValidatePattern(p) {
				l.diags.Errorf(BadValue, cmp.Or(e.value, e.key), "'%s' is no pattern", p)
			}
		}
	case e.path[3] == "rules" && len(e.path) == 5:
		if code, ok := l.rule(e.path[4], e); ok && oneOf(l.diags, e, "the level of "+e.path[4], Levels) {
			o.rules[code] = e.text
		}
	default:
		l.diags.Errorf(UnknownKey, e.key, "[[lint.overrides]] has no key %s", strings.Join(e.path[3:], ".")).Help("it has paths and rules")
	}
}

// unknown reports a key that there is not.
func (l *loader) unknown(e entry, name string) {
	known := []string{"settings", "lint.rules", "lint.overrides", "profiles"}
	for _, k := range Keys {
		known = append(known, k.Name)
	}
	d := l.diags.Errorf(UnknownKey, e.key, "there is no key %s", name)
	if near, ok := diag.Suggest(name, known); ok {
		d.Help("did you mean %s?", near)
		return
	}
	if near, ok := diag.Suggest(e.path[0], known); ok && near != e.path[0] {
		d.Help("did you mean %s?", near)
		return
	}
	d.Help("weir config --help lists the keys")
}

// oneOf reports a value that is none of those that there are.
func oneOf(diags *diag.List, e entry, what string, values []string) bool {
	if !e.isList && slices.Contains(values, e.text) {
		return true
	}
	d := diags.Errorf(BadValue, cmp.Or(e.value, e.key), "%s is %s, not %q", what, strings.Join(values, ", "), e.text)
	if near, ok := diag.Suggest(e.text, values); ok {
		d.Help("did you mean %q?", near)
	}
	return false
}

// Get is the value of a key; "" where it has none.
func (c *Config) Get(key string) string { return c.values[key].Value }

// List is the value of a List key.
func (c *Config) List(key string) []string { return c.values[key].list }

// Values are all values, sorted by key.
func (c *Config) Values() []Value {
	var out []Value
	for _, v := range c.values {
		out = append(out, v)
	}
	for _, o := range c.rules {
		for code, level := range o.rules {
			if o.paths != nil {
				out = append(out, Value{Key: "lint.overrides." + code, Value: level + " for " + strings.Join(o.paths, ", "), Origin: o.origin})
			}
		}
	}
	slices.SortFunc(out, func(a, b Value) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Origin, b.Origin))
	})
	return out
}

// Settings sets the defaults of cfg.
func (c *Config) Settings(cfg *config.Config) error {
	for _, v := range c.Values() {
		if key, ok := strings.CutPrefix(v.Key, "settings."); ok {
			if err := cfg.SetDefault(key, v.Value, config.Origin(v.Origin)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Level is what a rule is set to for a file; "" where nothing is said.
func (c *Config) Level(code, file string) string {
	level := ""
	for _, o := range c.rules {
		if v, ok := o.rules[code]; ok && o.matches(file) {
			level = v
		}
	}
	return level
}

// Wanted reports whether a rule is switched on for some file.
func (c *Config) Wanted(code string) bool {
	return slices.ContainsFunc(c.rules, func(o override) bool { v := o.rules[code]; return v != "" && v != "off" })
}

func (o *override) matches(file string) bool {
	if o.paths == nil {
		return true
	}
	rel := file
	if abs, err := filepath.Abs(file); err == nil {
		if dir, err := filepath.Abs(o.dir); err == nil {
			if r, err := filepath.Rel(dir, abs); err == nil {
				rel = r
			}
		}
	}
	return slices.ContainsFunc(o.paths, func(p string) bool {
		return doublestar.MatchUnvalidated(p, filepath.ToSlash(rel)) || doublestar.MatchUnvalidated(p+"/**", filepath.ToSlash(rel))
	})
}
