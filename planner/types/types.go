// Package types is the SQL type system: Flink's logical types, their printed form,
// and the value that a constant of each type has while a query is planned.
package types

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is the root of a SQL type.
type Kind uint8

// The kinds, in Flink's names.
const (
	Invalid Kind = iota
	Null         // the type of a bare NULL literal
	Boolean
	TinyInt
	SmallInt
	Int
	BigInt
	Float
	Double
	Decimal           // Prec 1..38, Scale 0..Prec
	Char              // Len
	VarChar           // Len; STRING is VARCHAR(MaxLen)
	Binary            // Len
	VarBinary         // Len; BYTES is VARBINARY(MaxLen)
	Date              // days since 1970-01-01
	Time              // Prec 0..6; microseconds since midnight
	Timestamp         // Prec 0..6; microseconds since 1970-01-01 00:00:00, no zone
	TimestampLTZ      // Prec 0..6; microseconds since 1970-01-01 00:00:00 UTC
	IntervalYearMonth // months
	IntervalDaySecond // microseconds
	Array             // Nested.Elem
	Map               // Nested.Key, Nested.Elem
	Multiset          // Nested.Elem
	Row               // Nested.Fields
	Variant           // what a JSON text says; see package exec/variant
)

// MaxLen is the length of STRING and BYTES.
const MaxLen = 1<<31 - 1

// Type is a SQL type. Types are values: copy them freely, compare them with Equal.
type Type struct {
	Kind     Kind
	Nullable bool
	Len      int     // CHAR, VARCHAR, BINARY, VARBINARY: characters or bytes
	Prec     int     // DECIMAL, TIME, TIMESTAMP, TIMESTAMP_LTZ: digits
	Scale    int     // DECIMAL: digits behind the point
	Nested   *Nested // ARRAY, MAP, MULTISET, ROW; nil otherwise
}

// Nested holds what a constructed type is made of.
type Nested struct {
	Key    Type // MAP
	Elem   Type // ARRAY, MULTISET, and the value of a MAP
	Fields []Field
}

// Field is one field of a ROW.
type Field struct {
	Name string
	Type Type
}

// Common nullable types.
var (
	TNull    = Type{Kind: Null, Nullable: true}
	TBoolean = Type{Kind: Boolean, Nullable: true}
	TInt     = Type{Kind: Int, Nullable: true}
	TBigInt  = Type{Kind: BigInt, Nullable: true}
	TFloat   = Type{Kind: Float, Nullable: true}
	TDouble  = Type{Kind: Double, Nullable: true}
	TString  = Type{Kind: VarChar, Nullable: true, Len: MaxLen}
	TBytes   = Type{Kind: VarBinary, Nullable: true, Len: MaxLen}
	TDate    = Type{Kind: Date, Nullable: true}
	TVariant = Type{Kind: Variant, Nullable: true}
)

// MakeDecimal is DECIMAL(prec, scale), nullable.
func MakeDecimal(prec, scale int) Type {
	return Type{Kind: Decimal, Nullable: true, Prec: prec, Scale: scale}
}

// MakeTimestamp is TIMESTAMP(prec), nullable.
func MakeTimestamp(prec int) Type { return Type{Kind: Timestamp, Nullable: true, Prec: prec} }

// MakeTimestampLTZ is TIMESTAMP_LTZ(prec), nullable.
func MakeTimestampLTZ(prec int) Type { return Type{Kind: TimestampLTZ, Nullable: true, Prec: prec} }

// NotNull is t with NOT NULL.
func (t Type) NotNull() Type { t.Nullable = false; return t }

// WithNullable is t with the given nullability.
func (t Type) WithNullable(n bool) Type { t.Nullable = n; return t }

// NullableWithin is t with everything inside of it nullable: fields, elements, values and keys, at any depth. t itself
// stays as it is.
func (t Type) NullableWithin() Type {
	if t.Nested == nil {
		return t
	}
	inner := func(t Type) Type {
		if t.Kind == Invalid {
			return t
		}
		return t.NullableWithin().WithNullable(true)
	}
	n := &Nested{Key: inner(t.Nested.Key), Elem: inner(t.Nested.Elem)}
	for _, f := range t.Nested.Fields {
		n.Fields = append(n.Fields, Field{f.Name, inner(f.Type)})
	}
	t.Nested = n
	return t
}

// IsInteger reports TINYINT to BIGINT.
func (t Type) IsInteger() bool { return t.Kind >= TinyInt && t.Kind <= BigInt }

// IsApprox reports FLOAT and DOUBLE.
func (t Type) IsApprox() bool { return t.Kind == Float || t.Kind == Double }

// IsNumeric reports integers, FLOAT, DOUBLE and DECIMAL.
func (t Type) IsNumeric() bool { return t.Kind >= TinyInt && t.Kind <= Decimal }

// IsString reports CHAR and VARCHAR.
func (t Type) IsString() bool { return t.Kind == Char || t.Kind == VarChar }

