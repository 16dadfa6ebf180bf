package lookup

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
	"weir/planner/types"
	"weir/state"
)

// Vectors is a table that is kept as a whole and searched by its vectors: each search looks at all of them.
type Vectors struct {
	n *physical.VectorSearch
	*held[*VectorTable]
}

// NewVectors makes the table of n; open makes a source that reads it from its beginning to its end.
func NewVectors(n *physical.VectorSearch, now func() time.Time, open func() (exec.SourceSpec, error)) *Vectors {
	return &Vectors{n, &held[*VectorTable]{table: &n.Lookup, open: open, now: now, empty: func() *VectorTable { return NewVectorTable(n) }}}
}

// Search is the part of a subtask.
func (v *Vectors) Search(ctx *exec.TaskContext) (exec.Search, error) {
	return &vectorLookup{v, ctx}, nil
}

// Close waits until nothing is being read.
func (v *Vectors) Close() error { return v.close() }

type vectorLookup struct {
	v   *Vectors
	ctx *exec.TaskContext
}

// Close waits for a reading that this attempt began.
func (l *vectorLookup) Close() error { return l.v.Close() }

func (l *vectorLookup) Nearest(ctx context.Context, query []float64, out *batch.Batch) error {
	t, err := l.v.get(ctx, l.ctx)
	if err != nil {
		return err
	}
	return t.Nearest(query, out)
}

// VectorTable is rows with their vectors, as they are searched. Once all rows are added any number of goroutines may search it.
//
// A vector that is NULL, or has a NULL or a NaN among its numbers, is similar to none; nor is one of zeros by the angle, since it has no direction.
type VectorTable struct {
	n     *physical.VectorSearch
	dim   int // numbers of a vector; 0: there is none
	small []float32
	large []float64 // of ARRAY<DOUBLE>
	norms []float64 // lengths of the vectors, for Cosine
	rows  [][]byte  // all columns, encoded like keys; without the vector where nobody reads it
	cols  []int     // those that are encoded
	seen  int

	enc state.Keys
}

// NewVectorTable is a table without rows.
func NewVectorTable(n *physical.VectorSearch) *VectorTable {
	t := &VectorTable{n: n}
	read := n.ReadsVector()
	for i := range n.Lookup.Columns {
		if i != n.Search || read {
			t.cols = append(t.cols, i)
		}
	}
	return t
}

// Rows is how many rows there are, those without a vector among them.
func (t *VectorTable) Rows() int { return t.seen }

// Add takes rows of the columns that the search reads.
func (t *VectorTable) Add(b *batch.Batch) error {
	v := b.Cols[t.n.Search]
	double := v.Type.Nested.Elem.Kind == types.Double
	batch.EncodeUnhashed(b, t.cols, &t.enc)
	data := append([]byte(nil), t.enc.Data...)
	t.seen += b.Rows()
	for k := range b.Rows() {
		i := b.At(k)
		vec := Vector(v, i)
		if vec == nil {
			continue
		}
		norm := math.Sqrt(inner(vec, vec))
		if t.n.Metric == physical.Cosine && norm == 0 || math.IsNaN(norm) {
			continue
		}
		if t.dim == 0 {
			t.dim = len(vec)
		}
		if len(vec) != t.dim {
			return exec.Fatalf("give all vectors of the table the same length", "read the vectors of table "+t.n.Lookup.Table.Name,
				fmt.Errorf("column %s of a row has %d numbers, and that of the rows before it %d", t.n.Lookup.Columns[t.n.Search].Name, len(vec), t.dim))
		}
		if double {
			t.large = append(t.large, vec...)
		} else {
			for _, x := range vec {
				t.small = append(t.small, float32(x))
			}
		}
		t.norms = append(t.norms, norm)
		t.rows = append(t.rows, data[t.enc.Off[k]:t.enc.Off[k+1]:t.enc.Off[k+1]])
	}
	return nil
}

// Vector is the vector at row i of a column, a view; nil where it is NULL, empty, or has a NULL among its numbers.
func Vector(v *batch.Vector, i int) []float64 {
	if v.IsNull(i) || v.Len[i] == 0 {
		return nil
	}
	elems, from, to := v.Children[0], v.Off[i], v.Off[i]+v.Len[i]
	if elems.Nulls != nil {
		for e := from; e < to; e++ {
			if elems.IsNull(int(e)) {
				return nil
			}
		}
	}
	return elems.Flt[from:to]
}

