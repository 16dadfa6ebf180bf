package spec

import (
	"net/url"
	"slices"
	"strings"

	"weir/connectors/spec/avroschema"
	"weir/parser/diag"
	c "weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/types"
)

// The formats whose records begin with the number of their schema.
const (
	ConfluentAvro = "avro-confluent"
	DebeziumAvro  = "debezium-avro-confluent"
)

const legacyMapping = "timestamp_mapping.legacy"

func avro() *c.FormatSpec {
	return &c.FormatSpec{
		Name: "avro", Doc: "One Avro record, without its schema: writers and readers have that of the table.", Fields: true,
		Options: []c.OptionSpec{
			enum("encoding", "binary", "Avro's binary encoding, or its JSON encoding.", "binary", "json"),
			opt(legacyMapping, c.OptBool, "true", "Whether TIMESTAMP is Avro's timestamp, as in Flink before 1.19; else TIMESTAMP is local-timestamp and TIMESTAMP_LTZ is timestamp.", "false"),
			opt("codec", c.OptString, "snappy", "Compression of Avro's container files, which weir does not write.", "null"),
			opt("open.fastread", c.OptBool, "false", "Accepted for compatibility; there is one decoder.", "true"),
		},
		Check: checkAvro,
	}
}

func avroConfluent() *c.FormatSpec {
	return &c.FormatSpec{
		Name: ConfluentAvro, Doc: "One Avro record behind the number of its schema in a Confluent Schema Registry.", Fields: true,
		Options: registryOptions(), Check: checkRegistry(ConfluentAvro),
	}
}

func debeziumAvro() *c.FormatSpec {
	return &c.FormatSpec{
		Name: DebeziumAvro, Doc: "Changes of a database as Debezium writes them with Confluent's Avro converter: the old row and the new one.", Changelog: true, Fields: true,
		Options: registryOptions(), Check: checkRegistry(DebeziumAvro),
	}
}

// registryOptions is the options of a format whose schemas are in a registry.
func registryOptions() []c.OptionSpec {
	secret := func(o c.OptionSpec) c.OptionSpec { o.Secret = true; return o }
	return []c.OptionSpec{
		opt("url", c.OptString, "", "Address of the schema registry, which must be given; several are tried in turn, separated by commas.", "http://localhost:8081"),
		opt("schema-registry.url", c.OptString, "", "The former name of url.", "http://localhost:8081"),
		opt("subject", c.OptString, "", "Subject that the schema is registered under when the table is written; by default <topic>-value, or <topic>-key.", "orders-value"),
		opt("schema-registry.subject", c.OptString, "", "The former name of subject.", "orders-value"),
		opt("schema", c.OptString, "", "Schema to read and write with, instead of the one that follows from the table; it must stand for the same columns.",
			`{"type":"record","name":"order","fields":[{"name":"id","type":"long"}]}`),
		opt("schema-registry.schema", c.OptString, "", "The former name of schema.", `{"type":"record","name":"order","fields":[{"name":"id","type":"long"}]}`),
		opt("auto.register.schemas", c.OptBool, "true", "Whether the schema is registered with the first row that is written; else it has to be there.", "false"),
		opt("basic-auth.credentials-source", c.OptString, "", "USER_INFO takes basic-auth.user-info, URL the user and password of the address.", "USER_INFO"),
		secret(opt("basic-auth.user-info", c.OptString, "", "User and password for the registry.", "user:password")),
		opt("bearer-auth.credentials-source", c.OptString, "", "STATIC_TOKEN takes bearer-auth.token.", "STATIC_TOKEN"),
		secret(opt("bearer-auth.token", c.OptString, "", "Token for the registry.", "eyJhbGciOi")),
		opt("ssl.truststore.location", c.OptString, "", "File in PEM of the certificates that the registry's is signed by.", "/etc/ssl/registry-ca.pem"),
		secret(opt("ssl.truststore.password", c.OptString, "", "Accepted for compatibility; certificates in PEM are not encrypted.", "changeit")),
		opt("ssl.keystore.location", c.OptString, "", "File in PEM of the certificate and the key that the registry knows this client by.", "/etc/ssl/weir.pem"),
		secret(opt("ssl.keystore.password", c.OptString, "", "Accepted for compatibility; the key must not be encrypted.", "changeit")),
		{Key: "properties.", Type: c.OptString, Prefix: true, Doc: "Settings of Confluent's client by their own names, where there is no option above.", Example: "properties.basic.auth.user.info"},
	}
}

