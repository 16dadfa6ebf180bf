// Package expr compiles bound scalar expressions to kernels over column vectors. A kernel computes a
// whole batch at a time: one loop for each operator, over typed slices, for the selected rows
// only; NULLs are bitmaps that are put together by words.
//
// A kernel owns its results: they are overwritten by its next Eval. It belongs to one goroutine.
//
//	scalar.Expr ──Compile──> Kernel  ──Eval(batch, sel)──> vector
//	            ──CompileFilter──> Filter ──Apply(batch)──> selection
//	            ──CompileProjection──> Projection ──Apply(batch)──> batch
package expr

import (
	"fmt"
	"math/rand/v2"
	"time"

	"weir/exec/batch"
	"weir/parser/diag"
	"weir/planner/datetime"
	"weir/planner/scalar"
	"weir/planner/types"
)

// Env is what expressions may know of the world. The zero Env works: UTC, the machine's clock, a random seed.
type Env struct {
	Zone  *time.Location   // the session's time zone; nil: UTC
	Clock func() time.Time // processing time; nil: time.Now. It is read once for a batch
	Rand  rand.Source      // of RAND and UUID; nil: seeded at random
	// Watermark is what CURRENT_WATERMARK gives, microseconds, where one is known; nil: none ever is.
	Watermark func() (wm int64, known bool)
	// Watch, when set, is asked once for each condition that is compiled: of a filter, of the operands of its ANDs, of a CASE,
	// and for each projected BOOLEAN. What it returns, unless nil, is told how many rows the condition was true for, and how
	// many not, at every evaluation.
	Watch func(at diag.Span) func(true, other int)
}

// RowError is a value that an expression could not be computed for.
type RowError struct {
	Row    int       // physical position in the batch
	Span   diag.Span // the operator or function; zero for what the planner made
	Reason string    // with the value: "cannot cast 'abc' to INT"
	Help   string    // what to do; may be empty
}

func (e *RowError) Error() string {
	if e.Span.IsZero() {
		return e.Reason
	}
	return fmt.Sprintf("%s: %s", e.Span, e.Reason)
}

// ctx is what one evaluation shares.
type ctx struct {
	b    *batch.Batch
	n    int   // rows of b
	now  int64 // microseconds; 0: not read yet
	env  *Env
	rand *rand.Rand
	zone *datetime.Zone
}

// clock is the processing time of this batch.
func (x *ctx) clock() int64 {
	if x.now == 0 {
		x.now = x.env.Clock().UnixMicro()
	}
	return x.now
}

func newCtx(env Env) *ctx {
	if env.Clock == nil {
		env.Clock = time.Now
	}
	src := env.Rand
	if src == nil {
		src = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	return &ctx{env: &env, rand: rand.New(src), zone: datetime.NewZone(env.Zone)}
}

func (x *ctx) start(b *batch.Batch) { x.b, x.n, x.now = b, b.N, 0 }

// node is a compiled operator.
type node interface {
	// eval computes the rows sel, all rows when it is nil. The result is indexed by physical position; what other
	// positions hold is undefined. It is valid until the next eval.
	eval(x *ctx, sel []int32) (*batch.Vector, error)
}

// Kernel is a compiled expression.
type Kernel struct {
	root node
	typ  types.Type
	x    *ctx
}

// Compile makes the kernel of e. The error is about what cannot be compiled: a constant pattern that is no regular expression.
func Compile(e scalar.Expr, env Env) (*Kernel, error) {
	c := compiler{x: newCtx(env)}
	n, err := c.node(e)
	if err != nil {
		return nil, err
	}
	return &Kernel{root: n, typ: e.Type(), x: c.x}, nil
}

// Type is the type of the values.
func (k *Kernel) Type() types.Type { return k.typ }

// Eval computes the expression for the rows sel of b, ascending physical positions, all b.N rows when it is nil. The result has
// the value of row i at position i; it is the kernel's, or a column of b, and valid until the next Eval and
// as long as b. An error is a *RowError.
func (k *Kernel) Eval(b *batch.Batch, sel []int32) (*batch.Vector, error) {
	k.x.start(b)
	if sel != nil && len(sel) == b.N {
		sel = nil
	}
	return k.root.eval(k.x, sel)
}

// Fold computes a constant expression: one without columns.
func Fold(e scalar.Expr, env Env) (types.Value, error) {
	k, err := Compile(e, env)
	if err != nil {
		return nil, err
	}
	v, err := k.Eval(&batch.Batch{N: 1}, nil)
	if err != nil {
		return nil, err
	}
	return v.Value(0), nil
}

// Projection computes the columns of one batch from another.
type Projection struct {
	cols []projected
	x    *ctx
	out  batch.Batch
}

type projected struct {
	index int // the input's column, for a node of nil
	node  node
}

// CompileProjection makes a projection of one expression a column.
func CompileProjection(es []scalar.Expr, env Env) (*Projection, error) {
	c := compiler{x: newCtx(env)}
	p := &Projection{x: c.x}
	for _, e := range es {
		if col, ok := e.(*scalar.Column); ok {
			p.cols = append(p.cols, projected{index: col.Index})
			continue
		}
		n, err := c.node(e)
		if err != nil {
			return nil, err
		}
		if e.Type().Kind == types.Boolean {
			n = c.watchedNode(e, n)
		}
		p.cols = append(p.cols, projected{node: n})
	}
	p.out.Cols = make([]*batch.Vector, len(es))
	return p, nil
}

// Apply computes the columns for the rows of in that count. A plain column is in's own vector. The result has in's
// selection and kinds; it is the projection's and valid until the next Apply and as long as in.
func (p *Projection) Apply(in *batch.Batch) (*batch.Batch, error) {
	p.x.start(in)
	p.out.N, p.out.Sel, p.out.Kinds = in.N, in.Sel, in.Kinds
	for i, c := range p.cols {
		if c.node == nil {
			p.out.Cols[i] = in.Cols[c.index]
			continue
		}
		v, err := c.node.eval(p.x, in.Sel)
		if err != nil {
			return nil, err
		}
		p.out.Cols[i] = v
	}
	return &p.out, nil
}
