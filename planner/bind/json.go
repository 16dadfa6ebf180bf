package bind

import (
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/fn"
	"weir/planner/scalar"
	"weir/planner/types"
)

// jsonCall binds the functions of JSON that have a syntax of their own. done is false for all others.
func (x *exprBinder) jsonCall(e *ast.Call, f *fn.Func) (v scalar.Expr, done bool) {
	switch f.Name {
	case "JSON":
		x.Diags.Errorf(codes.NoCallForm, e.Sp, "JSON(...) stands as a value of JSON_OBJECT or JSON_ARRAY only").
			Help("write JSON_ARRAY(%s), or leave JSON( ) out: the text is JSON already", e.Sp.Text())
		return nil, true
	case "JSON_OBJECT":
		return x.jsonObject(e, f), true
	case "JSON_ARRAY":
		return x.jsonArray(e, f), true
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS":
		if e.JSON == nil {
			return nil, false
		}
		return x.jsonAsk(e, f), true
	}
	return nil, false
}

func word(s string, at diag.Span) scalar.Expr {
	return &scalar.Literal{Value: s, Typ: types.Type{Kind: types.Char, Len: len(s)}, Sp: at}
}

// onNull is the word of NULL ON NULL or ABSENT ON NULL.
func onNull(e *ast.Call, otherwise string) string {
	if e.JSON != nil && e.JSON.OnNull != "" {
		return e.JSON.OnNull
	}
	return otherwise
}

// jsonMakes reports a call whose value is JSON, which goes into other JSON as it is.
func jsonMakes(e ast.Expr) bool {
	c, ok := e.(*ast.Call)
	if !ok {
		return false
	}
	switch strings.ToUpper(c.Name.Name) {
	case "JSON", "JSON_OBJECT", "JSON_ARRAY":
		return true
	}
	return false
}

// jsonItem binds a value that goes into JSON, and says whether it is JSON.
func (x *exprBinder) jsonItem(e ast.Expr) (v scalar.Expr, kind string) {
	if c, ok := e.(*ast.Call); ok && jsonMakes(e) {
		if strings.EqualFold(c.Name.Name, "JSON") {
			return x.applyTo("JSON", c.Sp, c.Args...), fn.JSONRaw
		}
		return x.bind(e), fn.JSONRaw
	}
	v = x.bind(e)
	if v == nil {
		return nil, ""
	}
	if v.Type().Kind == types.Null {
		return &scalar.Literal{Typ: types.TString, Sp: v.Span()}, fn.JSONPlain
	}
	if err := fn.CheckJSONValue(v.Type()); err != nil {
		x.Diags.Errorf(codes.Arguments, e.Span(), "this cannot go into JSON: %s", err).
			Help("CAST it to STRING")
		return nil, ""
	}
	return v, fn.JSONPlain
}

func (x *exprBinder) jsonObject(e *ast.Call, f *fn.Func) scalar.Expr {
	args := []scalar.Expr{word(onNull(e, fn.JSONNullOnNull), e.Sp)}
	ok := true
	for i := 0; i+1 < len(e.Args); i += 2 {
		k := x.jsonKey(e.Args[i], f.Name)
		v, kind := x.jsonItem(e.Args[i+1])
		ok = ok && k != nil && v != nil
		args = append(args, k, word(kind, e.Args[i+1].Span()), v)
	}
	if !ok {
		return nil
	}
	return x.fold(&scalar.Call{Func: f, Args: args, Typ: types.TString.NotNull(), Sp: e.Sp})
}

// jsonKey binds a key of an object.
func (x *exprBinder) jsonKey(e ast.Expr, function string) scalar.Expr {
	k := x.bind(e)
	if k == nil {
		return nil
	}
	l, literal := k.(*scalar.Literal)
	switch {
	case literal && l.Value == nil:
		x.Diags.Errorf(codes.Arguments, e.Span(), "a key of %s cannot be NULL", function)
		return nil
	case !k.Type().IsString():
		x.Diags.Errorf(codes.Arguments, e.Span(), "a key of %s must be a string, not %s", function, k.Type().WithNullable(true)).
			Help("CAST it to STRING")
		return nil
	}
	return k
}

func (x *exprBinder) jsonArray(e *ast.Call, f *fn.Func) scalar.Expr {
	args := []scalar.Expr{word(onNull(e, fn.JSONAbsentOnNull), e.Sp)}
	ok := true
	for _, a := range e.Args {
		v, kind := x.jsonItem(a)
		ok = ok && v != nil
		args = append(args, word(kind, a.Span()), v)
	}
	switch {
	case !ok:
		return nil
	case e.Distinct || len(e.OrderBy) > 0:
		x.Diags.Errorf(codes.Aggregate, e.Sp, "%s is not an aggregate: DISTINCT and ORDER BY have no meaning for it", f.Name)
		return nil
	}
	return x.fold(&scalar.Call{Func: f, Args: args, Typ: types.TString.NotNull(), Sp: e.Sp})
}