// fieldsOf is what a format carries of t, as its records name it.
func fieldsOf(t *c.Table, columns []int) []types.Field {
	prefix, _ := t.Options.Get("key.fields-prefix")
	if prefix != "" && !slices.Equal(columns, KafkaKeyFields(t)) {
		prefix = ""
	}
	out := make([]types.Field, len(columns))
	for i, f := range columns {
		out[i] = types.Field{Name: strings.TrimPrefix(t.Columns[f].Name, prefix), Type: t.Columns[f].Type}
	}
	return out
}

// avroColumns reports columns that Avro cannot carry.
func avroColumns(format string, t *c.Table, columns []int, legacy, mapping bool, diags *diag.List) {
	for i, f := range fieldsOf(t, columns) {
		col := &t.Columns[columns[i]]
		if !avroschema.Name(f.Name) {
			diags.Errorf(CodeFormatColumn, col.Span, "column %s: format '%s' cannot carry this name: names in Avro are letters, digits and _, and begin with no digit", col.Name, format).
				Help("rename the column; a query that reads the table can give it its name back with AS")
			continue
		}
		if why, help := avroschema.Refuse(f.Type, legacy, mapping); why != "" {
			d := diags.Errorf(CodeFormatColumn, col.Span, "column %s %s: format '%s' %s", col.Name, col.Type, format, why)
			if help != "" {
				d.Help("%s", help)
			}
		}
	}
}

func checkAvro(t *c.Table, columns []int, opts c.Options, use c.Use, diags *diag.List) {
	if use != c.UseDefine {
		return
	}
	if t.Connector == "filesystem" {
		if o := t.Options.Lookup("format"); o != nil {
			diags.Errorf(CodeOptionRefused, o.ValueSpan, "format 'avro' is not supported for files: they would be Avro's container files").
				Help("use 'json' or 'csv' for files, or a topic: 'connector' = 'kafka'")
		}
		return
	}
	if o := opts.Lookup("codec"); o != nil {
		diags.Errorf(CodeOptionRefused, o.KeySpan, "avro: 'codec' is for files only, not for connector '%s'", t.Connector).
			Help("remove it; 'properties.compression.type' compresses the records of a topic")
	}
	if o := opts.Lookup("open.fastread"); o != nil {
		diags.Warnf(CodeOptionNoEffect, o.KeySpan, "avro: 'open.fastread' has no effect: there is one decoder")
	}
	v, given := opts.Get(legacyMapping)
	avroColumns("avro", t, columns, !given || strings.EqualFold(v, "true"), true, diags)
}

// registryNames is what else the options of avro-confluent are called: by Flink before, and by Confluent's client.
var registryNames = map[string][]string{
	"url": {"schema-registry.url"}, "subject": {"schema-registry.subject"}, "schema": {"schema-registry.schema"},
	"basic-auth.credentials-source":  {"properties.basic.auth.credentials.source"},
	"basic-auth.user-info":           {"properties.basic.auth.user.info", "properties.schema.registry.basic.auth.user.info"},
	"bearer-auth.credentials-source": {"properties.bearer.auth.credentials.source"},
	"bearer-auth.token":              {"properties.bearer.auth.token"},
	"ssl.truststore.location":        {"properties.schema.registry.ssl.truststore.location"},
	"ssl.truststore.password":        {"properties.schema.registry.ssl.truststore.password"},
	"ssl.keystore.location":          {"properties.schema.registry.ssl.keystore.location"},
	"ssl.keystore.password":          {"properties.schema.registry.ssl.keystore.password"},
	"auto.register.schemas":          {"properties.auto.register.schemas"},
}

