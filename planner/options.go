package planner

import (
	"slices"
	"sort"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
)

// options reads properties, with their variables replaced.
func (s *Session) options(props []*ast.Property) (catalog.Options, bool) {
	var out catalog.Options
	ok := true
	first := map[string]diag.Span{}
	for _, p := range props {
		if at, twice := first[p.Key.Value]; twice {
			s.diags.Errorf(codes.DuplicateOption, p.Key.Sp, "option '%s' is given twice", p.Key.Value).Label(at, "first here")
			ok = false
			continue
		}
		first[p.Key.Value] = p.Key.Sp
		v, good := s.expand(p.Value.Value, p.Value.Sp)
		ok = ok && good
		out = append(out, catalog.Option{Key: p.Key.Value, Value: v, KeySpan: p.Key.Sp, ValueSpan: p.Value.Sp})
	}
	return out, ok
}

// expand replaces ${VAR} and ${VAR:default} in v; $${ stands for ${ itself.
func (s *Session) expand(v string, at diag.Span) (string, bool) {
	if s.o.Env == nil || !strings.Contains(v, "${") {
		return v, true
	}
	var b strings.Builder
	ok := true
	for {
		i := strings.Index(v, "${")
		if i < 0 {
			b.WriteString(v)
			return b.String(), ok
		}
		if i > 0 && v[i-1] == '$' {
			b.WriteString(v[:i-1] + "${")
			v = v[i+2:]
			continue
		}
		end := strings.IndexByte(v[i:], '}')
		if end < 0 {
			s.diags.Errorf(codes.Variable, at, "'%s' has a ${ that is not closed", v).Help("write $${ where the characters themselves are meant")
			return "", false
		}
		b.WriteString(v[:i])
		name, def, hasDefault := strings.Cut(v[i+2:i+end], ":")
		switch val, found := s.o.Env(name); {
		case found:
			b.WriteString(val)
		case hasDefault:
			b.WriteString(def)
		case s.o.AllowUnset:
			s.unset[at] = true
			b.WriteString(v[i : i+end+1])
		default:
			s.diags.Errorf(codes.Variable, at, "the environment variable %s is not set", name).
				Help("set it, or give it a default: ${%s:...}", name)
			ok = false
		}
		v = v[i+end+1:]
	}
}

// formatUse is a format that a table names.
type formatUse struct {
	key    string // the option: "value.format"
	prefix string // of the format's options: "value.json."
	spec   *catalog.FormatSpec
}

// foreignConnectors is what to take for connectors of other systems.
var foreignConnectors = map[string]string{
	"single_file": "write 'filesystem'", "file": "write 'filesystem'", "files": "write 'filesystem'",
	"impulse": "write 'datagen'", "faker": "write 'datagen'",
	"preview": "write 'print'", "stdout": "write 'print'",
	"postgres-cdc": readChanges, "mysql-cdc": readChanges, "oracle-cdc": readChanges, "sqlserver-cdc": readChanges, "mongodb-cdc": readChanges, "db2-cdc": readChanges,
	"socket":          "write the lines into a topic or a file: 'connector' = 'kafka' or 'filesystem'",
	"dynamic-kafka":   "write 'kafka', with the topics of one cluster: 'topic' = 'a;b', or 'topic-pattern'",
	"confluent":       "write 'kafka' or 'upsert-kafka', with 'topic' and 'properties.bootstrap.servers'",
	"elasticsearch-6": fromTopic, "elasticsearch-7": fromTopic, "elasticsearch-8": fromTopic, "opensearch": fromTopic, "hbase-1.4": fromTopic, "hbase-2.2": fromTopic,
	"mongodb": fromTopic, "redis": fromTopic, "iceberg": fromTopic, "hudi": fromTopic, "paimon": fromTopic, "doris": fromTopic, "starrocks": fromTopic, "clickhouse": fromTopic,
	"kinesis": throughKafka, "pulsar": throughKafka, "upsert-pulsar": throughKafka, "rabbitmq": throughKafka, "kinesis-legacy": throughKafka,
}

