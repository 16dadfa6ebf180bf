package bind

import (
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/fn"
)

// tableFunction says how a table function is called.
type tableFunction struct {
	form   string
	code   string // of findings about its arguments
	params []tableParam
}

// tableParam is one parameter.
type tableParam struct {
	name     string
	is       paramKind
	optional bool
}

type paramKind uint8

const (
	isExpr       paramKind = iota
	isTable                // TABLE t, or a query
	isDescriptor           // DESCRIPTOR(column)
)

// tableFunctions by name.
var tableFunctions = map[string]*tableFunction{
	"TUMBLE":      windowFunction("TUMBLE(TABLE t, DESCRIPTOR(ts), size [, offset])", "SIZE", "OFFSET"),
	"HOP":         windowFunction("HOP(TABLE t, DESCRIPTOR(ts), slide, size [, offset])", "SLIDE", "SIZE", "OFFSET"),
	"CUMULATE":    windowFunction("CUMULATE(TABLE t, DESCRIPTOR(ts), step, size [, offset])", "STEP", "SIZE", "OFFSET"),
	"SESSION":     windowFunction("SESSION(TABLE t [PARTITION BY key, ...], DESCRIPTOR(ts), gap)", "GAP"),
	toChangelog:   changelogFunction(fn.ToChangelog),
	fromChangelog: changelogFunction(fn.FromChangelog),
	vectorSearch: {
		form: fn.VectorSearch, code: codes.Search,
		params: []tableParam{{"SEARCH_TABLE", isTable, false}, {"COLUMN_TO_SEARCH", isDescriptor, false}, {"COLUMN_TO_QUERY", isExpr, false},
			{"TOP_K", isExpr, false}, {"CONFIG", isExpr, true}},
	},
}

func changelogFunction(form string) *tableFunction {
	return &tableFunction{form: form, code: codes.Changelog, params: []tableParam{
		{"INPUT", isTable, false}, {"OP", isDescriptor, true}, {"OP_MAPPING", isExpr, true}, {"UID", isExpr, true}}}
}

func windowFunction(form string, params ...string) *tableFunction {
	f := &tableFunction{form: form, code: codes.WindowArgs, params: []tableParam{{"DATA", isTable, false}, {"TIMECOL", isDescriptor, false}}}
	for _, p := range params {
		f.params = append(f.params, tableParam{p, isExpr, p == "OFFSET"})
	}
	return f
}

// tableArguments puts positional and named arguments of the function called name under the names of its parameters.
func (b *Binder) tableArguments(t *ast.TableFunc, name string) (map[string]*ast.TableArg, bool) {
	f := tableFunctions[name]
	order := make([]string, len(f.params))
	for i, p := range f.params {
		order[i] = p.name
	}
	args := map[string]*ast.TableArg{}
	for i, a := range t.Args {
		var p string
		switch {
		case a.Param != nil:
			p = strings.ToUpper(a.Param.Name)
			if !slices.Contains(order, p) {
				d := b.Diags.Errorf(f.code, a.Param.Sp, "%s has no parameter %s", name, a.Param.Name)
				if s, ok := diag.Suggest(p, order); ok {
					d.Help("did you mean %s?", s)
				} else {
					d.Help("its parameters are %s", strings.Join(order, ", "))
				}
				return nil, false
			}
		case i >= len(order):
			b.Diags.Errorf(f.code, a.Sp, "%s has too many arguments", name).Help("the form is %s", f.form)
			return nil, false
		default:
			p = order[i]
		}
		if args[p] != nil {
			b.Diags.Errorf(f.code, a.Sp, "parameter %s is given twice", p)
			return nil, false
		}
		args[p] = a
	}
	for _, p := range f.params {
		a := args[p.name]
		if a == nil && p.optional {
			continue
		}
		if a == nil {
			b.Diags.Errorf(f.code, t.Sp, "%s lacks its argument %s", name, p.name).Help("the form is %s", f.form)
			return nil, false
		}
		if !p.takes(a) {
			b.noArgument(a, p, name, f)
			return nil, false
		}
	}
	return args, true
}

func (p tableParam) takes(a *ast.TableArg) bool {
	switch p.is {
	case isTable:
		return a.Table != nil || a.Query != nil
	case isDescriptor:
		return len(a.Descriptor) == 1
	}
	return a.Expr != nil || p.optional // what is wrong about an optional one is said where it is read
}

// noArgument reports an argument that is no p.
func (b *Binder) noArgument(a *ast.TableArg, p tableParam, name string, f *tableFunction) {
	d := b.Diags.Errorf(f.code, a.Sp, "this is not what %s takes as %s", name, p.name).Help("the form is %s", f.form)
	if p.is == isDescriptor && len(a.Descriptor) > 1 {
		d.At("it is one column")
	}
	ref, ok := a.Expr.(*ast.ColumnRef)
	switch {
	case ok && p.is == isTable:
		d.Helps = []string{"a table is named with the word in front: TABLE " + ref.Name.String()}
	case ok && p.is == isDescriptor && name == vectorSearch:
		d.Helps = []string{"DESCRIPTOR comes before the vector that is searched for: " + f.form}
	case ok && p.is == isDescriptor && p.name == "OP":
		d.Helps = []string{"the column is named as in DESCRIPTOR(" + ref.Name.String() + ")"}
	case ok && p.is == isDescriptor:
		d.Helps = []string{"the time attribute is named as in DESCRIPTOR(" + ref.Name.String() + ")"}
	}
}
