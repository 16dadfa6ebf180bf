package jdbc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/physical"
)

// mostParameters is how many parameters one request has at most; every database takes as many.
const mostParameters = 1024

// lookupSpec is a table that is asked for rows. Its subtasks share the connections.
type lookupSpec struct {
	*table
	keys  []int // of columns
	tries int   // how often a request is made again
	log   *slog.Logger
}

func newLookup(n *physical.LookupJoin, log *slog.Logger) (*lookupSpec, error) {
	l := &n.Lookup
	t, err := newTable(l.Table, l.Columns, 8)
	if err != nil {
		return nil, err
	}
	return &lookupSpec{table: t, keys: l.Keys, tries: number(l.Table, "lookup.max-retries", 3), log: log}, nil
}

func (s *lookupSpec) Lookup(ctx *exec.TaskContext) (exec.Lookup, error) {
	if err := s.check(ctx.Ctx); err != nil {
		return nil, err
	}
	return &lookup{s}, nil
}

func (s *lookupSpec) Close() error { return s.close() }

type lookup struct{ *lookupSpec }

func (l *lookup) Limits() exec.LookupLimits {
	return exec.LookupLimits{Keys: l.most(), Calls: l.d.calls}
}

// most is how many keys one request has at most.
func (l *lookup) most() int { return max(1, mostParameters/len(l.keys)) }

// Close leaves the connections to the other subtasks.
func (l *lookup) Close() error { return nil }

func (l *lookup) Find(ctx context.Context, keys, out *batch.Batch) error {
	args := l.parameters(keys)
	if len(args) == 0 {
		return nil
	}
	query := l.query(len(args) / len(l.keys))
	for try := 0; ; try++ {
		out.Reset()
		err := l.ask(ctx, query, args, out)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, exec.ErrFatal):
			return err
		case permanent(err):
			return exec.Fatalf("see what the user of table "+l.name+" may read", "look rows of table "+l.name+" up", err)
		case try >= l.tries:
			return exec.Restartf("see that the database is up; 'lookup.max-retries' is how often a request is made again", "look rows of table "+l.name+" up",
				fmt.Errorf("%w (after %d requests)", err, try+1))
		}
		l.log.Warn("the database did not answer, the request is made again", "table", l.name, "error", err, "try", try+1)
		select {
		case <-time.After(time.Duration(try+1) * time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *lookup) ask(ctx context.Context, query string, args []any, out *batch.Batch) (err error) {
	rows, err := l.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := rows.Close(); err == nil {
			err = cerr
		}
	}()
	for {
		more, err := l.scan(rows, out, out.N+batch.TargetRows)
		if err != nil || !more {
			return err
		}
	}
}

// parameters is the keys, one after the other; those that no row can have are left out. The number of keys is filled up to a power of
// two, with the last one: the database then sees few different requests, and knows them again.
func (l *lookup) parameters(keys *batch.Batch) []any {
	var args []any
	n := 0
	for i := range keys.N {
		at := len(args)
		for c, k := range l.keys {
			x, ok := l.d.parameter(keys.Cols[c], i, l.columns[k].Type)
			if !ok {
				args = args[:at]
				break
			}
			args = append(args, x)
		}
		if len(args) > at {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	want := 1
	for want < n {
		want *= 2
	}
	last := args[len(args)-len(l.keys):]
	for ; n < min(want, l.most()); n++ {
		args = append(args, last...)
	}
	return args
}

// query asks for the rows of n keys.
func (l *lookup) query(n int) string {
	var b strings.Builder
	b.WriteString("SELECT " + l.list() + " FROM " + l.remote + " WHERE ")
	if len(l.keys) == 1 && n > 1 {
		b.WriteString(l.d.name(l.columns[l.keys[0]].Name) + " IN (")
		for i := range n {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(l.d.param(i + 1))
		}
		b.WriteByte(')')
		return b.String()
	}
	for i := range n {
		if i > 0 {
			b.WriteString(" OR ")
		}
		if n > 1 {
			b.WriteByte('(')
		}
		l.where(&b, l.keys, i*len(l.keys)+1)
		if n > 1 {
			b.WriteByte(')')
		}
	}
	return b.String()
}

var (
	_ exec.LookupSpec = (*lookupSpec)(nil)
	_ exec.Lookup     = (*lookup)(nil)
)
