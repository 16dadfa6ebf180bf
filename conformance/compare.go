package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// Comparison is how closely two outcomes must agree.
type Comparison int

const (
	// Remaining compares what the changes lead to: by primary key where a table has one, else as a bag of rows.
	Remaining Comparison = iota
	// AllChanges compares every change with its kind, in whatever order the keys came.
	AllChanges
	// InOrder compares change by change.
	InOrder
)

// difference says in what two outcomes do not agree; it is empty when they do.
func difference(want, got Outcome, how Comparison) string {
	switch {
	case want.Refused != "" && got.Refused != "", want.Failed != "" && got.Failed != "":
		return "" // each in words of its own
	case want.Refused != got.Refused || want.Failed != got.Failed:
		return shown(want.String(), got.String())
	}
	want = keyed(want, got)
	if how == AllChanges && (halves(want) || halves(got)) {
		want, got = comingAndGoing(want), comingAndGoing(got)
	}
	a, b := seen(want, how), seen(got, how)
	if a == b {
		return ""
	}
	return shown(a, b)
}

func shown(want, got string) string { return fmt.Sprintf("expected:\n%s\nweir:\n%s", want, got) }

// keyed is an outcome whose tables have the keys of those of another: what is written has none.
func keyed(o, of Outcome) Outcome {
	o.Outputs = slices.Clone(o.Outputs)
	for i, t := range o.Outputs {
		for _, k := range of.Outputs {
			if k.Name == t.Name {
				o.Outputs[i].Key = k.Key
			}
		}
	}
	return o
}

// seen is an outcome as it is compared.
func seen(o Outcome, how Comparison) string {
	out := Outcome{Refused: o.Refused, Failed: o.Failed}
	for _, t := range o.Outputs {
		t.Changes = essential(t)
		for i := range t.Changes {
			t.Changes[i].Row = inOrder(t.Changes[i].Row)
		}
		switch how {
		case Remaining:
			t.Changes = remains(t)
			sortChanges(t.Changes)
		case AllChanges:
			sortChanges(t.Changes)
		}
		out.Outputs = append(out.Outputs, t)
	}
	return out.String()
}

// essential leaves out what says nothing: an update to the same values and, in a table that is written by key, -U where another row of the
// key follows. Where none follows it is a deletion.
func essential(t Output) []Change {
	var out []Change
	if t.Key == nil {
		for _, c := range t.Changes {
			n := len(out)
			if n > 0 && out[n-1].Row == c.Row && c.Kind == "+U" && out[n-1].Kind == "-U" {
				out = out[:n-1]
				continue
			}
			out = append(out, c)
		}
		return out
	}
	last := map[string]string{}
	for i, c := range t.Changes {
		key := keyOf(c.Row, t.Key)
		if c.Kind == "-U" {
			next := slices.IndexFunc(t.Changes[i+1:], func(o Change) bool { return keyOf(o.Row, t.Key) == key })
			if next >= 0 && t.Changes[i+1+next].adds() {
				continue
			}
			c.Kind = "-D"
		}
		row, known := last[key]
		if c.Kind == "+U" && known && row == c.Row {
			continue
		}
		delete(last, key)
		if c.adds() {
			last[key] = c.Row
		}
		out = append(out, c)
	}
	return out
}

// inOrder is a row with the entries of its maps and multisets sorted: they have no order of their own.
func inOrder(row string) string {
	from := strings.IndexByte(row, '{')
	if from < 0 {
		return row
	}
	var entries []string
	depth, start := 0, from+1
	for i := from; i < len(row); i++ {
		switch row[i] {
		case '{', '[', '(':
			depth++
			continue
		case '}', ']', ')':
			if depth--; depth > 0 {
				continue
			}
		case ',':
			if depth > 1 {
				continue
			}
		default:
			continue
		}
		entries = append(entries, inOrder(strings.TrimPrefix(row[start:i], " ")))
		start = i + 1
		if depth == 0 {
			slices.Sort(entries)
			return row[:from+1] + strings.Join(entries, ", ") + "}" + inOrder(row[start:])
		}
	}
	return row
}

// halves reports a table that has not as many -U as +U: a semi join hands on the half of an update that passes, and then kinds say no
// more than what comes and what goes.
func halves(o Outcome) bool {
	for _, t := range o.Outputs {
		balance := 0
		for _, c := range t.Changes {
			switch c.Kind {
			case "-U":
				balance--
			case "+U":
				balance++
			}
		}
		if t.Key == nil && balance != 0 {
			return true
		}
	}
	return false
}

// comingAndGoing is an outcome with no other kinds than +I and -D, without rows that go and come again at once.
func comingAndGoing(o Outcome) Outcome {
	o.Outputs = slices.Clone(o.Outputs)
	for i, t := range o.Outputs {
		var out []Change
		for _, c := range t.Changes {
			if n := len(out); c.adds() && n > 0 && out[n-1] == (Change{"-D", c.Row}) {
				out = out[:n-1]
				continue
			}
			out = append(out, Change{map[bool]string{true: "+I", false: "-D"}[c.adds()], c.Row})
		}
		o.Outputs[i].Changes = out
	}
	return o
}

func sortChanges(c []Change) {
	slices.SortFunc(c, func(x, y Change) int {
		return strings.Compare(x.Row+" "+x.Kind, y.Row+" "+y.Kind)
	})
}

// remains is the table that changes lead to. A retraction of what is not there stays as it is, and so makes a difference.
func remains(t Output) []Change {
	var out []Change
	for _, c := range t.Changes {
		if t.Key != nil {
			key := keyOf(c.Row, t.Key)
			out = slices.DeleteFunc(out, func(o Change) bool { return keyOf(o.Row, t.Key) == key })
		} else if !c.adds() {
			if i := slices.Index(out, Change{"+I", c.Row}); i >= 0 {
				out = slices.Delete(out, i, i+1)
			} else {
				out = append(out, c)
			}
		}
		if c.adds() {
			out = append(out, Change{"+I", c.Row})
		}
	}
	return out
}

func keyOf(row string, key []int) string {
	words := strings.Split(row, " | ")
	k := make([]string, len(key))
	for i, at := range key {
		k[i] = words[at]
	}
	return strings.Join(k, " | ")
}
