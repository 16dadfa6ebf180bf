package runtime

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/exec"
	"weir/state"
)

// TestDecide runs testdata/decide: one situation a line, in words like
//
//	local=5/e<-d previous=4/d recorded marker=4/d checkpoint=4/d accept=4 asked=3/c restored=c no-transactions
//
// where 5/e<-d is epoch 5 with nonce e that continues nonce d. The job id is J unless @X follows.
func TestDecide(t *testing.T) {
	datadriven.Walk(t, "testdata/decide", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "decide" {
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				s, err := parseSituation(line)
				if err != nil {
					d.Fatalf(t, "%s: %v", strings.TrimSpace(line), err)
				}
				a := decide(s)
				fmt.Fprint(&out, a.kind)
				switch a.kind {
				case actRefuse:
					fmt.Fprintf(&out, ": %s", a.reason)
				case actFresh:
				default:
					fmt.Fprintf(&out, " %d/%s", a.from.epoch, a.from.nonce)
				}
				if a.remark {
					out.WriteString(", write its marker")
				}
				out.WriteByte('\n')
			}
			return out.String()
		})
	})
}

func parseSituation(line string) (situation, error) {
	s := situation{transactional: true}
	for _, w := range strings.Fields(line) {
		k, v, _ := strings.Cut(w, "=")
		var h *history
		if strings.Contains(v, "/") {
			var err error
			if h, err = parseHistory(v); err != nil {
				return s, err
			}
		}
		switch k {
		case "local":
			s.local = h
		case "previous":
			s.previous = h
		case "recorded":
			s.recorded = true
		case "marker":
			s.marker = &exec.Marker{Job: h.job, Epoch: h.epoch, Nonce: h.nonce}
		case "checkpoint":
			s.checkpoint = h
		case "acceptable":
			s.acceptable = h
		case "asked":
			s.asked = h
		case "restored":
			s.restored = state.Nonce(v)
		case "no-transactions":
			s.transactional = false
		case "accept":
			n, err := strconv.ParseUint(v, 10, 64)
			if err != nil {
				return s, err
			}
			e := exec.Epoch(n)
			s.accept = &e
		default:
			return s, fmt.Errorf("unknown word %q", w)
		}
	}
	return s, nil
}

func parseHistory(v string) (*history, error) {
	v, job, ok := strings.Cut(v, "@")
	if !ok {
		job = "J"
	}
	v, previous, _ := strings.Cut(v, "<-")
	epoch, nonce, _ := strings.Cut(v, "/")
	n, err := strconv.ParseUint(epoch, 10, 64)
	if err != nil {
		return nil, err
	}
	return &history{job: job, epoch: exec.Epoch(n), nonce: state.Nonce(nonce), previous: state.Nonce(previous)}, nil
}
