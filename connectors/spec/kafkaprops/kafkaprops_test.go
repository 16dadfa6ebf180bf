package kafkaprops

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/planner/catalog"
)

// Each case is "source", "sink" or "exactly-once" with properties as lines "key = value"; the result is what
// librdkafka gets, then the notes, then what is refused.
func TestProperties(t *testing.T) {
	datadriven.RunTest(t, "testdata/properties", func(t *testing.T, d *datadriven.TestData) string {
		role := map[string]Role{"source": Source, "sink": Sink, "exactly-once": ExactlyOnceSink}[d.Cmd]
		var o catalog.Options
		for line := range strings.SplitSeq(d.Input, "\n") {
			k, v, _ := strings.Cut(line, "=")
			o = append(o, catalog.Option{Key: "properties." + strings.TrimSpace(k), Value: strings.TrimSpace(v)})
		}
		out, notes, problems := Translate(o, role)
		var b strings.Builder
		keys := make([]string, 0, len(out))
		for k := range out {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			fmt.Fprintf(&b, "%s = %s\n", k, out[k])
		}
		for _, n := range notes {
			fmt.Fprintf(&b, "note: %s %s\n", n.Key, n.Text)
		}
		for _, p := range problems {
			fmt.Fprintf(&b, "refused: %v\n", p)
		}
		return b.String()
	})
}
