package expr

import (
	"fmt"
	"strings"

	"weir/exec/batch"
	"weir/parser/diag"
	"weir/planner/scalar"
	"weir/planner/types"
)

// column is a column of the input.
type column struct{ index int }

func (c *column) eval(x *ctx, _ []int32) (*batch.Vector, error) { return x.b.Cols[c.index], nil }

// constant is a literal. Operators that know constants look at row 0 of v; for the others it is spread over as many
// rows as the largest batch had, once.
type constant struct {
	v     *batch.Vector
	value types.Value
}

func newConstant(value types.Value, t types.Type) *constant {
	c := &constant{v: batch.NewVector(t, 1), value: value}
	c.v.AppendValue(value)
	return c
}

func (c *constant) null() bool { return c.value == nil }

func (c *constant) eval(x *ctx, _ []int32) (*batch.Vector, error) {
	v := c.v
	have := v.Rows()
	if have >= x.n {
		return v, nil
	}
	v.Resize(x.n)
	for i := have; i < x.n; i++ {
		switch batch.ClassOf(v.Type) {
		case batch.ClassBool:
			v.Bool[i] = v.Bool[0]
		case batch.ClassInt:
			v.Int[i] = v.Int[0]
		case batch.ClassFloat:
			v.Flt[i] = v.Flt[0]
		case batch.ClassDec:
			v.Dec[i] = v.Dec[0]
		case batch.ClassBytes, batch.ClassList:
			v.Off[i], v.Len[i] = v.Off[0], v.Len[0]
		case batch.ClassRow:
			v.Resize(i)
			if c.null() {
				v.AppendNull()
			} else {
				v.AppendValue(c.value)
			}
		}
		if c.null() {
			v.SetNull(i)
		}
	}
	return v, nil
}

// constOf is n as a constant, nil if it is none.
func constOf(n node) *constant {
	c, _ := n.(*constant)
	return c
}

// result is the output vector of a node.
type result struct{ out *batch.Vector }

func newResult(t types.Type) result { return result{batch.NewVector(t, 0)} }

// begin makes room for n rows, none of them NULL.
func (r *result) begin(n int) *batch.Vector {
	r.out.Resize(n)
	r.out.ClearNulls()
	r.out.Data = r.out.Data[:0]
	for _, c := range r.out.Children {
		if batch.ClassOf(r.out.Type) == batch.ClassList {
			c.Reset()
		} else {
			(&result{c}).begin(n)
		}
	}
	return r.out
}

// orNulls makes the rows NULL in out that are NULL in v.
func orNulls(out, v *batch.Vector, n int) {
	if len(v.Nulls) == 0 {
		return
	}
	out.GrowNulls(n)
	words := min(len(v.Nulls), len(out.Nulls))
	dst, src := out.Nulls[:words], v.Nulls[:words]
	for i, w := range src {
		dst[i] |= w
	}
}

// dense reports whether it is cheaper to compute all rows than the selected ones, where that can do no harm.
func dense(sel []int32, n int) bool { return sel == nil || len(sel)*2 >= n }

// rowKernel computes a function row by row through one function: the form of what is not worth a loop of its own.
type rowKernel struct {
	result
	name string
	span diag.Span
	args []node
	in   []*batch.Vector
	x    *ctx
	f    func(k *rowKernel, i int) error
	// nulls: f sees NULLs; otherwise the result of a NULL is NULL.
	nulls bool
	// view: results are parts of argument view-1, which f gives by setView; 0: they are put into the kernel's own arena.
	view int
	from int // of a list: where the elements of the row under way begin
}

