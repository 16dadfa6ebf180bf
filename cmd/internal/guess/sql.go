package guess

import (
	"fmt"
	"strings"
	"time"

	"weir/parser/token"
	"weir/planner/scalar"
)

// SQL is the statement: its notes as comments, a column and an option a line, with the semicolon and a new line.
func (t *Table) SQL() string {
	var b strings.Builder
	for _, n := range t.Notes {
		b.WriteString("-- " + n + "\n")
	}
	fmt.Fprintf(&b, "CREATE TABLE %s (\n", Quote(t.Name))
	var lines, notes []string
	for _, c := range t.Columns {
		lines, notes = append(lines, Quote(c.Name)+" "+c.Decl), append(notes, c.Note)
	}
	if t.PrimaryKey != nil {
		var names []string
		for _, k := range t.PrimaryKey {
			names = append(names, Quote(k))
		}
		lines, notes = append(lines, "PRIMARY KEY ("+strings.Join(names, ", ")+") NOT ENFORCED"), append(notes, "")
	}
	if w := t.Watermark; w != nil {
		c := Quote(w.Column)
		lines, notes = append(lines, "WATERMARK FOR "+c+" AS "+c+" - "+interval(w.Delay)), append(notes, "")
	}
	for i, line := range lines {
		if i < len(lines)-1 {
			line += ","
		}
		if notes[i] != "" {
			line += " -- " + notes[i]
		}
		b.WriteString("  " + line + "\n")
	}
	b.WriteString(") WITH (\n")
	for i, o := range t.Options {
		comma := ","
		if i == len(t.Options)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "  %s = %s%s\n", text(o.Key), text(o.Value), comma)
	}
	b.WriteString(");\n")
	return b.String()
}

// interval is d as an interval of one field.
func interval(d time.Duration) string {
	for _, u := range []struct {
		unit string
		of   time.Duration
	}{{"DAY", 24 * time.Hour}, {"HOUR", time.Hour}, {"MINUTE", time.Minute}} {
		if d%u.of == 0 {
			return fmt.Sprintf("INTERVAL '%d' %s", d/u.of, u.unit)
		}
	}
	return fmt.Sprintf("INTERVAL '%d' SECOND", d/time.Second)
}

// Quote is a name as SQL has it, in quotes where it would mean something else.
func Quote(name string) string {
	if q := scalar.QuoteName(name); q != name || !token.Reserved(strings.ToUpper(name)) {
		return q
	}
	return "`" + name + "`"
}

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
