package jdbc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/connectors/spec"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/physical"
)

// sink is a table that rows are written to. With a primary key a row replaces the one of its key, without one it is added.
//
// At least once: each writer has a connection of its own; rows go in transactions of the size or age that the table says, and all that have come
// with the flush of an epoch. After a failure the rows since the last epoch are written again: with a primary key that changes nothing in the end.
//
// Exactly once: all writers of the job share the transaction of an epoch, which also carries its marker (committer.go).
type sink struct {
	*target
	rows     int           // that are gathered at most
	interval time.Duration // after which they are written; 0: when there are enough, and with the epoch
	tries    int           // how often a transaction is made again
	commit   *committerSpec
	log      *slog.Logger
}

func newSink(s *physical.Sink, cfg *config.Config, log *slog.Logger) (*sink, error) {
	t := s.Table
	var columns []physical.Column
	in := s.Input.Base().Columns
	for i, f := range s.Fields {
		columns = append(columns, physical.Column{Name: t.Columns[f].Name, Type: in[i].Type})
	}
	x, err := newTable(t, columns, 8)
	if err != nil {
		return nil, err
	}
	k := &sink{target: &target{table: x, key: s.Key}, tries: number(t, "sink.max-retries", 3), rows: number(t, "sink.buffer-flush.max-rows", 100), log: log}
	for i := range columns {
		if !slices.Contains(s.Key, i) {
			k.rest = append(k.rest, i)
		}
	}
	if k.interval, err = config.ParseDuration(option(t, "sink.buffer-flush.interval", "1 s")); err != nil {
		return nil, fmt.Errorf("table %s: 'sink.buffer-flush.interval': %w", t.Name, err)
	}
	if spec.JDBCExactlyOnce(t) {
		k.commit = &committerSpec{table: x, prefix: option(t, "sink.transactional-id-prefix", ""), resource: spec.JDBCDatabase(t)}
	}
	return k, nil
}

func option(t *catalog.Table, key, def string) string {
	if v, ok := t.Options.Get(key); ok {
		return v
	}
	return def
}

// Delivery is what the table asks for.
func (k *sink) Delivery() exec.Delivery {
	if k.commit != nil {
		return exec.ExactlyOnce
	}
	return exec.AtLeastOnce
}

// Transactional is the commit point, nil when the table does not ask for one.
func (k *sink) Transactional() exec.CommitterSpec {
	if k.commit == nil {
		return nil
	}
	return k.commit
}

func (k *sink) Close() error { return k.close() }

// Writer makes the writer of one subtask.
func (k *sink) Writer(ctx *exec.TaskContext, c exec.Committer) (exec.SinkWriter, error) {
	if err := k.writable(ctx.Ctx); err != nil {
		return nil, err
	}
	w := &writer{sink: k, ctx: ctx, gathered: k.changes(), free: make(chan struct{})}
	if k.commit != nil {
		com, ok := c.(*committer)
		if !ok {
			return nil, exec.Fatalf("", "write table "+k.name, fmt.Errorf("an exactly-once table of a database got the committer %T", c))
		}
		w.com = com
	}
	return w, nil
}

// writable connects and has the database look at the table, its columns and its key.
func (k *sink) writable(ctx context.Context) error {
	if k.d.kind == "SQLite" { // it compiles a statement when it is executed
		return k.check(ctx)
	}
	if err := k.connect(ctx); err != nil {
		return err
	}
	st, err := k.db.PrepareContext(ctx, k.insert(1))
	if err == nil {
		err = st.Close()
	}
	if err := k.looked(ctx, err); err != nil || k.d.kind != "MySQL" {
		return err
	}
	return k.mysqlTable(ctx)
}

// looked is the error of looking at the table.
func (k *sink) looked(ctx context.Context, err error) error {
	doing := "look at table " + k.name
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case permanent(err):
		return exec.Fatalf(k.help(err), doing, err)
	}
	return exec.Restartf("see that the database is up", doing, err)
}

// mysqlTable checks what MySQL would pass over in silence: that a unique index makes rows of one key replace one another, and, for exactly once, that the
// table takes part in transactions.
func (k *sink) mysqlTable(ctx context.Context) error {
	name := strings.ReplaceAll(k.remote, "`", "")
	schema := "DATABASE()"
	args := []any{name}
	if s, n, ok := strings.Cut(name, "."); ok {
		schema, args = "?", []any{s, n}
	}
	doing := "look at table " + k.name
	var engine string
	err := k.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(engine), '') FROM information_schema.tables WHERE table_schema = "+schema+" AND table_name = ?", args...).Scan(&engine)
	if err == nil && k.commit != nil && !strings.EqualFold(engine, "InnoDB") {
		return exec.Fatalf("ALTER TABLE "+name+" ENGINE = InnoDB, or write it at least once", doing, fmt.Errorf("table %s is kept by engine %s, which has no transactions", name, engine))
	}
	if err != nil || k.key == nil {
		return k.looked(ctx, err)
	}
	rows, err := k.db.QueryContext(ctx, "SELECT index_name, column_name FROM information_schema.statistics WHERE table_schema = "+schema+" AND table_name = ? AND non_unique = 0", args...)
	if err != nil {
		return k.looked(ctx, err)
	}
	indexes := map[string][]string{}
	for rows.Next() {
		var index, column string
		if err := rows.Scan(&index, &column); err != nil {
			return errors.Join(k.looked(ctx, err), rows.Close())
		}
		indexes[index] = append(indexes[index], column)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return k.looked(ctx, err)
	}
	for _, columns := range indexes {
		if !slices.ContainsFunc(columns, func(c string) bool {
			return !slices.ContainsFunc(k.key, func(i int) bool { return strings.EqualFold(k.columns[i].Name, c) })
		}) {
			return nil
		}
	}
	return exec.Fatalf("give the table in the database the primary key that table "+k.name+" declares", doing,
		fmt.Errorf("no unique index of %s is within the key (%s): a row would not replace the one of its key", name, k.keyNames()))
}

