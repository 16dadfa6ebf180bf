package op

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/lookup"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// vectorSearch puts each row out beside the rows of a table that are the most similar to it. The rows of a batch are shared out among goroutines, which
// search for one after the other; what is found is put together in the order in which the rows came, before Process returns: nothing is under way at a
// barrier or a watermark, and nothing is kept.
//
// What a table holds is not the same tomorrow. After a failure rows that were not committed are searched for anew.
type vectorSearch struct {
	stateless
	node    *physical.VectorSearch
	spec    exec.SearchSpec
	src     exec.Search
	columns []int            // of what is found, one an output column, where nothing is computed
	project *expr.Projection // otherwise

	parts  []*searchPart
	all    []int32
	rows   []int32 // of the input, one an output row
	found  []int32 // of a part's rows beside it; -1: nothing was found
	answer *batch.Batch
	out    *batch.Batch
}

// searchPart is what one goroutine searches for.
type searchPart struct {
	found *batch.Batch // the columns that are read, and the score
	ends  []int        // of the rows found for each row, in found
	err   error
}

func newVectorSearch(n *physical.VectorSearch, env Env) (exec.Operator, error) {
	if env.Search == nil {
		return nil, fmt.Errorf("this is a bug: no search of table %s", n.Lookup.Table.Name)
	}
	o := &vectorSearch{node: n, out: batch.New(columnTypes(n), batch.TargetRows)}
	var err error
	if o.spec, err = env.Search(n); err != nil {
		return nil, err
	}
	for _, e := range n.Lookup.Exprs {
		c, plain := e.(*scalar.Column)
		if !plain {
			o.columns = nil
			o.project, err = expr.CompileProjection(n.Lookup.Exprs, env.Expr)
			return o, err
		}
		o.columns = append(o.columns, c.Index)
	}
	return o, nil
}

func (o *vectorSearch) Open(ctx *exec.TaskContext, st state.Scope) (err error) {
	if err := o.stateless.Open(ctx, st); err != nil {
		return err
	}
	o.src, err = o.spec.Search(ctx)
	return err
}

func (o *vectorSearch) Process(in *batch.Batch, out exec.Emitter) error {
	pos := positions(in, &o.all)
	if len(pos) == 0 {
		return nil
	}
	n := 1
	if o.node.Lookup.Concurrent {
		n = max(1, min(o.node.Lookup.Capacity, len(pos)))
	}
	for len(o.parts) < n {
		o.parts = append(o.parts, &searchPart{found: batch.New(append(physical.Types(o.node.Lookup.Columns), types.TDouble), 16)})
	}
	ctx := o.ctx.Asking()
	if d := o.node.Lookup.Timeout; d > 0 && o.node.Lookup.Concurrent {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d, errLookupTimeout)
		defer cancel()
	}
	var wg sync.WaitGroup
	for k, p := range o.parts[:n] {
		mine := pos[k*len(pos)/n : (k+1)*len(pos)/n]
		if n == 1 {
			p.search(ctx, o, in, mine)
			break
		}
		wg.Go(func() { p.search(ctx, o, in, mine) })
	}
	wg.Wait()
	for k, p := range o.parts[:n] {
		if p.err != nil {
			return o.failed(ctx, p.err)
		}
		if err := o.put(in, pos[k*len(pos)/n:(k+1)*len(pos)/n], p, out); err != nil {
			return err
		}
	}
	return nil
}

// search finds what is similar to rows of in.
func (p *searchPart) search(ctx context.Context, o *vectorSearch, in *batch.Batch, rows []int32) {
	p.found.Reset()
	p.ends, p.err = p.ends[:0], nil
	for _, i := range rows {
		if query := lookup.Vector(in.Cols[o.node.Query], int(i)); query != nil {
			if p.err = o.src.Nearest(ctx, query, p.found); p.err != nil {
				return
			}
		}
		p.ends = append(p.ends, p.found.N)
	}
}

func (o *vectorSearch) failed(ctx context.Context, err error) error {
	if o.ctx.Ctx.Err() == nil && errors.Is(context.Cause(ctx), errLookupTimeout) {
		return exec.Restartf("raise 'table.exec.async-vector-search.timeout', or 'timeout' of CONFIG", "search table "+o.node.Lookup.Table.Name,
			fmt.Errorf("%w of %s", errLookupTimeout, o.node.Lookup.Timeout))
	}
	return err
}

// put puts rows of in out beside what was found for them.
func (o *vectorSearch) put(in *batch.Batch, rows []int32, p *searchPart, out exec.Emitter) error {
	if o.answer = p.found; o.project != nil && p.found.N > 0 {
		var err error
		if o.answer, err = o.project.Apply(p.found); err != nil {
			return err
		}
	}
	at := 0
	for k, i := range rows {
		if at == p.ends[k] && o.node.Outer {
			o.rows, o.found = append(o.rows, i), append(o.found, -1)
		}
		for ; at < p.ends[k]; at++ {
			o.rows, o.found = append(o.rows, i), append(o.found, int32(at))
			if len(o.rows) == batch.TargetRows {
				if err := o.emit(in, p, out); err != nil {
					return err
				}
			}
		}
	}
	return o.emit(in, p, out)
}

func (o *vectorSearch) emit(in *batch.Batch, p *searchPart, out exec.Emitter) error {
	if len(o.rows) == 0 {
		return nil
	}
	b := o.out
	b.Reset()
	for c, v := range in.Cols {
		b.Cols[c].AppendMany(v, o.rows, in.N)
	}
	right := b.Cols[len(in.Cols):]
	for c, v := range right[:len(right)-1] {
		from := c
		if o.columns != nil {
			from = o.columns[c]
		}
		o.column(v, o.answer.Cols[from])
	}
	o.column(right[len(right)-1], p.found.Cols[len(p.found.Cols)-1])
	b.N = len(o.rows)
	o.rows, o.found = o.rows[:0], o.found[:0]
	return out.Emit(b)
}

// column fills v with the rows of src that were found.
func (o *vectorSearch) column(v, src *batch.Vector) {
	for _, f := range o.found {
		if f < 0 {
			v.AppendNull()
		} else {
			v.AppendFrom(src, int(f))
		}
	}
}

func (o *vectorSearch) Close() error {
	if o.src == nil {
		return nil
	}
	src := o.src
	o.src = nil
	return src.Close()
}
