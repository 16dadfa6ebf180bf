package scalar

import "strings"

// formatJSON writes the JSON functions whose words are arguments (fn.Builtins) as they are written in SQL; false for other calls.
func formatJSON(b *strings.Builder, e *Call, all bool) bool {
	word := func(i int) string {
		s, _ := e.Args[i].(*Literal).Value.(string)
		return s
	}
	name := e.Func.Name
	switch {
	case name == "JSON_OBJECT" || name == "JSON_ARRAY":
		step, usual := 2, "ABSENT"
		if name == "JSON_OBJECT" {
			step, usual = 3, "NULL"
		}
		b.WriteString(name + "(")
		for i := 1; i < len(e.Args); i += step {
			if i > 1 {
				b.WriteString(", ")
			}
			if step == 3 {
				format(b, e.Args[i], 0, all)
				b.WriteString(" VALUE ")
			}
			v := e.Args[i+step-1]
			if c, ok := v.(*Call); word(i+step-2) == "JSON" && !(ok && strings.HasPrefix(c.Func.Name, "JSON")) {
				b.WriteString("JSON(") // a constant
				format(b, v, 0, all)
				b.WriteByte(')')
				continue
			}
			format(b, v, 0, all)
		}
		if word(0) != usual {
			if len(e.Args) > 1 {
				b.WriteByte(' ')
			}
			b.WriteString(word(0) + " ON NULL")
		}
		b.WriteByte(')')
		return true
	case (name == "JSON_VALUE" || name == "JSON_QUERY" || name == "JSON_EXISTS") && len(e.Args) > 2:
		b.WriteString(name + "(")
		formatList(b, e.Args[:2], all)
		if t := e.Type(); name != "JSON_EXISTS" && t.String() != "STRING" {
			b.WriteString(" RETURNING " + t.WithNullable(true).String())
		}
		i := 3
		switch name {
		case "JSON_EXISTS":
			b.WriteString(" " + word(2) + " ON ERROR")
			i = len(e.Args)
		case "JSON_QUERY":
			if w := word(3); w != "WITHOUT" {
				b.WriteString(" WITH " + w + " WRAPPER")
			}
			i = 4
		}
		for on := " ON EMPTY"; i < len(e.Args); on = " ON ERROR" {
			if w := word(i); w != "NULL" {
				b.WriteString(" " + w)
				if w == "DEFAULT" {
					b.WriteByte(' ')
					format(b, e.Args[i+1], 0, all)
				}
				b.WriteString(on)
			}
			if i++; name == "JSON_VALUE" {
				i++
			}
		}
		b.WriteByte(')')
		return true
	}
	return false
}
