package agg

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"weir/exec/batch"
	"weir/planner/types"
	"weir/state"
)

// Call is one aggregate to be made.
type Call struct {
	Func    string       // upper case
	Args    []int        // columns of the input; none for COUNT(*)
	Types   []types.Type // of the arguments
	Result  types.Type
	Retract bool // rows may be taken back
	InOrder bool // with Retract: in the order in which they came, as those of a frame are
	// IgnoreNulls: of LAG, ARRAY_AGG, JSON_ARRAYAGG and JSON_OBJECTAGG.
	IgnoreNulls bool
	// Table is a name for a table of its own in which the aggregate may keep more than fits into an entry; empty
	// where accumulators are merged (windows).
	Table string
}

// Rows is a number of rows of one batch with the entries that they belong to. All slices have one
// length; an entry may occur more than once.
type Rows struct {
	In    *batch.Batch // the input; its Sel is not looked at
	Pos   []int32      // physical position of each row in In
	Slots [][]byte     // the whole fixed part of each row's entry, writable
	Map   state.Map    // where the entries are; needed by a Set with HasVar
	Refs  []state.Ref  // entry of each row in Map
	Vars  [][]byte     // the variable parts where the entries are not in a Map; to be read only
}

// Reset empties r and keeps its memory.
func (r *Rows) Reset() {
	r.Pos, r.Slots, r.Refs, r.Vars = r.Pos[:0], r.Slots[:0], r.Refs[:0], r.Vars[:0]
}

// Add appends row k of from, whose entries are in a Map.
func (r *Rows) Add(from *Rows, k int) {
	r.Pos = append(r.Pos, from.Pos[k])
	r.Slots = append(r.Slots, from.Slots[k])
	r.Refs = append(r.Refs, from.Refs[k])
}

// variable is the variable part of the entry of row k.
func (r *Rows) variable(k int) []byte {
	if r.Map == nil {
		return r.Vars[k]
	}
	return r.Map.Var(r.Refs[k])
}

// retracts reports whether row k of r takes back.
func (r *Rows) retracts(k int) bool {
	return r.In.Kinds != nil && !r.In.Kinds[r.Pos[k]].Adds()
}

// Func is one aggregate of a Set.
type Func interface {
	// fixed is the number of bytes in the fixed part, and variable whether it has a section of the variable one.
	size() (fixed int, variable bool)
	// bind says where they are.
	bind(off int, sec section)
	// format describes the encoding, for state.TableSpec.Schema.
	format() string

	// Update adds the rows to the accumulators of their entries, or takes them back, in order.
	Update(r *Rows) error
	// Merge adds the accumulators of src, row by row, to those of dst. All of dst's values came before src's.
	Merge(dst, src *Rows) error
	// Values writes the result of row k to position at[k] of out, which is long enough and has no NULL there.
	// Only Slots, and Map with Refs or Vars, of r are looked at.
	Values(r *Rows, out *batch.Vector, at []int32) error
}

// Set is the aggregates of one operator.
type Set struct {
	Funcs  []Func
	Fixed  int    // bytes of an entry's fixed part, head included
	HasVar bool   // entries have a variable part
	Schema string // describes the encoding
}

// NewSet makes the accumulators of calls, behind a head of so many bytes.
func NewSet(head int, calls []Call) (*Set, error) {
	s := &Set{Fixed: head}
	n := 0
	for i := range calls {
		f, err := newFunc(&calls[i])
		if err != nil {
			return nil, err
		}
		s.Funcs = append(s.Funcs, f)
		if _, v := f.size(); v {
			n++
		}
	}
	var formats []string
	at := 0
	for _, f := range s.Funcs {
		size, v := f.size()
		sec := section{}
		if v {
			sec = section{at: at, of: n}
			at++
		}
		f.bind(s.Fixed, sec)
		s.Fixed += size
		formats = append(formats, f.format())
	}
	s.HasVar = n > 0
	s.Schema = fmt.Sprintf("agg1 %d %s", head, strings.Join(formats, " "))
	return s, nil
}

// Open opens the tables that aggregates have of their own.
func (s *Set) Open(st state.Scope, ttl time.Duration) error {
	for _, f := range s.Funcs {
		if o, ok := f.(interface {
			open(st state.Scope, ttl time.Duration) error
		}); ok {
			if err := o.open(st, ttl); err != nil {
				return err
			}
		}
	}
	return nil
}

