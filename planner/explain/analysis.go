package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// barWidth is the cells of a bar of shares.
const barWidth = 10

// Analysis prints plans with what their operators did while they ran, which took so long. verbose adds a line for each subtask.
// An operator that did nothing by itself, as an exchange between two subtasks of one, has no numbers.
func Analysis(p *Plan, took time.Duration, verbose bool) string {
	rows := [][]string{{"operator", "rows in", "rows out", "batches", "busy", "share", "", "state"}}
	byID := map[string]*Operator{}
	for i := range p.Operators {
		byID[p.Operators[i].ID] = &p.Operators[i]
	}
	drawn := map[*Operator]bool{} // what several read is drawn once
	var walk func(o *Operator, first, rest string)
	walk = func(o *Operator, first, rest string) {
		if drawn[o] {
			rows = append(rows, append([]string{first + o.Kind + "(the one above)"}, numbers(nil)...))
			return
		}
		drawn[o] = true
		rows = append(rows, append([]string{first + title(o)}, numbers(o.Measured)...))
		if m := o.Measured; m != nil && verbose && len(m.Subtasks) > 1 {
			for i, s := range m.Subtasks {
				under := rest
				if len(o.Inputs) > 0 {
					under += "│ "
				} else {
					under += "  "
				}
				share := 0.0
				if m.BusyNanos > 0 {
					share = m.Share * float64(s.BusyNanos) / float64(m.BusyNanos)
				}
				rows = append(rows, []string{fmt.Sprintf("%ssubtask %d", under, i), grouped(s.RowsIn), grouped(s.RowsOut), grouped(s.Batches),
					duration(s.BusyNanos), bar(share), percent(share), ""})
			}
		}
		for i, id := range o.Inputs {
			if i == len(o.Inputs)-1 {
				walk(byID[id], rest+"└─ ", rest+"   ")
			} else {
				walk(byID[id], rest+"├─ ", rest+"│  ")
			}
		}
	}
	for _, id := range p.Sinks {
		walk(byID[id], "", "")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "job %s  ran %s\n", p.Job, duration(took.Nanoseconds()))
	writeTable(&b, rows)
	for _, o := range p.Operators {
		if m := o.Measured; m != nil && m.Late > 0 {
			fmt.Fprintf(&b, "%s dropped %s rows that came behind the watermark\n", o.ID, grouped(m.Late))
		}
		if m := o.Measured; m != nil && m.Silent > 0 {
			fmt.Fprintf(&b, "%s: %d of %d splits idle, not waited for\n", o.ID, m.Silent, m.Splits)
		}
		if m := o.Measured; m != nil && m.Paused > 0 {
			fmt.Fprintf(&b, "%s: %d of %d splits waiting for their alignment group\n", o.ID, m.Paused, m.Splits)
		}
		if m := o.Measured; m != nil && m.Skipped > 0 {
			fmt.Fprintf(&b, "%s skipped %s records that could not be read\n", o.ID, grouped(m.Skipped))
		}
	}
	return b.String()
}

// title is an operator in few words.
func title(o *Operator) string {
	t := o.Kind
	if len(o.Args) > 0 {
		t += " " + o.Args[0]
	}
	if o.Measured != nil && o.Measured.Parallelism > 1 {
		t += fmt.Sprintf(" x%d", o.Measured.Parallelism)
	}
	return runewidth.Truncate(t, 60, "...")
}

func numbers(m *Measured) []string {
	if m == nil {
		return []string{"", "", "", "", "", "", ""}
	}
	state := ""
	if m.StateBytes > 0 {
		state = size(m.StateBytes)
	}
	return []string{grouped(m.RowsIn), grouped(m.RowsOut), grouped(m.Batches), duration(m.BusyNanos), bar(m.Share), percent(m.Share), state}
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

func bar(share float64) string {
	n := int(share*barWidth + 0.5)
	return strings.Repeat("█", n) + strings.Repeat("░", barWidth-n)
}

// grouped is n with commas between thousands.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func size(n int64) string {
	f, unit := float64(n), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, u
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// writeTable writes rows whose first column is flush left and whose others are flush right.
func writeTable(b *strings.Builder, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], runewidth.StringWidth(c))
		}
	}
	for _, r := range rows {
		line := runewidth.FillRight(r[0], width[0])
		for i, c := range r[1:] {
			line += "  " + runewidth.FillLeft(c, width[i+1])
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// Shares makes the shares of p's operators of what they measured.
func (p *Plan) Shares() {
	var sum int64
	for i := range p.Operators {
		if m := p.Operators[i].Measured; m != nil {
			sum += m.BusyNanos
		}
	}
	for i := range p.Operators {
		if m := p.Operators[i].Measured; m != nil && sum > 0 {
			m.Share = float64(m.BusyNanos) / float64(sum)
		}
	}
}
