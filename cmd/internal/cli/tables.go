package cli

import (
	"weir/planner/catalog"
	"weir/planner/physical"
)

// kafkaTables is the tables of kafka and upsert-kafka that the jobs read or write.
func kafkaTables(jobs []*physical.Job) []*catalog.Table {
	var out []*catalog.Table
	seen := map[*catalog.Table]bool{}
	add := func(t *catalog.Table) {
		if (t.Connector == "kafka" || t.Connector == "upsert-kafka") && !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	var walk func(physical.Node)
	walk = func(n physical.Node) {
		switch n := n.(type) {
		case *physical.Scan:
			add(n.Table)
		case *physical.Sink:
			add(n.Table)
		}
		for _, in := range n.Inputs() {
			walk(in)
		}
	}
	for _, j := range jobs {
		for _, s := range j.Sinks {
			walk(s)
		}
	}
	return out
}
