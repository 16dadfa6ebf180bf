package jdbc

import (
	"database/sql"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite

	"weir/connectors/spec/jdbcurl"
)

// dialect is how a kind of database is spoken to.
type dialect struct {
	kind  string
	quote string // around names
	calls int    // requests that are worth making at once
	// numbered: parameters are $1, $2; otherwise ?.
	numbered bool
	// times: dates and times are given as text.
	textTimes bool
	// textClocks: dates and times without a zone are given as text, since the driver would put an instant into the zone of the connection.
	textClocks bool
	open       func(u *jdbcurl.URL, user, password string) (*sql.DB, error)
}

var dialects = map[string]dialect{
	"postgresql": {kind: "PostgreSQL", quote: `"`, calls: 4, numbered: true, open: openPostgres},
	"mysql":      {kind: "MySQL", quote: "`", calls: 4, textClocks: true, open: openMySQL},
	"sqlite":     {kind: "SQLite", quote: `"`, calls: 1, textTimes: true, open: openSQLite},
}

func openPostgres(u *jdbcurl.URL, user, password string) (*sql.DB, error) {
	q := url.Values{}
	for k, v := range u.Params {
		q.Set(k, v)
	}
	if u.Connect > 0 {
		q.Set("connect_timeout", strconv.Itoa(int(u.Connect/time.Second)))
	}
	dsn := url.URL{Scheme: "postgres", Host: u.Host, Path: "/" + u.Database, RawQuery: q.Encode()}
	if user != "" {
		dsn.User = url.UserPassword(user, password)
		if password == "" {
			dsn.User = url.User(user)
		}
	}
	return sql.Open("pgx", dsn.String())
}

func openMySQL(u *jdbcurl.URL, user, password string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = user, password, "tcp", u.Host, u.Database
	c.ParseTime, c.Loc, c.Timeout, c.TLSConfig = true, u.Zone, u.Connect, u.Params["tls"]
	conn, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(conn), nil
}

func openSQLite(u *jdbcurl.URL, _, _ string) (*sql.DB, error) {
	path := u.Database
	if !strings.HasPrefix(path, "file:") {
		path = "file:" + (&url.URL{Path: path}).EscapedPath()
	}
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	// A file that is not there is a mistake, not an empty database.
	if !strings.Contains(path, "mode=") {
		path += sep + "mode=rw"
		sep = "&"
	}
	return sql.Open("sqlite", path+sep+"_pragma=busy_timeout(5000)")
}

// name quotes a column, or a table with its schema.
func (d *dialect) name(s string) string {
	return d.quote + strings.ReplaceAll(s, d.quote, d.quote+d.quote) + d.quote
}

// table quotes the option 'table-name': schema and name stand apart. A name that is quoted already stays as it is.
func (d *dialect) table(s string) string {
	if strings.Contains(s, d.quote) {
		return s
	}
	parts := strings.Split(s, ".")
	for i, p := range parts {
		parts[i] = d.name(p)
	}
	return strings.Join(parts, ".")
}

// param is the n-th parameter, from 1.
func (d *dialect) param(n int) string {
	if d.numbered {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// open connects nothing yet.
func open(raw, user, password string) (*sql.DB, *dialect, error) {
	u, err := jdbcurl.Parse(raw)
	if err != nil {
		return nil, nil, err
	}
	d := dialects[u.Kind]
	if user == "" {
		user, password = u.User, u.Password
	}
	db, err := d.open(u, user, password)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", d.kind, err)
	}
	return db, &d, nil
}
