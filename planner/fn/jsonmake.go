package fn

import (
	"fmt"

	"weir/planner/types"
)

// The functions that make JSON. A value that is a call of one of them goes into another as what it is, not as a text in quotes. How
// the special syntax reaches JSON_OBJECT and JSON_ARRAY:
//
//	JSON_OBJECT(k VALUE v, k VALUE JSON(v) ABSENT ON NULL)   JSON_OBJECT('ABSENT', k, 'VALUE', v, k, 'JSON', JSON(v))
//	JSON_ARRAY(v, JSON(v) NULL ON NULL)                      JSON_ARRAY('NULL', 'VALUE', v, 'JSON', JSON(v))

// The words among their arguments.
const (
	JSONNullOnNull   = "NULL"
	JSONAbsentOnNull = "ABSENT"
	JSONPlain        = "VALUE" // the value that follows is any value
	JSONRaw          = "JSON"  // the value that follows is JSON
)

func jsonMakers() []*Func {
	f := func(name, syntax, doc string, nulls NullRule, r ResolveFunc, ex ...string) *Func {
		return &Func{Name: name, Family: "json", Syntax: syntax, Doc: doc, Nulls: nulls, Deterministic: true, Resolve: r, Examples: examples(ex...)}
	}
	text := func(args []Arg) (types.Type, []types.Type, error) {
		return types.TString.NotNull(), make([]types.Type, len(args)), nil
	}
	return []*Func{
		f("JSON_OBJECT", "JSON_OBJECT([[KEY] key VALUE x, ...] [NULL ON NULL | ABSENT ON NULL])",
			"An object of keys and values, its keys in order. What other functions that make JSON give goes in as JSON. NULLs are null, or left out with ABSENT ON NULL; of a key that is there twice the last value counts.",
			NullsToKernel, text,
			"JSON_OBJECT('id' VALUE 7, 'a' VALUE 'x')", `{"a":"x","id":7}`,
			"JSON_OBJECT('a' VALUE CAST(NULL AS INT))", `{"a":null}`, "JSON_OBJECT('a' VALUE CAST(NULL AS INT) ABSENT ON NULL)", `{}`,
			"JSON_OBJECT('a' VALUE JSON_ARRAY(1, 2), 'b' VALUE JSON('[3]'))", `{"a":[1,2],"b":[3]}`),
		f("JSON_ARRAY", "JSON_ARRAY([x, ...] [NULL ON NULL | ABSENT ON NULL])",
			"An array of the values. What other functions that make JSON give goes in as JSON. NULLs are left out, or null with NULL ON NULL.",
			NullsToKernel, text,
			"JSON_ARRAY(1, 'x', TRUE)", `[1,"x",true]`, "JSON_ARRAY(1, CAST(NULL AS INT))", `[1]`, "JSON_ARRAY(1, CAST(NULL AS INT) NULL ON NULL)", `[1,null]`,
			"JSON_ARRAY(ARRAY[1, 2], JSON_OBJECT('a' VALUE 1))", `[[1,2],{"a":1}]`),
		f("JSON", "JSON(s)", "s, which is JSON already, as a value of JSON_OBJECT or JSON_ARRAY, and nowhere else. What is no JSON is an error.",
			NullIfAnyNull, resolve(form(is(types.TString), aString)), `JSON_ARRAY(JSON('{"a": 1}'))`, `[{"a":1}]`),
	}
}

// jsonable is a value that can be made JSON.
var jsonable = param{what: "a string, number, BOOLEAN, TIMESTAMP, BYTES or VARIANT, or an ARRAY, MAP or ROW of such", null: types.TString, ok: func(t types.Type) bool { return t.Kind == types.Variant || CheckJSONValue(t) == nil }}

// CheckJSONValue says why a value of type t cannot be made JSON; nil if it can.
func CheckJSONValue(t types.Type) error {
	switch t.Kind {
	case types.Array:
		return CheckJSONValue(t.Nested.Elem)
	case types.Map, types.Multiset:
		key := t.Nested.Key
		if t.Kind == types.Multiset {
			key = t.Nested.Elem
		}
		if !key.IsString() {
			return fmt.Errorf("the keys of JSON are strings, those of %s are not", t.WithNullable(true))
		}
		if t.Kind == types.Multiset {
			return nil
		}
		return CheckJSONValue(t.Nested.Elem)
	case types.Row:
		for _, f := range t.Nested.Fields {
			if err := CheckJSONValue(f.Type); err != nil {
				return err
			}
		}
		return nil
	}
	if t.IsString() || t.IsNumeric() || t.Kind == types.Boolean || t.IsTimestamp() || t.IsBinary() {
		return nil
	}
	return fmt.Errorf("%s has no form in JSON", t.WithNullable(true))
}
