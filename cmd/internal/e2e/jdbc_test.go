package e2e

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver sqlite

	"weir/connectors/jdbc/dbtest"
	"weir/connectors/kafka/kafkatest"
)

// The job writes two tables of a database exactly once: one without a key, in which a number that came twice would be there twice, and one with
// a key, in which a count that was made twice would be too high.
const databaseJob = settings + `
SET 'parallelism.default' = '2';
SET 'restart-strategy.type' = 'fixed-delay';
SET 'restart-strategy.fixed-delay.attempts' = '1000';
SET 'restart-strategy.fixed-delay.delay' = '100 ms';
CREATE TABLE source (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '%[2]d', 'fields.n.kind' = 'sequence',
  'fields.n.start' = '0', 'fields.n.end' = '%[3]d');
CREATE TABLE numbers (n BIGINT) WITH (%[1]s, 'table-name' = 'numbers', 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'numbers-');
CREATE TABLE totals (k BIGINT, c BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED)
  WITH (%[1]s, 'table-name' = 'totals', 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'numbers-');
EXECUTE STATEMENT SET BEGIN
INSERT INTO numbers SELECT n FROM source;
INSERT INTO totals SELECT MOD(n, 100), COUNT(*), SUM(n) FROM source GROUP BY MOD(n, 100);
END;
`

const databaseRows = 120_000

// database is one that the job writes to.
type database struct {
	name    string
	options string // of its tables
	db      *sql.DB
	server  *dbtest.Server // nil: SQLite has none
}

// eachDatabase runs f on a new database of each kind that is on this machine.
func eachDatabase(t *testing.T, f func(t *testing.T, d *database)) {
	open := func(t *testing.T, driver, dsn string) *sql.DB {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		for _, s := range []string{"CREATE TABLE numbers (n BIGINT)", "CREATE TABLE totals (k BIGINT NOT NULL PRIMARY KEY, c BIGINT, s BIGINT)"} {
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
		return db
	}
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "numbers.db")
		db := open(t, "sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
		f(t, &database{"SQLite", "'connector' = 'jdbc', 'url' = 'jdbc:sqlite:" + file + "'", db, nil})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		s := dbtest.Postgres(t)
		db := open(t, "pgx", "postgres://weir@"+s.Addr+"/postgres")
		f(t, &database{"PostgreSQL", "'connector' = 'jdbc', 'url' = 'jdbc:postgresql://" + s.Addr + "/postgres', 'username' = 'weir'", db, s})
	})
	t.Run("MariaDB", func(t *testing.T) {
		s := dbtest.MariaDB(t)
		admin, err := sql.Open("mysql", "weir:secret@tcp("+s.Addr+")/")
		if err == nil {
			_, err = admin.Exec("CREATE DATABASE numbers")
			admin.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		db := open(t, "mysql", "weir:secret@tcp("+s.Addr+")/numbers")
		f(t, &database{"MariaDB", "'connector' = 'jdbc', 'url' = 'jdbc:mysql://" + s.Addr + "/numbers', 'username' = 'weir', 'password' = 'secret'", db, s})
	})
}

// job is the job at so many rows a second.
func (d *database) job(t *testing.T, rate int) *job {
	t.Helper()
	return newJob(t, &kafkatest.Broker{}, fmt.Sprintf(databaseJob, d.options, rate, databaseRows-1))
}

// finish runs the rest of the job without a limit to its rate, and checks what the database holds.
func (d *database) finish(t *testing.T, j *job) {
	t.Helper()
	text, err := os.ReadFile(j.file)
	if err == nil {
		at := strings.Index(string(text), "'rows-per-second' = '") + len("'rows-per-second' = '")
		end := at + strings.IndexByte(string(text[at:]), '\'')
		err = os.WriteFile(j.file, []byte(string(text[:at])+"1000000"+string(text[end:])), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	j.start(nil).endsWell()
	one := func(query string, want ...int64) {
		t.Helper()
		got := make([]int64, len(want))
		into := make([]any, len(want))
		for i := range got {
			into[i] = &got[i]
		}
		if err := d.db.QueryRow(query).Scan(into...); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s\n%v, want %v", query, got, want)
		}
	}
	const n = int64(databaseRows)
	one("SELECT COUNT(*), COUNT(DISTINCT n), MIN(n), MAX(n) FROM numbers", n, n, 0, n-1)
	one("SELECT COUNT(*), MIN(c), MAX(c) FROM totals", 100, n/100, n/100)
	m := n / 100 // key k has k, k+100, ...
	one(fmt.Sprintf("SELECT COUNT(*) FROM totals WHERE s = %d * k + %d", m, 100*m*(m-1)/2), 100)
}

// The process is killed once at each named point of the protocol, at its third passage.
func TestDatabaseIsExactWhereverTheJobIsKilled(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d *database) {
		j := d.job(t, 1_000)
		j.killedAtEachPoint()
		d.finish(t, j)
	})
}

// The process is killed at random moments.
func TestDatabaseIsExactUnderKills(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d *database) {
		j := d.job(t, 3_000)
		for range 8 {
			p := j.start(nil)
			p.said("job running")
			time.Sleep(time.Duration(rand.Int64N(int64(700 * time.Millisecond))))
			p.kill()
		}
		d.finish(t, j)
	})
}

// The database is killed and comes back; the job recovers by itself.
func TestDatabaseIsExactThoughItIsKilledItself(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d *database) {
		if d.server == nil {
			t.Skip("NOT RUN: SQLite has no server")
		}
		j := d.job(t, 20_000)
		p := j.start(nil)
		for range 3 {
			p.said("epoch committed")
			time.Sleep(time.Duration(rand.Int64N(int64(500 * time.Millisecond))))
			d.server.Kill()
			d.server.Start()
		}
		p.endsWell()
		d.finish(t, j)
	})
}

// An instance on another machine takes over: the older one is fenced, its open transaction is rolled back.
func TestSecondInstanceTakesADatabaseOver(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d *database) {
		if d.server == nil {
			t.Skip("NOT RUN: the file of SQLite is on one machine")
		}
		j := d.job(t, 2_000)
		second, p := j.takenOver()
		p.kill()
		d.finish(t, second)
	})
}
