package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"

	"weir/planner/config"
	"weir/planner/physical"
)

// flinkNode is an operator in the JSON of Flink's execution plans, which its plan visualizers read.
type flinkNode struct {
	ID           int         `json:"id"`
	Type         string      `json:"type"`
	Pact         string      `json:"pact"`
	Contents     string      `json:"contents"`
	Parallelism  int         `json:"parallelism"`
	Predecessors []flinkEdge `json:"predecessors,omitempty"`
}

type flinkEdge struct {
	ID       int    `json:"id"`
	Strategy string `json:"ship_strategy"`
	Side     string `json:"side"`
}

// flinkJSON is the plan in the JSON form of Flink's execution plans: exchanges are how an edge ships its rows.
func flinkJSON(job *physical.Job) string {
	nodes := []flinkNode{}
	parallelism := runtime.GOMAXPROCS(0) // what a job that does not say gets
	if job.Config != nil && job.Config.Int(config.Parallelism) > 0 {
		parallelism = job.Config.Int(config.Parallelism)
	}
	added := map[physical.Node]int{}
	var add func(n physical.Node) int
	add = func(n physical.Node) int {
		if id := added[n]; id > 0 {
			return id
		}
		f := flinkNode{Type: Kind(n), Pact: "Operator", Contents: line(n), Parallelism: parallelism}
		switch n := n.(type) {
		case *physical.Scan:
			f.Type, f.Pact = "Source: "+n.Table.Name, "Data Source"
			if n.Parallelism > 0 {
				f.Parallelism = n.Parallelism
			}
		case *physical.Values:
			f.Type, f.Pact, f.Parallelism = "Source: VALUES", "Data Source", 1
		case *physical.Sink:
			f.Type, f.Pact = "Sink: "+n.Table.Name, "Data Sink"
			if n.Parallelism > 0 {
				f.Parallelism = n.Parallelism
			}
		}
		for _, in := range n.Inputs() {
			e := flinkEdge{Strategy: "FORWARD", Side: "second"}
			if x, ok := in.(*physical.Exchange); ok {
				e.Strategy, in = "HASH", x.Input
				if len(x.Keys) == 0 {
					e.Strategy, f.Parallelism = "GLOBAL", 1
				}
			}
			e.ID = add(in)
			f.Predecessors = append(f.Predecessors, e)
		}
		f.ID = len(nodes) + 1
		added[n] = f.ID
		nodes = append(nodes, f)
		return f.ID
	}
	for _, s := range job.Sinks {
		add(s)
	}
	return encode(struct {
		Nodes []flinkNode `json:"nodes"`
	}{nodes})
}

// encode is v as indented JSON with a new line.
func encode(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("explain: %v", err)) // structs of strings and numbers: cannot happen
	}
	return b.String()
}
