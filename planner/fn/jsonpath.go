package fn

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"weir/planner/types"
)

// JSONPath is a path as JSON_VALUE and its kin take it, in the language of Jayway's JsonPath: $.a.b[0]["c d"], [*], .*, ..name,
// [0, 2], [-1], [1:3], [?(@.price > 10)], and a function such as .length() at its end.
type JSONPath struct {
	// Lax: a value that is not there is empty. Without, which is also what a path with neither word is, it is an error.
	Lax   bool
	Steps []JSONStep
	// Many: the path selects any number of values, which come as one array.
	Many bool
	// Func is the function at the end, such as length; "" without.
	Func string
}

// JSONStep is one step of a JSON path. Exactly one of Keys, Indexes, Slice, All and Filter is set.
type JSONStep struct {
	Deep    bool     // the step is taken from all values below, too: ..name
	Keys    []string // several make an object of those that there are, and stand at the end only
	Indexes []int    // from 0; negative ones from the end
	Slice   *JSONSlice
	All     bool
	Filter  *JSONFilter
}

// JSONSlice is [from:to]; nil is the beginning, and the end.
type JSONSlice struct{ From, To *int }

// JSONFilter is a condition on a value: && and || and ! of comparisons; a path alone asks whether there is something.
type JSONFilter struct {
	Op   string // &&, ||, !, ==, !=, <, <=, >, >=, in, nin, =~; "" for X alone
	L, R *JSONFilter
	X    JSONOperand
}

// JSONOperand is a path from the value (@) or the root ($), or a constant.
type JSONOperand struct {
	Path *JSONPath
	Root bool
	// Value is nil, bool, float64, string, []any of them, or *regexp.Regexp behind =~.
	Value any
}

// CheckJSONPath says what is wrong with a path; nil when ParseJSONPath reads it.
func CheckJSONPath(s string) error {
	_, err := ParseJSONPath(s)
	return err
}

// ParseJSONPath reads a path, with an optional word lax or strict before it.
func ParseJSONPath(s string) (*JSONPath, error) {
	p := &jsonPathParser{rest: strings.TrimSpace(s)}
	lax := false
	if mode, rest, found := strings.Cut(p.rest, " "); found && (mode == "lax" || mode == "strict") {
		lax, p.rest = mode == "lax", strings.TrimSpace(rest)
	}
	fail := func(why string) (*JSONPath, error) {
		return nil, fmt.Errorf("the JSON path '%s' %s; a path is $ and steps .name, [n], [\"name\"], [*], ..name, [from:to] or [?(@.name == 1)]", s, why)
	}
	if !strings.HasPrefix(p.rest, "$") {
		return fail("does not begin with $")
	}
	p.rest = p.rest[1:]
	out, err := p.path("")
	if err == nil && p.rest != "" {
		err = fmt.Errorf("cannot be read at '%s'", p.rest)
	}
	if err != nil {
		return fail(err.Error())
	}
	out.Lax = lax
	return out, nil
}

type jsonPathParser struct{ rest string }

// JSONPathFuncs are the functions at the end of a path.
var JSONPathFuncs = []string{"length", "size", "min", "max", "avg", "sum", "keys"}

