package jdbc

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/scalar"
	"weir/planner/types"
	"weir/state"
)

// mostRows is how many rows one statement writes at most. Statements are made for powers of two, so that the database sees few different ones.
const mostRows = 256

// target is a table that is written, with its columns in the order of the sink's input.
type target struct {
	*table
	key  []int // of columns, by which rows replace one another; nil: rows are added
	rest []int // the other columns
}

// changes is rows that wait to be written: of a table with a key the last change of each key, in the order of the first.
type changes struct {
	target *target
	rows   []change
	byKey  map[string]int // index into rows
	bytes  int            // what they hold, roughly

	keys state.Keys
}

type change struct {
	remove bool
	args   []any // of all columns, or of the key for a row that is removed
}

func (t *target) changes() *changes {
	c := &changes{target: t}
	if t.key != nil {
		c.byKey = map[string]int{}
	}
	return c
}

// add takes the rows of b. Of a table with a key the old values of updates are passed over.
func (c *changes) add(b *batch.Batch) error {
	t := c.target
	if t.key != nil {
		batch.EncodeUnhashed(b, t.key, &c.keys)
	}
	all := scalar.FirstColumns(len(t.columns))
	for n := range b.Rows() {
		row := b.At(n)
		kind := b.Kind(row)
		if kind == batch.UpdateBefore {
			continue
		}
		ch := change{remove: kind == batch.Delete}
		columns := all
		if ch.remove {
			if columns = t.key; columns == nil {
				return exec.Fatalf("declare a PRIMARY KEY for table "+t.name, "write table "+t.name, fmt.Errorf("a row is to be removed, and the table has no key"))
			}
		}
		ch.args = make([]any, 0, len(columns))
		for _, i := range columns {
			v := b.Cols[i]
			x, ok := t.d.parameter(v, row, types.Type{})
			if !ok {
				return exec.Fatalf("leave the column out, or CAST it to STRING", "write table "+t.name, fmt.Errorf("column %s is %s, which connector 'jdbc' does not write", t.columns[i].Name, v.Type))
			}
			ch.args = append(ch.args, x)
			c.bytes += 32
			if v.Type.IsString() || v.Type.IsBinary() {
				c.bytes += len(v.Bytes(row))
			}
		}
		if t.key == nil {
			c.rows = append(c.rows, ch)
			continue
		}
		k := string(c.keys.At(n))
		if i, ok := c.byKey[k]; ok {
			c.rows[i] = ch
			continue
		}
		c.byKey[k] = len(c.rows)
		c.rows = append(c.rows, ch)
	}
	return nil
}

// execer is a connection, or a transaction on one.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// write executes the changes: rows that go before rows that come, so that one may take the place of another.
func (c *changes) write(ctx context.Context, to execer) error {
	for _, remove := range []bool{true, false} {
		var args [][]any
		for _, ch := range c.rows {
			if ch.remove == remove {
				args = append(args, ch.args)
			}
		}
		statement, width := c.target.insert, len(c.target.columns)
		if remove {
			statement, width = c.target.remove, len(c.target.key)
		}
		most := max(1, min(mostRows, 8*mostParameters/max(1, width)))
		for len(args) > 0 {
			n := 1
			for 2*n <= min(len(args), most) {
				n *= 2
			}
			if _, err := to.ExecContext(ctx, statement(n), slices.Concat(args[:n]...)...); err != nil {
				return err
			}
			args = args[n:]
		}
	}
	return nil
}

// insert is the statement that writes n rows.
func (t *target) insert(n int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + t.remote + " (" + t.list() + ") VALUES ")
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for c := range t.columns {
			if c > 0 {
				b.WriteString(", ")
			}
			b.WriteString(t.d.param(i*len(t.columns) + c + 1))
		}
		b.WriteByte(')')
	}
	if t.key == nil {
		return b.String()
	}
	set := t.rest
	if t.d.kind == "MySQL" {
		if len(set) == 0 {
			set = t.key[:1] // it has no DO NOTHING
		}
		b.WriteString(" ON DUPLICATE KEY UPDATE ")
	} else {
		b.WriteString(" ON CONFLICT (")
		for i, k := range t.key {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(t.d.name(t.columns[k].Name))
		}
		if len(set) == 0 {
			b.WriteString(") DO NOTHING")
			return b.String()
		}
		b.WriteString(") DO UPDATE SET ")
	}
	for i, c := range set {
		if i > 0 {
			b.WriteString(", ")
		}
		name := t.d.name(t.columns[c].Name)
		if t.d.kind == "MySQL" {
			b.WriteString(name + " = VALUES(" + name + ")")
		} else {
			b.WriteString(name + " = excluded." + name)
		}
	}
	return b.String()
}

// remove is the statement that removes the rows of n keys.
func (t *target) remove(n int) string {
	var b strings.Builder
	b.WriteString("DELETE FROM " + t.remote + " WHERE ")
	for i := range n {
		if i > 0 {
			b.WriteString(" OR ")
		}
		b.WriteByte('(')
		t.where(&b, t.key, i*len(t.key)+1)
		b.WriteByte(')')
	}
	return b.String()
}
