package parser

import (
	"fmt"
	"reflect"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
)

// dump writes a tree as an s-expression without places: (Type field=value ...). Fields
// that are empty are left out; names stand bare.
func dump(v any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(v))
	return b.String()
}

var (
	atType   = reflect.TypeOf(ast.At{})
	spanType = reflect.TypeOf(diag.Span{})
)

func dumpValue(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		dumpValue(b, v.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, "x%x", v.Bytes())
			return
		}
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			dumpValue(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.Struct:
		dumpStruct(b, v)
	case reflect.String:
		if s := v.String(); s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" {
			b.WriteString(s)
		} else {
			fmt.Fprintf(b, "%q", s)
		}
	default:
		fmt.Fprint(b, v.Interface())
	}
}

func dumpStruct(b *strings.Builder, v reflect.Value) {
	switch x := v.Interface().(type) {
	case ast.Ident:
		if x.Quoted {
			fmt.Fprintf(b, "`%s`", x.Name)
		} else {
			b.WriteString(x.Name)
		}
		return
	case ast.Name:
		for i, p := range x.Parts {
			if i > 0 {
				b.WriteByte('.')
			}
			dumpValue(b, reflect.ValueOf(p))
		}
		return
	case ast.StringLit:
		fmt.Fprintf(b, "'%s'", x.Value)
		return
	case ast.NumberLit:
		b.WriteString(x.Text)
		return
	case ast.ColumnRef:
		dumpValue(b, reflect.ValueOf(x.Name))
		return
	case ast.NullLit:
		b.WriteString("NULL")
		return
	case ast.Binary:
		fmt.Fprintf(b, "(%s ", x.Op)
		dumpValue(b, reflect.ValueOf(x.X))
		b.WriteByte(' ')
		dumpValue(b, reflect.ValueOf(x.Y))
		b.WriteByte(')')
		return
	case ast.Unary:
		fmt.Fprintf(b, "(%s ", x.Op)
		dumpValue(b, reflect.ValueOf(x.X))
		b.WriteByte(')')
		return
	case ast.Property:
		dumpValue(b, reflect.ValueOf(x.Key))
		b.WriteByte('=')
		dumpValue(b, reflect.ValueOf(x.Value))
		return
	}
	b.WriteString("(" + v.Type().Name())
	for i := range v.NumField() {
		f, ft := v.Field(i), v.Type().Field(i)
		if ft.Type == atType || ft.Type == spanType || f.IsZero() {
			continue
		}
		b.WriteByte(' ')
		if ft.Type.Kind() == reflect.Bool {
			b.WriteString(strings.ToLower(ft.Name))
			continue
		}
		b.WriteString(strings.ToLower(ft.Name) + "=")
		dumpValue(b, f)
	}
	b.WriteByte(')')
}
