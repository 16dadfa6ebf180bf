package fuzz

import (
	"fmt"
	"strings"
)

type class int

const (
	whole class = iota
	text
	approx
	exact
	boolean
	date
	clock
	moment
	instant
	// Those with values in them; see nested.
	list
	rows
	row
	dict
)

type typ struct {
	name  string
	class class
}

var (
	tInt     = typ{"INT", whole}
	tBigint  = typ{"BIGINT", whole}
	tString  = typ{"STRING", text}
	tDouble  = typ{"DOUBLE", approx}
	tDecimal = typ{"DECIMAL(10, 2)", exact}
	tBoolean = typ{"BOOLEAN", boolean}
	tTime    = typ{"TIMESTAMP(3)", moment}
	tInstant = typ{"TIMESTAMP_LTZ(3)", instant}

	scalars = []typ{tInt, tString, tBigint, tDouble, tDecimal, tBoolean, {"SMALLINT", whole}, {"TINYINT", whole}, {"FLOAT", approx},
		{"VARCHAR(5)", text}, {"DATE", date}, {"TIME(0)", clock}, tTime, tInstant}
	keys = []typ{tString, tInt, tBigint, {"DATE", date}, tDecimal}
)

// value is a value of a type as a rows block has it. There are few, so that rows meet.
func (t typ) value(c *Choices) string {
	if t.class >= list {
		return t.nestedValue(c)
	}
	switch t.class {
	case whole:
		return pick(c, []string{"1", "2", "3", "0", "5", "-4", "7", "100"})
	case text:
		return pick(c, []string{"a", "b", "c", "ab", "aB", "", "Cd"})
	case approx:
		return pick(c, []string{"1", "0.5", "2", "-1.5", "8", "0"})
	case exact:
		return pick(c, []string{"1", "0.50", "2.25", "-3", "10"})
	case boolean:
		return pick(c, []string{"false", "true"})
	case date:
		return pick(c, []string{"2026-01-01", "2026-01-02", "2025-12-31"})
	case clock:
		return pick(c, []string{"10:00:00", "00:00:01", "23:59:59"})
	default:
		return pick(c, []string{"0:05", "0:00", "1:00:00", "0:07.250"})
	}
}

// literal is the same as an expression.
func (t typ) literal(c *Choices) string {
	v := t.value(c)
	switch t.class {
	case text:
		return "'" + v + "'"
	case date:
		return "DATE '" + v + "'"
	case clock:
		return "TIME '" + v + "'"
	case moment:
		return pick(c, []string{"TIMESTAMP '2026-01-01 00:00:05'", "TIMESTAMP '2026-01-01 01:00:00'"})
	case instant:
		return "TO_TIMESTAMP_LTZ(1767225605000, 3)"
	case boolean:
		return strings.ToUpper(v)
	}
	if t == tInt {
		return v
	}
	return "CAST(" + v + " AS " + t.name + ")"
}

type column struct {
	name string
	typ
	time bool // a row time that has a watermark
}

type table struct {
	name    string
	columns []column
	changes string // insert, retract, upsert
	keyed   bool   // no k is NULL: Flink's temporal join finds NULL for NULL
	delay   int    // of its watermark, seconds; there is one where it has a row time
}

// timed reports whether the table has a row time, which is its last column then.
func (t *table) timed() bool { return t.columns[len(t.columns)-1].time }

// as makes a table of these changes with a row time, whatever it was; only before it is read.
func (t *table) as(changes string) {
	t.changes = changes
	if !t.timed() {
		t.columns = append(t.columns, column{name: "ts", typ: tTime, time: true})
	}
}

func (g *generator) table(i int) *table {
	c := g.c
	t := &table{name: fmt.Sprintf("t%d", i), changes: weighted(c, []choice[string]{{6, "insert"}, {2, "retract"}, {2, "upsert"}})}
	t.columns = append(t.columns, column{name: "k", typ: g.key})
	for n := range 1 + c.n(3) {
		t.columns = append(t.columns, column{name: fmt.Sprintf("v%d", n), typ: pick(c, scalars)})
	}
	if c.chance(30) {
		t.columns = append(t.columns, column{name: "deep", typ: pick(c, []typ{tList, tRows, tRow, tMap})})
	}
	if t.changes == "insert" || c.chance(40) {
		t.delay = pick(c, []int{0, 2, 5})
		ts := column{name: "ts", typ: tTime, time: true}
		if c.chance(15) {
			ts.typ = tInstant
		}
		t.columns = append(t.columns, ts)
	}
	return t
}

func (t *table) String() string {
	var parts []string
	for _, c := range t.columns {
		parts = append(parts, c.name+" "+c.typ.name)
		if c.time {
			parts = append(parts, fmt.Sprintf("WATERMARK FOR ts AS ts - INTERVAL '%d' SECOND", t.delay))
		}
	}
	if t.changes == "upsert" {
		parts = append(parts, "PRIMARY KEY (k) NOT ENFORCED")
	}
	return fmt.Sprintf("CREATE TABLE %s (%s) WITH ('connector' = 'memory', 'changes' = '%s');", t.name, strings.Join(parts, ", "), t.changes)
}

// rows gives the tables their rows: changes of what is there, and times that go on with some disorder.
func (g *generator) rows() []string {
	c := g.c
	now := 1
	live := map[*table][][]string{}
	var out []string
	line := func(t *table, kind string, row []string) {
		head := t.name
		if kind != "+I" {
			head += " " + kind
		}
		out = append(out, head+" | "+strings.Join(row, " | "))
	}
	for len(out) < 24 && c.n(16) > 0 { // 0 ends
		t := pick(c, g.tables)
		if t.timed() && c.chance(4) {
			out = append(out, fmt.Sprintf("%s watermark %d:%02d", t.name, now/60, now%60))
			continue
		}
		row := make([]string, len(t.columns))
		for i, col := range t.columns {
			switch {
			case col.time:
				if now += pick(c, []int{1, 0, 2, 4, 11}); c.chance(2) {
					now += 60
				}
				back := pick(c, []int{0, 0, 0, 1, 3, 7, 15})
				switch {
				case g.ahead && t.delay == 0:
					now, back = now+1, 0
				case g.ahead:
					back = min(back, t.delay-1)
				case g.inTime:
					back = min(back, t.delay)
				}
				at := max(0, now-back)
				row[i] = fmt.Sprintf("%d:%02d", at/60, at%60)
				if c.chance(8) {
					row[i] += ".500"
				}
			case i > 0 && c.chance(15), i == 0 && t.changes != "upsert" && !t.keyed && c.chance(8):
				row[i] = "NULL"
			default:
				row[i] = col.typ.value(c)
			}
		}
		was := -1
		if n := len(live[t]); n > 0 {
			if t.changes == "upsert" {
				for i, r := range live[t] {
					if r[0] == row[0] {
						was = i
					}
				}
			} else if t.changes == "retract" && c.chance(50) {
				was = c.n(n)
			}
		}
		switch {
		case was < 0:
			line(t, "+I", row)
			live[t] = append(live[t], row)
		case c.chance(40):
			line(t, "-D", live[t][was])
			live[t] = append(live[t][:was:was], live[t][was+1:]...)
		case t.changes == "upsert":
			line(t, "+U", row)
			live[t][was] = row
		default:
			line(t, "-U", live[t][was])
			line(t, "+U", row)
			live[t][was] = row
		}
	}
	return out
}
