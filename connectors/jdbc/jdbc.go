// Package jdbc is the connector "jdbc": tables of PostgreSQL, MySQL and SQLite, by Go's drivers, under the options that Flink's connector of this name
// has. A table is looked up by key, the keys of many rows in one request, read once from its beginning to its end, or written: at least once, or exactly once in
// transactions of the database that carry the marker of their epoch.
package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"weir/exec"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
)

// Connector is the connector for an exec.Registry.
func Connector() exec.Connector {
	return exec.Connector{
		Name: "jdbc",
		Source: func(s *physical.Scan, _ *config.Config, _ *slog.Logger) (exec.SourceSpec, error) {
			return newSource(s)
		},
		Lookup: func(n *physical.LookupJoin, _ *config.Config, log *slog.Logger) (exec.LookupSpec, error) {
			return newLookup(n, log)
		},
		Sink: func(s *physical.Sink, cfg *config.Config, log *slog.Logger) (exec.SinkSpec, error) {
			return newSink(s, cfg, log)
		},
	}
}

// table is a table of a database, with the columns that are read of it.
type table struct {
	name    string // in the job
	remote  string // quoted
	db      *sql.DB
	d       *dialect
	columns []physical.Column
	retries time.Duration // for how long a connection is tried
}

func newTable(t *catalog.Table, columns []physical.Column, connections int) (*table, error) {
	get := func(key string) string { v, _ := t.Options.Get(key); return v }
	db, d, err := open(get("url"), get("username"), get("password"))
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(time.Minute)
	x := &table{name: t.Name, remote: d.table(strings.TrimSpace(get("table-name"))), db: db, d: d, columns: columns, retries: time.Minute}
	if v := get("connection.max-retry-timeout"); v != "" {
		if x.retries, err = config.ParseDuration(v); err != nil {
			return nil, fmt.Errorf("table %s: 'connection.max-retry-timeout': %w", t.Name, err)
		}
	}
	return x, nil
}

// list is the columns that are read.
func (t *table) list() string {
	s := make([]string, len(t.columns))
	for i, c := range t.columns {
		s[i] = t.d.name(c.Name)
	}
	return strings.Join(s, ", ")
}

// connect tries to reach the database for as long as the table says.
func (t *table) connect(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, t.retries)
	defer cancel()
	pause := 200 * time.Millisecond
	for {
		err := t.db.PingContext(wait)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if permanent(err) {
			return exec.Fatalf("see 'url', 'username' and 'password' of table "+t.name, "connect to "+t.d.kind+" for table "+t.name, err)
		}
		select {
		case <-wait.Done():
			return exec.Restartf("see that the database is up, and 'url' of table "+t.name, "connect to "+t.d.kind+" for table "+t.name, err)
		case <-time.After(pause):
			pause = min(2*pause, 5*time.Second)
		}
	}
}

// check connects, and looks whether table and columns are there.
func (t *table) check(ctx context.Context) error {
	if err := t.connect(ctx); err != nil {
		return err
	}
	rows, err := t.db.QueryContext(ctx, "SELECT "+t.list()+" FROM "+t.remote+" WHERE 1 = 0")
	if err == nil {
		err = errors.Join(rows.Err(), rows.Close())
	}
	if err != nil && ctx.Err() == nil {
		return exec.Fatalf("see 'table-name' of table "+t.name+", its columns, and what its user may read", "look at table "+t.name, err)
	}
	return err
}

// scan reads the rows of r into out until there are no more, or most of them.
func (t *table) scan(r *sql.Rows, out *batch.Batch, most int) (more bool, err error) {
	values := make([]any, len(t.columns))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	for out.N < most {
		if !r.Next() {
			return false, r.Err()
		}
		if err := r.Scan(into...); err != nil {
			return false, err
		}
		for c, x := range values {
			if err := appendValue(out.Cols[c], x); err != nil {
				return false, exec.Fatalf("declare the column as what the database has, or correct the value", fmt.Sprintf("read column %s of table %s", t.columns[c].Name, t.name), err)
			}
		}
		out.N++
	}
	return true, nil
}

// where appends "column = parameter" for one key.
func (t *table) where(b *strings.Builder, keys []int, n int) {
	for i, k := range keys {
		if i > 0 {
			b.WriteString(" AND ")
		}
		b.WriteString(t.d.name(t.columns[k].Name) + " = " + t.d.param(n+i))
	}
}

func number(t *catalog.Table, key string, def int) int {
	v, ok := t.Options.Get(key)
	if !ok {
		return def
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil {
		return def // reported by the check of options
	}
	return n
}

func (t *table) close() error {
	if err := t.db.Close(); err != nil {
		return fmt.Errorf("close %s of table %s: %w", t.d.kind, t.name, err)
	}
	return nil
}
