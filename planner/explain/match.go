package explain

import (
	"fmt"
	"strings"

	"weir/planner/physical"
	"weir/planner/scalar"
)

// matchArgs is what the search for a pattern has to say.
func matchArgs(n *physical.Match, in []physical.Column) []string {
	var args []string
	add := func(name, value string) {
		if value != "" {
			args = append(args, name+"="+value)
		}
	}
	add("partition", optional(in, n.Partition))
	then := order(n.Then, in)
	add("order", "["+strings.TrimSuffix(scalar.QuoteName(in[n.Time].Name)+", "+strings.Trim(then, "[]"), ", ")+"]")
	var pattern, define, measures []string
	for _, v := range n.Vars {
		pattern = append(pattern, scalar.QuoteName(v.Name)+quantifier(&v))
		if v.Cond != nil {
			define = append(define, scalar.QuoteName(v.Name)+" AS "+matchExpr(n, v.Cond))
		}
	}
	add("pattern", "("+strings.Join(pattern, " ")+")")
	if define != nil {
		add("define", "["+strings.Join(define, ", ")+"]")
	}
	for i, e := range n.Measures {
		measures = append(measures, matchExpr(n, e)+" AS "+scalar.QuoteName(n.Columns[len(n.Partition)+i].Name))
	}
	if measures != nil {
		add("measures", "["+strings.Join(measures, ", ")+"]")
	}
	switch n.Skip.Kind {
	case physical.PastLastRow:
		add("skip", "past last row")
	case physical.ToNextRow:
		add("skip", "to next row")
	case physical.ToFirst:
		add("skip", "to first "+scalar.QuoteName(n.Vars[n.Skip.Var].Name))
	case physical.ToLast:
		add("skip", "to last "+scalar.QuoteName(n.Vars[n.Skip.Var].Name))
	}
	if n.Within > 0 {
		add("within", length(n.Within))
	}
	return args
}

// matchExpr is an expression in which what is read of the match stands as it is called, without quotes.
func matchExpr(n *physical.Match, e scalar.Expr) string {
	text := scalar.Format(e, false)
	for i := range n.Refs {
		text = strings.ReplaceAll(text, scalar.QuoteName(n.Refs[i].Name), n.Refs[i].Name)
	}
	return text
}

func quantifier(v *physical.PatternVar) string {
	q := ""
	switch {
	case v.Min == 1 && v.Max == 1:
		return ""
	case v.Min == 0 && v.Max < 0:
		q = "*"
	case v.Min == 1 && v.Max < 0:
		q = "+"
	case v.Min == 0 && v.Max == 1:
		q = "?"
	case v.Max < 0:
		q = fmt.Sprintf("{%d,}", v.Min)
	case v.Min == v.Max:
		q = fmt.Sprintf("{%d}", v.Min)
	default:
		q = fmt.Sprintf("{%d,%d}", v.Min, v.Max)
	}
	if v.Reluctant {
		q += "?"
	}
	return q
}
