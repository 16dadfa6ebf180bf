package fn

import (
	"errors"
	"fmt"

	"weir/planner/types"
)

// arrayFuncs is the functions of arrays and maps.
func arrayFuncs() []*Func {
	f := func(name, syntax, doc string, nulls NullRule, r ResolveFunc, ex ...string) *Func {
		return &Func{Name: name, Family: "collection", Syntax: syntax, Doc: doc, Nulls: nulls, Deterministic: true, Resolve: r, Examples: examples(ex...)}
	}
	same := resolve(form(arg(0), anArray))
	least := resolve(form(func(a []Arg) types.Type { return a[0].Type.Nested.Elem }, orderedArray).nulls(always))
	find := func(result types.Type) ResolveFunc {
		return withElement(func(list, elem types.Type) types.Type { return result.WithNullable(list.Nullable) })
	}
	grow := withElement(func(list, elem types.Type) types.Type {
		return arrayOf(elem).WithNullable(list.Nullable)
	})
	aFlag := aBool
	return []*Func{
		f("ARRAY_APPEND", "ARRAY_APPEND(array, x)", "The array with x behind it.", NullsToKernel, grow, "ARRAY_APPEND(ARRAY[1, 2], 3)", "[1, 2, 3]", "ARRAY_APPEND(ARRAY[1], CAST(NULL AS INT))", "[1, NULL]"),
		f("ARRAY_PREPEND", "ARRAY_PREPEND(array, x)", "The array with x before it.", NullsToKernel, grow, "ARRAY_PREPEND(ARRAY[1, 2], 3)", "[3, 1, 2]"),
		f("ARRAY_CONCAT", "ARRAY_CONCAT(array, ...)", "The elements of all arrays, one array after the other; NULL if any is NULL.", NullIfAnyNull, sameLists(1, 1<<30), "ARRAY_CONCAT(ARRAY[1], ARRAY[2, 1])", "[1, 2, 1]"),
		f("ARRAY_CONTAINS", "ARRAY_CONTAINS(array, x)", "TRUE if x is among the elements; NULL may be looked for, too.", NullsToKernel, find(types.TBoolean), "ARRAY_CONTAINS(ARRAY[1, 2], 2)", "TRUE", "ARRAY_CONTAINS(ARRAY[1, 2], 3)", "FALSE"),
		f("ARRAY_DISTINCT", "ARRAY_DISTINCT(array)", "Every element once, where it comes first.", NullIfAnyNull, same, "ARRAY_DISTINCT(ARRAY[3, 1, 3])", "[3, 1]"),
		f("ARRAY_EXCEPT", "ARRAY_EXCEPT(a, b)", "The elements of a that are not in b, each once.", NullIfAnyNull, sameLists(2, 2), "ARRAY_EXCEPT(ARRAY[1, 2, 3], ARRAY[2])", "[1, 3]"),
		f("ARRAY_INTERSECT", "ARRAY_INTERSECT(a, b)", "The elements of a that are in b too, each once.", NullIfAnyNull, sameLists(2, 2), "ARRAY_INTERSECT(ARRAY[1, 2, 3], ARRAY[3, 2])", "[2, 3]"),
		f("ARRAY_UNION", "ARRAY_UNION(a, b)", "The elements of both, each once.", NullIfAnyNull, sameLists(2, 2), "ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])", "[1, 2, 3]"),
		f("ARRAY_JOIN", "ARRAY_JOIN(array, separator [, null])", "The strings put together with a separator. NULLs are left out, or stand as the third argument says.", NullIfAnyNull,
			resolve(form(is(types.TString), stringArray, aString, aString).opt(1)), "ARRAY_JOIN(ARRAY['a', 'b'], '-')", "a-b", "ARRAY_JOIN(ARRAY['a', CAST(NULL AS STRING)], '-', '?')", "a-?"),
		f("ARRAY_MAX", "ARRAY_MAX(array)", "The greatest element that is not NULL; NULL of none.", NullIfAnyNull, least, "ARRAY_MAX(ARRAY[1, 3, 2])", "3"),
		f("ARRAY_MIN", "ARRAY_MIN(array)", "The least element that is not NULL; NULL of none.", NullIfAnyNull, least, "ARRAY_MIN(ARRAY[2, 1, 3])", "1"),
		f("ARRAY_POSITION", "ARRAY_POSITION(array, x)", "The place of the first x, counted from 1; 0 if there is none.", NullIfAnyNull,
			withElement(func(list, elem types.Type) types.Type { return types.TInt.WithNullable(list.Nullable || elem.Nullable) }), "ARRAY_POSITION(ARRAY[3, 4], 4)", "2", "ARRAY_POSITION(ARRAY[3, 4], 5)", "0"),
		f("ARRAY_REMOVE", "ARRAY_REMOVE(array, x)", "The array without the elements that equal x; of NULL, without NULLs.", NullsToKernel, grow, "ARRAY_REMOVE(ARRAY[1, 2, 1], 1)", "[2]"),
		f("ARRAY_REVERSE", "ARRAY_REVERSE(array)", "The array from its end to its start.", NullIfAnyNull, same, "ARRAY_REVERSE(ARRAY[1, 2, 3])", "[3, 2, 1]"),
		f("ARRAY_SLICE", "ARRAY_SLICE(array, from [, to])", "The elements from one place to another, both included and counted from 1, below 0 from the end.", NullIfAnyNull,
			resolve(form(arg(0), anArray, anInt, anInt).opt(1)), "ARRAY_SLICE(ARRAY[1, 2, 3, 4], 2, 3)", "[2, 3]", "ARRAY_SLICE(ARRAY[1, 2, 3, 4], -2)", "[3, 4]"),
		f("ARRAY_SORT", "ARRAY_SORT(array [, ascending [, nulls first]])", "The elements in their order. NULLs come first in an ascending order, last in a descending one.", NullIfAnyNull,
			resolve(form(arg(0), orderedArray, aFlag, aFlag).opt(2)), "ARRAY_SORT(ARRAY[3, 1, 2])", "[1, 2, 3]", "ARRAY_SORT(ARRAY[3, 1, 2], FALSE)", "[3, 2, 1]"),
		f("MAP_ENTRIES", "MAP_ENTRIES(map)", "The entries as rows of key and value.", NullIfAnyNull, resolve(form(func(a []Arg) types.Type {
			n := a[0].Type.Nested
			return arrayOf(types.Type{Kind: types.Row, Nested: &types.Nested{Fields: []types.Field{{Name: "key", Type: n.Key}, {Name: "value", Type: n.Elem}}}})
		}, aMap)), "MAP_ENTRIES(MAP['a', 1])", "[(a, 1)]"),
		f("MAP_FROM_ARRAYS", "MAP_FROM_ARRAYS(keys, values)", "A map of the keys and values at the same places of two arrays, which are equally long.", NullIfAnyNull,
			resolve(form(func(a []Arg) types.Type { return mapOf(a[0].Type.Nested.Elem, a[1].Type.Nested.Elem) }, anArray, anArray)), "MAP_FROM_ARRAYS(ARRAY['a', 'b'], ARRAY[1, 2])", "{a=1, b=2}"),
		f("MAP_KEYS", "MAP_KEYS(map)", "The keys.", NullIfAnyNull, resolve(form(func(a []Arg) types.Type { return arrayOf(a[0].Type.Nested.Key) }, aMap)), "MAP_KEYS(MAP['a', 1, 'b', 2])", "[a, b]"),
		f("MAP_VALUES", "MAP_VALUES(map)", "The values.", NullIfAnyNull, resolve(form(func(a []Arg) types.Type { return arrayOf(a[0].Type.Nested.Elem) }, aMap)), "MAP_VALUES(MAP['a', 1, 'b', 2])", "[1, 2]"),
		f("MAP_UNION", "MAP_UNION(map, ...)", "The entries of all maps; of one key the last map's counts. NULL if any map is NULL.", NullIfAnyNull, sameMaps, "MAP_UNION(MAP['a', 1], MAP['a', 2, 'b', 3])", "{a=2, b=3}"),
		f("SPLIT", "SPLIT(s, separator)", "The parts of s between separators; its characters where the separator is empty.", NullIfAnyNull, resolve(form(is(arrayOf(types.TString)), aString, aString)),
			"SPLIT('a,b', ',')", "[a, b]", "SPLIT('ab', '')", "[a, b]"),
	}
}

