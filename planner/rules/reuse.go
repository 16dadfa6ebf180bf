package rules

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/fn"
	"weir/planner/physical"
)

// reuse has what queries of a job compute in the same way computed once, with one state: a view that several INSERTs of a statement set read, a
// sub-query that is written twice. Nodes are the same whose digests are, from the tables upwards; the one that comes first in the job stays, with
// its id. An Exchange is not shared, but what it spreads: each reader has the rows by its own way. It is Flink's
// table.optimizer.reuse-sub-plan-enabled.
func (o *Optimizer) reuse(sinks []*physical.Sink) {
	r := &reuser{kept: map[string]physical.Node{}, standsFor: map[physical.Node]physical.Node{}}
	for _, s := range sinks {
		r.inputs(s)
	}
	for _, x := range r.exchanges {
		*x.slot = x.was
	}
	o.noteReused(sinks)
}

// noteReused notes what several operators read now.
func (o *Optimizer) noteReused(sinks []*physical.Sink) {
	readers := map[physical.Node]int{}
	var nodes []physical.Node // in order
	for _, s := range sinks {
		for n := range physical.Nodes(s) {
			if _, seen := readers[n]; seen {
				continue
			}
			readers[n] = 0 // its readers come behind it
			nodes = append(nodes, n)
			for _, in := range n.Inputs() {
				readers[in]++
			}
		}
	}
	for _, n := range nodes {
		if _, scan := n.(*physical.Scan); !scan && readers[n] > 1 {
			o.fire(ReuseSubPlan, n.Base().Span, "%s is computed once for its %d readers", n.Base().ID, readers[n])
		}
	}
}

// reuser keeps one node of each digest.
type reuser struct {
	kept      map[string]physical.Node        // by digest
	standsFor map[physical.Node]physical.Node // the kept node for each
	exchanges []ownExchange
}

// ownExchange is an Exchange that was replaced by an equal one while its readers were compared.
type ownExchange struct {
	slot *physical.Node
	was  physical.Node
}

// inputs has n read kept nodes.
func (r *reuser) inputs(n physical.Node) {
	for _, slot := range slots(n) {
		was := *slot
		*slot = r.keep(was)
		if _, exchange := was.(*physical.Exchange); exchange && *slot != was {
			r.exchanges = append(r.exchanges, ownExchange{slot, was})
		}
	}
}

// keep is the node that stands for n.
func (r *reuser) keep(n physical.Node) physical.Node {
	if kept, ok := r.standsFor[n]; ok {
		return kept
	}
	r.inputs(n)
	kept := n
	if d, ok := digest(n); ok {
		if first, ok := r.kept[d]; ok {
			kept = first
		} else {
			r.kept[d] = n
		}
	}
	r.standsFor[n] = kept
	return kept
}

var (
	nodeType  = reflect.TypeFor[physical.Node]()
	nodesType = reflect.TypeFor[[]physical.Node]()
)

// slots is where n has its inputs.
func slots(n physical.Node) []*physical.Node {
	var out []*physical.Node
	fields := reflect.ValueOf(n).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i); f.Type() {
		case nodeType:
			out = append(out, f.Addr().Interface().(*physical.Node))
		case nodesType:
			for j := range f.Len() {
				out = append(out, f.Index(j).Addr().Interface().(*physical.Node))
			}
		}
	}
	return out
}

// digest is a text that two nodes share when they do the same with the same inputs: all that is in them but their ids and where the user wrote
// them. ok is false for a node that may give other rows each time, for one whose late rows go to a table and for those rows, and where something
// cannot be compared.
func digest(n physical.Node) (text string, ok bool) {
	if _, late := n.(*physical.LateRows); late || n.Base().Late != [2]*physical.LateOutput{} {
		return "", false
	}
	d := &digester{}
	fmt.Fprintf(&d.text, "%T", n)
	d.value(reflect.ValueOf(n).Elem())
	return d.text.String(), !d.unlike
}

// digester writes a digest.
type digester struct {
	text   strings.Builder
	unlike bool // it equals nothing
}

func (d *digester) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		fmt.Fprintf(&d.text, "%t ", v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		fmt.Fprintf(&d.text, "%d ", v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		fmt.Fprintf(&d.text, "%d ", v.Uint())
	case reflect.Float32, reflect.Float64:
		fmt.Fprintf(&d.text, "%x ", math.Float64bits(v.Float()))
	case reflect.String:
		fmt.Fprintf(&d.text, "%q ", v.String())
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() { // which may mean something else than none
			d.text.WriteString("nil ")
			return
		}
		fmt.Fprintf(&d.text, "[%d ", v.Len())
		for i := range v.Len() {
			d.value(v.Index(i))
		}
	case reflect.Struct:
		d.fields(v)
	case reflect.Pointer:
		d.pointer(v)
	case reflect.Interface:
		switch {
		case v.IsNil():
			d.text.WriteString("nil ")
		case v.Type() == nodeType:
			fmt.Fprintf(&d.text, "@%x ", v.Elem().Pointer()) // an input, which is a kept one
		default:
			fmt.Fprintf(&d.text, "%s ", v.Elem().Type())
			d.value(v.Elem())
		}
	default: // functions, maps
		d.unlike = d.unlike || !v.IsNil()
		d.text.WriteString("nil ")
	}
}

func (d *digester) fields(v reflect.Value) {
	t := v.Type()
	if t == reflect.TypeFor[diag.Span]() {
		return
	}
	for i := range v.NumField() {
		if t != reflect.TypeFor[physical.Props]() || t.Field(i).Name != "ID" {
			d.value(v.Field(i))
		}
	}
}

// pointer writes what a pointer leads to, and of a table or a function which one it is.
func (d *digester) pointer(v reflect.Value) {
	switch {
	case v.IsNil():
		d.text.WriteString("nil ")
	case v.Type() == reflect.TypeFor[*catalog.Table]():
		fmt.Fprintf(&d.text, "@%x ", v.Pointer())
	case v.Type() == reflect.TypeFor[*fn.Func]():
		d.unlike = d.unlike || !v.Elem().FieldByName("Deterministic").Bool()
		fmt.Fprintf(&d.text, "@%x ", v.Pointer())
	default:
		d.text.WriteString("& ")
		d.value(v.Elem())
	}
}