// path takes the steps behind $ or @. Inside of a filter a name ends at one of stop, too.
func (p *jsonPathParser) path(stop string) (*JSONPath, error) {
	out := &JSONPath{}
	for {
		step := JSONStep{}
		switch {
		case strings.HasPrefix(p.rest, ".."):
			step.Deep, out.Many = true, true
			p.rest = p.rest[2:]
			if !strings.HasPrefix(p.rest, "[") {
				p.rest = "." + p.rest
			}
		case !strings.HasPrefix(p.rest, ".") && !strings.HasPrefix(p.rest, "["):
			return out, nil
		}
		if n := len(out.Steps); n > 0 && len(out.Steps[n-1].Keys) > 1 {
			return nil, fmt.Errorf("goes on behind several names")
		}
		if p.rest[0] == '[' {
			if err := p.bracket(&step); err != nil {
				return nil, err
			}
		} else {
			n := strings.IndexAny(p.rest[1:], ".[("+stop)
			if n < 0 {
				n = len(p.rest) - 1
			}
			name := strings.TrimSpace(p.rest[1 : 1+n])
			p.rest = p.rest[1+n:]
			if f, ok := strings.CutPrefix(p.rest, "()"); ok {
				for _, known := range JSONPathFuncs {
					if name == known {
						out.Func, p.rest = name, f
						return out, nil
					}
				}
				return nil, fmt.Errorf("has the function %s(), which is not known; there is %s", name, strings.Join(JSONPathFuncs, ", "))
			}
			switch name {
			case "":
				return nil, fmt.Errorf("has a step that is no name")
			case "*":
				step.All = true
			default:
				step.Keys = []string{name}
			}
		}
		out.Many = out.Many || step.All || step.Slice != nil || step.Filter != nil || len(step.Indexes) > 1
		out.Steps = append(out.Steps, step)
	}
}

// bracket takes [...].
func (p *jsonPathParser) bracket(step *JSONStep) error {
	p.next(1)
	switch {
	case p.take("*"):
		step.All = true
	case p.take("?"):
		if !p.take("(") {
			return fmt.Errorf("has a filter without its (")
		}
		f, err := p.filter()
		if err != nil {
			return err
		}
		if !p.take(")") {
			return fmt.Errorf("has a filter without its )")
		}
		step.Filter = f
	case p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\''):
		for {
			s, err := p.text()
			if err != nil {
				return err
			}
			step.Keys = append(step.Keys, s)
			if !p.take(",") {
				break
			}
		}
	default:
		if err := p.places(step); err != nil {
			return err
		}
	}
	if !p.take("]") {
		return fmt.Errorf("has a [ without its end")
	}
	return nil
}

// places takes n, n, ... or from:to.
func (p *jsonPathParser) places(step *JSONStep) error {
	number := func() (*int, error) {
		n := 0
		for n < len(p.rest) && (p.rest[n] == '-' || p.rest[n] >= '0' && p.rest[n] <= '9') {
			n++
		}
		if n == 0 {
			return nil, nil
		}
		x, err := strconv.Atoi(p.rest[:n])
		if err != nil {
			return nil, fmt.Errorf("has an index that is no number")
		}
		p.next(n)
		return &x, nil
	}
	first, err := number()
	if err != nil {
		return err
	}
	if p.take(":") {
		last, err := number()
		if err == nil && first == nil && last == nil {
			err = fmt.Errorf("has a part [:] of neither beginning nor end; write [*]")
		}
		step.Slice = &JSONSlice{first, last}
		return err
	}
	for {
		if first == nil {
			return fmt.Errorf("has an index that is no number")
		}
		step.Indexes = append(step.Indexes, *first)
		if !p.take(",") {
			return nil
		}
		if first, err = number(); err != nil {
			return err
		}
	}
}

// next drops n bytes, and blanks behind them.
func (p *jsonPathParser) next(n int) { p.rest = strings.TrimLeft(p.rest[n:], " \t\n") }

// take takes s where it is next.
func (p *jsonPathParser) take(s string) bool {
	if !strings.HasPrefix(p.rest, s) {
		return false
	}
	p.next(len(s))
	return true
}

// text takes a text in quotes.
func (p *jsonPathParser) text() (string, error) {
	quote := p.rest[0]
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		case c == quote:
			p.next(i + 1)
			return b.String(), nil
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("has a text without its end")
}

// filter takes a || b.
func (p *jsonPathParser) filter() (*JSONFilter, error) { return p.chain("||", p.conjunction) }

func (p *jsonPathParser) conjunction() (*JSONFilter, error) { return p.chain("&&", p.condition) }

func (p *jsonPathParser) chain(op string, operand func() (*JSONFilter, error)) (*JSONFilter, error) {
	l, err := operand()
	for err == nil && p.take(op) {
		var r *JSONFilter
		r, err = operand()
		l = &JSONFilter{Op: op, L: l, R: r}
	}
	return l, err
}

