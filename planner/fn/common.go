package fn

import (
	"fmt"

	"weir/planner/types"
)

// maxPrecision is the most digits of a DECIMAL; keptScale is how many digits behind the point a result keeps when
// its exact type would have more than maxPrecision.
const (
	maxPrecision = 38
	keptScale    = 6
)

// AsDecimal is the DECIMAL that holds every value of an integer type; DECIMAL is itself.
func AsDecimal(t types.Type) types.Type {
	digits := map[types.Kind]int{types.TinyInt: 3, types.SmallInt: 5, types.Int: 10, types.BigInt: 19}
	if p, ok := digits[t.Kind]; ok {
		return types.MakeDecimal(p, 0).WithNullable(t.Nullable)
	}
	return t
}

// CommonType is the type that values of all given types can be put into without losing more than precision: of the
// branches of CASE, the arguments of COALESCE, the elements of IN, the columns of UNION and the rows of VALUES. It is
// nullable if any of them is. The error names the first two that have nothing in common.
func CommonType(ts ...types.Type) (types.Type, error) {
	if len(ts) == 0 {
		return types.TNull, nil
	}
	out := ts[0]
	for _, t := range ts[1:] {
		c, ok := common(out, t)
		if !ok {
			return types.Type{}, fmt.Errorf("%s and %s have no common type", out.WithNullable(true), t.WithNullable(true))
		}
		out = c
	}
	return out, nil
}

func common(a, b types.Type) (types.Type, bool) {
	nullable := a.Nullable || b.Nullable
	if a.Kind == types.Null {
		return b.WithNullable(true), true
	}
	if b.Kind == types.Null {
		return a.WithNullable(true), true
	}
	if a.EqualIgnoringNull(b) {
		return a.WithNullable(nullable), true
	}
	var out types.Type
	switch {
	case a.IsNumeric() && b.IsNumeric():
		out = commonNumeric(a, b)
	case a.IsString() && b.IsString():
		out = types.Type{Kind: types.VarChar, Len: max(a.Len, b.Len)}
	case a.IsBinary() && b.IsBinary():
		out = types.Type{Kind: types.VarBinary, Len: max(a.Len, b.Len)}
	case a.Kind == types.Time && b.Kind == types.Time:
		out = types.Type{Kind: types.Time, Prec: max(a.Prec, b.Prec)}
	case a.IsTimestamp() && b.IsTimestamp():
		kind := types.Timestamp
		if a.Kind == types.TimestampLTZ || b.Kind == types.TimestampLTZ {
			kind = types.TimestampLTZ
		}
		out = types.Type{Kind: kind, Prec: max(a.Prec, b.Prec)}
	case a.Kind == b.Kind && a.Nested != nil:
		return commonNested(a, b, nullable)
	default:
		return types.Type{}, false
	}
	return out.WithNullable(nullable), true
}

func commonNumeric(a, b types.Type) types.Type {
	switch {
	case a.IsInteger() && b.IsInteger():
		return types.Type{Kind: max(a.Kind, b.Kind)}
	case a.IsApprox() && b.IsApprox():
		return types.Type{Kind: a.Kind} // the first one counts, in Flink too
	case a.Kind == types.Double || b.Kind == types.Double:
		return types.Type{Kind: types.Double}
	case a.Kind == types.Float || b.Kind == types.Float:
		if a.Kind == types.Decimal || b.Kind == types.Decimal {
			return types.Type{Kind: types.Double}
		}
		return types.Type{Kind: types.Float}
	}
	a, b = AsDecimal(a), AsDecimal(b)
	whole := min(max(a.Prec-a.Scale, b.Prec-b.Scale), maxPrecision)
	scale := min(max(a.Scale, b.Scale), maxPrecision-whole)
	return types.MakeDecimal(whole+scale, scale)
}

func commonNested(a, b types.Type, nullable bool) (types.Type, bool) {
	n := &types.Nested{}
	out := types.Type{Kind: a.Kind, Nullable: nullable, Nested: n}
	ok := true
	pair := func(x, y types.Type) types.Type {
		c, good := common(x, y)
		ok = ok && good
		return c
	}
	switch a.Kind {
	case types.Map:
		n.Key, n.Elem = pair(a.Nested.Key, b.Nested.Key), pair(a.Nested.Elem, b.Nested.Elem)
	case types.Row:
		if len(a.Nested.Fields) != len(b.Nested.Fields) {
			return out, false
		}
		for i, f := range a.Nested.Fields {
			n.Fields = append(n.Fields, types.Field{Name: f.Name, Type: pair(f.Type, b.Nested.Fields[i].Type)})
		}
	default:
		n.Elem = pair(a.Nested.Elem, b.Nested.Elem)
	}
	return out, ok
}

// fit brings a DECIMAL type that may have more than 38 digits into bounds: digits before the point are kept, and at
// least 6 behind it.
func fit(prec, scale int) types.Type {
	if prec <= maxPrecision {
		return types.MakeDecimal(prec, scale)
	}
	return types.MakeDecimal(maxPrecision, max(maxPrecision-(prec-scale), min(scale, keptScale)))
}

// The types of arithmetic on DECIMALs.

// Product is the type of a * b.
func Product(a, b types.Type) types.Type { return mulType(a, b) }

// Quotient is the type of a / b.
func Quotient(a, b types.Type) types.Type { return divType(a, b) }

// Difference is the type of a - b.
func Difference(a, b types.Type) types.Type { return addType(a, b) }

func addType(a, b types.Type) types.Type {
	s := max(a.Scale, b.Scale)
	return fit(max(a.Prec-a.Scale, b.Prec-b.Scale)+s+1, s)
}

func mulType(a, b types.Type) types.Type { return fit(a.Prec+b.Prec+1, a.Scale+b.Scale) }

func divType(a, b types.Type) types.Type {
	s := max(6, a.Scale+b.Prec+1)
	return fit(a.Prec-a.Scale+b.Scale+s, s)
}

func modType(a, b types.Type) types.Type {
	if a.Scale == 0 && b.Scale == 0 {
		return types.MakeDecimal(b.Prec, 0)
	}
	s := max(a.Scale, b.Scale)
	return fit(min(a.Prec-a.Scale, b.Prec-b.Scale)+s, s)
}

// roundType is the type of ROUND and TRUNCATE of a DECIMAL to n digits behind the point.
func roundType(t types.Type, n int) types.Type {
	switch {
	case n >= t.Scale:
		return types.MakeDecimal(t.Prec, t.Scale)
	case n < 0:
		return types.MakeDecimal(min(maxPrecision, 1+t.Prec-t.Scale), 0)
	}
	return types.MakeDecimal(min(maxPrecision, 1+t.Prec-t.Scale+n), n)
}