// Merge adds the accumulators of src to those of dst, row by row.
func (s *Set) Merge(dst, src *Rows) error {
	for _, f := range s.Funcs {
		if err := f.Merge(dst, src); err != nil {
			return err
		}
	}
	return nil
}

// Supported reports whether there is an accumulator for a function of that name.
func Supported(name string) bool { return makers[name] != nil }

var makers = map[string]func(c *Call) (Func, error){
	"COUNT":                 newCount,
	"SUM":                   newSum,
	"$SUM0":                 newSum,
	"SUM0":                  newSum,
	"AVG":                   newAvg,
	"MIN":                   newExtreme,
	"MAX":                   newExtreme,
	"FIRST_VALUE":           newEnd,
	"LAST_VALUE":            newEnd,
	"LISTAGG":               newListAgg,
	"COLLECT":               newCollect,
	"ARRAY_AGG":             newArrayAgg,
	"JSON_ARRAYAGG":         newJSONArrayAgg,
	"JSON_OBJECTAGG":        newJSONObjectAgg,
	"STDDEV":                newVariance,
	"SINGLE_VALUE":          newSingle,
	"PERCENTILE":            newPercentile,
	"APPROX_COUNT_DISTINCT": newApprox,
	"STDDEV_POP":            newVariance,
	"STDDEV_SAMP":           newVariance,
	"VARIANCE":              newVariance,
	"VAR_POP":               newVariance,
	"VAR_SAMP":              newVariance,
	"ROW_NUMBER":            newCount,
	"RANK":                  newRank,
	"DENSE_RANK":            newRank,
	"LAG":                   newLag,
}

func newFunc(c *Call) (Func, error) {
	m := makers[c.Func]
	if m == nil {
		return nil, fmt.Errorf("the aggregate function %s is not supported", c.Func)
	}
	if c.Func != "COUNT" && c.Func != "ROW_NUMBER" && len(c.Args) == 0 {
		return nil, fmt.Errorf("the aggregate function %s needs an argument", c.Func)
	}
	return m(c)
}

// place is where an accumulator's parts are; embedded by all of them.
type place struct {
	off int
	sec section
}

func (p *place) bind(off int, sec section) { p.off, p.sec = off, sec }

// section is the part of one aggregate in the variable part of an entry that several share: number
// at of of. A single one has all of it; several have their lengths (4 bytes each) in front. No bytes at
// all are empty sections.
type section struct{ at, of int }

func (s section) get(v []byte) []byte {
	if s.of == 1 || len(v) == 0 {
		return v
	}
	from := 4 * s.of
	for i := range s.at {
		from += int(binary.LittleEndian.Uint32(v[4*i:]))
	}
	n := int(binary.LittleEndian.Uint32(v[4*s.at:]))
	return v[from : from+n : from+n]
}

// with appends to dst, which must not overlap v, the variable part v with this section replaced by x.
func (s section) with(dst, v, x []byte) []byte {
	if s.of == 1 {
		return append(dst, x...)
	}
	if len(v) == 0 {
		v = make([]byte, 4*s.of)
	}
	from := 4 * s.of
	for i := range s.at {
		from += int(binary.LittleEndian.Uint32(v[4*i:]))
	}
	old := int(binary.LittleEndian.Uint32(v[4*s.at:]))
	head := len(dst)
	dst = append(dst, v[:4*s.of]...)
	binary.LittleEndian.PutUint32(dst[head+4*s.at:], uint32(len(x)))
	dst = append(dst, v[4*s.of:from]...)
	dst = append(dst, x...)
	return append(dst, v[from+old:]...)
}

// putVar makes x the section of the entry of row k. whole is scratch memory, given back for the next call.
func (p *place) putVar(r *Rows, k int, x, whole []byte) ([]byte, error) {
	if p.sec.of == 1 {
		return whole, r.Map.SetVar(r.Refs[k], x)
	}
	whole = p.sec.with(whole[:0], r.variable(k), x)
	return whole, r.Map.SetVar(r.Refs[k], whole)
}

func (p *place) getVar(r *Rows, k int) []byte { return p.sec.get(r.variable(k)) }

func word(b []byte) uint64       { return binary.LittleEndian.Uint64(b) }
func putWord(b []byte, x uint64) { binary.LittleEndian.PutUint64(b, x) }

// noNulls reports that no row of v is NULL.
func noNulls(v *batch.Vector) bool { return len(v.Nulls) == 0 && v.Type.Kind != types.Null }
