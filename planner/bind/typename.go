package bind

import (
	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/types"
)

// Type is the type that the user wrote; ok is false, with findings, when there is none such.
func Type(n *ast.TypeName, diags *diag.List) (t types.Type, ok bool) {
	t.Nullable = !n.NotNull
	if n.Unknown {
		return t, false
	}
	bad := func(format string, args ...any) *diag.Diagnostic {
		ok = false
		return diags.Errorf(codes.TypeName, n.Sp, format, args...)
	}
	ok = true
	param := func(i, def, lo, hi int, what string) int {
		if i >= len(n.Params) {
			return def
		}
		if p := n.Params[i]; p < lo || p > hi {
			bad("%s of %s is from %d to %d, found %d", what, n.Name, lo, hi, p)
			return def
		}
		return n.Params[i]
	}
	atMost := func(c int) {
		if len(n.Params) > c && ok {
			if c == 0 {
				bad("%s takes no parameter", n.Name)
			} else {
				bad("%s takes at most %d parameters", n.Name, c)
			}
		}
	}
	kinds := map[string]types.Kind{
		"BOOLEAN": types.Boolean, "TINYINT": types.TinyInt, "SMALLINT": types.SmallInt, "INT": types.Int, "INTEGER": types.Int,
		"BIGINT": types.BigInt, "FLOAT": types.Float, "REAL": types.Float, "DOUBLE": types.Double, "DOUBLE PRECISION": types.Double, "DATE": types.Date, "VARIANT": types.Variant,
	}
	if k, found := kinds[n.Name]; found {
		atMost(0)
		t.Kind = k
		return t, ok
	}
	switch n.Name {
	case "DECIMAL", "DEC", "NUMERIC":
		t.Kind = types.Decimal
		t.Prec = param(0, 10, 1, 38, "the precision")
		t.Scale = param(1, 0, 0, t.Prec, "the scale")
		atMost(2)
	case "CHAR", "CHARACTER":
		t.Kind, t.Len = types.Char, param(0, 1, 1, types.MaxLen, "the length")
		atMost(1)
	case "VARCHAR", "CHARACTER VARYING", "CHAR VARYING":
		t.Kind, t.Len = types.VarChar, param(0, types.MaxLen, 1, types.MaxLen, "the length") // without one it is STRING, as in Flink
		atMost(1)
	case "STRING":
		t.Kind, t.Len = types.VarChar, types.MaxLen
		atMost(0)
	case "BINARY":
		t.Kind, t.Len = types.Binary, param(0, 1, 1, types.MaxLen, "the length")
		atMost(1)
	case "VARBINARY", "BINARY VARYING":
		t.Kind, t.Len = types.VarBinary, param(0, types.MaxLen, 1, types.MaxLen, "the length")
		atMost(1)
	case "BYTES":
		t.Kind, t.Len = types.VarBinary, types.MaxLen
		atMost(0)
	case "TIME", "TIME WITHOUT TIME ZONE":
		t.Kind, t.Prec = types.Time, fractional(n, 0, diags, &ok)
	case "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE":
		t.Kind, t.Prec = types.Timestamp, fractional(n, 6, diags, &ok)
	case "TIMESTAMP_LTZ", "TIMESTAMP WITH LOCAL TIME ZONE":
		t.Kind, t.Prec = types.TimestampLTZ, fractional(n, 6, diags, &ok)
	case "ARRAY", "MULTISET":
		e, elemOK := Type(n.Elems[0], diags)
		t.Kind, t.Nested, ok = types.Array, &types.Nested{Elem: e}, elemOK
		if n.Name == "MULTISET" {
			t.Kind = types.Multiset
		}
	case "MAP":
		k, ok1 := Type(n.Elems[0], diags)
		v, ok2 := Type(n.Elems[1], diags)
		t.Kind, t.Nested, ok = types.Map, &types.Nested{Key: k, Elem: v}, ok1 && ok2
	case "ROW":
		t.Kind, t.Nested = types.Row, &types.Nested{}
		seen := map[string]bool{}
		for _, f := range n.Fields {
			ft, fok := Type(f.Type, diags)
			ok = ok && fok
			if seen[f.Name.Name] {
				diags.Errorf(codes.Duplicate, f.Name.Sp, "field %s is there twice", f.Name.Name)
				ok = false
			}
			seen[f.Name.Name] = true
			t.Nested.Fields = append(t.Nested.Fields, types.Field{Name: f.Name.Name, Type: ft})
		}
	default:
		if k, found := intervalKind(n.Name); found {
			t.Kind = k
			return t, ok
		}
		d := bad("type %s is not known", n.Name)
		if s, found := diag.Suggest(n.Name, typeNames); found {
			d.Help("did you mean %s?", s)
		}
	}
	return t, ok
}

var typeNames = []string{
	"BOOLEAN", "TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "CHAR", "VARCHAR", "STRING",
	"BINARY", "VARBINARY", "BYTES", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "ARRAY", "MAP", "MULTISET", "ROW", "VARIANT",
}

func intervalKind(name string) (types.Kind, bool) {
	switch name {
	case "INTERVAL YEAR", "INTERVAL MONTH", "INTERVAL YEAR TO MONTH", "INTERVAL QUARTER":
		return types.IntervalYearMonth, true
	}
	if len(name) > 9 && name[:9] == "INTERVAL " {
		return types.IntervalDaySecond, true
	}
	return 0, false
}

// fractional is the precision of a time, with its limit of microseconds.
func fractional(n *ast.TypeName, def int, diags *diag.List, ok *bool) int {
	if len(n.Params) == 0 {
		return def
	}
	switch p := n.Params[0]; {
	case p > 9 || p < 0:
		diags.Errorf(codes.TypeName, n.Sp, "the precision of %s is from 0 to 6, found %d", n.Name, p)
	case p > 6:
		diags.Errorf(codes.TypeName, n.Sp, "%s(%d) is not supported: a fraction of a second has at most 6 digits", n.Name, p).
			Help("write %s(6)", n.Name)
	default:
		return p
	}
	*ok = false
	return def
}
