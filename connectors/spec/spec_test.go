package spec

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/connectors/formats/formattest"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/config"
)

// The cases: "define", "source" and "sink" take a table: its columns, "--", its options, one a line. A column
// may be followed by "key" (of the PRIMARY KEY), "metadata <key>" or "virtual <key>". What the
// connector and its formats report is printed with the text it points at.
func TestChecks(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			use := map[string]catalog.Use{"define": catalog.UseDefine, "source": catalog.UseSource, "sink": catalog.UseSink}[d.Cmd]
			return check(t, d.Input, use)
		})
	})
}

func check(t *testing.T, input string, use catalog.Use) string {
	file := &diag.File{Name: "t.sql", Text: input}
	table := &catalog.Table{Name: "t", NameSpan: diag.Span{File: file}}
	head, options, _ := strings.Cut(input, "\n--")
	at := 0
	for _, line := range strings.SplitAfter(head, "\n") {
		text := strings.TrimSpace(line)
		var key, meta string
		text, key, _ = strings.Cut(text, " key")
		text, meta, _ = strings.Cut(text, " metadata ")
		text, virtual, isVirtual := strings.Cut(text, " virtual ")
		c := formattest.Schema(t, text)[0]
		col := catalog.Column{Name: c.Name, Type: c.Type, Span: diag.Span{File: file, Start: at, End: at + len(text)}}
		if meta+virtual != "" {
			col.Kind, col.MetadataKey, col.Virtual = catalog.Metadata, meta+virtual, isVirtual
		}
		if strings.Contains(line, " key") && key == "" {
			table.PrimaryKey, table.KeySpan = append(table.PrimaryKey, len(table.Columns)), col.Span
		}
		table.Columns = append(table.Columns, col)
		at += len(line)
	}
	at = len(head) + len("\n--")
	for _, line := range strings.SplitAfter(options, "\n") {
		if k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " = "); ok {
			o := catalog.Option{Key: k, Value: v}
			o.KeySpan = diag.Span{File: file, Start: at, End: at + len(k)}
			o.ValueSpan = diag.Span{File: file, Start: at + len(k) + 3, End: at + len(k) + 3 + len(v)}
			table.Options = append(table.Options, o)
			if k == "connector" {
				table.Connector = v
			}
			if k == "partitioned by" {
				table.Options = table.Options[:len(table.Options)-1]
				table.Partitions = List(v)
			}
		}
		at += len(line)
	}
	r := Registry()
	c := r.Connectors[table.Connector]
	var diags diag.List
	c.Check(table, use, config.New().String, &diags)
	for _, key := range sortedKeys(c.Formats) {
		name, ok := table.Options.Get(key)
		if !ok {
			continue
		}
		columns := table.Physical()
		if c.FormatColumns != nil {
			columns = c.FormatColumns(table, key)
		}
		r.Formats[name].Check(table, columns, table.Options.WithPrefix(c.Formats[key]+name+"."), use, &diags)
	}
	var out strings.Builder
	for _, x := range diags.All {
		if diag.Codes[x.Code] == "" {
			t.Errorf("code %s is not in diag.Codes", x.Code)
		}
		fmt.Fprintf(&out, "%s %s at «%s»: %s\n", x.Severity, x.Code, x.Span.Text(), x.Title)
		for _, l := range x.Labels {
			fmt.Fprintf(&out, "  also «%s»: %s\n", l.Span.Text(), l.Text)
		}
		for _, n := range x.Notes {
			fmt.Fprintf(&out, "  note: %s\n", n)
		}
		for _, h := range x.Helps {
			fmt.Fprintf(&out, "  help: %s\n", h)
		}
	}
	if use == catalog.UseDefine && out.Len() == 0 {
		yes, cluster := c.Transactional(table)
		fmt.Fprintf(&out, "ok, bounded %v", c.Bounded(table))
		if yes {
			fmt.Fprintf(&out, ", transactions on %s", cluster)
		}
		out.WriteByte('\n')
	} else if out.Len() == 0 {
		out.WriteString("ok\n")
	}
	return out.String()
}

func sortedKeys(m map[string]string) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func TestEveryOptionIsDescribedAndItsExampleAndDefaultAreValid(t *testing.T) {
	r := Registry()
	each := func(owner string, specs []catalog.OptionSpec) {
		seen := map[string]bool{}
		for _, o := range specs {
			if o.Doc == "" || !strings.HasSuffix(o.Doc, ".") {
				t.Errorf("%s: '%s' is not described by a sentence", owner, o.Key)
			}
			if o.Example == "" {
				t.Errorf("%s: '%s' has no example", owner, o.Key)
			}
			if seen[o.Key] {
				t.Errorf("%s: '%s' is declared twice", owner, o.Key)
			}
			seen[o.Key] = true
			for _, v := range []string{o.Default, o.Example} {
				if v == "" || o.Prefix {
					continue
				}
				if err := config.CheckValue(&o, v); err != nil {
					t.Errorf("%s: %v", owner, err)
				}
			}
		}
	}
	for name, c := range r.Connectors {
		each(name, c.Options)
		if c.Doc == "" || c.Check == nil || c.SourceMode == nil || c.SinkMode == nil || c.Bounded == nil || c.Transactional == nil || !c.Source && !c.Sink {
			t.Errorf("connector %s is incomplete", name)
		}
		for _, m := range c.Metadata {
			if m.Doc == "" {
				t.Errorf("%s: metadata %s is not described", name, m.Key)
			}
		}
	}
	for name, f := range r.Formats {
		each(name, f.Options)
		if f.Doc == "" || f.Check == nil {
			t.Errorf("format %s is incomplete", name)
		}
	}
	each("datagen fields", FieldOptions)
}