// IsBinary reports BINARY and VARBINARY.
func (t Type) IsBinary() bool { return t.Kind == Binary || t.Kind == VarBinary }

// IsTimestamp reports TIMESTAMP and TIMESTAMP_LTZ.
func (t Type) IsTimestamp() bool { return t.Kind == Timestamp || t.Kind == TimestampLTZ }

// HasOrder reports that of two values one may be less than the other: not so of lists, rows and VARIANT, which are equal or not.
func (t Type) HasOrder() bool { return t.Nested == nil && t.Kind != Variant }

// CanSort reports that rows can be put in the order of values of t: those that have an order, ARRAYs of them, which go element by element, and ROWs,
// which go field by field.
func (t Type) CanSort() bool {
	switch {
	case t.Kind == Array:
		return t.Nested.Elem.CanSort()
	case t.Kind == Row:
		return !slices.ContainsFunc(t.Nested.Fields, func(f Field) bool { return !f.Type.CanSort() })
	}
	return t.HasOrder()
}

// IsInterval reports the two interval kinds.
func (t Type) IsInterval() bool { return t.Kind == IntervalYearMonth || t.Kind == IntervalDaySecond }

// Equal reports whether t and o are the same type, nullability included.
func (t Type) Equal(o Type) bool {
	return t.Nullable == o.Nullable && t.EqualIgnoringNull(o)
}

// EqualIgnoringNull reports whether t and o differ at most in their outermost nullability.
func (t Type) EqualIgnoringNull(o Type) bool {
	if t.Kind != o.Kind || t.Len != o.Len || t.Prec != o.Prec || t.Scale != o.Scale {
		return false
	}
	a, b := t.Nested, o.Nested
	if a == nil || b == nil {
		return a == b
	}
	if !a.Key.Equal(b.Key) || !a.Elem.Equal(b.Elem) || len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || !a.Fields[i].Type.Equal(b.Fields[i].Type) {
			return false
		}
	}
	return true
}

var kindNames = [...]string{
	Invalid: "INVALID", Null: "NULL", Boolean: "BOOLEAN", TinyInt: "TINYINT", SmallInt: "SMALLINT", Int: "INT",
	BigInt: "BIGINT", Float: "FLOAT", Double: "DOUBLE", Decimal: "DECIMAL", Char: "CHAR", VarChar: "VARCHAR",
	Binary: "BINARY", VarBinary: "VARBINARY", Date: "DATE", Time: "TIME", Timestamp: "TIMESTAMP",
	TimestampLTZ: "TIMESTAMP_LTZ", IntervalYearMonth: "INTERVAL YEAR TO MONTH", IntervalDaySecond: "INTERVAL DAY TO SECOND(3)",
	Array: "ARRAY", Map: "MAP", Multiset: "MULTISET", Row: "ROW", Variant: "VARIANT",
}

func (k Kind) String() string { return kindNames[k] }

// String prints t as Flink's DESCRIBE does, with NOT NULL where it holds.
func (t Type) String() string {
	s := t.bare()
	if !t.Nullable {
		s += " NOT NULL"
	}
	return s
}

func (t Type) bare() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", t.Prec, t.Scale)
	case VarChar:
		if t.Len == MaxLen {
			return "STRING"
		}
		return fmt.Sprintf("VARCHAR(%d)", t.Len)
	case VarBinary:
		if t.Len == MaxLen {
			return "BYTES"
		}
		return fmt.Sprintf("VARBINARY(%d)", t.Len)
	case Char, Binary:
		return fmt.Sprintf("%s(%d)", t.Kind, t.Len)
	case Time, Timestamp, TimestampLTZ:
		return fmt.Sprintf("%s(%d)", t.Kind, t.Prec)
	case Array:
		return "ARRAY<" + t.Nested.Elem.String() + ">"
	case Multiset:
		return "MULTISET<" + t.Nested.Elem.String() + ">"
	case Map:
		return "MAP<" + t.Nested.Key.String() + ", " + t.Nested.Elem.String() + ">"
	case Row:
		var b strings.Builder
		b.WriteString("ROW<")
		for i, f := range t.Nested.Fields {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "`%s` %s", f.Name, f.Type)
		}
		return b.String() + ">"
	}
	return t.Kind.String()
}

// Value is a constant as the planner holds it. The Go type follows from the SQL type:
//
//	NULL                                       nil
//	BOOLEAN                                    bool
//	TINYINT..BIGINT, DATE, TIME, TIMESTAMP*,
//	INTERVAL*                                  int64, in the unit of the Kind
//	FLOAT, DOUBLE                              float64 (a FLOAT is rounded to 32 bits)
//	DECIMAL                                    Dec, at the scale of the type
//	CHAR, VARCHAR                              string
//	BINARY, VARBINARY                          []byte
//	ARRAY, MULTISET                            []Value
//	MAP                                        [][2]Value
//	ROW                                        []Value
type Value any

// Dec is an unscaled DECIMAL: a two's-complement 128-bit integer. The scale is the type's.
type Dec struct {
	Hi int64
	Lo uint64
}