// What stands in several places of foreignConnectors.
const (
	readChanges  = "let Debezium write the changes to Kafka: 'connector' = 'kafka' and 'format' = 'debezium-json' read them"
	fromTopic    = "write to a topic, 'connector' = 'upsert-kafka', and let Kafka Connect take the rows on from there"
	throughKafka = "let Kafka Connect copy between it and a topic: 'connector' = 'kafka'"
)

// foreignFormats is what to do where records are in a format of Flink that weir has not.
var foreignFormats = map[string]string{
	"protobuf": readJSON, "json-registry": readJSON, "avro-registry": readJSON, "proto-registry": readJSON,
	"debezium": "write 'debezium-json', or 'debezium-avro-confluent' where the records are in Avro",
	"parquet":  otherFiles, "orc": otherFiles,
}

// What stands in several places of foreignFormats.
const (
	readJSON   = "let its producers write JSON, or a Kafka Connect converter, and read 'json'; 'raw' gives the bytes as they are"
	otherFiles = "weir reads and writes 'json', 'csv' and 'raw' files"
)

// checkOptions checks the options of t against its connector and formats; at is the place of WITH.
// It reports whether they are right.
func (s *Session) checkOptions(t *catalog.Table, at diag.Span) bool {
	found := len(s.diags.All)
	place := at
	if place.IsZero() {
		place = t.NameSpan
	}
	name, ok := t.Options.Get("connector")
	if !ok {
		if o := nearest(t.Options, "connector"); o != nil {
			s.diags.Errorf(codes.UnknownOption, o.KeySpan, "option '%s' is not known", o.Key).Help("did you mean 'connector'?")
			o.Key = "connector"
			name, ok = o.Value, true
		}
	}
	if !ok {
		s.diags.Errorf(codes.MissingOption, place, "table %s does not say where it is: the option 'connector' is missing", t.Name).
			Help("add 'connector' = '...': one of %s", strings.Join(s.connectorNames(), ", "))
		return false
	}
	t.Connector = name
	c := s.connector(t)
	if c == nil {
		o := t.Options.Lookup("connector")
		d := s.diags.Errorf(codes.UnknownConnector, o.ValueSpan, "connector '%s' is not known", name)
		if g, ok := foreignConnectors[strings.ToLower(name)]; ok {
			d.Help("%s", g)
		} else if g, ok := diag.Suggest(name, s.connectorNames()); ok {
			d.Help("did you mean '%s'?", g)
			t.Connector = g // which changes it takes is not in doubt
		} else {
			d.Help("known are %s", strings.Join(s.connectorNames(), ", "))
		}
		return false
	}
	// A misspelled 'format' is found before the options that belong to the format.
	asked := map[*catalog.Option]bool{}
	for key := range c.Formats {
		if t.Options.Lookup(key) != nil {
			continue
		}
		o := nearest(t.Options, key)
		if o == nil || findOption(c.Options, o.Key) != nil {
			continue
		}
		if _, meant := diag.Suggest(o.Key, []string{key}); meant {
			s.checkOption(t, c, nil, o)
			asked[o] = true
		}
	}
	formats := s.formats(t, c)
	for i := range t.Options {
		if o := &t.Options[i]; !asked[o] {
			s.checkOption(t, c, formats, o)
		}
	}
	required := func(specs []catalog.OptionSpec, prefix, of string) {
		for i := range specs {
			o := &specs[i]
			if _, has := t.Options.Get(prefix + o.Key); has || !o.Required {
				continue
			}
			d := s.diags.Errorf(codes.MissingOption, place, "table %s: %s needs the option '%s'", t.Name, of, prefix+o.Key)
			if near := nearest(t.Options, prefix+o.Key); near != nil && byPrefix(specs, strings.TrimPrefix(near.Key, prefix)) {
				// What begins with properties. may be called anything.
				d.Span = near.KeySpan
				d.At("is this meant to be it?").Help("write '%s'", prefix+o.Key)
				continue
			}
			example := o.Example
			if example == "" {
				example = "..."
			}
			d.Help("add '%s' = '%s'", prefix+o.Key, example)
			if o.Doc != "" {
				d.Note("%s", o.Doc)
			}
		}
	}
	required(c.Options, "", "connector '"+name+"'")
	for _, f := range formats {
		required(f.spec.Options, f.prefix, "format '"+f.spec.Name+"'")
	}
	s.forgive(found)
	return !hasErrors(s.diags.All[found:])
}

