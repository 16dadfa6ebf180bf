package fn

import "weir/planner/types"

func jsonFuncs() []*Func {
	path := param{what: "a JSON path", ok: types.Type.IsString, null: types.TString, check: func(v types.Value) error { return CheckJSONPath(v.(string)) }}
	f := func(name, syntax, doc string, r ResolveFunc, ex ...string) *Func {
		return &Func{Name: name, Family: "json", Syntax: syntax, Doc: doc, Deterministic: true, Resolve: r, Examples: examples(ex...)}
	}
	return []*Func{
		f("JSON_VALUE", "JSON_VALUE(json, path)", "The scalar at a path such as $.a.b[0]; NULL if there is none or the text is no JSON.",
			resolve(form(is(types.TString), aString, path).nulls(always)), `JSON_VALUE('{"a": true}', '$.a')`, "true", `JSON_VALUE('{"a": {"b": [1, 2.5]}}', '$.a.b[1]')`, "2.5", `JSON_VALUE('{"a": [1]}', '$.a')`, "NULL", `JSON_VALUE('{', '$.a')`, "NULL",
			`JSON_VALUE('{"a b": "x"}', 'lax $["a b"]')`, "x"),
		f("JSON_QUERY", "JSON_QUERY(json, path)", "The object or array at a path, as JSON; NULL if there is none or the text is no JSON.",
			resolve(form(is(types.TString), aString, path).nulls(always)), `JSON_QUERY('{"a": {"b": 1}}', '$.a')`, `{"b":1}`, `JSON_QUERY('{"a": 1}', '$.a')`, "NULL"),
		f("JSON_EXISTS", "JSON_EXISTS(json, path)", "TRUE if there is something but null at a path; FALSE if not or the text is no JSON.",
			resolve(form(is(types.TBoolean), aString, path)), `JSON_EXISTS('{"a": [{"b": 1}]}', '$.a[0].b')`, "TRUE", `JSON_EXISTS('{"a": true}', '$.b')`, "FALSE"),
	}
}