// RegistryOption is the option key of avro-confluent, by whichever of its names; nil where it is not given.
func RegistryOption(opts c.Options, key string) *c.Option {
	if o := opts.Lookup(key); o != nil {
		return o
	}
	for _, name := range registryNames[key] {
		if o := opts.Lookup(name); o != nil {
			return o
		}
	}
	return nil
}

// Subject is what the schema of one side of a topic, key or value, is registered under where no option says so.
func Subject(topic, side string) string { return topic + "-" + side }

// SingleTopic is the topic of a table that has exactly one.
func SingleTopic(o c.Options) (string, bool) {
	v, _ := o.Get("topic")
	topics := List(v)
	if len(topics) != 1 {
		return "", false
	}
	return topics[0], true
}

func checkRegistry(name string) func(*c.Table, []int, c.Options, c.Use, *diag.List) {
	return func(t *c.Table, columns []int, opts c.Options, use c.Use, diags *diag.List) {
		r := &registryCheck{name: name, opts: opts, diags: diags}
		r.check(t, columns, use)
	}
}

type registryCheck struct {
	name  string // of the format
	opts  c.Options
	diags *diag.List
}

func (r *registryCheck) check(t *c.Table, columns []int, use c.Use) {
	switch use {
	case c.UseDefine:
		if t.Connector == "filesystem" {
			if o := t.Options.Lookup("format"); o != nil {
				r.diags.Errorf(CodeOptionRefused, o.ValueSpan, "format '%s' is not supported for files: its records have no end that a reader could find", r.name).
					Help("use 'json' or 'csv' for files, or a topic: 'connector' = 'kafka'")
			}
			return
		}
		r.address(t)
		r.credentials()
		r.stores()
		r.properties()
		if o := RegistryOption(r.opts, "schema"); o != nil {
			r.schema(o, t, columns)
		} else {
			avroColumns(r.name, t, columns, true, false, r.diags)
		}
	case c.UseSink:
		if RegistryOption(r.opts, "subject") != nil {
			return
		}
		if _, single := SingleTopic(t.Options); !single {
			r.diags.Errorf(codes.MissingOption, t.NameSpan, "table %s: format '%s' needs the option 'subject' to write a table that has no single topic", t.Name, r.name).
				Help("add '%s.subject' = '...', behind 'value.' or 'key.' where the format stands in 'value.format' or 'key.format'", r.name)
		}
	}
}

func (r *registryCheck) address(t *c.Table) {
	o := RegistryOption(r.opts, "url")
	if o == nil {
		r.diags.Errorf(codes.MissingOption, t.NameSpan, "table %s: format '%s' needs the option 'url' of the schema registry", t.Name, r.name).
			Help("add '%s.url' = 'http://localhost:8081', behind 'value.' or 'key.' where the format stands in 'value.format' or 'key.format'", r.name)
		return
	}
	for _, v := range strings.Split(o.Value, ",") {
		v = strings.TrimSpace(v)
		u, err := url.Parse(v)
		switch {
		case err == nil && u.Scheme == "mock":
			r.diags.Errorf(CodeOptionRefused, o.ValueSpan, "%s: '%s' is a registry in the memory of a Java program", r.name, v).Help("write the address of a registry: 'http://localhost:8081'")
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			d := r.diags.Errorf(CodeFormatOption, o.ValueSpan, "%s: '%s' is not the address of a schema registry", r.name, v)
			if err == nil && !strings.Contains(v, "://") && v != "" {
				d.Help("write 'http://%s'", v)
			} else {
				d.Help("write it like 'http://localhost:8081'")
			}
		}
	}
}

