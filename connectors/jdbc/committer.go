package jdbc

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"weir/exec"
	"weir/exec/killpoint"
	"weir/state"
)

// The transaction of a database as the commit point of a job, as the transaction of Kafka is one. All exactly-once tables of a job write through one
// connection; the transaction of an epoch carries its rows and, last, its marker: a row of the table weir_epochs under the job's prefix. Either all of
// it is there or nothing.
//
//	claim     the row gets this instance as its owner, and the connection of the former owner is ended, where the database lets its user
//	write     rows go into the open transaction, which the first of them begins
//	commit    UPDATE weir_epochs SET epoch ... WHERE prefix AND owner; no row: another instance is the owner now, nothing is committed
//
// An instance that was overtaken may still have a transaction open: its marker finds no row of its own any more. A transaction that waits for that row sees
// what the other one has committed.

// markers is the table of markers. It is made where it is not there.
const markers = "weir_epochs"

type committerSpec struct {
	table    *table
	prefix   string
	resource string
}

// Resource names the database.
func (s *committerSpec) Resource() string { return s.resource }

// Join adds another exactly-once table of the same database.
func (s *committerSpec) Join(other exec.CommitterSpec) error {
	o, ok := other.(*committerSpec)
	if !ok || o.resource != s.resource {
		return exec.Fatalf("write to the second one by a job of its own, or at least once", "join transactions",
			fmt.Errorf("a job commits one transaction, and exactly-once tables of it are in %s and in %s", s.resource, other.Resource()))
	}
	s.prefix = min(s.prefix, o.prefix)
	return nil
}

// Open connects.
func (s *committerSpec) Open(ctx context.Context, job *exec.JobContext) (exec.Committer, error) {
	if err := s.table.connect(ctx); err != nil {
		return nil, err
	}
	return &committer{committerSpec: s, d: s.table.d, instance: job.Instance, job: job.Name, log: job.Log, prefix: s.prefix}, nil
}

type committer struct {
	*committerSpec
	d        *dialect
	instance string
	job      string
	log      *slog.Logger
	prefix   string // of the row: that of the state, where there is some

	// mu guards the connection: writers and the coordinator use it in turns.
	mu      sync.Mutex
	conn    *sql.Conn
	tx      *sql.Tx // nil: none is open
	started time.Time
}

// identity is what the first manifest fixes.
type identity struct {
	Prefix string `json:"prefix"`
}

// Identity implements exec.Committer. The marker stays under its first prefix when the option is edited.
func (c *committer) Identity(_ context.Context, fixed []byte) ([]byte, error) {
	if len(fixed) == 0 {
		return json.Marshal(identity{c.prefix})
	}
	var id identity
	if err := json.Unmarshal(fixed, &id); err != nil || id.Prefix == "" {
		return nil, exec.Fatalf("start the job anew from an empty state", "start job "+c.job,
			fmt.Errorf("its state belongs to output that was not committed in a database: %q", fixed))
	}
	c.prefix = id.Prefix
	return fixed, nil
}

// failed is an error of the protocol's own statements.
func (c *committer) failed(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrFatal) || errors.Is(err, exec.ErrFenced):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case permanent(err):
		return exec.Fatalf("the user of table "+c.table.name+" needs to read and write the table "+markers+", and to create it if it is not there", doing, err)
	}
	return exec.Restartf("see that the database is up", doing, err)
}

// Peek implements exec.Committer.
func (c *committer) Peek(ctx context.Context) (m exec.Marker, found bool, err error) {
	there, err := c.there(ctx)
	if err == nil && there {
		m, found, err = c.marker(ctx, c.table.db)
	}
	return m, found, c.failed(ctx, "read the marker of "+c.job, err)
}

// Settle implements exec.Committer. What a database has committed is shown.
func (c *committer) Settle(context.Context) error { return nil }

