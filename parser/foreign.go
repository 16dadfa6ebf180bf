package parser

import (
	"fmt"
	"strings"

	"weir/parser/token"
)

// foreignAt is the help for what people write who come from another SQL, where token i is the one that was not
// expected; "" where it is no such form.
func foreignAt(toks []token.Token, text func(token.Token) string, i int) string {
	at := func(k int) token.Token {
		if k < 0 || k >= len(toks) {
			return token.Token{}
		}
		return toks[k]
	}
	t, before := at(i), at(i-1)
	switch {
	case t.Is("=") && before.Is("=") && before.End == t.Start:
		return "equality is written with one ="
	case t.Is("EMIT"):
		return "leave EMIT out: a window gives each result once, when it is complete, and GROUP BY without one gives every change"
	case t.Is("STREAM") && before.Is("CREATE"):
		return "write CREATE TABLE: every table is a stream"
	case t.Is("(") && at(i-2).Is("WINDOW") && (before.Is("TUMBLING") || before.Is("HOPPING") || before.Is("SESSION")):
		return "windows stand in FROM: FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end"
	case before.Is("INSERT") && t.Kind == token.Word:
		return "write INSERT INTO " + text(t)
	case t.Is("INSERT") && at(0).Is("WITH"):
		return "WITH stands behind INSERT INTO t: INSERT INTO t WITH x AS (...) SELECT ..."
	case t.Is("ON") && before.Is("DISTINCT"):
		return "for one row of each key take FIRST_VALUE or LAST_VALUE of the columns with GROUP BY"
	case before.Kind == token.String && at(i-2).Is("INTERVAL"):
		return intervalHelp(strings.Trim(text(before), "'"))
	}
	return ""
}

// intervalHelp reads PostgreSQL's form of an interval, '5 minutes'.
func intervalHelp(s string) string {
	n, unit, ok := strings.Cut(strings.TrimSpace(s), " ")
	unit = strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(unit)), "S")
	if !ok || strings.Trim(n, "0123456789") != "" || n == "" {
		return ""
	}
	switch unit {
	case "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR":
		return fmt.Sprintf("write INTERVAL '%s' %s", n, unit)
	}
	return ""
}
