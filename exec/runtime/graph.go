package runtime

import (
	"fmt"
	"strings"

	"weir/planner/catalog"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
)

// vertex is a pipeline: the nodes between two cuts of the plan, fused, with one parallelism.
type vertex struct {
	id          string
	source      *source         // nil for an inner pipeline
	nodes       []physical.Node // in the order of the data, without Scan, Values, Union and Exchange; the last may be a Sink
	parallelism int
	in          []*edge // empty for a source pipeline
	out         *edge   // nil for a pipeline that ends in a sink, and for one with branches

	// branches are what a pipeline feeds whose rows several operators read, in its own tasks: pipelines of operators without state, each with
	// branches or a way out.
	branches []*vertex
	branchOf *vertex // nil: it has tasks of its own
}

// edge is a cut: how rows get from one pipeline to the next.
type edge struct {
	from, to *vertex
	mode     edgeMode
	keys     []int // edgeHash: columns of the output of from
	types    []types.Type
	input    int // of the first operator of to: 1 is the right side of a join
}

// graph is the pipelines of a job, upstream before downstream.
type graph struct {
	vertices []*vertex
}

// builder cuts a plan.
type builder struct {
	parallelism int // parallelism.default
	groups      int // key groups: no keyed pipeline has more subtasks
	sources     map[physical.Node]*source
	readers     map[physical.Node]int     // operators that a node feeds
	shared      map[physical.Node]*vertex // of the nodes that feed several
	// splits is the number of splits that each source has now: without scan.parallelism it has no more subtasks.
	splits map[*source]int
	g      graph
}

// build cuts the job's plan into pipelines.
func (b *builder) build(job *physical.Job) (*graph, error) {
	b.readers, b.shared = map[physical.Node]int{}, map[physical.Node]*vertex{}
	for n := range job.Nodes() {
		for _, in := range n.Inputs() {
			b.readers[in]++
		}
	}
	for _, s := range job.Sinks {
		if _, late := s.Input.(*physical.LateRows); late {
			continue // it is fed by the tasks of an operator
		}
		if _, err := b.node(s); err != nil {
			return nil, err
		}
	}
	return &b.g, nil
}

func (b *builder) vertex(id string, parallelism int) *vertex {
	v := &vertex{id: id, parallelism: parallelism}
	b.g.vertices = append(b.g.vertices, v)
	return v
}

// cut ends from and begins a new pipeline that it feeds.
func (b *builder) cut(from *vertex, in physical.Node, id string, mode edgeMode, keys []int, parallelism int) *vertex {
	v := b.vertex(id, parallelism)
	b.connect(from, v, in, mode, keys)
	return v
}

func (b *builder) connect(from, to *vertex, in physical.Node, mode edgeMode, keys []int) *edge {
	e := &edge{from: from, to: to, mode: mode, keys: keys, types: columnTypes(in)}
	from.out = e
	to.in = append(to.in, e)
	return e
}

func columnTypes(n physical.Node) []types.Type { return physical.Types(n.Base().Columns) }

// node gives a pipeline that puts out n's rows, each time one that the caller may go on with.
func (b *builder) node(n physical.Node) (*vertex, error) {
	if b.readers[n] < 2 {
		return b.alone(n)
	}
	v := b.shared[n]
	if v == nil {
		var err error
		if v, err = b.alone(n); err != nil {
			return nil, err
		}
		b.shared[n] = v
	}
	return branch(n, v), nil
}