var (
	orderedArray = param{what: "an ARRAY of values that have an order", null: arrayOf(types.TNull), ok: func(t types.Type) bool {
		return t.Kind == types.Array && t.Nested.Elem.HasOrder()
	}}
	stringArray = param{what: "an ARRAY of strings", null: arrayOf(types.TString), ok: func(t types.Type) bool {
		return t.Kind == types.Array && t.Nested.Elem.IsString()
	}}
)

// withElement takes an array and a value, and brings the elements and the value to one type.
func withElement(result func(list, elem types.Type) types.Type) ResolveFunc {
	return func(args []Arg) (types.Type, []types.Type, error) {
		if len(args) != 2 {
			return types.Type{}, nil, fmt.Errorf("it takes 2 arguments, not %d", len(args))
		}
		list, x := args[0].Type, args[1].Type
		if list.Kind != types.Array {
			return list, nil, fmt.Errorf("argument 1 must be an ARRAY, not %s", list.WithNullable(true))
		}
		elem, ok := common(list.Nested.Elem, x)
		if !ok {
			return list, nil, fmt.Errorf("the elements are %s, argument 2 is %s", list.Nested.Elem.WithNullable(true), x.WithNullable(true))
		}
		return result(list, elem), []types.Type{arrayOf(elem).WithNullable(list.Nullable), elem.WithNullable(x.Nullable || x.Kind == types.Null)}, nil
	}
}

// sameLists takes arrays and brings them to one type.
func sameLists(least, most int) ResolveFunc {
	return func(args []Arg) (types.Type, []types.Type, error) {
		if len(args) < least || len(args) > most {
			want := fmt.Sprint(least)
			if most > least {
				want = "at least " + want
			}
			return types.Type{}, nil, fmt.Errorf("it takes %s arguments, not %d", want, len(args))
		}
		return sameKind(types.Array, "an ARRAY", args)
	}
}

func sameMaps(args []Arg) (types.Type, []types.Type, error) {
	if len(args) == 0 {
		return types.Type{}, nil, errors.New("it takes at least 1 argument, not 0")
	}
	return sameKind(types.Map, "a MAP", args)
}

func sameKind(kind types.Kind, what string, args []Arg) (types.Type, []types.Type, error) {
	for i, a := range args {
		if a.Type.Kind != kind {
			return types.Type{}, nil, fmt.Errorf("argument %d must be %s, not %s", i+1, what, a.Type.WithNullable(true))
		}
	}
	return castAll(args, 0)
}