// nearest is the option among those given whose key key may be meant by, misspelled; nil where there is none.
func nearest(given catalog.Options, key string) *catalog.Option {
	keys := make([]string, len(given))
	for i := range given {
		keys[i] = given[i].Key
	}
	if g, ok := diag.Suggest(key, keys); ok {
		return given.Lookup(g)
	}
	return nil
}

// forgive takes back findings, from the given one on, about values that are not known yet (Options.AllowUnset).
func (s *Session) forgive(found int) {
	kept := slices.DeleteFunc(s.diags.All[found:], func(d *diag.Diagnostic) bool { return s.unset[d.Span] })
	s.diags.All = s.diags.All[:found+len(kept)]
}

func hasErrors(all []*diag.Diagnostic) bool {
	for _, d := range all {
		if d.Severity == diag.Error {
			return true
		}
	}
	return false
}

func (s *Session) connectorNames() []string {
	var out []string
	for n := range s.o.Registry.Connectors {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// formats is the formats that t names, and reports those that are not known.
func (s *Session) formats(t *catalog.Table, c *catalog.ConnectorSpec) []formatUse {
	var keys []string
	for k := range c.Formats {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var out []formatUse
	for _, k := range keys {
		o := t.Options.Lookup(k)
		if o == nil {
			continue
		}
		f := s.o.Registry.Formats[o.Value]
		if f == nil {
			var names []string
			for n := range s.o.Registry.Formats {
				names = append(names, n)
			}
			sort.Strings(names)
			d := s.diags.Errorf(codes.UnknownFormat, o.ValueSpan, "format '%s' is not known", o.Value)
			if help, ok := foreignFormats[o.Value]; ok {
				d.Help("%s", help).Note("known are %s", strings.Join(names, ", "))
				continue
			}
			i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, strings.ToLower(o.Value)+"-") })
			meant, near := diag.Suggest(o.Value, names)
			if i >= 0 {
				meant = names[i]
			}
			if i < 0 && !near {
				d.Help("known are %s", strings.Join(names, ", "))
				continue
			}
			d.Help("did you mean '%s'?", meant)
			f = s.o.Registry.Formats[meant]
			o.Value = meant // so that the format's own options are looked at as what they are
		}
		out = append(out, formatUse{key: k, prefix: c.Formats[k] + f.Name + ".", spec: f})
	}
	return out
}

// checkOption finds the declaration of o and checks its value.
func (s *Session) checkOption(t *catalog.Table, c *catalog.ConnectorSpec, formats []formatUse, o *catalog.Option) {
	if o.Key == "connector" {
		return
	}
	if o.Key == config.LateRowsTarget && c.Source {
		return // of every table that is read; checked where it is read
	}
	if spec := findOption(c.Options, o.Key); spec != nil {
		s.checkValue(spec, o)
		return
	}
	var known []string
	for _, f := range formats {
		if strings.HasPrefix(o.Key, f.prefix) {
			if spec := findOption(f.spec.Options, o.Key[len(f.prefix):]); spec != nil {
				s.checkValue(spec, o)
				return
			}
		}
		for i := range f.spec.Options {
			known = append(known, f.prefix+f.spec.Options[i].Key)
		}
	}
	if c.Source {
		known = append(known, config.LateRowsTarget)
	}
	for i := range c.Options {
		if !c.Options[i].Prefix {
			known = append(known, c.Options[i].Key)
		}
	}
	for key, prefix := range c.Formats {
		if v, given := t.Options.Get(key); given && s.o.Registry.Formats[v] == nil && strings.HasPrefix(o.Key, prefix+v+".") {
			return // of a format that is not known, which is said there
		}
	}
	d := s.diags.Errorf(codes.UnknownOption, o.KeySpan, "option '%s' is not known to connector '%s'", o.Key, c.Name)
	for name := range s.o.Registry.Formats {
		for key, prefix := range c.Formats {
			if !strings.HasPrefix(o.Key, prefix+name+".") {
				continue
			}
			rest := o.Key[len(prefix)+len(name)+1:]
			if findOption(s.o.Registry.Formats[name].Options, rest) == nil {
				continue
			}
			if set, ok := t.Options.Get(key); ok {
				d.Title = "option '" + o.Key + "' belongs to format '" + name + "'"
				d.Note("the table's '%s' is '%s'", key, set)
				d.Help("remove it, or use the format '%s'", name)
				return
			}
		}
	}
	for _, key := range []string{o.Key, "properties." + o.Key} {
		if g, ok := diag.Suggest(key, known); ok {
			d.Help("did you mean '%s'?", g)
			s.takeAs(t, c, formats, o, g)
			return
		}
	}
	if o.Key == "format" && c.Formats["value.format"] != "" {
		d.Help("write 'key.format' and 'value.format'")
		return
	}
	if others := s.whoHas(o.Key); len(others) > 0 && len(others) < 4 {
		d.Help("remove it: it is an option of %s", strings.Join(others, " and "))
		return
	}
	d.Help("an option that weir does not know is never ignored: remove it")
}

