package repl

import (
	"fmt"
	"time"

	"weir/exec"
	"weir/exec/runtime"
	"weir/planner/physical"
)

// why says, as far as the counters of its operators tell, why a query has shown no row: where on the way from the sources the rows end,
// and what to do; "" when the counters do not tell.
func why(j *physical.Job, st runtime.Status) string {
	counters := map[string]runtime.OperatorStatus{}
	for _, o := range st.Operators {
		counters[o.ID] = o
	}
	for n := range j.Nodes() { // inputs first: what never came there is the cause
		if text := whyAt(n, counters); text != "" {
			return text
		}
	}
	return ""
}

// whyAt is what n has to say about it; empty if nothing.
func whyAt(n physical.Node, counters map[string]runtime.OperatorStatus) string {
	o, ok := counters[n.Base().ID]
	if !ok {
		return ""
	}
	switch n := n.(type) {
	case *physical.Scan:
		if o.Rows.In > 0 {
			return ""
		}
		text := fmt.Sprintf("nothing has been read from %s", n.Table.Name)
		if topic, ok := n.Table.Options.Get("topic"); ok {
			text += fmt.Sprintf(": DESCRIBE TOPIC '%s' shows what is there, and 'scan.startup.mode' says where reading starts", topic)
		}
		return text
	case *physical.Calc:
		if n.Filter != nil && o.Rows.In > 0 && o.Rows.Out == 0 {
			return fmt.Sprintf("%s came, and the condition has let none through", plural(int(o.Rows.In), "row"))
		}
	case *physical.WindowAggregate:
		if o.Rows.In == 0 || o.Rows.Out > 0 {
			return ""
		}
		came := plural(int(o.Rows.In), "row") + " came into windows"
		switch {
		case o.Rows.Late == o.Rows.In:
			return plural(int(o.Rows.In), "row") + " came, all too late: their windows were out already. Let the watermark of the table wait longer"
		case o.Watermark == exec.MinWatermark:
			return came + ", but there is no watermark that could close one: a partition without records holds it back. " +
				"SET 'table.exec.source.idle-timeout' = '5 s' leaves such partitions out"
		}
		return fmt.Sprintf("%s, and the watermark is at %s: a window is shown when the watermark has passed its end, which takes newer records",
			came, time.UnixMicro(int64(o.Watermark)).UTC().Format("2006-01-02 15:04:05.000"))
	}
	return ""
}
