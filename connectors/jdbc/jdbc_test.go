package jdbc_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"weir/connectors/jdbc"
	"weir/connectors/jdbc/dbtest"
	"weir/connectors/jobtest"
	weirexec "weir/exec"
)

// The files of testdata run on SQLite, and on PostgreSQL and MariaDB where their programs are on the machine:
//
//	db [only=sqlite,postgresql]   statements for the database
//	job                tables and INSERTs; ${URL} is the database, ${AUTH} its user. Tables of connector 'memory' are written
//	rows table=t       what a table of connector 'memory' holds: values separated by |
//	run                what the job wrote, by table, sorted; or why it failed
//	select [only=...]  what the database answers to a query, a line a row
func TestTablesOfSQLite(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		file := filepath.Join(t.TempDir(), "shop.db")
		db := must(sql.Open("sqlite", file))(t)
		defer db.Close()
		(&suite{kind: "sqlite", db: db, url: "jdbc:sqlite:" + file}).run(t, path)
	})
}

func TestTablesOfPostgreSQL(t *testing.T) {
	url := dbtest.Postgres(t).Addr
	n := 0
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		n++
		name := "shop" + strconv.Itoa(n)
		admin := must(sql.Open("pgx", "postgres://weir@"+url+"/postgres"))(t)
		defer admin.Close()
		if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
			t.Fatal(err)
		}
		db := must(sql.Open("pgx", "postgres://weir@"+url+"/"+name))(t)
		defer db.Close()
		(&suite{kind: "postgresql", db: db, url: "jdbc:postgresql://" + url + "/" + name, auth: ", 'username' = 'weir'"}).run(t, path)
	})
}

func TestTablesOfMySQL(t *testing.T) {
	url := dbtest.MariaDB(t).Addr
	admin := must(sql.Open("mysql", "weir:secret@tcp("+url+")/"))(t)
	defer admin.Close()
	n := 0
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		n++
		name := "shop" + strconv.Itoa(n)
		if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
			t.Fatal(err)
		}
		db := must(sql.Open("mysql", "weir:secret@tcp("+url+")/"+name+"?multiStatements=true&time_zone=%27%2B00:00%27"))(t)
		defer db.Close()
		(&suite{kind: "mysql", db: db, url: "jdbc:mysql://" + url + "/" + name, auth: ", 'username' = 'weir', 'password' = 'secret'"}).run(t, path)
	})
}

func must[T any](x T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}

type suite struct {
	kind, url, auth string
	db              *sql.DB
	sql             string
	rows            map[string][]string
}

func (s *suite) run(t *testing.T, path string) {
	s.rows = map[string][]string{}
	datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "db":
			if !s.meant(t, d) {
				return d.Expected
			}
			text := d.Input
			if s.kind == "mysql" { // its TIMESTAMP begins in 1970
				text = strings.NewReplacer("TIMESTAMP,", "DATETIME(6),", "TIMESTAMP)", "DATETIME(6))").Replace(text)
			}
			for _, st := range strings.Split(text, ";") {
				if strings.TrimSpace(st) == "" {
					continue
				}
				if _, err := s.db.Exec(st); err != nil {
					d.Fatalf(t, "%v", err)
				}
			}
			return ""
		case "job":
			s.sql = d.Input
			return ""
		case "rows":
			var table string
			d.ScanArgs(t, "table", &table)
			s.rows[table] = nil
			for _, l := range strings.Split(strings.TrimSpace(d.Input), "\n") {
				s.rows[table] = append(s.rows[table], l+" | NULL") // a column by processing time
			}
			return ""
		case "select":
			if !s.meant(t, d) {
				return d.Expected
			}
			return s.query(t, d.Input)
		case "run":
			if !s.meant(t, d) {
				return d.Expected
			}
			j := jobtest.Job{Connectors: weirexec.Registry{"jdbc": jdbc.Connector()}, Rows: s.rows, Replace: []string{"${URL}", s.url, "${AUTH}", s.auth}}
			return j.Run(t, s.sql)
		}
		d.Fatalf(t, "unknown command %s", d.Cmd)
		return ""
	})
}

// meant reports whether a command is for this kind of database.
func (s *suite) meant(t *testing.T, d *datadriven.TestData) bool {
	t.Helper()
	var only []string
	for _, a := range d.CmdArgs {
		if a.Key == "only" {
			only = a.Vals
		}
	}
	return only == nil || slices.Contains(only, s.kind)
}

// query is the rows of a query as text.
func (s *suite) query(t *testing.T, text string) string {
	t.Helper()
	rows, err := s.db.Query(text)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	defer rows.Close()
	columns := must(rows.Columns())(t)
	var b strings.Builder
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if i > 0 {
				b.WriteString(" | ")
			}
			if !v.Valid {
				v.String = "NULL"
			}
			b.WriteString(v.String)
		}
		b.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
