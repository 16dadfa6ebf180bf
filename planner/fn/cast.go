package fn

import "weir/planner/types"

// CanCast says whether CAST(x AS to) exists for an x of type from, and whether a value of from may also be put into
// a column of type to without saying so (INSERT). Nullability does not count here: a sink's own settings say what becomes of a
// NULL where there must be none.
//
// Implicitly, numbers go into larger numbers and into DECIMAL, strings into strings of any length (the sink's own
// setting trims or pads), TIMESTAMP and TIMESTAMP_LTZ into each other, into DATE and TIME; nothing becomes a
// string, and no string anything else.
func CanCast(from, to types.Type) (ok, implicit bool) {
	if from.Kind == types.Null || from.EqualIgnoringNull(to) {
		return true, true
	}
	if from.Nested != nil || to.Nested != nil {
		return castNested(from, to)
	}
	if implicitCast(from, to) {
		return true, true
	}
	return explicitCast(from, to), false
}

func implicitCast(from, to types.Type) bool {
	switch to.Kind {
	case types.Char:
		return from.Kind == types.Char
	case types.VarChar:
		return from.IsString()
	case types.Binary:
		return from.Kind == types.Binary
	case types.VarBinary:
		return from.IsBinary()
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return from.IsInteger() && from.Kind <= to.Kind
	case types.Decimal, types.Double:
		return from.IsNumeric()
	case types.Float:
		return from.IsNumeric() && from.Kind != types.Double
	case types.Date, types.Time:
		return from.Kind == to.Kind || from.Kind == types.Timestamp
	case types.Timestamp, types.TimestampLTZ:
		return from.IsTimestamp()
	}
	return from.Kind == to.Kind
}

func explicitCast(from, to types.Type) bool {
	isTime := func(t types.Type) bool { return t.IsTimestamp() || t.Kind == types.Date || t.Kind == types.Time }
	switch {
	case from.Kind == types.Variant || to.Kind == types.Variant:
		return false
	case to.IsString():
		return true
	case to.Kind == types.Boolean:
		return from.IsString() || from.IsNumeric()
	case to.IsBinary():
		return from.IsString() || from.IsBinary()
	case to.IsNumeric():
		return from.IsNumeric() || from.IsString() || from.Kind == types.Boolean
	case to.Kind == types.Date:
		return from.IsString() || from.IsTimestamp()
	case to.Kind == types.Time:
		return from.IsString() || from.IsTimestamp()
	case to.IsTimestamp():
		return from.IsString() || isTime(from)
	}
	return false
}

func castNested(from, to types.Type) (ok, implicit bool) {
	if to.IsString() {
		return true, false
	}
	if from.Kind != to.Kind {
		return false, false
	}
	ok, implicit = true, true
	pair := func(a, b types.Type) {
		o, i := CanCast(a, b)
		ok, implicit = ok && o, implicit && o && i
	}
	a, b := from.Nested, to.Nested
	switch from.Kind {
	case types.Map:
		pair(a.Key, b.Key)
		pair(a.Elem, b.Elem)
	case types.Row:
		if len(a.Fields) != len(b.Fields) {
			return false, false
		}
		for i := range a.Fields {
			pair(a.Fields[i].Type, b.Fields[i].Type)
		}
	default:
		pair(a.Elem, b.Elem)
	}
	return ok, implicit
}
