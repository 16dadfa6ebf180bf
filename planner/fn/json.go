package fn

import "weir/planner/types"

func jsonFuncs() []*Func {
	path := param{what: "a JSON path", ok: types.Type.IsString, null: types.TString, check: func(v types.Value) error { return CheckJSONPath(v.(string)) }}
	f := func(name, syntax, doc string, r ResolveFunc, ex ...string) *Func {
		return &Func{Name: name, Family: "json", Syntax: syntax, Doc: doc, Deterministic: true, Resolve: r, Examples: examples(ex...)}
	}
	isJSON := func(kind, what string, ex ...string) *Func {
		return &Func{
			Name: "IS JSON" + kind, Family: "json", Syntax: "s IS [NOT] JSON" + kind, Doc: "TRUE if s is " + what + "; FALSE if not, and for NULL.", Deterministic: true,
			Nulls: NullsToKernel, Resolve: resolve(form(is(types.TBoolean), aString).nulls(never)), Examples: examples(ex...),
		}
	}
	return []*Func{
		isJSON("", "JSON", `'{"a": 1}' IS JSON`, "TRUE", `'{' IS JSON`, "FALSE", "CAST(NULL AS STRING) IS JSON", "FALSE"),
		isJSON(" VALUE", "JSON", `'1' IS JSON VALUE`, "TRUE", `'x' IS NOT JSON VALUE`, "TRUE"),
		isJSON(" SCALAR", "a JSON string, number, TRUE, FALSE or NULL", `'1' IS JSON SCALAR`, "TRUE", `'[1]' IS JSON SCALAR`, "FALSE"),
		isJSON(" ARRAY", "a JSON array", `'[1]' IS JSON ARRAY`, "TRUE", `'{}' IS JSON ARRAY`, "FALSE"),
		isJSON(" OBJECT", "a JSON object", `'{}' IS JSON OBJECT`, "TRUE", `'[1]' IS JSON OBJECT`, "FALSE"),
		f("JSON_STRING", "JSON_STRING(x)", "x as JSON.", resolve(form(is(types.TString), jsonable)), `JSON_STRING('a"b')`, `"a\"b"`, "JSON_STRING(1.50)", "1.50", "JSON_STRING(CAST(NULL AS INT))", "NULL", "JSON_STRING(MAP['b', ARRAY[1, 2], 'a', ARRAY[3]])", `{"a":[3],"b":[1,2]}`),
		f("JSON_QUOTE", "JSON_QUOTE(s)", "s as a JSON string of ASCII characters.", resolve(form(is(types.TString), aString)), `JSON_QUOTE('a/"ü"')`, `"a\/\"\u00fc\""`),
		f("JSON_UNQUOTE", "JSON_UNQUOTE(s)", "What a JSON string says; s as it is if it is none.", resolve(form(is(types.TString), aString)), `JSON_UNQUOTE('"a\u00fc"')`, "aü", "JSON_UNQUOTE('abc')", "abc"),
		f("PARSE_JSON", "PARSE_JSON(s [, allow_duplicate_keys])", "What a JSON text says, as a VARIANT; an error if s is no JSON, or has an object with a key that is there twice. With TRUE the last of such keys counts.",
			resolve(form(is(types.TVariant), aString, aBool).opt(1)), `PARSE_JSON('{"b": [1, 2.50], "a": null}')`, `{"a":null,"b":[1,2.5]}`, `PARSE_JSON('{"a": 1, "a": 2}', TRUE)`, `{"a":2}`, "PARSE_JSON(CAST(NULL AS STRING))", "NULL"),
		f("TRY_PARSE_JSON", "TRY_PARSE_JSON(s [, allow_duplicate_keys])", "As PARSE_JSON, but NULL where that is an error.",
			resolve(form(is(types.TVariant), aString, aBool).opt(1).nulls(always)), `TRY_PARSE_JSON('1e3')`, "1000.0", `TRY_PARSE_JSON('{')`, "NULL", `TRY_PARSE_JSON('{"a": 1, "a": 2}')`, "NULL"),
		f("JSON_VALUE", "JSON_VALUE(json, path [RETURNING type] [{NULL | ERROR | DEFAULT x} ON EMPTY] [{NULL | ERROR | DEFAULT x} ON ERROR])",
			"The scalar at a path such as $.a.b[0]; NULL if there is none or the text is no JSON. That is for ON EMPTY where the path begins with lax, and otherwise for ON ERROR. It returns STRING, VARCHAR(n), BOOLEAN, INT or DOUBLE.",
			resolve(form(is(types.TString), jsonOf, path).nulls(always)), `JSON_VALUE('{"a": true}', '$.a')`, "true", `JSON_VALUE('{"a": {"b": [1, 2.5]}}', '$.a.b[1]')`, "2.5", `JSON_VALUE('{"a": [1]}', '$.a')`, "NULL", `JSON_VALUE('{', '$.a')`, "NULL",
			`JSON_VALUE('{"a b": "x"}', 'lax $["a b"]')`, "x", `JSON_VALUE('{"a": 7}', '$.a' RETURNING INT)`, "7", `JSON_VALUE('{"a": 7}', 'lax $.b' DEFAULT 'none' ON EMPTY)`, "none",
			`JSON_VALUE('{"a": [1, 2]}', '$.a.length()')`, "2"),
		f("JSON_QUERY", "JSON_QUERY(json, path [RETURNING type] [{WITHOUT | WITH [CONDITIONAL]} WRAPPER] [{NULL | ERROR | EMPTY ARRAY | EMPTY OBJECT} ON EMPTY] [... ON ERROR])",
			"The object or array at a path, as JSON; NULL if there is none or the text is no JSON. That is for ON EMPTY where the path begins with lax, and otherwise for ON ERROR. A wrapper makes an array of a scalar, too. Paths of several values ([*], ..name, [1:3], [?(@.b > 1)]) give an array. It returns STRING, VARCHAR(n) or ARRAY<STRING>.",
			resolve(form(is(types.TString), jsonOf, path).nulls(always)), `JSON_QUERY('{"a": {"b": 1}}', '$.a')`, `{"b":1}`, `JSON_QUERY('{"a": 1}', '$.a')`, "NULL", `JSON_QUERY('{"a": 1}', '$.a' WITH WRAPPER)`, "[1]",
			`JSON_QUERY('{"a": [{"b": 1}, {"b": 2}]}', '$.a[*].b')`, "[1,2]", `JSON_QUERY('{"a": ["x", 2]}', '$.a' RETURNING ARRAY<STRING>)`, "[x, 2]"),
		f("JSON_EXISTS", "JSON_EXISTS(json, path [{TRUE | FALSE | UNKNOWN | ERROR} ON ERROR])", "TRUE if there is something but null at a path; FALSE if not or the text is no JSON.",
			resolve(form(is(types.TBoolean), aString, path)), `JSON_EXISTS('{"a": [{"b": 1}]}', '$.a[0].b')`, "TRUE", `JSON_EXISTS('{"a": true}', '$.b')`, "FALSE", `JSON_EXISTS('no JSON', '$.b' UNKNOWN ON ERROR)`, "NULL"),
	}
}

// jsonOf is JSON as a text, or as a VARIANT, of which its text is made.
var jsonOf = param{
	what: "a string or a VARIANT", null: types.TString,
	ok: func(t types.Type) bool { return t.IsString() || t.Kind == types.Variant },
	cast: func(t types.Type) types.Type {
		if t.Kind == types.Variant {
			return types.TString.WithNullable(t.Nullable)
		}
		return t
	},
}
