package cli

import (
	"weir/planner/catalog"
	"weir/planner/physical"
)

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
	for _, j := range jobs {
		for n := range j.Nodes() {
			switch n := n.(type) {
			case *physical.Scan:
				add(n.Table)
			case *physical.Sink:
				add(n.Table)
			}
		}
	}
	return out
}
