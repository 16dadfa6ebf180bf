package runtime

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/exec"
	"weir/planner/physical"
)

// pauses is a reader that knows which of its splits are paused, and nothing else.
type pauses struct {
	exec.SourceReader
	calls []string
}

func (p *pauses) Pause(split int, paused bool) error {
	word := "resume"
	if paused {
		word = "pause"
	}
	p.calls = append(p.calls, fmt.Sprintf("%s %d", word, split))
	return nil
}

// TestAlignment runs testdata/alignment: subtasks of one group by their number. The command has a drift for each, in microseconds, and how
// often splits are let go on, in milliseconds. A line is "<subtask> add", "<subtask> rows <split>:<time> ...", "<subtask> wait <ms>" (until
// splits are idle), "<subtask> done <split>", "<subtask> leave"; or "clock <ms>", which is how late it is. Behind each, all subtasks look at the
// group; what they do is the result.
func TestAlignment(t *testing.T) {
	datadriven.Walk(t, "testdata/alignment", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			number := func(s string) int64 {
				n, err := strconv.ParseInt(s, 10, 64)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				return n
			}
			idle, every := 0, 0
			d.MaybeScanArgs(t, "idle", &idle)
			d.MaybeScanArgs(t, "every", &every)
			g := &alignGroup{}
			var members []*alignment
			var progresses []*progress
			for _, a := range d.CmdArgs {
				if a.Key != "drift" {
					continue
				}
				for _, v := range a.Vals {
					members = append(members, g.join(&physical.Alignment{MaxDrift: time.Duration(number(v)) * time.Microsecond, Every: time.Duration(every) * time.Millisecond}))
					progresses = append(progresses, &progress{table: "t", column: "ts", current: exec.MinWatermark, expr: column(0), rowTime: column(0),
						timeout: time.Duration(idle) * time.Millisecond, locate: strconv.Itoa})
				}
			}
			now := time.UnixMilli(0)
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				w := strings.Fields(line)
				if w[0] == "clock" {
					now = time.UnixMilli(number(w[1]))
				} else {
					m := number(w[0])
					p := progresses[m]
					switch w[1] {
					case "add":
						p.add(exec.MinWatermark)
					case "rows":
						if err := p.rows(parseRows(t, w[2:])); err != nil {
							d.Fatalf(t, "%v", err)
						}
					case "wait":
						p.wait(time.Duration(number(w[2])) * time.Millisecond)
					case "done":
						p.splits[number(w[2])].done = true
					case "leave":
						members[m].leave()
						members[m] = nil
					}
				}
				for i, m := range members {
					m.report(progresses[i])
				}
				var did []string
				for i, m := range members {
					if m == nil {
						continue
					}
					r := &pauses{}
					if err := m.align(progresses[i], r, now); err != nil {
						d.Fatalf(t, "%v", err)
					}
					for _, c := range r.calls {
						did = append(did, fmt.Sprintf("%d %s", i, c))
					}
				}
				if did == nil {
					did = []string{"-"}
				}
				fmt.Fprintf(&out, "%s: %s\n", strings.TrimSpace(line), strings.Join(did, ", "))
			}
			return out.String()
		})
	})
}
