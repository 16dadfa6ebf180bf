// Package dbtest starts servers of PostgreSQL and MariaDB for tests, where their programs are on the machine.
package dbtest

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver mysql
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"weir/connectors/program"
)

// Server is a running server; it ends with its test.
type Server struct {
	Addr   string // host and port
	t      *testing.T
	start  func() *exec.Cmd
	ping   func() error
	server *exec.Cmd
	log    bytes.Buffer
}

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() {
	s.t.Helper()
	if err := s.server.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	s.server.Wait() // it says that it was killed
}

// Start starts the server, for the first time or once more, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.server = s.start()
	s.server.Stderr = &s.log
	if err := s.server.Start(); err != nil {
		s.t.Fatal(err)
	}
	for began := time.Now(); s.ping() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 5*time.Minute {
			s.Kill()
			said := s.log.String()
			s.t.Fatalf("the server does not answer: %v\n%s", s.ping(), said[max(0, len(said)-2000):])
		}
	}
}

// find looks for a program on the PATH and in the folders of the usual packages.
func find(t *testing.T, program string, folders ...string) string {
	t.Helper()
	if p, err := exec.LookPath(program); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			return real
		}
		return p
	}
	for _, pattern := range folders {
		found, err := filepath.Glob(filepath.Join(pattern, program))
		if err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	t.Skipf("NOT RUN: %s is not on this machine", program)
	return ""
}

// asNobody is a user other than root: PostgreSQL does not run as that.
func asNobody(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	as := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() != 0 {
		return as
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	id, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	group, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	as.Credential = &syscall.Credential{Uid: uint32(id), Gid: uint32(group)}
	if err := os.Chown(dir, int(id), int(group)); err != nil {
		t.Fatal(err)
	}
	return as
}

func tempDir(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "weir-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Postgres starts PostgreSQL with a superuser weir without a password, and the database postgres.
func Postgres(t *testing.T) *Server {
	t.Helper()
	bin := filepath.Dir(find(t, "initdb", "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"))
	dir := tempDir(t, "postgres")
	as := asNobody(t, dir)
	data := filepath.Join(dir, "data")
	run(t, as, dir, filepath.Join(bin, "initdb"), "-D", data, "-U", "weir", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	return serve(t, as, dir, syscall.SIGINT, "pgx", "postgres://weir@%s/postgres", func(port string) *exec.Cmd {
		return exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+dir)
	})
}

// serve starts a server as a user in a folder, on a free port, and ends it with the test by a signal. dsn is how it is reached, with
// %s for its address.
func serve(t *testing.T, as *syscall.SysProcAttr, dir string, end syscall.Signal, driver, dsn string, server func(port string) *exec.Cmd) *Server {
	t.Helper()
	free, err := program.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free)
	s := &Server{Addr: "127.0.0.1:" + port, t: t}
	s.start = func() *exec.Cmd {
		c := server(port)
		c.SysProcAttr, c.Dir = as, dir
		return c
	}
	s.ping = pinger(t, driver, fmt.Sprintf(dsn, s.Addr))
	s.Start()
	t.Cleanup(func() {
		s.server.Process.Signal(end)
		s.server.Wait() // it says by which signal it ended
	})
	return s
}

// MariaDB starts MariaDB with a user weir who may do everything, with the password secret.
func MariaDB(t *testing.T) *Server {
	t.Helper()
	server := find(t, "mariadbd", "/usr/sbin", "/usr/local/sbin", "/usr/local/mysql/bin")
	base := filepath.Dir(filepath.Dir(server))
	dir := tempDir(t, "mariadb")
	as := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	common := []string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--basedir=" + base, "--lc-messages-dir=" + filepath.Join(base, "share/mysql")}
	if os.Getuid() == 0 {
		common = append(common, "--user=root")
	}
	run(t, as, dir, filepath.Join(base, "bin", "mariadb-install-db"), append(common[:len(common):len(common)], "--auth-root-authentication-method=normal", "--skip-test-db")...)
	first := filepath.Join(dir, "first.sql")
	if err := os.WriteFile(first, []byte("CREATE USER IF NOT EXISTS weir@'127.0.0.1' IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO weir@'127.0.0.1';\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return serve(t, as, dir, syscall.SIGTERM, "mysql", "weir:secret@tcp(%s)/", func(port string) *exec.Cmd {
		return exec.Command(server, append(common[:len(common):len(common)], "--port="+port, "--bind-address=127.0.0.1", "--socket="+filepath.Join(dir, "sock"),
			"--init-file="+first, "--skip-name-resolve", "--character-set-server=utf8mb4", "--innodb-buffer-pool-size=32M")...)
	})
}

func run(t *testing.T, as *syscall.SysProcAttr, dir, program string, args ...string) {
	t.Helper()
	c := exec.Command(program, args...)
	c.SysProcAttr, c.Dir = as, dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

func pinger(t *testing.T, driver, dsn string) func() error {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.Ping
}
