package jdbc_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"weir/connectors/jdbc"
	"weir/connectors/spec"
	weirexec "weir/exec"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/exec/expr/text"
	"weir/exec/runtime"
	"weir/exec/runtime/runtimetest"
	"weir/parser/diag"
	"weir/planner"
	"weir/planner/config"
	"weir/planner/datetime"
	"weir/planner/fn"
	"weir/planner/physical"
	"weir/planner/scalar"
	"weir/planner/types"
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
			s.rows[table] = strings.Split(strings.TrimSpace(d.Input), "\n")
			return ""
		case "run":
			return s.job(t)
		}
		d.Fatalf(t, "unknown command %s", d.Cmd)
		return ""
	})
}

// both is tables in memory beside those of the database.
type both struct {
	*runtimetest.World
	others weirexec.Registry
}

func (b both) Source(s *physical.Scan, c *config.Config, l *slog.Logger) (weirexec.SourceSpec, error) {
	if s.Table.Connector == "memory" {
		return b.World.Source(s, c, l)
	}
	return b.others.Source(s, c, l)
}

func (b both) Lookup(n *physical.LookupJoin, c *config.Config, l *slog.Logger) (weirexec.LookupSpec, error) {
	return b.others.Lookup(n, c, l)
}

func (s *suite) job(t *testing.T) string {
	registry := spec.Registry()
	registry.Connectors["memory"] = runtimetest.Registry().Connectors["memory"]
	cfg := config.New()
	for k, v := range map[string]string{config.Parallelism: "2", config.PipelineName: "jdbc", config.RestartStrategy: "none", config.LocalTimeZone: "UTC"} {
		if err := cfg.Set(k, v, config.FromFlag); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer("${URL}", s.url, "${AUTH}", s.auth).Replace(s.sql)
	p, found := planner.Compile([]*diag.File{{Name: "job.sql", Text: text}}, planner.Options{
		Registry: registry, Functions: fn.Builtins(), Config: cfg,
		Fold: func(e scalar.Expr) (types.Value, error) { return expr.Fold(e, expr.Env{Zone: time.UTC}) },
	})
	if found.HasErrors() {
		var b strings.Builder
		for _, d := range found.All {
			if d.Severity == diag.Error {
				fmt.Fprintf(&b, "%s: %s\n", d.Code, d.Title)
			}
		}
		return b.String()
	}
	if len(p.Jobs) != 1 {
		t.Fatalf("expected one job, found %d", len(p.Jobs))
	}
	w := runtimetest.New()
	w.Guarantee = nil
	for name, lines := range s.rows {
		w.Table(name, true, 1)
		for _, l := range lines {
			w.Append(name, 0, values(t, l))
		}
	}
	c := both{w, weirexec.Registry{"jdbc": jdbc.Connector()}}
	if err := p.Jobs[0].Config.Set(config.CheckpointInterval, "1 h", config.FromFlag); err != nil {
		t.Fatal(err)
	}
	r := must(runtime.New(p.Jobs[0], runtime.Options{Connectors: c, StateDir: t.TempDir()}))(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := r.Run(ctx); err != nil {
		return "failed: " + strings.ReplaceAll(err.Error(), s.url, "URL") + "\n"
	}
	return output(w, p.Jobs[0])
}

// values is whole numbers where they are such, and strings.
func values(t *testing.T, line string) []types.Value {
	var row []types.Value
	for _, w := range strings.Split(line, "|") {
		w = strings.TrimSpace(w)
		switch n, err := strconv.ParseInt(w, 10, 64); {
		case w == "NULL":
			row = append(row, nil)
		case err == nil:
			row = append(row, n)
		default:
			row = append(row, w)
		}
	}
	return append(row, nil) // a column by processing time
}

func output(w *runtimetest.World, job *physical.Job) string {
	var b strings.Builder
	zone := datetime.NewZone(time.UTC)
	for _, s := range job.Sinks {
		fmt.Fprintf(&b, "%s\n", s.Table.Name)
		var lines []string
		for _, c := range w.Output(s.Table.Name) {
			row := make([]string, len(s.Fields))
			for i, f := range s.Fields {
				ty := s.Table.Columns[f].Type
				ty.Nullable = true
				v := batch.NewVector(ty, 1)
				v.AppendValue(c.Row[i])
				if row[f] = "NULL"; !v.IsNull(0) {
					row[f] = string(text.AppendValue(nil, v, 0, zone))
				}
			}
			lines = append(lines, "  "+c.Kind.String()+" "+strings.Join(row, " | "))
		}
		slices.Sort(lines)
		fmt.Fprintln(&b, strings.Join(lines, "\n"))
	}
	return b.String()
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