// there reports whether the table of markers exists.
func (c *committer) there(ctx context.Context) (bool, error) {
	query := map[string]string{
		"PostgreSQL": "SELECT count(to_regclass('" + markers + "'))",
		"MySQL":      "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '" + markers + "'",
		"SQLite":     "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '" + markers + "'",
	}[c.d.kind]
	var n int
	err := c.table.db.QueryRowContext(ctx, query).Scan(&n)
	return n > 0, err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (c *committer) marker(ctx context.Context, q querier) (m exec.Marker, found bool, err error) {
	var job, nonce sql.NullString
	var epoch sql.NullInt64
	err = q.QueryRowContext(ctx, "SELECT job, epoch, nonce FROM "+markers+" WHERE prefix = "+c.d.param(1), c.prefix).Scan(&job, &epoch, &nonce)
	if errors.Is(err, sql.ErrNoRows) {
		return m, false, nil
	}
	return exec.Marker{Job: job.String, Epoch: exec.Epoch(epoch.Int64), Nonce: state.Nonce(nonce.String)}, err == nil && job.Valid, err
}

// Claim implements exec.Committer.
func (c *committer) Claim(ctx context.Context) (m exec.Marker, found bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err = c.claim(ctx)
	if err == nil {
		m, found, err = c.marker(ctx, c.conn)
	}
	return m, found, c.failed(ctx, "claim the output of "+c.job, err)
}

func (c *committer) claim(ctx context.Context) error {
	there, err := c.there(ctx)
	if err != nil {
		return err
	}
	if !there {
		engine := ""
		if c.d.kind == "MySQL" {
			engine = " ENGINE = InnoDB"
		}
		_, err := c.table.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+markers+" (prefix VARCHAR(255) NOT NULL PRIMARY KEY, owner VARCHAR(64) NOT NULL, "+
			"job VARCHAR(64), epoch BIGINT, nonce VARCHAR(64))"+engine)
		if err != nil {
			return err
		}
	}
	if c.conn == nil {
		if c.conn, err = c.table.db.Conn(ctx); err != nil {
			return err
		}
	}
	for _, s := range c.session() {
		if _, err := c.conn.ExecContext(ctx, s.query, s.args...); err != nil {
			return err
		}
	}
	var owner string
	err = c.conn.QueryRowContext(ctx, "SELECT owner FROM "+markers+" WHERE prefix = "+c.d.param(1), c.prefix).Scan(&owner)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	// The row first: an instance whose connection is ended must see that it has been overtaken, and not claim in its turn.
	for _, s := range c.patience("10s") {
		if _, err := c.conn.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	err = c.own(ctx)
	if err != nil && !permanent(err) && owner != "" && owner != c.instance {
		// Its transaction holds the row: it was about to commit when its machine, or the way to it, went away.
		if err = c.end(ctx, owner); err == nil {
			err = c.own(ctx)
		}
	}
	if err != nil {
		return err
	}
	for _, s := range c.patience("0") {
		if _, err := c.conn.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	if owner != "" && owner != c.instance {
		if err := c.end(ctx, owner); err != nil {
			// It cannot commit any more; at worst its locks hold this instance up.
			c.log.Warn("the connection of an earlier instance could not be ended", "job", c.job, "error", err)
		}
	}
	return nil
}

// own makes this instance the owner of the marker.
func (c *committer) own(ctx context.Context) error {
	conflict := " ON CONFLICT (prefix) DO UPDATE SET owner = excluded.owner"
	if c.d.kind == "MySQL" {
		conflict = " ON DUPLICATE KEY UPDATE owner = VALUES(owner)"
	}
	_, err := c.conn.ExecContext(ctx, "INSERT INTO "+markers+" (prefix, owner) VALUES ("+c.d.param(1)+", "+c.d.param(2)+")"+conflict, c.prefix, c.instance)
	return err
}

// patience says how long a statement waits for a lock; "0" is for as long as the database has it by default.
func (c *committer) patience(wait string) []string {
	if c.d.kind == "PostgreSQL" {
		return []string{"SET lock_timeout = '" + wait + "'"}
	}
	return nil // MySQL waits for 50 s, and for a file there are 5
}

// overtaken is err, or, where another instance is the owner by now, that: its claim has ended this one's connection.
func (c *committer) overtaken(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, exec.ErrFenced) {
		return err
	}
	var owner string
	if e := c.table.db.QueryRowContext(ctx, "SELECT owner FROM "+markers+" WHERE prefix = "+c.d.param(1), c.prefix).Scan(&owner); e != nil || owner == c.instance {
		return err // where nothing is known, the next claim finds out
	}
	return c.fenced("write rows of " + c.job)
}

func (c *committer) fenced(doing string) error {
	return exec.Fencedf("stop one of the two, or give one of them a 'sink.transactional-id-prefix' of its own", doing,
		fmt.Errorf("another instance writes under prefix '%s' now", c.prefix))
}

type statement struct {
	query string
	args  []any
}

// session is what is said once on a connection: by what name it is found, and that a transaction may be open for as long as an epoch takes.
func (c *committer) session() []statement {
	switch c.d.kind {
	case "PostgreSQL":
		return []statement{{"SELECT set_config('application_name', $1, false)", []any{c.connectionName(c.instance)}},
			{"SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')", nil}}
	case "MySQL":
		return []statement{{"DO GET_LOCK(?, 0)", []any{c.connectionName(c.instance)}}, {"SET SESSION wait_timeout = 2147483", nil}}
	}
	return nil
}

// connectionName is at most 63 characters long.
func (c *committer) connectionName(instance string) string {
	return "weir " + instance[:min(len(instance), 32)]
}

// end ends the connection of an instance, so that its open transaction is rolled back at once.
func (c *committer) end(ctx context.Context, owner string) error {
	name := c.connectionName(owner)
	switch c.d.kind {
	case "PostgreSQL":
		_, err := c.conn.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND usename = current_user AND pid <> pg_backend_pid()", name)
		return err
	case "MySQL":
		var id sql.NullInt64
		if err := c.conn.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", name).Scan(&id); err != nil || !id.Valid {
			return err
		}
		_, err := c.conn.ExecContext(ctx, fmt.Sprintf("KILL %d", id.Int64))
		return err
	}
	return nil // a file is let go with the process
}