// jsonAsk binds JSON_VALUE, JSON_QUERY and JSON_EXISTS with clauses behind the path.
func (x *exprBinder) jsonAsk(e *ast.Call, f *fn.Func) scalar.Expr {
	var args []scalar.Expr
	ok := true
	for _, a := range e.Args {
		v := x.bind(a)
		ok = ok && v != nil
		args = append(args, v)
	}
	t, returns := types.TString, true
	if r := e.JSON.Returning; r != nil {
		if t, returns = Type(r, x.Diags); returns {
			if err := fn.JSONReturning(t, f.Name == "JSON_QUERY"); err != nil {
				x.Diags.Errorf(codes.Arguments, r.Sp, "%s cannot return this: %s", f.Name, err).
					Help("CAST the STRING that it returns")
				returns = false
			}
		}
	}
	if !ok || !returns {
		return nil
	}
	natural, args, ok := x.resolveCall(f, args, e.Sp)
	if !ok {
		return nil
	}
	if f.Name == "JSON_EXISTS" {
		args = append(args, word(e.JSON.OnError.Word, e.JSON.OnError.Sp))
		return x.fold(&scalar.Call{Func: f, Args: args, Typ: natural.WithNullable(true), Sp: e.Sp})
	}
	t = t.WithNullable(true)
	args = append(args, &scalar.Literal{Typ: t, Sp: e.JSON.Sp})
	if f.Name == "JSON_QUERY" {
		wrapper := e.JSON.Wrapper
		if wrapper == "" {
			wrapper = "WITHOUT"
		}
		args = append(args, word(wrapper, e.JSON.Sp))
	}
	for _, b := range []*ast.JSONBehavior{e.JSON.OnEmpty, e.JSON.OnError} {
		if b == nil {
			b = &ast.JSONBehavior{At: e.JSON.At, Word: "NULL"}
		}
		if b.Word == "EMPTY OBJECT" && t.Kind == types.Array {
			x.Diags.Errorf(codes.Arguments, b.Sp, "EMPTY OBJECT is no %s", t).Help("write EMPTY ARRAY")
			return nil
		}
		args = append(args, word(b.Word, b.Sp))
		if f.Name == "JSON_VALUE" {
			def := x.jsonDefault(b, t)
			if def == nil {
				return nil
			}
			args = append(args, def)
		}
	}
	return x.fold(&scalar.Call{Func: f, Args: args, Typ: t, Sp: e.Sp})
}

// jsonDefault binds the literal of DEFAULT as a value of type t; NULL without one.
func (x *exprBinder) jsonDefault(b *ast.JSONBehavior, t types.Type) scalar.Expr {
	if b.Default == nil {
		return &scalar.Literal{Typ: t, Sp: b.Sp}
	}
	v := x.bind(b.Default)
	if v == nil {
		return nil
	}
	from := v.Type()
	l, literal := v.(*scalar.Literal)
	switch {
	case !literal || l.Value == nil:
		x.Diags.Errorf(codes.Arguments, b.Default.Span(), "a DEFAULT is a constant that is not NULL").Help("write COALESCE(%s, %s) for other values", "JSON_VALUE(...)", b.Default.Span().Text())
		return nil
	case t.IsString(), from.Kind == t.Kind, t.Kind == types.Double && from.IsNumeric(), t.Kind == types.Int && from.IsInteger():
	default:
		x.Diags.Errorf(codes.Arguments, b.Default.Span(), "a DEFAULT of type %s does not fit RETURNING %s", from.WithNullable(true), t)
		return nil
	}
	return x.Convert(v, t)
}

// aggregateArgs binds the arguments of an aggregate, and says whether it leaves NULLs out where that can be said.
func (x *exprBinder) aggregateArgs(e *ast.Call, f *fn.Func) (args []scalar.Expr, ignoreNulls, ok bool) {
	switch f.Name {
	case "JSON_ARRAYAGG", "JSON_OBJECTAGG":
		return x.jsonAggregateArgs(e, f)
	case "ARRAY_AGG", "LAG", "LEAD":
	default:
		if e.Nulls != "" {
			x.noNulls(e)
			return nil, false, false
		}
	}
	ok = true
	for _, a := range e.Args {
		v := x.bind(a)
		ok = ok && v != nil
		args = append(args, v)
	}
	return args, e.Nulls == "IGNORE", ok
}

// jsonAggregateArgs makes JSON of the values already: the accumulators put texts together.
func (x *exprBinder) jsonAggregateArgs(e *ast.Call, f *fn.Func) (args []scalar.Expr, ignoreNulls, ok bool) {
	switch {
	case e.Distinct:
		x.Diags.Errorf(codes.Aggregate, e.Sp, "%s takes no DISTINCT", f.Name).Help("aggregate the rows of a SELECT DISTINCT")
		return nil, false, false
	case e.Nulls != "":
		x.Diags.Errorf(codes.NoCallForm, e.Sp, "%s takes no %s NULLS", f.Name, e.Nulls).Help("write ABSENT ON NULL or NULL ON NULL inside the brackets")
		return nil, false, false
	}
	otherwise := fn.JSONNullOnNull
	list := e.Args
	if f.Name == "JSON_OBJECTAGG" {
		if len(list) != 2 {
			x.Diags.Errorf(codes.Arguments, e.Sp, "%s takes one key and one value", f.Name).Note("the form is %s", f.Syntax)
			return nil, false, false
		}
		k := x.jsonKey(list[0], f.Name)
		if k == nil {
			return nil, false, false
		}
		args, list = append(args, k), list[1:]
	} else {
		otherwise = fn.JSONAbsentOnNull
		if len(list) != 1 {
			x.Diags.Errorf(codes.Arguments, e.Sp, "%s takes one value", f.Name).Note("the form is %s", f.Syntax)
			return nil, false, false
		}
	}
	v, kind := x.jsonItem(list[0])
	if v != nil && kind == fn.JSONPlain {
		v = x.apply("JSON_STRING", []scalar.Expr{v}, list[0].Span())
	}
	if v == nil {
		return nil, false, false
	}
	return append(args, v), onNull(e, otherwise) == fn.JSONAbsentOnNull, true
}