// alone gives the pipeline that ends with n.
func (b *builder) alone(n physical.Node) (*vertex, error) {
	switch n := n.(type) {
	case *physical.Scan:
		s := b.sources[n]
		p := n.Parallelism
		if p == 0 {
			p = max(1, min(b.parallelism, b.splits[s]))
		}
		v := b.vertex(n.ID, p)
		v.source = s
		return v, nil
	case *physical.Values:
		v := b.vertex(n.ID, 1)
		v.source = b.sources[n]
		return v, nil
	case *physical.Exchange:
		return b.exchange(n)
	case *physical.Union:
		return b.union(n)
	case *physical.Sink:
		return b.sink(n)
	}
	ins := n.Inputs()
	if len(ins) == 2 {
		return b.join(n)
	}
	if len(ins) != 1 {
		return nil, bug(n.Base().ID, "a %T with %d inputs", n, len(ins))
	}
	v, err := b.node(ins[0])
	if err != nil {
		return nil, err
	}
	if v.branchOf != nil && !branches(n) {
		v = b.cut(v, ins[0], n.Base().ID+"-in", edgeForward, nil, v.parallelism)
	}
	v.nodes = append(v.nodes, n)
	return v, nil
}

// branch begins a pipeline in the tasks of v, which ends with n and feeds several.
func branch(n physical.Node, v *vertex) *vertex {
	w := &vertex{id: fmt.Sprintf("%s branch %d", n.Base().ID, len(v.branches)+1), parallelism: v.parallelism, branchOf: v}
	v.branches = append(v.branches, w)
	return w
}

// host is the pipeline in whose tasks v runs.
func (v *vertex) host() *vertex {
	for v.branchOf != nil {
		v = v.branchOf
	}
	return v
}

// branches reports an operator that may run in the tasks of another pipeline, beside others.
func branches(n physical.Node) bool {
	switch n.(type) {
	case *physical.Calc, *physical.LocalAggregate, *physical.WindowTVF, *physical.Expand, *physical.Unnest:
		return true
	}
	return false
}

func (b *builder) exchange(n *physical.Exchange) (*vertex, error) {
	from, err := b.node(n.Input)
	if err != nil {
		return nil, err
	}
	p, mode := 1, edgeSingle
	if len(n.Keys) > 0 {
		p, mode = min(b.parallelism, b.groups), edgeHash
	}
	if p == 1 && from.parallelism == 1 && from.branchOf == nil {
		if _, local := n.Input.(*physical.LocalAggregate); local {
			from.nodes = from.nodes[:len(from.nodes)-1] // saves nothing where no row is sent
		}
		return from, nil // both sides are one subtask: no cut
	}
	return b.cut(from, n.Input, n.ID, mode, n.Keys, p), nil
}

// join begins a pipeline with an operator of two inputs.
func (b *builder) join(n physical.Node) (*vertex, error) {
	type side struct {
		v    *vertex
		in   physical.Node
		keys []int
		cut  bool // there is an exchange; otherwise the rows are where they must be already
	}
	var sides [2]side
	p := 1
	for i, in := range n.Inputs() {
		s := side{in: in}
		if x, ok := in.(*physical.Exchange); ok {
			s.in, s.keys, s.cut = x.Input, x.Keys, true
		}
		v, err := b.node(s.in)
		if err != nil {
			return nil, err
		}
		s.v = v
		switch {
		case !s.cut:
			p = max(p, v.parallelism)
		case len(s.keys) > 0:
			p = max(p, min(b.parallelism, b.groups))
		}
		sides[i] = s
	}
	j := b.vertex(n.Base().ID, p)
	for i, s := range sides {
		mode := edgeForward
		switch {
		case p == 1:
			mode = edgeSingle
		case s.cut && len(s.keys) > 0:
			mode = edgeHash
		case s.cut || s.v.parallelism != p:
			return nil, bug(n.Base().ID, "an input of %d subtasks that is not spread by its keys over %d", s.v.parallelism, p)
		}
		b.connect(s.v, j, s.in, mode, s.keys).input = i
	}
	j.nodes = append(j.nodes, n)
	return j, nil
}

// keyed reports that all rows of a pipeline are where the hash of their keys sends them.
func (v *vertex) keyed() bool {
	v = v.host()
	for _, e := range v.in {
		if e.mode != edgeHash && !(e.mode == edgeForward && e.from.keyed()) {
			return false
		}
	}
	return len(v.in) > 0
}