// TransactionTimeout implements exec.Committer: a database ends no open transaction by itself, after what session has said.
func (c *committer) TransactionTimeout() time.Duration { return 24 * time.Hour }

// TransactionStarted implements exec.Committer.
func (c *committer) TransactionStarted() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started
}

// begin opens the transaction of an epoch. mu is held. It outlives ctx: an attempt that ends may still commit.
func (c *committer) begin(ctx context.Context) error {
	if c.tx != nil {
		return nil
	}
	if c.conn == nil {
		return exec.Restartf("", "write rows of "+c.job, errors.New("the connection to the database is closed"))
	}
	tx, err := c.conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	c.tx, c.started = tx, time.Now()
	return nil
}

// write puts rows into the transaction.
func (c *committer) write(ctx context.Context, rows *changes) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.begin(ctx)
	if err == nil {
		err = rows.write(ctx, c.tx)
	}
	return c.overtaken(ctx, err)
}

// Commit implements exec.Committer.
func (c *committer) Commit(ctx context.Context, m exec.Marker) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	doing := fmt.Sprintf("commit epoch %d of %s", m.Epoch, c.job)
	if err := c.begin(ctx); err != nil {
		return c.failed(ctx, doing, c.overtaken(ctx, err))
	}
	p := c.d.param
	res, err := c.tx.ExecContext(ctx, "UPDATE "+markers+" SET job = "+p(1)+", epoch = "+p(2)+", nonce = "+p(3)+" WHERE prefix = "+p(4)+" AND owner = "+p(5),
		m.Job, int64(m.Epoch), string(m.Nonce), c.prefix, c.instance)
	var n int64
	if err == nil {
		n, err = res.RowsAffected()
	}
	if err != nil {
		return c.failed(ctx, doing, c.overtaken(ctx, err))
	}
	if n == 0 {
		return c.fenced(doing)
	}
	killpoint.Hit(killpoint.Step4After)
	killpoint.Hit(killpoint.Step5Before)
	err = c.tx.Commit()
	c.tx, c.started = nil, time.Time{}
	if err = c.overtaken(ctx, err); errors.Is(err, exec.ErrFenced) {
		return err
	}
	if err != nil {
		return exec.Restartf("see that the database is up; the marker tells whether the epoch was committed", doing, err)
	}
	return nil
}

// Release implements exec.Committer: writers let go what they hold when they are told of the commit.
func (c *committer) Release() error { return nil }

// Close implements exec.Committer: what is open is rolled back, and the connection, by whose name it would be taken for this instance, is ended. Where
// that fails the connection is broken, and the database rolls back by itself.
func (c *committer) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tx != nil {
		if err := c.tx.Rollback(); err != nil {
			c.log.Debug("roll back", "job", c.job, "error", err)
		}
		c.tx = nil
	}
	if c.conn == nil {
		return nil
	}
	err := c.conn.Raw(func(any) error { return driver.ErrBadConn }) // so that it does not go back to the pool
	c.conn = nil
	if err != nil && !errors.Is(err, driver.ErrBadConn) && !errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("close the connection of %s: %w", c.job, err)
	}
	return nil
}

var _ exec.Committer = (*committer)(nil)