// whoHas is the connectors that have an option of this name, quoted.
func (s *Session) whoHas(key string) (names []string) {
	for _, name := range s.connectorNames() {
		if spec := findOption(s.o.Registry.Connectors[name].Options, key); spec != nil && !spec.Prefix {
			names = append(names, "'"+name+"'")
		}
	}
	return names
}

// takeAs goes on as if the key of o were key, where that is not given too and can have the value: a misspelled option is
// not missing as well.
func (s *Session) takeAs(t *catalog.Table, c *catalog.ConnectorSpec, formats []formatUse, o *catalog.Option, key string) {
	if t.Options.Lookup(key) != nil {
		return
	}
	found := len(s.diags.All)
	as := *o
	as.Key = key
	if s.checkOption(t, c, formats, &as); len(s.diags.All) > found {
		s.diags.All = s.diags.All[:found]
		return
	}
	*o = as
}

// findOption is the declaration of key among specs, by name or by prefix.
func findOption(specs []catalog.OptionSpec, key string) *catalog.OptionSpec {
	for i := range specs {
		if !specs[i].Prefix && specs[i].Key == key {
			return &specs[i]
		}
	}
	for i := range specs {
		if specs[i].Prefix && strings.HasPrefix(key, specs[i].Key) && len(key) > len(specs[i].Key) {
			return &specs[i]
		}
	}
	return nil
}

// byPrefix reports whether key is declared by its beginning only.
func byPrefix(specs []catalog.OptionSpec, key string) bool {
	spec := findOption(specs, key)
	return spec != nil && spec.Prefix
}

func (s *Session) checkValue(spec *catalog.OptionSpec, o *catalog.Option) {
	c := *spec
	c.Key = o.Key
	if err := config.CheckValue(&c, o.Value); err != nil {
		d := s.diags.Errorf(codes.OptionValue, o.ValueSpan, "%s", err)
		if c.Type == catalog.OptEnum {
			if g, ok := diag.Suggest(o.Value, c.Values); ok {
				d.Help("did you mean '%s'?", g)
			}
		}
		return
	}
	o.Value = config.Canonical(&c, o.Value)
}

// checkTable asks the connector and the formats of t about it in a role.
func (s *Session) checkTable(t *catalog.Table, how catalog.Use) {
	c := s.connector(t)
	if c == nil {
		return
	}
	defer s.forgive(len(s.diags.All))
	if c.Check != nil {
		c.Check(t, how, s.o.Config.String, s.diags)
	}
	quiet := *s
	quiet.diags = &diag.List{} // unknown formats were reported when the table was defined
	for _, f := range quiet.formats(t, c) {
		if f.spec.Check == nil {
			continue
		}
		cols := t.Physical()
		if c.FormatColumns != nil {
			cols = c.FormatColumns(t, f.key)
		}
		f.spec.Check(t, cols, t.Options.WithPrefix(f.prefix), how, s.diags)
	}
}
