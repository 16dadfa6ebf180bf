package explain

import (
	"fmt"
	"strings"
	"time"

	"weir/planner/physical"
)

// Report prints the plan of job for weir explain: the tree, then what makes it update rows, and what it remembers.
// verbose adds the rules that fired.
func Report(job *physical.Job, verbose bool) string {
	var b strings.Builder
	b.WriteString(Text(job, nil))
	p := Describe(job)
	for _, id := range p.Sinks {
		s := p.Operator(id)
		name := strings.TrimSuffix(id, "/sink")
		if name == "collect" { // the table that a query's rows go to
			name = "the result"
		}
		if s.Updating == nil {
			fmt.Fprintf(&b, "\n%s gets each row once: no operator takes back what it has put out\n", name)
			continue
		}
		fmt.Fprintf(&b, "\n%s is updated (%s): %s\n", name, s.Mode, s.Updating.Text)
		if s.Updating.At != "" {
			fmt.Fprintf(&b, "  at %s\n", s.Updating.At)
		}
	}
	state := false
	for _, o := range p.Operators {
		if o.State != nil {
			if !state {
				b.WriteString("\nstate\n")
				state = true
			}
			fmt.Fprintf(&b, "  %s keeps %s\n", o.ID, o.State)
		}
	}
	if verbose {
		b.WriteString("\nrules that fired\n")
		for _, r := range p.Rules {
			fmt.Fprintf(&b, "  %-24s %s", r.Name, r.What)
			if r.At != "" {
				fmt.Fprintf(&b, "  (%s)", r.At)
			}
			b.WriteByte('\n')
		}
		if len(p.Rules) == 0 {
			b.WriteString("  none\n")
		}
	}
	return b.String()
}

// JSON is plans as the document that docs/schema/explain.schema.json describes.
func JSON(plans []*Plan) string {
	if plans == nil {
		plans = []*Plan{}
	}
	return encode(struct {
		Version int     `json:"version"`
		Plans   []*Plan `json:"plans"`
	}{1, plans})
}

// duration is nanoseconds in a unit that keeps three digits.
func duration(nanos int64) string {
	d := time.Duration(nanos)
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
