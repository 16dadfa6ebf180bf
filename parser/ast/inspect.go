package ast

import (
	"reflect"

	"weir/parser/diag"
)

// Inspect calls f for n and every node below it, from the outside inwards and in the order of the text where the
// fields are. f is told the nodes above, outermost first, which it must not keep; below a node for which it
// returns false it sees nothing.
func Inspect(n Node, f func(n Node, above []Node) bool) {
	if n != nil {
		inspect(reflect.ValueOf(n), nil, f)
	}
}

var (
	nodeType = reflect.TypeFor[Node]()
	spanType = reflect.TypeFor[diag.Span]()
)

// inspect looks for nodes in v. Nodes that are held by value (names, elements of GROUP BY) are parts of the node
// that holds them.
func inspect(v reflect.Value, above []Node, f func(Node, []Node) bool) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			inspect(v.Elem(), above, f)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if v.Type().Implements(nodeType) {
			n := v.Interface().(Node)
			if !f(n, above) {
				return
			}
			above = append(above, n)
		}
		inspect(v.Elem(), above, f)
	case reflect.Slice:
		for i := range v.Len() {
			inspect(v.Index(i), above, f)
		}
	case reflect.Struct:
		if v.Type() == spanType {
			return
		}
		for i := range v.NumField() {
			inspect(v.Field(i), above, f)
		}
	}
}
