package fn

import (
	"errors"
	"fmt"

	"weir/planner/types"
)

// collectionFuncs is what makes and reads ROW, ARRAY, MAP and MULTISET.
func collectionFuncs() []*Func {
	f := func(name, syntax, doc string, nulls NullRule, r ResolveFunc, ex ...string) *Func {
		return &Func{Name: name, Family: "collection", Syntax: syntax, Doc: doc, Nulls: nulls, Deterministic: true, Resolve: r, Examples: examples(ex...)}
	}
	return []*Func{
		f("ROW", "ROW(a, b, ...), (a, b, ...)", "A ROW of the values. Its fields are called EXPR$0, EXPR$1 and so on; a CAST gives them names.", NullsToKernel, resolveRow,
			"ROW(1, 'a')", "(1, a)", "CAST(ROW(1, 'a') AS ROW<id BIGINT, name STRING>).name", "a", "(1, CAST(NULL AS INT)) = (2, CAST(NULL AS INT))", "FALSE"),
		f("ARRAY", "ARRAY[a, b, ...]", "An ARRAY of the values, which are brought to one type.", NullsToKernel, resolveArray,
			"ARRAY[1, 2, CAST(NULL AS INT)]", "[1, 2, NULL]", "ARRAY[1, 2.5]", "[1.0, 2.5]"),
		f("MAP", "MAP[key, value, key, value, ...]", "A MAP of the keys and values. Of one key that is there twice the last value counts.", NullsToKernel, resolveMap,
			"MAP['a', 1, 'b', 2]", "{a=1, b=2}"),
		f("[]", "array[i], map[key], variant[i], variant[key]", "The i-th element of an array, counted from 1, or the value of a key; NULL where there is none. A VARIANT that is no array, or no object, is an error.", NullsToKernel, resolveItem,
			"ARRAY['a', 'b'][2]", "b", "ARRAY['a', 'b'][3]", "NULL", "MAP['a', 1]['a']", "1", "MAP['a', 1]['b']", "NULL",
			`PARSE_JSON('{"a": [1, "x"]}')['a'][2]`, `"x"`),
		f("CARDINALITY", "CARDINALITY(x)", "The number of elements of an array or a multiset, or of entries of a map.", NullIfAnyNull, resolve(form(is(types.TInt), aCollection)),
			"CARDINALITY(ARRAY[1, 2, 3])", "3", "CARDINALITY(MAP['a', 1])", "1", "CARDINALITY(CAST(NULL AS ARRAY<INT>))", "NULL"),
		f("ELEMENT", "ELEMENT(array)", "The only element of an array; NULL if it is empty, and an error if there are more.", NullIfAnyNull,
			resolve(form(func(a []Arg) types.Type { return a[0].Type.Nested.Elem }, anArray).nulls(always)), "ELEMENT(ARRAY['x'])", "x"),
	}
}

var (
	anArray     = param{what: "an ARRAY", ok: isKind(types.Array), null: arrayOf(types.TNull)}
	aMap        = param{what: "a MAP", ok: isKind(types.Map), null: mapOf(types.TNull, types.TNull)}
	aCollection = param{what: "an ARRAY, MAP or MULTISET", null: arrayOf(types.TNull), ok: func(t types.Type) bool {
		return t.Kind == types.Array || t.Kind == types.Map || t.Kind == types.Multiset
	}}
)

// arrayOf is ARRAY<t>, mapOf MAP<key, elem>, both nullable.
func arrayOf(t types.Type) types.Type {
	return types.Type{Kind: types.Array, Nullable: true, Nested: &types.Nested{Elem: t}}
}

func mapOf(key, elem types.Type) types.Type {
	return types.Type{Kind: types.Map, Nullable: true, Nested: &types.Nested{Key: key, Elem: elem}}
}

