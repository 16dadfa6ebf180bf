// Package jdbcurl reads the urls of databases as they are written for Java, and gives them in the form of the Go drivers. It opens
// no connection.
package jdbcurl

import (
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

// URL is a database.
type URL struct {
	Kind     string // postgresql, mysql or sqlite
	Host     string // with its port; of sqlite empty
	Database string // of sqlite the path of the file
	// Params are the settings behind ?, by the names of the Go driver.
	Params map[string]string
	// User and Password are those of the url; the options of a table go before them.
	User, Password string
	// Zone is serverTimezone of MySQL; UTC when it is not given.
	Zone *time.Location
	// Connect is how long a connection may take; 0: the driver's own time.
	Connect time.Duration
}

// known is the settings of each kind, by the names of the Java driver. "" is taken and does nothing here.
var known = map[string]map[string]string{
	"postgresql": {
		"sslmode": "sslmode", "ssl": "ssl", "currentSchema": "search_path", "ApplicationName": "application_name", "connectTimeout": "connect", "options": "options",
		"sslrootcert": "sslrootcert", "sslcert": "sslcert", "sslkey": "sslkey", "user": "user", "password": "password", "stringtype": "", "reWriteBatchedInserts": "",
		"prepareThreshold": "", "defaultRowFetchSize": "", "tcpKeepAlive": "", "socketTimeout": "", "loginTimeout": "", "binaryTransfer": "",
	},
	"mysql": {
		"useSSL": "tls", "sslMode": "sslMode", "serverTimezone": "zone", "connectionTimeZone": "zone", "connectTimeout": "connect", "user": "user", "password": "password",
		"useUnicode": "", "characterEncoding": "", "allowPublicKeyRetrieval": "", "rewriteBatchedStatements": "", "autoReconnect": "", "zeroDateTimeBehavior": "",
		"tinyInt1isBit": "", "socketTimeout": "", "useCursorFetch": "", "defaultFetchSize": "", "useServerPrepStmts": "", "cachePrepStmts": "", "verifyServerCertificate": "",
		"requireSSL": "", "failOverReadOnly": "", "maxReconnects": "",
	},
	"sqlite": {},
}

var ports = map[string]string{"postgresql": "5432", "mysql": "3306"}

// Parse reads a url.
func Parse(s string) (*URL, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), "jdbc:")
	if !ok {
		return nil, fmt.Errorf("'%s' is no url of a database: it begins with jdbc:", s)
	}
	kind, rest, _ := strings.Cut(rest, ":")
	u := &URL{Kind: kind, Params: map[string]string{}, Zone: time.UTC}
	if known[kind] == nil {
		return nil, fmt.Errorf("databases of the kind '%s' are not supported", kind)
	}
	if kind == "sqlite" {
		if rest == "" || rest == ":memory:" || strings.HasPrefix(rest, "file::memory:") {
			return nil, fmt.Errorf("'%s' names no file: a database in memory would be empty", s)
		}
		u.Database = rest
		return u, nil
	}
	p, err := url.Parse(kind + ":" + rest)
	if err != nil || p.Host == "" {
		return nil, fmt.Errorf("'%s' names no host: it goes on with //host:port/database", s)
	}
	if strings.Contains(p.Host, ",") {
		return nil, fmt.Errorf("'%s' names several hosts, and one is supported", s)
	}
	u.Host = p.Host
	if p.Port() == "" {
		u.Host = p.Hostname() + ":" + ports[kind]
		if strings.Contains(p.Hostname(), ":") {
			u.Host = "[" + p.Hostname() + "]:" + ports[kind]
		}
	}
	if u.Database = strings.TrimPrefix(p.Path, "/"); u.Database == "" {
		return nil, fmt.Errorf("'%s' names no database: it ends with /database", s)
	}
	if p.User != nil {
		u.User = p.User.Username()
		u.Password, _ = p.User.Password()
	}
	return u, u.settings(p.Query())
}

func (u *URL) settings(q url.Values) error {
	names := make([]string, 0, len(q))
	for k := range q {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		v := q.Get(k)
		to, ok := known[u.Kind][k]
		switch {
		case !ok:
			return fmt.Errorf("the setting '%s' of the url is not supported", k)
		case to == "":
		case to == "user":
			u.User = v
		case to == "password":
			u.Password = v
		case to == "ssl":
			if v == "true" || v == "" {
				u.Params["sslmode"] = "require"
			}
		case to == "tls":
			if v == "true" {
				u.Params["tls"] = "skip-verify"
			}
		case to == "sslMode":
			tls, ok := map[string]string{"DISABLED": "false", "PREFERRED": "preferred", "REQUIRED": "skip-verify", "VERIFY_CA": "true", "VERIFY_IDENTITY": "true"}[v]
			if !ok {
				return fmt.Errorf("the setting 'sslMode' of the url is '%s'", v)
			}
			u.Params["tls"] = tls
		case to == "zone":
			z, err := time.LoadLocation(v)
			if err != nil {
				return fmt.Errorf("the setting '%s' of the url is '%s', which is no time zone", k, v)
			}
			u.Zone = z
		case to == "connect":
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 {
				return fmt.Errorf("the setting '%s' of the url is '%s', which is no number", k, v)
			}
			u.Connect = time.Duration(n) * map[string]time.Duration{"postgresql": time.Second, "mysql": time.Millisecond}[u.Kind]
		default:
			u.Params[to] = v
		}
	}
	return nil
}
