package jdbc_test

import (
	"bytes"
	"database/sql"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/connectors/jdbc"
	"weir/connectors/jobtest"
	weirexec "weir/exec"
)

// The files of testdata run on SQLite, and on PostgreSQL where its programs are on the machine:
//
//	db [only=sqlite]   statements for the database
//	job                tables and INSERTs; ${URL} is the database, ${AUTH} its user. Tables of connector 'memory' are written
//	rows table=t       what a table of connector 'memory' holds: values separated by |
//	run                what the job wrote, by table, sorted; or why it failed
func TestTablesOfSQLite(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		file := filepath.Join(t.TempDir(), "shop.db")
		db := must(sql.Open("sqlite", file))(t)
		defer db.Close()
		(&suite{kind: "sqlite", db: db, url: "jdbc:sqlite:" + file}).run(t, path)
	})
}

func TestTablesOfPostgreSQL(t *testing.T) {
	url := postgres(t)
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
			only := s.kind
			d.MaybeScanArgs(t, "only", &only)
			if only != s.kind {
				return d.Expected
			}
			for _, st := range strings.Split(d.Input, ";") {
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
		case "run":
			j := jobtest.Job{Connectors: weirexec.Registry{"jdbc": jdbc.Connector()}, Rows: s.rows, Replace: []string{"${URL}", s.url, "${AUTH}", s.auth}}
			return j.Run(t, s.sql)
		}
		d.Fatalf(t, "unknown command %s", d.Cmd)
		return ""
	})
}

// postgres starts a server and gives its host and port; it is stopped with the test.
func postgres(t *testing.T) string {
	bin := ""
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/local/bin", "/usr/bin"} {
		dirs, _ := filepath.Glob(pattern)
		for _, d := range dirs {
			if _, err := os.Stat(filepath.Join(d, "initdb")); err == nil {
				bin = d
			}
		}
	}
	if bin == "" {
		t.Skip("PostgreSQL is not on this machine")
	}
	dir := must(os.MkdirTemp("", "weir-postgres-"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	as := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() == 0 { // it does not run as root
		u := must(user.Lookup("nobody"))(t)
		id := must(strconv.ParseUint(u.Uid, 10, 32))(t)
		group := must(strconv.ParseUint(u.Gid, 10, 32))(t)
		as.Credential = &syscall.Credential{Uid: uint32(id), Gid: uint32(group)}
		if err := os.Chown(dir, int(id), int(group)); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	init := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "weir", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	init.SysProcAttr, init.Dir = as, dir
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	var log bytes.Buffer
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+dir, "-c", "fsync=off")
	server.SysProcAttr, server.Dir, server.Stderr = as, dir, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGINT)
		server.Wait()
	})
	at := "127.0.0.1:" + strconv.Itoa(port)
	db := must(sql.Open("pgx", "postgres://weir@"+at+"/postgres"))(t)
	defer db.Close()
	for start := time.Now(); db.Ping() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			server.Process.Kill()
			server.Wait()
			t.Fatalf("PostgreSQL does not start:\n%s", log.String())
		}
	}
	return at
}
