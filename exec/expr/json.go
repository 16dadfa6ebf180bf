package expr

import (
	"strconv"

	"github.com/valyala/fastjson"

	"weir/planner/fn"
	"weir/planner/scalar"
)

var jsonKernels = map[string]builder{
	"JSON_VALUE": jsonKernel(func(k *rowKernel, i int, v *fastjson.Value) error {
		if v == nil {
			return k.setNull(i)
		}
		switch v.Type() {
		case fastjson.TypeString:
			k.setStr(i, v.GetStringBytes())
			return nil
		case fastjson.TypeNumber, fastjson.TypeTrue, fastjson.TypeFalse:
			k.end(i, v.MarshalTo(k.arena()))
			return nil
		}
		return k.setNull(i)
	}),
	"JSON_QUERY": jsonKernel(func(k *rowKernel, i int, v *fastjson.Value) error {
		if v == nil || v.Type() != fastjson.TypeObject && v.Type() != fastjson.TypeArray {
			return k.setNull(i)
		}
		k.end(i, v.MarshalTo(k.arena()))
		return nil
	}),
	"JSON_EXISTS": jsonKernel(func(k *rowKernel, i int, v *fastjson.Value) error {
		k.setBool(i, v != nil)
		return nil
	}),
}

// jsonKernel makes a function of the value at a path, nil where there is none.
func jsonKernel(f func(k *rowKernel, i int, v *fastjson.Value) error) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		p := &fastjson.Parser{}
		var fixed []string
		isFixed := false
		if s, ok := constBytes(args[1]); ok {
			steps, err := fn.JSONPath(string(s))
			if err != nil {
				return nil, &RowError{Span: e.Sp, Reason: err.Error()}
			}
			fixed, isFixed = pathKeys(steps), true
		}
		return newRows(e, args, func(k *rowKernel, i int) error {
			keys := fixed
			if !isFixed {
				steps, err := fn.JSONPath(string(k.str(1, i)))
				if err != nil {
					return k.fail(i, "", "%s", err)
				}
				keys = pathKeys(steps)
			}
			v, err := p.ParseBytes(k.str(0, i))
			if err != nil {
				return f(k, i, nil) // no JSON: the default of ON ERROR
			}
			return f(k, i, v.Get(keys...))
		}), nil
	}
}

func pathKeys(steps []fn.JSONStep) []string {
	keys := make([]string, len(steps))
	for i, s := range steps {
		keys[i] = s.Key
		if s.IsIndex {
			keys[i] = strconv.Itoa(s.Index)
		}
	}
	return keys
}