func (t *target) keyNames() string {
	var names []string
	for _, i := range t.key {
		names = append(names, t.columns[i].Name)
	}
	return strings.Join(names, ", ")
}

// help is what can be done about an error of the database.
func (t *target) help(err error) string {
	switch classOf(err) {
	case noTarget:
		return "give the table in the database a primary key or unique constraint over (" + t.keyNames() + "), which is the key that table " + t.name + " declares"
	case violation:
		if t.key == nil {
			return "a constraint of the database refuses the row: declare its PRIMARY KEY for table " + t.name + " too, and rows replace one another"
		}
		return "a constraint of the database other than the key of table " + t.name + " refuses the row"
	case unknownName:
		return "see 'table-name' of table " + t.name + " and its columns: the database has no such table or column"
	case wrongValue:
		return "declare the column as what the database has, or correct the value"
	}
	return "see what the user of table " + t.name + " may write"
}

// failed is the error of a write, by its reaction.
func (k *sink) failed(ctx context.Context, n int, err error) error {
	doing := fmt.Sprintf("write %d rows to table %s", n, k.name)
	if n == 1 {
		doing = "write a row to table " + k.name
	}
	switch {
	case errors.Is(err, exec.ErrFatal) || errors.Is(err, exec.ErrRestart) || errors.Is(err, exec.ErrFenced):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case permanent(err):
		return exec.Fatalf(k.help(err), doing, err)
	}
	return exec.Restartf("see that the database is up", doing, err)
}

// held is how many bytes a writer may hold while an epoch is committed.
const held = 64 << 20

// writer gathers the rows of one subtask. mu guards all but what is fixed.
type writer struct {
	*sink
	ctx *exec.TaskContext
	com *committer // nil: at least once

	mu       sync.Mutex
	gathered *changes
	timer    *time.Timer // nil: none runs
	err      error       // of a write by the timer; the next call returns it
	closed   bool

	// Exactly once: between a barrier and the commit of its epoch.
	sealed  *changes      // rows of the epoch that are not written yet
	blocked bool          // rows that come belong to the next epoch
	free    chan struct{} // closed when they may go
}

// Write implements exec.SinkWriter.
func (w *writer) Write(b *batch.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if err := w.gathered.add(b); err != nil {
		return err
	}
	for w.blocked {
		if w.gathered.bytes < held {
			return nil
		}
		free := w.free
		w.mu.Unlock()
		select {
		case <-free:
		case <-w.ctx.Ctx.Done():
			w.mu.Lock()
			return context.Cause(w.ctx.Ctx)
		}
		w.mu.Lock()
	}
	if w.rows > 0 && len(w.gathered.rows) >= w.rows {
		return w.flush(w.ctx.Ctx)
	}
	if w.com == nil && w.interval > 0 && w.timer == nil && len(w.gathered.rows) > 0 {
		w.timer = time.AfterFunc(w.interval, w.tick)
	}
	return nil
}

// tick writes what has waited for the interval.
func (w *writer) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = nil
	if w.closed || w.err != nil {
		return
	}
	w.err = w.flush(w.ctx.Ctx)
}

// flush writes what is gathered. mu is held.
func (w *writer) flush(ctx context.Context) error {
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	c := w.gathered
	if len(c.rows) == 0 {
		return nil
	}
	w.gathered = w.changes()
	if w.com != nil {
		return w.pass(ctx, c)
	}
	for try := 0; ; try++ {
		err := w.transaction(ctx, c)
		if err == nil {
			return nil
		}
		if err = w.failed(ctx, len(c.rows), err); !errors.Is(err, exec.ErrRestart) || try >= w.tries {
			return err
		}
		w.log.Warn("the database did not take rows, they are written again", "table", w.name, "error", err, "try", try+1)
		select {
		case <-time.After(time.Duration(try+1) * time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// transaction writes changes in a transaction of their own.
func (w *writer) transaction(ctx context.Context, c *changes) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := c.write(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// pass writes changes into the transaction of the job.
func (w *writer) pass(ctx context.Context, c *changes) error {
	if err := w.com.write(ctx, c); err != nil {
		return w.failed(ctx, len(c.rows), err)
	}
	return nil
}

// Barrier implements exec.SinkWriter.
func (w *writer) Barrier(exec.Epoch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if w.com != nil {
		w.sealed, w.gathered = w.gathered, w.changes()
		w.blocked = true
	}
	return nil
}

// Flush implements exec.SinkWriter. At least once it writes rows of the next epoch too, if there are any.
func (w *writer) Flush(ctx context.Context, _ exec.Epoch) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return nil, w.err
	}
	if w.com == nil {
		return nil, w.flush(ctx)
	}
	c := w.sealed
	w.sealed = nil
	if c == nil || len(c.rows) == 0 {
		return nil, nil
	}
	return nil, w.pass(ctx, c)
}

// Commit implements exec.SinkWriter: the epoch is committed, rows of the next one may go.
func (w *writer) Commit(context.Context, exec.Epoch, []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.blocked {
		w.blocked = false
		close(w.free)
		w.free = make(chan struct{})
	}
	return nil
}

// Close drops what is gathered.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	return nil
}

var (
	_ exec.SinkSpec   = (*sink)(nil)
	_ exec.SinkWriter = (*writer)(nil)
)
