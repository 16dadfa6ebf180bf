package jdbc

import (
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// class is what a database objects to.
type class uint8

const (
	passing     class = iota // another try may go well: the connection, locks, room
	refused                  // access, the text of a statement
	unknownName              // a table or column that is not there
	wrongValue               // a value that a column cannot hold
	violation                // a constraint
	noTarget                 // nothing unique is over the key of an upsert
)

// permanent reports an error that another request meets again.
func permanent(err error) bool { return classOf(err) != passing }

func classOf(err error) class {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return postgresClass(pg.Code)
	}
	if my := (*mysql.MySQLError)(nil); errors.As(err, &my) {
		return mysqlClass(my.Number)
	}
	if lite := (*sqlite.Error)(nil); errors.As(err, &lite) {
		return sqliteClass(lite)
	}
	return passing
}

func postgresClass(code string) class {
	switch code {
	case "42P01", "42703", "3F000", "3D000":
		return unknownName
	case "42804", "42846", "42883":
		return wrongValue
	case "42P10":
		return noTarget
	}
	switch code[:min(2, len(code))] {
	case "08", "40", "53", "55", "57", "58": // connection, serialisation, resources, locks, operator intervention, system
		return passing
	case "22":
		return wrongValue
	case "23":
		return violation
	}
	return refused
}

func mysqlClass(number uint16) class {
	switch number {
	case 1040, 1053, 1205, 1213, 1226: // too many connections, shutdown, lock wait, deadlock, resources
		return passing
	case 1054, 1146, 1049:
		return unknownName
	case 1264, 1265, 1292, 1366, 1406:
		return wrongValue
	case 1022, 1048, 1062, 1169, 1216, 1217, 1364, 1451, 1452, 3819, 4025:
		return violation
	}
	return refused
}

func sqliteClass(err *sqlite.Error) class {
	switch err.Code() & 0xff {
	case 1, 14: // error in the statement, no file
		if s := err.Error(); strings.Contains(s, "no such") || strings.Contains(s, "has no column") {
			return unknownName
		} else if strings.Contains(s, "ON CONFLICT clause does not match") {
			return noTarget
		}
		return refused
	case 19:
		return violation
	case 20:
		return wrongValue
	case 3, 8, 11, 18, 23, 25, 26: // rights, read only, damaged, too big, authorisation, range, no database
		return refused
	}
	return passing
}