// comparisons in the order in which they are looked for.
var jsonComparisons = []string{"==", "!=", "<=", ">=", "<", ">", "in ", "nin ", "=~"}

// condition takes !c, (c), or an operand, a comparison and another operand.
func (p *jsonPathParser) condition() (*JSONFilter, error) {
	switch {
	case p.take("!"):
		x, err := p.condition()
		return &JSONFilter{Op: "!", L: x}, err
	case p.take("("):
		x, err := p.filter()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("has a filter without its )")
		}
		return x, err
	}
	x, err := p.operand()
	if err != nil {
		return nil, err
	}
	for _, op := range jsonComparisons {
		if p.take(op) {
			y, err := p.operand()
			return &JSONFilter{Op: strings.TrimSpace(op), L: &JSONFilter{X: x}, R: &JSONFilter{X: y}}, err
		}
	}
	if x.Path == nil {
		return nil, fmt.Errorf("has a filter that compares nothing")
	}
	return &JSONFilter{X: x}, nil
}

// operand takes @.path, $.path, a text, a number, true, false, null, or a list of such.
func (p *jsonPathParser) operand() (o JSONOperand, err error) {
	switch {
	case p.rest == "":
		return o, fmt.Errorf("has a filter that ends too early")
	case p.rest[0] == '@' || p.rest[0] == '$':
		o.Root = p.rest[0] == '$'
		p.rest = p.rest[1:]
		o.Path, err = p.path(" )=!<>&|,]\t\n")
		p.next(0)
		return o, err
	case p.rest[0] == '\'' || p.rest[0] == '"':
		o.Value, err = p.text()
		return o, err
	case p.rest[0] == '/':
		body, err := p.text()
		if err != nil {
			return o, err
		}
		if p.take("i") {
			body = "(?i)" + body
		}
		if o.Value, err = regexp.Compile("^(?:" + body + ")$"); err != nil {
			return o, fmt.Errorf("has a regular expression that cannot be read: %w", err)
		}
		return o, nil
	case p.take("["):
		list := []any{}
		for !p.take("]") {
			x, err := p.operand()
			if err != nil {
				return o, err
			}
			if x.Path != nil {
				return o, fmt.Errorf("has a list of paths")
			}
			list = append(list, x.Value)
			if !p.take(",") && !strings.HasPrefix(p.rest, "]") {
				return o, fmt.Errorf("has a list without its end")
			}
		}
		o.Value = list
		return o, nil
	}
	for word, v := range map[string]any{"true": true, "false": false, "null": nil} {
		if p.take(word) {
			o.Value = v
			return o, nil
		}
	}
	n := 0
	for n < len(p.rest) && strings.IndexByte("+-.0123456789eE", p.rest[n]) >= 0 {
		n++
	}
	x, err := strconv.ParseFloat(p.rest[:n], 64)
	if err != nil {
		return o, fmt.Errorf("has a filter that cannot be read at '%s'", p.rest)
	}
	p.next(n)
	o.Value = x
	return o, nil
}

// The words among the arguments of JSON_VALUE, JSON_QUERY and JSON_EXISTS when clauses stand behind the path:
//
//	JSON_VALUE(json, path, NULL of the type, on empty, default, on error, default)
//	JSON_QUERY(json, path, NULL of the type, wrapper, on empty, on error)
//	JSON_EXISTS(json, path, on error)
//
// with on empty and on error as they are written; a default that is not used is NULL.

// JSONReturning says why JSON_VALUE (query: JSON_QUERY) cannot return t; nil if it can.
func JSONReturning(t types.Type, query bool) error {
	if t.Kind == types.VarChar {
		return nil
	}
	if query {
		if t.Kind == types.Array && t.Nested.Elem.EqualIgnoringNull(types.TString) {
			return nil
		}
		return fmt.Errorf("it returns STRING, VARCHAR(n) or ARRAY<STRING>, not %s", t.WithNullable(true))
	}
	switch t.Kind {
	case types.Boolean, types.Int, types.Double:
		return nil
	}
	return fmt.Errorf("it returns STRING, VARCHAR(n), BOOLEAN, INT or DOUBLE, not %s", t.WithNullable(true))
}
