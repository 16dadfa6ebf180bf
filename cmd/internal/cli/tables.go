package cli

import (
	"weir/planner/catalog"
	"weir/planner/physical"
)

// walk calls f for every node of the jobs' plans.
func walk(jobs []*physical.Job, f func(*physical.Job, physical.Node)) {
	var down func(*physical.Job, physical.Node)
	down = func(j *physical.Job, n physical.Node) {
		f(j, n)
		for _, in := range n.Inputs() {
			down(j, in)
		}
	}
	for _, j := range jobs {
		for _, s := range j.Sinks {
			down(j, s)
		}
	}
}

func isKafka(t *catalog.Table) bool { return t.Connector == "kafka" || t.Connector == "upsert-kafka" }

// kafkaTables is the tables of kafka and upsert-kafka that the jobs read or write.
func kafkaTables(jobs []*physical.Job) []*catalog.Table {
	var out []*catalog.Table
	seen := map[*catalog.Table]bool{}
	add := func(t *catalog.Table) {
		if isKafka(t) && !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	walk(jobs, func(_ *physical.Job, n physical.Node) {
		switch n := n.(type) {
		case *physical.Scan:
			add(n.Table)
		case *physical.Sink:
			add(n.Table)
		}
	})
	return out
}
