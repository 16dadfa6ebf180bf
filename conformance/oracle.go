package conformance

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"weir/conformance/flink"
)

// onFlink runs a case on Flink.
func onFlink(r *flink.Runner, c Case, steps []step) (Outcome, error) {
	f := flink.Case{ID: c.Title, Script: c.Tables + "\n" + c.SQL, Settings: map[string]string{"table.local-time-zone": "UTC"}, End: !c.Open}
	for _, s := range steps {
		st := flink.Step{Table: s.table, Idle: s.Idle}
		switch {
		case s.Row != nil:
			st.Kind, st.Row = s.Kind.String(), s.json
		case !s.Idle:
			ms := s.Watermark / 1000
			st.Watermark = &ms
		}
		f.Steps = append(f.Steps, st)
	}
	return ask(r, f)
}

// ask lets Flink run a case.
func ask(r *flink.Runner, f flink.Case) (Outcome, error) {
	res, err := r.Run(f)
	if err != nil {
		return Outcome{}, err
	}
	if e := res.Error; e != nil {
		why := reason(e.Chain)
		switch e.Phase {
		case "plan":
			return Outcome{Refused: why}, nil
		case "run":
			return Outcome{Failed: why}, nil
		}
		return Outcome{}, fmt.Errorf("%w\n%s", e, e.Trace)
	}
	var o Outcome
	for _, name := range slices.Sorted(maps.Keys(res.Tables)) {
		t := res.Tables[name]
		out := Output{Name: name}
		for i, col := range t.Columns {
			out.Columns = append(out.Columns, col+" "+typeName(t.Types[i]))
		}
		for _, c := range t.Changes {
			row := make([]string, len(c.Row))
			for i, v := range c.Row {
				row[i] = "NULL"
				if v != nil {
					row[i] = shorten(*v)
				}
			}
			out.Changes = append(out.Changes, Change{c.Kind, strings.Join(row, " | ")})
		}
		o.Outputs = append(o.Outputs, out)
	}
	return o, nil
}

// reason is the first line of the innermost cause.
func reason(chain []string) string {
	for i := len(chain) - 1; i >= 0; i-- {
		if line, _, _ := strings.Cut(strings.TrimSpace(chain[i]), "\n"); line != "" {
			return strings.TrimSpace(line)
		}
	}
	return "no reason given"
}

// typeName is a type as both engines' are compared: Flink's STRING is a VARCHAR of the greatest length, and where NOT NULL is derived differs on
// purpose.
func typeName(s string) string {
	s = localZone.ReplaceAllString(s, "TIMESTAMP_LTZ$1")
	return strings.NewReplacer(" NOT NULL", "", "VARCHAR(2147483647)", "STRING", "VARBINARY(2147483647)", "BYTES").Replace(s)
}

var localZone = regexp.MustCompile(`TIMESTAMP(\(\d\)) WITH LOCAL TIME ZONE`)

// shorten leaves the day of all cases out of a time.
func shorten(s string) string { return strings.ReplaceAll(s, day+" ", "") }