func resolveRow(args []Arg) (types.Type, []types.Type, error) {
	n := &types.Nested{}
	for i, a := range args {
		n.Fields = append(n.Fields, types.Field{Name: fmt.Sprintf("EXPR$%d", i), Type: a.Type})
	}
	return types.Type{Kind: types.Row, Nested: n}, make([]types.Type, len(args)), nil
}

func resolveArray(args []Arg) (types.Type, []types.Type, error) {
	if len(args) == 0 {
		return types.Type{}, nil, errors.New("it takes at least 1 element")
	}
	t, casts, err := elements(args)
	return arrayOf(t).NotNull(), casts, err
}

// elements brings args to the one type that their list has.
func elements(args []Arg) (types.Type, []types.Type, error) {
	t, casts, err := castAll(args, 0)
	if err == nil && t.Kind == types.Null {
		err = errors.New("NULL alone has no type; write CAST(NULL AS ...)")
	}
	for i := range casts {
		casts[i] = t
	}
	return t, casts, err
}

func resolveMap(args []Arg) (types.Type, []types.Type, error) {
	if len(args) == 0 || len(args)%2 != 0 {
		return types.Type{}, nil, errors.New("keys and values take turns")
	}
	var keys, values []Arg
	for i, a := range args {
		if i%2 == 0 {
			keys = append(keys, a)
		} else {
			values = append(values, a)
		}
	}
	k, kc, err := elements(keys)
	if err != nil {
		return k, nil, fmt.Errorf("the keys: %w", err)
	}
	v, vc, err := elements(values)
	if err != nil {
		return v, nil, fmt.Errorf("the values: %w", err)
	}
	casts := make([]types.Type, len(args))
	for i := range kc {
		casts[2*i], casts[2*i+1] = kc[i], vc[i]
	}
	return mapOf(k, v).NotNull(), casts, nil
}

func resolveItem(args []Arg) (types.Type, []types.Type, error) {
	if len(args) != 2 {
		return types.Type{}, nil, fmt.Errorf("it takes 2 operands, not %d", len(args))
	}
	x, i := args[0].Type, args[1].Type
	switch x.Kind {
	case types.Array:
		if n, ok := args[1].Value.(int64); args[1].Literal && ok && n < 1 {
			return x, nil, fmt.Errorf("elements are counted from 1, there is none at %d", n)
		}
		if !i.IsInteger() && i.Kind != types.Null {
			return x, nil, fmt.Errorf("the place of an element is a whole number, not %s", i.WithNullable(true))
		}
		if i.Kind == types.Null {
			i = types.TInt
		}
		return x.Nested.Elem.WithNullable(true), []types.Type{x, i}, nil
	case types.Map:
		key := x.Nested.Key
		switch {
		case i.IsString() && key.IsString(), i.IsBinary() && key.IsBinary():
		default:
			if _, implicit := CanCast(i, key); !implicit {
				return x, nil, fmt.Errorf("the keys are %s, not %s", key.WithNullable(true), i.WithNullable(true))
			}
			i = key.WithNullable(i.Nullable || i.Kind == types.Null)
		}
		return x.Nested.Elem.WithNullable(true), []types.Type{x, i}, nil
	case types.Variant:
		switch {
		case i.Kind == types.Null:
			i = types.TString
		case !i.IsInteger() && !i.IsString():
			return x, nil, fmt.Errorf("what lies in a VARIANT is found by a name or by a whole number, not by %s", i.WithNullable(true))
		}
		return types.TVariant, []types.Type{x, i}, nil
	}
	return x, nil, errors.New("only an ARRAY, a MAP or a VARIANT has elements")
}

// comparingNested brings two lists or rows to one type. Only whether they are equal can be asked.
func comparingNested(a, b types.Type) (ta, tb types.Type, err error) {
	c, ok := common(a, b)
	if !ok {
		return a, b, fmt.Errorf("%s and %s cannot be compared; CAST one to the type of the other", a.WithNullable(true), b.WithNullable(true))
	}
	return c.WithNullable(a.Nullable), c.WithNullable(b.Nullable), nil
}
