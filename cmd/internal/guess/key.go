package guess

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"weir/connectors/kafka/peek"
)

// key looks at the message keys: whether they say what the value says too, are a column of their own, and whether the topic is a
// table by key, in which a null value deletes.
func (g *guesser) key() {
	keyed := 0
	for _, r := range g.topic.Records {
		if r.Key != nil {
			keyed++
		}
		if r.Value == nil {
			g.nulls++
		}
	}
	byKey := g.nulls > 0 && keyed == len(g.topic.Records) && g.format == "json"
	if g.nulls > 0 && !byKey {
		g.note("%d of %d records have no value: reading fails at them", g.nulls, len(g.topic.Records))
	}
	if keyed == 0 {
		return
	}
	if keyed < len(g.topic.Records) {
		g.note("%d of %d records have a key", keyed, len(g.topic.Records))
	}
	columns, format := g.keyColumns(byKey)
	if byKey {
		g.note("a record without a value deletes its key: the topic is read as a table by key")
		g.upsert(columns, format)
	}
}

// keyColumns declares what is in the keys, and gives the columns that they are, and their format. Columns of the value that
// the key only repeats are not declared again.
func (g *guesser) keyColumns(byKey bool) (columns []string, format string) {
	if name, decl := g.repeated(); name != "" {
		if !byKey {
			g.note("the key of a record is its %s", name)
			return nil, ""
		}
		if decl == "STRING" {
			return []string{name}, "raw"
		}
		return []string{name}, "csv"
	}
	if members := g.keyObject(); members != nil {
		var added []Column
		for _, e := range members {
			columns = append(columns, e.name)
			if g.table.Column(e.name) == nil {
				c := Column{Name: e.name, Note: "in the key"}
				c.Decl, _ = declaration(e, "SQL")
				added = append(added, c)
			}
		}
		if len(added) == 0 && !byKey {
			g.note("the key of a record is a JSON object of %s", strings.Join(columns, ", "))
			return nil, ""
		}
		g.table.Columns = append(added, g.table.Columns...)
		if !byKey {
			g.keyOptions("json", columns)
		}
		return columns, "json"
	}
	name := g.free("key", "record_key")
	c := Column{Name: name, Decl: "STRING", Note: "the message key"}
	for _, r := range g.topic.Records {
		if !utf8.Valid(r.Key) {
			c.Decl = "BYTES"
		}
	}
	g.table.Columns = append([]Column{c}, g.table.Columns...)
	if byKey {
		g.table.Set("value.fields-include", "EXCEPT_KEY")
	} else {
		g.keyOptions("raw", []string{name})
	}
	return []string{name}, "raw"
}

// keyOptions says what is in the key of a table of rows that are only added.
func (g *guesser) keyOptions(format string, columns []string) {
	g.table.Set("key.format", format)
	g.table.Set("key.fields", strings.Join(columns, ";"))
	g.table.Set("value.fields-include", "EXCEPT_KEY")
}

// repeated is the column of the value that the key has the text of, in every record; "" when there is none.
func (g *guesser) repeated() (name, decl string) {
	if g.format != "json" {
		return "", ""
	}
	for _, e := range g.columns {
		same := e.nested == 0
		for _, r := range g.topic.Records {
			if r.Key != nil && r.Value != nil && !memberIs(r, e.name) {
				same = false
				break
			}
		}
		if same && e.values > 0 {
			return e.name, g.table.Column(e.name).Decl
		}
	}
	return "", ""
}

// memberIs reports whether the member called name of the value has the text of the key.
func memberIs(r peek.Record, name string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.Value, &members) != nil {
		return false
	}
	raw, ok := members[name]
	if !ok {
		return false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s == string(r.Key)
	}
	return string(raw) == string(r.Key)
}

// keyObject is the members of keys that are JSON objects; nil where they are not.
func (g *guesser) keyObject() []*evidence {
	var members []*evidence
	for i, r := range g.topic.Records {
		if r.Key == nil {
			continue
		}
		if !json.Valid(r.Key) || object(r.Key, func(name string, value json.RawMessage) { column(&members, name).json(value, i) }) != nil {
			return nil
		}
	}
	return members
}

// upsert makes the table one of upsert-kafka.
func (g *guesser) upsert(key []string, format string) {
	t := g.table
	t.PrimaryKey = key
	var out []Option
	for _, o := range t.Options {
		switch {
		case o.Key == "connector":
			o.Value = "upsert-kafka"
		case o.Key == "format":
			o = Option{"value.format", o.Value}
		case strings.HasPrefix(o.Key, "json."):
			o.Key = "value." + o.Key
		case o.Key == "scan.startup.mode":
			continue // it is read from its beginning always
		}
		out = append(out, o)
	}
	t.Options = out
	t.Set("key.format", format)
}
