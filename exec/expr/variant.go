package expr

import (
	"errors"

	"weir/exec/expr/text"
	"weir/exec/variant"
	"weir/planner/scalar"
)

// parseJSON is PARSE_JSON, and with try TRY_PARSE_JSON.
func parseJSON(try bool) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		b := &variant.Builder{}
		return newRows(e, args, func(k *rowKernel, i int) error {
			data, err := b.Parse(k.arena(), k.str(0, i), len(k.in) > 1 && k.in[1].Bool[i])
			switch {
			case err == nil:
				k.end(i, data)
				return nil
			case try:
				return k.setNull(i)
			}
			help := "TRY_PARSE_JSON gives NULL for such texts"
			if twice := new(variant.DuplicateError); errors.As(err, &twice) {
				help = "write PARSE_JSON(s, TRUE) for the last of such names, or TRY_PARSE_JSON for NULL"
			}
			return k.fail(i, help, "PARSE_JSON of %s: %v", quoted(k.str(0, i)), err)
		}), nil
	}
}

// variantItem is v['name'], or v[i] counted from 1: NULL where there is none, an error where v is something else.
func variantItem(byName bool) func(k *rowKernel, i int) error {
	return func(k *rowKernel, i int) error {
		if k.null(0, i) || k.null(1, i) {
			return k.setNull(i)
		}
		v := variant.Of(k.str(0, i))
		want := variant.Array
		if byName {
			want = variant.Object
		}
		if v.Kind() != want {
			return k.fail(i, "JSON_VALUE(v, '$.path') gives NULL where a path leads nowhere",
				"the VARIANT is %s, not %s: %s", v.Kind(), want, quoted(text.AppendVariant(nil, v)))
		}
		var found variant.Value
		var ok bool
		if byName {
			found, ok = v.Get(k.str(1, i))
		} else if at := k.int(1, i) - 1; at == int64(int(at)) {
			found, ok = v.Elem(int(at))
		}
		if !ok {
			return k.setNull(i)
		}
		k.end(i, found.Append(k.arena()))
		return nil
	}
}