// hit is a row that is found.
type hit struct {
	row   int
	score float64
}

// Nearest is exec.Search's.
func (t *VectorTable) Nearest(query []float64, out *batch.Batch) error {
	if t.dim == 0 {
		return nil
	}
	if len(query) != t.dim {
		return exec.Fatalf("search for vectors of the table's length, made by the same model", "search table "+t.n.Lookup.Table.Name,
			fmt.Errorf("the vector that is searched for has %d numbers, and those of column %s have %d", len(query), t.n.Lookup.Columns[t.n.Search].Name, t.dim))
	}
	norm := math.Sqrt(inner(query, query))
	if t.n.Metric == physical.Cosine && norm == 0 || math.IsNaN(norm) {
		return nil
	}
	var best []hit
	if t.large != nil {
		best = nearest(t, t.large, query, norm)
	} else {
		best = nearest(t, t.small, query, norm)
	}
	score := out.Cols[len(out.Cols)-1]
	into := make([]*batch.Vector, len(t.cols))
	for k, c := range t.cols {
		into[k] = out.Cols[c]
	}
	for _, h := range best {
		if err := batch.DecodeKey(t.rows[h.row], into); err != nil {
			return fmt.Errorf("rows of table %s in memory: %w", t.n.Lookup.Table.Name, err)
		}
		if len(t.cols) < len(t.n.Lookup.Columns) {
			out.Cols[t.n.Search].AppendNull()
		}
		score.AppendFloat(h.score)
		out.N++
	}
	return nil
}

// nearest is the rows with the best scores, the best one first; of equal ones those come first whose columns do, so that it does not matter in which order
// the table was read.
func nearest[F float32 | float64](t *VectorTable, data []F, query []float64, norm float64) []hit {
	before := func(a, b hit) bool {
		if a.score != b.score {
			return t.n.Metric.Closer(a.score, b.score)
		}
		return bytes.Compare(t.rows[a.row], t.rows[b.row]) < 0
	}
	// Twice as many are gathered as are wanted, then the worse half goes.
	most := min(t.n.TopK, len(t.rows))
	best := make([]hit, 0, 2*most)
	thinned := false
	thin := func() {
		slices.SortFunc(best, func(a, b hit) int {
			switch {
			case before(a, b):
				return -1
			case before(b, a):
				return 1
			}
			return 0
		})
		best, thinned = best[:min(len(best), most)], true
	}
	for i := range t.rows {
		vec := data[i*t.dim : (i+1)*t.dim]
		h := hit{row: i}
		switch t.n.Metric {
		case physical.Cosine:
			h.score = inner(vec, query) / (t.norms[i] * norm)
		case physical.InnerProduct:
			h.score = inner(vec, query)
		case physical.L2:
			h.score = distance(vec, query)
		}
		if math.IsNaN(h.score) {
			continue
		}
		if thinned && !before(h, best[most-1]) {
			continue
		}
		if best = append(best, h); len(best) == 2*most {
			thin()
		}
	}
	thin()
	return best
}

// inner is the inner product, summed in four lanes, so that the processor need not wait for each sum.
func inner[F float32 | float64](a []F, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(a[i]) * b[i]
		s1 += float64(a[i+1]) * b[i+1]
		s2 += float64(a[i+2]) * b[i+2]
		s3 += float64(a[i+3]) * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i]) * b[i]
	}
	return s0 + s1 + (s2 + s3)
}

// distance is the Euclidean distance.
func distance[F float32 | float64](a []F, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1 float64
	i := 0
	for ; i+2 <= len(a); i += 2 {
		d0, d1 := float64(a[i])-b[i], float64(a[i+1])-b[i+1]
		s0 += d0 * d0
		s1 += d1 * d1
	}
	if i < len(a) {
		d := float64(a[i]) - b[i]
		s0 += d * d
	}
	return math.Sqrt(s0 + s1)
}

var (
	_ exec.SearchSpec = (*Vectors)(nil)
	_ exec.Search     = (*vectorLookup)(nil)
)