// credentials checks that what a source of credentials needs is there, and that what is there is used.
func (r *registryCheck) credentials() {
	for _, a := range []struct{ source, value, needs string }{
		{"basic-auth.credentials-source", "basic-auth.user-info", "USER_INFO"},
		{"bearer-auth.credentials-source", "bearer-auth.token", "STATIC_TOKEN"},
	} {
		source, value := RegistryOption(r.opts, a.source), RegistryOption(r.opts, a.value)
		if source == nil {
			if value != nil {
				r.diags.Errorf(CodeOptionCombination, value.KeySpan, "%s: '%s' is not used without '%s'", r.name, a.value, a.source).
					Help("add '%s.%s' = '%s'", r.name, a.source, a.needs)
			}
			continue
		}
		switch v := strings.ToUpper(source.Value); {
		case v == a.needs && value == nil:
			r.diags.Errorf(CodeOptionCombination, source.ValueSpan, "%s: '%s' needs '%s'", r.name, v, a.value).Help("add '%s.%s'", r.name, a.value)
		case v == a.needs && v == "USER_INFO" && !strings.Contains(value.Value, ":"):
			r.diags.Errorf(CodeFormatOption, value.ValueSpan, "%s: '%s' must be user:password", r.name, a.value)
		case v == a.needs, v == "URL" && a.needs == "USER_INFO":
		case v == "SASL_INHERIT", v == "OAUTHBEARER", v == "SASL_OAUTHBEARER_INHERIT", v == "CUSTOM":
			r.diags.Errorf(CodeOptionRefused, source.ValueSpan, "%s: the credentials source '%s' is not supported", r.name, source.Value).
				Help("use '%s' with '%s.%s'", a.needs, r.name, a.value)
		default:
			r.diags.Errorf(CodeFormatOption, source.ValueSpan, "%s: '%s' is no source of credentials", r.name, source.Value).Help("write '%s'", a.needs)
		}
	}
}

// stores checks that stores of certificates are in PEM, which needs no Java.
func (r *registryCheck) stores() {
	for _, key := range []string{"ssl.truststore.location", "ssl.keystore.location"} {
		o := RegistryOption(r.opts, key)
		if o == nil {
			continue
		}
		lower := strings.ToLower(o.Value)
		for _, java := range []string{".jks", ".p12", ".pfx", ".pkcs12"} {
			if strings.HasSuffix(lower, java) {
				r.diags.Errorf(CodeOptionRefused, o.ValueSpan, "%s: '%s' must be a file in PEM, not a store of Java", r.name, key).
					Help("convert it once with keytool -importkeystore and openssl pkcs12 -nodes, and name the .pem file")
			}
		}
	}
}

// properties reports settings of Confluent's client that weir has no use for.
func (r *registryCheck) properties() {
	known := map[string]bool{}
	for _, names := range registryNames {
		for _, name := range names {
			known[name] = true
		}
	}
	for i := range r.opts {
		if o := &r.opts[i]; strings.HasPrefix(o.Key, "properties.") && !known[o.Key] {
			r.diags.Errorf(CodeOptionRefused, o.KeySpan, "%s: '%s' is not supported: it is for Confluent's Java client", r.name, o.Key).Help("remove it")
		}
	}
}

// schema checks a schema that the user gives.
func (r *registryCheck) schema(o *c.Option, t *c.Table, columns []int) {
	s, err := avroschema.Parse(o.Value, false)
	if err != nil {
		r.diags.Errorf(CodeFormatOption, o.ValueSpan, "%s: 'schema' is no Avro schema: %s", r.name, err).Help("remove it, and the schema follows from the table's columns")
		return
	}
	field, differs, help := r.match(avroschema.TreeOf(s), fieldsOf(t, columns))
	if differs == "" {
		return
	}
	at := o.ValueSpan
	if field >= 0 {
		at = t.Columns[columns[field]].Span
	}
	d := r.diags.Errorf(CodeFormatColumn, at, "table %s does not match '%s.schema': %s", t.Name, r.name, differs)
	if field >= 0 {
		d.Label(o.ValueSpan, "the schema")
	}
	d.Help("%s", help)
}

// match compares a schema with the columns, or with the envelope of such rows. The column is -1 where no single one differs.
func (r *registryCheck) match(s *avroschema.Tree, fields []types.Field) (column int, differs, help string) {
	if r.name != DebeziumAvro {
		return avroschema.Match(s, fields, false)
	}
	_, differs, help = avroschema.Match(s, avroschema.Envelope(fields), true)
	return -1, differs, help
}