func (b *builder) union(n *physical.Union) (*vertex, error) {
	var ins []*vertex
	p, same := 0, true
	for _, in := range n.Ins {
		v, err := b.node(in)
		if err != nil {
			return nil, err
		}
		same = same && (p == 0 || v.parallelism == p)
		p = max(p, v.parallelism)
		ins = append(ins, v)
	}
	if len(ins) == 1 {
		return ins[0], nil
	}
	mode := edgeForward
	if !same {
		mode = edgeRebalance
		if n.Changelog.Mode != catalog.InsertOnly {
			// The changes of a row must not overtake one another on different ways.
			mode, p = edgeSingle, 1
		}
	}
	u := b.vertex(n.ID, p)
	for i, v := range ins {
		m := mode
		if m == edgeRebalance && v.parallelism == p {
			m = edgeForward
		}
		b.connect(v, u, n.Ins[i], m, nil)
	}
	return u, nil
}

func (b *builder) sink(n *physical.Sink) (*vertex, error) {
	v, err := b.node(n.Input)
	if err != nil {
		return nil, err
	}
	if n.Parallelism != 0 && n.Parallelism != v.parallelism {
		mode, keys := edgeRebalance, []int(nil)
		switch {
		case n.Parallelism == 1:
			mode = edgeSingle
		case n.Input.Base().Changelog.Mode == catalog.InsertOnly && len(n.Key) == 0:
		case len(n.Key) > 0:
			mode, keys = edgeHash, n.Key
		default: // equal rows stay in order
			mode = edgeHash
			keys = scalar.FirstColumns(len(n.Input.Base().Columns))
		}
		v = b.cut(v, n.Input, n.ID+"-in", mode, keys, n.Parallelism)
	}
	if v.branchOf != nil {
		v = b.cut(v, n.Input, n.ID+"-in", edgeForward, nil, v.parallelism)
	}
	v.nodes = append(v.nodes, n)
	return v, nil
}

// stateful reports whether a node keeps keyed state.
func stateful(n physical.Node) bool {
	switch n := n.(type) {
	case *physical.LookupJoin:
		return n.Stateful()
	case *physical.WindowAggregate, *physical.GroupAggregate, *physical.ChangelogNormalize, *physical.UpsertMaterialize, *physical.ResolveConflicts,
		*physical.Join, *physical.IntervalJoin, *physical.TemporalJoin, *physical.Over, *physical.SortedOver, *physical.FinalOver, *physical.Sort, *physical.Final, *physical.Rank, *physical.Deduplicate,
		*physical.SessionTVF, *physical.WindowRank, *physical.WindowJoin, *physical.Match:
		return true
	}
	return false
}

// checkPlan refuses a plan whose ids are not unique: two operators would share their state.
func checkPlan(job *physical.Job) error {
	seen := map[string]bool{}
	for n := range job.Nodes() {
		switch id := n.Base().ID; {
		case id == "":
			return bug(fmt.Sprintf("%T", n), "a plan node without an id")
		case seen[id]:
			return bug(id, "two plan nodes with this id")
		default:
			seen[id] = true
		}
	}
	if len(job.Sinks) == 0 {
		return bug(job.Name, "a job without a sink")
	}
	return nil
}

// String draws the graph, for logs at debug level and tests: a line for each pipeline.
func (g *graph) String() string {
	var s strings.Builder
	for _, v := range g.vertices {
		fmt.Fprintf(&s, "%s x%d:", v.id, v.parallelism)
		for _, e := range v.in {
			fmt.Fprintf(&s, " <-%s- %s", e.mode, e.from.id)
		}
		if v.source != nil {
			s.WriteString(" source")
		}
		v.kinds(&s)
		s.WriteByte('\n')
	}
	return s.String()
}

// kinds writes what a pipeline is made of, with its branches.
func (v *vertex) kinds(s *strings.Builder) {
	for _, n := range v.nodes {
		fmt.Fprintf(s, " %s", strings.TrimPrefix(fmt.Sprintf("%T", n), "*physical."))
	}
	for _, b := range v.branches {
		s.WriteString(" [" + b.id + ":")
		b.kinds(s)
		s.WriteByte(']')
	}
}