func (k *rowKernel) eval(x *ctx, sel []int32) (*batch.Vector, error) {
	k.x = x
	for i, a := range k.args {
		v, err := a.eval(x, sel)
		if err != nil {
			return nil, err
		}
		k.in[i] = v
	}
	out := k.begin(x.n)
	if k.view > 0 {
		out.Share(k.in[k.view-1].Data)
	}
	var nulls batch.Bitmap
	if !k.nulls {
		for _, v := range k.in {
			orNulls(out, v, x.n)
		}
		nulls = out.Nulls
	}
	if sel == nil {
		for i := range x.n {
			if nulls.Has(i) {
				continue
			}
			if err := k.f(k, i); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	for _, i := range sel {
		if nulls.Has(int(i)) {
			continue
		}
		if err := k.f(k, int(i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Arguments and results of row i.

func (k *rowKernel) null(a, i int) bool        { return k.in[a].IsNull(i) }
func (k *rowKernel) str(a, i int) []byte       { return k.in[a].Bytes(i) }
func (k *rowKernel) int(a, i int) int64        { return k.in[a].Int[i] }
func (k *rowKernel) flt(a, i int) float64      { return k.in[a].Flt[i] }
func (k *rowKernel) setNull(i int) error       { k.out.SetNull(i); return nil }
func (k *rowKernel) setInt(i int, v int64)     { k.out.Int[i] = v }
func (k *rowKernel) setBool(i int, v bool)     { k.out.Bool[i] = v }
func (k *rowKernel) setFlt(i int, v float64)   { k.out.Flt[i] = v }
func (k *rowKernel) setDec(i int, v types.Dec) { k.out.Dec[i] = v }
func (k *rowKernel) setView(i, from, to int) {
	k.out.Off[i], k.out.Len[i] = uint32(from), uint32(to-from)
}

// setStr puts a copy of s into the arena.
func (k *rowKernel) setStr(i int, s []byte) {
	v := k.out
	v.Off[i], v.Len[i] = uint32(len(v.Data)), uint32(len(s))
	v.Data = append(v.Data, s...)
}

// arena is the kernel's arena to append to; end takes what was appended as row i.
func (k *rowKernel) arena() []byte { return k.out.Data }

func (k *rowKernel) end(i int, data []byte) {
	v := k.out
	v.Off[i], v.Len[i] = uint32(len(v.Data)), uint32(len(data)-len(v.Data))
	v.Data = data
}

// part makes row i the bytes from .. to of the string of argument view-1.
func (k *rowKernel) part(i, from, to int) {
	off := int(k.in[k.view-1].Off[i])
	k.setView(i, off+from, off+to)
}

func (k *rowKernel) fail(i int, help, format string, args ...any) error {
	return &RowError{Row: i, Span: k.span, Reason: fmt.Sprintf(format, args...), Help: help}
}

// quoted is a value in a message, cut where it is long.
func quoted(s []byte) string {
	const most = 60
	t := strings.ToValidUTF8(string(s), "\uFFFD")
	if len(t) > most {
		t = strings.ToValidUTF8(t[:most], "") + "..."
	}
	return "'" + t + "'"
}

// compiler makes nodes of expressions.
type compiler struct{ x *ctx }

func (c *compiler) node(e scalar.Expr) (node, error) {
	switch e := e.(type) {
	case *scalar.Column:
		return &column{e.Index}, nil
	case *scalar.Literal:
		return newConstant(e.Value, e.Typ), nil
	case *scalar.Cast:
		return c.cast(e)
	case *scalar.Field:
		return c.field(e)
	case *scalar.Call:
		return c.call(e)
	}
	return nil, fmt.Errorf("an expression of kind %T cannot be compiled; this is a bug", e)
}

func (c *compiler) nodes(es []scalar.Expr) ([]node, error) {
	out := make([]node, len(es))
	for i, e := range es {
		n, err := c.node(e)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// builder makes the node of a call.
type builder func(c *compiler, e *scalar.Call, args []node) (node, error)

// call finds the kernel of a function. Special forms, whose arguments are compiled in other ways, come first.
func (c *compiler) call(e *scalar.Call) (node, error) {
	switch e.Func.Name {
	case "AND", "OR":
		return c.logic(e)
	case "CASE", "IF":
		return c.cases(e)
	case "COALESCE", "IFNULL":
		return c.coalesce(e)
	case "IN":
		return c.in(e)
	}
	b := kernels[e.Func.Name]
	if b == nil {
		return nil, fmt.Errorf("%s has no kernel; this is a bug", e.Func.Name)
	}
	args, err := c.nodes(e.Args)
	if err != nil {
		return nil, err
	}
	return b(c, e, args)
}

// kernels has the builder of every function but the special forms.
var kernels map[string]builder

func init() {
	kernels = map[string]builder{}
	for _, family := range []map[string]builder{
		compareKernels, logicKernels, arithmeticKernels, numericKernels, stringKernels, patternKernels, timeKernels, miscKernels, jsonKernels, nestedKernels, arrayKernels,
	} {
		for name, b := range family {
			kernels[name] = b
		}
	}
}

// rows makes a builder of a function of one row; the result of a NULL is NULL.
func rows(f func(k *rowKernel, i int) error) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) { return newRows(e, args, f), nil }
}

func newRows(e *scalar.Call, args []node, f func(k *rowKernel, i int) error) *rowKernel {
	return &rowKernel{result: newResult(e.Typ), name: e.Func.Name, span: e.Sp, args: args, in: make([]*batch.Vector, len(args)), f: f}
}

// views is rows for functions whose result is a part of their argument a.
func views(a int, f func(k *rowKernel, i int) error) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		k := newRows(e, args, f)
		k.view = a + 1
		return k, nil
	}
}

// withNulls is rows for functions that see NULLs.
func withNulls(f func(k *rowKernel, i int) error) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		k := newRows(e, args, f)
		k.nulls = true
		return k, nil
	}
}
